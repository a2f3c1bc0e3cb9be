//! Readings that hang together.

use std::time::Duration;

use backstay_engine::ReadError;
use backstay_model::change::Pending;
use backstay_model::{Scope, Snapshot, Timestamp, ValueSource};

use super::{PostgresObserver, Seen};

/// A reading that a reload cut in two is done again: so often, after so long.
const CUT_READINGS_MAX: u32 = 5;
const CUT_WAIT: Duration = Duration::from_millis(10);

impl PostgresObserver {
    /// A reading that no reload cut in two: the files are read at one moment and the values in effect at
    /// another, so a reload in between shows an entry that is new beside a value that is old.
    pub(super) async fn read_whole(&mut self, now: Timestamp) -> Result<Seen, ReadError> {
        let mut seen = self.read(now).await?;
        for _ in 0..CUT_READINGS_MAX {
            let last = self.known.as_ref().map(|known| &known.snapshot);
            if !last.is_some_and(|last| cut_in_two(last, &seen.snapshot)) {
                break;
            }
            tokio::time::sleep(CUT_WAIT).await;
            seen = self.read(now).await?;
        }
        Ok(seen)
    }
}

/// Whether a setting of the instance shows a new entry and the old value, with nothing that masks it or
/// makes it wait.
fn cut_in_two(last: &Snapshot, now: &Snapshot) -> bool {
    let instance = now
        .settings
        .iter()
        .filter(|(key, _)| key.scope == Scope::Instance);
    instance.into_iter().any(|(key, after)| {
        let Some(before) = last.settings.get(key) else {
            return false;
        };
        before.entry != after.entry
            && before.effective == after.effective
            && before.source == after.source
            && before.pending_restart == after.pending_restart
            && after.pending_restart == Pending::No
            && after.source != ValueSource::CommandLine
    })
}
