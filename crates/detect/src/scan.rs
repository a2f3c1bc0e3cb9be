//! The sequential statistic: the largest sum of recent residuals over several window lengths.

use serde::{Deserialize, Serialize};

/// Window lengths in bins; a shift of δ standard deviations is found after about (h/δ)² bins.
const WINDOWS: [usize; 5] = [3, 5, 10, 20, 40];
/// Residuals kept: the longest window.
const KEEP: usize = 40;

/// Whether sums far below zero count as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Sides {
    /// Only sums above zero: worse is up after the sign of the metric.
    Upper,
    /// Both: any change counts.
    Both,
}

/// Running state of the scan over the bins since the change.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Scan {
    sides: Sides,
    /// The newest residuals, oldest first, at most `KEEP`.
    recent: Vec<f64>,
    /// Running maximum of the statistic since the change.
    max: f64,
    /// Mean residual (its size) of the window that gave the maximum.
    peak_mean: f64,
    /// Bins seen.
    bins: usize,
}

impl Scan {
    pub(crate) const fn new(sides: Sides) -> Self {
        Self {
            sides,
            recent: Vec::new(),
            max: 0.0,
            peak_mean: 0.0,
            bins: 0,
        }
    }

    /// Takes in the residual of one bin; the statistic of this moment
    /// `T = max over w of (sum of the last w residuals) / sqrt(w)`, w no longer than the bins seen.
    pub(crate) fn push(&mut self, residual: f64) -> f64 {
        if self.recent.len() == KEEP {
            self.recent.remove(0);
        }
        self.recent.push(residual);
        self.bins += 1;
        let (mut best, mut best_mean) = (0.0_f64, 0.0_f64);
        let mut sum = 0.0;
        for (i, value) in self.recent.iter().rev().enumerate() {
            sum += value;
            let count = i + 1;
            if !WINDOWS.contains(&count) {
                continue;
            }
            let side = if self.sides == Sides::Both {
                sum.abs()
            } else {
                sum
            };
            let scaled = side / (count as f64).sqrt();
            if scaled > best {
                (best, best_mean) = (scaled, side / count as f64);
            }
        }
        if best > self.max {
            (self.max, self.peak_mean) = (best, best_mean);
        }
        best
    }

    /// The running maximum since the change.
    pub(crate) const fn max(&self) -> f64 {
        self.max
    }

    /// Mean residual in the window that gave the maximum.
    pub(crate) const fn peak_mean(&self) -> f64 {
        self.peak_mean
    }

    /// Bins seen since the change.
    pub(crate) const fn bins(&self) -> usize {
        self.bins
    }

    /// Mean residual of the newest `count` bins.
    pub(crate) fn recent_mean(&self, count: usize) -> f64 {
        let from = self.recent.len().saturating_sub(count.max(1));
        crate::stats::mean(&self.recent[from..]).unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_shift_grows_and_a_single_spike_is_forgotten() {
        let mut shift = Scan::new(Sides::Upper);
        for _ in 0..9 {
            shift.push(2.0);
        }
        assert!((shift.push(2.0) - 20.0 / 10.0_f64.sqrt()).abs() < 1e-9);
        let mut spike = Scan::new(Sides::Upper);
        spike.push(5.0);
        for _ in 0..40 {
            spike.push(0.0);
        }
        assert!(spike.max() < 3.0 && spike.recent_mean(3).abs() < 1e-9);
    }

    #[test]
    fn the_better_side_counts_only_when_asked() {
        let (mut one, mut two) = (Scan::new(Sides::Upper), Scan::new(Sides::Both));
        for _ in 0..5 {
            one.push(-3.0);
            two.push(-3.0);
        }
        assert!(one.max() < 1e-9 && two.max() > 6.0);
    }
}
