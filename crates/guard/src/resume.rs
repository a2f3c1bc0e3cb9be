//! Going on where the last guard stopped: everything is read back from the books, and open intents
//! are the first thing that is asked about.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use backstay_journal::{
    Condition, Entry, MetricStore, Notice, Presence, Record, SnapshotStore, StoreError,
};
use backstay_lifecycle::State;
use backstay_model::decision::Mode;
use backstay_model::{
    ChangeSet, ChangeSetId, Event, Origin, Seq, Snapshot, SnapshotId, Span, TargetId, Timestamp,
};

use crate::books::{Books, Feed};
use crate::case::Case;
use crate::desk::{Desk, Moved, Mover, SETTLED_MAX};
use crate::knowledge::Ledger;
use crate::learning::Known;
use crate::learning::checkpoint::Kept;
use crate::news::Tidings;
use crate::tick::{BY_FILE, BeginError, Guard, PausedBy};
use crate::turn::Turn;

/// Samples read back at the start: as much as a desk keeps.
const READ_BACK: Span = Span::from_secs(3_600);
/// Batches that are handed to the graph store at once while the journal is read.
const HAND_OVER: usize = 4_096;

/// What the journal says about the past, taken in entry by entry: it may be longer than memory.
pub(crate) struct Past<'a, S, G> {
    snapshots: &'a S,
    /// How far the graph store was before.
    applied: u64,
    ledger: &'a mut Ledger<G>,
    /// Targets that somebody will watch; of others nothing but what they teach is kept.
    watched: BTreeSet<TargetId>,
    /// The entry up to which all is known from a checkpoint.
    pub(crate) known_to: Seq,
    pub(crate) known: Known,
    pub(crate) paused: Option<PausedBy>,
    pub(crate) trails: BTreeMap<TargetId, Trail>,
    /// Change sets that were seen and have no life yet.
    unborn: BTreeMap<ChangeSetId, ChangeSet>,
}

/// What the journal says about one target. The configuration that it names last is the one to compare
/// with: the snapshot store may be ahead of it by a crash, and what lies between would never be seen.
#[derive(Default)]
pub(crate) struct Trail {
    snapshot: Option<SnapshotId>,
    started_at: Option<Timestamp>,
    good: Option<SnapshotId>,
    moved: BTreeMap<backstay_model::SettingKey, Moved>,
    cases: BTreeMap<ChangeSetId, Case>,
    /// The first step that cannot have happened.
    impossible: Option<String>,
    settled: VecDeque<ChangeSetId>,
}

impl<'a, S: SnapshotStore, G: Feed> Past<'a, S, G> {
    /// Begins with what is known from a checkpoint, when the graph store needs nothing from before it.
    pub(crate) fn new(
        snapshots: &'a S,
        ledger: &'a mut Ledger<G>,
        kept: Kept,
        watched: BTreeSet<TargetId>,
    ) -> Self {
        let applied = ledger.applied();
        let kept = match applied >= kept.head.seq.0 {
            true => kept,
            false => Kept::nothing(),
        };
        Self {
            snapshots,
            applied,
            ledger,
            watched,
            known_to: kept.head.seq,
            known: kept.known,
            paused: None,
            trails: BTreeMap::new(),
            unborn: BTreeMap::new(),
        }
    }

    /// Takes in one entry: what is known is rebuilt from those after the checkpoint, the graph store is
    /// handed those that it lacks.
    pub(crate) fn read(&mut self, entry: Entry) {
        let seq = entry.seq.0;
        if entry.seq > self.known_to {
            self.learn(&entry);
        }
        let target = entry.record.target();
        if target.is_some_and(|t| !self.watched.contains(t)) {
            return;
        }
        match entry.record {
            Record::Paused { why, .. } => {
                let by_file = why.as_deref() == Some(BY_FILE);
                self.paused = Some(if by_file {
                    PausedBy::File
                } else {
                    PausedBy::Person
                });
            }
            Record::Resumed { .. } => self.paused = None,
            Record::Seen {
                change_set,
                snapshot,
            } => self.seen(seq, change_set, snapshot),
            Record::Step {
                change_set,
                target,
                event,
                ..
            } => self.step(seq, change_set, (&target, &event)),
            record => self.follow(record),
        }
    }

    fn learn(&mut self, entry: &Entry) {
        let place = (entry.seq.0, entry.at);
        let batch = self.known.enter(place, &entry.record, self.snapshots);
        if entry.seq.0 > self.applied {
            self.ledger.line_up(batch);
            if self.ledger.waiting() % HAND_OVER == HAND_OVER - 1 {
                self.ledger.catch_up();
            }
        }
    }

    /// Takes in what a record says about how a target stands.
    fn follow(&mut self, record: Record) {
        match record {
            Record::Baseline {
                target,
                snapshot,
                server,
            } => {
                let trail = self.trails.entry(target).or_default();
                trail.snapshot = Some(snapshot);
                trail.started_at = Some(server.started_at);
            }
            Record::Condition {
                target,
                condition: Condition::Restarted { started_at, .. },
            } => {
                let trail = self.trails.entry(target).or_default();
                trail.started_at = Some(started_at);
            }
            Record::KnownGood {
                target, snapshot, ..
            } => {
                self.trails.entry(target).or_default().good = Some(snapshot);
            }
            _ => {}
        }
    }

