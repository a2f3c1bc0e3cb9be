//! The whole loop on one screen: take in, look at the clock, record, hand out.

use std::collections::BTreeMap;

use backstay_graph::{Batch, Graph};
use backstay_journal::{
    CommitError, Journal, OpenError, Presence, Record, Recorded, Request, StoreError,
};
use backstay_lifecycle::invariants::broken_by_write;
use backstay_lifecycle::policy::Brake;
use backstay_model::plan::Write;
use backstay_model::{Command, Seq, TargetId, Timestamp};

use crate::books::{Books, Shelf};
use crate::desk::{Desk, DeskSetup};
use crate::inbox::{Arrival, What};
use crate::knowledge::Ledger;
use crate::learning::Known;
use crate::learning::checkpoint::{Kept, keep};
use crate::news::{News, Tidings};
use crate::resume::Past;
use crate::turn::Turn;
use crate::unstored::Unstored;

/// A guard: watches targets, judges changes, and puts back what hurts. Synchronous and without a
/// clock: what arrives, time included, is an argument, so that a simulated world and a real target
/// run the same code.
pub struct Guard<B: Books> {
    pub(crate) journal: Journal<B::Entries>,
    pub(crate) snapshots: B::Snapshots,
    pub(crate) metrics: B::Metrics,
    pub(crate) known: Known,
    pub(crate) ledger: Ledger<B::Graph>,
    pub(crate) unstored: BTreeMap<TargetId, Unstored>,
    pub(crate) paused: Option<PausedBy>,
    pub(crate) desks: BTreeMap<TargetId, Desk>,
    /// When this guard began.
    pub(crate) began_at: Timestamp,
    begun: Begun,
    /// Why it stops in order, while it does.
    leaving: Option<String>,
    halt: Option<Halt>,
}

/// Who stopped all writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PausedBy {
    /// The file `PAUSE`: its end is the end of the pause.
    File,
    /// A person who asked for it, and has to ask for its end.
    Person,
}

/// Stands in the journal beside a pause that the file began.
pub(crate) const BY_FILE: &str = "the PAUSE file";

/// The guard is ahead of its journal and never acts again: whatever it did would rest on something
/// that is nowhere durable. It goes on looking.
struct Halt {
    why: String,
    /// Records that are not in the journal, so that numbers stay unique.
    unrecorded: u64,
    /// What the turn that failed saw, told with the next one.
    untold: Vec<News>,
}

impl<B: Books> std::fmt::Debug for Guard<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard")
            .field("desks", &self.desks)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    NotYet,
    Yes,
}

/// A guard could not begin its work.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The journal cannot be trusted.
    #[error("the journal cannot be opened")]
    Journal {
        /// Why not.
        source: OpenError,
    },
    /// A store failed.
    #[error("a store cannot be read")]
    Store {
        /// What it says.
        source: StoreError,
    },
    /// The record of the beginning could not be made durable.
    #[error("the journal cannot be written")]
    Commit {
        /// Why not.
        source: CommitError,
    },
}

/// A tick could not be recorded: nothing of it may be carried out.
#[derive(Debug, thiserror::Error)]
pub enum TickError {
    /// The journal refused or failed.
    #[error("the tick could not be recorded")]
    Commit {
        /// Why not.
        source: CommitError,
    },
}

/// What came of a tick.
#[derive(Debug, Default)]
pub struct Ticked {
    /// What is to be carried out, each with the proof that it is recorded.
    pub commands: Vec<Recorded<Command>>,
    /// What is worth telling.
    pub news: Vec<News>,
}

