//! Exact arithmetic where it is possible: ratios of `i128`, floats only for settings that are floats.

use std::cmp::Ordering;

use crate::expr::{Arithmetic, Decimal};

/// Floats closer than this, relative to the larger, are equal.
const TOLERANCE: f64 = 1e-9;

/// A number; ratios have a positive denominator and no common factor.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Ratio(i128, i128),
    Real(f64),
}

impl Number {
    pub(super) const fn whole(n: i128) -> Self {
        Self::Ratio(n, 1)
    }

    /// The written number, without its unit.
    pub(super) fn decimal(n: Decimal) -> Option<Self> {
        ratio(n.mantissa, 10_i128.checked_pow(n.scale)?)
    }

    pub(super) fn as_f64(self) -> f64 {
        match self {
            Self::Ratio(n, d) => n as f64 / d as f64,
            Self::Real(x) => x,
        }
    }

    pub(super) fn negative(self) -> Option<Self> {
        match self {
            Self::Ratio(n, d) => n.checked_neg().map(|n| Self::Ratio(n, d)),
            Self::Real(x) => Some(Self::Real(-x)),
        }
    }

    /// `None` on overflow, division by zero, or when the result has no meaning.
    pub(super) fn combine(self, op: Arithmetic, other: Self) -> Option<Self> {
        if let (Self::Ratio(a, b), Self::Ratio(c, d)) = (self, other) {
            return match op {
                Arithmetic::Add => ratio(cross(a, d)?.checked_add(cross(c, b)?)?, cross(b, d)?),
                Arithmetic::Subtract => {
                    ratio(cross(a, d)?.checked_sub(cross(c, b)?)?, cross(b, d)?)
                }
                Arithmetic::Multiply => ratio(cross(a, c)?, cross(b, d)?),
                Arithmetic::Divide => ratio(cross(a, d)?, cross(b, c)?),
            };
        }
        let (a, b) = (self.as_f64(), other.as_f64());
        let result = match op {
            Arithmetic::Add => a + b,
            Arithmetic::Subtract => a - b,
            Arithmetic::Multiply => a * b,
            Arithmetic::Divide => a / b,
        };
        let endless = a.is_infinite() || b.is_infinite();
        (!result.is_nan() && (endless || result.is_finite())).then_some(Self::Real(result))
    }

    /// How the two compare; `None` on overflow.
    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        if let (Self::Ratio(a, b), Self::Ratio(c, d)) = (self, other) {
            return Some(cross(a, d)?.cmp(&cross(c, b)?));
        }
        let (a, b) = (self.as_f64(), other.as_f64());
        let close = (a - b).abs() <= TOLERANCE * a.abs().max(b.abs());
        if a.is_finite() && b.is_finite() && close {
            Some(Ordering::Equal)
        } else {
            a.partial_cmp(&b)
        }
    }
}

fn cross(a: i128, b: i128) -> Option<i128> {
    a.checked_mul(b)
}

fn ratio(n: i128, d: i128) -> Option<Number> {
    if d == 0 || n == i128::MIN || d == i128::MIN {
        return None;
    }
    let common = common(n.unsigned_abs(), d.unsigned_abs());
    let common = i128::try_from(common).ok().filter(|c| *c > 0)? * d.signum();
    Some(Number::Ratio(n / common, d / common))
}

fn common(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
