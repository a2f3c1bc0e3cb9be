//! Meta-analysis: many estimates of one effect, pooled.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// One estimate of an effect.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Estimate {
    /// The effect, in its own unit.
    pub d: f64,
    /// Its standard error, in the same unit; positive and finite.
    pub se: f64,
}

impl Estimate {
    /// Whether it can be pooled: finite, with a positive error.
    #[must_use]
    pub fn usable(&self) -> bool {
        self.d.is_finite() && self.se.is_finite() && self.se > 0.0
    }
}

/// A random-effects pool (DerSimonian and Laird 1986).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Pooled {
    /// Estimates that went in.
    pub k: usize,
    /// Mean effect.
    pub mean: f64,
    /// Standard error of the mean.
    pub se: f64,
    /// Variance between the true effects.
    pub tau2: f64,
    /// Cochran's Q.
    pub q: f64,
    /// Share of the variation that is difference between true effects, 0..=1 (Higgins 2002).
    pub i2: f64,
}

/// Pools `estimates`, leaving out what is not finite or has no positive error: weights
/// `1/(se² + τ²)`, `τ² = max(0, (Q − (k−1)) / (Σw − Σw²/Σw))`. `None` when nothing is left.
#[must_use]
pub fn pool(estimates: &[Estimate]) -> Option<Pooled> {
    let good: Vec<Estimate> = estimates.iter().copied().filter(Estimate::usable).collect();
    let k = good.len();
    if k == 0 {
        return None;
    }
    let weights = |tau2: f64| good.iter().map(move |e| 1.0 / (e.se * e.se + tau2));
    let mean = |tau2: f64| {
        let sum: f64 = weights(tau2).zip(&good).map(|(w, e)| w * e.d).sum();
        sum / weights(tau2).sum::<f64>()
    };
    let fixed = mean(0.0);
    let q: f64 = weights(0.0)
        .zip(&good)
        .map(|(w, e)| w * (e.d - fixed) * (e.d - fixed))
        .sum();
    let freedom = (k - 1) as f64;
    let total: f64 = weights(0.0).sum();
    let squares: f64 = weights(0.0).map(|w| w * w).sum();
    let spread = total - squares / total;
    let tau2 = if k > 1 && spread > 0.0 {
        ((q - freedom) / spread).max(0.0)
    } else {
        0.0
    };
    let pooled = Pooled {
        k,
        mean: mean(tau2),
        se: weights(tau2).sum::<f64>().recip().sqrt(),
        tau2,
        q,
        i2: if q > freedom { 1.0 - freedom / q } else { 0.0 },
    };
    (pooled.mean.is_finite() && pooled.se.is_finite()).then_some(pooled)
}

impl Pooled {
    /// The interval that holds the mean effect with probability `level` (0..1), normal.
    #[must_use]
    pub fn interval(&self, level: f64) -> (f64, f64) {
        let half = Normal::standard().inverse_cdf(0.5 + level / 2.0) * self.se;
        (self.mean - half, self.mean + half)
    }

    /// The interval that holds the effect of the next change with probability `level` (0..1):
    /// `mean ± t(k−2) · √(τ² + se²)` (Higgins, Thompson and Spiegelhalter 2009). `None` below three.
    #[must_use]
    pub fn prediction(&self, level: f64) -> Option<(f64, f64)> {
        let freedom = self.k.checked_sub(2).filter(|f| *f > 0)?;
        let t = StudentsT::new(0.0, 1.0, freedom as f64).ok()?;
        let half = t.inverse_cdf(0.5 + level / 2.0) * (self.tau2 + self.se * self.se).sqrt();
        Some((self.mean - half, self.mean + half))
    }
}

/// z and two-sided p of the difference between two pooled means.
#[must_use]
pub fn difference(a: &Pooled, b: &Pooled) -> (f64, f64) {
    let z = (a.mean - b.mean) / a.se.hypot(b.se);
    (z, 2.0 * Normal::standard().sf(z.abs()))
}

/// Natural logarithm of an e-value against "no effect in any of them", valid at any moment of a
/// stream: the mean of the likelihood ratio over effects that are normal around zero with standard
/// deviation `spread`, `(1 + ρ²V)^(−1/2) · exp(ρ²S² / (2(1 + ρ²V)))` with `S = Σ d/se²`,
/// `V = Σ 1/se²` (Robbins 1970). By Ville's inequality it ever reaches `ln(1/α)` with probability α at
/// most when there is no effect. 0 for no estimates.
#[must_use]
pub fn log_e_value(estimates: &[Estimate], spread: f64) -> f64 {
    let good = estimates.iter().filter(|e| e.usable());
    let (s, v) = good.fold((0.0, 0.0), |(s, v), e| {
        let weight = 1.0 / (e.se * e.se);
        (s + weight * e.d, v + weight)
    });
    let scale = 1.0 + spread * spread * v;
    (spread * spread * s * s / scale - scale.ln()) / 2.0
}

/// Pearson's correlation of pairs; `None` when either side does not vary or nothing is there.
#[must_use]
pub fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let n = pairs.len() as f64;
    let (sx, sy) = pairs
        .iter()
        .fold((0.0, 0.0), |(x, y), p| (x + p.0, y + p.1));
    let (mx, my) = (sx / n, sy / n);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        xx += (x - mx) * (x - mx);
        yy += (y - my) * (y - my);
        xy += (x - mx) * (y - my);
    }
    let r = xy / (xx * yy).sqrt();
    r.is_finite().then(|| r.clamp(-1.0, 1.0))
}
