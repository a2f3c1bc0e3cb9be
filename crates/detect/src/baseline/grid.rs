//! Values at even distances, for models that know no others.

use backstay_model::{Span, Timestamp};

use super::DAY;
use crate::residual::Point;
use crate::season;

/// Values at even distances; a whole number of them makes a day, unless they are days apart.
#[derive(Clone, PartialEq, Debug)]
pub struct Grid {
    /// Moment of the first value.
    pub from: Timestamp,
    /// From one value to the next.
    pub step: Span,
    /// The values, straight between neighbours where some were missing.
    pub values: Vec<f64>,
}

impl Grid {
    /// The grid nearest to `points` (in order of time, one for each moment); `None` below two.
    #[must_use]
    pub fn of(points: &[Point]) -> Option<Self> {
        let (first, last) = (points.first()?, points.last()?);
        if points.len() < 2 {
            return None;
        }
        let usual = season::step_of(points);
        let a_day = (DAY.0 as f64 / usual.0 as f64).round() as i64;
        let step = Span(if a_day >= 1 { DAY.0 / a_day } else { usual.0 });
        let count = last.at.since(first.at).0 / step.0 + 1;
        let mut right = 1;
        let values = (0..count).map(|i| {
            let at = first.at + Span(i * step.0);
            while right + 1 < points.len() && points[right].at < at {
                right += 1;
            }
            between(points[right - 1], points[right], at)
        });
        Some(Self {
            from: first.at,
            step,
            values: values.collect(),
        })
    }

    /// Values that make a day; zero when they are further apart.
    #[must_use]
    pub fn a_day(&self) -> usize {
        usize::try_from(DAY.0 / self.step.0.max(1)).unwrap_or(0)
    }

    /// Moment of the value after the last.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.from + Span(self.values.len() as i64 * self.step.0)
    }

    /// The value at a moment, straight between neighbours; beyond an end, that end.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> f64 {
        let exact = at.since(self.from).0 as f64 / self.step.0.max(1) as f64;
        let last = self.values.len().saturating_sub(1);
        let left = (exact.floor().max(0.0) as usize).min(last);
        let right = (left + 1).min(last);
        let (Some(a), Some(b)) = (self.values.get(left), self.values.get(right)) else {
            return 0.0;
        };
        a + (b - a) * (exact - left as f64).clamp(0.0, 1.0)
    }
}

/// Steps that a forecast from `end` must reach to cover the moments `at`, with one to spare.
#[must_use]
pub fn as_far_as(at: &[Timestamp], end: Timestamp, step: Span) -> usize {
    let furthest = at.iter().max().map_or(0, |t| t.since(end).0.max(0));
    usize::try_from(furthest / step.0.max(1)).unwrap_or(0) + 2
}

/// The value at `at` on the straight line through two points, no further than these.
fn between(left: Point, right: Point, at: Timestamp) -> f64 {
    let whole = right.at.since(left.at).0.max(1) as f64;
    let share = (at.since(left.at).0 as f64 / whole).clamp(0.0, 1.0);
    left.value + (right.value - left.value) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(second: i64, value: f64) -> Point {
        Point {
            at: Timestamp::from_secs(second),
            value,
        }
    }

    #[test]
    fn gaps_are_bridged_and_the_day_is_whole() {
        let points = [
            point(0, 0.0),
            point(300, 1.0),
            point(600, 2.0),
            point(900, 3.0),
            point(1_500, 5.0),
        ];
        let grid = Grid::of(&points).unwrap();
        assert_eq!((grid.a_day(), grid.step), (288, Span::from_secs(300)));
        let shown: Vec<String> = grid.values.iter().map(|v| format!("{v:.2}")).collect();
        assert_eq!(shown, ["0.00", "1.00", "2.00", "3.00", "4.00", "5.00"]);
        assert_eq!(grid.end(), Timestamp::from_secs(1_800));
        assert!((grid.at(Timestamp::from_secs(150)) - 0.5).abs() < 1e-9);
        assert!((grid.at(Timestamp::from_secs(9_000)) - 5.0).abs() < 1e-9);
        assert_eq!(Grid::of(&points[..1]), None);
    }
}
