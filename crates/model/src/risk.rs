//! Risk: how bad, how likely, how sure.

use serde::{Deserialize, Serialize};

use crate::confidence::Confidence;
use crate::dependency::NodeKey;

/// Risk of a change, with the factors that multiply to it:
/// `score = 100 × severity × probability × confidence`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Risk {
    /// 0–100.
    pub score: f64,
    /// 90 % interval of the score.
    pub interval: (f64, f64),
    /// How bad it is, or would be: 0..=1.
    pub severity: f64,
    /// Probability that the change hurts: starts at the failure rate of similar changes and moves
    /// with each term.
    pub probability: Confidence,
    /// Failure rate of similar changes alone, with its 90 % interval.
    pub failure_rate: FailureRate,
    /// How surely the change reaches what hurts, weighted by services: `0.4 + 0.6 · blast radius`.
    pub confidence: Confidence,
    /// What moved the probability away from the failure rate, largest first.
    pub terms: Vec<Term>,
    /// What the change reaches through the graph, strongest first.
    pub reach: Vec<Reach>,
    /// A rule that blocks by itself, whatever the score.
    pub blocked_by: Option<String>,
    /// Probability above which rolling back costs less than waiting.
    pub act_above: f64,
}

/// Failure rate of similar changes.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct FailureRate {
    /// Posterior mean.
    pub mean: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end of the 90 % interval.
    pub high: f64,
    /// Similar changes it rests on (weighted count); 0 means the prior alone.
    pub samples: f64,
    /// How firmly it is known: pseudo-counts of its Beta distribution, at least those of its prior (10).
    /// 0 in records that are older than the field, and where the interval is no Beta's.
    #[serde(default)]
    pub weight: f64,
}

/// One additive term of the log-odds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Term {
    /// Which.
    pub name: String,
    /// Natural log-odds it adds.
    pub log_odds: f64,
    /// One sentence for a person.
    pub reason: String,
}

/// A node that a change reaches.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reach {
    /// The node.
    pub node: NodeKey,
    /// How surely.
    pub confidence: Confidence,
    /// Edges on the best path.
    pub hops: u32,
    /// The best path, from the changed setting to the node, both included.
    pub path: Vec<NodeKey>,
}

/// Bands of the score that people see.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Band {
    /// Below 5.
    Low,
    /// 5–15.
    Medium,
    /// 15–35.
    High,
    /// 35 and above, or blocked by a rule.
    Critical,
}

impl Band {
    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Risk {
    /// Score from which a risk is critical by itself.
    pub const CRITICAL_FROM: f64 = 35.0;

    /// Its band.
    #[must_use]
    pub fn band(&self) -> Band {
        match self.score {
            _ if self.blocked_by.is_some() => Band::Critical,
            s if s < 5.0 => Band::Low,
            s if s < 15.0 => Band::Medium,
            s if s < Self::CRITICAL_FROM => Band::High,
            _ => Band::Critical,
        }
    }
}
