//! Early success: a watch may end before its time when the data exclude every harm that matters.

use backstay_model::Timestamp;
use backstay_model::metric::MetricRole;

use super::{Case, FRESH_MIN, LADDER, PROBE_MIN, fresh, sized};
use crate::effect;
use crate::load::{self, Demand};
use crate::track::Track;
use crate::trigger::Reach;
use crate::watch::Watch;

/// The harm that is excluded at a checkpoint, when that is all harm that matters and nothing else
/// stands in the way of ending the watch; `None`: it goes on.
pub(crate) fn cleared_early(watch: &Watch, checkpoint: usize, now: Timestamp) -> Option<f64> {
    let mut case = Case::new(watch);
    let calm = watch.tripped.is_empty() && watch.falls.is_empty();
    let accused = case.accused().is_some();
    if !calm || accused || case.extremes() || !case.refusals.is_empty() || case.too_few(now) {
        return None;
    }
    let exposed = watch.probes.before >= PROBE_MIN && fresh(watch) >= FRESH_MIN;
    let well = watch.by_bins() || (exposed && watch.probes.since_bad == 0);
    let level = load::shift(&watch.tracks, watch.seen as usize) == Demand::Level;
    if !well || !level || watch.reach == Reach::NewSessions || !case.traffic() {
        return None;
    }
    let mut worst = 0.0_f64;
    for evidence in case.evidence.iter().filter(|e| sized(e)) {
        let bound = evidence.bound_early(checkpoint)?;
        if bound > effect::gate(evidence.track, &watch.policy) {
            return None;
        }
        worst = worst.max(bound);
    }
    let told = |track: &Track| case.evidence.iter().any(|e| e.track.name == track.name);
    let judged = watch.judged.iter().map(|j| &watch.tracks[j.track]);
    let spoke = |t: &Track| t.role == MetricRole::Errors || t.silent() || told(t);
    judged
        .into_iter()
        .all(spoke)
        .then_some(worst.max(LADDER[0]))
}
