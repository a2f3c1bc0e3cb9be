//! The causal centre line of a whole recorded series: for each moment the same time of the days
//! before it, never anything later.

use backstay_model::{Span, Timestamp};

use crate::baseline::BaselineId;
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
/// Points that are passed one by one to where the next one is sought.
const SLIDE_MAX: usize = 32;
/// Fewest days of history before a season is used.
const DAYS_MIN: i64 = 2;
/// History that has no line: it is what the line is learnt from.
pub(crate) const LEARNS: Span = Span(DAYS_MIN * DAY_US);

/// Days that make a line: how many there must be, and how many are looked at.
#[derive(Clone, Copy)]
struct Days {
    least: i64,
    most: i64,
}

const WEEK: Days = Days {
    least: DAYS_MIN,
    most: DAYS,
};

/// Whether the points before a change span at least two days.
pub(crate) fn long_enough(pre: &[Point]) -> bool {
    match (pre.first(), pre.last()) {
        (Some(a), Some(b)) => b.at.since(a.at) >= Span(DAYS_MIN * DAY_US),
        _ => false,
    }
}

/// For each point that has two days behind it the median of the values within three steps of the
/// same time of day by `clock`, one to seven days earlier, each over the level of its day: the line is
/// a shape around zero. Points whose days are gaps are left out.
pub(crate) fn line(points: &[Point], step: Span, clock: &Clock) -> Vec<Point> {
    below(points, points, (step, clock), WEEK)
}

/// The same for the newest points only: as many as placebo windows ever stand on.
pub(crate) fn newest_line(points: &[Point], step: Span, clock: &Clock) -> Vec<Point> {
    below(newest(points), points, (step, clock), WEEK)
}

/// The same by the day before alone: one day is a rougher guide than a week, but its line begins a day
/// earlier, and leaves a day more of windows to calibrate on.
pub(crate) fn yesterday(points: &[Point], step: Span, clock: &Clock) -> Vec<Point> {
    let days = Days { least: 1, most: 1 };
    below(newest(points), points, (step, clock), days)
}

/// What the line of the day before is called.
pub(crate) fn yesterday_id() -> BaselineId {
    BaselineId("yesterday-1".into())
}

fn newest(points: &[Point]) -> &[Point] {
    &points[points.len().saturating_sub(ROWS_MAX)..]
}

