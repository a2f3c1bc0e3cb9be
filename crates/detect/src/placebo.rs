//! The guarantee: the same scan at moments of the same target at which nothing was changed. Of each
//! such window only the maximum over the whole horizon is kept, so looking at every bin is covered.

use std::collections::BTreeMap;

use backstay_model::metric::{MetricRole, MetricSpec, Worse};
use backstay_model::{MetricName, Sample, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::history::finite;
use crate::policy::DetectPolicy;
use crate::residual::Point;
use crate::stats;
use crate::track::{PRE_BINS, Track};
use tail::Ranks;

/// Placebo windows kept for each metric.
pub const PLACEBOS_MAX: usize = 500;
/// Fewest windows worth a p-value of their own (by span, not by count: they overlap by half).
const WINDOWS_MIN: f64 = 8.0;
/// Fewest windows with which a watch leaves the shipped tables: below, they say less.
const SEASONED_MIN: f64 = 40.0;
/// Share of the older windows above the bar that the newest are held against.
const LATELY: f64 = 0.2;
/// Windows that the belief in a steady past is worth.
const BELIEVED: f64 = 60.0;
/// Share of missing bins beyond which a window is not admitted.
const MISSING_MAX: f64 = 0.1;

/// What one placebo window said.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Placebo {
    /// The pseudo-change.
    pub(crate) at: Timestamp,
    /// Maximum of the scan over the horizon.
    pub(crate) max: f64,
    /// Median distance over the horizon, unclipped, "worse" up.
    pub(crate) shift: f64,
}

/// The windows of one metric.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Bank {
    /// Baseline they were made with; another one empties the bank.
    baseline: String,
    placebos: Vec<Placebo>,
    audit: Audit,
    /// Chances are multiplied by this: how much wilder the newest windows are than the older ones.
    #[serde(default = "one")]
    inflation: f64,
}

const fn one() -> f64 {
    1.0
}

impl Default for Bank {
    fn default() -> Self {
        Self {
            baseline: String::new(),
            placebos: Vec::new(),
            audit: Audit::default(),
            inflation: one(),
        }
    }
}

/// How often harmless windows would have alarmed, judged before they joined the bank.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Audit {
    /// Windows judged.
    pub judged: u64,
    /// Windows that would have alarmed at the nominal warning level.
    pub alarmed: u64,
}

impl Bank {
    pub(crate) fn insert(&mut self, baseline: &str, placebo: Placebo, alpha: f64) {
        if self.baseline != baseline {
            *self = Self {
                baseline: baseline.to_owned(),
                ..Self::default()
            };
        }
        if let Some(p) = self.p_value(placebo.max) {
            self.audit.judged += 1;
            self.audit.alarmed += u64::from(p <= alpha);
        }
        if self.placebos.len() == PLACEBOS_MAX {
            self.placebos.remove(0);
        }
        self.placebos.push(placebo);
    }

    /// Windows by span: neighbours overlap by half.
    fn effective(&self) -> f64 {
        self.placebos.len() as f64 / 2.0
    }

    /// Chance that a harmless window has a maximum of at least `max`; `None` when there are too few
    /// windows. Ties count against us. Below `1/(n+1)` the tail is extrapolated by at most ten.
    pub(crate) fn p_value(&self, max: f64) -> Option<f64> {
        Some((self.inflation * self.ranks()?.p_value(max)).min(1.0))
    }

    /// Upper bound of the median distance that chance alone explains at level `alpha`.
    pub(crate) fn shift_bound(&self, alpha: f64) -> Option<f64> {
        if self.effective() < WINDOWS_MIN {
            return None;
        }
        // The bound is on the effect: what harmless windows hide, they hide downwards.
        let mut hidden: Vec<f64> = self.placebos.iter().map(|p| -p.shift).collect();
        hidden.sort_by(f64::total_cmp);
        stats::quantile_sorted(&hidden, 1.0 - alpha)
    }

    /// The scan level that a harmless window passes with chance `alpha`.
    pub(crate) fn level(&self, alpha: f64) -> Option<f64> {
        self.ranks()
            .map(|ranks| ranks.level(alpha / self.inflation))
    }

    fn ranks(&self) -> Option<Ranks> {
        let n = self.effective();
        let maxima = self.placebos.iter().map(|p| p.max).collect();
        (n >= WINDOWS_MIN).then(|| Ranks::of(maxima, n))
    }

    /// Looks how often the newest third of the windows passes what a fifth of the older ones did: where
    /// the past becomes wilder, chances taken from all of it are too small.
    pub(crate) fn inflate(&mut self) {
        let (older, newest) = self.placebos.split_at(self.placebos.len() * 2 / 3);
        let mut maxima: Vec<f64> = older.iter().map(|p| p.max).collect();
        maxima.sort_by(f64::total_cmp);
        let Some(bar) = stats::quantile_sorted(&maxima, 1.0 - LATELY) else {
            return;
        };
        let passed = newest.iter().filter(|p| p.max > bar).count() as f64;
        let share = (passed + LATELY * BELIEVED) / (newest.len() as f64 + BELIEVED);
        self.inflation = (share / LATELY).max(1.0);
    }

