//! Association in 2×2 tables (dependencies.md, 9.1).

use statrs::function::erf::erfc;

/// Standard normal quantile of 0.975: half the width of a two-sided 95 % interval, in deviations.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// Counts of units by two properties X and Y.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Table {
    /// Units with both.
    pub a: u64,
    /// Units with X only.
    pub b: u64,
    /// Units with Y only.
    pub c: u64,
    /// Units with neither.
    pub d: u64,
}

impl Table {
    /// The table of `both`, the margins `x` and `y`, and `n` units in all. Margins that do not fit
    /// are widened so that no count is negative.
    #[must_use]
    pub const fn of_margins(both: u64, x: u64, y: u64, n: u64) -> Self {
        let (b, c) = (x.saturating_sub(both), y.saturating_sub(both));
        Self {
            a: both,
            b,
            c,
            d: n.saturating_sub(both + b + c),
        }
    }

    /// All units.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.a + self.b + self.c + self.d
    }

    /// Units with X.
    #[must_use]
    pub const fn x(&self) -> u64 {
        self.a + self.b
    }

    /// Units with Y.
    #[must_use]
    pub const fn y(&self) -> u64 {
        self.a + self.c
    }

    /// The smallest of the four counts that independence would give; 0 for an empty table.
    #[must_use]
    pub fn least_expected(&self) -> f64 {
        let n = self.n();
        if n == 0 {
            return 0.0;
        }
        let x = self.x().min(n - self.x()) as f64;
        let y = self.y().min(n - self.y()) as f64;
        x * y / n as f64
    }

    /// What independence would give for `a`; 0 for an empty table.
    #[must_use]
    pub fn expected(&self) -> f64 {
        match self.n() {
            0 => 0.0,
            n => self.x() as f64 * self.y() as f64 / n as f64,
        }
    }

    /// The G² statistic, `2 Σ O ln(O/E)`, one degree of freedom.
    #[must_use]
    pub fn g2(&self) -> f64 {
        g2(
            self.a as f64,
            self.x() as f64,
            self.y() as f64,
            self.n() as f64,
        )
    }

    /// Natural logarithm of the lift `a n / ((a+b)(a+c))`; `None` without a unit that has both.
    #[must_use]
    pub fn log_lift(&self) -> Option<f64> {
        if self.a == 0 {
            return None;
        }
        let (x, y) = (self.x() as f64, self.y() as f64);
        Some((self.a as f64 * self.n() as f64 / (x * y)).ln())
    }

    /// Lower end of the two-sided 95 % interval of [`Table::log_lift`], by
    /// `Var = 1/a − 1/(a+b) − 1/(a+c) + 2a/((a+b)(a+c)) − 1/n` (dependencies.md, 9.1).
    #[must_use]
    pub fn log_lift_low(&self) -> Option<f64> {
        let lift = self.log_lift()?;
        let (a, x, y) = (self.a as f64, self.x() as f64, self.y() as f64);
        let n = self.n() as f64;
        let variance = 1.0 / a - 1.0 / x - 1.0 / y + 2.0 * a / (x * y) - 1.0 / n;
        Some(lift - Z_95 * variance.max(0.0).sqrt())
    }

    /// Lower end of the Wilson interval (95 %) of the share of X that also has Y, `a/(a+b)`.
    #[must_use]
    pub fn share_low(&self) -> f64 {
        wilson(self.a, self.x()).0
    }
}

/// G² of a table given by its joint weight and margins; weights need not be whole. 0 when the margins
/// leave no room for association.
#[must_use]
pub fn g2(both: f64, x: f64, y: f64, n: f64) -> f64 {
    let observed = [
        both,
        (x - both).max(0.0),
        (y - both).max(0.0),
        (n - x - y + both).max(0.0),
    ];
    let expected = [x * y, x * (n - y), (n - x) * y, (n - x) * (n - y)];
    let part = |o: f64, e: f64| {
        if o > 0.0 && e > 0.0 {
            o * (o * n / e).ln()
        } else {
            0.0
        }
    };
    let sum: f64 = observed
        .iter()
        .zip(expected)
        .map(|(o, e)| part(*o, e))
        .sum();
    (2.0 * sum).max(0.0)
}

/// Chance that a χ² variable with one degree of freedom is at least `statistic`.
#[must_use]
pub fn chi2_1_tail(statistic: f64) -> f64 {
    if statistic <= 0.0 {
        return 1.0;
    }
    erfc((statistic / 2.0).sqrt()).clamp(0.0, 1.0)
}

/// Wilson's 95 % interval of a share `k` of `n` (Wilson 1927); `(0, 1)` when `n` is 0.
#[must_use]
pub fn wilson(k: u64, n: u64) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (n, z2) = (n as f64, Z_95 * Z_95);
    let share = (k as f64 / n).min(1.0);
    let centre = share + z2 / (2.0 * n);
    let half = Z_95 * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    (
        ((centre - half) / scale).max(0.0),
        ((centre + half) / scale).min(1.0),
    )
}

/// The Cochran–Mantel–Haenszel statistic of association over strata, without continuity correction,
/// and its p-value (Mantel and Haenszel 1959). Strata of fewer than two units say nothing; `None` when
/// all are such, or leave no room.
#[must_use]
pub fn cmh(strata: &[Table]) -> Option<(f64, f64)> {
    let (mut above, mut variance) = (0.0, 0.0);
    for table in strata.iter().filter(|t| t.n() > 1) {
        let (x, y, n) = (table.x() as f64, table.y() as f64, table.n() as f64);
        above += table.a as f64 - table.expected();
        variance += x * y * (n - x) * (n - y) / (n * n * (n - 1.0));
    }
    if variance <= 0.0 {
        return None;
    }
    let statistic = above * above / variance;
    Some((statistic, chi2_1_tail(statistic)))
}

#[cfg(test)]
mod tests;