impl<B: Books> Guard<B> {
    /// Opens the books and goes on where the last guard stopped.
    ///
    /// # Errors
    /// `BeginError` when the books cannot be trusted; nothing was written.
    pub fn begin(
        shelf: Shelf<B>,
        desks: Vec<DeskSetup>,
        now: Timestamp,
    ) -> Result<Self, BeginError> {
        let mut ledger = Ledger::new(shelf.graph);
        let kept = Kept::of(&shelf.entries, |why| {
            tracing::warn!(%why, "the journal is learnt from its beginning instead");
        });
        let watched = desks.iter().map(|d| d.target.clone()).collect();
        let mut past = Past::new(&shelf.snapshots, &mut ledger, kept, watched);
        let journal = Journal::open_with(shelf.entries, |entry| past.read(entry))
            .map_err(|source| BeginError::Journal { source })?;
        let Past {
            known,
            known_to,
            trails,
            paused,
            ..
        } = past;
        keep(journal.store(), known_to, (journal.head(), &known));
        let mut guard = Self {
            journal,
            snapshots: shelf.snapshots,
            metrics: shelf.metrics,
            known,
            ledger,
            unstored: BTreeMap::new(),
            paused,
            desks: desks
                .into_iter()
                .map(|d| (d.target.clone(), Desk::new(d)))
                .collect(),
            began_at: now,
            begun: Begun::NotYet,
            leaving: None,
            halt: None,
        };
        guard.read_back(trails, now)?;
        Ok(guard)
    }

    /// One turn: everything that arrived, then the clock, then one durable commit. What must be done
    /// comes out as recorded commands; without the commit there is nothing to carry out.
    ///
    /// # Errors
    /// `TickError`, once, when the turn could not be recorded. From then on turns only tell what was
    /// seen: nothing is recorded, and no command comes out any more.
    pub fn tick(&mut self, now: Timestamp, arrivals: Vec<Arrival>) -> Result<Ticked, TickError> {
        let first = self.next_seq();
        let mut turn = Turn::new(now, first);
        if std::mem::replace(&mut self.begun, Begun::Yes) == Begun::NotYet {
            self.first_turn(&mut turn);
        }
        for arrival in arrivals {
            self.take_in(arrival, &mut turn);
        }
        match self.leaving.take() {
            None => self.look_at_the_clock(&mut turn),
            Some(why) => turn.record(Record::Stopped { why }),
        }
        let Turn {
            records, mut news, ..
        } = turn;
        let batches = self.enter(first, now, &records);
        if let Some(halt) = &mut self.halt {
            halt.unrecorded += records.len() as u64;
            news.splice(..0, std::mem::take(&mut halt.untold));
            return Ok(Ticked {
                commands: Vec::new(),
                news,
            });
        }
        let count = records.len() as u64;
        match self.journal.commit(now, records) {
            Ok(commands) => {
                for batch in batches {
                    self.ledger.line_up(batch);
                }
                let commands = self.let_out(commands, now);
                Ok(Ticked { commands, news })
            }
            Err(source) => {
                self.halt = Some(halted(&source, count, news));
                Err(TickError::Commit { source })
            }
        }
    }

    /// The guard stops in order; what is open is asked about at the next start.
    ///
    /// # Errors
    /// `TickError` when that could not be recorded.
    pub fn stop(&mut self, now: Timestamp, why: &str) -> Result<(), TickError> {
        if self.halt.is_some() {
            return Ok(());
        }
        self.leaving = Some(why.to_owned());
        let told = self.tick(now, Vec::new()).map(drop);
        // The graph store hears that as well.
        self.ledger.catch_up();
        told
    }

    /// The number of the next record; of those that are not recorded any more as well.
    fn next_seq(&self) -> Seq {
        let unrecorded = self.halt.as_ref().map_or(0, |h| h.unrecorded);
        Seq(self.journal.next_seq().0 + unrecorded)
    }

    /// The commands that may leave now, each of them noted as awaiting its answer.
    fn let_out(
        &mut self,
        mut commands: Vec<Recorded<Command>>,
        now: Timestamp,
    ) -> Vec<Recorded<Command>> {
        commands.retain(|c| self.may_begin(c, now));
        for command in &commands {
            if let Command::Write(task) | Command::Inspect(task) = command.command()
                && let Some(desk) = self.desks.get_mut(&task.target)
            {
                desk.handed_out(task.intent, now);
            }
        }
        commands
    }

