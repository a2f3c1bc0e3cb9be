//! The stores in memory: for tests, the simulated world, and reading an export. The log can be told to
//! fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backstay_model::{ChangeSetId, Sample, Seq, Snapshot, SnapshotId, TargetId, Timestamp};

use crate::chain::Head;
use crate::entry::StoredEntry;
use crate::metrics::MetricStore;
use crate::snapshots::{SnapshotLine, SnapshotStore};
use crate::store::{EntryStore, StoreError, check_next};

/// How a log in memory fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// No space: every append fails and has no effect, until the fault is taken back.
    Full,
    /// The device fails: every append fails and has no effect, until the fault is taken back.
    Io,
    /// The next append has its effect, but the answer is an error.
    LostReply,
    /// The next append is acknowledged and has no effect: a disk that lies.
    LostWrite,
}

/// A log in memory. A clone is another handle to the same log, so a test can let the journal go and
/// open it again.
#[derive(Clone, Debug, Default)]
pub struct MemoryEntries {
    inner: Arc<Mutex<Log>>,
}

#[derive(Debug, Default)]
struct Log {
    entries: Vec<StoredEntry>,
    fault: Option<Fault>,
    checkpoint: Option<Vec<u8>>,
}

impl MemoryEntries {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A log that holds `entries` as they are, right or wrong.
    #[must_use]
    pub fn from_stored(entries: Vec<StoredEntry>) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Log {
                entries,
                ..Log::default()
            })),
        }
    }

    /// Makes it fail from now on, or not fail any more.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.log().fault = fault;
    }

    /// Everything it holds.
    #[must_use]
    pub fn stored(&self) -> Vec<StoredEntry> {
        self.log().entries.clone()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const WHAT: &str = "the log in memory";

fn failure(fault: Fault) -> StoreError {
    let what = WHAT.to_owned();
    match fault {
        Fault::Full => StoreError::Full {
            what,
            source: "told to be full".into(),
        },
        Fault::Io | Fault::LostReply | Fault::LostWrite => StoreError::Io {
            what,
            source: "told to fail".into(),
        },
    }
}

impl EntryStore for MemoryEntries {
    fn append(&mut self, entries: &[StoredEntry]) -> Result<(), StoreError> {
        let head = self.head()?;
        check_next(head, entries)?;
        let mut log = self.log();
        match log.fault {
            Some(fault @ (Fault::Full | Fault::Io)) => return Err(failure(fault)),
            Some(Fault::LostWrite) => log.fault = None,
            Some(fault @ Fault::LostReply) => {
                log.fault = None;
                log.entries.extend_from_slice(entries);
                return Err(failure(fault));
            }
            None => log.entries.extend_from_slice(entries),
        }
        Ok(())
    }

    fn read(&self, from: Seq, limit: usize) -> Result<Vec<StoredEntry>, StoreError> {
        let log = self.log();
        let wanted = log.entries.iter().filter(|entry| entry.seq >= from);
        Ok(wanted.take(limit).cloned().collect())
    }

    fn head(&self) -> Result<Head, StoreError> {
        Ok(self
            .log()
            .entries
            .last()
            .map_or(Head::EMPTY, StoredEntry::head))
    }

    fn checkpoint(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.log().checkpoint.clone())
    }

    fn keep_checkpoint(&self, bytes: &[u8]) -> Result<(), StoreError> {
        self.log().checkpoint = Some(bytes.to_vec());
        Ok(())
    }

    fn of_change_set(&self, id: ChangeSetId) -> Result<Vec<StoredEntry>, StoreError> {
        let log = self.log();
        Ok(log
            .entries
            .iter()
            .filter(|entry| entry.change_set == Some(id))
            .cloned()
            .collect())
    }

    fn change_sets(
        &self,
        before: Option<ChangeSetId>,
        limit: usize,
    ) -> Result<Vec<ChangeSetId>, StoreError> {
        let log = self.log();
        let ids = log.entries.iter().filter_map(|entry| entry.change_set);
        let mut ids: Vec<_> = ids
            .filter(|id| before.is_none_or(|before| *id < before))
            .collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.dedup();
        ids.truncate(limit);
        Ok(ids)
    }
}

/// Configurations in memory. A clone is another handle to the same store.
#[derive(Clone, Debug, Default)]
pub struct MemorySnapshots {
    inner: Arc<Mutex<BTreeMap<SnapshotId, (SnapshotLine, Snapshot)>>>,
    fault: Arc<Mutex<Option<Fault>>>,
}

