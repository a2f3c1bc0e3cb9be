//! Where configurations are kept.

use backstay_model::{Snapshot, SnapshotId, TargetId, Timestamp};

use crate::store::StoreError;

/// One stored configuration, without its settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotLine {
    /// Which.
    pub id: SnapshotId,
    /// Whose.
    pub target: TargetId,
    /// When it was first read.
    pub first_at: Timestamp,
    /// When it was last read.
    pub last_at: Timestamp,
    /// Since when it is known to be good; `None` while it is not.
    pub good_at: Option<Timestamp>,
}

/// Keeps configurations by content: an equal configuration read again is the same snapshot.
pub trait SnapshotStore: Send {
    /// Stores `snapshot` durably. Reading the same configuration again only moves its last time, and
    /// the newer facts about server and services replace the older.
    ///
    /// # Errors
    /// `StoreError`; see its variants for the effect.
    fn put(&mut self, snapshot: &Snapshot) -> Result<(), StoreError>;

    /// The snapshot `id`.
    ///
    /// # Errors
    /// `StoreError` when it cannot be read.
    fn get(&self, id: &SnapshotId) -> Result<Option<Snapshot>, StoreError>;

    /// The snapshots of a target (of all when `None`), the last read first.
    ///
    /// # Errors
    /// `StoreError` when they cannot be read.
    fn list(&self, target: Option<&TargetId>) -> Result<Vec<SnapshotLine>, StoreError>;

    /// Marks a stored snapshot as known to be good since `at`; a later time replaces an earlier one.
    /// Durable. Marking an unknown id does nothing.
    ///
    /// # Errors
    /// `StoreError`; see its variants for the effect.
    fn mark_good(&mut self, id: &SnapshotId, at: Timestamp) -> Result<(), StoreError>;

    /// The configuration of `target` that was marked good last.
    ///
    /// # Errors
    /// `StoreError` when it cannot be read.
    fn last_good(&self, target: &TargetId) -> Result<Option<Snapshot>, StoreError>;

    /// The configuration of `target` that was read last.
    ///
    /// # Errors
    /// `StoreError` when it cannot be read.
    fn latest(&self, target: &TargetId) -> Result<Option<Snapshot>, StoreError> {
        match self.list(Some(target))?.first() {
            Some(line) => self.get(&line.id),
            None => Ok(None),
        }
    }
}
