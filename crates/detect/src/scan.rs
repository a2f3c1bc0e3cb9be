//! The sequential statistic: the largest sum of recent residuals over several window lengths.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::residual::CLIP;

/// Window lengths in bins; a shift of δ standard deviations is found after about (h/δ)² bins.
pub(crate) const WINDOWS: [usize; 7] = [3, 5, 10, 20, 40, 80, 120];
/// How many of the window lengths look at the spread as well: single bins are all spread.
const WIDE: usize = 4;
/// Residuals kept: the longest window.
const KEEP: usize = 120;
/// What each window counts before its own noise is known: the shipped maxima were made with these.
const PLAIN: PerWindow = [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
/// Share of harmless windows that stay below one in a window length that was weighed.
const USUAL: f64 = 0.9;

/// One number for each of [`WINDOWS`], then one for the spread in each of the [`WIDE`] longest of them.
pub(crate) type PerWindow = [f64; WINDOWS.len() + WIDE];

/// One number for each of the [`WIDE`] longest windows: how far values jump from one to the next.
pub(crate) type Jumps = [f64; WIDE];
/// Jumps are clipped here: one value that is out of place is two of them, and no restless metric.
const JUMP_MAX: f64 = 3.0;
/// Shortest window in which jumps are counted, and what they count beside sums.
const JUMPS_MIN: usize = 80;
const JUMPS_COUNT: f64 = 0.9;

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
    /// The newest residuals, oldest first, at most `KEEP`.
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
    /// Bins seen.
    bins: usize,
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
            bins: 0,
        }
    }

    /// The same scan, in which each window length counts by its own noise. To be asked before the
    /// first bin.
    pub(crate) const fn weighed(mut self, (weights, jumps): (PerWindow, Jumps)) -> Self {
        self.weights = weights;
        self.jump_weights = jumps;
        self
    }

    /// The same scan, which also sees values that scatter or jump more than is usual: only where any change
    /// counts, because a metric that is merely wilder does no harm.
    pub(crate) const fn scattering(mut self, usual_size: f64, usual_jump: f64) -> Self {
        self.usual_size = usual_size;
        self.usual_jump = usual_jump;
        self
    }

    /// Takes in the residual of one bin; the statistic of this moment `T = max over w of
    /// weight(w) * (sum of the last w residuals) / sqrt(w)`, w no longer than the bins seen.
    pub(crate) fn push(&mut self, residual: f64) -> f64 {
        if self.recent.len() == KEEP {
            self.recent.pop_front();
        }
        self.recent.push_back(residual);
        self.bins += 1;
        let mut best = 0.0_f64;
        let (mut sum, mut size, mut jumps, mut count) = (0.0, 0.0, 0.0, 0);
        let mut later: Option<f64> = None;
        let both = self.sides == Sides::Both;
        let mut newest = self.recent.iter().rev();
        for (i, length) in WINDOWS.iter().enumerate() {
            if *length > self.recent.len() {
                break;
            }
            for value in newest.by_ref().take(length - count) {
                sum += value;
                size += value.abs() - self.usual_size;
                jumps += later.map_or(0.0, |later| jump(*value, later) - self.usual_jump);
                later = Some(*value);
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
        self.max = self.max.max(best);
        best
    }

    /// The largest statistic that clipped residuals can reach within `horizon` bins.
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

    /// The running maximum of each window length, unweighted.
    pub(crate) const fn maxima(&self) -> (PerWindow, Jumps) {
        (self.maxima, self.jump_maxima)
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
            .copied()
            .collect();
        crate::stats::mean(&newest).unwrap_or(0.0)
    }
}

/// How far one residual is from the next, clipped.
pub(crate) const fn jump(value: f64, next: f64) -> f64 {
    (next - value).abs().min(JUMP_MAX)
}

/// What scans of earlier versions counted.
const fn plain() -> PerWindow {
    PLAIN
}

/// Weights under which every window length is as likely to reach one in a harmless window: slow noise
/// fills the long ones, and would hide a short effect. `harmless` are the maxima of such windows of
/// `horizon` bins. A length that does not fit into them has no say; where nothing ever moved, whatever
/// moves is told.
pub(crate) fn weights(harmless: &[(PerWindow, Jumps)], horizon: usize) -> (PerWindow, Jumps) {
    let sides: Vec<PerWindow> = harmless.iter().map(|m| m.0).collect();
    let jumps: Vec<Jumps> = harmless.iter().map(|m| m.1).collect();
    let jumps = weighed(&jumps, |i| length(WINDOWS.len() + i) <= horizon);
    // Jumps over few rows are chance, and a view more costs all others some of their sight.
    let long = |i: usize| length(WINDOWS.len() + i) >= JUMPS_MIN;
    (
        weighed(&sides, |i| length(i) <= horizon),
        std::array::from_fn(|i| if long(i) { JUMPS_COUNT * jumps[i] } else { 0.0 }),
    )
}

fn weighed<const N: usize>(harmless: &[[f64; N]], fits: impl Fn(usize) -> bool) -> [f64; N] {
    std::array::from_fn(|i| {
        let mut maxima: Vec<f64> = harmless.iter().map(|m| m[i]).collect();
        maxima.sort_by(f64::total_cmp);
        let usual = crate::stats::quantile_sorted(&maxima, USUAL);
        let most = maxima.last().copied();
        let known = [usual, most].into_iter().flatten().find(|m| *m > 0.0);
        match known {
            Some(size) => 1.0 / size,
            None if fits(i) => 1.0,
            None => 0.0,
        }
    })
}

/// Bins of the window at a place of [`PerWindow`].
const fn length(place: usize) -> usize {
    if place < WINDOWS.len() {
        WINDOWS[place]
    } else {
        WINDOWS[place - WIDE]
    }
}

/// The maximum over the window lengths.
pub(crate) fn weighted_max(maxima: &(PerWindow, Jumps), weights: &(PerWindow, Jumps)) -> f64 {
    let each = maxima.0.iter().zip(&weights.0);
    let jumps = maxima.1.iter().zip(&weights.1);
    each.chain(jumps).map(|(m, w)| m * w).fold(0.0, f64::max)
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
