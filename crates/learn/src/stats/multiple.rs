//! Many tests at once: step-up procedures for a batch, LORD++ for a stream.

use serde::{Deserialize, Serialize};

/// p-values adjusted for the false-discovery rate under any dependence (Benjamini and Yekutieli 2001),
/// in the order given: a test is a discovery at level `q` when its adjusted value is at most `q`.
#[must_use]
pub fn by_adjusted(p_values: &[f64]) -> Vec<f64> {
    by_adjusted_of(p_values, p_values.len())
}

/// The same for the smallest p-values out of `tests`; those that are not given count as 1.
#[must_use]
pub fn by_adjusted_of(p_values: &[f64], tests: usize) -> Vec<f64> {
    let tests = tests.max(p_values.len());
    let harmonic: f64 = (1..=tests).rev().map(|j| 1.0 / j as f64).sum();
    step_up(p_values, tests as f64 * harmonic)
}

/// p-values adjusted for the false-discovery rate of independent tests (Benjamini and Hochberg 1995).
#[must_use]
pub fn bh_adjusted(p_values: &[f64]) -> Vec<f64> {
    step_up(p_values, p_values.len() as f64)
}

/// `min over j ≥ i of p_(j) · factor / j`, at most 1, in the order given.
fn step_up(p_values: &[f64], factor: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|i, j| p_values[*i].total_cmp(&p_values[*j]).then(i.cmp(j)));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 1.0_f64;
    for (rank, place) in order.into_iter().enumerate().rev() {
        least = least.min(p_values[place] * factor / (rank + 1) as f64);
        adjusted[place] = least;
    }
    adjusted
}

/// Scale of the spending sequence (Javanmard and Montanari 2018); it sums to 0.976, and to at most 1 is
/// what is needed.
const SPENDING: f64 = 0.077_208_38;

/// Discoveries that LORD++ remembers one by one. Older ones give next to nothing to the level.
const REMEMBERED_MAX: usize = 256;

/// LORD++ (Ramdas, Yang, Wainwright and Jordan 2017): tests come one by one, each is decided at once,
/// and the expected share of false discoveries among all so far stays at most `q` when p-values are
/// independent of the past.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Lord {
    q: f64,
    tests: u64,
    discoveries: u64,
    /// Number of the first test that was a discovery.
    first: Option<u64>,
    /// Numbers of the last tests after the first that were discoveries.
    later: std::collections::VecDeque<u64>,
}

impl Lord {
    /// Nothing tested yet; `q` in 0..1 is the false-discovery rate wanted. Half of it is spent before
    /// the first discovery.
    #[must_use]
    pub fn new(q: f64) -> Self {
        Self {
            q: q.clamp(0.0, 1.0),
            tests: 0,
            discoveries: 0,
            first: None,
            later: std::collections::VecDeque::new(),
        }
    }

    /// The level of the next test.
    #[must_use]
    pub fn level(&self) -> f64 {
        let next = self.tests + 1;
        let wealth = self.q / 2.0;
        let mut level = wealth * spending(next);
        if let Some(first) = self.first {
            level += (self.q - wealth) * spending(next - first);
        }
        let later: f64 = self.later.iter().map(|t| spending(next - t)).sum();
        level + self.q * later
    }

    /// Tests one p-value; whether it is a discovery.
    pub fn test(&mut self, p_value: f64) -> Found {
        let level = self.level();
        self.tests += 1;
        if p_value > level || p_value.is_nan() {
            return Found::Nothing;
        }
        self.discoveries += 1;
        if self.first.is_none() {
            self.first = Some(self.tests);
        } else {
            if self.later.len() == REMEMBERED_MAX {
                self.later.pop_front();
            }
            self.later.push_back(self.tests);
        }
        Found::Discovery
    }

    /// Tests so far.
    #[must_use]
    pub const fn tests(&self) -> u64 {
        self.tests
    }

    /// Discoveries so far.
    #[must_use]
    pub const fn discoveries(&self) -> u64 {
        self.discoveries
    }
}

/// What a test said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// The p-value is at most the level.
    Discovery,
    /// It is not.
    Nothing,
}

/// The spending sequence: `0.07720838 · ln(max(t, 2)) / (t e^√(ln t))`, `t` from 1.
fn spending(t: u64) -> f64 {
    if t == 0 {
        return 0.0;
    }
    let t = t as f64;
    SPENDING * t.max(2.0).ln() / (t * t.ln().sqrt().exp())
}

#[cfg(test)]
mod tests;
