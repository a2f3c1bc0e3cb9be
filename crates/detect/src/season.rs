//! The causal centre line of a whole recorded series: for each moment the same time of the days
//! before it, never anything later.

use backstay_model::Span;

use crate::clock::Clock;
use crate::residual::Point;
use crate::stats;

const DAY_US: i64 = 86_400_000_000;
/// Days back that make the centre line.
const DAYS: i64 = 7;
/// Newest points that get a line: as many as placebo windows ever stand on.
pub(crate) const ROWS_MAX: usize = 32_000;
/// Bins on each side of the same time of day.
const REACH: i64 = 3;
/// Fewest days of history before a season is used.
const DAYS_MIN: i64 = 2;
/// History that has no line: it is what the line is learnt from.
pub(crate) const LEARNS: Span = Span(DAYS_MIN * DAY_US);

/// Whether the points before a change span at least two days.
pub(crate) fn long_enough(pre: &[Point]) -> bool {
    match (pre.first(), pre.last()) {
        (Some(a), Some(b)) => b.at.since(a.at) >= Span(DAYS_MIN * DAY_US),
        _ => false,
    }
}

/// For each point that has two days behind it the median of the values within three steps of the
/// same time of day by `clock`, one to seven days earlier. Points whose days are gaps are left out.
pub(crate) fn line(points: &[Point], step: Span, clock: &Clock) -> Vec<Point> {
    below(points, points, step, clock)
}

/// The same for the newest points only: as many as placebo windows ever stand on.
pub(crate) fn newest_line(points: &[Point], step: Span, clock: &Clock) -> Vec<Point> {
    let newest = &points[points.len().saturating_sub(ROWS_MAX)..];
    below(newest, points, step, clock)
}

/// The line below the `newest` of `points`.
fn below(newest: &[Point], points: &[Point], step: Span, clock: &Clock) -> Vec<Point> {
    let Some(first) = points.first() else {
        return Vec::new();
    };
    let mut near: Vec<f64> = Vec::new();
    newest
        .iter()
        .filter(|p| p.at.since(first.at).0 >= DAYS_MIN * DAY_US)
        .filter_map(|point| {
            near.clear();
            for day in 1..=DAYS {
                let centre = clock.days_before(point.at, day);
                let reach = Span(REACH * step.0 + step.0 / 2);
                let from = points.partition_point(|p| p.at < centre - reach);
                let same = points[from..].iter().take_while(|p| p.at <= centre + reach);
                near.extend(same.map(|p| p.value));
            }
            Some(Point {
                at: point.at,
                value: stats::median_mut(&mut near)?,
            })
        })
        .collect()
}

/// Newest points whose distances are looked at.
const STEPS_MAX: usize = 2_000;

/// The usual distance of two points; one second when there are fewer than two.
pub(crate) fn step_of(points: &[Point]) -> Span {
    let steps: Vec<f64> = points[points.len().saturating_sub(STEPS_MAX)..]
        .windows(2)
        .map(|w| w[1].at.since(w[0].at).0 as f64)
        .collect();
    stats::median(&steps).map_or(Span::from_secs(1), |s| Span((s as i64).max(1)))
}
