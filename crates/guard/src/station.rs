//! The guard at work: tasks around each target, one loop that ticks.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use backstay_journal::{Presence, Task};
use backstay_model::TargetId;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::books::Books;
use crate::clock::Clock;
use crate::connector::Connector;
use crate::inbox::{ARRIVALS_PER_TICK_MAX, Arrival, What};
use crate::news::{News, Tidings};
use crate::requests::{Letter, LetterBox};
use crate::run::{INBOX_MAX, Open, PauseSwitch, Post, act, observe, probe};
use crate::tick::{Guard, Ticked};

/// Without arrivals the loop still ticks this often: watches end, intents expire, letters are read.
const BEAT: Duration = Duration::from_millis(200);
/// Target of the log line of a page, for whoever shows pages in another way at the same place.
pub const PAGE_LOG: &str = "backstay_guard::page";
/// Recorded tasks that may wait for one target's writer.
const TASKS_MAX: usize = 64;

/// A guard with its targets.
pub struct Station<B: Books, C> {
    guard: Guard<B>,
    clock: Arc<dyn Clock>,
    letters: LetterBox,
    pause: PauseSwitch,
    connectors: BTreeMap<TargetId, Arc<C>>,
}

impl<B: Books, C> std::fmt::Debug for Station<B, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Station")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

impl<B: Books, C: Connector> Station<B, C> {
    /// A station that is not working yet.
    pub fn new(guard: Guard<B>, clock: Arc<dyn Clock>, letters: LetterBox) -> Self {
        Self {
            guard,
            clock,
            letters,
            pause: PauseSwitch::default(),
            connectors: BTreeMap::new(),
        }
    }

    /// Adds a target.
    #[must_use]
    pub fn with_target(mut self, target: TargetId, connector: C) -> Self {
        self.connectors.insert(target, Arc::new(connector));
        self
    }

    /// Works until `stop` is ready; tells everything to `tell`. A journal that fails stops all
    /// writing for good; observing goes on, and that is told as well.
    pub async fn work(
        mut self,
        mut tell: impl FnMut(News),
        stop: impl Future<Output = ()>,
    ) -> Guard<B> {
        let (inbox, mut arrivals) = mpsc::channel(INBOX_MAX);
        let mut crew = JoinSet::new();
        let desks = self.man(&inbox, &mut crew);
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(stop);
        loop {
            let mut batch = Vec::new();
            tokio::select! {
                () = &mut stop => break,
                first = arrivals.recv() => batch.extend(first),
                _ = beat.tick() => batch.extend(self.letters()),
            }
            while batch.len() < ARRIVALS_PER_TICK_MAX {
                let Ok(next) = arrivals.try_recv() else { break };
                batch.push(next);
            }
            self.turn(batch, &desks, &mut tell);
        }
        crew.shutdown().await;
        if let Err(error) = self.guard.stop(self.clock.now(), "asked to stop") {
            tracing::error!(%error, "that the guard stopped could not be recorded");
        }
        self.guard
    }

    /// Starts the tasks around each target.
    fn man(
        &self,
        inbox: &mpsc::Sender<Arrival>,
        crew: &mut JoinSet<()>,
    ) -> BTreeMap<TargetId, mpsc::Sender<Task>> {
        let mut desks = BTreeMap::new();
        for (target, connector) in &self.connectors {
            let post = Post {
                target: target.clone(),
                clock: Arc::clone(&self.clock),
                inbox: inbox.clone(),
            };
            let (hand, tasks) = mpsc::channel(TASKS_MAX);
            crew.spawn(observe(Arc::clone(connector), post.clone()));
            crew.spawn(probe(Arc::clone(connector), post.clone()));
            let open = self
                .guard
                .desks
                .get(target)
                .map_or(Open::WhenNeeded, |desk| Open::of(desk.policy.mode));
            let flag = self.pause.flag();
            crew.spawn(act(Arc::clone(connector), post, tasks, open, flag));
            desks.insert(target.clone(), hand);
        }
        desks
    }

    fn turn(
        &mut self,
        batch: Vec<Arrival>,
        desks: &BTreeMap<TargetId, mpsc::Sender<Task>>,
        tell: &mut impl FnMut(News),
    ) {
        let now = self.clock.now();
        let ticked = self.guard.tick(now, batch);
        self.pause.follow(&self.guard);
        match ticked {
            Ok(Ticked { commands, news }) => {
                for command in commands {
                    hand_out(command.into_task(), desks);
                }
                news.into_iter().for_each(&mut *tell);
                self.guard.keep_books().into_iter().for_each(tell);
            }
            Err(error) => {
                tracing::error!(%error, "nothing more is written to any database");
                let why = self
                    .guard
                    .stopped()
                    .map_or_else(|| error.to_string(), str::to_owned);
                for target in desks.keys() {
                    let what = Tidings::Stopped { why: why.clone() };
                    tell(News {
                        at: now,
                        target: target.clone(),
                        what,
                    });
                }
            }
        }
    }

    /// What people asked for since the last beat; the pause file counts as a letter. A guard that has
    /// stopped leaves letters lying: the next one can answer them.
    fn letters(&self) -> Vec<Arrival> {
        let letters = match self.guard.stopped() {
            None => self.letters.take(),
            Some(_) => Vec::new(),
        };
        // The file first: whoever removes it and asks to resume has removed it before.
        let file = self.pause_file();
        let addressed = letters
            .into_iter()
            .filter_map(|letter| self.address(letter));
        file.into_iter().chain(addressed).collect()
    }

    /// What the pause file says, when that is news; the guard knows whose pause it is in.
    fn pause_file(&self) -> Option<Arrival> {
        let presence = match (self.letters.paused(), self.guard.paused()) {
            (true, false) => Presence::Begins,
            (false, true) => Presence::Ends,
            _ => return None,
        };
        let by = self.letters.paused_by();
        let what = What::PauseFile { by, presence };
        let target = self.connectors.keys().next().cloned()?;
        Some(Arrival { target, what })
    }

    fn address(&self, letter: Letter) -> Option<Arrival> {
        let target = self
            .guard
            .target_of(&letter.request)
            .or_else(|| self.connectors.keys().next().cloned())?;
        Some(Arrival {
            target,
            what: What::Asked {
                by: letter.by,
                request: letter.request,
            },
        })
    }
}

/// Hands a recorded task to the writer of its target.
fn hand_out(task: Task, desks: &BTreeMap<TargetId, mpsc::Sender<Task>>) {
    let target = match &task {
        Task::Write(write) | Task::Inspect(write) => write.command().target.clone(),
        Task::Page(page) => {
            tracing::error!(target: PAGE_LOG, change_set = %page.command().change_set, message = page.command().message, "a person is needed");
            return;
        }
    };
    let Some(desk) = desks.get(&target) else {
        return;
    };
    // Never waited for: the loop must go on, and an intent that stays open is asked about again.
    if let Err(error) = desk.try_send(task) {
        tracing::error!(%target, %error, "the writer of a target takes no task; its intent stays open");
    }
}
