//! Many metrics, one chance: weighted Bonferroni over calibrated p-values, never the maximum of raw
//! statistics.

use backstay_model::metric::MetricRole;

/// Weight of the group of throughput and errors; the rest belongs to latency and the others.
const WORK_WEIGHT: f64 = 0.5;

/// Whether a role is in the first group.
const fn work(role: MetricRole) -> bool {
    matches!(role, MetricRole::Throughput | MetricRole::Errors)
}

/// The weights of metrics with these roles; they sum to one. Half goes to completed work and errors,
/// half to the rest, equal within a group; a group without members leaves its half to the other.
pub(crate) fn weights(roles: &[MetricRole]) -> Vec<f64> {
    let first = roles.iter().filter(|r| work(**r)).count();
    let second = roles.len() - first;
    let share = |group: f64, members: usize, others: usize| {
        let group = if others == 0 { 1.0 } else { group };
        group / members.max(1) as f64
    };
    let of = |role: &MetricRole| {
        if work(*role) {
            share(WORK_WEIGHT, first, second)
        } else {
            share(1.0 - WORK_WEIGHT, second, first)
        }
    };
    roles.iter().map(of).collect()
}

/// The chance of any of these p-values under no effect: `min p/w`, at most one.
pub(crate) fn combined(p_and_weight: &[(f64, f64)]) -> Option<f64> {
    let scaled = p_and_weight.iter().map(|(p, w)| p / w.max(1e-12));
    scaled.min_by(f64::total_cmp).map(|p| p.min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use MetricRole::{Errors, Latency, Throughput};

    #[test]
    fn weights_sum_to_one_whatever_the_roles() {
        for roles in [
            vec![Throughput],
            vec![Latency, Latency],
            vec![Throughput, Errors, Latency],
        ] {
            assert!(
                (weights(&roles).iter().sum::<f64>() - 1.0).abs() < 1e-12,
                "{roles:?}"
            );
        }
        assert_eq!(weights(&[Throughput, Errors, Latency]), [0.25, 0.25, 0.5]);
    }

    #[test]
    fn one_true_effect_among_fifty_metrics_survives() {
        let many: Vec<(f64, f64)> = (0..50)
            .map(|i| (if i == 7 { 1e-4 } else { 0.4 }, 0.02))
            .collect();
        assert!((combined(&many).unwrap() - 5e-3).abs() < 1e-12);
        assert_eq!(combined(&[]), None);
    }
}
