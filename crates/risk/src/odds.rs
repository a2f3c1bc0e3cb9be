//! Log-odds arithmetic.

/// Natural log-odds of `p`, with `p` kept a hair away from 0 and 1 so that the result is finite.
#[must_use]
pub fn logit(p: f64) -> f64 {
    let p = p.clamp(1e-9, 1.0 - 1e-9);
    (p / (1.0 - p)).ln()
}

/// Inverse of [`logit`].
#[must_use]
pub fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// What evidence of probability `p` adds to the log-odds when `neutral` says nothing; at most ±3
/// (risk-and-simulation.md, 5.3).
#[must_use]
pub fn lift(p: f64, neutral: f64) -> f64 {
    (logit(p) - logit(neutral)).clamp(-3.0, 3.0)
}

/// Largest factor by which a verdict may multiply the odds of harm, and the inverse of the smallest
/// (risk-and-simulation.md, 5.6).
pub const BAYES_FACTOR_MAX: f64 = 100.0;

/// Bayes factor of a p-value: the Sellke–Bayarri–Berger bound `1/(−e·p·ln p)`, which is an upper
/// bound, so it is clipped to `1/20..=100`. A p-value of 1/e or more says nothing: factor 1.
#[must_use]
pub fn bayes_factor(p_value: f64) -> f64 {
    if p_value.is_nan() || p_value >= (-1.0_f64).exp() {
        return 1.0;
    }
    let p = p_value.max(1e-12);
    (1.0 / (-std::f64::consts::E * p * p.ln())).clamp(0.05, BAYES_FACTOR_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bayes_factors_of_the_worked_example() {
        assert!((bayes_factor(0.01) - 7.99).abs() < 0.01);
        assert!((bayes_factor(1e-4) - 100.0).abs() < 1e-9);
        assert!((bayes_factor(0.5) - 1.0).abs() < 1e-12);
    }

    proptest::proptest! {
        #[test]
        fn logistic_undoes_logit(p in 1e-6..0.999_999_f64) {
            proptest::prop_assert!((logistic(logit(p)) - p).abs() < 1e-9);
        }
    }
}