    /// Whether there are windows enough to stand in for the shipped tables.
    pub(crate) fn seasoned(&self) -> bool {
        self.effective() >= SEASONED_MIN
    }

    pub(crate) fn baseline(&self) -> &str {
        &self.baseline
    }
}

/// The placebo banks of one target, fed with every sample that is not inside a watch.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Banks {
    metrics: Vec<Known>,
    banks: BTreeMap<MetricName, Bank>,
    /// Samples of the next window, oldest first.
    recent: Vec<Sample>,
    /// Samples since the last window.
    fresh: usize,
    horizon: usize,
    step: Span,
    alpha: f64,
}

/// What must be known of a metric to open a pseudo-change.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Known {
    name: MetricName,
    role: MetricRole,
    worse: Worse,
    floor: f64,
}

impl Banks {
    /// Empty banks for the metrics of one target; windows are as long as `policy.watch`.
    #[must_use]
    pub fn new(specs: &[MetricSpec], policy: &DetectPolicy) -> Self {
        let known = |s: &MetricSpec| Known {
            name: s.name.clone(),
            role: s.role,
            worse: s.worse,
            floor: s.floor,
        };
        Self {
            metrics: specs.iter().map(known).collect(),
            banks: BTreeMap::new(),
            recent: Vec::new(),
            fresh: 0,
            horizon: policy.horizon(),
            step: policy.step,
            alpha: policy.alpha_warn,
        }
    }

    /// Takes in one sample from a time without a watch. Every half horizon it opens a pseudo-change;
    /// otherwise it costs one copy of the sample.
    pub fn push(&mut self, sample: &Sample) {
        if self.recent.last().is_some_and(|last| last.at >= sample.at) {
            return;
        }
        let whole = PRE_BINS + self.horizon;
        if self.recent.len() >= whole {
            self.recent.remove(0);
        }
        self.recent.push(finite(sample));
        self.fresh += 1;
        if self.recent.len() == whole && self.fresh >= self.horizon.div_ceil(2) {
            self.fresh = 0;
            self.pseudo_change();
        }
    }

    /// Says that something happened (a change, a restart, a failover, a pause): no window touches it.
    pub fn disturb(&mut self) {
        self.recent.clear();
        self.fresh = 0;
    }

    /// The self-audit of each metric, in order of names.
    pub fn audits(&self) -> impl Iterator<Item = (&MetricName, Audit)> {
        self.banks.iter().map(|(name, bank)| (name, bank.audit))
    }

    pub(crate) fn bank(&self, metric: &MetricName) -> Option<&Bank> {
        self.banks.get(metric)
    }

    pub(crate) const fn horizon(&self) -> usize {
        self.horizon
    }

    /// Bins before a pseudo-change; a change with far fewer is not exchangeable with them.
    pub(crate) const fn pre_bins() -> usize {
        PRE_BINS
    }

    fn pseudo_change(&mut self) {
        let (Some(first), Some(last)) = (self.recent.first(), self.recent.last()) else {
            return;
        };
        let expected = last.at.since(first.at).0 as f64 / self.step.0.max(1) as f64;
        if self.recent.len() as f64 - 1.0 < expected * (1.0 - MISSING_MAX) {
            return;
        }
        let at = self.recent[PRE_BINS - 1].at;
        for known in &self.metrics {
            let points: Vec<Point> = self
                .recent
                .iter()
                .filter_map(|s| {
                    s.get(known.name.as_str())
                        .map(|value| Point { at: s.at, value })
                })
                .collect();
            let enough = (PRE_BINS + self.horizon) as f64 * (1.0 - MISSING_MAX);
            if (points.len() as f64) < enough {
                continue;
            }
            let split = points.partition_point(|p| p.at <= at);
            let track = Track::open(known.name.clone(), known.role, known.worse, known.floor);
            if let Some((baseline, placebo)) = window(track, &points, split) {
                let bank = self.banks.entry(known.name.clone()).or_default();
                bank.insert(&baseline, placebo, self.alpha);
            }
        }
    }
}

/// Runs one placebo window: the points before `split` freeze the frame, the others are scanned.
pub(crate) fn window(track: Track, points: &[Point], split: usize) -> Option<(String, Placebo)> {
    let at = points.get(split.checked_sub(1)?)?.at;
    let mut track = track.freeze(&points[..split]);
    let baseline = track.frame.as_ref()?.baseline();
    Some((baseline, scanned(&mut track, &points[split..], at)?))
}

/// What a frozen track says to the points of a horizon.
pub(crate) fn scanned(track: &mut Track, horizon: &[Point], at: Timestamp) -> Option<Placebo> {
    horizon.iter().for_each(|p| track.push(*p));
    let shift = track.median_distance(&track.post)?;
    Some(Placebo {
        at,
        max: track.scan.max(),
        shift,
    })
}

mod tail;
