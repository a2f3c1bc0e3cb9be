//! Work that stands still behind a lock which another session keeps for reasons of its own: a
//! transaction that was left open, a migration, a `LOCK TABLE`. No setting did that, and what such a
//! time shows of throughput and of times is not judged. Who is behind which lock is the engine's
//! knowledge; here it is a metric, and names for people.

use backstay_model::metric::MetricRole;
use backstay_model::sample::LockHolder;
use backstay_model::verdict::{Finding, Trigger};
use backstay_model::{MetricName, Sample, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::wording::clock;

/// Sessions that wait for such a lock.
const FOREIGN: &str = "foreign_lock_waits";
/// Sessions that wait for anything.
const WAITING: &str = "waiting_sessions";
/// Sessions that work or wait.
const ACTIVE: &str = "active_sessions";
/// Share of those that wait, and of those that work or wait, that must wait for such a lock.
const OF_WAITING: f64 = 0.8;
const OF_ACTIVE: f64 = 0.5;
/// Steps after the lock was given up in which what waited is worked off: its times are those of the wait.
const SETTLING: i64 = 5;
/// Newest samples before the change, and the share of them in which work that stands so is usual here.
const LATELY: usize = 120;
const USUAL: f64 = 0.25;

/// Whether work that waits for a lock of another session excuses the target.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum LockWaits {
    /// It does.
    #[default]
    Excused,
    /// It does not: the change is itself about locks, or about how long anybody may wait.
    Blamed,
}

/// What a watch saw of such locks.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct HeldUp {
    waits: LockWaits,
    /// The last time in which work stood so: its first and its newest sample.
    last: Option<(Timestamp, Timestamp)>,
    /// Most sessions that waited in it, and who kept the lock.
    most: f64,
    holders: Vec<LockHolder>,
    /// Samples since the change that are not judged because of it.
    bins: u32,
}

/// Whether a sample is judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Counts {
    Yes,
    /// For errors, refusals and falls only: nothing is said of how much is done and how fast.
    NotForWork,
}

impl HeldUp {
    /// Nothing seen yet; `before` are samples from before the change. Where work stood behind such locks
    /// then, that is how it goes here, and explains nothing new.
    pub(crate) fn begin<'a>(
        waits: LockWaits,
        before: impl DoubleEndedIterator<Item = &'a Sample>,
    ) -> Self {
        let (mut count, mut stood) = (0_usize, 0_usize);
        for sample in before.rev().take(LATELY) {
            count += 1;
            stood += usize::from(stands(sample));
        }
        let usual = count > 0 && stood as f64 >= USUAL * count as f64;
        Self {
            waits: if usual { LockWaits::Blamed } else { waits },
            ..Self::default()
        }
    }

    /// Takes note of a sample.
    pub(crate) fn see(&mut self, sample: &Sample, step: Span) -> Counts {
        if self.waits == LockWaits::Blamed {
            return Counts::Yes;
        }
        if stands(sample) {
            let now = sample.get(FOREIGN).unwrap_or(0.0);
            let since = match self.last {
                Some((since, _)) if self.amid(sample.at, step) => since,
                _ => {
                    (self.most, self.holders) = (0.0, Vec::new());
                    sample.at
                }
            };
            self.last = Some((since, sample.at));
            self.most = self.most.max(now);
            if !sample.holders.is_empty() {
                self.holders.clone_from(&sample.holders);
            }
        }
        if !self.amid(sample.at, step) {
            return Counts::Yes;
        }
        self.bins += 1;
        Counts::NotForWork
    }

    /// Whether work stands so at `now`, or did a moment ago.
    pub(crate) fn amid(&self, now: Timestamp, step: Span) -> bool {
        let last = self.last.map(|(_, newest)| newest);
        last.is_some_and(|newest| now.since(newest) <= Span(SETTLING * step.0))
    }

    /// When it last did.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.last.map(|(_, newest)| newest)
    }

    /// Whether it ever did since the change.
    pub(crate) const fn ever(&self) -> bool {
        self.last.is_some()
    }

    /// Samples that are not judged because of it.
    pub(crate) const fn bins(&self) -> u32 {
        self.bins
    }

    /// What a person reads about it.
    pub(crate) fn finding(&self, now: Timestamp, step: Span) -> Option<Finding> {
        let (since, newest) = self.last?;
        let (count, who) = (self.most, keepers(&self.holders));
        let text = if self.amid(now, step) {
            format!(
                "{count:.0} sessions wait for a lock that {who} keeps, since {}",
                clock(since)
            )
        } else {
            format!(
                "{count:.0} sessions waited for a lock that {who} kept, from {} to {}: that time is not \
                 judged",
                clock(since),
                clock(newest)
            )
        };
        Some(Finding {
            metric: MetricName::from_static(FOREIGN),
            role: MetricRole::Saturation,
            before: None,
            after: Some(count),
            harm: None,
            p_value: None,
            alarm_at: None,
            since: Some(since),
            text,
        })
    }
}

/// Class changes that such a lock explains: that nothing moves, or slowly. Errors, clients that are not
/// let in, and a server that falls are none of it.
pub(crate) const fn explains(trigger: Trigger) -> bool {
    matches!(
        trigger,
        Trigger::Hang | Trigger::Ratio | Trigger::FewerButFaster
    )
}

/// Whether most of what waits, and half of what is at work, waits for a lock that somebody keeps for
/// reasons of their own. Where it cannot be told, it does not.
pub(crate) fn stands(sample: &Sample) -> bool {
    let read = (sample.get(FOREIGN), sample.get(WAITING), sample.get(ACTIVE));
    let (Some(foreign), Some(waiting), Some(active)) = read else {
        return false;
    };
    foreign >= 1.0 && foreign >= OF_WAITING * waiting && foreign >= OF_ACTIVE * active
}

/// `session 1234 (psql, role ann, idle in transaction since 10:00:12)`.
fn keepers(holders: &[LockHolder]) -> String {
    let told = |holder: &LockHolder| {
        let client = Some(holder.application.as_str()).filter(|name| !name.is_empty());
        let client = client.map_or_else(String::new, |name| format!("{name}, "));
        format!(
            "session {} ({client}role {}, {} since {})",
            holder.session,
            holder.role,
            holder.doing.words(),
            clock(holder.since)
        )
    };
    let told: Vec<String> = holders.iter().map(told).collect();
    if told.is_empty() {
        "another session".to_owned()
    } else {
        told.join(" and ")
    }
}

#[cfg(test)]
mod tests;
