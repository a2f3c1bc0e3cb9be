//! What a watch begins with: the time before the change, whom the change reaches, how the host stands.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::change::TakesEffect;
use backstay_model::metric::{MetricRole, MetricSpec};
use backstay_model::value::Scope;
use backstay_model::{ChangeSet, MetricName, Sample, Span, Timestamp};

use crate::banks::Banks;
use crate::held_up::LockWaits;
use crate::history::kept;
use crate::placebo::Bank;
use crate::residual::{Point, clean};
use crate::stats;
use crate::track::Track;
use crate::trigger::{Host, Reach};
use crate::watch::Restarted;

/// Standard deviations beyond which a host metric counts as busy with something else.
const HOST_SD: f64 = 3.0;
/// In the name of the metric of processor time that the hypervisor gave to others.
const STEAL: &str = "steal";
/// Part of the name of the metric of what other processes of the host take.
const OTHERS: &str = "others";
/// Bins of the host's recent state.
const HOST_BINS: usize = 4;
/// The metric of what the caches serve, over how many bins it is looked at, and by how much it must be
/// lower for caches that are cold.
const HITS: &str = "hit_ratio";
const HIT_BINS: usize = 10;
const COLD: f64 = 0.02;
/// Windows of a bank that one watch may be: beyond it chances are no longer told apart.
const WINDOWS_MAX: usize = 40;

/// A moment at which nothing was changed, watched as if something had been.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calm<'a> {
    pub(crate) at: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) specs: &'a [MetricSpec],
    pub(crate) history: &'a [Sample],
}

/// What a watch begins at.
pub(super) struct Moment {
    /// The value began to work.
    pub(super) change_at: Timestamp,
    /// What was sampled by then belongs to the time before.
    pub(super) before_at: Timestamp,
    pub(super) reach: Reach,
    pub(super) roles: BTreeSet<String>,
    pub(super) restarted: Restarted,
    pub(super) lock_waits: LockWaits,
}

/// Whether a host metric is beyond its own band. Where it is known what others take, a busier host
/// that they do not take from is busy with the target's own work, and that excuses nothing.
pub(crate) fn host(tracks: &[Track]) -> Host {
    let beyond = |t: &Track| {
        let frame = t.frame.as_ref()?;
        let newest = t.newest(HOST_BINS);
        let now = stats::median(&crate::track::values(newest))?;
        let away = t.median_distance(newest)?;
        Some(away >= HOST_SD * frame.scale && (now - t.before()?).abs() >= t.floor)
    };
    let (mut stolen, mut busy, mut others) = (false, false, None);
    for track in tracks.iter().filter(|t| t.role == MetricRole::Host) {
        let moved = beyond(track);
        match track.name.as_str() {
            name if name.contains(OTHERS) => others = moved,
            name if name.contains(STEAL) => stolen |= moved.unwrap_or(false),
            _ => busy |= moved.unwrap_or(false),
        }
    }
    match others {
        Some(true) => Host::Taken,
        _ if stolen => Host::Stolen,
        None if busy => Host::Busy,
        _ => Host::Quiet,
    }
}

/// Whether less of what is read is found in the caches than before.
pub(super) fn cold(tracks: &[Track]) -> bool {
    let Some(track) = tracks.iter().find(|t| t.name.as_str() == HITS) else {
        return false;
    };
    let now = stats::median(&crate::track::values(track.newest(HIT_BINS)));
    matches!((track.before(), now), (Some(before), Some(now)) if now < before - COLD)
}

pub(super) fn horizon(from: Timestamp, until: Timestamp, step: Span) -> usize {
    usize::try_from(until.since(from).0 / step.0.max(1))
        .unwrap_or(1)
        .max(1)
}

/// The usual distance of two samples; `None` with fewer than three.
pub(super) fn step_of(history: &[Sample]) -> Option<Span> {
    let mut steps: Vec<f64> = history
        .windows(2)
        .rev()
        .take(120)
        .map(|w| w[1].at.since(w[0].at).0 as f64)
        .filter(|s| *s > 0.0)
        .collect();
    if steps.len() < 2 {
        return None;
    }
    stats::median_mut(&mut steps).map(|s| Span(s as i64))
}

/// The bank of a track and the bins of its windows, when they are exchangeable with this watch; a
/// watch that is longer counts as many windows.
pub(super) fn own_bank<'a>(
    banks: &'a Banks,
    track: &Track,
    horizon: usize,
) -> Option<(&'a Bank, usize)> {
    let (bank, frame) = (banks.bank(&track.name)?, track.frame.as_ref()?);
    let alike = 4 * frame.bins >= 3 * Banks::pre_bins() && horizon <= WINDOWS_MAX * banks.horizon();
    let fits = alike && bank.baseline() == frame.baseline() && bank.seasoned();
    fits.then_some((bank, banks.horizon()))
}

/// Whom the changes reach: new sessions only when that is true of all that work at all.
pub(super) fn reach(change: &ChangeSet) -> Reach {
    let mut live = change
        .changes
        .iter()
        .filter(|c| c.takes_effect != TakesEffect::Masked)
        .peekable();
    if live.peek().is_some() && live.all(|c| c.takes_effect == TakesEffect::NewSessions) {
        Reach::NewSessions
    } else {
        Reach::Everyone
    }
}

pub(super) fn roles(change: &ChangeSet) -> BTreeSet<String> {
    let role = |scope: &Scope| match scope {
        Scope::Role { role } | Scope::RoleInDatabase { role, .. } => Some(role.clone()),
        Scope::Instance | Scope::Database { .. } | Scope::FileRule { .. } => None,
    };
    change
        .changes
        .iter()
        .filter_map(|c| role(&c.key.scope))
        .collect()
}

/// One track for each metric, frozen on the samples that end at or before `before`.
pub(super) fn tracks(opening: &Calm<'_>, before: Timestamp) -> Vec<Track> {
    let mut past: BTreeMap<&MetricName, Vec<Point>> = BTreeMap::new();
    for sample in opening.history.iter().filter(|s| s.at <= before) {
        for (name, value) in &sample.metrics {
            past.entry(name).or_default().push(Point {
                at: sample.at,
                value: kept(*value),
            });
        }
    }
    let open = |spec: &MetricSpec| {
        let pre = clean(past.remove(&spec.name).unwrap_or_default());
        Track::open(spec.name.clone(), spec.role, spec.worse, spec.floor).freeze_near(&pre)
    };
    let mut tracks: Vec<Track> = opening.specs.iter().map(open).collect();
    share(&mut tracks);
    tracks
}

/// Metrics that were read together keep their moments once.
fn share(tracks: &mut [Track]) {
    for place in 1..tracks.len() {
        let (earlier, later) = tracks.split_at_mut(place);
        let Some(track) = later.first_mut() else {
            continue;
        };
        for other in earlier {
            track.pre.share(&other.pre);
            track.post.share(&other.post);
        }
    }
}
