//! The tasks around real targets: they only look, ask and carry out; every decision is made in
//! [`crate::tick`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backstay_engine::{ChangeSource, ConfigWriter, MetricSource, Poll, Probe, ReadError};
use backstay_journal::{Recorded, Task};
use backstay_model::decision::Mode;
use backstay_model::event::WriteReply;
use backstay_model::plan::{Found, Write};
use backstay_model::sample::Held;
use backstay_model::{Sample, Span, TargetId};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

use crate::clock::Clock;
use crate::connector::{Connector, Notices};
use crate::inbox::{ARRIVALS_PER_TICK_MAX, Arrival, What};
use crate::news::Waiting;

/// Each target is looked at, measured and probed once in this time.
const BEAT: Duration = Duration::from_secs(1);
/// A look or a measurement that takes longer counts as no answer.
const LOOK_LIMIT: Duration = Duration::from_secs(2);
/// Opening a connection may take this long.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Waiting time after the first failed connection; doubled up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(500);
/// Longest waiting time between two attempts to connect.
const RETRY_MAX: Duration = Duration::from_secs(10);
/// The writing connection is looked after this often.
const HOLD_EVERY: Duration = Duration::from_secs(10);
/// Arrivals that may wait for the next tick.
pub const INBOX_MAX: usize = 4 * ARRIVALS_PER_TICK_MAX;

/// What every task of a target shares.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) target: TargetId,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) inbox: mpsc::Sender<Arrival>,
}

impl Post {
    /// Hands something in; waits when the inbox is full, so that nothing is lost. `Gone` when the
    /// guard has ended.
    async fn send(&self, what: What) -> Result<(), Gone> {
        let arrival = Arrival {
            target: self.target.clone(),
            what,
        };
        self.inbox.send(arrival).await.map_err(|_closed| Gone)
    }
}

/// The guard has ended; so does the task.
pub(crate) struct Gone;

/// Looks and measures each second; says when the target is lost, and comes back with growing
/// patience. The observer itself lives through it, so that it knows the server again.
pub(crate) async fn observe<C: Connector>(connector: Arc<C>, post: Post) {
    let mut patience = Patience::fresh();
    let mut observer = loop {
        match connector.observer().await {
            Ok(observer) => break observer,
            Err(error) => {
                if lost(&post, error, &mut patience).await.is_err() {
                    return;
                }
            }
        }
    };
    let wake = C::wake(&observer);
    patience = Patience::fresh();
    loop {
        let Ok(error) = look(&mut observer, &post, wake.as_deref(), &mut patience).await else {
            return;
        };
        if lost(&post, error, &mut patience).await.is_err() {
            return;
        }
    }
}

/// How often a target did not answer, and how long to wait before it is tried again.
struct Patience {
    tries: u32,
    wait: Duration,
}

impl Patience {
    const fn fresh() -> Self {
        Self {
            tries: 0,
            wait: RETRY_MIN,
        }
    }

    /// One more attempt failed: what is told of it, and how long to wait.
    fn spent(&mut self) -> (Waiting, Duration) {
        self.tries = self.tries.saturating_add(1);
        let wait = self.wait;
        self.wait = (wait * 2).min(RETRY_MAX);
        let next_in = Span::from_millis(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        let tries = self.tries;
        (Waiting { tries, next_in }, wait)
    }
}

/// Looks and measures until it fails; the error is the answer.
async fn look<O>(
    observer: &mut O,
    post: &Post,
    wake: Option<&Notify>,
    patience: &mut Patience,
) -> Result<ReadError, Gone>
where
    O: ChangeSource + MetricSource + Notices,
{
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connected = false;
    loop {
        let measure = wait_for(&mut beat, wake).await;
        match limited(LOOK_LIMIT, observer.poll(post.clock.now())).await {
            Ok(seen) => {
                if !std::mem::replace(&mut connected, true) {
                    post.send(What::Connected(observer.specs())).await?;
                    *patience = Patience::fresh();
                }
                if let Poll::Moved(observation) = seen {
                    post.send(What::Observed(observation)).await?;
                }
            }
            Err(error) => return Ok(error),
        }
        if measure == Measure::Yes {
            match limited(LOOK_LIMIT, observer.sample(post.clock.now())).await {
                Ok(sample) => post.send(What::Sampled(sample)).await?,
                Err(error) => return Ok(error),
            }
        }
        for (notice, presence) in observer.take_notices() {
            post.send(What::Noticed(notice, presence)).await?;
        }
    }
}

/// Whether a turn of the observer also measures.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Measure {
    Yes,
    No,
}

/// Waits for the next second, or for a file that moved; only seconds are measured.
async fn wait_for(beat: &mut Interval, wake: Option<&Notify>) -> Measure {
    match wake {
        None => {
            beat.tick().await;
            Measure::Yes
        }
        Some(wake) => tokio::select! {
            _ = beat.tick() => Measure::Yes,
            () = wake.notified() => Measure::No,
        },
    }
}