    fn seen(&mut self, seq: u64, change_set: ChangeSet, snapshot: Option<SnapshotId>) {
        let trail = self.trails.entry(change_set.target.clone()).or_default();
        trail.snapshot = snapshot.or_else(|| trail.snapshot.take());
        let ours = |origin| origin == Origin::Ours;
        for change in &change_set.changes {
            let by = if ours(change.origin) {
                Mover::Us
            } else {
                Mover::Others
            };
            trail.moved.insert(change.key.clone(), Moved { seq, by });
        }
        // Our own writes have no life.
        if !change_set.changes.iter().all(|c| ours(c.origin)) {
            self.unborn.insert(change_set.id, change_set);
        }
    }

    fn step(&mut self, seq: u64, id: ChangeSetId, (target, event): (&TargetId, &Event)) {
        let trail = self.trails.entry(target.clone()).or_default();
        let moved = match trail.cases.get_mut(&id) {
            Some(case) => case.apply(event).map(drop),
            None => match self.unborn.remove(&id) {
                Some(change_set) => Case::open(change_set, event).map(|(case, _)| {
                    trail.cases.insert(id, case);
                }),
                None => Ok(()),
            },
        };
        match moved {
            Ok(()) => trail.forget(id),
            Err(illegal) => {
                trail
                    .impossible
                    .get_or_insert_with(|| format!("entry {seq}, {id}: {illegal}"));
            }
        }
    }
}

impl Trail {
    /// Forgets the oldest settled cases beyond what a desk keeps; rollbacks count against budgets and
    /// are left to the desk, which knows what time it is.
    fn forget(&mut self, moved: ChangeSetId) {
        if self.cases.get(&moved).is_some_and(|c| c.state.settled()) {
            self.settled.push_back(moved);
        }
        while self.settled.len() > SETTLED_MAX {
            let oldest = self.settled.pop_front();
            let oldest = oldest.filter(|id| self.cases[id].attempts.is_empty());
            oldest.map(|id| self.cases.remove(&id));
        }
    }

    /// Puts what is known of a target on its desk.
    fn lay_on<S: SnapshotStore>(self, desk: &mut Desk, store: &S) -> Result<(), StoreError> {
        let get = |id: Option<SnapshotId>| id.map_or(Ok(None), |id| store.get(&id));
        desk.snapshot = get(self.snapshot)?.map(|mut snapshot: Snapshot| {
            let known = snapshot.server.started_at;
            snapshot.server.started_at = self.started_at.unwrap_or(known);
            snapshot
        });
        desk.good = get(self.good)?;
        desk.moved = self.moved;
        desk.cases = self.cases;
        if let Some(why) = self.impossible {
            desk.policy.mode = Mode::Observe;
            desk.distrusted = Some(why);
        }
        Ok(())
    }
}

impl<B: Books> Guard<B> {
    /// Puts what the journal says about the targets on their desks.
    pub(crate) fn read_back(
        &mut self,
        mut trails: BTreeMap<TargetId, Trail>,
        now: Timestamp,
    ) -> Result<(), BeginError> {
        for (target, desk) in &mut self.desks {
            if let Some(trail) = trails.remove(target) {
                let laid = trail.lay_on(desk, &self.snapshots);
                laid.map_err(|source| BeginError::Store { source })?;
            }
            crate::learnt::lay_on(desk, &self.metrics);
            // Metric history may be lost without harm: then there is no baseline yet.
            for sample in self
                .metrics
                .range(target, now - READ_BACK, now)
                .unwrap_or_default()
            {
                desk.history.push(&sample);
            }
        }
        Ok(())
    }

    /// The first turn after a start: a record that cannot be true is told, loudly. Its target is only
    /// observed until a person has looked at the journal.
    pub(crate) fn tell_distrusted(&self, turn: &mut Turn) {
        for desk in self.desks.values() {
            let Some(why) = &desk.distrusted else {
                continue;
            };
            let text = format!(
                "the journal holds a step that cannot have happened ({why}): observe mode, nothing is \
                 written here; `backstay audit set-aside` lets the next guard begin anew"
            );
            tracing::error!(target = %desk.target, text);
            let notice = Notice::Other { text };
            turn.record(Record::Notice {
                target: Some(desk.target.clone()),
                notice: notice.clone(),
                presence: Presence::Begins,
            });
            turn.tell(&desk.target, Tidings::Notice(notice, Presence::Begins));
        }
    }

    /// The first turn after a start: every open intent is asked about before anything else.
    pub(crate) fn ask_about_open_intents(&mut self, turn: &mut Turn) {
        let mut desks = std::mem::take(&mut self.desks);
        for desk in desks.values_mut() {
            for id in desk.open_cases() {
                let open = desk
                    .cases
                    .get(&id)
                    .is_some_and(|c| c.state.open_intent().is_some());
                if open {
                    self.advance(desk, id, &Event::Resumed { at: turn.now }, turn);
                }
            }
        }
        self.desks = desks;
    }

    /// Watches need to know the metrics, so they are opened again when the observer is connected.
    pub(crate) fn reopen_watches(&mut self, desk: &mut Desk, turn: &mut Turn) {
        for id in desk.open_cases() {
            let wanted = desk.cases.get(&id).is_some_and(|c| {
                matches!(
                    c.state,
                    State::Watching { .. } | State::Reverting { .. } | State::Verifying { .. }
                )
            });
            if wanted && !desk.watches.contains_key(&id) {
                self.open_watch(desk, id, turn);
            }
        }
        self.reopen_slowly(desk, turn);
    }
}
