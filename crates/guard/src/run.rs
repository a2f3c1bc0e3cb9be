//! The tasks around real targets: they only look, ask and carry out; every decision is made in
//! [`crate::tick`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backstay_engine::{ChangeSource, ConfigWriter, MetricSource, Poll, Probe, ReadError};
use backstay_journal::{Recorded, Task};
use backstay_model::plan::Write;
use backstay_model::sample::Held;
use backstay_model::{Sample, TargetId};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::clock::Clock;
use crate::connector::{Connector, Notices};
use crate::inbox::{ARRIVALS_PER_TICK_MAX, Arrival, What};

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

/// Keeps the observing connection: connects, looks and measures each second, says when it is lost,
/// and comes back with growing patience.
pub(crate) async fn observe<C: Connector>(connector: Arc<C>, post: Post) {
    let mut patience = RETRY_MIN;
    loop {
        let outcome = match limited(CONNECT_LIMIT, connector.observer()).await {
            Ok(observer) => {
                patience = RETRY_MIN;
                look(observer, &post).await
            }
            Err(error) => lost(&post, error).await,
        };
        if outcome.is_err() || wait(&post, patience).await.is_err() {
            return;
        }
        patience = (patience * 2).min(RETRY_MAX);
    }
}

/// Looks and measures until the connection is lost.
async fn look<O>(mut observer: O, post: &Post) -> Result<(), Gone>
where
    O: ChangeSource + MetricSource + Notices,
{
    post.send(What::Connected(observer.specs())).await?;
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        match limited(LOOK_LIMIT, observer.poll(post.clock.now())).await {
            Ok(Poll::Quiet) => {}
            Ok(Poll::Moved(observation)) => post.send(What::Observed(observation)).await?,
            Err(error) => return lost(post, error).await,
        }
        match limited(LOOK_LIMIT, observer.sample(post.clock.now())).await {
            Ok(sample) => post.send(What::Sampled(sample)).await?,
            Err(error) => return lost(post, error).await,
        }
        for (notice, presence) in observer.take_notices() {
            post.send(What::Noticed(notice, presence)).await?;
        }
    }
}

async fn lost(post: &Post, error: ReadError) -> Result<(), Gone> {
    post.send(What::Failed(error)).await
}

/// Waits before the next attempt; each second without a connection is a sample that says so, because
/// silence must not look like calm.
async fn wait(post: &Post, patience: Duration) -> Result<(), Gone> {
    let until = Instant::now() + patience;
    loop {
        let sample = Sample {
            at: post.clock.now(),
            held: Held::Lost {
                why: "no connection".into(),
            },
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

/// Holds the writing connection and carries out recorded tasks, one after the other.
pub(crate) async fn act<C: Connector>(
    connector: Arc<C>,
    post: Post,
    mut tasks: mpsc::Receiver<Task>,
    paused: Arc<AtomicBool>,
) {
    let mut writer = limited(CONNECT_LIMIT, connector.writer(Arc::clone(&paused)))
        .await
        .ok();
    while let Some(task) = tasks.recv().await {
        if writer.is_none() {
            writer = limited(CONNECT_LIMIT, connector.writer(Arc::clone(&paused)))
                .await
                .ok();
        }
        let what = match (task, writer.as_mut()) {
            (Task::Write(write), writer) => Some(carry_out(write, writer, &post).await),
            (Task::Inspect(write), writer) => Some(inspect(&write, writer).await),
            (Task::Page(_), _) => None,
        };
        let Some(what) = what else { continue };
        // A lost reply means a lost connection: the next task opens a new one.
        if matches!(
            &what,
            What::Replied {
                reply: backstay_model::event::WriteReply::Unknown { .. },
                ..
            }
        ) {
            writer = None;
        }
        if post.send(what).await.is_err() {
            return;
        }
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
        None => backstay_model::event::WriteReply::Refused {
            why: "the connection for writing cannot be opened".into(),
        },
    };
    What::Replied { intent, reply }
}

async fn inspect<W: ConfigWriter>(write: &Recorded<Write>, writer: Option<&mut W>) -> What {
    let intent = write.command().intent;
    let found = match writer {
        Some(writer) => writer.inspect(write).await,
        None => backstay_model::plan::Found::Unknown {
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
    /// Sets it.
    pub(crate) fn set(&self, paused: bool) {
        self.0.store(paused, Ordering::SeqCst);
    }

    /// The flag itself, for writers.
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}
