//! What samples taught about how a target behaves while nothing is changed. It is kept beside the
//! samples, so that a guard that starts anew need not learn it again, and so that others can tell the
//! realised false-alarm rate.

use backstay_detect::{Banks, Realised, Slow};
use backstay_journal::MetricStore;
use backstay_model::TargetId;
use serde::{Deserialize, Serialize};

use crate::books::Books;
use crate::desk::Desk;
use crate::tick::Guard;

/// Harmless windows after which what was learnt is kept again: an hour or more of learning.
const WORTH_KEEPING: u64 = 4;
/// Version of what is kept; another one is learnt anew.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Learnt {
    version: u32,
    banks: Banks,
    slow: Slow,
}

/// The part of it that tells the rates: the minutes of a week are passed over.
#[derive(Deserialize)]
struct Rates {
    version: u32,
    banks: Banks,
    slow: SlowRates,
}

#[derive(Deserialize)]
struct SlowRates {
    banks: Banks,
}

/// The realised false-alarm rates of what a metric store keeps as learnt; `None` when it cannot be read.
#[must_use]
pub fn realised(kept: &[u8]) -> Option<Vec<Realised>> {
    let learnt: Rates = serde_json::from_slice(kept).ok()?;
    if learnt.version != VERSION {
        return None;
    }
    let mut rates = learnt.banks.realised();
    rates.extend(learnt.slow.banks.realised());
    Some(rates)
}

fn read(kept: &[u8]) -> Option<Learnt> {
    let learnt: Learnt = serde_json::from_slice(kept).ok()?;
    (learnt.version == VERSION).then_some(learnt)
}

/// Puts what an earlier guard learnt on the desk of its target.
pub(crate) fn lay_on(desk: &mut Desk, store: &impl MetricStore) {
    let kept = store.learnt(&desk.target).ok().flatten();
    if let Some(learnt) = kept.as_deref().and_then(read) {
        desk.banks.take_over(learnt.banks);
        desk.slow.take_over(learnt.slow);
        desk.kept_windows = windows(desk);
    }
}

/// Harmless windows that were judged so far.
fn windows(desk: &Desk) -> u64 {
    desk.banks.windows() + desk.slow.banks().windows()
}

impl<B: Books> Guard<B> {
    /// Keeps what was learnt, whenever some harmless windows more have ended. That it cannot be kept costs
    /// only learning it again; that samples cannot be kept either is told.
    pub(crate) fn keep_learnt(&mut self) {
        for desk in self.desks.values_mut() {
            let windows = windows(desk);
            if windows < desk.kept_windows + WORTH_KEEPING {
                continue;
            }
            desk.kept_windows = windows;
            let learnt = Learnt {
                version: VERSION,
                banks: desk.banks.clone(),
                slow: desk.slow.clone(),
            };
            let kept = serde_json::to_vec(&learnt).map_err(|error| error.to_string());
            let kept = kept.and_then(|bytes| {
                let stored = self.metrics.keep_learnt(&desk.target, &bytes);
                stored.map_err(|error| error.to_string())
            });
            if let Err(error) = kept {
                tracing::debug!(error, target = %desk.target, "what was learnt could not be kept");
            }
        }
    }

    /// The realised false-alarm rates of a target, of the whole decision first; `None` when it is not
    /// watched.
    #[must_use]
    pub fn realised(&self, target: &TargetId) -> Option<Vec<Realised>> {
        let desk = self.desks.get(target)?;
        let mut rates = desk.banks.realised();
        rates.extend(desk.slow.banks().realised());
        Some(rates)
    }
}
