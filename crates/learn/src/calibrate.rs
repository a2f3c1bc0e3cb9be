//! Fitting the weights of evidence groups to labelled pairs, and what calibration does to log-odds.

use serde::{Deserialize, Serialize};

/// A rising function from log-odds to log-odds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// `slope × x + shift`; `slope` is positive.
    Platt {
        /// Factor of the log-odds.
        slope: f64,
        /// What is added.
        shift: f64,
    },
    /// Straight lines between points, which rise in both coordinates; flat outside.
    Points(Vec<(f64, f64)>),
}

impl Calibration {
    /// The calibrated log-odds of `log_odds`.
    #[must_use]
    pub fn apply(&self, log_odds: f64) -> f64 {
        match self {
            Self::Platt { slope, shift } => slope * log_odds + shift,
            Self::Points(points) => between(points, log_odds),
        }
    }
}

fn between(points: &[(f64, f64)], x: f64) -> f64 {
    let after = points.partition_point(|p| p.0 <= x);
    match (
        after.checked_sub(1).and_then(|i| points.get(i)),
        points.get(after),
    ) {
        (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0),
        (Some(end), None) | (None, Some(end)) => end.1,
        (None, None) => x,
    }
}
