//! What is counted: how well scores separate, how early, and how often nothing is called something.

/// Area under the ROC curve: the chance that a harmful case scores above a harmless one, ties half.
/// `None` without cases on both sides.
#[must_use]
pub fn auc(harmful: &[f64], harmless: &[f64]) -> Option<f64> {
    if harmful.is_empty() || harmless.is_empty() {
        return None;
    }
    let mut sorted = harmless.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wins = |score: &f64| {
        let below = sorted.partition_point(|s| s < score);
        let not_above = sorted.partition_point(|s| s <= score);
        below as f64 + 0.5 * (not_above - below) as f64
    };
    let won: f64 = harmful.iter().map(wins).sum();
    Some(won / (harmful.len() * harmless.len()) as f64)
}

/// Share of harmful cases above the threshold that lets through at most `rate` of the harmless ones.
#[must_use]
pub fn tpr_at(rate: f64, harmful: &[f64], harmless: &[f64]) -> Option<f64> {
    if harmful.is_empty() || harmless.is_empty() {
        return None;
    }
    let mut sorted = harmless.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let allowed = (rate * sorted.len() as f64).floor() as usize;
    // Only what is above the first harmless score that may not pass is called.
    let bar = sorted.get(allowed).copied().unwrap_or(f64::NEG_INFINITY);
    Some(share(
        harmful.iter().filter(|s| **s > bar).count(),
        harmful.len(),
    ))
}

/// F1 of a count of true and false alarms among `harmful` harmful cases.
#[must_use]
pub fn f1(true_alarms: usize, false_alarms: usize, harmful: usize) -> f64 {
    let missed = harmful.saturating_sub(true_alarms);
    share(2 * true_alarms, 2 * true_alarms + false_alarms + missed)
}

/// The largest F1 that any threshold on the score reaches.
#[must_use]
pub fn best_f1(harmful: &[f64], harmless: &[f64]) -> Option<f64> {
    if harmful.is_empty() || harmless.is_empty() {
        return None;
    }
    let mut bars: Vec<f64> = harmful.to_vec();
    bars.sort_by(f64::total_cmp);
    bars.dedup();
    let above = |scores: &[f64], bar: f64| scores.iter().filter(|s| **s >= bar).count();
    let at = |bar: &f64| f1(above(harmful, *bar), above(harmless, *bar), harmful.len());
    bars.iter().map(at).reduce(f64::max)
}

/// `part` of `whole`; zero of nothing.
#[must_use]
pub fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// Wilson's 95 % interval of a share.
#[must_use]
pub fn wilson(part: usize, whole: usize) -> (f64, f64) {
    if whole == 0 {
        return (0.0, 1.0);
    }
    const Z: f64 = 1.959_964;
    let (n, p) = (whole as f64, share(part, whole));
    let middle = p + Z * Z / (2.0 * n);
    let reach = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (
        ((middle - reach) / scale).max(0.0),
        ((middle + reach) / scale).min(1.0),
    )
}

/// The value below which a share `q` (0..1) lies, between neighbours by interpolation.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = q.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    Some(sorted[low] + (at - at.floor()) * (sorted[high] - sorted[low]))
}

#[cfg(test)]
mod tests;
