//! A watch: the samples since a change, judged as they come in.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::change::TakesEffect;
use backstay_model::metric::{MetricRole, MetricSpec};
use backstay_model::value::Scope;
use backstay_model::verdict::{Recovery, Trigger, Verdict, VerdictKind};
use backstay_model::{ChangeSet, MetricName, Sample, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::combine;
use crate::evidence::{Judged, Source, straddles};
use crate::history::finite;
use crate::matrix;
use crate::placebo::{Bank, Banks};
use crate::policy::DetectPolicy;
use crate::probes::Probes;
use crate::recovery;
use crate::residual::{Point, clean};
use crate::stats;
use crate::track::Track;
use crate::trigger::{self, Host, Reach, Scene, Tripped};

/// Standard deviations beyond which a host metric counts as busy with something else.
const HOST_SD: f64 = 3.0;
/// In the name of the metric of processor time that the hypervisor gave to others.
const STEAL: &str = "steal";
/// Part of the name of the metric of what other processes of the host take.
const OTHERS: &str = "others";
/// Time before the change in which an error class of the probe counts as known.
const PROBES_LATELY: Span = Span::from_secs(120);
/// Falls that are remembered.
const FALLS_MAX: usize = 100;
/// Bins of the host's recent state.
const HOST_BINS: usize = 4;

/// What a watch is opened with.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The change; its time splits the history.
    pub change: &'a ChangeSet,
    /// The metrics of the engine.
    pub specs: &'a [MetricSpec],
    /// Samples of the target around the change, oldest first; those after it count as pushed.
    pub history: &'a [Sample],
    /// Placebo banks of the target.
    pub banks: &'a Banks,
    /// Levels and gates.
    pub policy: &'a DetectPolicy,
    /// When the watch ends.
    pub until: Timestamp,
}

/// One watch. Plain data: it survives a restart, and the same samples give the same bytes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Watch {
    pub(crate) policy: DetectPolicy,
    /// The new value began to work.
    pub(crate) change_at: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) step: Span,
    pub(crate) reach: Reach,
    /// Roles that the change is scoped to; empty: not to roles.
    pub(crate) roles: BTreeSet<String>,
    pub(crate) tracks: Vec<Track>,
    pub(crate) judged: Vec<Judged>,
    pub(crate) probes: Probes,
    /// Samples since the change that carry an outcome.
    pub(crate) seen: u32,
    pub(crate) newest_at: Timestamp,
    /// When the server fell since the change: it ended without being stopped in order.
    #[serde(default)]
    pub(crate) falls: Vec<Timestamp>,
    /// Triggers that fired, in order of time, each once.
    pub(crate) tripped: Vec<Tripped>,
    /// Triggers that held in the newest sample.
    pub(crate) holding: BTreeSet<Trigger>,
    pub(crate) baseline: Baseline,
    /// Kind of the last verdict that was given out.
    kind: VerdictKind,
}

/// What is known of the time before the change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Baseline {
    /// Too short: only class changes are judged.
    Missing,
    /// It was not normal itself.
    Dirty,
    Good,
}

impl Watch {
    /// Opens a watch on a change. Total: whatever is missing shows up in the verdict.
    #[must_use]
    pub fn open(opening: &Opening<'_>) -> Self {
        let change_at = opening.change.effective_at();
        let known_before = opening
            .change
            .changes
            .iter()
            .map(|c| c.time.exact.unwrap_or(c.time.not_before));
        let before_at = known_before.min().unwrap_or(change_at).min(change_at);
        let step = step_of(opening.history).unwrap_or(opening.policy.step);
        let mut watch = Self {
            policy: opening.policy.clone(),
            change_at,
            until: opening.until,
            step,
            reach: reach(opening.change),
            roles: roles(opening.change),
            tracks: tracks(opening, before_at),
            judged: Vec::new(),
            probes: Probes::default(),
            seen: 0,
            newest_at: Timestamp(i64::MIN),
            falls: Vec::new(),
            tripped: Vec::new(),
            holding: BTreeSet::new(),
            baseline: Baseline::Missing,
            kind: VerdictKind::Inconclusive,
        };
        watch.calibrate(opening);
        let lately = change_at - PROBES_LATELY;
        for sample in opening
            .history
            .iter()
            .filter(|s| s.at > lately && s.at <= change_at)
        {
            watch.probes.push(sample, change_at);
        }
        for sample in opening
            .history
            .iter()
            .filter(|s| s.at > before_at && s.at <= change_at)
        {
            note_amid(&mut watch.tracks, sample);
        }
        for sample in opening.history.iter().filter(|s| s.at > change_at) {
            watch.absorb(sample);
        }
        watch
    }

    /// Takes in a sample; `Some` when the kind of the verdict moved. A sample that is not newer than
    /// the newest is ignored.
    pub fn push(&mut self, sample: &Sample) -> Option<Verdict> {
        self.absorb(sample);
        let verdict = self.verdict(sample.at.max(self.newest_at));
        if verdict.kind == self.kind {
            return None;
        }
        self.kind = verdict.kind.clone();
        Some(verdict)
    }

    /// The verdict at `now`; at or after the end of the watch it is final. Before the end it is
    /// `hurt` or `inconclusive`.
    #[must_use]
    pub fn verdict(&self, now: Timestamp) -> Verdict {
        matrix::verdict(self, now)
    }

    /// Moves the end of the watch to `until`: what was shown so far still counts.
    pub fn extend(&mut self, until: Timestamp) {
        self.until = until;
        let horizon = horizon(self.change_at, until, self.step);
        self.judged.iter_mut().for_each(|j| j.horizon = horizon);
    }

