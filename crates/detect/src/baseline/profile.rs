//! The median of the same time of day, as a profile of one day: the baseline that fits in a tick.

use backstay_model::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Baseline, BaselineId, Cost, DAY, Fitted, Needs, Unfit};
use crate::residual::Point;

/// Slots of a day profile.
const SLOTS: usize = 288;
/// Slots on each side that join the median of a slot.
const REACH: usize = 1;
/// Newest days that make the profile.
const DAYS_MAX: i64 = 7;

/// The median of the same time of day over the last days, in slots of five minutes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SeasonalMedian;

/// A fitted [`SeasonalMedian`]: one value for each slot of the day.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Profile {
    profile: Vec<f64>,
}

impl SeasonalMedian {
    /// The day profile of the values before a moment, oldest first.
    ///
    /// # Errors
    /// [`Unfit::TooShort`] below two days.
    pub fn profile(&self, pre: &[Point]) -> Result<Profile, Unfit> {
        self.needs().met_by(pre)?;
        let newest = pre.last().map_or(Timestamp::default(), |p| p.at);
        let from = newest - self.needs().reach;
        let mut slots = vec![Vec::new(); SLOTS];
        for point in pre.iter().filter(|p| p.at > from) {
            slots[slot(point.at)].push(point.value);
        }
        let whole: Vec<f64> = slots.iter().flatten().copied().collect();
        let fallback = crate::stats::median(&whole).unwrap_or(0.0);
        let profile = (0..SLOTS)
            .map(|i| smoothed(&slots, i).unwrap_or(fallback))
            .collect();
        Ok(Profile { profile })
    }
}

impl Baseline for SeasonalMedian {
    fn id(&self) -> BaselineId {
        BaselineId("seasonal-median-1".into())
    }

    fn needs(&self) -> Needs {
        Needs {
            span: Span(2 * DAY.0),
            bins: 2,
            reach: Span(DAYS_MAX * DAY.0),
            grain: Span(DAY.0 / SLOTS as i64),
            keeps: DAY,
        }
    }

    fn cost(&self) -> Cost {
        Cost::Hot
    }

    fn fit(&self, pre: &[Point]) -> Result<Box<dyn Fitted>, Unfit> {
        Ok(Box::new(self.profile(pre)?))
    }
}

impl Profile {
    /// The centre line at a moment, straight between the middles of two slots.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> f64 {
        let exact = at.0.rem_euclid(DAY.0) as f64 / DAY.0 as f64 * SLOTS as f64 - 0.5;
        let left = exact.floor();
        let wrap = |i: f64| {
            let slot = (i as i64).rem_euclid(SLOTS as i64) as usize;
            self.profile.get(slot).copied().unwrap_or(0.0)
        };
        wrap(left) + (wrap(left + 1.0) - wrap(left)) * (exact - left)
    }
}

impl Fitted for Profile {
    fn predict(&self, at: &[Timestamp]) -> Result<Vec<f64>, Unfit> {
        Ok(at.iter().map(|t| self.at(*t)).collect())
    }
}

fn slot(at: Timestamp) -> usize {
    (at.0.rem_euclid(DAY.0) / (DAY.0 / SLOTS as i64)) as usize % SLOTS
}

/// Median of a slot and its neighbours.
fn smoothed(slots: &[Vec<f64>], centre: usize) -> Option<f64> {
    let mut near: Vec<f64> = (0..=2 * REACH)
        .flat_map(|j| slots[(centre + SLOTS + j - REACH) % SLOTS].iter().copied())
        .collect();
    crate::stats::median_mut(&mut near)
}
