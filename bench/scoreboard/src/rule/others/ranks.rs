//! The two-sample test of Mann and Whitney with the Hodges-Lehmann estimate of the shift and its
//! interval, by the normal approximation with correction for ties, as R's `wilcox.test` gives them.

/// Normal quantile of a two-sided 98 % interval.
const Z: f64 = 2.326_347_874;

/// What the test finds of `a` against `b`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    /// Standardised statistic; positive when `a` is larger.
    pub(super) z: f64,
    /// Median of all differences of one of `a` and one of `b`.
    pub(super) estimate: f64,
    /// Its 98 % interval.
    pub(super) low: f64,
    pub(super) high: f64,
}

/// Both samples hold at least one value.
pub(super) fn mann_whitney(a: &[f64], b: &[f64]) -> Shift {
    let (m, n) = (a.len() as f64, b.len() as f64);
    let mut differences: Vec<f64> = a
        .iter()
        .flat_map(|x| b.iter().map(move |y| x - y))
        .collect();
    differences.sort_by(f64::total_cmp);
    let above = differences.len() - differences.partition_point(|d| *d <= 0.0);
    let level = differences.len() - above - differences.partition_point(|d| *d < 0.0);
    let u = above as f64 + 0.5 * level as f64;
    let deviation = (m * n / 12.0 * (m + n + 1.0 - ties(a, b) / ((m + n) * (m + n - 1.0)))).sqrt();
    // Half a rank towards the middle.
    let away = u - m * n / 2.0;
    let corrected = away - away.signum() * 0.5_f64.min(away.abs());
    // So many differences lie outside the interval at each end.
    let outside = (m * n / 2.0 - Z * deviation).round().max(0.0) as usize;
    let last = differences.len() - 1;
    Shift {
        z: if deviation > 0.0 {
            corrected / deviation
        } else {
            0.0
        },
        estimate: 0.5 * (differences[last / 2] + differences[differences.len() / 2]),
        low: differences[outside.min(last)],
        high: differences[last - outside.min(last)],
    }
}

/// Sum of t³ - t over groups of t equal values in both samples.
fn ties(a: &[f64], b: &[f64]) -> f64 {
    let mut all = [a, b].concat();
    all.sort_by(f64::total_cmp);
    let cubes = all.chunk_by(|x, y| x.total_cmp(y).is_eq()).map(|group| {
        let t = group.len() as f64;
        t * t * t - t
    });
    cubes.sum()
}
