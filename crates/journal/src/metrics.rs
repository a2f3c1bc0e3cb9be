//! Where samples are kept.

use backstay_model::{Sample, TargetId, Timestamp};

use crate::store::StoreError;

/// Keeps samples, bounded in size: the oldest go first. A sample is history, not evidence of an
/// intent, so the loss of power may cost the last ones.
pub trait MetricStore: Send {
    /// Appends samples of `target`. They may come out of order; of two at one moment the later
    /// appended one stays.
    ///
    /// # Errors
    /// `StoreError`; see its variants for the effect.
    fn append(&mut self, target: &TargetId, samples: &[Sample]) -> Result<(), StoreError>;

    /// The samples of `target` with `from <= at < to`, in order of time.
    ///
    /// # Errors
    /// `StoreError` when they cannot be read.
    fn range(
        &self,
        target: &TargetId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Sample>, StoreError>;

    /// The targets of which samples are kept, in order of their names.
    ///
    /// # Errors
    /// `StoreError` when they cannot be read.
    fn targets(&self) -> Result<Vec<TargetId>, StoreError>;

    /// Keeps what the judge learnt about `target` from its samples, in place of what was kept before.
    /// Opaque bytes: like samples they may be lost without harm, and are made again from new ones.
    ///
    /// # Errors
    /// `StoreError`; see its variants for the effect.
    fn keep_learnt(&mut self, target: &TargetId, learnt: &[u8]) -> Result<(), StoreError>;

    /// What was last kept about `target`; `None` when nothing was.
    ///
    /// # Errors
    /// `StoreError` when it cannot be read.
    fn learnt(&self, target: &TargetId) -> Result<Option<Vec<u8>>, StoreError>;
}
