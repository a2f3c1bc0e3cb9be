//! Baselines: the centre line a metric would follow without the change. A baseline supplies only
//! that line; residuals, scan and calibration are the same for all, so the false-alarm rate does
//! not depend on the model.
//!
//! What can be fitted ([`Baseline`]) and what can predict ([`Fitted`]) are different types: a line
//! cannot be asked of a model that has seen no history.

pub mod checks;
mod grid;
mod profile;

use std::fmt;

use backstay_model::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::residual::Point;
pub use grid::{Grid, as_far_as};
pub use profile::{Profile, SeasonalMedian};

/// One day.
pub const DAY: Span = Span(86_400_000_000);

/// Name, version and parameters of a baseline: part of the key of a placebo bank.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct BaselineId(pub String);

impl fmt::Display for BaselineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// When a baseline may be fitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cost {
    /// Inside a tick.
    Hot,
    /// Ahead of time, off the decision path.
    Nightly,
}

/// The least history that a baseline is fitted on, and the most that it looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Needs {
    /// From the first to the last value, at least.
    pub span: Span,
    /// Values, at least.
    pub bins: usize,
    /// History older than this before the newest value is not used.
    pub reach: Span,
    /// Values closer together than this are joined to their median first.
    pub grain: Span,
    /// A fit is used for this long, then made anew.
    pub keeps: Span,
}

/// Why a baseline cannot be fitted, or not predict.
#[derive(Clone, PartialEq, Debug)]
pub enum Unfit {
    /// The history is too short.
    TooShort {
        /// What there is.
        has: Span,
        /// What there must be.
        needs: Span,
    },
    /// The history has too few values.
    TooFew {
        /// What there are.
        has: usize,
        /// What there must be.
        needs: usize,
    },
    /// The model's own arithmetic failed; its words.
    Failed(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = |s: &Span| s.as_secs_f64() / DAY.as_secs_f64();
        match self {
            Self::TooShort { has, needs } => write!(
                f,
                "{:.1} days of history, it needs {:.0}",
                days(has),
                days(needs)
            ),
            Self::TooFew { has, needs } => write!(f, "{has} values, it needs {needs}"),
            Self::Failed(why) => write!(f, "it could not be fitted: {why}"),
        }
    }
}

/// A model of the centre line that has seen nothing yet. It works in the transformed scale of the
/// residuals (logarithms, for most metrics).
pub trait Baseline: fmt::Debug {
    /// Name, version and parameters.
    fn id(&self) -> BaselineId;
    /// The history it wants.
    fn needs(&self) -> Needs;
    /// When it may be fitted.
    fn cost(&self) -> Cost;
    /// Learns from the values before a moment, oldest first, one for each time.
    ///
    /// # Errors
    /// [`Unfit`] when there is less than [`Baseline::needs`], or the model failed.
    fn fit(&self, pre: &[Point]) -> Result<Box<dyn Fitted>, Unfit>;
}

/// A model that has seen the values before a moment, and nothing since.
pub trait Fitted: fmt::Debug {
    /// The centre line at moments after the fit, in order of time.
    ///
    /// # Errors
    /// [`Unfit::Failed`] when the model's own arithmetic fails.
    fn predict(&self, at: &[Timestamp]) -> Result<Vec<f64>, Unfit>;
}

impl Needs {
    /// Whether `pre` (oldest first) suffices.
    ///
    /// # Errors
    /// What is missing.
    pub fn met_by(&self, pre: &[Point]) -> Result<(), Unfit> {
        let has = match (pre.first(), pre.last()) {
            (Some(first), Some(last)) => last.at.since(first.at),
            _ => Span::ZERO,
        };
        // The last bin ends a grain later than it begins.
        if has.0 + self.grain.0 < self.span.0 {
            return Err(Unfit::TooShort {
                has,
                needs: self.span,
            });
        }
        if pre.len() < self.bins {
            return Err(Unfit::TooFew {
                has: pre.len(),
                needs: self.bins,
            });
        }
        Ok(())
    }
}

/// No season: the centre line is zero and the frozen level carries everything. For short histories.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Flat;

impl Flat {
    /// Name and version.
    #[must_use]
    pub fn id(&self) -> BaselineId {
        BaselineId("flat-1".into())
    }
}

/// A centre line as plain data: what a watch keeps of its baseline.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum Centre {
    Flat(Flat),
    Seasonal(Profile),
    /// A line that was predicted for these moments, in order of time.
    Line {
        id: BaselineId,
        line: Vec<Point>,
    },
}

impl Centre {
    /// The best baseline that the history allows.
    pub(crate) fn fitted(pre: &[Point]) -> Self {
        match SeasonalMedian.profile(pre) {
            Ok(profile) => Self::Seasonal(profile),
            Err(_) => Self::Flat(Flat),
        }
    }

    pub(crate) fn id(&self) -> BaselineId {
        match self {
            Self::Flat(flat) => flat.id(),
            Self::Seasonal(_) => SeasonalMedian.id(),
            Self::Line { id, .. } => id.clone(),
        }
    }

    pub(crate) fn at(&self, at: Timestamp) -> f64 {
        self.known(at).unwrap_or(0.0)
    }

    /// The line at a moment, `None` where it does not reach.
    pub(crate) fn known(&self, at: Timestamp) -> Option<f64> {
        match self {
            Self::Flat(_) => Some(0.0),
            Self::Seasonal(profile) => Some(profile.at(at)),
            Self::Line { line, .. } => {
                let place = line.binary_search_by_key(&at, |p| p.at).ok()?;
                Some(line[place].value)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_days_make_a_season_and_less_makes_none() {
        let wave = |minute: i64| (minute as f64 / 1440.0 * std::f64::consts::TAU).sin();
        let points = |days: i64| -> Vec<Point> {
            (0..days * 1440)
                .map(|m| Point {
                    at: Timestamp::from_secs(m * 60),
                    value: wave(m),
                })
                .collect()
        };
        assert_eq!(Centre::fitted(&points(1)).id().to_string(), "flat-1");
        let centre = Centre::fitted(&points(3));
        assert_eq!(centre.id().to_string(), "seasonal-median-1");
        for minute in [0, 300, 777, 1439] {
            let line = centre.at(Timestamp::from_secs((minute + 3 * 1440) * 60));
            assert!((line - wave(minute)).abs() < 0.02, "{minute}: {line}");
        }
    }

    #[test]
    fn what_is_missing_is_told() {
        let needs = SeasonalMedian.needs();
        let at = |day: i64| Point {
            at: Timestamp(day * DAY.0),
            value: 1.0,
        };
        let short = needs.met_by(&[at(0), at(1)]).unwrap_err();
        assert_eq!(short.to_string(), "1.0 days of history, it needs 2");
        let few = Needs { bins: 3, ..needs }
            .met_by(&[at(0), at(2)])
            .unwrap_err();
        assert_eq!(few.to_string(), "2 values, it needs 3");
        assert_eq!(needs.met_by(&[at(0), at(2)]), Ok(()));
    }
}
