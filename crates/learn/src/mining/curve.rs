//! How much a rank among co-changing pairs is worth.

use serde::{Deserialize, Serialize};

use crate::belief::PRIOR;

/// Likelihood ratio beyond which no rank goes, and below whose inverse of 3 none falls. With the prior
/// it stays below even odds, so that co-change alone never makes an edge.
pub const RATIO_MAX: f64 = 100.0;
const RATIO_MIN: f64 = 1.0 / 3.0;
/// Verdicts that the first curve stands for, per step.
const KAPPA: f64 = 8.0;

/// The step's first rank that it no longer holds for, and its likelihood ratio.
const FIRST: [(usize, f64); 4] = [(100, 30.0), (300, 3.0), (1_000, 2.0), (usize::MAX, 1.0)];

/// From the rank of a pair by G² (0 = first) to a likelihood ratio (dependencies.md, 4 and 9.1): 30 for
/// the first hundred, then 3 to 1, until people's verdicts say otherwise.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ReliabilityCurve {
    steps: [Step; FIRST.len()],
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Step {
    until: usize,
    first_ratio: f64,
    ratio: f64,
    confirmed: f64,
    verdicts: f64,
}

impl Default for ReliabilityCurve {
    fn default() -> Self {
        Self {
            steps: FIRST.map(|(until, ratio)| Step {
                until,
                first_ratio: ratio,
                ratio,
                confirmed: 0.0,
                verdicts: 0.0,
            }),
        }
    }
}

impl ReliabilityCurve {
    /// The likelihood ratio of a pair of this rank.
    #[must_use]
    pub fn ratio(&self, rank: usize) -> f64 {
        let step = self.steps.iter().find(|s| rank < s.until);
        step.map_or(1.0, |s| s.ratio)
    }

    /// A pair of this rank turned out to be real (1) or not (0); fits the curve anew. Precision per step
    /// is a Beta mean with eight verdicts for the first curve, made to fall with the rank by pooling
    /// neighbours that do not.
    pub fn verdict(&mut self, rank: usize, real: f64) {
        let Some(step) = self.steps.iter_mut().find(|s| rank < s.until) else {
            return;
        };
        step.confirmed += real.clamp(0.0, 1.0);
        step.verdicts += 1.0;
        self.fit();
    }

    fn fit(&mut self) {
        // Pool adjacent violators: (successes, cases, steps).
        let mut pools: Vec<(f64, f64, usize)> = Vec::new();
        for step in &self.steps {
            let prior = precision(step.first_ratio);
            let mut pool = (KAPPA * prior + step.confirmed, KAPPA + step.verdicts, 1);
            while let Some(last) = pools.last().copied() {
                if last.0 / last.1 >= pool.0 / pool.1 {
                    break;
                }
                pools.pop();
                pool = (last.0 + pool.0, last.1 + pool.1, last.2 + pool.2);
            }
            pools.push(pool);
        }
        let each = pools
            .iter()
            .flat_map(|p| std::iter::repeat_n(p.0 / p.1, p.2));
        for (step, precision) in self.steps.iter_mut().zip(each) {
            step.ratio = ratio(precision).clamp(RATIO_MIN, RATIO_MAX);
        }
    }
}

/// Share of real pairs among those with this likelihood ratio, at the base rate.
fn precision(ratio: f64) -> f64 {
    1.0 / (1.0 + (-(PRIOR + ratio.ln())).exp())
}

fn ratio(precision: f64) -> f64 {
    ((precision / (1.0 - precision)).ln() - PRIOR).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_as_measured_elsewhere() {
        let curve = ReliabilityCurve::default();
        for (rank, ratio) in [(0, 30.0), (99, 30.0), (100, 3.0), (500, 2.0), (5_000, 1.0)] {
            assert!((curve.ratio(rank) - ratio).abs() < 1e-12, "{rank}");
        }
    }

    #[test]
    fn rejections_lower_it_and_confirmations_raise_it_within_bounds() {
        let (mut down, mut up) = (ReliabilityCurve::default(), ReliabilityCurve::default());
        for _ in 0..400 {
            down.verdict(5, 0.0);
            up.verdict(5, 1.0);
        }
        assert!(down.ratio(5) < 3.0, "{}", down.ratio(5));
        assert!((up.ratio(5) - RATIO_MAX).abs() < 1e-9);
        assert!(
            PRIOR + RATIO_MAX.ln() < 0.0,
            "co-change alone is never even odds"
        );
    }

    #[test]
    fn a_later_rank_is_never_worth_more() {
        let mut curve = ReliabilityCurve::default();
        for n in 0..50 {
            curve.verdict(200, 1.0);
            curve.verdict(n, 0.0);
        }
        let ratios: Vec<f64> = [0, 150, 500, 2_000].map(|r| curve.ratio(r)).to_vec();
        assert!(ratios.is_sorted_by(|a, b| a >= b), "{ratios:?}");
    }
}
