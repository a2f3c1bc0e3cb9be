//! One metric on its way through a watch (or a placebo window): frozen frame, values since the
//! change, scan.

use backstay_model::metric::{MetricRole, Worse};
use backstay_model::{MetricName, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::baseline::{Baseline, Centre, SeasonalMedian};
use crate::residual::{Form, Frame, Point, Shape};
use crate::scan::{Bin, Scan, Sides};
use crate::stats;
use crate::trace::{Stretch, Together, Trace};

/// Bins that freeze a level without a season.
pub(crate) const PRE_BINS: usize = 60;
/// Values kept from before the change: ten minutes at one a second.
pub(crate) const PRE_MAX: usize = 600;
/// Values before the change with which class changes are compared.
pub(crate) const LATELY_BINS: usize = 120;
/// Values kept since the change; in a longer watch the oldest leave.
pub(crate) const POST_MAX: usize = 900;
/// One in so many values is among the worst.
const TWENTIETH: usize = 20;
/// Rows of one and the same value before a change that are a standstill.
const STILL_BEFORE: usize = 10;
/// Bins of the went-away check.
const STILL_BINS: usize = 3;

/// One metric's state.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Track {
    pub(crate) name: MetricName,
    pub(crate) role: MetricRole,
    pub(crate) worse: Worse,
    /// Differences below it never matter.
    pub(crate) floor: f64,
    /// `None` when there was nothing before the change.
    pub(crate) frame: Option<Frame>,
    /// Newest values from before the change, oldest first.
    pub(crate) pre: Trace,
    /// Errors of the bins that the change fell into: they hold both values, and are judged by no
    /// statistics.
    #[serde(default)]
    pub(crate) amid: Vec<Point>,
    /// Values since the change, oldest first.
    pub(crate) post: Trace,
    /// Values since the change, those that left included.
    #[serde(default)]
    pub(crate) taken: usize,
    pub(crate) scan: Scan,
    /// Largest statistic of a single moment and when it was reached.
    pub(crate) peak_at: Option<Timestamp>,
    /// When the scan first passed `alarm_level`.
    pub(crate) alarm_at: Option<Timestamp>,
    /// Level of the scan that is an alarm for this metric; `None`: never.
    pub(crate) alarm_level: Option<f64>,
}

impl Track {
    /// A track of the metric whose values before the change are `pre` (oldest first, finite).
    pub(crate) fn open(name: MetricName, role: MetricRole, worse: Worse, floor: f64) -> Self {
        let sides = if worse == Worse::Both {
            Sides::Both
        } else {
            Sides::Upper
        };
        Self {
            name,
            role,
            worse,
            floor: if floor.is_finite() {
                floor.max(0.0)
            } else {
                0.0
            },
            frame: None,
            pre: Trace::default(),
            amid: Vec::new(),
            post: Trace::default(),
            taken: 0,
            scan: Scan::new(sides),
            peak_at: None,
            alarm_at: None,
            alarm_level: None,
        }
    }

    /// Freezes level and scale on the values before the change.
    pub(crate) fn freeze(mut self, pre: &[Point]) -> Self {
        let shape = Shape {
            role: self.role,
            worse: self.worse,
            floor: self.floor,
        };
        self.frame = Frame::freeze(pre, shape);
        self.pre = newest_of(pre);
        self
    }

    /// Freezes level and scale around a given centre line, in the scale of `form`.
    pub(crate) fn freeze_around(mut self, pre: &[Point], form: Form, centre: Centre) -> Self {
        let shape = Shape {
            role: self.role,
            worse: self.worse,
            floor: self.floor,
        };
        self.frame = Frame::around(pre, shape, form, centre);
        self.pre = newest_of(pre);
        self
    }

    /// Like `freeze`, on as many values as a placebo window has, so that both are exchangeable;
    /// a history of days is used whole, for its season.
    pub(crate) fn freeze_near(self, pre: &[Point]) -> Self {
        let season = matches!((pre.first(), pre.last()), (Some(a), Some(b))
            if b.at.since(a.at) >= SeasonalMedian.needs().span);
        let near = if season {
            pre
        } else {
            &pre[pre.len().saturating_sub(PRE_BINS)..]
        };
        let mut track = self.freeze(near);
        track.pre = newest_of(pre);
        track
    }

    /// Takes in a value since the change; a value for a moment already seen replaces it in the
    /// record but is not scanned twice.
    pub(crate) fn push(&mut self, point: Point) {
        self.push_together(point, &mut Together::default());
    }

