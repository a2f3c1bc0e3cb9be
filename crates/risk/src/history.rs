//! Failure rate of similar changes: a hierarchical Beta-binomial with similarity weights
//! (risk-and-simulation.md, 5.2).

use backstay_model::name::EngineKind;
use backstay_model::risk::FailureRate;
use backstay_model::{SettingName, Span, Timestamp};
use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF};

use crate::odds::logistic;

/// How strongly a level is drawn to the one above it, in pseudo-counts.
const KAPPA: f64 = 10.0;
/// Failures and changes that the prior of the top level stands for: 1 in 20.
const PRIOR: (f64, f64) = (1.0, 20.0);
/// A change loses half its weight in this time.
const HALF_LIFE: Span = Span::from_secs(180 * 86_400);
/// Weight of a change in the other direction.
const OTHER_DIRECTION: f64 = 0.35;

/// Which way a value went.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Up, by this many doublings.
    Up(f64),
    /// Down, by this many halvings.
    Down(f64),
    /// From one word to another.
    Switch(String, String),
}

impl Direction {
    /// Direction of a numeric change. From or to zero (and below) counts as 8 doublings.
    #[must_use]
    pub fn numeric(old: f64, new: f64) -> Self {
        let doublings = if old > 0.0 && new > 0.0 {
            (new / old).log2().abs()
        } else {
            8.0
        };
        if new >= old {
            Self::Up(doublings)
        } else {
            Self::Down(doublings)
        }
    }

    /// How alike two directions are, 0..=1: 1 for the same size the same way, falling with the
    /// difference in doublings; 0.35 at most the other way.
    fn likeness(&self, other: &Self) -> f64 {
        let size = |a: f64, b: f64| (-0.5 * (a - b).powi(2)).exp();
        match (self, other) {
            (Self::Up(a), Self::Up(b)) | (Self::Down(a), Self::Down(b)) => size(*a, *b),
            (Self::Up(a), Self::Down(b)) | (Self::Down(a), Self::Up(b)) => {
                OTHER_DIRECTION * size(*a, *b)
            }
            (a, b) if a == b => 1.0,
            _ => OTHER_DIRECTION,
        }
    }
}

/// A settled change, as a case to learn from.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PastChange {
    /// Engine it was made on.
    pub engine: EngineKind,
    /// Category of the setting (memory, WAL, planner, …).
    pub category: String,
    /// The setting.
    pub setting: SettingName,
    /// Which way it went.
    pub direction: Direction,
    /// When it settled.
    pub at: Timestamp,
    /// Whether it hurt: 1 yes, 0 no.
    pub outcome: Outcome,
}

/// Outcome of a past change, with how much it may be believed.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Put back, and the symptom went away.
    Harm,
    /// Watched to the end, or kept by a person.
    Fine,
    /// Nobody looked after the watch: counts 0.7 (risk-and-simulation.md, 5.10).
    QuietlyFine,
    /// Put back, and the symptom stayed: a false rollback, so no harm.
    FalseRollback,
}

impl Outcome {
    const fn harm(self) -> f64 {
        match self {
            Self::Harm => 1.0,
            Self::Fine | Self::QuietlyFine | Self::FalseRollback => 0.0,
        }
    }

    const fn belief(self) -> f64 {
        match self {
            Self::QuietlyFine => 0.7,
            Self::Harm | Self::Fine | Self::FalseRollback => 1.0,
        }
    }
}

/// The change whose failure rate is asked for.
#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    /// Engine.
    pub engine: EngineKind,
    /// Category of the setting.
    pub category: String,
    /// The setting.
    pub setting: SettingName,
    /// Which way it goes.
    pub direction: Direction,
    /// Now.
    pub at: Timestamp,
}

impl Query {
    /// How much a past change counts for this one (0..=1).
    #[must_use]
    pub fn weight(&self, past: &PastChange) -> f64 {
        let age = (self.at - past.at).as_secs_f64().max(0.0) / HALF_LIFE.as_secs_f64();
        self.direction.likeness(&past.direction) * 0.5_f64.powf(age) * past.outcome.belief()
    }

