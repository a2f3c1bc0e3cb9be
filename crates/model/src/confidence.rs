//! A number that says how sure we are.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How sure we are of something, finite and in `0..=1`.
#[derive(Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Confidence(f64);

/// A number outside `0..=1`, or not a number, was offered as a confidence.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("confidence {0} is not in 0..=1")]
pub struct OutOfRange(pub f64);

impl Confidence {
    /// Certain.
    pub const ONE: Confidence = Confidence(1.0);
    /// Not at all.
    pub const ZERO: Confidence = Confidence(0.0);

    /// A confidence of `p`.
    ///
    /// # Errors
    /// `OutOfRange` when `p` is not finite or not in `0..=1`.
    pub fn new(p: f64) -> Result<Self, OutOfRange> {
        if p.is_finite() && (0.0..=1.0).contains(&p) {
            Ok(Self(p))
        } else {
            Err(OutOfRange(p))
        }
    }

    /// The nearest confidence to `p`; not-a-number becomes zero.
    #[must_use]
    pub fn clamped(p: f64) -> Self {
        if p.is_nan() {
            Self::ZERO
        } else {
            Self(p.clamp(0.0, 1.0))
        }
    }

    /// The number itself, `0..=1`.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Both at once, as if independent: the product.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }
}

impl TryFrom<f64> for Confidence {
    type Error = OutOfRange;
    fn try_from(p: f64) -> Result<Self, OutOfRange> {
        Self::new(p)
    }
}

impl From<Confidence> for f64 {
    fn from(c: Confidence) -> f64 {
        c.0
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

impl fmt::Debug for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_probabilities_pass() {
        for p in [0.0, 0.5, 1.0] {
            assert!(Confidence::new(p).is_ok());
        }
        for p in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Confidence::new(p).is_err());
        }
    }
}