    /// The last look before a write leaves: it must be the open attempt of its change set, under the
    /// plan that was ruled on, unexpired and not paused, to the server that is meant, in a mode that
    /// allows it. The exhaustive search of the lifecycle shows that a stale command is the one way
    /// around the durable intent.
    fn may_begin(&self, command: &Recorded<Command>, now: Timestamp) -> bool {
        let Command::Write(write) = command.command() else {
            return true;
        };
        let desk = self.desks.get(&write.target);
        let case = desk.and_then(|d| d.cases.get(&write.change_set));
        let broken = broken_by_write(case.map(|c| &c.state), write, now, self.brake());
        let obstacle = desk.and_then(|desk| obstacle(desk, write));
        if !broken.is_empty() || obstacle.is_some() {
            tracing::error!(?broken, obstacle, intent = %write.intent, "a write was not handed out");
        }
        broken.is_empty() && obstacle.is_none()
    }

    /// Whether writes are stopped: by a person, or because nothing can be recorded.
    pub(crate) const fn brake(&self) -> Brake {
        if self.paused.is_some() || self.halt.is_some() {
            Brake::On
        } else {
            Brake::Off
        }
    }

    fn first_turn(&mut self, turn: &mut Turn) {
        turn.record(Record::Started {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            targets: self.desks.values().map(Desk::watched).collect(),
            policy: serde_json::Value::Null,
        });
        self.tell_distrusted(turn);
        self.ask_about_open_intents(turn);
    }

    /// Stops writing; recorded, so that it survives a restart. The letter lies on `desk`. What the file
    /// began goes on without it once a person asked for it too.
    pub(crate) fn pause(&mut self, desk: &Desk, (by, whose): (&str, PausedBy), turn: &mut Turn) {
        if self.paused == Some(whose) || self.paused == Some(PausedBy::Person) {
            return;
        }
        if self.paused.replace(whose).is_none() {
            self.tell_everywhere(desk, &Tidings::Paused(Presence::Begins), turn);
        }
        turn.record(Record::Paused {
            by: by.to_owned(),
            why: (whose == PausedBy::File).then(|| BY_FILE.to_owned()),
        });
    }

    /// Allows writing again.
    pub(crate) fn unpause(&mut self, desk: &Desk, by: &str, turn: &mut Turn) {
        if self.paused.take().is_some() {
            turn.record(Record::Resumed { by: by.to_owned() });
            self.tell_everywhere(desk, &Tidings::Paused(Presence::Ends), turn);
        }
    }

    /// The file `PAUSE` is there, or not any more: only what it began ends with it.
    fn pause_file(&mut self, desk: &Desk, (by, presence): (&str, Presence), turn: &mut Turn) {
        match (presence, self.paused) {
            (Presence::Begins, None) => self.pause(desk, (by, PausedBy::File), turn),
            (Presence::Ends, Some(PausedBy::File)) => self.unpause(desk, by, turn),
            _ => {}
        }
    }

    /// Tells something of every target: `desk` is in hand, the others are in their places.
    fn tell_everywhere(&self, desk: &Desk, what: &Tidings, turn: &mut Turn) {
        for target in self.desks.keys().chain([&desk.target]) {
            turn.tell(target, what.clone());
        }
    }

    fn take_in(&mut self, arrival: Arrival, turn: &mut Turn) {
        let Some(mut desk) = self.desks.remove(&arrival.target) else {
            return;
        };
        match arrival.what {
            What::Connected(specs) => {
                desk.connected(specs);
                self.reopen_watches(&mut desk, turn);
            }
            What::Observed(observation) => self.observed(&mut desk, *observation, turn),
            What::Sampled(sample) => self.sampled(&mut desk, sample, turn),
            What::Probed(reading) => desk.probed(reading),
            What::Failed(error) => self.failed(&mut desk, &error, turn),
            What::Waiting(waiting) => turn.tell(&desk.target, Tidings::Waiting(waiting)),
            What::Noticed(notice, presence) => self.noticed(&desk, notice, presence, turn),
            What::Replied { intent, reply } => self.replied(&mut desk, intent, reply, turn),
            What::Inspected { intent, found } => self.inspected(&mut desk, intent, found, turn),
            What::PauseFile { by, presence } => self.pause_file(&desk, (&by, presence), turn),
            What::Asked { by, request } => self.asked(&mut desk, by, request, turn),
        }
        self.desks.insert(arrival.target, desk);
    }

