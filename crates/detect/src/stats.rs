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

/// The newest values of a series in order of size: medians of it without sorting again.
#[derive(Debug, Default)]
pub(crate) struct Sliding {
    sorted: Vec<f64>,
}

impl Sliding {
    /// Takes in a value.
    pub(crate) fn insert(&mut self, value: f64) {
        let place = self.place(value);
        self.sorted.insert(place, value);
    }

    /// Gives up a value that it has.
    pub(crate) fn remove(&mut self, value: f64) {
        let place = self.place(value);
        self.sorted.remove(place);
    }

    fn place(&self, value: f64) -> usize {
        let below = |v: &f64| v.total_cmp(&value).is_lt();
        self.sorted.partition_point(below)
    }

    /// As [`median`].
    pub(crate) fn median(&self) -> Option<f64> {
        let half = self.sorted.len() / 2;
        let upper = *self.sorted.get(half)?;
        let even = self.sorted.len().is_multiple_of(2);
        Some(if even {
            f64::midpoint(self.sorted[half - 1], upper)
        } else {
            upper
        })
    }

    /// As [`mad`]: from the centre outwards, the nearer side first, until half of the values are passed.
    pub(crate) fn mad(&self, centre: f64) -> f64 {
        let (below, above) = self.sorted.split_at(self.place(centre));
        let (mut below, mut above) = (below.iter().rev(), above.iter());
        let away = |v: &f64| (v - centre).abs();
        let (mut left, mut right) = (below.next().map(away), above.next().map(away));
        let (mut last, mut now) = (0.0, 0.0);
        for _ in 0..=self.sorted.len() / 2 {
            last = now;
            match (left, right) {
                (Some(l), r) if r.is_none_or(|r| l <= r) => {
                    (now, left) = (l, below.next().map(away));
                }
                (_, Some(r)) => (now, right) = (r, above.next().map(away)),
                _ => return 0.0,
            }
        }
        let even = self.sorted.len().is_multiple_of(2);
        MAD_TO_SD * if even { f64::midpoint(last, now) } else { now }
    }
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
    fn a_sliding_window_says_what_sorting_anew_says() {
        let mut random = crate::testing::Random::new(9);
        // Many ties, and zeros of both signs.
        let values: Vec<f64> = (0..600)
            .map(|i| match i % 7 {
                0 => -0.0,
                1 => 0.0,
                2 => 1.0,
                _ => (4.0 * random.normal()).round() / 4.0,
            })
            .collect();
        let mut sliding = Sliding::default();
        assert_eq!((sliding.median(), sliding.mad(1.0).to_bits()), (None, 0));
        for (i, value) in values.iter().enumerate() {
            sliding.insert(*value);
            if i >= 50 {
                sliding.remove(values[i - 50]);
            }
            let window = &values[i.saturating_sub(49)..=i];
            assert_eq!(sliding.median(), median(window));
            for centre in [0.0, -1.5, random.normal()] {
                assert!((sliding.mad(centre) - mad(window, centre)).abs() < 1e-12);
            }
        }
    }

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
