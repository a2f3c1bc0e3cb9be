//! Samples that are not in the metric store yet.

use backstay_journal::{Notice, Presence, StoreError};
use backstay_model::Sample;

/// Samples that wait to be stored, per target; beyond it the oldest are dropped (they are history, not
/// evidence of an intent).
const UNSTORED_MAX: usize = 600;

/// Samples of one target that wait to be stored.
#[derive(Debug, Default)]
pub(crate) struct Unstored {
    pub(crate) samples: Vec<Sample>,
    /// What was told of a store that does not take them.
    told: Option<Notice>,
}

impl Unstored {
    /// Takes note of what became of storing them; what is to be told, when that is new.
    pub(crate) fn settle(&mut self, stored: Result<(), StoreError>) -> Option<(Notice, Presence)> {
        let Err(error) = stored else {
            self.samples.clear();
            return self.told.take().map(|notice| (notice, Presence::Ends));
        };
        let surplus = self.samples.len().saturating_sub(UNSTORED_MAX);
        self.samples.drain(..surplus);
        if self.told.is_some() {
            return None;
        }
        tracing::warn!(%error, "samples could not be stored");
        let why = error.to_string();
        let notice = self.told.insert(Notice::MetricsNotStored { why });
        Some((notice.clone(), Presence::Begins))
    }
}
