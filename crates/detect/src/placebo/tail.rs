//! Ranks among placebo maxima, and a generalised Pareto tail beyond the last of them.

/// Share of the placebos below the threshold of the tail.
const BODY: f64 = 0.8;
/// Fewest placebos with a tail of their own.
const TAIL_MIN: usize = 25;
/// Ranks are exact up to this many in a hundred: the tail is asked beyond.
const RANKED: f64 = 0.1;
/// Maxima beyond this do not occur.
const HIGHEST: f64 = 1e9;
/// Halvings of the interval in which a level is sought.
const HALVINGS: usize = 50;
/// Extrapolation below `1/(n+1)` ends at this factor.
const BEYOND_MAX: f64 = 10.0;

/// What the maxima of harmless windows say of another one.
#[derive(Debug)]
pub(crate) struct Ranks {
    /// Ascending.
    sorted: Vec<f64>,
    /// Independent windows that they are worth.
    n: f64,
    /// Threshold and ascending excesses over it.
    tail: Option<(f64, Vec<f64>)>,
}

impl Ranks {
    pub(crate) fn of(mut maxima: Vec<f64>, n: f64) -> Self {
        maxima.sort_by(f64::total_cmp);
        let long = maxima.len() >= TAIL_MIN;
        let tail = if long { excesses(&maxima) } else { None };
        Self {
            sorted: maxima,
            n,
            tail,
        }
    }

    /// Chance of a maximum of at least `max`: `(1 + share * n) / (n + 1)`, refined by the tail where
    /// ranks end.
    pub(crate) fn p_value(&self, max: f64) -> f64 {
        let over = self.sorted.len() - self.sorted.partition_point(|m| *m < max);
        let share = over as f64 / self.sorted.len().max(1) as f64;
        let rank = (1.0 + share * self.n) / (self.n + 1.0);
        let Some((threshold, excesses)) = self.tail.as_ref().filter(|_| share <= RANKED) else {
            return rank;
        };
        let tail = (1.0 - BODY) * survival(excesses, max - threshold);
        tail.clamp(rank / BEYOND_MAX, rank)
    }

    /// Smallest maximum whose chance is at most `alpha`; infinite when there is none.
    pub(crate) fn level(&self, alpha: f64) -> f64 {
        let (mut low, mut high) = (0.0, 2.0 * self.sorted.last().copied().unwrap_or(0.0) + 1.0);
        while self.p_value(high) > alpha {
            if high > HIGHEST {
                return f64::INFINITY;
            }
            high *= 2.0;
        }
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if self.p_value(middle) <= alpha {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }
}

/// Threshold and the excesses over it, ascending.
fn excesses(sorted: &[f64]) -> Option<(f64, Vec<f64>)> {
    let u = crate::stats::quantile_sorted(sorted, BODY)?;
    let z: Vec<f64> = sorted.iter().filter(|m| **m > u).map(|m| m - u).collect();
    (z.len() >= 5).then_some((u, z))
}

/// Survival function of the generalised Pareto distribution fitted to ascending excesses by
/// probability-weighted moments (Hosking and Wallis 1987), at `x` over the threshold.
fn survival(z: &[f64], x: f64) -> f64 {
    let n = z.len() as f64;
    let a0 = z.iter().sum::<f64>() / n;
    let weighted = |(i, v): (usize, &f64)| (1.0 - (i as f64 + 0.65) / n) * v;
    let a1 = z.iter().enumerate().map(weighted).sum::<f64>() / n;
    let spread = a0 - 2.0 * a1;
    if spread <= 0.0 || a0 <= 0.0 {
        return if x > 0.0 { 0.0 } else { 1.0 };
    }
    let shape = (2.0 - a0 / spread).clamp(0.0, 0.5);
    // The scale follows from the mean, so that clamping the shape keeps the mean excess.
    let scale = a0 * (1.0 - shape);
    let x = x.max(0.0);
    if shape < 1e-6 {
        (-x / scale).exp()
    } else {
        (1.0 + shape * x / scale).powf(-1.0 / shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_count_ties_against_us_and_the_tail_goes_on_monotonically() {
        let maxima: Vec<f64> = (0..200)
            .map(|i| -(1.0 - (f64::from(i) + 0.5) / 200.0).ln())
            .collect();
        let few = Ranks::of(maxima[..20].to_vec(), 20.0);
        assert!((few.p_value(maxima[19]) - 2.0 / 21.0).abs() < 1e-9);
        let ranks = Ranks::of(maxima, 200.0);
        let p: Vec<f64> = [0.0, 1.0, 3.0, 5.0, 6.0, 7.0, 50.0]
            .map(|x| ranks.p_value(x))
            .into();
        assert!(p.windows(2).all(|w| w[1] <= w[0]), "{p:?}");
        assert!(
            p[0] > 0.99 && (p[2] - 0.05).abs() < 0.02 && p[4] < 0.005,
            "{p:?}"
        );
        assert!(p[6] >= 1.0 / 201.0 / 10.0 - 1e-12, "{p:?}");
        for alpha in [0.5, 0.1, 0.05, 0.01, 0.001] {
            let level = ranks.level(alpha);
            assert!(ranks.p_value(level) <= alpha && ranks.p_value(level - 1e-3) > alpha);
        }
        assert!(ranks.level(1e-9).is_infinite());
    }
}