    /// What time alone brings: watches and recovery checks that are over.
    fn look_at_the_clock(&mut self, turn: &mut Turn) {
        let targets: Vec<TargetId> = self.desks.keys().cloned().collect();
        for target in targets {
            let Some(mut desk) = self.desks.remove(&target) else {
                continue;
            };
            self.store_again(&mut desk, turn);
            self.overdue(&mut desk, turn);
            self.look_after_joint(&mut desk, turn);
            desk.forget_old(turn.now);
            self.desks.insert(target, desk);
        }
    }

    /// Enters records into what is known; the batches are for the graph store, once the journal has
    /// the records.
    fn enter(&mut self, first: Seq, now: Timestamp, records: &[Record]) -> Vec<Batch> {
        let numbered = (first.0..).zip(records);
        numbered
            .map(|(seq, record)| self.known.enter((seq, now), record, &self.snapshots))
            .collect()
    }

    /// Brings the books that no decision waits for up to date: graph store and metric history. Call
    /// it after the commands were handed out.
    pub fn keep_books(&mut self) -> Vec<News> {
        self.ledger.catch_up();
        self.keep_learnt();
        self.store_samples()
    }

    /// The target that a request is about, where it says so.
    #[must_use]
    pub fn target_of(&self, request: &Request) -> Option<TargetId> {
        let named = match request {
            Request::TakeSnapshot { target } => Some(target),
            Request::Judge(judgement) => judgement.target.as_ref(),
            _ => None,
        };
        if let Some(target) = named {
            return self.desks.contains_key(target).then(|| target.clone());
        }
        let id = request.change_set()?;
        let holder = self.desks.values().find(|d| d.cases.contains_key(&id));
        holder.map(|d| d.target.clone())
    }

    /// The working graph.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.known.graph
    }

    /// The working graph, and what was learnt.
    #[must_use]
    pub const fn known(&self) -> &Known {
        &self.known
    }

    /// Whether what is measured of a target teaches how it usually behaves; `None` when it is not
    /// watched.
    #[must_use]
    pub fn learning(&self, target: &TargetId) -> Option<bool> {
        let desk = self.desks.get(target)?;
        Some(desk.quiet(desk.history.newest_at().unwrap_or(self.began_at)))
    }

    /// Whether writing is paused.
    #[must_use]
    pub const fn paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Why nothing is recorded any more and no command comes out, if that is so.
    #[must_use]
    pub fn stopped(&self) -> Option<&str> {
        self.halt.as_ref().map(|h| h.why.as_str())
    }
}

/// What stands between a write and its target, whatever was decided.
fn obstacle(desk: &Desk, write: &Write) -> Option<&'static str> {
    let case = desk.cases.get(&write.change_set);
    let attempt = case.and_then(|c| c.state.open_attempt());
    desk.stranger()
        .or_else(|| attempt.and_then(|a| desk.forbids(&a.by)))
}

/// The halt after a turn of `count` records that could not be recorded. What it saw is still told, what
/// it decided is void.
fn halted(error: &CommitError, count: u64, mut news: Vec<News>) -> Halt {
    let source = std::error::Error::source(error).map(|s| format!(": {s}"));
    let why = format!("{error}{}", source.unwrap_or_default());
    news.retain(|n| !matches!(n.what, Tidings::Ruled { .. } | Tidings::Writing { .. }));
    Halt {
        why,
        unrecorded: count,
        untold: news,
    }
}
