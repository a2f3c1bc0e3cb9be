//! The same judgement for recorded columns of any sampling step: `backstay detect FILE.csv`.
//!
//! With enough history the placebo windows come from the columns' own past; else the shipped maxima
//! stand in, and the verdict says so.

use backstay_model::metric::{MetricRole, Worse};
use backstay_model::verdict::{Verdict, VerdictKind};
use backstay_model::{MetricName, Span, Timestamp};

use crate::choice::{Below, Choice};
use crate::clock::Clock;
use crate::policy::DetectPolicy;
use crate::residual::{Band, Point, clean};
use crate::season;
use path::{Path, Task};

mod decide;
mod path;

/// Longest horizon that is judged row by row.
const HORIZON_MAX: usize = 120;
/// Share of the chance that goes to the first rows; the rest goes to all of them, in wider bins.
const FIRST: f64 = 0.5;

/// One recorded metric.
#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    /// Its name.
    pub name: MetricName,
    /// Its role; `Other` when nothing is known.
    pub role: MetricRole,
    /// Which way is worse; `Both`: any change counts, and `hurt` then means "changed".
    pub worse: Worse,
    /// Differences below it never matter; zero when nothing is known.
    pub floor: f64,
    /// Its values, in any order; those that are not finite are ignored.
    pub points: Vec<Point>,
}

/// The verdict on recorded columns.
#[derive(Clone, PartialEq, Debug)]
pub struct SeriesVerdict {
    /// Kind, chance, score, alarm and one finding for each column.
    pub verdict: Verdict,
    /// Relative effect of the strongest column, "worse" up (`Both`: its size).
    pub effect: Option<f64>,
    /// Name of the baseline below the strongest column.
    pub baseline: String,
    /// The baseline below each column, in their order, and why that one.
    pub below: Vec<Below>,
    /// Where the values of each column were expected, from shortly before the change to the newest
    /// ones that are judged; empty for a column that cannot be judged.
    pub bands: Vec<Vec<Band>>,
}

/// Judges columns around a change at `changed_at` (rows at or after it are "since"), such that a
/// harmless change is called `hurt` with chance `alpha` (0..1) at most.
#[must_use]
pub fn judge_series(columns: &[Column], changed_at: Timestamp, alpha: f64) -> SeriesVerdict {
    judge_series_with(columns, changed_at, alpha, &Choice::Seasonal, &Clock::utc())
}

/// The same over the baselines that `choice` puts below the columns, with the season by `clock`.
/// Placebo windows stand on the same line as the change.
#[must_use]
pub fn judge_series_with(
    columns: &[Column],
    changed_at: Timestamp,
    alpha: f64,
    choice: &Choice<'_>,
    clock: &Clock,
) -> SeriesVerdict {
    let clean = |c: &Column| Column {
        points: clean(c.points.clone()),
        ..c.clone()
    };
    let columns: Vec<Column> = columns.iter().map(clean).collect();
    let task = Task {
        changed_at,
        alpha,
        choice,
        clock,
    };
    let rows = columns
        .iter()
        .map(|c| since(c, changed_at))
        .max()
        .unwrap_or(0);
    if rows <= HORIZON_MAX {
        return judged(&columns, &task);
    }
    let shared = Task {
        alpha: alpha * FIRST,
        ..task
    };
    let first: Vec<Column> = columns.iter().map(|c| shortened(c, changed_at)).collect();
    let wide = rows.div_ceil(HORIZON_MAX);
    let all: Vec<Column> = columns
        .iter()
        .map(|c| widened(c, changed_at, wide))
        .collect();
    together(judged(&first, &shared), judged(&all, &shared))
}

/// Clean columns, judged at their own step.
fn judged(columns: &[Column], task: &Task<'_>) -> SeriesVerdict {
    let policy = DetectPolicy {
        alpha_act: task.alpha,
        alpha_warn: task.alpha,
        ..DetectPolicy::standard(Span::ZERO)
    };
    let mut path = Path::open(columns, task);
    let tripped = path.replay(columns, task.changed_at);
    decide::conclude(&path, &policy, tripped)
}

/// Rows of a clean column since the change.
fn since(column: &Column, changed_at: Timestamp) -> usize {
    let points = &column.points;
    points.len() - points.partition_point(|p| p.at < changed_at)
}

/// The column without the rows after the first horizon.
fn shortened(column: &Column, changed_at: Timestamp) -> Column {
    let before = column.points.len() - since(column, changed_at);
    let end = (before + HORIZON_MAX).min(column.points.len());
    Column {
        points: column.points[..end].to_vec(),
        ..column.clone()
    }
}

/// The column in bins of `wide` steps, counted from the change; a bin is the mean of its values, and
/// stands at its beginning. Bins with fewer than half of their values are left out.
fn widened(column: &Column, changed_at: Timestamp, wide: usize) -> Column {
    let width = season::step_of(&column.points).0 * wide as i64;
    let bin = |p: &Point| p.at.since(changed_at).0.div_euclid(width);
    let whole = |points: &[Point]| {
        let first = points.first()?;
        let sum: f64 = points.iter().map(|p| p.value).sum();
        (2 * points.len() >= wide).then(|| Point {
            at: changed_at + Span(bin(first) * width),
            value: sum / points.len() as f64,
        })
    };
    Column {
        points: column
            .points
            .chunk_by(|a, b| bin(a) == bin(b))
            .filter_map(whole)
            .collect(),
        ..column.clone()
    }
}

/// Two looks at the same columns, each with half of the chance.
fn together(first: SeriesVerdict, all: SeriesVerdict) -> SeriesVerdict {
    let harm = |v: &SeriesVerdict| matches!(v.verdict.kind, VerdictKind::Hurt { .. });
    let chances = [first.verdict.p_value, all.verdict.p_value];
    let least = chances.iter().flatten().copied().min_by(f64::total_cmp);
    let p_value = least.map(|p| (p / FIRST).min(1.0));
    let score = first.verdict.score.max(all.verdict.score);
    let alarms = [first.verdict.alarm_at, all.verdict.alarm_at];
    let alarm_at = alarms.into_iter().flatten().min();
    let at = first.verdict.at.max(all.verdict.at);
    let mut told = if harm(&first) { first } else { all };
    told.verdict = Verdict {
        p_value,
        score,
        alarm_at,
        at,
        ..told.verdict
    };
    told
}

#[cfg(test)]
mod tests;