/// Says that the target is lost and waits before the next attempt; each second without a connection
/// is a sample that says so, because silence must not look like calm.
async fn lost(post: &Post, error: ReadError, patience: &mut Patience) -> Result<(), Gone> {
    let why = error.to_string();
    post.send(What::Failed(error)).await?;
    let (waiting, wait) = patience.spent();
    post.send(What::Waiting(waiting)).await?;
    let until = Instant::now() + wait;
    loop {
        let held = Held::Lost { why: why.clone() };
        let sample = Sample {
            at: post.clock.now(),
            held,
            ..Sample::default()
        };
        post.send(What::Sampled(sample)).await?;
        let left = until.saturating_duration_since(Instant::now());
        tokio::time::sleep(left.min(BEAT)).await;
        if Instant::now() >= until {
            return Ok(());
        }
    }
}

/// Runs the probe each second; a probe that hangs only delays itself.
pub(crate) async fn probe<C: Connector>(connector: Arc<C>, post: Post) {
    let mut probe = connector.probe();
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        let reading = probe.probe(post.clock.now()).await;
        if post.send(What::Probed(reading)).await.is_err() {
            return;
        }
    }
}

/// When the writing connection is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    /// Before any trouble, and held: where new connections fail it still works.
    Ahead,
    /// Only when something is to be done: a target that is only observed spares the connection.
    WhenNeeded,
}

impl Open {
    pub(crate) const fn of(mode: Mode) -> Self {
        match mode {
            Mode::Observe => Self::WhenNeeded,
            Mode::Approve | Mode::Auto => Self::Ahead,
        }
    }
}

/// Holds the writing connection and carries out recorded tasks, one after the other.
pub(crate) async fn act<C: Connector>(
    connector: Arc<C>,
    post: Post,
    mut tasks: mpsc::Receiver<Task>,
    ahead: Open,
    paused: Arc<AtomicBool>,
) {
    let mut writer = None;
    // The first beat comes at once.
    let mut hold = interval(HOLD_EVERY);
    hold.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let task = tokio::select! {
            task = tasks.recv() => task,
            _ = hold.tick(), if ahead == Open::Ahead => {
                writer = held(&connector, writer, &paused).await;
                if doubts::<C>(writer.as_mut(), &post).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let Some(task) = task else { return };
        if writer.is_none() {
            writer = open(&connector, &paused).await;
        }
        let what = match (task, writer.as_mut()) {
            (Task::Write(write), writer) => Some(carry_out(write, writer, &post).await),
            (Task::Inspect(write), writer) => Some(inspect(&write, writer).await),
            (Task::Page(_), _) => None,
        };
        let Some(what) = what else { continue };
        if post.send(what).await.is_err() {
            return;
        }
    }
}

async fn open<C: Connector>(connector: &Arc<C>, paused: &Arc<AtomicBool>) -> Option<C::Writer> {
    limited(CONNECT_LIMIT, connector.writer(Arc::clone(paused)))
        .await
        .ok()
}

/// The writer with its connection open, or a new one. A writer outlives its connections: it alone knows
/// which server it belongs to, and one that is made anew would take the next that answers for its own.
async fn held<C: Connector>(
    connector: &Arc<C>,
    writer: Option<C::Writer>,
    paused: &Arc<AtomicBool>,
) -> Option<C::Writer> {
    let Some(mut writer) = writer else {
        return open(connector, paused).await;
    };
    if let Err(error) = limited(CONNECT_LIMIT, C::hold(&mut writer)).await {
        tracing::debug!(%error, "the connection for writing is not open");
    }
    Some(writer)
}

/// Tells what keeps the writer from writing, and that it does no longer.
async fn doubts<C: Connector>(writer: Option<&mut C::Writer>, post: &Post) -> Result<(), Gone> {
    let Some(writer) = writer else { return Ok(()) };
    let asked = timeout(CONNECT_LIMIT, C::doubts(writer)).await;
    match asked.unwrap_or(None) {
        Some((notice, presence)) => post.send(What::Noticed(notice, presence)).await,
        None => Ok(()),
    }
}

async fn carry_out<W: ConfigWriter>(
    write: Recorded<Write>,
    writer: Option<&mut W>,
    post: &Post,
) -> What {
    let intent = write.command().intent;
    let reply = match writer {
        Some(writer) => writer.apply(write, post.clock.now()).await,
        None => WriteReply::Refused {
            why: "the connection for writing cannot be opened".into(),
        },
    };
    What::Replied { intent, reply }
}

async fn inspect<W: ConfigWriter>(write: &Recorded<Write>, writer: Option<&mut W>) -> What {
    let intent = write.command().intent;
    let found = match writer {
        Some(writer) => writer.inspect(write).await,
        None => Found::Unknown {
            why: "the connection for writing cannot be opened".into(),
        },
    };
    What::Inspected { intent, found }
}

/// `future`, or a timeout as a read error.
async fn limited<T>(
    limit: Duration,
    future: impl Future<Output = Result<T, ReadError>>,
) -> Result<T, ReadError> {
    let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    timeout(limit, future)
        .await
        .unwrap_or(Err(ReadError::Timeout { limit_ms }))
}

/// Whether writing is paused, shared with the tasks that write.
#[derive(Debug, Clone, Default)]
pub struct PauseSwitch(Arc<AtomicBool>);

impl PauseSwitch {
    /// Sets it to what the guard says. A guard that has stopped hands nothing out any more; what is
    /// under way has a durable intent, and half of it would be worse than all of it.
    pub(crate) fn follow<B: crate::books::Books>(&self, guard: &crate::tick::Guard<B>) {
        self.0.store(guard.paused(), Ordering::SeqCst);
    }

    /// The flag itself, for writers.
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

#[cfg(test)]
mod tests;
