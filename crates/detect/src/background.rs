//! The time between changes: does the target behave as it usually does? Its metrics move together, with
//! the load above all; a few directions hold most of that. What is left over is unusual, whatever the
//! load is, and so is what is far out along them. The directions are followed by Oja's rule, the remainder
//! is ranked among those before it.
//!
//! What it finds is no reason to put anything back. It tells a later verdict that something began
//! before the change, and learning that there was trouble.

use std::collections::{BTreeMap, VecDeque};

use backstay_model::sample::Held;
use backstay_model::{MetricName, Sample, Timestamp};

use crate::scores::Ranked;

/// Directions that are followed.
const DIRECTIONS: usize = 3;
/// Weight of a new sample in levels and spreads, once there are many: ten minutes.
const WEIGHT: f64 = 1.0 / 600.0;
/// How far a sample turns the directions towards itself, 0..1: many of them, and the first.
const TURN_MIN: f64 = 1.0 / 200.0;
const TURN_MAX: f64 = 0.2;
/// Samples at the start that are only learnt from.
const WARM_UP: u32 = 300;
/// Remainders that a new one is ranked among.
const RANKED_MAX: usize = 3_000;
/// Samples over which the remainder is averaged.
const SMOOTH: usize = 10;
/// Samples after which a remainder joins those that new ones are ranked among: what rises over some
/// samples must not be the measure of its own next one.
const LATER: usize = 2 * SMOOTH;
/// Chance of a remainder that counts as unusual, and for how many samples in a row it must.
const UNUSUAL: f64 = 1e-4;
const UNUSUAL_FOR: u32 = 10;
/// Chance of a remainder that counts as usual again, and for how many samples in a row it must.
const USUAL: f64 = 0.05;
const USUAL_FOR: u32 = 10;
/// Unusual samples in a row after which they are usual.
const LASTS_FOR: u32 = 900;
/// Logarithms of remainders are spread out by this, so that the tail beyond the largest falls off.
const SHARP: f64 = 4.0;
/// Standard deviations at which one value is clipped.
const CLIP: f64 = 8.0;
/// Smallest spread of a logarithm.
const SPREAD_MIN: f64 = 0.02;
/// Deviations along a direction beyond which they count, and the smallest mean square of one.
const FAR: f64 = 5.0;
const SIZE_MIN: f64 = 0.25;
/// Metrics that an anomaly names.
const NAMED: usize = 3;

/// A time in which a target does not behave as usual.
#[derive(Clone, PartialEq, Debug)]
pub struct Anomaly {
    /// When it began.
    pub since: Timestamp,
    /// What is most unusual, most first.
    pub metrics: Vec<MetricName>,
}

/// An anomaly begins or ends.
#[derive(Clone, PartialEq, Debug)]
pub enum Turn {
    /// It begins: for as long as it takes to be sure, it was there already.
    Begins(Anomaly),
    /// It is over.
    Ends(Anomaly),
}

/// What is usual for one metric.
#[derive(Clone, PartialEq, Debug)]
struct Usual {
    name: MetricName,
    level: f64,
    spread: f64,
    seen: u32,
    /// Its part of each direction.
    along: [f64; DIRECTIONS],
}

/// The background detector of one target. O(metrics) a sample.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Background {
    columns: BTreeMap<MetricName, usize>,
    usual: Vec<Usual>,
    /// Mean square of the part along each direction.
    sizes: [f64; DIRECTIONS],
    remainders: Ranked,
    recent: VecDeque<f64>,
    /// Smooth remainders that join later, oldest first.
    waiting: VecDeque<f64>,
    seen: u32,
    /// Samples in a row that were unusual, and usual.
    unusual_for: u32,
    usual_for: u32,
    now: Option<Anomaly>,
    score: f64,
}

impl Background {
    /// What is unusual now.
    #[must_use]
    pub const fn now(&self) -> Option<&Anomaly> {
        self.now.as_ref()
    }

    /// How unusual the newest sample is: one minus the chance of its remainder, 0..1.
    #[must_use]
    pub const fn score(&self) -> f64 {
        self.score
    }

    /// Takes in a sample; `Some` when an anomaly begins or ends with it. A sample without an answer says
    /// nothing.
    pub fn push(&mut self, sample: &Sample) -> Option<Turn> {
        if sample.held != Held::Answers || sample.metrics.is_empty() {
            return None;
        }
        self.seen = self.seen.saturating_add(1);
        let values = self.values(sample);
        let away = self.away(&values);
        let parts = self.parts(&away);
        let beyond = self.beyond(parts);
        let left = self.left_over(&away, parts);
        let squares: f64 = left.iter().map(|v| v * v).sum();
        let remainder = (squares + beyond) / left.len().max(1) as f64;
        if self.recent.len() == SMOOTH {
            self.recent.pop_front();
        }
        self.recent.push_back(remainder);
        let mean = self.recent.iter().sum::<f64>() / self.recent.len() as f64;
        let smooth = SHARP * mean.ln_1p();
        if self.seen <= WARM_UP {
            self.learn(&values, &away);
            return None;
        }
        let chance = self.remainders.chance(smooth);
        self.score = 1.0 - chance;
        // What is unusual must not become the measure of itself.
        if self.now.is_none() && (chance > UNUSUAL || self.remainders.len() < WARM_UP as usize) {
            self.waiting.push_back(smooth);
            self.learn(&values, &away);
            if self.waiting.len() > LATER
                && let Some(joins) = self.waiting.pop_front()
            {
                self.remainders.insert(joins, RANKED_MAX);
            }
        }
        if self.remainders.len() < WARM_UP as usize {
            return None;
        }
        self.turn(sample.at, chance, &away)
    }

