//! The whole loop on one screen: take in, look at the clock, record, hand out.

use std::collections::BTreeMap;

use backstay_graph::Graph;
use backstay_journal::{
    CommitError, Histories, Journal, OpenError, Presence, Record, Recorded, StoreError,
};
use backstay_lifecycle::invariants::broken_by_write;
use backstay_model::{Command, Seq, TargetId, Timestamp};

use crate::books::{Books, Shelf};
use crate::desk::{Desk, DeskSetup};
use crate::inbox::{Arrival, What};
use crate::knowledge::Ledger;
use crate::news::{News, Tidings};
use crate::resume::{Past, Unstored};
use crate::turn::Turn;

/// A guard: watches targets, judges changes, and puts back what hurts. Synchronous and without a
/// clock: what arrives, time included, is an argument, so that a simulated world and a real target
/// run the same code.
pub struct Guard<B: Books> {
    pub(crate) journal: Journal<B::Entries>,
    pub(crate) snapshots: B::Snapshots,
    pub(crate) metrics: B::Metrics,
    pub(crate) graph: Graph,
    pub(crate) ledger: Ledger<B::Graph>,
    pub(crate) unstored: Unstored,
    pub(crate) paused: bool,
    pub(crate) desks: BTreeMap<TargetId, Desk>,
    begun: Begun,
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
    /// The journal holds a life that cannot have happened.
    #[error("the journal holds a step that cannot have happened: {why}")]
    Impossible {
        /// The step.
        why: String,
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
        let mut past = Past {
            snapshots: &shelf.snapshots,
            ledger: &mut ledger,
            graph: Graph::new(),
            histories: Histories::default(),
            paused: false,
        };
        let journal = Journal::open_with(shelf.entries, |entry| past.read(entry))
            .map_err(|source| BeginError::Journal { source })?;
        let Past {
            graph,
            histories,
            paused,
            ..
        } = past;
        let mut guard = Self {
            journal,
            snapshots: shelf.snapshots,
            metrics: shelf.metrics,
            graph,
            ledger,
            unstored: Unstored::new(),
            paused,
            desks: desks
                .into_iter()
                .map(|d| (d.target.clone(), Desk::new(d)))
                .collect(),
            begun: Begun::NotYet,
        };
        guard.read_back(&histories, now)?;
        Ok(guard)
    }

    /// One turn: everything that arrived, then the clock, then one durable commit. What must be done
    /// comes out as recorded commands; without the commit there is nothing to carry out.
    ///
    /// # Errors
    /// `TickError` when the journal failed: the guard goes on observing and never acts again.
    pub fn tick(&mut self, now: Timestamp, arrivals: Vec<Arrival>) -> Result<Ticked, TickError> {
        let mut turn = Turn::new(now, self.journal.next_seq());
        if std::mem::replace(&mut self.begun, Begun::Yes) == Begun::NotYet {
            self.first_turn(&mut turn);
        }
        for arrival in arrivals {
            self.take_in(arrival, &mut turn);
        }
        self.look_at_the_clock(&mut turn);
        let first = self.journal.next_seq();
        self.enter(first, &turn.records);
        let commands = self
            .journal
            .commit(now, turn.records)
            .map_err(|source| TickError::Commit { source })?;
        let commands = commands.into_iter().filter(|c| self.may_begin(c, now));
        Ok(Ticked {
            commands: commands.collect(),
            news: turn.news,
        })
    }

    /// The last look before a write leaves: it must be the open attempt of its change set, under the
    /// plan that was ruled on, unexpired and not paused. The exhaustive search of the lifecycle shows
    /// that a stale command is the one way around the durable intent.
    fn may_begin(&self, command: &Recorded<Command>, now: Timestamp) -> bool {
        let Command::Write(write) = command.command() else {
            return true;
        };
        let desk = self.desks.get(&write.target);
        let case = desk.and_then(|d| d.cases.get(&write.change_set));
        let broken = broken_by_write(case.map(|c| &c.state), write, now, self.brake());
        if !broken.is_empty() {
            tracing::error!(?broken, intent = %write.intent, "a write was not handed out");
        }
        broken.is_empty()
    }

    fn first_turn(&mut self, turn: &mut Turn) {
        turn.record(Record::Started {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            targets: self.desks.values().map(Desk::watched).collect(),
            policy: serde_json::Value::Null,
        });
        self.ask_about_open_intents(turn);
    }

    /// Stops writing, or allows it again; recorded, so that it survives a restart.
    pub(crate) fn pause(&mut self, by: &str, turn: &mut Turn) {
        if !self.paused {
            self.paused = true;
            turn.record(Record::Paused {
                by: by.to_owned(),
                why: None,
            });
            self.tell_everywhere(&Tidings::Paused(Presence::Begins), turn);
        }
    }

    pub(crate) fn unpause(&mut self, by: &str, turn: &mut Turn) {
        if self.paused {
            self.paused = false;
            turn.record(Record::Resumed { by: by.to_owned() });
            self.tell_everywhere(&Tidings::Paused(Presence::Ends), turn);
        }
    }

    fn tell_everywhere(&self, what: &Tidings, turn: &mut Turn) {
        for target in self.desks.keys() {
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
            What::Probed(reading) => desk.probes.push(reading),
            What::Failed(error) => self.failed(&mut desk, &error, turn),
            What::Noticed(notice, presence) => self.noticed(&desk, notice, presence, turn),
            What::Replied { intent, reply } => self.replied(&mut desk, intent, reply, turn),
            What::Inspected { intent, found } => self.inspected(&mut desk, intent, found, turn),
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
            self.overdue(&mut desk, turn);
            desk.forget_old();
            self.desks.insert(target, desk);
        }
    }

    /// Enters records into the working graph, and lines them up for the graph store.
    fn enter(&mut self, first: Seq, records: &[Record]) {
        for (offset, record) in records.iter().enumerate() {
            let seq = first.0 + offset as u64;
            let batch = crate::knowledge::batch(seq, record, &self.snapshots);
            // Our own numbers are gapless, so the working copy cannot refuse.
            if let Err(error) = self.graph.apply(&batch) {
                tracing::error!(%error, seq, "the working graph refused a batch");
            }
            self.ledger.line_up(batch);
        }
    }

    /// Brings the books that no decision waits for up to date: graph store and metric history. Call
    /// it after the commands were handed out.
    pub fn keep_books(&mut self) -> Vec<News> {
        self.ledger.catch_up();
        self.store_samples()
    }

    /// The target that a request is about, where it says so.
    #[must_use]
    pub fn target_of(&self, request: &backstay_journal::Request) -> Option<TargetId> {
        if let backstay_journal::Request::TakeSnapshot { target } = request {
            return Some(target.clone());
        }
        let id = request.change_set()?;
        let holder = self.desks.values().find(|d| d.cases.contains_key(&id));
        holder.map(|d| d.target.clone())
    }

    /// The working graph.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Whether writing is paused.
    #[must_use]
    pub const fn paused(&self) -> bool {
        self.paused
    }

    /// The failure that stopped the journal, if one did.
    #[must_use]
    pub fn stopped(&self) -> Option<&str> {
        self.journal.why_stopped()
    }
}
