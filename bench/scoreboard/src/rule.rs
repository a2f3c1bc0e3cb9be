//! Rules that judge a case: ours, and those of others on the same columns.

use std::time::Duration;

use crate::case::Case;

pub mod others;
pub mod ours;
pub mod reference;

mod column;

/// What a rule says of a case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// Larger is worse; the order of all cases by it makes the curves.
    pub score: f64,
    /// Whether it calls harm at its own level.
    pub alarm: Alarm,
    /// Dice of such an answer without a change, where the rule knows one.
    pub p_value: Option<f64>,
    /// Processor time it took.
    pub cpu: Duration,
}

/// An alarm, or none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Alarm {
    /// Called, so many rows after the effect began; `None` when the rule does not say.
    Raised {
        /// Rows from the onset to the alarm.
        rows: Option<f64>,
    },
    /// Not called.
    Silent,
}

impl Alarm {
    /// Whether it was called.
    #[must_use]
    pub const fn raised(self) -> bool {
        matches!(self, Self::Raised { .. })
    }
}

/// Whether a rule promises a chance of false alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// The one it is asked for; its false alarms are counted at several.
    Level,
    /// The one it is asked for; its false alarms are counted at the usual one.
    Once,
    /// None: it has limits of its own.
    None,
}

/// A rule for cases.
pub trait Rule: Sync {
    /// What a reader knows it by.
    fn name(&self) -> &str;
    /// What it promises.
    fn promise(&self) -> Promise;
    /// Its answer at chance `alpha` of a false alarm, as far as it can promise one.
    fn judge(&self, case: &Case, alpha: f64) -> Answer;
}

/// What is not ours, in the order of the tables.
#[must_use]
pub fn beside() -> Vec<&'static dyn Rule> {
    let others = others::ALL.iter().map(|rule| rule as &dyn Rule);
    let reference = reference::ALL.iter().map(|rule| rule as &dyn Rule);
    others.chain(reference).collect()
}

/// Processor time of this thread since it began.
#[must_use]
pub fn thread_cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}
