//! Residuals: how far a value is from where it would have been, in standard deviations, with
//! "worse" up. Level and scale are frozen at the change; a level that follows the data would
//! absorb the effect.

use backstay_model::metric::{MetricRole, Worse};
use backstay_model::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::baseline::{BaselineId, Centre};
use crate::scan;
use crate::stats;

/// One value at one moment.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// What; finite.
    pub value: f64,
}

/// Where a value was expected to lie, in its own unit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Band {
    /// When.
    pub at: Timestamp,
    /// Two standard deviations below the middle.
    pub low: f64,
    /// The centre line at the frozen level.
    pub middle: f64,
    /// Two standard deviations above the middle.
    pub high: f64,
}

/// Half of a band, in standard deviations.
const BAND: f64 = 2.0;
/// Residuals are clipped here, so that one wild bin cannot carry a verdict.
pub(crate) const CLIP: f64 = 5.0;
/// Standard deviations from which on a value is an extreme one, and at which it is clipped.
const EXTREME: f64 = 2.0;
const EXTREME_MAX: f64 = 20.0;
/// Standard deviations between the last rows and the hours before at which they are two levels.
const OTHER_LEVEL: f64 = 2.0;
/// Offset of the logarithm of a metric that falls silent now and then, as a share of its median.
const SILENT_OFFSET: f64 = 0.25;
/// Offset of a metric that was zero in every row: whatever it becomes is new, in any unit.
const OF_NOTHING: f64 = 1e-6;
/// Share of values below a tenth of the median from which on that is usual.
const SILENT_SHARE: f64 = 0.01;
/// Newest rows that are looked through for it.
const SILENT_ROWS: usize = 5_000;
/// Smallest scale: keeps a constant series from turning rounding into an alarm.
const SCALE_MIN: f64 = 0.02;
/// The same where the windows before tell what rounding does.
const SCALE_MIN_OWN: f64 = 0.002;
/// Bins before the change that give the level.
pub(crate) const LEVEL_BINS: usize = 60;
/// Time before the change that gives the scale.
pub(crate) const SCALE_SPAN: Span = Span::from_secs(6 * 3_600);
/// Observations that the prior scale of a role is worth: it matters for seconds of history and
/// fades within minutes.
const PRIOR_BINS: f64 = 10.0;

/// The scale on which a metric is judged.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum Form {
    /// `ln(x + offset)`: rates, times, counts. The offset is 1 % of the median before, at least a
    /// tenth of the floor; a quarter for a metric that falls silent now and then; for one that is mostly
    /// zero, its mean, and next to nothing for one that always was.
    Log { offset: f64 },
    /// In units of its own spread: a series with negative values.
    Linear { unit: f64 },
}

impl Form {
    pub(crate) fn of(pre: &[Point], floor: f64) -> Self {
        if pre.iter().any(|p| p.value < 0.0) {
            return Self::Linear { unit: unit(pre) };
        }
        let raw: Vec<f64> = pre.iter().rev().take(LEVEL_BINS).map(|p| p.value).collect();
        let typical = match stats::median(&raw) {
            Some(m) if m > 0.0 && falls_silent(pre, m) => SILENT_OFFSET * m,
            Some(m) if m > 0.0 => 0.01 * m,
            _ => stats::mean(&raw).unwrap_or(0.0),
        };
        let offset = typical.max(0.1 * floor);
        Self::Log {
            offset: if offset > 0.0 { offset } else { OF_NOTHING },
        }
    }

    pub(crate) fn of_value(self, value: f64) -> f64 {
        match self {
            Self::Log { offset } => {
                let size = (value.abs() / offset).ln_1p();
                if value < 0.0 { -size } else { size }
            }
            Self::Linear { unit } => value / unit,
        }
    }

    /// The value that [`Form::of_value`] makes `size` of.
    fn back(self, size: f64) -> f64 {
        match self {
            Self::Log { offset } => size.abs().exp_m1() * offset * size.signum(),
            Self::Linear { unit } => size * unit,
        }
    }
}

