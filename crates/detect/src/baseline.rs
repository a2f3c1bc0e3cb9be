//! Baselines: the centre line a metric would follow without the change. A baseline supplies only
//! that line; residuals, scan and calibration are the same for all, so the false-alarm rate does
//! not depend on the model.

use backstay_model::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

use crate::residual::Point;

const DAY_US: i64 = 86_400_000_000;
/// Slots of a day profile.
const SLOTS: usize = 288;
/// Slots on each side that join the median of a slot.
const REACH: usize = 1;
/// Newest days that make the profile.
const DAYS_MAX: i64 = 7;

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

/// Why a baseline cannot be fitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// The history is shorter than [`Baseline::needs`].
    TooShort,
    /// It has not been fitted yet.
    NotFitted,
}

/// A model of the centre line, in the transformed scale of the residuals (logarithms).
pub trait Baseline {
    /// Name, version and parameters.
    fn id(&self) -> BaselineId;
    /// Shortest history it may be fitted on.
    fn needs(&self) -> Span;
    /// Learns from the values before a change, oldest first.
    ///
    /// # Errors
    /// [`Unfit::TooShort`]; the baseline is unchanged then.
    fn fit(&mut self, pre: &[Point]) -> Result<(), Unfit>;
    /// The centre line at `at`.
    ///
    /// # Errors
    /// [`Unfit::NotFitted`].
    fn predict(&self, at: Timestamp) -> Result<f64, Unfit>;
    /// When it may be fitted.
    fn cost(&self) -> Cost;
}

/// No season: the centre line is zero and the frozen level carries everything. For short histories.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Flat;

impl Baseline for Flat {
    fn id(&self) -> BaselineId {
        BaselineId("flat-1".into())
    }

    fn needs(&self) -> Span {
        Span::ZERO
    }

    fn fit(&mut self, _pre: &[Point]) -> Result<(), Unfit> {
        Ok(())
    }

    fn predict(&self, _at: Timestamp) -> Result<f64, Unfit> {
        Ok(0.0)
    }

    fn cost(&self) -> Cost {
        Cost::Hot
    }
}

/// The median of the same time of day over the last days, in slots of five minutes.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SeasonalMedian {
    /// One value for each slot; empty before the fit.
    profile: Vec<f64>,
}

impl Baseline for SeasonalMedian {
    fn id(&self) -> BaselineId {
        BaselineId("seasonal-median-1".into())
    }

    fn needs(&self) -> Span {
        Span(2 * DAY_US)
    }

    fn fit(&mut self, pre: &[Point]) -> Result<(), Unfit> {
        let (Some(first), Some(last)) = (pre.first(), pre.last()) else {
            return Err(Unfit::TooShort);
        };
        // One sample short of two days still is two days of samples.
        if last.at.since(first.at).0 < self.needs().0 - DAY_US / SLOTS as i64 {
            return Err(Unfit::TooShort);
        }
        let from = last.at - Span(DAYS_MAX * DAY_US);
        let mut slots = vec![Vec::new(); SLOTS];
        for point in pre.iter().filter(|p| p.at > from) {
            slots[slot(point.at)].push(point.value);
        }
        let whole: Vec<f64> = slots.iter().flatten().copied().collect();
        let fallback = crate::stats::median(&whole).unwrap_or(0.0);
        self.profile = (0..SLOTS)
            .map(|i| smoothed(&slots, i).unwrap_or(fallback))
            .collect();
        Ok(())
    }

    fn predict(&self, at: Timestamp) -> Result<f64, Unfit> {
        if self.profile.is_empty() {
            return Err(Unfit::NotFitted);
        }
        let exact = at.0.rem_euclid(DAY_US) as f64 / DAY_US as f64 * SLOTS as f64 - 0.5;
        let left = exact.floor();
        let wrap = |i: f64| self.profile[(i as i64).rem_euclid(SLOTS as i64) as usize];
        Ok(wrap(left) + (wrap(left + 1.0) - wrap(left)) * (exact - left))
    }

    fn cost(&self) -> Cost {
        Cost::Hot
    }
}

fn slot(at: Timestamp) -> usize {
    (at.0.rem_euclid(DAY_US) / (DAY_US / SLOTS as i64)) as usize % SLOTS
}

/// Median of a slot and its neighbours.
fn smoothed(slots: &[Vec<f64>], centre: usize) -> Option<f64> {
    let mut near: Vec<f64> = (0..=2 * REACH)
        .flat_map(|j| slots[(centre + SLOTS + j - REACH) % SLOTS].iter().copied())
        .collect();
    crate::stats::median_mut(&mut near)
}

/// The baselines this crate has, as plain data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum Centre {
    Flat(Flat),
    Seasonal(SeasonalMedian),
    /// A line that was predicted for these moments, in order of time.
    Line {
        id: BaselineId,
        line: Vec<Point>,
    },
}

impl Centre {
    /// The best baseline that the history allows.
    pub(crate) fn fitted(pre: &[Point]) -> Self {
        let mut seasonal = SeasonalMedian::default();
        match seasonal.fit(pre) {
            Ok(()) => Self::Seasonal(seasonal),
            Err(_) => Self::Flat(Flat),
        }
    }

    pub(crate) fn id(&self) -> BaselineId {
        match self {
            Self::Flat(b) => b.id(),
            Self::Seasonal(b) => b.id(),
            Self::Line { id, .. } => id.clone(),
        }
    }

    pub(crate) fn at(&self, at: Timestamp) -> f64 {
        match self {
            Self::Flat(b) => b.predict(at),
            Self::Seasonal(b) => b.predict(at),
            Self::Line { line, .. } => line
                .binary_search_by_key(&at, |p| p.at)
                .map(|i| line[i].value)
                .map_err(|_| Unfit::NotFitted),
        }
        .unwrap_or(0.0)
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
}
