//! The log, sorted by change set.

use std::collections::BTreeMap;

use backstay_model::{ChangeSet, ChangeSetId, Command, Event, Seq, TargetId, Timestamp};

use crate::entry::Entry;
use crate::record::Record;
use crate::store::{EntryStore, ReadError};

/// Everything recorded about one change set, in order.
#[derive(Clone, PartialEq, Debug)]
pub struct History {
    /// Which change set.
    pub id: ChangeSetId,
    /// Its entries, at least one.
    pub entries: Vec<Entry>,
}

impl History {
    /// The changes as they were seen.
    #[must_use]
    pub fn change_set(&self) -> Option<&ChangeSet> {
        self.records().find_map(|record| match record {
            Record::Seen { change_set, .. } => Some(change_set),
            _ => None,
        })
    }

    /// Its target.
    #[must_use]
    pub fn target(&self) -> Option<&TargetId> {
        self.records().find_map(Record::target)
    }

    /// Its events in order: folded through the state machine they give its state.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.steps().map(|(_, event, _)| event)
    }

    /// Its steps in order.
    pub fn steps(&self) -> impl Iterator<Item = (Seq, &Event, &[Command])> {
        self.entries.iter().filter_map(|entry| match &entry.record {
            Record::Step {
                event, commands, ..
            } => Some((entry.seq, event, commands.as_slice())),
            _ => None,
        })
    }

    /// The newest report: a held change set has one, and another one when it is settled.
    #[must_use]
    pub fn report(&self) -> Option<&serde_json::Value> {
        self.records().rev().find_map(|record| match record {
            Record::Reported { report, .. } => Some(report),
            _ => None,
        })
    }

    /// When it was last recorded about.
    #[must_use]
    pub fn updated_at(&self) -> Option<Timestamp> {
        self.entries.last().map(|entry| entry.at)
    }

    fn records(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.entries.iter().map(|entry| &entry.record)
    }
}

/// Histories of change sets, by id.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Histories(BTreeMap<ChangeSetId, History>);

impl Histories {
    /// Takes an entry in; one that is about no change set is passed over.
    pub fn push(&mut self, entry: Entry) {
        if let Some(id) = entry.record.change_set() {
            let history = self.0.entry(id);
            history
                .or_insert_with(|| History {
                    id,
                    entries: Vec::new(),
                })
                .entries
                .push(entry);
        }
    }

    /// The history of `id`.
    #[must_use]
    pub fn get(&self, id: ChangeSetId) -> Option<&History> {
        self.0.get(&id)
    }

    /// Every history, the oldest change set first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &History> {
        self.0.values()
    }
}

impl FromIterator<Entry> for Histories {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let mut histories = Self::default();
        entries.into_iter().for_each(|entry| histories.push(entry));
        histories
    }
}

/// The history of one change set, by the store's own look-up; `None` when nothing is recorded.
///
/// # Errors
/// `ReadError` when its entries cannot be read.
pub fn of_change_set<S: EntryStore + ?Sized>(
    store: &S,
    id: ChangeSetId,
) -> Result<Option<History>, ReadError> {
    let from = Seq(id.0);
    let stored = store
        .of_change_set(id)
        .map_err(|source| ReadError::Store { from, source })?;
    let decoded = stored
        .iter()
        .map(|e| e.decode().map_err(|source| ReadError::Decode { source }));
    let entries: Vec<Entry> = decoded.collect::<Result<_, _>>()?;
    Ok(if entries.is_empty() {
        None
    } else {
        Some(History { id, entries })
    })
}

/// The histories of at most `limit` change sets, the newest first, all older than `before`.
///
/// # Errors
/// `ReadError` when their entries cannot be read.
pub fn recent<S: EntryStore + ?Sized>(
    store: &S,
    before: Option<ChangeSetId>,
    limit: usize,
) -> Result<Vec<History>, ReadError> {
    let ids = store.change_sets(before, limit);
    let ids = ids.map_err(|source| ReadError::Store {
        from: Seq(1),
        source,
    })?;
    ids.into_iter()
        .filter_map(|id| of_change_set(store, id).transpose())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::entries;
    use crate::memory::MemoryEntries;
    use crate::store::Entries;

    #[test]
    fn the_log_sorts_by_change_set() {
        let store = MemoryEntries::from_stored(entries(60));
        let all: Histories = Entries::new(&store, Seq(1))
            .decoded()
            .map(Result::unwrap)
            .collect();
        assert_eq!(
            all.iter().map(|h| h.id.0).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5, 6, 7]
        );
        let third = all.get(ChangeSetId(3)).unwrap();
        assert_eq!(
            of_change_set(&store, ChangeSetId(3)).unwrap().as_ref(),
            Some(third)
        );
        assert_eq!(third.target(), Some(&TargetId::new("shop")));
        assert_eq!(third.steps().count(), third.entries.len());
        assert_eq!(third.updated_at(), third.entries.last().map(|e| e.at));
        assert_eq!((third.change_set(), third.report()), (None, None));
        let mut reported = third.clone();
        for outcome in ["held", "kept"] {
            let mut entry = third.entries[0].clone();
            entry.record = Record::Reported {
                change_set: third.id,
                target: TargetId::new("shop"),
                report: outcome.into(),
            };
            reported.entries.push(entry);
        }
        assert_eq!(reported.report(), Some(&"kept".into()));
        let newest = recent(&store, None, 2).unwrap();
        assert_eq!(newest.iter().map(|h| h.id.0).collect::<Vec<_>>(), [7, 6]);
        assert_eq!(of_change_set(&store, ChangeSetId(99)).unwrap(), None);
    }
}
