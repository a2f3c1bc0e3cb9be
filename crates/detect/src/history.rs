//! The recent samples of one target, in order of time, bounded.

use std::collections::{BTreeMap, VecDeque};

use backstay_model::sample::Held;
use backstay_model::{MetricName, ProbeReading, Sample, Timestamp};
use serde::{Deserialize, Serialize};

/// Samples whose probe readings are kept; older ones nobody asks about.
const PROBED_MAX: usize = 600;

/// A bounded run of samples of one target, as columns of single precision: a value of one metric takes
/// four bytes. Values that are not finite are left out on the way in; of two samples with one timestamp
/// the last wins; a sample from before the newest is put in its place.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct History {
    /// Names of the columns, in the order they were first met.
    names: Vec<MetricName>,
    columns: BTreeMap<MetricName, usize>,
    rows: VecDeque<Row>,
    keep: usize,
}

/// One sample: a value for each column it knows, not a number where there is none.
#[derive(Clone, Debug)]
struct Row {
    at: Timestamp,
    values: Box<[f32]>,
    held: Held,
    probes: Vec<ProbeReading>,
}

/// A history as it is kept: without probe readings.
#[derive(Serialize, Deserialize)]
struct Kept {
    keep: usize,
    names: Vec<MetricName>,
    rows: Vec<(i64, Vec<Option<f32>>)>,
}

impl From<History> for Kept {
    fn from(history: History) -> Self {
        let finite = |v: &f32| Some(*v).filter(|v| v.is_finite());
        let row = |r: Row| (r.at.0, r.values.iter().map(finite).collect());
        Self {
            keep: history.keep,
            names: history.names,
            rows: history.rows.into_iter().map(row).collect(),
        }
    }
}

impl From<Kept> for History {
    fn from(kept: Kept) -> Self {
        let mut history = Self::new(kept.keep);
        for name in kept.names {
            history.column(&name);
        }
        let row = |(at, values): (i64, Vec<Option<f32>>)| Row {
            at: Timestamp(at),
            values: values.iter().map(|v| v.unwrap_or(f32::NAN)).collect(),
            held: Held::Answers,
            probes: Vec::new(),
        };
        history.rows = kept.rows.into_iter().map(row).collect();
        history
    }
}

impl History {
    /// An empty history that keeps the newest `keep` samples (at least one).
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self {
            names: Vec::new(),
            columns: BTreeMap::new(),
            rows: VecDeque::new(),
            keep: keep.max(1),
        }
    }

    /// Takes in one sample. O(metrics) for samples in order.
    pub fn push(&mut self, sample: &Sample) {
        let mut values = vec![f32::NAN; self.names.len()];
        for (name, value) in sample.metrics.iter().filter(|(_, v)| v.is_finite()) {
            let column = self.column(name);
            if column >= values.len() {
                values.resize(column + 1, f32::NAN);
            }
            values[column] = *value as f32;
        }
        let row = Row {
            at: sample.at,
            values: values.into_boxed_slice(),
            held: sample.held.clone(),
            probes: sample.probes.clone(),
        };
        let place = self.rows.partition_point(|r| r.at < sample.at);
        match self.rows.get_mut(place) {
            Some(same) if same.at == sample.at => *same = row,
            _ => self.rows.insert(place, row),
        }
        if self.rows.len() > self.keep {
            self.rows.pop_front();
        }
        let old = self.rows.len().checked_sub(PROBED_MAX + 1);
        if let Some(old) = old.and_then(|i| self.rows.get_mut(i)) {
            old.probes = Vec::new();
        }
    }

    fn column(&mut self, name: &MetricName) -> usize {
        if let Some(column) = self.columns.get(name) {
            return *column;
        }
        let column = self.names.len();
        self.names.push(name.clone());
        self.columns.insert(name.clone(), column);
        column
    }

    fn sample(&self, row: &Row) -> Sample {
        let read = self.names.iter().zip(&row.values);
        let present = read.filter(|(_, v)| v.is_finite());
        Sample {
            at: row.at,
            metrics: present
                .map(|(name, v)| (name.clone(), f64::from(*v)))
                .collect(),
            probes: row.probes.clone(),
            held: row.held.clone(),
        }
    }

    fn from_row(&self, first: usize) -> Vec<Sample> {
        let rows = self.rows.range(first.min(self.rows.len())..);
        rows.map(|row| self.sample(row)).collect()
    }

    /// All samples, oldest first.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        self.from_row(0)
    }

    /// The samples at or after `from`, oldest first.
    #[must_use]
    pub fn since(&self, from: Timestamp) -> Vec<Sample> {
        self.from_row(self.rows.partition_point(|r| r.at < from))
    }

    /// The newest `most` samples after `moment`, oldest first.
    #[must_use]
    pub fn after(&self, moment: Timestamp, most: usize) -> Vec<Sample> {
        let first = self.rows.partition_point(|r| r.at <= moment);
        self.from_row(first.max(self.rows.len().saturating_sub(most)))
    }

    /// Moments of the first sample at or after `from`, and of the newest one.
    #[must_use]
    pub fn span(&self, from: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let first = self.rows.partition_point(|r| r.at < from);
        Some((self.rows.get(first)?.at, self.rows.back()?.at))
    }

    /// The moment of the newest sample before `moment` for which the held connection answered.
    #[must_use]
    pub fn answered_before(&self, moment: Timestamp) -> Option<Timestamp> {
        let answered = |r: &&Row| r.at < moment && r.held == Held::Answers;
        self.rows.iter().rev().find(answered).map(|r| r.at)
    }

    /// The moment of the first sample for which the held connection answered.
    #[must_use]
    pub fn first_answer(&self) -> Option<Timestamp> {
        let answered = |r: &&Row| r.held == Held::Answers;
        self.rows.iter().find(answered).map(|r| r.at)
    }

    /// The moment of the newest sample.
    #[must_use]
    pub fn newest_at(&self) -> Option<Timestamp> {
        self.rows.back().map(|r| r.at)
    }

    /// Samples in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes in memory, without the readings of the probe.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of_row = |r: &Row| size_of::<Row>() + size_of_val::<[f32]>(&r.values);
        self.rows.iter().map(of_row).sum()
    }
}

/// The sample without values that are not finite.
pub(crate) fn finite(sample: &Sample) -> Sample {
    let mut sample = sample.clone();
    sample.metrics.retain(|_, v| v.is_finite());
    sample
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
