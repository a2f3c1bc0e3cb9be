//! What a metric means: its role in a verdict and which way is worse.

use serde::{Deserialize, Serialize};

use crate::name::MetricName;

/// What a metric says about a target. Only outcomes (throughput, latency, errors) can hurt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricRole {
    /// Work completed per second. An outcome.
    Throughput,
    /// Time that work takes. An outcome.
    Latency,
    /// Failures per second, or their share. An outcome.
    Errors,
    /// Work asked for: a covariate, never a trigger.
    Demand,
    /// How full a resource is, or how it is used: explains, never triggers.
    Saturation,
    /// Load of the host from outside the database: a covariate and a reason to refuse blame.
    Host,
    /// Nothing known: judged in both directions.
    Other,
}

impl MetricRole {
    /// Whether a metric of this role may by itself make a verdict `hurt`.
    #[must_use]
    pub const fn outcome(self) -> bool {
        matches!(self, Self::Throughput | Self::Latency | Self::Errors)
    }

    /// Reads the word that the command line uses.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "throughput" => Self::Throughput,
            "latency" => Self::Latency,
            "errors" => Self::Errors,
            "demand" => Self::Demand,
            "saturation" => Self::Saturation,
            "host" => Self::Host,
            "other" => Self::Other,
            _ => return None,
        })
    }
}

/// Which direction of a metric is worse.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Worse {
    /// More is worse (latency, errors).
    Up,
    /// Less is worse (throughput).
    Down,
    /// Any change counts.
    Both,
}

/// A metric of an engine, and how to judge it.
#[derive(Clone, PartialEq, Debug)]
pub struct MetricSpec {
    /// Its name, unit last.
    pub name: MetricName,
    /// What it says.
    pub role: MetricRole,
    /// Which way is worse.
    pub worse: Worse,
    /// Differences below this, in the metric's own unit, do not matter to anybody: half a
    /// millisecond on a probe, one error in ten seconds.
    pub floor: f64,
    /// One sentence for a person.
    pub help: &'static str,
}
