//! When acting costs less than waiting (risk-and-simulation.md, 5.9).

use serde::{Deserialize, Serialize};

/// What acting and waiting cost on one target. Units are free; only ratios count.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Costs {
    /// Loss if harm of full severity stays until people mend it.
    pub harm: f64,
    /// Cost of rolling back.
    pub rollback: f64,
    /// Extra cost of rolling back a change that did not hurt.
    pub false_rollback: f64,
    /// Share of harm that a rollback does not cure, 0..1.
    pub incurable: f64,
}

impl Costs {
    /// Costs of a change that a reload undoes: harm 100, rollback 4, false rollback 10, a tenth
    /// incurable.
    pub const RELOAD: Costs = Costs {
        harm: 100.0,
        rollback: 4.0,
        false_rollback: 10.0,
        incurable: 0.1,
    };

    /// The probability of harm above which rolling back costs less than waiting:
    /// `(C_rb + C_fr) / (S·L·(1−ε) + C_fr)`. At 1 or above it never pays.
    #[must_use]
    pub fn act_above(&self, severity: f64) -> f64 {
        (self.rollback + self.false_rollback)
            / (severity * self.harm * (1.0 - self.incurable) + self.false_rollback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn worked_example() {
        assert!((Costs::RELOAD.act_above(0.454) - 0.275).abs() < 0.001);
        assert!((Costs::RELOAD.act_above(0.065) - 0.884).abs() < 0.001);
    }

    proptest! {
        #[test]
        fn falls_with_severity_and_rises_with_cost(s in 0.01..1.0_f64, ds in 0.0..0.5_f64, c in 0.0..50.0_f64) {
            let costs = Costs::RELOAD;
            prop_assert!(costs.act_above((s + ds).min(1.0)) <= costs.act_above(s));
            let dearer = Costs { rollback: costs.rollback + c, ..costs };
            prop_assert!(dearer.act_above(s) >= costs.act_above(s));
        }
    }
}
