//! Cycles shorter than a day: what timers and jobs do every few minutes or hours. A period that does not
//! divide the day is noise to a daily season, and a cycle of hours looks like harm to a level of the last
//! hour. The period is found on the values before a change, and no value is compared with a later one.

use backstay_model::{Span, Timestamp};

use crate::peers::value_at;
use crate::residual::Point;
use crate::stats;
use crate::walk::Scene;

/// Newest rows before the change in which a period is sought.
const ROWS: usize = 2_880;
/// Shortest and longest period, in rows.
const SHORTEST: usize = 4;
const LONGEST: usize = 400;
/// Autocorrelation at a period, and how far it must have fallen before: a level that wanders is alike at
/// short distances and never again.
const ALIKE: f64 = 0.4;
const FALLEN: f64 = 0.25;
/// Share of the best autocorrelation at which a shorter period is the period.
const SAME: f64 = 0.85;
/// Values are clipped at so many times their usual distance: one incident is no cycle.
const CLIP: f64 = 3.0;
/// Earlier cycles that one moment is compared with, at most and at least.
const CYCLES: usize = 12;
const CYCLES_MIN: usize = 3;
/// Share of the scatter that a cycle may leave at most.
const LEFT: f64 = 0.8;

/// A cycle that was found.
#[derive(Debug)]
pub(crate) struct Cycle {
    /// From one beginning to the next.
    pub(crate) period: Span,
    /// The line below the points: the season's, and the cycle above it.
    pub(crate) line: Vec<Point>,
}

/// The cycle of `points` above the line of a season, of which those at or after the change of the scene are
/// `horizon` rows. `None` where there is no cycle, or it explains little.
pub(crate) fn above(
    points: &[Point],
    season: Option<&[Point]>,
    horizon: usize,
    scene: &Scene<'_>,
) -> Option<Cycle> {
    let away = match season {
        None => points.to_vec(),
        Some(line) => joined(points, line, |value, expected| value - expected),
    };
    let before = away.partition_point(|p| p.at < scene.changed_at);
    let rows = Rows::of(&away[..before], scene.step)?;
    let period = period(&rows.values)?;
    let shapes = rows.level_free(period);
    // A shape is taken over its period's mean, half of which lies behind it.
    let least = (horizon + period / 2).div_ceil(period).max(1);
    let mut same: Vec<f64> = Vec::with_capacity(CYCLES);
    let cycle: Vec<Point> = away
        .iter()
        .filter_map(|p| {
            let place = rows.place(p.at);
            let earlier =
                (least..least + CYCLES).map_while(|back| place.checked_sub(back * period));
            same.clear();
            same.extend(earlier.filter_map(|row| known(&shapes, row)));
            let enough = same.len() >= CYCLES_MIN;
            let value = stats::median_mut(&mut same).filter(|_| enough)?;
            Some(Point { at: p.at, value })
        })
        .collect();
    let told = cycle.partition_point(|p| p.at < scene.changed_at);
    let newest = &cycle[told.saturating_sub(ROWS)..told];
    let pairs = newest
        .iter()
        .filter_map(|c| Some((known(&shapes, rows.place(c.at))?, c.value)));
    let (without, with): (Vec<f64>, Vec<f64>) = pairs.map(|(is, was)| (is, is - was)).unzip();
    if without.is_empty() || stats::mad(&with, 0.0) > LEFT * stats::mad(&without, 0.0) {
        return None;
    }
    Some(Cycle {
        period: Span(scene.step.0 * period as i64),
        line: match season {
            None => cycle,
            Some(line) => joined(&cycle, line, |shape, expected| shape + expected),
        },
    })
}

/// The points that the line covers, each with the line's value.
fn joined(points: &[Point], line: &[Point], with: impl Fn(f64, f64) -> f64) -> Vec<Point> {
    let on = |p: &Point| {
        let value = with(p.value, value_at(line, p.at)?);
        Some(Point { at: p.at, value })
    };
    points.iter().filter_map(on).collect()
}

/// Values at equal distances; what is missing is not a number.
struct Rows {
    first: Timestamp,
    step: i64,
    values: Vec<f64>,
}

