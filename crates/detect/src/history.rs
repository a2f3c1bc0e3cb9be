//! The recent samples of one target, in order of time, bounded.

use std::collections::{BTreeMap, VecDeque};

use backstay_model::sample::Held;
use backstay_model::{MetricName, ProbeReading, Sample, Timestamp};
use serde::{Deserialize, Serialize};

/// Samples whose probe readings are kept; older ones nobody asks about.
const PROBED_MAX: usize = 600;
/// Values by which a column grows: doubling would keep half of it empty.
const GROWTH: usize = 256;

/// A bounded run of samples of one target, as columns of single precision: a value of one metric takes
/// four bytes. Values that are not finite are left out on the way in; of two samples with one timestamp
/// the last wins; a sample from before the newest is put in its place.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct History {
    keep: usize,
    times: VecDeque<Timestamp>,
    /// As many values as there are times, not a number where there is none.
    columns: BTreeMap<MetricName, VecDeque<f32>>,
    /// Moments at which the held connection did not answer, in order of time.
    unanswered: VecDeque<(Timestamp, Held)>,
    /// Readings of the probe, in order of time.
    probed: VecDeque<(Timestamp, Vec<ProbeReading>)>,
}

/// A history as it is kept: without probe readings, and as if all had answered.
#[derive(Serialize, Deserialize)]
struct Kept {
    keep: usize,
    times: Vec<Timestamp>,
    columns: BTreeMap<MetricName, Vec<Option<f32>>>,
}

impl From<History> for Kept {
    fn from(history: History) -> Self {
        let finite = |v: f32| Some(v).filter(|v| v.is_finite());
        let kept = |(name, values): (MetricName, VecDeque<f32>)| {
            (name, values.into_iter().map(finite).collect())
        };
        Self {
            keep: history.keep,
            times: history.times.into(),
            columns: history.columns.into_iter().map(kept).collect(),
        }
    }
}

impl From<Kept> for History {
    fn from(kept: Kept) -> Self {
        let length = kept.times.len();
        let column = |(name, values): (MetricName, Vec<Option<f32>>)| {
            let values = values.into_iter().map(|v| v.unwrap_or(f32::NAN));
            let padded = values.chain(std::iter::repeat(f32::NAN)).take(length);
            (name, padded.collect())
        };
        let mut times: VecDeque<Timestamp> = kept.times.into();
        // Read item by item, there may be room for twice as many.
        times.shrink_to_fit();
        Self {
            times,
            columns: kept.columns.into_iter().map(column).collect(),
            ..Self::new(kept.keep)
        }
    }
}

impl History {
    /// An empty history that keeps the newest `keep` samples (at least one).
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self {
            keep: keep.max(1),
            times: VecDeque::new(),
            columns: BTreeMap::new(),
            unanswered: VecDeque::new(),
            probed: VecDeque::new(),
        }
    }

    /// Takes in one sample. O(metrics) for samples in order.
    pub fn push(&mut self, sample: &Sample) {
        let place = self.place(sample.at);
        if self.times.get(place) != Some(&sample.at) {
            insert(&mut self.times, place, sample.at, self.keep);
            for column in self.columns.values_mut() {
                insert(column, place, f32::NAN, self.keep);
            }
        }
        for column in self.columns.values_mut() {
            column[place] = f32::NAN;
        }
        for (name, value) in sample.metrics.iter().filter(|(_, v)| v.is_finite()) {
            if let Some(column) = self.columns.get_mut(name) {
                column[place] = *value as f32;
            } else {
                let mut column: VecDeque<f32> = self.times.iter().map(|_| f32::NAN).collect();
                column[place] = *value as f32;
                self.columns.insert(name.clone(), column);
            }
        }
        let held = Some(&sample.held).filter(|held| **held != Held::Answers);
        note(&mut self.unanswered, sample.at, held.cloned());
        let probes = Some(&sample.probes).filter(|probes| !probes.is_empty());
        note(&mut self.probed, sample.at, probes.cloned());
        self.shorten();
    }

    fn shorten(&mut self) {
        if self.times.len() > self.keep {
            self.times.pop_front();
            self.columns.values_mut().for_each(|column| {
                column.pop_front();
            });
        }
        let Some(first) = self.times.front().copied() else {
            return;
        };
        let probed_from = self.times[self.times.len().saturating_sub(PROBED_MAX)];
        while self.unanswered.front().is_some_and(|(at, _)| *at < first) {
            self.unanswered.pop_front();
        }
        while self.probed.front().is_some_and(|(at, _)| *at < probed_from) {
            self.probed.pop_front();
        }
    }

    fn place(&self, at: Timestamp) -> usize {
        self.times.partition_point(|t| *t < at)
    }

    fn sample(&self, row: usize) -> Sample {
        let at = self.times[row];
        let read = self
            .columns
            .iter()
            .map(|(name, values)| (name, values[row]));
        let present = read.filter(|(_, v)| v.is_finite());
        Sample {
            at,
            metrics: present
                .map(|(name, v)| (name.clone(), f64::from(v)))
                .collect(),
            probes: noted(&self.probed, at).cloned().unwrap_or_default(),
            held: noted(&self.unanswered, at).cloned().unwrap_or_default(),
            // Who kept a lock is told as it happens; that somebody did is among the metrics.
            holders: Vec::new(),
        }
    }

    fn rows_from(&self, first: usize) -> Vec<Sample> {
        (first..self.times.len())
            .map(|row| self.sample(row))
            .collect()
    }

    /// All samples, oldest first.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        self.rows_from(0)
    }

    /// The samples at or after `from`, oldest first.
    #[must_use]
    pub fn since(&self, from: Timestamp) -> Vec<Sample> {
        self.rows_from(self.place(from))
    }

    /// The samples at or after `from` and before `until`, oldest first.
    #[must_use]
    pub fn between(&self, from: Timestamp, until: Timestamp) -> Vec<Sample> {
        let rows = self.place(from)..self.place(until);
        rows.map(|row| self.sample(row)).collect()
    }

    /// The newest `most` samples after `moment`, oldest first.
    #[must_use]
    pub fn after(&self, moment: Timestamp, most: usize) -> Vec<Sample> {
        let first = self.times.partition_point(|t| *t <= moment);
        self.rows_from(first.max(self.times.len().saturating_sub(most)))
    }

    /// Moments of the first sample at or after `from`, and of the newest one.
    #[must_use]
    pub fn span(&self, from: Timestamp) -> Option<(Timestamp, Timestamp)> {
        Some((*self.times.get(self.place(from))?, self.newest_at()?))
    }

    /// The moment of the newest sample before `moment` for which the held connection answered.
    #[must_use]
    pub fn answered_before(&self, moment: Timestamp) -> Option<Timestamp> {
        let earlier = self.times.range(..self.place(moment));
        earlier.rev().find(|at| self.answered(**at)).copied()
    }

    /// The moment of the first sample for which the held connection answered.
    #[must_use]
    pub fn first_answer(&self) -> Option<Timestamp> {
        self.times.iter().find(|at| self.answered(**at)).copied()
    }

    fn answered(&self, at: Timestamp) -> bool {
        noted(&self.unanswered, at).is_none()
    }

    /// The moment of the newest sample.
    #[must_use]
    pub fn newest_at(&self) -> Option<Timestamp> {
        self.times.back().copied()
    }

    /// Samples in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }
}

