//! The slow path: what seconds cannot show. Samples become bins of a minute, kept for three days, and of
//! five minutes, kept for a week, so that a watch of a day knows the usual time of day; its harmless
//! windows are of two hours.

use std::collections::BTreeMap;

use backstay_model::metric::{MetricRole, MetricSpec};
use backstay_model::sample::Held;
use backstay_model::{ChangeSet, MetricName, Sample, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::banks::Banks;
use crate::history::History;
use crate::policy::DetectPolicy;
use crate::track::PRE_BINS;
use crate::watch::{Opening, Watch};

/// Width of a bin.
const MINUTE: Span = Span::from_secs(60);
/// Width of a bin of the week.
const FIVE: Span = Span::from_secs(300);
/// Bins of a minute: three days, and an hour before a change.
const MINUTES_MAX: usize = 73 * 60;
/// Bins of five minutes: a week.
const FIVES_MAX: usize = 7 * 288;
/// Length of a harmless window.
const WINDOW: Span = Span::from_secs(2 * 3_600);
/// How long a change is watched by the minute: one daily cycle, with vacuum, batches and backups.
pub const DAY: Span = Span::from_secs(24 * 3_600);
/// How long at most, when a day decided nothing: queries that are rare.
pub const THREE_DAYS: Span = Span::from_secs(72 * 3_600);
/// Share of the samples of a bin that must be there.
const PRESENT_MIN: f64 = 0.5;
/// Chance of a late alarm in a whole day of a harmless change. It puts nothing back by itself, so it
/// warns at the level of warnings.
const ALPHA: f64 = 0.05;

/// The slow path of one target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Slow {
    policy: DetectPolicy,
    #[serde(skip)]
    specs: Vec<MetricSpec>,
    minutes: History,
    fives: History,
    #[serde(skip)]
    minute: Bin,
    #[serde(skip)]
    five: Bin,
    banks: Banks,
    disturbed_at: Timestamp,
}

/// A bin that is being filled.
#[derive(Clone, PartialEq, Debug, Default)]
struct Bin {
    /// Index of the bin: time over its width.
    index: i64,
    sums: BTreeMap<MetricName, (f64, u32)>,
    samples: u32,
}

impl Bin {
    /// Takes in a sample; the bin before it when that is complete.
    fn push(&mut self, sample: &Sample, width: Span, expected: f64) -> Option<Sample> {
        // A sample covers the second that ends at its moment.
        let index = (sample.at.0 - 1).div_euclid(width.0);
        let mut done = None;
        if index != self.index {
            done = self.take(width, expected);
            self.index = index;
        }
        self.samples += u32::from(sample.held == Held::Answers);
        for (name, value) in sample.metrics.iter().filter(|(_, v)| v.is_finite()) {
            let (sum, count) = self.sums.entry(name.clone()).or_default();
            *sum += value;
            *count += 1;
        }
        done
    }

    fn take(&mut self, width: Span, expected: f64) -> Option<Sample> {
        let Self {
            index,
            sums,
            samples,
        } = std::mem::take(self);
        let enough = |count: u32| f64::from(count) >= PRESENT_MIN * expected;
        if !enough(samples) {
            return None;
        }
        let present = sums.into_iter().filter(|(_, (_, count))| enough(*count));
        Some(Sample {
            at: Timestamp((index + 1) * width.0),
            metrics: present
                .map(|(name, (sum, count))| (name, sum / f64::from(count)))
                .collect(),
            ..Sample::default()
        })
    }
}

impl Slow {
    /// An empty slow path beside one whose levels and gates are `policy`.
    #[must_use]
    pub fn new(policy: &DetectPolicy) -> Self {
        let policy = DetectPolicy {
            step: MINUTE,
            watch: WINDOW,
            min_baseline: Span(MINUTE.0 * PRE_BINS as i64),
            alpha_act: ALPHA,
            alpha_warn: ALPHA,
            ..policy.clone()
        };
        Self {
            specs: Vec::new(),
            minutes: History::new(MINUTES_MAX),
            fives: History::new(FIVES_MAX),
            minute: Bin::default(),
            five: Bin::default(),
            banks: Banks::new(&[], &policy),
            disturbed_at: Timestamp(0),
            policy,
        }
    }

    /// The metrics of the engine: outcomes, demand and host are kept by the minute.
    pub fn measure(&mut self, specs: &[MetricSpec]) {
        let kept = |s: &&MetricSpec| {
            s.role.outcome() || matches!(s.role, MetricRole::Demand | MetricRole::Host)
        };
        self.specs = specs.iter().filter(kept).cloned().collect();
        self.banks.measure(&self.specs);
    }

    /// Takes over what an earlier slow path of the same target learnt.
    pub fn take_over(&mut self, earlier: Self) {
        self.minutes = earlier.minutes;
        self.fives = earlier.fives;
        self.banks.take_over(earlier.banks);
    }

    /// Takes in a sample of a second; the minute that ended with it.
    pub fn push(&mut self, sample: &Sample) -> Option<Sample> {
        let mut part = Sample {
            at: sample.at,
            held: sample.held.clone(),
            ..Sample::default()
        };
        for spec in &self.specs {
            if let Some(value) = sample.get(spec.name.as_str()) {
                part.metrics.insert(spec.name.clone(), value);
            }
        }
        if let Some(five) = self.five.push(&part, FIVE, 300.0) {
            self.fives.push(&five);
        }
        let minute = self.minute.push(&part, MINUTE, 60.0)?;
        self.minutes.push(&minute);
        Some(minute)
    }

    /// Takes in a minute from a time without a watch.
    pub fn learn(&mut self, minute: &Sample) {
        let (minutes, fives) = (&self.minutes, &self.fives);
        self.banks.push(minute, |since| past(minutes, fives, since));
    }

    /// Says that something happened: no harmless window touches it.
    pub fn disturb(&mut self, at: Timestamp) {
        self.banks.disturb(at);
        self.disturbed_at = self.disturbed_at.max(at);
    }

    /// Opens a watch of a day on a change, on all minutes around it.
    #[must_use]
    pub fn open(&self, change: &ChangeSet) -> Watch {
        Watch::open(&Opening {
            change,
            specs: &self.specs,
            history: &past(&self.minutes, &self.fives, Timestamp(i64::MIN)),
            banks: &self.banks,
            policy: &self.policy,
            until: change.effective_at() + DAY,
            lock_waits: crate::LockWaits::Excused,
        })
    }

    /// What harmless windows taught.
    #[must_use]
    pub const fn banks(&self) -> &Banks {
        &self.banks
    }
}

/// The week by five minutes until the minutes begin, then the minutes; empty when nothing calm is long
/// enough after `since`.
fn past(minutes: &History, fives: &History, since: Timestamp) -> Vec<Sample> {
    if minutes.after(since, PRE_BINS).len() < PRE_BINS {
        return Vec::new();
    }
    let newer = minutes.samples();
    let begin = newer.first().map_or(Timestamp(i64::MIN), |s| s.at);
    let mut all = fives.samples();
    all.retain(|s| s.at < begin);
    all.extend(newer);
    all
}

#[cfg(test)]
mod tests;