    /// Depth of the level a past change belongs to: 3 same setting, 2 same category, 1 same engine.
    fn level(&self, past: &PastChange) -> usize {
        let engine = past.engine == self.engine;
        let category = engine && past.category == self.category;
        let setting = engine && past.setting == self.setting;
        if setting {
            3
        } else {
            usize::from(engine) + usize::from(category)
        }
    }
}

/// Failure rate of changes like `query`, with a 90 % interval. Each level (all, engine, category,
/// setting) counts the changes that are not in the level below it and is drawn to the level above;
/// with no history at all it is the prior, 1 in 20.
#[must_use]
pub fn failure_rate(past: &[PastChange], query: &Query) -> FailureRate {
    let mut harms = [0.0; 4];
    let mut counts = [0.0; 4];
    for change in past {
        let weight = query.weight(change);
        let level = query.level(change);
        harms[level] += weight * change.outcome.harm();
        counts[level] += weight;
    }
    let mut rate = (PRIOR.0 + harms[0]) / (PRIOR.1 + counts[0]);
    for level in 1..3 {
        rate = (harms[level] + KAPPA * rate) / (counts[level] + KAPPA);
    }
    let alpha = KAPPA * rate + harms[3];
    let beta = KAPPA * (1.0 - rate) + counts[3] - harms[3];
    let (low, high) = interval(alpha, beta);
    FailureRate {
        mean: alpha / (alpha + beta),
        low,
        high,
        samples: counts.iter().sum(),
        weight: alpha + beta,
    }
}

/// Steps over the log-odds of a rate, and how far they reach: 1 in 10 millions.
const LOG_ODDS_STEPS: u32 = 640;
const LOG_ODDS_MAX: f64 = 16.0;

/// The 90 % interval of a rate once this very change showed what `likelihood` weighs: how probable that
/// is for a change whose class fails at a rate. Evidence of harm speaks against the smallest rates, so
/// that they may not go on to widen what is said of the harm. A rate without a weight stays as it is.
#[must_use]
pub(crate) fn interval_given(rate: &FailureRate, likelihood: impl Fn(f64) -> f64) -> (f64, f64) {
    if rate.weight <= 0.0 {
        return (rate.low, rate.high);
    }
    let (alpha, beta) = (rate.mean * rate.weight, (1.0 - rate.mean) * rate.weight);
    let width = 2.0 * LOG_ODDS_MAX / f64::from(LOG_ODDS_STEPS);
    let masses: Vec<(f64, f64)> = (0..LOG_ODDS_STEPS)
        .map(|step| {
            let rate = logistic(width * (f64::from(step) + 0.5) - LOG_ODDS_MAX);
            // A step of equal log-odds holds rate·(1 − rate) as much rate.
            let mass = rate.powf(alpha) * (1.0 - rate).powf(beta);
            (rate, mass * likelihood(rate))
        })
        .collect();
    let total: f64 = masses.iter().map(|(_, mass)| mass).sum();
    let quantile = |share: f64| {
        let mut below = 0.0;
        let reached = masses.iter().find(|(_, mass)| {
            below += mass;
            below >= share * total
        });
        reached.map_or(rate.mean, |(rate, _)| *rate)
    };
    (quantile(0.05), quantile(0.95))
}

