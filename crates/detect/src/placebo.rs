//! The guarantee: the same scan at moments of the same target at which nothing was changed. Of each
//! such window only the maximum over the whole horizon is kept, so looking at every bin is covered.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::residual::Point;
use crate::stats;
use crate::track::Track;
use packed::Packed;
use tail::Ranks;

/// Placebo windows kept of a recorded series, which overlap by half.
pub(crate) const PLACEBOS_MAX: usize = 500;
/// Placebo windows kept of a target that is watched, which do not.
const DISJOINT_MAX: usize = 300;
/// Moments at which a watch may end early, as shares of a placebo window; a watch that is as long as
/// the window ends at the last of them anyway.
pub(crate) const CHECKPOINTS: [f64; 3] = [1.0 / 15.0, 1.0 / 3.0, 1.0];
/// Fewest windows worth a p-value of their own, by span.
const WINDOWS_MIN: f64 = 8.0;
/// Fewest windows with which a watch leaves the shipped tables: below, they say less.
const SEASONED_MIN: f64 = 40.0;
/// Share of the older windows above the bar that the newest are held against.
const LATELY: f64 = 0.2;
/// Windows that the belief in a steady past is worth.
const BELIEVED: f64 = 60.0;

/// What one placebo window said.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Placebo {
    /// Maximum of the scan over the horizon.
    pub(crate) max: f64,
    /// Median distance over the horizon, unclipped, "worse" up.
    pub(crate) shift: f64,
    /// The same over the bins until each of [`CHECKPOINTS`] but the last, which is the end; `None` where
    /// nobody ends early, and of a window so long that its first bins left before its end.
    pub(crate) early: [Option<f32>; 2],
    /// How extreme its values were; `None` of windows that were kept by earlier versions.
    #[serde(default)]
    pub(crate) extremes: Option<f32>,
}

impl Placebo {
    /// What the bins since a pseudo-change said; `None` without any.
    pub(crate) fn of(track: &Track) -> Option<Self> {
        Some(Self {
            max: track.scan.max(),
            shift: track.median_distance(track.post.all())?,
            early: [None; 2],
            extremes: track.extremes().map(|e| e as f32),
        })
    }

    /// The same of a window of `horizon` bins, with what its beginning said.
    pub(crate) fn with_beginning(track: &Track, horizon: usize) -> Option<Self> {
        let whole = track.taken == track.post.len();
        let until = |share: f64| {
            let bins = checkpoint(share, horizon).min(track.post.len());
            let distance = track.median_distance(track.post.all().oldest(bins));
            distance.filter(|_| whole).map(|d| d as f32)
        };
        Some(Self {
            early: [until(CHECKPOINTS[0]), until(CHECKPOINTS[1])],
            ..Self::of(track)?
        })
    }
}

/// Bins since a change at a checkpoint of a horizon.
pub(crate) fn checkpoint(share: f64, horizon: usize) -> usize {
    ((share * horizon as f64).round() as usize).max(1)
}

/// Until when the distance since a change is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Until {
    /// The end of the horizon.
    End,
    /// The checkpoint of this index in [`CHECKPOINTS`].
    Checkpoint(usize),
}

/// How much of a window of its own each placebo is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) enum Spacing {
    /// Neighbours overlap by half.
    #[default]
    Overlapping,
    /// One begins where the other ends.
    Disjoint,
}

/// The windows of one metric.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Bank {
    /// Baseline they were made with; another one empties the bank.
    baseline: String,
    /// Oldest first; a watch that is going on shares them.
    #[serde(with = "packed")]
    placebos: Arc<Vec<Packed>>,
    #[serde(default)]
    spacing: Spacing,
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
            placebos: Arc::default(),
            spacing: Spacing::default(),
            inflation: one(),
        }
    }
}

impl Bank {
    /// An empty bank for windows that do not overlap.
    pub(crate) fn disjoint() -> Self {
        Self {
            spacing: Spacing::Disjoint,
            ..Self::default()
        }
    }

    /// Windows in it.
    pub(crate) fn len(&self) -> usize {
        self.placebos.len()
    }

    pub(crate) fn insert(&mut self, baseline: &str, placebo: Placebo) {
        if self.baseline != baseline {
            *self = Self {
                baseline: baseline.to_owned(),
                spacing: self.spacing,
                ..Self::default()
            };
        }
        let most = match self.spacing {
            Spacing::Overlapping => PLACEBOS_MAX,
            Spacing::Disjoint => DISJOINT_MAX,
        };
        packed::add(&mut self.placebos, placebo, most);
    }

    /// Its windows, oldest first.
    fn each(&self) -> impl Iterator<Item = Placebo> + '_ {
        self.placebos.iter().copied().map(Placebo::from)
    }

    /// Windows by span.
    fn effective(&self) -> f64 {
        let each = match self.spacing {
            Spacing::Overlapping => 0.5,
            Spacing::Disjoint => 1.0,
        };
        self.placebos.len() as f64 * each
    }

    /// Chance that a harmless window has a maximum of at least `max`; `None` when there are too few
    /// windows. Ties count against us. Below `1/(n+1)` the tail is extrapolated by at most ten.
    pub(crate) fn p_value(&self, max: f64) -> Option<f64> {
        Some((self.inflation * self.ranks()?.p_value(max)).min(1.0))
    }

    /// Chance that a harmless window has values as extreme; `None` when there are too few windows.
    pub(crate) fn chance_of_extremes(&self, extremes: f64) -> Option<f64> {
        let known = self.each().filter_map(|p| p.extremes);
        let known: Vec<f64> = known.map(f64::from).collect();
        let n = self.effective() * known.len() as f64 / self.placebos.len().max(1) as f64;
        let ranks = (n >= WINDOWS_MIN).then(|| Ranks::of(known, n))?;
        Some((self.inflation * ranks.p_value(extremes)).min(1.0))
    }

    /// Upper bound of the median distance that chance alone explains at level `alpha`, until the end
    /// of the window or until a checkpoint.
    pub(crate) fn shift_bound(&self, alpha: f64, until: Until) -> Option<f64> {
        if self.effective() < WINDOWS_MIN {
            return None;
        }
        // The bound is on the effect: what harmless windows hide, they hide downwards.
        let hidden = |p: Placebo| match until {
            Until::Checkpoint(i) if i + 1 < CHECKPOINTS.len() => p.early[i].map(|e| -f64::from(e)),
            Until::Checkpoint(_) | Until::End => Some(-p.shift),
        };
        let hidden: Option<Vec<f64>> = self.each().map(hidden).collect();
        let mut hidden = hidden?;
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
        let maxima = self.each().map(|p| p.max).collect();
        (n >= WINDOWS_MIN).then(|| Ranks::of(maxima, n))
    }

    /// Looks how often the newest third of the windows passes what a fifth of the older ones did: where
    /// the past becomes wilder, chances taken from all of it are too small.
    pub(crate) fn inflate(&mut self) {
        let all: Vec<f64> = self.each().map(|p| p.max).collect();
        let (older, newest) = all.split_at(all.len() * 2 / 3);
        let mut maxima = older.to_vec();
        maxima.sort_by(f64::total_cmp);
        let Some(bar) = stats::quantile_sorted(&maxima, 1.0 - LATELY) else {
            return;
        };
        let passed = newest.iter().filter(|max| **max > bar).count() as f64;
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

/// What a frozen track says to the points of a horizon.
pub(crate) fn scanned(track: &mut Track, horizon: &[Point]) -> Option<Placebo> {
    horizon.iter().for_each(|p| track.push(*p));
    Placebo::of(track)
}

mod packed;
mod tail;
