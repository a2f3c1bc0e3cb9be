//! What a target's metrics read at one moment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::MetricName;
use crate::time::Timestamp;

/// Metric values of a target over the second that ends at `at`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, Default)]
pub struct Sample {
    /// End of the second it covers.
    pub at: Timestamp,
    /// Values by name; a metric that could not be read is absent, never zero. All are finite.
    pub metrics: BTreeMap<MetricName, f64>,
    /// Readings of the fresh-connection probe that came in since the last sample.
    pub probes: Vec<ProbeReading>,
    /// What the connection that Backstay holds open says about the target.
    pub held: Held,
    /// Who keeps the locks behind which work stands still, at most three sessions; empty where it is not
    /// looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<LockHolder>,
}

/// A session that keeps a lock for reasons of its own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LockHolder {
    /// Its number on the server (the process id of PostgreSQL).
    pub session: u32,
    /// What its client calls itself; may be empty.
    pub application: String,
    /// As which role it logged in.
    pub role: String,
    /// What it does.
    pub doing: Holding,
    /// Since when it does that.
    pub since: Timestamp,
}

/// What a session does that keeps a lock.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holding {
    /// Nothing: its transaction is open, and its client asks for nothing.
    Idle,
    /// A statement whose purpose takes the lock: `ALTER TABLE`. Its tag only, never its text.
    Runs(String),
}

impl Holding {
    /// The words a person reads.
    #[must_use]
    pub fn words(&self) -> &str {
        match self {
            Self::Idle => "idle in transaction",
            Self::Runs(tag) => tag,
        }
    }
}

/// State of the connection that was opened before any trouble and is held.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// It answers.
    #[default]
    Answers,
    /// It does not answer or is gone.
    Lost {
        /// What the attempt said.
        why: String,
    },
}

/// One run of the synthetic probe: connect afresh as an application would, read one row, update one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ProbeReading {
    /// When it began.
    pub at: Timestamp,
    /// As which role it logged in.
    pub role: String,
    /// Connecting and logging in.
    pub connect: ProbeStep,
    /// Reading one row.
    pub read: ProbeStep,
    /// Updating one row of Backstay's own table; skipped when there is no such table.
    pub write: ProbeStep,
}

/// How one step of the probe went.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeStep {
    /// Answered.
    Done {
        /// Milliseconds it took.
        ms: f64,
    },
    /// The server said no.
    Failed {
        /// SQLSTATE or another class of the engine; `io` when the connection broke.
        class: String,
        /// The server's words, redacted.
        message: String,
    },
    /// No answer within the probe's limit.
    Hung {
        /// The limit in milliseconds.
        limit_ms: f64,
    },
    /// Not tried: an earlier step failed, or the probe has no table to write to.
    Skipped,
}

impl ProbeReading {
    /// The steps in the order they run.
    pub fn steps(&self) -> impl Iterator<Item = &ProbeStep> {
        [&self.connect, &self.read, &self.write].into_iter()
    }

    /// Whether any step failed or hung.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.steps()
            .any(|s| matches!(s, ProbeStep::Failed { .. } | ProbeStep::Hung { .. }))
    }
}

impl Sample {
    /// The value of `metric`, if it was read.
    #[must_use]
    pub fn get(&self, metric: &str) -> Option<f64> {
        self.metrics.get(metric).copied()
    }
}
