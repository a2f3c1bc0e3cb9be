//! Maxima of the scan on harmless series, shipped with the product for targets without placebo
//! windows of their own.
//!
//! Made by `tests::simulate`: 20,000 series for each length of baseline and horizon, seed 1; first
//! order autoregressive noise with coefficients 0, 0.3, 0.6 and 0.8 (weights 3, 3, 2.5, 1.5) whose
//! innovations are normal, Student t with three degrees of freedom, or normal with one spike of four
//! standard deviations in twenty; a quarter of the series drift as a random walk; spread 0.7 to 2
//! times the prior scale of the role. The maxima are divided by [`memory`], because the coefficient
//! can be seen in the baseline.

/// Chances to which the columns of [`MAXIMA`] belong.
const CHANCES: [f64; 8] = [0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.001];
/// Bins of the baseline, of the first index.
const BASELINES: [usize; 4] = [10, 20, 40, 60];
/// Bins of the horizon, of the second index.
const HORIZONS: [usize; 5] = [10, 20, 40, 120, 360];

/// Quantiles of the maximum.
const MAXIMA: [[[f64; 8]; 5]; 4] = [
    [
        [0.91, 2.17, 3.10, 3.98, 5.18, 6.15, 7.07, 9.58],
        [1.48, 2.97, 4.01, 5.12, 6.52, 7.64, 9.13, 12.06],
        [2.03, 3.78, 5.01, 6.35, 8.27, 10.02, 11.66, 15.29],
        [2.87, 5.04, 6.58, 8.26, 10.85, 12.80, 14.68, 19.56],
        [3.64, 6.33, 8.39, 10.66, 14.30, 16.92, 19.53, 24.77],
    ],
    [
        [0.91, 1.97, 2.68, 3.41, 4.35, 5.03, 5.79, 7.55],
        [1.43, 2.62, 3.43, 4.20, 5.25, 5.95, 6.85, 8.75],
        [1.94, 3.30, 4.27, 5.19, 6.43, 7.43, 8.47, 11.30],
        [2.72, 4.35, 5.52, 6.67, 8.30, 9.53, 10.69, 14.16],
        [3.42, 5.38, 6.90, 8.51, 10.98, 12.81, 14.85, 19.58],
    ],
    [
        [0.89, 1.83, 2.46, 3.03, 3.78, 4.31, 4.93, 6.21],
        [1.41, 2.43, 3.10, 3.73, 4.46, 5.15, 5.73, 7.27],
        [1.91, 3.04, 3.79, 4.46, 5.30, 5.92, 6.57, 7.95],
        [2.65, 4.01, 4.90, 5.73, 6.88, 7.82, 8.94, 11.48],
        [3.35, 4.91, 6.09, 7.46, 9.80, 11.99, 13.75, 19.21],
    ],
    [
        [0.91, 1.82, 2.43, 2.95, 3.63, 4.16, 4.62, 5.59],
        [1.40, 2.39, 3.03, 3.61, 4.34, 4.90, 5.45, 6.52],
        [1.89, 2.95, 3.60, 4.23, 5.01, 5.61, 6.08, 7.41],
        [2.64, 3.88, 4.68, 5.47, 6.44, 7.28, 8.08, 10.66],
        [3.29, 4.71, 5.72, 6.95, 9.15, 11.10, 12.96, 17.34],
    ],
];

/// Factor by which a sum of autocorrelated residuals spreads more than one of independent ones, for
/// the lag-1 coefficient `phi` (0..0.9): `sqrt((1 + φ) / (1 - φ))`.
pub(crate) fn memory(phi: f64) -> f64 {
    let phi = phi.clamp(0.0, 0.9);
    ((1.0 + phi) / (1.0 - phi)).sqrt()
}

/// Chance that a harmless series has a maximum of at least `max` (already divided by [`memory`])
/// over `horizon` bins after `baseline` bins.
pub(crate) fn p_value(max: f64, baseline: usize, horizon: usize) -> f64 {
    let row = quantiles(baseline, horizon);
    if max <= row[0] {
        // Below the median only the order matters.
        return 1.0 - (1.0 - CHANCES[0]) * (max / row[0]).clamp(0.0, 1.0);
    }
    for (i, pair) in row.windows(2).enumerate() {
        if max <= pair[1] {
            let share = (max - pair[0]) / (pair[1] - pair[0]).max(1e-9);
            let (from, to) = (CHANCES[i].ln(), CHANCES[i + 1].ln());
            return (from + (to - from) * share).exp();
        }
    }
    // Exponential beyond the last column with the slope of the last step, at most tenfold.
    let (last, before) = (row[7], row[5]);
    let slope = (last - before) / (CHANCES[5] / CHANCES[7]).ln();
    (CHANCES[7] * (-(max - last) / slope.max(1e-9)).exp()).max(CHANCES[7] / 10.0)
}

/// Maximum (divided by [`memory`]) that a harmless series passes with chance `alpha`: the inverse of
/// [`p_value`].
pub(crate) fn level(alpha: f64, baseline: usize, horizon: usize) -> f64 {
    let row = quantiles(baseline, horizon);
    if alpha >= CHANCES[0] {
        return row[0] * (1.0 - alpha.min(1.0)) / (1.0 - CHANCES[0]);
    }
    for (i, pair) in CHANCES.windows(2).enumerate() {
        if alpha >= pair[1] {
            let share = (pair[0] / alpha).ln() / (pair[0] / pair[1]).ln();
            return row[i] + (row[i + 1] - row[i]) * share;
        }
    }
    let slope = (row[7] - row[5]) / (CHANCES[5] / CHANCES[7]).ln();
    row[7] + slope * (CHANCES[7] / alpha.max(CHANCES[7] / 10.0)).ln()
}

/// The row for these lengths, interpolated in their logarithms.
fn quantiles(baseline: usize, horizon: usize) -> [f64; 8] {
    let (b, b_share) = place(&BASELINES, baseline);
    let (h, h_share) = place(&HORIZONS, horizon);
    let mix = |low: f64, high: f64, share: f64| low + (high - low) * share;
    std::array::from_fn(|i| {
        let at = |b: usize, h: usize| MAXIMA[b][h][i];
        let short = mix(at(b, h), at(b, h + 1), h_share);
        let long = mix(at(b + 1, h), at(b + 1, h + 1), h_share);
        mix(short, long, b_share)
    })
}

/// Index of the step that holds `value`, and how far along it lies, 0..1.
fn place(steps: &[usize], value: usize) -> (usize, f64) {
    let value = value.clamp(steps[0], steps[steps.len() - 1]);
    let i = steps
        .partition_point(|s| *s <= value)
        .clamp(1, steps.len() - 1)
        - 1;
    let (low, high) = ((steps[i] as f64).ln(), (steps[i + 1] as f64).ln());
    (i, ((value as f64).ln() - low) / (high - low))
}

#[cfg(test)]
mod tests;