/// Inserts at `place`, without more room than needed soon: the oldest leaves after the newest came.
fn insert<T>(column: &mut VecDeque<T>, place: usize, value: T, keep: usize) {
    if column.len() == column.capacity() {
        let most = (keep + 1).saturating_sub(column.len());
        column.reserve_exact(GROWTH.min(most).max(1));
    }
    column.insert(place, value);
}

/// Sets what is noted of a moment, or that nothing is.
fn note<T>(notes: &mut VecDeque<(Timestamp, T)>, at: Timestamp, value: Option<T>) {
    let place = notes.partition_point(|(t, _)| *t < at);
    if notes.get(place).is_some_and(|(t, _)| *t == at) {
        notes.remove(place);
    }
    if let Some(value) = value {
        notes.insert(place, (at, value));
    }
}

fn noted<T>(notes: &VecDeque<(Timestamp, T)>, at: Timestamp) -> Option<&T> {
    let place = notes.partition_point(|(t, _)| *t < at);
    notes.get(place).filter(|(t, _)| *t == at).map(|(_, v)| v)
}

/// A value as a history keeps it, of single precision. What is judged while it comes in is judged by it,
/// so that a watch that is opened again on what was kept says the same.
pub(crate) fn kept(value: f64) -> f64 {
    f64::from(value as f32)
}

/// The value of a metric as a history keeps it; `None` where it is not finite.
pub(crate) fn kept_of(sample: &Sample, metric: &MetricName) -> Option<f64> {
    Some(kept(sample.get(metric.as_str())?)).filter(|v| v.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64, value: f64) -> Sample {
        Sample {
            at: Timestamp::from_secs(second),
            metrics: [(MetricName::new("m"), value)].into(),
            ..Sample::default()
        }
    }

    #[test]
    fn it_holds_what_is_asked_for_and_no_more() {
        let mut history = History::new(800);
        let mut most = 0;
        for second in 0..5_000 {
            history.push(&at(second, 1.0));
            most = most.max(history.len());
            assert_eq!(history.len(), 800.min(second as usize + 1));
        }
        assert_eq!(most, 800);
    }

    #[test]
    fn it_is_ordered_bounded_and_finite_and_the_last_of_equals_wins() {
        let mut history = History::new(3);
        for (second, value) in [
            (1, 1.0),
            (3, 3.0),
            (2, f64::NAN),
            (3, 4.0),
            (4, 5.0),
            (5, 6.0),
            (6, 7.0),
        ] {
            history.push(&at(second, value));
        }
        let seen: Vec<_> = history
            .samples()
            .iter()
            .map(|s| (s.at.0 / 1_000_000, s.get("m")))
            .collect();
        assert_eq!(seen, [(4, Some(5.0)), (5, Some(6.0)), (6, Some(7.0))]);
        assert_eq!(history.since(Timestamp::from_secs(5)).len(), 2);
        assert_eq!(history.newest_at(), Some(Timestamp::from_secs(6)));
        let bytes = serde_json::to_string(&history).unwrap();
        let kept: History = serde_json::from_str(&bytes).unwrap();
        assert_eq!(kept.samples(), history.samples());
    }
}
