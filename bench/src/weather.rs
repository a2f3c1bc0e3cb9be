//! Samples as a PostgreSQL under steady load gives them.

use backstay_chance::Dice;
use backstay_model::metric::{MetricRole, MetricSpec};
use backstay_model::sample::{Held, ProbeStep};
use backstay_model::{ProbeReading, Sample, Span, Timestamp};

/// One sample in so many has an error in it.
const ERROR_EVERY: u64 = 50;

/// Samples of every metric of the PostgreSQL engine, from a seed.
#[derive(Clone, Debug)]
pub struct Weather {
    dice: Dice,
    specs: Vec<MetricSpec>,
}

impl Weather {
    /// The weather of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            specs: backstay_engine_postgres::specs(),
        }
    }

    /// The metrics of the engine.
    #[must_use]
    pub fn specs(&self) -> &[MetricSpec] {
        &self.specs
    }

    /// The second that ends `at`: steady levels far from each floor, a tenth of noise, rare errors.
    pub fn sample(&mut self, at: Timestamp) -> Sample {
        let dice = &mut self.dice;
        let value = |spec: &MetricSpec| match spec.role {
            MetricRole::Errors if dice.below(ERROR_EVERY) == 0 => spec.floor,
            MetricRole::Errors => 0.0,
            _ => spec.floor * (19.0 + 2.0 * dice.unit()),
        };
        let values: Vec<f64> = self.specs.iter().map(value).collect();
        let names = self.specs.iter().map(|s| s.name.clone());
        Sample {
            at,
            metrics: names.zip(values).collect(),
            probes: Vec::new(),
            held: Held::Answers,
            holders: Vec::new(),
        }
    }

    /// `seconds` samples in a row, the first one second after `from`.
    pub fn samples(&mut self, from: Timestamp, seconds: i64) -> Vec<Sample> {
        (1..=seconds)
            .map(|s| self.sample(from + Span::from_secs(s)))
            .collect()
    }

    /// A probe that went well.
    pub fn probe(&mut self, at: Timestamp) -> ProbeReading {
        let mut done = |ms: f64| ProbeStep::Done {
            ms: ms * (0.9 + 0.2 * self.dice.unit()),
        };
        ProbeReading {
            at,
            role: "app".to_owned(),
            connect: done(2.5),
            read: done(0.3),
            write: done(1.1),
        }
    }
}
