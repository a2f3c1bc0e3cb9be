//! One anomaly score for each row of a series, from the rows before it only.

use crate::clock::Clock;
use crate::residual::{Form, Point};
use crate::season;
use crate::stats::{self, Sliding};

/// Rows whose median is the centre line without a season.
const LEVEL_ROWS: usize = 60;
/// Rows that give the scale.
const SCALE_ROWS: usize = 360;
/// Rows at the start that cannot be judged; they fix the transform and the step.
const PROBATION: usize = 30;
/// Past statistics that a new one is ranked among.
const RANKED_MAX: usize = 5_000;
/// Windows over which residuals are added up.
const WINDOWS: [usize; 3] = [1, 5, 20];
/// Least decay of the tail beyond the largest statistic seen, in standard deviations.
const TAIL_SLOPE: f64 = 1.0;
/// Smallest scale.
const SCALE_MIN: f64 = 0.02;
/// Residuals are clipped here: one wild row is not twenty.
const CLIP: f64 = 8.0;

/// Anomaly scores in 0..1, one for each row (rows in order of time, values finite): one minus the
/// chance of a statistic this large among the rows before. The first rows score zero. No row looks
/// ahead: appending rows never changes the scores of earlier ones.
#[must_use]
pub fn scores(rows: &[Point]) -> Vec<f64> {
    let form = Form::of(&rows[..rows.len().min(PROBATION)], 0.0);
    let values: Vec<Point> = rows
        .iter()
        .map(|p| Point {
            at: p.at,
            value: form.of_value(p.value),
        })
        .collect();
    let line = season::line(
        &values,
        season::step_of(&values[..values.len().min(PROBATION)]),
        &Clock::utc(),
    );
    let mut line = line.iter().peekable();
    let away: Vec<f64> = values
        .iter()
        .map(|p| {
            while line.next_if(|l| l.at < p.at).is_some() {}
            match line.peek().filter(|l| l.at == p.at) {
                Some(below) => p.value - below.value,
                None => p.value,
            }
        })
        .collect();
    let mut past = Ranked::default();
    let mut usual = Usual::default();
    let mut residuals: Vec<f64> = Vec::with_capacity(away.len());
    (0..away.len())
        .map(|i| {
            residuals.push(usual.residual(&away, i));
            if i < PROBATION {
                return 0.0;
            }
            let statistic = statistic(&residuals);
            let chance = past.chance(statistic);
            past.insert(statistic, RANKED_MAX);
            1.0 - chance
        })
        .collect()
}

/// The rows before the one that is scored: millions of rows are only slid over.
#[derive(Default)]
struct Usual {
    level: Sliding,
    scale: Sliding,
}

impl Usual {
    /// Distance of row `i` from the median of the rows before it, in their standard deviations; rows are
    /// asked for one after the other.
    fn residual(&mut self, away: &[f64], i: usize) -> f64 {
        let Some(newest) = i.checked_sub(1) else {
            return 0.0;
        };
        for (window, rows) in [(&mut self.level, LEVEL_ROWS), (&mut self.scale, SCALE_ROWS)] {
            window.insert(away[newest]);
            if let Some(left) = newest.checked_sub(rows) {
                window.remove(away[left]);
            }
        }
        let Some(level) = self.level.median() else {
            return 0.0;
        };
        let scale = self.scale.mad(level).max(SCALE_MIN);
        ((away[i] - level) / scale).clamp(-CLIP, CLIP)
    }
}

/// Largest scaled sum of the newest residuals, either way.
fn statistic(residuals: &[f64]) -> f64 {
    let sums = WINDOWS.iter().map(|w| {
        let newest = &residuals[residuals.len().saturating_sub(*w)..];
        newest.iter().sum::<f64>().abs() / (newest.len() as f64).sqrt()
    });
    sums.fold(0.0, f64::max)
}

/// The past statistics, ascending, and in the order they came, in single precision: a guard keeps thousands
/// of each target.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Ranked {
    sorted: Vec<f32>,
    order: std::collections::VecDeque<f32>,
}

impl Ranked {
    /// Chance of a statistic of at least `value` among those before it, continued exponentially
    /// beyond the largest of them.
    pub(crate) fn chance(&self, value: f64) -> f64 {
        let n = self.sorted.len();
        // Rounded like those before it: what was tied stays so.
        let single = value as f32;
        let at = self.sorted.partition_point(|s| *s < single);
        let rank = (1 + n - at) as f64 / (n + 1) as f64;
        let tail = self
            .sorted
            .last()
            .filter(|max| single > **max)
            .map_or(1.0, |max| {
                let max = f64::from(*max);
                let sorted: Vec<f64> = self.sorted.iter().copied().map(f64::from).collect();
                let body = stats::quantile_sorted(&sorted, 0.9).unwrap_or(max);
                let slope = ((max - body) / (0.1 * n as f64 + 1.0).ln().max(1.0)).max(TAIL_SLOPE);
                (-(value - max) / slope).exp().max(1e-6)
            });
        rank * tail
    }

    /// Statistics in it.
    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Takes in a statistic; beyond `most` the oldest goes.
    pub(crate) fn insert(&mut self, value: f64, most: usize) {
        let value = value as f32;
        let place = |sorted: &[f32], of: f32| sorted.partition_point(|s| *s < of);
        let at = place(&self.sorted, value);
        self.order.push_back(value);
        if self.order.len() <= most {
            self.sorted.insert(at, value);
            return;
        }
        let Some(old) = self.order.pop_front() else {
            return;
        };
        // Only what lies between the one that goes and the one that comes moves.
        let gone = place(&self.sorted, old);
        if gone < at {
            self.sorted.copy_within(gone + 1..at, gone);
            self.sorted[at - 1] = value;
        } else {
            self.sorted.copy_within(at..gone, at + 1);
            self.sorted[at] = value;
        }
    }
}

#[cfg(test)]
mod tests;