    fn turn(&mut self, at: Timestamp, chance: f64, away: &[f64]) -> Option<Turn> {
        let count = |holds: Option<u32>| holds.map_or(0, |before| before.saturating_add(1));
        self.unusual_for = count((chance <= UNUSUAL).then_some(self.unusual_for));
        self.usual_for = count((chance >= USUAL).then_some(self.usual_for));
        if self.now.is_none() && self.unusual_for >= UNUSUAL_FOR {
            let mut order: Vec<usize> = (0..away.len()).collect();
            order.sort_by(|a, b| away[*b].abs().total_cmp(&away[*a].abs()));
            let named = order
                .iter()
                .take(NAMED)
                .map(|i| self.usual[*i].name.clone());
            let anomaly = Anomaly {
                since: at,
                metrics: named.collect(),
            };
            self.now = Some(anomaly.clone());
            self.waiting.clear();
            return Some(Turn::Begins(anomaly));
        }
        if self.usual_for >= USUAL_FOR {
            return self.now.take().map(Turn::Ends);
        }
        if self.unusual_for >= LASTS_FOR {
            // What lasts so long has become usual: it is learnt anew.
            let over = self.now.take();
            *self = Self::default();
            return over.map(Turn::Ends);
        }
        None
    }

    /// The logarithms of a sample's values by column; `None` where there is none.
    fn values(&mut self, sample: &Sample) -> Vec<Option<f64>> {
        let mut values = vec![None; self.usual.len()];
        for (name, value) in sample.metrics.iter().filter(|(_, v)| v.is_finite()) {
            let value = value.signum() * value.abs().ln_1p();
            match self.columns.get(name) {
                Some(column) => values[*column] = Some(value),
                None => {
                    self.columns.insert(name.clone(), self.usual.len());
                    self.usual.push(Usual::first(name, value, self.usual.len()));
                    values.push(Some(value));
                }
            }
        }
        values
    }

    /// How far each metric is from its level, in its spreads.
    fn away(&self, values: &[Option<f64>]) -> Vec<f64> {
        let away = |(usual, value): (&Usual, &Option<f64>)| {
            value.map_or(0.0, |v| {
                ((v - usual.level) / usual.spread.max(SPREAD_MIN)).clamp(-CLIP, CLIP)
            })
        };
        self.usual.iter().zip(values).map(away).collect()
    }

    /// How much of each direction is in `away`.
    fn parts(&self, away: &[f64]) -> [f64; DIRECTIONS] {
        let part = |k: usize| -> f64 {
            let along = self.usual.iter().zip(away);
            along.map(|(usual, away)| usual.along[k] * away).sum()
        };
        std::array::from_fn(part)
    }

    /// How far the parts are outside of all that was ever usual along the directions: a load that never
    /// was is unusual as well.
    fn beyond(&self, parts: [f64; DIRECTIONS]) -> f64 {
        let sizes = parts.iter().zip(self.sizes);
        let over = sizes.map(|(part, size)| part * part / size.max(SIZE_MIN) - FAR * FAR);
        over.map(|over| over.max(0.0)).sum()
    }

    /// What the directions do not explain.
    fn left_over(&self, away: &[f64], parts: [f64; DIRECTIONS]) -> Vec<f64> {
        let explained = |usual: &Usual| -> f64 {
            let both = usual.along.iter().zip(&parts);
            both.map(|(along, part)| along * part).sum()
        };
        let left = |(usual, away): (&Usual, &f64)| away - explained(usual);
        self.usual.iter().zip(away).map(left).collect()
    }

    /// Moves levels, spreads and directions towards a sample.
    fn learn(&mut self, values: &[Option<f64>], away: &[f64]) {
        let parts = self.parts(away);
        // Oja's rule, generalised by Sanger and normalised: each direction learns what those before it
        // leave over, and no sample moves it further than its share.
        let weight = (1.0 / f64::from(self.seen)).max(WEIGHT);
        for (size, part) in self.sizes.iter_mut().zip(parts) {
            *size += weight * (part * part - *size);
        }
        let power = away.iter().map(|v| v * v).sum::<f64>().max(1.0);
        let rate = (4.0 / f64::from(self.seen)).clamp(TURN_MIN, TURN_MAX) / power;
        for ((usual, value), away) in self.usual.iter_mut().zip(values).zip(away) {
            let mut rest = *away;
            for (along, part) in usual.along.iter_mut().zip(parts) {
                rest -= *along * part;
                *along += rate * part * rest;
            }
            if let Some(value) = value {
                usual.learn(*value, *away);
            }
        }
    }
}

impl Usual {
    fn first(name: &MetricName, value: f64, column: usize) -> Self {
        // Any start will do, as long as the directions differ.
        let start = |k: usize| (1.0 + (column * (k + 1)) as f64).cos() / 4.0;
        Self {
            name: name.clone(),
            level: value,
            spread: 0.3,
            seen: 0,
            along: std::array::from_fn(start),
        }
    }

    fn learn(&mut self, value: f64, away: f64) {
        self.seen = self.seen.saturating_add(1);
        let weight = (1.0 / f64::from(self.seen)).max(WEIGHT);
        let clipped = away.clamp(-3.0, 3.0) * self.spread.max(SPREAD_MIN);
        let step = if self.seen < 30 {
            value - self.level
        } else {
            clipped
        };
        self.level += weight * step;
        // Mean absolute deviation of normal noise is 0.8 of its standard deviation.
        let size = 1.2533 * step.abs();
        self.spread += weight * (size - self.spread);
    }
}

#[cfg(test)]
mod tests;