/// What is frozen at the change for one metric.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Frame {
    centre: Centre,
    form: Form,
    /// +1 when more is worse, -1 when less is.
    sign: f64,
    /// Level over the centre line, logarithmic.
    level: f64,
    /// Standard deviation of the residuals, logarithmic.
    pub(crate) scale: f64,
    /// The level of the hours before, over that of the last rows, where the two differ: after an
    /// incident that ended, or a change that was undone, the way back is no harm.
    #[serde(default)]
    earlier: Option<f64>,
    /// Lag-1 autocorrelation before the change.
    pub(crate) phi: f64,
    /// Bins that gave the level.
    pub(crate) bins: usize,
}

/// What a frame needs to know of a metric.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) role: MetricRole,
    pub(crate) worse: Worse,
    pub(crate) floor: f64,
}

impl Frame {
    /// Freezes level and scale on the points before a change (oldest first), around the best
    /// baseline that they allow; `None` when there are none.
    pub(crate) fn freeze(pre: &[Point], shape: Shape) -> Option<Self> {
        let form = Form::of(pre, shape.floor);
        let transformed: Vec<Point> = pre
            .iter()
            .map(|p| Point {
                at: p.at,
                value: form.of_value(p.value),
            })
            .collect();
        let centre = Centre::fitted(&transformed);
        Self::frozen(pre, shape, form, centre, Some(prior_scale(shape.role)))
    }

    /// The same around a given centre line, which is in the scale of `form`, for a column whose own
    /// windows say what is rare: they need no prior, and beside one whatever is quieter would be
    /// drowned by what is rare and large.
    pub(crate) fn around(pre: &[Point], shape: Shape, form: Form, centre: Centre) -> Option<Self> {
        Self::frozen(pre, shape, form, centre, None)
    }

    fn frozen(
        pre: &[Point],
        shape: Shape,
        form: Form,
        centre: Centre,
        prior: Option<f64>,
    ) -> Option<Self> {
        let away: Vec<f64> = pre
            .iter()
            .map(|p| form.of_value(p.value) - centre.at(p.at))
            .collect();
        let near = &away[away.len().saturating_sub(LEVEL_BINS)..];
        let level = stats::median(near)?;
        let from = pre.last()?.at - SCALE_SPAN;
        let first = pre.partition_point(|p| p.at < from);
        let wide = &away[first.min(away.len() - near.len())..];
        let usual = stats::median(wide)?;
        let least = prior.map_or(SCALE_MIN_OWN, |_| SCALE_MIN);
        let own = stats::mad(wide, usual).max(least);
        let earlier = Some(usual - level).filter(|away| away.abs() > OTHER_LEVEL * own);
        let scale = match (prior, form) {
            (None, _) => own,
            (Some(prior), Form::Log { .. }) => shrunk(own, prior, wide.len()),
            (Some(_), Form::Linear { .. }) => shrunk(own, 1.0, wide.len()),
        };
        let sign = if shape.worse == Worse::Down {
            -1.0
        } else {
            1.0
        };
        let phi = stats::autocorrelation(near, level);
        Some(Self {
            centre,
            form,
            sign,
            level,
            scale,
            earlier,
            phi,
            bins: near.len(),
        })
    }

    /// The same frame on the scale half way (in logarithms) between its own and the `typical` one of
    /// many: six hours tell how wild these hours are, and not well.
    pub(crate) fn settled(&mut self, typical: f64) {
        self.scale = (self.scale * typical).sqrt();
    }

    /// Distance from the frozen level, "worse" up, unclipped; logarithmic unless the series is judged
    /// as it is.
    pub(crate) fn distance(&self, point: Point) -> f64 {
        self.sign * (self.form.of_value(point.value) - self.centre.at(point.at) - self.level)
    }

    /// The value in the scale of the distances, whatever was expected.
    pub(crate) fn height(&self, point: Point) -> f64 {
        self.form.of_value(point.value)
    }

    /// The distance in standard deviations, clipped: what the scan adds up.
    pub(crate) fn residual(&self, point: Point) -> f64 {
        self.deviation(point).clamp(-CLIP, CLIP)
    }