impl MemorySnapshots {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes storing fail from now on, without an effect, until the fault is taken back.
    pub fn set_fault(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<SnapshotId, (SnapshotLine, Snapshot)>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SnapshotStore for MemorySnapshots {
    fn put(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fault) = fault {
            return Err(failure(fault));
        }
        let at = snapshot.taken_at;
        let mut rows = self.rows();
        let (line, body) = rows.entry(snapshot.id.clone()).or_insert_with(|| {
            let (id, target) = (snapshot.id.clone(), snapshot.target.clone());
            (
                SnapshotLine {
                    id,
                    target,
                    first_at: at,
                    last_at: at,
                    good_at: None,
                },
                snapshot.clone(),
            )
        });
        line.first_at = line.first_at.min(at);
        if at >= line.last_at {
            line.last_at = at;
            body.clone_from(snapshot);
        }
        Ok(())
    }

    fn get(&self, id: &SnapshotId) -> Result<Option<Snapshot>, StoreError> {
        Ok(self.rows().get(id).map(|(_, snapshot)| snapshot.clone()))
    }

    fn list(&self, target: Option<&TargetId>) -> Result<Vec<SnapshotLine>, StoreError> {
        let rows = self.rows();
        let lines = rows.values().map(|(line, _)| line);
        let mut lines: Vec<_> = lines
            .filter(|line| target.is_none_or(|t| line.target == *t))
            .cloned()
            .collect();
        lines.sort_by(|a, b| (b.last_at, &a.id).cmp(&(a.last_at, &b.id)));
        Ok(lines)
    }

    fn mark_good(&mut self, id: &SnapshotId, at: Timestamp) -> Result<(), StoreError> {
        if let Some((line, _)) = self.rows().get_mut(id) {
            line.good_at = line.good_at.max(Some(at));
        }
        Ok(())
    }

    fn last_good(&self, target: &TargetId) -> Result<Option<Snapshot>, StoreError> {
        let rows = self.rows();
        let good = rows
            .values()
            .filter(|(line, _)| line.target == *target && line.good_at.is_some());
        Ok(good
            .max_by_key(|(line, _)| (line.good_at, line.last_at))
            .map(|(_, s)| s.clone()))
    }
}

/// Samples in memory, at most so many of each target. A clone is another handle to the same store.
#[derive(Clone, Debug)]
pub struct MemoryMetrics {
    inner: Arc<Mutex<BTreeMap<TargetId, BTreeMap<Timestamp, Sample>>>>,
    learnt: Arc<Mutex<BTreeMap<TargetId, Vec<u8>>>>,
    samples_max: usize,
}

impl MemoryMetrics {
    /// An empty store that keeps the newest `samples_max` samples of each target.
    #[must_use]
    pub fn new(samples_max: usize) -> Self {
        Self {
            inner: Arc::default(),
            learnt: Arc::default(),
            samples_max,
        }
    }

    fn pages(&self) -> MutexGuard<'_, BTreeMap<TargetId, Vec<u8>>> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<TargetId, BTreeMap<Timestamp, Sample>>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MetricStore for MemoryMetrics {
    fn append(&mut self, target: &TargetId, samples: &[Sample]) -> Result<(), StoreError> {
        let samples_max = self.samples_max;
        let mut rows = self.rows();
        let kept = rows.entry(target.clone()).or_default();
        for sample in samples {
            kept.insert(sample.at, sample.clone());
        }
        while kept.len() > samples_max {
            kept.pop_first();
        }
        Ok(())
    }

    fn range(
        &self,
        target: &TargetId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Sample>, StoreError> {
        let rows = self.rows();
        let Some(kept) = rows.get(target).filter(|_| from < to) else {
            return Ok(Vec::new());
        };
        Ok(kept
            .range(from..to)
            .map(|(_, sample)| sample.clone())
            .collect())
    }

    fn keep_learnt(&mut self, target: &TargetId, learnt: &[u8]) -> Result<(), StoreError> {
        self.pages().insert(target.clone(), learnt.to_vec());
        Ok(())
    }

    fn learnt(&self, target: &TargetId) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.pages().get(target).cloned())
    }

    fn targets(&self) -> Result<Vec<TargetId>, StoreError> {
        let rows = self.rows();
        Ok(rows
            .iter()
            .filter(|(_, kept)| !kept.is_empty())
            .map(|(target, _)| target.clone())
            .collect())
    }
}