    /// The same beside tracks that take in a value of the same moment.
    pub(crate) fn push_together(&mut self, point: Point, together: &mut Together) {
        if let Some(last) = self.post.last() {
            if last.at == point.at {
                self.post.replace_last(point.value);
                return;
            }
            if last.at > point.at {
                return;
            }
        }
        let repeated = self.post.last().is_some_and(|last| same(last, point));
        self.post.push(point, POST_MAX, together);
        self.taken += 1;
        let Some(frame) = &self.frame else { return };
        let before = self.scan.max();
        let deviation = frame.deviation(point);
        let now = self.scan.push(Bin {
            deviation,
            repeated,
        });
        if now > before {
            self.peak_at = Some(point.at);
        }
        if self.alarm_at.is_none() && self.alarm_level.is_some_and(|level| now >= level) {
            self.alarm_at = Some(point.at);
        }
    }

    /// Values shortly before the change: what a class change is compared with. Older trouble, such
    /// as an earlier incident that was rolled back, does not make a new one old.
    pub(crate) fn lately(&self) -> Stretch<'_> {
        self.pre.newest(LATELY_BINS)
    }

    /// Median of the values before the change (the newest 60).
    pub(crate) fn before(&self) -> Option<f64> {
        stats::median(&values(self.pre.newest(60)))
    }

    /// Median of all values since the change.
    pub(crate) fn after(&self) -> Option<f64> {
        stats::median(&values(self.post.all()))
    }

    /// Values of the newest `count` bins since the change.
    pub(crate) fn newest(&self, count: usize) -> Stretch<'_> {
        self.post.newest(count)
    }

    /// Whether the newest residuals still are at least half of the peak's mean (3 bins or 10 s,
    /// whichever is more bins).
    pub(crate) fn still_there(&self, step: Span) -> bool {
        let bins = STILL_BINS
            .max((10_000_000 / step.0.max(1)) as usize)
            .min(self.scan.bins());
        self.lasts(bins)
    }

    /// Whether the newest `bins` residuals are at least half of the peak's mean.
    pub(crate) fn lasts(&self, bins: usize) -> bool {
        self.scan.recent_mean(bins).abs() >= 0.5 * self.scan.peak_mean()
    }

    /// Mean distance since the change minus the level, unclipped, "worse" up.
    pub(crate) fn median_distance(&self, points: Stretch<'_>) -> Option<f64> {
        let frame = self.frame.as_ref()?;
        let away: Vec<f64> = points.iter().map(|p| frame.distance(p)).collect();
        stats::median(&away)
    }

    /// Mean of how extreme the values since the change are; `None` without any.
    pub(crate) fn extremes(&self) -> Option<f64> {
        let frame = self.frame.as_ref()?;
        let each: Vec<f64> = self.post.iter().map(|p| frame.extreme(p)).collect();
        stats::mean(&each)
    }

    /// Mean of the worst twentieth of the values, "worse" up; `None` when that is fewer than two.
    pub(crate) fn worst(&self, points: Stretch<'_>) -> Option<f64> {
        let mut worst = values(points);
        worst.sort_by(f64::total_cmp);
        if self.worse != Worse::Down {
            worst.reverse();
        }
        let count = worst.len() / TWENTIETH;
        (count >= 2).then(|| stats::mean(&worst[..count]))?
    }

    /// Whether it stood still before the change already, and until what it shows: the newest rows before and
    /// all of those until then are one and the same value.
    pub(crate) fn stood_still(&self) -> bool {
        let Some(last) = self.pre.last().filter(|_| self.pre.len() >= STILL_BEFORE) else {
            return false;
        };
        let peak = self.peak_at.unwrap_or(last.at);
        let until = self.post.iter().take_while(|p| p.at <= peak);
        let newest = self.pre.newest(STILL_BEFORE);
        !self.constant_before() && newest.iter().chain(until).all(|p| same(p, last))
    }

    /// Whether it was one value in every row before the change: no window says what a single row does.
    pub(crate) fn constant_before(&self) -> bool {
        let mut each = self.pre.iter().zip(self.pre.iter().skip(1));
        each.all(|(a, b)| same(a, b))
    }

    /// Whether it was zero in every row before the change.
    pub(crate) fn new_to_it(&self) -> bool {
        !self.pre.is_empty() && self.pre.iter().all(|p| p.value.abs() < f64::MIN_POSITIVE)
    }

    /// Whether the metric never left zero: it says nothing and must change nothing.
    pub(crate) fn silent(&self) -> bool {
        self.pre
            .iter()
            .chain(self.post.iter())
            .all(|p| p.value.abs() < f64::MIN_POSITIVE)
    }
}

/// Whether two values are one and the same.
fn same(a: Point, b: Point) -> bool {
    (a.value - b.value).abs() < f64::MIN_POSITIVE
}

/// The bare values.
pub(crate) fn values(points: Stretch<'_>) -> Vec<f64> {
    points.iter().map(|p| p.value).collect()
}

/// What a track keeps of the values before a change.
fn newest_of(pre: &[Point]) -> Trace {
    Trace::from(&pre[pre.len().saturating_sub(PRE_MAX)..])
}
