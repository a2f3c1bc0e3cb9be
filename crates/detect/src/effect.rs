//! Sizes of effects, on unclipped values: how much worse, and does it matter to anybody?

use backstay_model::metric::{MetricRole, Worse};

use crate::policy::DetectPolicy;
use crate::track::Track;

/// Relative change in the harmful direction: 0.3 = 30 % worse, negative = better. A loss of
/// throughput is the share lost; a rise is the share gained. `None` when there was nothing before.
pub(crate) fn harm(track: &Track, before: f64, after: f64) -> Option<f64> {
    if before.abs() < f64::MIN_POSITIVE {
        return None;
    }
    let change = (after - before) / before.abs();
    Some(match track.worse {
        Worse::Up => change,
        Worse::Down => -change,
        Worse::Both => change.abs(),
    })
}

/// Factor of harm as a ratio of at least one: half of the throughput and twice the latency are
/// both 2. Logarithmic distances become it by `exp`.
pub(crate) fn excess(distance: f64) -> f64 {
    distance.exp() - 1.0
}

/// Smallest harm of this metric that matters.
pub(crate) fn gate(track: &Track, policy: &DetectPolicy) -> f64 {
    match track.role {
        MetricRole::Throughput => policy.gate_throughput,
        _ => policy.gate_latency,
    }
}

/// Whether the difference is large enough, in the metric's own unit, to matter to anybody.
pub(crate) fn above_floor(track: &Track, before: f64, after: f64) -> bool {
    (after - before).abs() >= track.floor
}
