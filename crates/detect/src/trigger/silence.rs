//! Errors, then nobody: clients that give up at their first error leave too few errors for an outburst
//! and nothing in flight for a hang. Less load leaves no errors behind.

use backstay_model::metric::MetricRole;
use backstay_model::verdict::Trigger;

use super::{BURST_BINS, BUSY_MIN, NOTHING, Scene, Tripped, about};
use crate::residual::Point;
use crate::stats;
use crate::track::Track;

/// Steps within which work goes from usual to nothing, and its errors come before that.
const ABRUPT: i64 = 3;
/// Share of the work before that counts as still usual.
const USUAL: f64 = 0.5;
/// Errors that are more than one client's slip.
const ERRORS_MIN: f64 = 2.0;
/// Errors that the server itself tells of. A client that is merely stopped is rolled back, but is
/// refused nothing.
const REFUSED: &str = "log_errors_per_s";

/// Work that was usual was nothing within [`ABRUPT`] steps, and errors that were not there came with it.
pub(super) fn gave_up(scene: &Scene<'_>) -> Option<Tripped> {
    let errors = scene
        .of_role(MetricRole::Errors)
        .find(|t| t.name.as_str() == REFUSED && unseen(t))?;
    scene.of_role(MetricRole::Throughput).find_map(|work| {
        let recent = scene.recent(work, BURST_BINS)?;
        if !nothing_left(work) {
            return None;
        }
        let steps = |n: i64| n * scene.step.0 + scene.step.0 / 2;
        let last = last_usual(work)?;
        let fell = work.post.iter().find(|p| p.at > last.at && none(work, p))?;
        let abrupt = fell.at.since(last.at).0 <= steps(ABRUPT);
        let with_it =
            |p: &Point| p.at.0 >= fell.at.0 - steps(ABRUPT) && p.at.0 <= fell.at.0 + steps(1);
        let came: Vec<Point> = with_change(errors).filter(with_it).collect();
        let count = came.iter().map(|p| p.value).sum::<f64>() * scene.step.as_secs_f64();
        let since = came.iter().find(|p| p.value > 0.0)?.at;
        if !abrupt || count < ERRORS_MIN - 0.5 {
            return None;
        }
        let mut finding = about(work, stats::median(&recent)?, fell.at);
        finding.text = format!(
            "{}, with {count:.0} new errors in the log since {}",
            finding.text,
            crate::wording::clock(since)
        );
        Some(Tripped {
            trigger: Trigger::Errors,
            at: scene.now,
            finding,
        })
    })
}

/// Whether a fall of the load is no explanation: errors came that were not there, or work of one kind
/// is gone altogether.
pub(crate) fn not_the_load(tracks: &[Track]) -> bool {
    let of = |role| tracks.iter().filter(move |t| t.role == role);
    let failed = |t: &Track| unseen(t) && with_change(t).any(|p| p.value > 0.0);
    of(MetricRole::Errors).any(failed) || of(MetricRole::Throughput).any(nothing_left)
}

/// Whether the newest bins of work that was there have none of it.
fn nothing_left(work: &Track) -> bool {
    let newest = work.newest(BURST_BINS);
    let busy = work.before().is_some_and(|b| b >= work.floor.max(BUSY_MIN));
    busy && newest.len() == BURST_BINS && newest.iter().all(|p| none(work, &p))
}

fn none(work: &Track, point: &Point) -> bool {
    work.before().is_some_and(|b| point.value <= NOTHING * b)
}

/// Whether there were no such errors before the change.
fn unseen(errors: &Track) -> bool {
    let lately = errors.lately();
    !lately.is_empty() && lately.iter().all(|p| p.value <= 0.0)
}

/// Values since the change, and those of the bin that it fell into.
fn with_change(track: &Track) -> impl Iterator<Item = Point> {
    track.amid.iter().copied().chain(track.post.iter())
}

/// The newest moment at which the work was as usual.
fn last_usual(work: &Track) -> Option<Point> {
    let before = work.before()?;
    let mut all = work.post.iter().rev().chain(work.pre.iter().rev());
    all.find(|p| p.value >= USUAL * before)
}
