//! The sequential statistic: the largest sum of recent residuals over several window lengths.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::residual::CLIP;
use views::{Jumps, PLAIN, PerWindow, WIDE, length};

pub(crate) use views::{Views, WINDOWS, weights};

mod views;

/// Bins in which a large shift is looked for as well, each counted nearly as large as it is.
const LARGE_BINS: usize = 5;
/// Residuals kept: the longest window.
const KEEP: usize = 120;
/// Jumps are clipped here: one value that is out of place is two of them, and no restless metric.
const JUMP_MAX: f64 = 3.0;

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
    /// What a statistic of each window length counts.
    #[serde(default = "plain")]
    weights: PerWindow,
    /// The newest residuals, oldest first, at most `KEEP`; far ones drawn near, but not clipped.
    recent: VecDeque<f64>,
    /// Running maximum of the weighted statistic since the change.
    max: f64,
    /// The same of each window length, unweighted.
    #[serde(default)]
    maxima: PerWindow,
    /// The largest statistic when each of the plain windows counts the same, and the mean residual (its
    /// size) of that window.
    #[serde(default)]
    peak: f64,
    peak_mean: f64,
    /// Size of a residual that is usual.
    #[serde(default)]
    usual_size: f64,
    /// What jumps count in each window length, their running maxima, and the size of one that is usual:
    /// where the level wanders slowly, they show what sizes hide.
    #[serde(default)]
    jump_weights: Jumps,
    #[serde(default)]
    jump_maxima: Jumps,
    #[serde(default)]
    usual_jump: f64,
    /// The largest sum of a few residuals that are not clipped.
    #[serde(default)]
    large: Rare,
    /// The longest run of one and the same value, and the one that is going on.
    #[serde(default)]
    still: Rare,
    #[serde(default)]
    in_a_row: usize,
    /// Bins seen.
    bins: usize,
}

/// One bin since the change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bin {
    /// Standard deviations from where it was expected.
    pub(crate) deviation: f64,
    /// Whether its value is that of the bin before.
    pub(crate) repeated: bool,
}

impl Bin {
    /// A bin whose value is new.
    const fn at(deviation: f64) -> Self {
        Self {
            deviation,
            repeated: false,
        }
    }
}

/// A way of looking that only windows of the metric's own can weigh.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Rare {
    weight: f64,
    max: f64,
}

impl Rare {
    const NEVER: Self = Self {
        weight: 0.0,
        max: 0.0,
    };

    /// Takes in a statistic; what it counts.
    const fn seen(&mut self, statistic: f64) -> f64 {
        self.max = self.max.max(statistic);
        statistic * self.weight
    }
}

impl Scan {
    pub(crate) const fn new(sides: Sides) -> Self {
        Self {
            sides,
            weights: PLAIN,
            recent: VecDeque::new(),
            max: 0.0,
            maxima: [0.0; WINDOWS.len() + WIDE],
            peak: 0.0,
            peak_mean: 0.0,
            usual_size: 0.0,
            jump_weights: [0.0; WIDE],
            jump_maxima: [0.0; WIDE],
            usual_jump: 0.0,
            large: Rare::NEVER,
            still: Rare::NEVER,
            in_a_row: 0,
            bins: 0,
        }
    }

    /// The same scan, in which each way of looking counts by its own noise. To be asked before the
    /// first bin.
    pub(crate) const fn weighed(mut self, weights: &Views) -> Self {
        self.weights = weights.windows;
        self.jump_weights = weights.jumps;
        self.large.weight = weights.large;
        self.still.weight = weights.still;
        self
    }

    /// The same scan, which also sees values that scatter or jump more than is usual: only where any change
    /// counts, because a metric that is merely wilder does no harm.
    pub(crate) const fn scattering(mut self, usual_size: f64, usual_jump: f64) -> Self {
        self.usual_size = usual_size;
        self.usual_jump = usual_jump;
        self
    }

    /// Takes in one bin; the statistic of this moment `T = max over w of weight(w) * (sum of the last w clipped
    /// residuals) / sqrt(w)`, w no longer than the bins seen, and what the other ways of looking count.
    pub(crate) fn push(&mut self, bin: Bin) -> f64 {
        if self.recent.len() == KEEP {
            self.recent.pop_front();
        }
        self.recent.push_back(drawn_near(bin.deviation));
        self.bins += 1;
        self.in_a_row = if bin.repeated { self.in_a_row + 1 } else { 0 };
        let best = self.windows().max(self.large_shift()).max(self.standing());
        self.max = self.max.max(best);
        best
    }

    /// What the newest bins count if each is taken as nearly as large as it is: where clipped values are
    /// usual, only their size tells an outage from one more of them.
    fn large_shift(&mut self) -> f64 {
        if self.recent.len() < LARGE_BINS {
            return 0.0;
        }
        let sum: f64 = self.recent.iter().rev().take(LARGE_BINS).sum();
        let side = if self.sides == Sides::Both {
            sum.abs()
        } else {
            sum
        };
        self.large.seen(side / (LARGE_BINS as f64).sqrt())
    }

    /// What it counts that one value came again and again: a gauge that stands still measures nothing.
    fn standing(&mut self) -> f64 {
        if self.sides != Sides::Both {
            return 0.0;
        }
        self.still.seen(self.in_a_row as f64)
    }