/// The line below the `newest` of `points`.
fn below(
    newest: &[Point],
    points: &[Point],
    (step, clock): (Span, &Clock),
    days: Days,
) -> Vec<Point> {
    let Some(first) = points.first() else {
        return Vec::new();
    };
    let shapes = level_free(points, step);
    let points = &shapes[..];
    let mut near: Vec<f64> = Vec::new();
    let mut places = [0_usize; DAYS as usize];
    newest
        .iter()
        .filter(|p| p.at.since(first.at).0 >= days.least * DAY_US)
        .filter_map(|point| {
            near.clear();
            for day in 1..=days.most {
                let centre = clock.days_before(point.at, day);
                let reach = Span(REACH * step.0 + step.0 / 2);
                let from = slide(points, places[day as usize - 1], centre - reach);
                places[day as usize - 1] = from;
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

/// The first of the points at or after `moment`, sought from `place` on: the next one is near, unless
/// a clock moved.
fn slide(points: &[Point], place: usize, moment: Timestamp) -> usize {
    let near = points[place..].iter().take(SLIDE_MAX);
    let passed = near.take_while(|p| p.at < moment).count();
    let ahead = place > 0 && points[place - 1].at >= moment;
    if ahead || passed == SLIDE_MAX {
        return points.partition_point(|p| p.at < moment);
    }
    place + passed
}

/// Bins of a day, of which its level is the median.
const BINS: i64 = 48;

/// The points over the level of their day, the median of the 24 hours around each (for the first ones
/// that of the first 24 hours): days of another level (weekends, a trend, a shift) then agree on the
/// shape, and a day that joins in moves no line. For a line at least a day later that is no look ahead;
/// where steps are so long that it would be, the points are left as they are.
fn level_free(points: &[Point], step: Span) -> Vec<Point> {
    let bin = (DAY_US / BINS).max(step.0);
    if REACH * step.0 + step.0 / 2 + 2 * bin > DAY_US / 2 {
        return points.to_vec();
    }
    let slot = |p: &Point| p.at.0.div_euclid(bin);
    let same_slot = |a: &Point, b: &Point| slot(a) == slot(b);
    let mut values: Vec<f64> = Vec::new();
    let mut middles: Vec<(i64, f64)> = Vec::new();
    for same in points.chunk_by(same_slot) {
        values.clear();
        values.extend(same.iter().map(|p| p.value));
        let middle = stats::median_mut(&mut values);
        middles.extend(same.first().map(slot).zip(middle));
    }
    let first = middles.first().map_or(0, |m| m.0);
    let mut level = |slot: i64| {
        let day = DAY_US / bin;
        let from = (slot - day / 2).max(first);
        let place = |slot: i64| middles.partition_point(|m| m.0 < slot);
        values.clear();
        values.extend(middles[place(from)..place(from + day)].iter().map(|m| m.1));
        stats::median_mut(&mut values).unwrap_or(0.0)
    };
    let mut shapes = Vec::with_capacity(points.len());
    for same in points.chunk_by(same_slot) {
        let level = same.first().map_or(0.0, |p| level(slot(p)));
        shapes.extend(same.iter().map(|p| Point {
            value: p.value - level,
            ..*p
        }));
    }
    shapes
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

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Span = Span::from_secs(60);

    fn wave(minute: i64) -> f64 {
        (minute as f64 / 1440.0 * std::f64::consts::TAU).sin()
    }

    /// Days of one shape, and each of a level of its own.
    fn days(count: i64, level: impl Fn(i64) -> f64) -> Vec<Point> {
        let point = |minute: i64| Point {
            at: Timestamp(minute * MINUTE.0),
            value: wave(minute) + level(minute / 1440),
        };
        (0..count * 1440).map(point).collect()
    }

    #[test]
    fn days_of_another_level_agree_on_the_shape_and_a_day_more_moves_no_line() {
        let points = days(9, |day| if day % 7 >= 5 { -0.5 } else { 0.1 * day as f64 });
        let line = line(&points, MINUTE, &Clock::utc());
        assert_eq!(line.len(), 7 * 1440);
        // Over an hour the line goes as the wave goes, also where a third or fourth day joins in.
        let off = |hour: &[Point]| {
            let minute = |p: &Point| p.at.0 / MINUTE.0;
            let (first, last) = (hour[0], hour[hour.len() - 1]);
            let told = last.value - first.value;
            (told - wave(minute(&last)) + wave(minute(&first))).abs()
        };
        let worst = line.windows(60).map(off).fold(0.0, f64::max);
        assert!(worst < 0.1, "{worst}");
    }

    #[test]
    fn what_comes_later_moves_no_line() {
        for minutes in [1, 5, 60, 120, 240, 360] {
            let step = Span(minutes * MINUTE.0);
            let whole: Vec<Point> = days(8, |day| day as f64)
                .into_iter()
                .step_by(minutes as usize)
                .collect();
            let told = line(&whole, step, &Clock::utc());
            for cut in [whole.len() / 2, whole.len() / 2 + 1, whole.len() * 3 / 4] {
                let mut other = whole.clone();
                other[cut..].iter_mut().for_each(|p| p.value = -9.0);
                let known = told.iter().take_while(|p| p.at < whole[cut].at);
                let again = line(&other, step, &Clock::utc());
                assert!(known.zip(&again).all(|(a, b)| a == b), "{minutes} {cut}");
                let short = line(&whole[..cut], step, &Clock::utc());
                assert_eq!(short[..], told[..short.len()], "{minutes} {cut}");
            }
        }
    }
}
