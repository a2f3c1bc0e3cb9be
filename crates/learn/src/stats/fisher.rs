//! Exact tests: 2×2 tables given their margins, alone and over strata, and a fair coin.

use crate::stats::table::Table;

/// Masses that differ by less than this share count as equal, as in SciPy: they differ by rounding.
const TIE: f64 = 1e-7;

/// Chances of consecutive whole numbers.
struct Masses {
    /// The first number.
    from: u64,
    /// Its chance and those of its successors; they sum to 1.
    mass: Vec<f64>,
}

impl Masses {
    /// From the ratio of each mass to the one before: `ratio(k)` is mass of `k + 1` over mass of `k`.
    /// Built outwards from the mode, so that nothing overflows and no factorial is needed.
    fn of_ratios(from: u64, to: u64, mode: u64, ratio: impl Fn(u64) -> f64) -> Self {
        let mut mass = vec![0.0; (to - from + 1) as usize];
        let mut weight = 1.0;
        for k in mode..=to {
            mass[(k - from) as usize] = weight;
            weight *= ratio(k);
        }
        weight = 1.0;
        for k in (from..mode).rev() {
            weight /= ratio(k);
            mass[(k - from) as usize] = weight;
        }
        let sum: f64 = mass.iter().sum();
        mass.iter_mut().for_each(|m| *m /= sum);
        Self { from, mass }
    }

    /// Chances of `a`, given the margins of `table`.
    fn hypergeometric(table: &Table) -> Self {
        let (x, y, n) = (table.x(), table.y(), table.n());
        let (from, to) = ((x + y).saturating_sub(n), x.min(y));
        let mode = u128::from(x + 1) * u128::from(y + 1) / u128::from(n + 2);
        let mode = u64::try_from(mode).unwrap_or(to).clamp(from, to);
        Self::of_ratios(from, to, mode, |k| {
            let left = (x - k) as f64 * (y - k) as f64;
            let neither = (n + k + 1) as f64 - (x + y) as f64;
            left / ((k + 1) as f64 * neither)
        })
    }

    /// Chances of the sum of two independent numbers.
    fn plus(&self, other: &Self) -> Self {
        let mut mass = vec![0.0; self.mass.len() + other.mass.len() - 1];
        for (i, p) in self.mass.iter().enumerate() {
            for (j, q) in other.mass.iter().enumerate() {
                mass[i + j] += p * q;
            }
        }
        Self {
            from: self.from + other.from,
            mass,
        }
    }

    /// Two-sided p-value of `seen`: all that is as unlikely or more; `share` of its own mass counts.
    fn two_sided(&self, seen: u64, share: f64) -> f64 {
        let own = seen.checked_sub(self.from).map(|k| k as usize);
        let Some(own) = own.and_then(|k| self.mass.get(k)) else {
            return 0.0;
        };
        let rare = |m: &&f64| **m <= own * (1.0 + TIE);
        let all: f64 = self.mass.iter().filter(rare).sum();
        (all - (1.0 - share) * own).clamp(0.0, 1.0)
    }
}

/// Fisher's exact test, two-sided mid-p: the table's own mass counts half, which makes up for the
/// steps of the exact test (Lancaster 1961).
#[must_use]
pub fn fisher_mid_p(table: &Table) -> f64 {
    Masses::hypergeometric(table).two_sided(table.a, 0.5)
}

/// The exact test over strata, two-sided mid-p: the sum of `a` over strata, given all margins. The
/// exact companion of [`crate::stats::table::cmh`] for few counts; 1 without strata.
#[must_use]
pub fn stratified_mid_p(strata: &[Table]) -> f64 {
    let seen = strata.iter().map(|t| t.a).sum();
    let room = |t: &&Table| t.x() > 0 && t.y() > 0;
    let certain = Masses {
        from: 0,
        mass: vec![1.0],
    };
    let all = strata.iter().filter(room).fold(certain, |sum, table| {
        sum.plus(&Masses::hypergeometric(table))
    });
    if all.mass.len() == 1 {
        return 1.0;
    }
    all.two_sided(seen, 0.5)
}

/// Exact two-sided binomial test of a fair coin: `k` heads in `n` throws; 1 for no throw.
#[must_use]
pub fn fair_coin_p(k: u64, n: u64) -> f64 {
    Masses::of_ratios(0, n, n / 2, |i| (n - i) as f64 / (i + 1) as f64).two_sided(k, 1.0)
}

/// Chance that a random matching of `x` units with X among `n` with those `y` with Y puts all of
/// X inside Y: `C(n−x, y−x) / C(n, y)`.
#[must_use]
pub fn all_inside_p(x: u64, y: u64, n: u64) -> f64 {
    if x > y || y > n {
        return 0.0;
    }
    (0..x).map(|i| (y - i) as f64 / (n - i) as f64).product()
}

#[cfg(test)]
mod tests;
