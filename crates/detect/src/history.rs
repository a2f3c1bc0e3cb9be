//! The recent samples of one target, in order of time, bounded.

use backstay_model::{Sample, Timestamp};
use serde::{Deserialize, Serialize};

/// Samples kept when no other bound is asked for: one hour at one a second.
pub const HISTORY_MAX: usize = 3_600;

/// A bounded run of samples of one target. Values that are not finite are left out on the way in;
/// of two samples with one timestamp the last wins; a sample from before the newest is put in its
/// place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    samples: Vec<Sample>,
    keep: usize,
}

impl History {
    /// An empty history that keeps the newest `keep` samples (at least one).
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self {
            samples: Vec::new(),
            keep: keep.max(1),
        }
    }

    /// Takes in one sample. Amortised O(1) for samples in order.
    pub fn push(&mut self, sample: &Sample) {
        let sample = finite(sample);
        match self.samples.binary_search_by_key(&sample.at, |s| s.at) {
            Ok(i) => self.samples[i] = sample,
            Err(i) => self.samples.insert(i, sample),
        }
        // Trimmed in blocks, so that the samples stay one slice.
        if self.samples.len() > self.most() {
            self.samples.drain(..self.samples.len() - self.keep);
        }
    }

    /// The most samples that are in memory at a time: a sample is large, and nobody reads the surplus.
    const fn most(&self) -> usize {
        self.keep + self.keep / 8
    }

    /// All samples, oldest first: at least the newest `keep`, at most an eighth more.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The samples at or after `from`, oldest first.
    #[must_use]
    pub fn since(&self, from: Timestamp) -> &[Sample] {
        &self.samples[self.samples.partition_point(|s| s.at < from)..]
    }

    /// The newest sample.
    #[must_use]
    pub fn newest(&self) -> Option<&Sample> {
        self.samples.last()
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
    use backstay_model::MetricName;

    fn at(second: i64, value: f64) -> Sample {
        Sample {
            at: Timestamp::from_secs(second),
            metrics: [(MetricName::new("m"), value)].into(),
            ..Sample::default()
        }
    }

    #[test]
    fn it_holds_what_is_asked_for_and_little_more() {
        let mut history = History::new(800);
        let mut most = 0;
        for second in 0..5_000 {
            history.push(&at(second, 1.0));
            most = most.max(history.samples().len());
            assert!(history.samples().len() >= 800.min(second as usize + 1));
        }
        assert_eq!(most, 900);
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
        assert_eq!(history.newest().unwrap().at, Timestamp::from_secs(6));
    }
}