impl Rows {
    fn of(points: &[Point], step: Span) -> Option<Self> {
        let first = points.first()?.at;
        let mut rows = Self {
            first,
            step: step.0.max(1),
            values: Vec::new(),
        };
        let count = rows.place(points.last()?.at) + 1;
        // Of a recording that is mostly holes nothing repeats.
        if count > 4 * points.len() {
            return None;
        }
        rows.values = vec![f64::NAN; count];
        for p in points {
            let place = rows.place(p.at);
            rows.values[place] = p.value;
        }
        Some(rows)
    }

    /// The row nearest to a moment; those after the last one have numbers, too.
    fn place(&self, at: Timestamp) -> usize {
        let rows = (at.since(self.first).0 + self.step / 2) / self.step;
        usize::try_from(rows).unwrap_or(0)
    }

    /// Each value over the mean of the period around it, where half of that is known.
    fn level_free(&self, period: usize) -> Vec<f64> {
        let (mut sum, mut count) = (0.0, 0_usize);
        let mut until = vec![(0.0, 0)];
        for value in self.values.iter().copied() {
            if value.is_finite() {
                (sum, count) = (sum + value, count + 1);
            }
            until.push((sum, count));
        }
        let over = |(row, value): (usize, &f64)| {
            let from = row.saturating_sub(period / 2);
            let to = (from + period).min(self.values.len());
            let count = until[to].1 - until[from].1;
            let mean = (until[to].0 - until[from].0) / count.max(1) as f64;
            if 2 * count >= period {
                value - mean
            } else {
                f64::NAN
            }
        };
        self.values.iter().enumerate().map(over).collect()
    }
}

fn known(shapes: &[f64], row: usize) -> Option<f64> {
    shapes.get(row).copied().filter(|v| v.is_finite())
}

/// The period of the newest values, in rows: the first distance at which they are about as much alike as
/// they ever are again. `None` where they never are.
fn period(values: &[f64]) -> Option<usize> {
    let centred = centred(&values[values.len().saturating_sub(ROWS)..])?;
    let rows = centred.len();
    let longest = LONGEST.min(rows / (2 * CYCLES_MIN));
    let power: f64 = centred.iter().map(|v| v * v).sum();
    let alike: Vec<f64> = (0..longest + 2)
        .map(|lag| {
            let products = centred.iter().zip(&centred[lag.min(rows)..]);
            let sum: f64 = products.map(|(a, b)| a * b).sum();
            // Each distance has fewer pairs than the one before.
            sum / power * rows as f64 / rows.saturating_sub(lag).max(1) as f64
        })
        .collect();
    let mut lowest = f64::INFINITY;
    let mut peaks: Vec<(usize, f64)> = Vec::new();
    for lag in 1..=longest {
        lowest = lowest.min(alike[lag]);
        let peak = alike[lag] >= alike[lag - 1].max(alike[lag + 1]);
        let again = alike[lag] >= ALIKE && alike[lag] - lowest >= FALLEN;
        if lag >= SHORTEST && peak && again {
            peaks.push((lag, alike[lag]));
        }
    }
    let best = peaks.iter().map(|p| p.1).fold(0.0, f64::max);
    let first = peaks.iter().find(|p| p.1 >= SAME * best)?;
    Some(first.0)
}

/// The values in units of their spread, clipped, around zero; what is missing is zero. `None` when they do
/// not spread.
fn centred(values: &[f64]) -> Option<Vec<f64>> {
    let numbers: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let middle = stats::median(&numbers)?;
    let usual = stats::mad(&numbers, middle);
    if usual <= 0.0 {
        return None;
    }
    let clipped = |v: &f64| ((v - middle) / usual).clamp(-CLIP, CLIP);
    let of_numbers: Vec<f64> = numbers.iter().map(clipped).collect();
    let mean = stats::mean(&of_numbers)?;
    let each = values.iter().map(|v| {
        if v.is_finite() {
            clipped(v) - mean
        } else {
            0.0
        }
    });
    Some(each.collect())
}

#[cfg(test)]
mod tests;