    /// The server ended by itself at `at` (it crashed, it was killed), not in order. What that says
    /// shows with the next sample.
    pub fn fell(&mut self, at: Timestamp) {
        if at > self.change_at && self.falls.len() < FALLS_MAX {
            self.falls.push(at);
        }
    }

    /// When the watch ends.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// After a rollback at `since`: did the metrics that alarmed come back? Looks at the newest of
    /// `samples` after it; needs three of them.
    #[must_use]
    pub fn recovery(&self, since: Timestamp, samples: &[Sample]) -> Recovery {
        recovery::recovery(self, since, samples)
    }

    /// Chooses how each metric is judged, and looks whether the baseline is one.
    fn calibrate(&mut self, opening: &Opening<'_>) {
        let horizon = horizon(self.change_at, self.until, self.step);
        let sources: Vec<(usize, Source)> = self
            .tracks
            .iter()
            .enumerate()
            .filter(|(_, t)| t.role.outcome())
            .filter_map(|(i, t)| Some((i, Judged::source(t, own_bank(opening.banks, t, horizon))?)))
            .collect();
        let of: Vec<MetricRole> = sources.iter().map(|(i, _)| self.tracks[*i].role).collect();
        let weights = combine::weights(&of);
        for ((track, source), weight) in sources.into_iter().zip(weights) {
            let judged = Judged {
                track,
                weight,
                source,
                horizon,
            };
            let level = judged.level(&self.tracks[track], self.policy.alpha_warn * weight);
            self.tracks[track].alarm_level = level;
            self.judged.push(judged);
        }
        let enough = (self.policy.min_baseline.0 / self.step.0.max(1)).max(1) as usize;
        let long = |j: &Judged| self.tracks[j.track].pre.len() >= enough;
        self.baseline = match () {
            () if !self.judged.iter().any(long) => Baseline::Missing,
            () if matrix::dirty(&self.tracks, &self.judged, &self.policy) => Baseline::Dirty,
            () => Baseline::Good,
        };
    }

    /// Records a sample and fires triggers.
    fn absorb(&mut self, sample: &Sample) {
        if sample.at <= self.newest_at || sample.at <= self.change_at {
            return;
        }
        self.newest_at = sample.at;
        let sample = finite(sample);
        self.probes.push(&sample, self.change_at);
        if straddles(sample.at, self.change_at, self.step) {
            note_amid(&mut self.tracks, &sample);
        } else {
            let mut outcome = false;
            for track in &mut self.tracks {
                if let Some(value) = sample.get(track.name.as_str()) {
                    track.push(Point {
                        at: sample.at,
                        value,
                    });
                    outcome |= track.role.outcome();
                }
            }
            self.seen += u32::from(outcome);
        }
        let fired = trigger::fire(&self.scene(sample.at));
        self.holding = fired.iter().map(|t| t.trigger).collect();
        for tripped in fired {
            if self.tripped.iter().all(|t| t.trigger != tripped.trigger) {
                self.tripped.push(tripped);
            }
        }
    }

    pub(crate) fn scene(&self, now: Timestamp) -> Scene<'_> {
        Scene {
            tracks: &self.tracks,
            probes: &self.probes,
            falls: &self.falls,
            now,
            step: self.step,
            host: host(&self.tracks),
            reach: self.reach,
        }
    }
}

/// Keeps the errors of a bin that holds both the old and the new value.
fn note_amid(tracks: &mut [Track], sample: &Sample) {
    for track in tracks.iter_mut().filter(|t| t.role == MetricRole::Errors) {
        let value = sample.get(track.name.as_str()).filter(|v| v.is_finite());
        track.amid.extend(value.map(|value| Point {
            at: sample.at,
            value,
        }));
    }
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

fn horizon(from: Timestamp, until: Timestamp, step: Span) -> usize {
    usize::try_from(until.since(from).0 / step.0.max(1))
        .unwrap_or(1)
        .max(1)
}

/// The usual distance of two samples; `None` with fewer than three.
fn step_of(history: &[Sample]) -> Option<Span> {
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

/// The bank of a track, when its windows are exchangeable with this watch.
fn own_bank<'a>(banks: &'a Banks, track: &Track, horizon: usize) -> Option<&'a Bank> {
    let (bank, frame) = (banks.bank(&track.name)?, track.frame.as_ref()?);
    let alike = 4 * frame.bins >= 3 * Banks::pre_bins() && 4 * horizon <= 5 * banks.horizon();
    (alike && bank.baseline() == frame.baseline() && bank.seasoned()).then_some(bank)
}

/// Whom the changes reach: new sessions only when that is true of all that work at all.
fn reach(change: &ChangeSet) -> Reach {
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

fn roles(change: &ChangeSet) -> BTreeSet<String> {
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
fn tracks(opening: &Opening<'_>, before: Timestamp) -> Vec<Track> {
    let mut past: BTreeMap<&MetricName, Vec<Point>> = BTreeMap::new();
    for sample in opening.history.iter().filter(|s| s.at <= before) {
        for (name, value) in &sample.metrics {
            past.entry(name).or_default().push(Point {
                at: sample.at,
                value: *value,
            });
        }
    }
    let open = |spec: &MetricSpec| {
        let pre = clean(past.remove(&spec.name).unwrap_or_default());
        Track::open(spec.name.clone(), spec.role, spec.worse, spec.floor).freeze_near(&pre)
    };
    opening.specs.iter().map(open).collect()
}

#[cfg(test)]
mod tests;
