//! Ranks among placebo maxima, and a generalised Pareto tail beyond the last of them.

/// Share of the placebos below the threshold of the tail.
const BODY: f64 = 0.9;
/// Fewest placebos with a tail of their own.
const TAIL_MIN: usize = 100;
/// Extrapolation below `1/(n+1)` ends at this factor.
const BEYOND_MAX: f64 = 10.0;

/// Chance of a maximum of at least `max`, given placebo maxima that are worth `n` independent
/// windows: `(1 + share * n) / (n + 1)`, refined by the tail where ranks end.
pub(crate) fn p_value(maxima: &[f64], n: f64, max: f64) -> f64 {
    let share = maxima.iter().filter(|m| **m >= max).count() as f64 / maxima.len().max(1) as f64;
    let rank = (1.0 + share * n) / (n + 1.0);
    if maxima.len() < TAIL_MIN || share > 1.0 - BODY {
        return rank;
    }
    let mut sorted = maxima.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(over) = excesses(&sorted) else {
        return rank;
    };
    let (u, z) = over;
    let tail = (1.0 - BODY) * survival(&z, max - u);
    tail.clamp(
        rank.min(1.0 / (n + 1.0)) / BEYOND_MAX,
        rank.max(1.0 / (n + 1.0)),
    )
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
        assert!((p_value(&maxima[..50], 50.0, maxima[49]) - 2.0 / 51.0).abs() < 1e-9);
        let p: Vec<f64> = [0.0, 1.0, 3.0, 5.0, 6.0, 7.0, 50.0]
            .map(|x| p_value(&maxima, 200.0, x))
            .into();
        assert!(p.windows(2).all(|w| w[1] <= w[0]), "{p:?}");
        assert!(
            p[0] > 0.99 && (p[2] - 0.05).abs() < 0.02 && p[4] < 0.005,
            "{p:?}"
        );
        assert!(p[6] >= 1.0 / 201.0 / 10.0 - 1e-12, "{p:?}");
    }
}
