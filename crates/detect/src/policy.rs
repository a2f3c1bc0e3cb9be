//! What a watch is asked to guarantee: lengths, levels, and the effects that matter.

use backstay_model::Span;
use serde::{Deserialize, Serialize};

/// Settings of a watch. Plain data; the defaults of the product live in the shell's configuration.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DetectPolicy {
    /// Usual length of a watch; also the horizon of the placebo windows.
    pub watch: Span,
    /// Chance of any alarm in a whole watch of a harmless change at which a rollback may follow, 0..1.
    pub alpha_act: f64,
    /// The same for a warning, 0..1.
    pub alpha_warn: f64,
    /// Shortest time before a change that counts as a baseline; below it only class changes are judged.
    pub min_baseline: Span,
    /// Expected distance of two samples.
    pub step: Span,
    /// Smallest relative loss of throughput that matters, 0..1.
    pub gate_throughput: f64,
    /// Smallest relative rise of latency (or of any other metric) that matters.
    pub gate_latency: f64,
    /// Smallest relative harm that may lead to a statistical `hurt` while the false-alarm rate comes
    /// from shipped tables and not from the target's own past, at the lower end of its interval.
    /// Changes that change nothing were measured to move the work done by up to a third.
    pub gate_uncalibrated: f64,
}

impl DetectPolicy {
    /// The levels of the design for watches of length `watch`, sampled every second.
    #[must_use]
    pub const fn standard(watch: Span) -> Self {
        Self {
            watch,
            alpha_act: 0.01,
            alpha_warn: 0.05,
            min_baseline: Span::from_secs(10),
            step: Span::from_secs(1),
            gate_throughput: 0.05,
            gate_latency: 0.15,
            gate_uncalibrated: 0.40,
        }
    }

    /// Samples that a watch of the usual length holds, at least one.
    #[must_use]
    pub(crate) fn horizon(&self) -> usize {
        let step = self.step.0.max(1);
        usize::try_from(self.watch.0.max(step) / step)
            .unwrap_or(1)
            .max(1)
    }
}
