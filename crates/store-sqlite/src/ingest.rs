//! Taking in many changes durably: the log first, then the graph.

use backstay_graph::{ApplyError, Batch, GraphStore, Op, ReadError};
use backstay_journal::{CommitError, Entries, EntryStore, Journal, Record};
use backstay_model::change::{Origin, TakesEffect};
use backstay_model::{ChangeSet, Seq, Timestamp};

use crate::graph::SqliteGraph;

/// Operations that [`catch_up`] puts into one batch.
const OPS_MAX: usize = 10_000;

/// A batch of change sets was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// It is not in the log. Effect: see the source; the graph is unchanged.
    #[error("the changes could not be recorded")]
    Log {
        /// What the journal says.
        source: CommitError,
    },
    /// It is in the log and not in the graph: replay the log into the graph.
    #[error("the changes are recorded but not in the graph")]
    Graph {
        /// What the graph says.
        source: ApplyError,
    },
    /// The log could not be read.
    #[error("the log could not be replayed into the graph")]
    Replay {
        /// What the log says.
        source: backstay_journal::ReadError,
    },
}

/// What the changes of `change_set` are to the graph: one value each. A change that does not work yet
/// (it waits for a restart, is masked, or is only proposed) is none.
pub fn operations(change_set: &ChangeSet) -> impl Iterator<Item = Op> + '_ {
    let live = |effect| matches!(effect, TakesEffect::Now | TakesEffect::NewSessions);
    let working = change_set
        .changes
        .iter()
        .filter(move |c| live(c.takes_effect) && c.origin != Origin::Proposed);
    working.map(|change| Op::SetValue {
        target: change_set.target.clone(),
        key: change.key.clone(),
        old: change.old.effective.clone(),
        new: change.new.effective.clone(),
        author: change.author.clone(),
        at: change.time.best(),
        change_set: Some(change_set.id),
    })
}

/// Records `change_sets` in one durable commit and puts them into the graph as one batch, the next
/// after the last one applied.
///
/// # Errors
/// `IngestError`, which says how far it came.
pub fn ingest<S: EntryStore>(
    journal: &mut Journal<S>,
    graph: &mut SqliteGraph,
    at: Timestamp,
    change_sets: Vec<ChangeSet>,
) -> Result<(), IngestError> {
    let ops = change_sets.iter().flat_map(operations).collect();
    let seen = |change_set| Record::Seen {
        change_set,
        snapshot: None,
    };
    let committed = journal.commit(at, change_sets.into_iter().map(seen).collect());
    // Seen records hold no commands, so no token is lost here.
    drop(committed.map_err(|source| IngestError::Log { source })?);
    put(graph, ops, journal.head().seq)
}

/// Puts into the graph what the log holds and the graph does not: after a crash between the two, or
/// when the graph is made anew. Every change set that was seen counts; proposals do not.
///
/// # Errors
/// `IngestError`, which says how far it came.
pub fn catch_up<S: EntryStore>(log: &S, graph: &mut SqliteGraph) -> Result<(), IngestError> {
    let through = graph.through().map_err(unreadable)?;
    let mut ops = Vec::new();
    let mut last = through;
    for entry in Entries::new(log, Seq(through.0 + 1)).decoded() {
        let entry = entry.map_err(|source| IngestError::Replay { source })?;
        last = entry.seq;
        if let Record::Seen { change_set, .. } = &entry.record {
            ops.extend(operations(change_set));
        }
        if ops.len() >= OPS_MAX {
            put(graph, std::mem::take(&mut ops), last)?;
        }
    }
    if ops.is_empty() {
        Ok(())
    } else {
        put(graph, ops, last)
    }
}

fn put(graph: &mut SqliteGraph, ops: Vec<Op>, through: Seq) -> Result<(), IngestError> {
    let seq = graph.applied_seq().map_err(unreadable)? + 1;
    let batch = Batch { seq, ops };
    let applied = graph.apply_through(&batch, through);
    applied
        .map(drop)
        .map_err(|source| IngestError::Graph { source })
}

fn unreadable(source: ReadError) -> IngestError {
    IngestError::Graph {
        source: ApplyError::Store {
            source: Box::new(source),
        },
    }
}