fn interval(alpha: f64, beta: f64) -> (f64, f64) {
    Beta::new(alpha, beta).map_or((0.0, 1.0), |b| (b.inverse_cdf(0.05), b.inverse_cdf(0.95)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(setting: &str, category: &str, direction: Direction, outcome: Outcome) -> PastChange {
        PastChange {
            engine: EngineKind::Postgresql,
            category: category.into(),
            setting: SettingName::new(setting),
            direction,
            at: Timestamp::from_secs(0),
            outcome,
        }
    }

    fn query() -> Query {
        Query {
            engine: EngineKind::Postgresql,
            category: "memory".into(),
            setting: SettingName::new("work_mem"),
            direction: Direction::Up(6.0),
            at: Timestamp::from_secs(0),
        }
    }

    #[test]
    fn no_history_is_the_prior() {
        let rate = failure_rate(&[], &query());
        assert!((rate.mean - 0.05).abs() < 1e-9);
        assert!(rate.samples.abs() < 1e-9);
        assert!(rate.low < rate.mean && rate.mean < rate.high);
    }

    #[test]
    fn evidence_that_says_nothing_leaves_the_interval_of_the_rate() {
        let rate = failure_rate(&[], &query());
        let (low, high) = interval_given(&rate, |_| 1.0);
        assert!((low - rate.low).abs() < 0.003, "{low} {rate:?}");
        assert!((high - rate.high).abs() < 0.01, "{high} {rate:?}");
    }

    /// With a factor B, a Beta(a, b) becomes w·Beta(a + 1, b) + (1 − w)·Beta(a, b + 1), where
    /// w = B·m / (B·m + 1 − m) and m = a / (a + b).
    #[test]
    fn evidence_makes_the_mixture_that_bayes_says() {
        let rate = failure_rate(&[], &query());
        let (low, high) = interval_given(&rate, |rate| 100.0 * rate + 1.0 - rate);
        let share = 100.0 * 0.05 / (100.0 * 0.05 + 0.95);
        let below = |x: f64| {
            share * Beta::new(1.5, 9.5).unwrap().cdf(x)
                + (1.0 - share) * Beta::new(0.5, 10.5).unwrap().cdf(x)
        };
        assert!((below(low) - 0.05).abs() < 0.004, "{low}: {}", below(low));
        assert!((below(high) - 0.95).abs() < 0.01, "{high}: {}", below(high));
    }

    /// The worked example of risk-and-simulation.md, section 7: .050 -> .046 -> .094 -> .165. The
    /// levels nest, so each count leaves out what the level below holds.
    #[test]
    fn worked_example() {
        let mut history = Vec::new();
        for i in 0..260 {
            let outcome = if i < 12 { Outcome::Harm } else { Outcome::Fine };
            history.push(past("other", "elsewhere", Direction::Up(6.0), outcome));
        }
        for i in 0..48 {
            let outcome = if i < 5 { Outcome::Harm } else { Outcome::Fine };
            history.push(past(
                "hash_mem_multiplier",
                "memory",
                Direction::Up(6.0),
                outcome,
            ));
        }
        let rate = failure_rate(&history, &query());
        assert!((rate.mean - 0.094).abs() < 0.001, "{rate:?}");
        history.push(past(
            "work_mem",
            "memory",
            Direction::Up(6.0),
            Outcome::Harm,
        ));
        let with_own = failure_rate(&history, &query());
        assert!(with_own.mean > 0.16 && with_own.mean < 0.19, "{with_own:?}");
    }

    #[test]
    fn the_other_direction_counts_less() {
        let down = past("work_mem", "memory", Direction::Down(6.0), Outcome::Harm);
        let up = past("work_mem", "memory", Direction::Up(6.0), Outcome::Harm);
        assert!(query().weight(&down) < query().weight(&up));
        assert!(failure_rate(&[down], &query()).mean < failure_rate(&[up], &query()).mean);
    }

    proptest::proptest! {
        #[test]
        fn one_more_harm_never_lowers_the_rate(n in 0usize..30, harms in 0usize..30) {
            let history: Vec<_> = (0..n)
                .map(|i| past("work_mem", "memory", Direction::Up(6.0), if i < harms { Outcome::Harm } else { Outcome::Fine }))
                .collect();
            let mut more = history.clone();
            more.push(past("work_mem", "memory", Direction::Up(6.0), Outcome::Harm));
            proptest::prop_assert!(failure_rate(&more, &query()).mean >= failure_rate(&history, &query()).mean);
        }
    }
}
