//! The plain pipeline: seasonal median, frozen level and scale, windows of five lengths, placebo.

use backstay_model::Timestamp;

use super::super::column::{Around, Said};
use super::middle;
use crate::case::Case;
use crate::measure::quantile;

/// Earlier days whose same time is looked at.
const DAYS: usize = 7;
/// Bins around the same time that count.
const NEAR: usize = 3;
/// Bins before the change whose median is the level.
const LEVEL: usize = 60;
/// Bins before the change whose deviation is the scale: 6 h of minutes.
const SCALE: usize = 360;
/// Fewest values of a level.
const LEVEL_MIN: usize = 5;
/// Least scale, as a share of the level.
const SCALE_MIN: f64 = 0.02;
/// Scaled residuals are no further from zero.
const CLIP: f64 = 5.0;
/// Lengths of the windows, in bins.
const WINDOWS: [usize; 5] = [3, 5, 10, 20, 40];
/// Most earlier moments.
const PLACEBOS: usize = 150;
/// Fewest earlier moments that make a rank.
const PLACEBOS_MIN: usize = 20;
/// The maximum that alarms where no rank can be had.
const BAR: f64 = 5.0;

/// One column on even bins; what is missing is no number. Bin `change` begins at the change.
#[derive(Debug, Clone)]
struct Grid {
    values: Vec<f64>,
    residuals: Vec<f64>,
    change: usize,
    /// First bin that can be a pseudo-change.
    first: usize,
}

impl Grid {
    fn of(column: &Around, case: &Case) -> Option<Self> {
        let step_s = case.step.as_secs_f64();
        let bin =
            |at: &Timestamp| (at.since(case.changed_at).as_secs_f64() / step_s).round() as i64;
        let rows = || column.before.iter().chain(&column.since);
        let from = bin(&rows().next()?.0).min(0);
        let to = bin(&rows().last()?.0).max(0);
        let mut values = vec![f64::NAN; usize::try_from(to - from).ok()? + 1];
        for (at, value) in rows() {
            values[(bin(at) - from) as usize] = *value;
        }
        let change = usize::try_from(-from).ok()?;
        let day = (86_400.0 / step_s).round() as usize;
        let seasonal = change >= day + 2 * SCALE;
        let residuals = if seasonal {
            let usual = |i| values[i] - same_time(&values, i, day);
            (0..values.len()).map(usual).collect()
        } else {
            values.clone()
        };
        Some(Self {
            first: if seasonal { day + SCALE } else { LEVEL },
            values,
            residuals,
            change,
        })
    }

    /// The running maximum of the scan from bin `from` on, over `horizon` bins, each with its bin.
    fn maxima(&self, column: &Around, from: usize, horizon: usize) -> Option<Vec<(usize, f64)>> {
        let finite = |of: &[f64], long: usize| -> Vec<f64> {
            let part = &of[from.saturating_sub(long)..from];
            part.iter().copied().filter(|v| v.is_finite()).collect()
        };
        let near = finite(&self.residuals, LEVEL);
        if near.len() < LEVEL_MIN {
            return None;
        }
        let level = quantile(&near, 0.5)?;
        let (_, scale) = middle(&finite(&self.residuals, SCALE))?;
        let usual = quantile(&finite(&self.values, LEVEL), 0.5)?;
        let scale = scale.max(SCALE_MIN * usual.abs()).max(1e-9);
        let end = (from + horizon).min(self.residuals.len());
        let (mut sums, mut most, mut maxima) = (vec![0.0], 0.0_f64, Vec::new());
        for i in from..end {
            if !self.residuals[i].is_finite() {
                continue;
            }
            let away = ((self.residuals[i] - level) / scale).clamp(-CLIP, CLIP);
            let n = sums.len();
            sums.push(sums[n - 1] + away);
            for window in WINDOWS.into_iter().filter(|w| *w <= n) {
                let sum = sums[n] - sums[n - window];
                most = most.max(column.harm(sum) / (window as f64).sqrt());
            }
            maxima.push((i, most));
        }
        Some(maxima)
    }
}

/// The median at the same time of earlier days; no number on the first.
fn same_time(values: &[f64], i: usize, day: usize) -> f64 {
    let mut near: Vec<f64> = (1..=DAYS)
        .filter_map(|k| i.checked_sub(k * day))
        .flat_map(|at| &values[at.saturating_sub(NEAR)..(at + NEAR + 1).min(i)])
        .copied()
        .filter(|v| v.is_finite())
        .collect();
    if near.is_empty() {
        return f64::NAN;
    }
    let half = near.len() / 2;
    *near.select_nth_unstable_by(half, f64::total_cmp).1
}

/// The rank of the maximum among placebos, the maximum itself among equal ranks; an alarm as soon as
/// the rank is rarer than `level`.
pub(super) fn said(column: &Around, case: &Case, level: f64) -> Said {
    let Some(grid) = Grid::of(column, case) else {
        return Said::NOTHING;
    };
    let horizon = grid.values.len() - grid.change;
    let Some(maxima) = grid.maxima(column, grid.change, horizon) else {
        return Said::NOTHING;
    };
    let last = (grid.change + 1).saturating_sub(horizon);
    let span = last.saturating_sub(grid.first);
    let n = span.min(PLACEBOS);
    let moments = (0..n).map(|j| grid.first + j * span / n);
    let mut placebos: Vec<f64> = moments
        .filter_map(|t| Some(grid.maxima(column, t, horizon)?.last()?.1))
        .collect();
    placebos.sort_by(f64::total_cmp);
    let n = placebos.len() as f64 + 1.0;
    let below = |most: f64| placebos.partition_point(|p| *p < most) as f64;
    let most = maxima.last().map_or(0.0, |m| m.1);
    let ranked = placebos.len() >= PLACEBOS_MIN;
    let rare = |most: f64| {
        if ranked {
            (n - below(most)) / n <= level
        } else {
            most >= BAR
        }
    };
    let share = most / (most + BAR);
    let bin = maxima.iter().find(|(_, m)| rare(*m)).map(|(i, _)| *i);
    let after = |i: usize| backstay_model::Span((i - grid.change) as i64 * case.step.0);
    Said {
        score: if ranked {
            (below(most) + share) / n
        } else {
            share
        },
        alarm_at: bin.map(|i| case.changed_at + after(i)),
    }
}