    /// The distance in standard deviations, from the nearer of the levels before.
    pub(crate) fn deviation(&self, point: Point) -> f64 {
        let distance = self.distance(point);
        let near = match self.earlier.map(|earlier| distance - self.sign * earlier) {
            Some(other) if other * distance <= 0.0 => 0.0,
            Some(other) if other.abs() < distance.abs() => other,
            _ => distance,
        };
        near / self.scale
    }

    /// How far a value is beyond what is usual, in standard deviations, worse only: zero for the usual ones.
    pub(crate) fn extreme(&self, point: Point) -> f64 {
        (self.distance(point) / self.scale - EXTREME).clamp(0.0, EXTREME_MAX)
    }

    /// Where a value at `at` was expected; `None` where the centre line does not reach.
    pub(crate) fn band(&self, at: Timestamp) -> Option<Band> {
        let middle = self.centre.known(at)? + self.level;
        let reach = BAND * self.scale;
        Some(Band {
            at,
            low: self.form.back(middle - reach),
            middle: self.form.back(middle),
            high: self.form.back(middle + reach),
        })
    }

    /// The baseline below it.
    pub(crate) fn id(&self) -> BaselineId {
        self.centre.id()
    }

    /// Mean size of the residuals of `pre`, and of the jumps from one to the next; zero without any.
    pub(crate) fn usual_scatter(&self, pre: &[Point]) -> (f64, f64) {
        let residuals: Vec<f64> = pre.iter().map(|p| self.residual(*p)).collect();
        let sizes: Vec<f64> = residuals.iter().map(|r| r.abs()).collect();
        let pairs = residuals.windows(2);
        let jumps: Vec<f64> = pairs.map(|w| scan::jump(w[0], w[1])).collect();
        let mean = |values: &[f64]| stats::mean(values).unwrap_or(0.0);
        (mean(&sizes), mean(&jumps))
    }

    /// Name of the baseline below it.
    pub(crate) fn baseline(&self) -> String {
        self.id().to_string()
    }
}

/// Whether values of nearly nothing are usual beside the typical one: on a plain logarithmic scale each
/// would be a fall of orders of magnitude, and hide whatever else moves.
fn falls_silent(pre: &[Point], typical: f64) -> bool {
    let newest = &pre[pre.len().saturating_sub(SILENT_ROWS)..];
    let low = newest.iter().filter(|p| p.value < 0.1 * typical).count();
    low as f64 > SILENT_SHARE * newest.len() as f64
}

/// The unit of a series that is judged as it is: its spread, else its size, else one.
fn unit(pre: &[Point]) -> f64 {
    let raw: Vec<f64> = pre.iter().map(|p| p.value).collect();
    let centre = stats::median(&raw).unwrap_or(0.0);
    [stats::mad(&raw, centre), centre.abs()]
        .into_iter()
        .find(|u| *u > 0.0)
        .unwrap_or(1.0)
}

/// The own scale, drawn towards the prior of the role while there are few observations.
fn shrunk(own: f64, prior: f64, bins: usize) -> f64 {
    let n = bins as f64;
    ((n * own * own + PRIOR_BINS * prior * prior) / (n + PRIOR_BINS)).sqrt()
}

/// Spread of a metric of this role that is usual at one sample a second (logarithmic), used while
/// the own history is short. From the noise measured on null changes (throughput 10-15 %, probe
/// latency 0.4).
const fn prior_scale(role: MetricRole) -> f64 {
    match role {
        MetricRole::Throughput | MetricRole::Demand => 0.12,
        MetricRole::Latency | MetricRole::Errors => 0.35,
        MetricRole::Saturation | MetricRole::Host | MetricRole::Other => 0.2,
    }
}

/// Points in order of time, one for each moment (the last wins), finite only.
pub(crate) fn clean(mut points: Vec<Point>) -> Vec<Point> {
    points.retain(|p| p.value.is_finite());
    points.sort_by_key(|p| p.at);
    let mut out: Vec<Point> = Vec::with_capacity(points.len());
    for point in points {
        match out.last_mut() {
            Some(last) if last.at == point.at => *last = point,
            _ => out.push(point),
        }
    }
    out
}