    /// The statistic over all window lengths.
    fn windows(&mut self) -> f64 {
        let mut best = 0.0_f64;
        let (mut sum, mut size, mut jumps, mut count) = (0.0, 0.0, 0.0, 0);
        let mut later: Option<f64> = None;
        let both = self.sides == Sides::Both;
        let mut newest = self.recent.iter().rev().map(|r| r.clamp(-CLIP, CLIP));
        for (i, length) in WINDOWS.iter().enumerate() {
            if *length > self.recent.len() {
                break;
            }
            for value in newest.by_ref().take(length - count) {
                sum += value;
                size += value.abs() - self.usual_size;
                jumps += later.map_or(0.0, |later| jump(value, later) - self.usual_jump);
                later = Some(value);
            }
            count = *length;
            let side = if both { sum.abs() } else { sum };
            let scaled = side / (count as f64).sqrt();
            self.maxima[i] = self.maxima[i].max(scaled);
            best = best.max(scaled * self.weights[i]);
            if let Some(place) = (i + WIDE).checked_sub(WINDOWS.len()).filter(|_| both) {
                let wild = size / (count as f64).sqrt();
                let restless = jumps / (count as f64).sqrt();
                self.jump_maxima[place] = self.jump_maxima[place].max(restless);
                best = best.max(restless * self.jump_weights[place]);
                let place = WINDOWS.len() + place;
                self.maxima[place] = self.maxima[place].max(wild);
                best = best.max(wild * self.weights[place]);
            }
            if scaled * PLAIN[i] > self.peak {
                (self.peak, self.peak_mean) = (scaled, side / count as f64);
            }
        }
        best
    }

    /// Maximum of the same scan over other bins; runs of one value stay what they are.
    pub(crate) fn anew(&self, deviations: &[f64]) -> f64 {
        let weights = Views {
            windows: self.weights,
            jumps: self.jump_weights,
            large: self.large.weight,
            still: 0.0,
        };
        let mut scan = Self::new(self.sides)
            .weighed(&weights)
            .scattering(self.usual_size, self.usual_jump);
        for deviation in deviations {
            scan.push(Bin::at(*deviation));
        }
        scan.max.max(self.still.max * self.still.weight)
    }

    /// The largest statistic that clipped residuals can reach within `horizon` bins, at least.
    pub(crate) fn reach(&self, horizon: usize) -> f64 {
        let fits = (0..self.weights.len()).filter(|i| length(*i) <= horizon);
        let each = fits.map(|i| CLIP * (length(i) as f64).sqrt() * self.weights[i]);
        each.fold(0.0, f64::max)
    }

    /// The usual size of a residual when that they scatter is what stands out most.
    pub(crate) fn spread_at_peak(&self) -> Option<f64> {
        let most = |maxima: &[f64], weights: &[f64]| {
            let each = maxima.iter().zip(weights).map(|(m, w)| m * w);
            each.fold(0.0, f64::max)
        };
        let (level, spread) = self.maxima.split_at(WINDOWS.len());
        let jumps = most(&self.jump_maxima, &self.jump_weights);
        let spread = most(spread, &self.weights[WINDOWS.len()..]).max(jumps);
        (spread > most(level, &self.weights)).then_some(self.usual_size)
    }

    /// The running maximum of each way of looking, unweighted.
    pub(crate) const fn maxima(&self) -> Views {
        Views {
            windows: self.maxima,
            jumps: self.jump_maxima,
            large: self.large.max,
            still: self.still.max,
        }
    }

    /// Whether one value came again and again until that alone reached a level.
    pub(crate) fn stands_still(&self, level: f64) -> bool {
        self.still.max * self.still.weight >= level
    }

    /// The running maximum since the change.
    pub(crate) const fn max(&self) -> f64 {
        self.max
    }

    /// Mean residual in the window of the largest sum.
    pub(crate) const fn peak_mean(&self) -> f64 {
        self.peak_mean
    }

    /// Bins seen since the change.
    pub(crate) const fn bins(&self) -> usize {
        self.bins
    }

    /// Mean residual of the newest `count` bins.
    pub(crate) fn recent_mean(&self, count: usize) -> f64 {
        let newest: Vec<f64> = self
            .recent
            .iter()
            .rev()
            .take(count.max(1))
            .map(|r| r.clamp(-CLIP, CLIP))
            .collect();
        crate::stats::mean(&newest).unwrap_or(0.0)
    }
}

/// How far one residual is from the next, clipped.
pub(crate) const fn jump(value: f64, next: f64) -> f64 {
    (next - value).abs().min(JUMP_MAX)
}

/// A residual beyond the clip counts by the logarithm of its size: ten times as far is not ten times as
/// sure, and still further.
fn drawn_near(deviation: f64) -> f64 {
    let size = deviation.abs();
    if size <= CLIP {
        return deviation;
    }
    deviation.signum() * CLIP * (1.0 + (size / CLIP).ln())
}

/// What scans of earlier versions counted.
const fn plain() -> PerWindow {
    PLAIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_shift_grows_and_a_single_spike_is_forgotten() {
        let mut shift = Scan::new(Sides::Upper);
        for _ in 0..9 {
            shift.push(Bin::at(2.0));
        }
        assert!((shift.push(Bin::at(2.0)) - 20.0 / 10.0_f64.sqrt()).abs() < 1e-9);
        let mut spike = Scan::new(Sides::Upper);
        spike.push(Bin::at(5.0));
        for _ in 0..40 {
            spike.push(Bin::at(0.0));
        }
        assert!(spike.max() < 3.0 && spike.recent_mean(3).abs() < 1e-9);
    }

    #[test]
    fn the_better_side_counts_only_when_asked() {
        let (mut one, mut two) = (Scan::new(Sides::Upper), Scan::new(Sides::Both));
        for _ in 0..5 {
            one.push(Bin::at(-3.0));
            two.push(Bin::at(-3.0));
        }
        assert!(one.max() < 1e-9 && two.max() > 6.0);
    }
}
