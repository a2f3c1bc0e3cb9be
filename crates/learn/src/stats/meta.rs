//! Meta-analysis: many estimates of one effect, pooled.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// One estimate of an effect.
#[derive(Clone, Copy, PartialEq, Debug)]
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
#[derive(Clone, Copy, PartialEq, Debug)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const D: [f64; 6] = [0.31, 0.12, 0.45, 0.05, 0.22, 0.18];
    const SE: [f64; 6] = [0.08, 0.05, 0.15, 0.07, 0.06, 0.11];

    fn six() -> Vec<Estimate> {
        of(&D, &SE)
    }

    fn of(d: &[f64], se: &[f64]) -> Vec<Estimate> {
        let pairs = d.iter().zip(se);
        pairs.map(|(d, se)| Estimate { d: *d, se: *se }).collect()
    }

    fn same(found: f64, wanted: f64) {
        assert!(
            (found - wanted).abs() < 1e-9 * wanted.abs().max(1.0),
            "{found} is not {wanted}"
        );
    }

    /// `r = combine_effects(D, SE**2, method_re="dl")` (statsmodels 0.15.0): `mean_effect_re`,
    /// `sd_eff_w_re`, `tau2`, `q`, `i2`; intervals with `scipy.stats.norm.ppf`, `t.ppf(·, k-2)`.
    #[test]
    fn pools_are_those_of_statsmodels() {
        let pooled = pool(&six()).unwrap();
        same(pooled.mean, 0.191_941_621_986_074_6);
        same(pooled.se, 0.047_188_278_203_962_78);
        same(pooled.tau2, 0.006_876_138_968_958_367);
        same(pooled.q, 11.170_700_657_568_304);
        same(pooled.i2, 0.552_400_502_594_039_9);
        let (low, high) = pooled.interval(0.95);
        same(low, 0.099_454_296_213_851_11);
        same(high, 0.284_428_947_758_298_1);
        let (low, high) = pooled.prediction(0.95).unwrap();
        same(low, -0.072_956_160_492_344_41);
        same(high, 0.456_839_404_464_493_56);
        let (low, high) = pooled.prediction(0.90).unwrap();
        same(low, -0.011_455_695_405_310_579);
        same(high, 0.395_338_939_377_459_8);
    }

    #[test]
    fn equal_effects_have_no_spread_and_few_have_no_prediction() {
        let pooled = pool(&of(&[0.20, 0.21, 0.19], &[0.05, 0.06, 0.04])).unwrap();
        assert!(pooled.tau2 <= 0.0 && pooled.i2 <= 0.0);
        let two = pool(&six()[..2]).unwrap();
        assert_eq!(two.prediction(0.9), None);
        assert!(two.tau2 > 0.0);
        let one = pool(&six()[..1]).unwrap();
        same(one.mean, 0.31);
        same(one.se, 0.08);
        assert_eq!(pool(&of(&[f64::NAN, 1.0], &[1.0, 0.0])), None);
    }

    /// `quad(lambda m: norm.pdf(m, 0, .1) * exp(m*S - m*m*V/2), -1, 1.5)` (SciPy 1.17.1).
    #[test]
    fn the_e_value_is_the_integral_that_it_stands_for() {
        same(log_e_value(&six(), 0.1), 3_131_942.024_429_634_f64.ln());
        assert!(log_e_value(&[], 0.1).abs() < 1e-15);
    }

    /// `combine_effects` of both, `z = (a-b)/hypot(se)`, `2*norm.sf(z)`; `pearsonr`.
    #[test]
    fn differences_and_correlations_are_those_of_scipy() {
        let pooled = |d: [f64; 8]| pool(&of(&d, &[0.05; 8])).unwrap();
        let high = pooled([0.3, 0.5, 0.1, 0.4, 0.25, 0.33, 0.6, 0.05]);
        let low = pooled([0.05, 0.1, 0.02, 0.2, -0.1, 0.07, 0.0, 0.12]);
        let (z, p) = difference(&high, &low);
        same(z, 3.537_926_217_616_097_7);
        same(p, 0.000_403_282_731_653_941);
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let y = [2.0, 1.0, 4.0, 3.0, 7.0, 8.0, 6.0, 5.0];
        let pairs: Vec<(f64, f64)> = x.into_iter().zip(y).collect();
        same(correlation(&pairs).unwrap(), 0.738_095_238_095_237_9);
        assert_eq!(correlation(&[(1.0, 2.0), (1.0, 3.0)]), None);
        assert_eq!(correlation(&[]), None);
    }

    proptest! {
        #[test]
        fn pools_lie_between_their_estimates(
            items in prop::collection::vec((-5.0..5.0_f64, 0.01..3.0_f64), 1..30)
        ) {
            let items: Vec<Estimate> =
                items.into_iter().map(|(d, se)| Estimate { d, se }).collect();
            let pooled = pool(&items).unwrap();
            let least = items.iter().map(|e| e.d).fold(f64::INFINITY, f64::min);
            let most = items.iter().map(|e| e.d).fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(least - 1e-9 <= pooled.mean && pooled.mean <= most + 1e-9);
            prop_assert!((0.0..=1.0).contains(&pooled.i2) && pooled.tau2 >= 0.0 && pooled.se > 0.0);
            if let Some((low, high)) = pooled.prediction(0.95) {
                let (inner, outer) = pooled.interval(0.95);
                prop_assert!(low <= inner && outer <= high);
            }
        }
    }
}
