//! Taking in many changes durably: the log first, then the graph. For imports and benches; a guard
//! feeds its graph record by record, and the two ways do not share a directory.

use backstay_graph::{ApplyError, Batch, GraphStore, Op, ReadError};
use backstay_journal::{CommitError, Entries, EntryStore, Journal, Record};
use backstay_model::change::{AuthorEvidence, ChangeTime, Origin, Pending, Standing, TakesEffect};
use backstay_model::{
    Author, Change, ChangeSet, ChangeSetId, Seq, SettingKey, TargetId, Timestamp, Value,
    ValueSource,
};

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
    /// The graph is fed by a guard, whose batches are numbered otherwise. The graph is unchanged.
    #[error("the graph of this directory is fed by a guard")]
    OtherFeed,
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
    let last = graph.applied_seq().map_err(unreadable)?;
    if last > 0 && graph.through().map_err(unreadable)? == Seq(0) {
        return Err(IngestError::OtherFeed);
    }
    let batch = Batch { seq: last + 1, ops };
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

/// `count` change sets of one change each, numbered from `first`, over 1,000 targets and 300 settings:
/// what the benches take in. The same numbers give the same change sets.
#[must_use]
pub fn example_change_sets(first: u64, count: u64) -> Vec<ChangeSet> {
    (first..first + count).map(example_change_set).collect()
}

fn example_change_set(id: u64) -> ChangeSet {
    let standing = |value: u64| Standing {
        effective: Some(Value::text(format!("{value}kB"))),
        source: ValueSource::AutoFile,
        entry: Some(Value::text(format!("{value}kB"))),
        waiting: None,
        pending_restart: Pending::No,
    };
    let at = Timestamp::from_secs(i64::try_from(id).unwrap_or(0));
    let change = Change {
        key: SettingKey::instance(&format!("setting_{}", id % 300)),
        old: standing(id),
        new: standing(id + 1),
        time: ChangeTime {
            not_before: at,
            not_after: at,
            exact: Some(at),
        },
        author: Author::Known {
            name: "ann".to_owned(),
            via: AuthorEvidence::ServerLog,
        },
        description: Some(format!("OPS-{id} more memory for sorting")),
        application: None,
        origin: Origin::Observed,
        takes_effect: TakesEffect::Now,
    };
    let target = TargetId::new(&format!("db-{}", id % 1_000));
    ChangeSet {
        id: ChangeSetId(id),
        target,
        changes: vec![change],
    }
}

#[cfg(test)]
mod tests {
    use backstay_journal::Journal;

    use super::*;
    use crate::Stores;
    use crate::directory::tests::LIMITS;

    #[test]
    fn what_the_log_holds_and_the_graph_does_not_is_caught_up() {
        let directory = tempfile::tempdir().unwrap();
        let Stores { log, mut graph, .. } = Stores::open(directory.path(), &LIMITS).unwrap();
        let mut journal = Journal::open(log).unwrap();
        ingest(
            &mut journal,
            &mut graph,
            Timestamp(1),
            example_change_sets(1, 10),
        )
        .unwrap();
        // As after a crash between log and graph.
        let seen = |change_set| Record::Seen {
            change_set,
            snapshot: None,
        };
        let missed = example_change_sets(11, 5).into_iter().map(seen).collect();
        drop(journal.commit(Timestamp(2), missed).unwrap());
        assert_eq!(graph.through().unwrap(), Seq(10));
        catch_up(journal.store(), &mut graph).unwrap();
        assert_eq!(
            (graph.through().unwrap(), graph.applied_seq().unwrap()),
            (Seq(15), 2)
        );
        let now = Timestamp(i64::MAX - 1);
        assert_eq!(graph.snapshot(now).unwrap().settings.len(), 15);
        catch_up(journal.store(), &mut graph).unwrap();
        assert_eq!(graph.applied_seq().unwrap(), 2, "nothing is done twice");
    }

    #[test]
    fn a_graph_that_a_guard_feeds_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let Stores { log, mut graph, .. } = Stores::open(directory.path(), &LIMITS).unwrap();
        graph
            .apply(&Batch {
                seq: 1,
                ops: Vec::new(),
            })
            .unwrap();
        let mut journal = Journal::open(log).unwrap();
        let refused = ingest(
            &mut journal,
            &mut graph,
            Timestamp(1),
            example_change_sets(1, 1),
        );
        assert!(matches!(refused, Err(IngestError::OtherFeed)));
        assert_eq!(graph.applied_seq().unwrap(), 1);
    }
}
