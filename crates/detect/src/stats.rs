//! Robust summaries of small slices. All inputs are finite (checked at the border).

/// Factor that makes a median absolute deviation comparable to a standard deviation.
const MAD_TO_SD: f64 = 1.4826;

/// The median; `None` for an empty slice. The mean of the middle two for an even count.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    median_mut(&mut values.to_vec())
}

/// The median of `work`, which is reordered.
pub(crate) fn median_mut(work: &mut [f64]) -> Option<f64> {
    if work.is_empty() {
        return None;
    }
    let even = work.len().is_multiple_of(2);
    let (low, upper, _) = work.select_nth_unstable_by(work.len() / 2, f64::total_cmp);
    let upper = *upper;
    match low.iter().copied().max_by(f64::total_cmp) {
        Some(lower) if even => Some(f64::midpoint(lower, upper)),
        _ => Some(upper),
    }
}

/// The mean; `None` for an empty slice.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Median absolute deviation around `centre`, as a standard deviation; 0 for an empty slice.
pub(crate) fn mad(values: &[f64], centre: f64) -> f64 {
    let mut away: Vec<f64> = values.iter().map(|v| (v - centre).abs()).collect();
    median_mut(&mut away).unwrap_or(0.0) * MAD_TO_SD
}

/// The mean without the lowest and highest fifth: nearly as sharp as the mean on normal noise, and
/// blind to spikes. `None` for an empty slice.
pub(crate) fn trimmed_mean(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let cut = sorted.len() / 5;
    mean(&sorted[cut..sorted.len() - cut])
}

/// Lag-1 autocorrelation of `values` around `centre`, corrected for its bias in short series
/// (Kendall: minus `(1 + 4φ) / n`), within 0..0.9; 0 when there is too little to say.
pub(crate) fn autocorrelation(values: &[f64], centre: f64) -> f64 {
    let power: f64 = values.iter().map(|v| (v - centre) * (v - centre)).sum();
    if values.len() < 8 || power <= 0.0 {
        return 0.0;
    }
    let lagged: f64 = values
        .windows(2)
        .map(|w| (w[0] - centre) * (w[1] - centre))
        .sum();
    let raw = lagged / power;
    (raw + (1.0 + 4.0 * raw) / values.len() as f64).clamp(0.0, 0.9)
}

/// The value below which a share `q` (0..1) of the sorted slice lies, interpolated.
pub(crate) fn quantile_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    let below = sorted[place.floor() as usize];
    let above = sorted[(place.ceil() as usize).min(last)];
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_deviations() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert!((mad(&[1.0, 2.0, 3.0, 100.0], 2.0) - 1.4826).abs() < 1e-9);
        assert_eq!(quantile_sorted(&[0.0, 10.0], 0.25), Some(2.5));
    }

    #[test]
    fn autocorrelation_sees_a_slow_series_and_not_a_constant_one() {
        let slow: Vec<f64> = (0..40).map(|i| f64::from(i) / 10.0).collect();
        assert!(autocorrelation(&slow, 1.95) > 0.8);
        assert!(autocorrelation(&[1.0; 40], 1.0) < 1e-9);
    }
}
