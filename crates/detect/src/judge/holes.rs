//! Times since the change of which a recording has no rows: what is not there clears nobody.

use backstay_model::verdict::{Refusal, VerdictKind};
use backstay_model::{MetricName, Span, Timestamp};

use super::{Column, SeriesVerdict, path};
use crate::matrix::COVERAGE_MIN;
use crate::stats;

/// Usual steps without a row that are a hole.
const HOLE_STEPS: f64 = 4.0;
/// Newest steps before the change that say what is usual, and which of them, ascending, is.
const STEPS_MAX: usize = 2_000;
const USUAL: f64 = 0.99;

/// A time without rows of one column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hole {
    /// Which column.
    pub metric: MetricName,
    /// The last row before it, or the change.
    pub from: Timestamp,
    /// The first row after it, or the newest row of all columns.
    pub to: Timestamp,
}

/// Notes the holes of columns, and takes back that the change is healthy when a fifth of the time
/// since is missing in one that counts.
pub(super) fn weigh(verdict: &mut SeriesVerdict, columns: &[Column], changed_at: Timestamp) {
    let newest = columns.iter().filter_map(|c| c.points.last()).map(|p| p.at);
    let Some(until) = newest.max().filter(|at| *at > changed_at) else {
        return;
    };
    let span = until.since(changed_at).0 as f64;
    let mut covered = true;
    for column in columns.iter().filter(|c| path::counts(c.role, columns)) {
        let holes = holes(column, changed_at, until);
        let missing: i64 = holes.iter().map(|h| h.to.since(h.from).0).sum();
        covered &= missing as f64 <= (1.0 - COVERAGE_MIN) * span;
        verdict.holes.extend(holes);
    }
    verdict.holes.sort_by_key(|hole| hole.from);
    if !covered && matches!(verdict.verdict.kind, VerdictKind::Healthy { .. }) {
        verdict.verdict.kind = VerdictKind::Inconclusive;
        verdict.verdict.refusals.push(Refusal::TooFew);
    }
}

/// The times without a row of a clean column, from the change on.
fn holes(column: &Column, changed_at: Timestamp, until: Timestamp) -> Vec<Hole> {
    let points = &column.points;
    let split = points.partition_point(|p| p.at < changed_at);
    let Some(usual) = usual_step(&points[..split]).or_else(|| usual_step(points)) else {
        return Vec::new();
    };
    let since = points[split..].iter().map(|p| p.at);
    let moments: Vec<Timestamp> = [changed_at]
        .into_iter()
        .chain(since)
        .chain([until])
        .collect();
    let hole = |pair: &[Timestamp]| {
        let (from, to) = (pair[0], pair[1]);
        (to.since(from).0 as f64 > HOLE_STEPS * usual.0 as f64).then(|| Hole {
            metric: column.name.clone(),
            from,
            to,
        })
    };
    moments.windows(2).filter_map(hole).collect()
}

/// The longest distance of two rows that is usual.
fn usual_step(points: &[crate::residual::Point]) -> Option<Span> {
    let newest = &points[points.len().saturating_sub(STEPS_MAX)..];
    let mut steps: Vec<f64> = newest
        .windows(2)
        .map(|w| w[1].at.since(w[0].at).0 as f64)
        .collect();
    steps.sort_by(f64::total_cmp);
    stats::quantile_sorted(&steps, USUAL).map(|step| Span((step as i64).max(1)))
}
