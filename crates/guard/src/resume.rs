//! Going on where the last guard stopped: everything is read back from the books, and open intents
//! are the first thing that is asked about.

use std::collections::BTreeMap;

use backstay_graph::{Graph, GraphStore};
use backstay_journal::{Entry, Histories, MetricStore, Record, SnapshotStore};
use backstay_lifecycle::State;
use backstay_model::{Event, Span, Timestamp};

use crate::books::Books;
use crate::case::Case;
use crate::desk::Desk;
use crate::knowledge::{Ledger, batch};
use crate::tick::{BeginError, Guard};
use crate::turn::Turn;

/// Samples read back at the start: as much as a desk keeps.
const READ_BACK: Span = Span::from_secs(3_600);

/// What the journal says about the past.
pub(crate) struct Past<'a, S, G> {
    pub(crate) snapshots: &'a S,
    pub(crate) ledger: &'a mut Ledger<G>,
    pub(crate) graph: Graph,
    pub(crate) histories: Histories,
    pub(crate) paused: bool,
}

impl<S: SnapshotStore, G: GraphStore> Past<'_, S, G> {
    /// Takes in one entry: the working graph is rebuilt from all of them, the graph store is handed
    /// those that it lacks.
    pub(crate) fn read(&mut self, entry: Entry) {
        match &entry.record {
            Record::Paused { .. } => self.paused = true,
            Record::Resumed { .. } => self.paused = false,
            _ => {}
        }
        let batch = batch(entry.seq.0, &entry.record, self.snapshots);
        if let Err(error) = self.graph.apply(&batch) {
            tracing::error!(%error, seq = batch.seq, "the working graph refused a batch of the journal");
        }
        if batch.seq > self.ledger.applied() {
            self.ledger.line_up(batch);
        }
        self.histories.push(entry);
    }
}

impl<B: Books> Guard<B> {
    /// Puts the files of all change sets back on their desks.
    pub(crate) fn read_back(
        &mut self,
        histories: &Histories,
        now: Timestamp,
    ) -> Result<(), BeginError> {
        for history in histories.iter() {
            let case = Case::replay(history).map_err(|illegal| BeginError::Impossible {
                why: illegal.to_string(),
            })?;
            let Some(case) = case else { continue };
            if let Some(desk) = self.desks.get_mut(&case.change_set.target) {
                desk.cases.insert(case.change_set.id, case);
            }
        }
        for (target, desk) in &mut self.desks {
            let read = |source| BeginError::Store { source };
            desk.snapshot = self.snapshots.latest(target).map_err(read)?;
            desk.good = self.snapshots.last_good(target).map_err(read)?;
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
    }
}

/// Samples by target that are not stored yet.
pub(crate) type Unstored = BTreeMap<backstay_model::TargetId, Vec<backstay_model::Sample>>;
