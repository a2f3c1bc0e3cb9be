//! A watch: the samples since a change, judged as they come in.

use std::collections::BTreeSet;

use backstay_model::change::TakesEffect;
use backstay_model::metric::{MetricRole, MetricSpec};
use backstay_model::verdict::{Recovery, Refusal, Trigger, Verdict, VerdictKind};
use backstay_model::{ChangeSet, MetricName, Sample, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::audit::Window;
use crate::banks::Banks;
use crate::combine;
use crate::evidence::{Judged, Source, straddles};
use crate::held_up::{Counts, HeldUp, LockWaits, explains};
use crate::history::kept_of;
use crate::matrix;
use crate::placebo::{Bank, CHECKPOINTS, checkpoint};
use crate::policy::DetectPolicy;
use crate::probes::Probes;
use crate::recovery;
use crate::residual::Point;
use crate::trace::Together;
use crate::track::Track;
use crate::trigger::{self, Reach, Scene, Tripped};

/// Time before the change in which an error class of the probe counts as known.
const PROBES_LATELY: Span = Span::from_secs(120);
/// Falls that are remembered.
const FALLS_MAX: usize = 100;
/// Share of the level of twice the chance below which a scan cannot be an alarm.
const SUSPICIOUS: f64 = 0.9;
/// A watch does not end early before this.
const EARLY_MIN: Span = Span::from_secs(60);
/// Caches that are still cold after this are not going to be warm.
const WARM_UP_MAX: Span = Span::from_secs(900);
/// Longest step at which class-change triggers make sense.
const TRIGGER_STEP_MAX: Span = Span::from_secs(10);

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
    /// Whether work that waits for a lock of another session excuses the target.
    pub lock_waits: LockWaits,
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
    /// What was seen of locks that others keep.
    #[serde(default)]
    pub(crate) held_up: HeldUp,
    /// Triggers that fired, in order of time, each once.
    pub(crate) tripped: Vec<Tripped>,
    /// Triggers that held in the newest sample.
    pub(crate) holding: BTreeSet<Trigger>,
    pub(crate) baseline: Baseline,
    /// What stands in front of the level of the decision to blame, 0.1..=1.
    #[serde(default = "nominal")]
    pub(crate) strictness: f64,
    /// Reasons against blame that were brought from outside.
    #[serde(default)]
    pub(crate) standing: BTreeSet<Refusal>,
    /// Metrics that move around harmless changes as well: alone they accuse nobody.
    #[serde(default)]
    pub(crate) discounted: BTreeSet<MetricName>,
    /// Whether it took effect with a restart of the server.
    #[serde(default)]
    restarted: Restarted,
    /// Checkpoints that were looked at.
    #[serde(default)]
    checked: usize,
    /// The harm that a checkpoint excluded: the watch may end.
    #[serde(default)]
    pub(crate) cleared: Option<f64>,
    /// Kind of the last verdict that was given out.
    kind: VerdictKind,
}

const fn nominal() -> f64 {
    1.0
}

/// Whether a change took effect with a restart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) enum Restarted {
    #[default]
    No,
    Yes,
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
        let moment = Moment {
            change_at,
            before_at: known_before.min().unwrap_or(change_at).min(change_at),
            reach: reach(opening.change),
            roles: roles(opening.change),
            restarted: match opening.change.takes_effect() {
                TakesEffect::AtRestart => Restarted::Yes,
                _ => Restarted::No,
            },
            lock_waits: opening.lock_waits,
        };
        let (specs, history) = (opening.specs, opening.history);
        let calm = Calm {
            at: change_at,
            until: opening.until,
            specs,
            history,
        };
        Self::begin(moment, &calm, opening.banks, opening.policy)
    }

    /// Opens a watch at a moment at which nothing was changed.
    pub(crate) fn on_nothing(calm: &Calm<'_>, banks: &Banks, policy: &DetectPolicy) -> Self {
        let moment = Moment {
            change_at: calm.at,
            before_at: calm.at,
            reach: Reach::Everyone,
            roles: BTreeSet::new(),
            restarted: Restarted::No,
            lock_waits: LockWaits::Excused,
        };
        Self::begin(moment, calm, banks, policy)
    }

    fn begin(moment: Moment, calm: &Calm<'_>, banks: &Banks, policy: &DetectPolicy) -> Self {
        let change_at = moment.change_at;
        let mut watch = Self {
            policy: policy.clone(),
            change_at,
            until: calm.until,
            step: step_of(calm.history).unwrap_or(policy.step),
            reach: moment.reach,
            roles: moment.roles,
            tracks: tracks(calm, moment.before_at),
            judged: Vec::new(),
            probes: Probes::since(moment.before_at),
            seen: 0,
            newest_at: Timestamp(i64::MIN),
            falls: Vec::new(),
            held_up: HeldUp::begin(
                moment.lock_waits,
                calm.history.iter().filter(|s| s.at <= moment.before_at),
            ),
            tripped: Vec::new(),
            holding: BTreeSet::new(),
            baseline: Baseline::Missing,
            strictness: banks.strictness_to_blame(),
            standing: BTreeSet::new(),
            discounted: BTreeSet::new(),
            restarted: moment.restarted,
            checked: 0,
            cleared: None,
            kind: VerdictKind::Inconclusive,
        };
        watch.calibrate(banks);
        let lately = change_at - PROBES_LATELY;
        for sample in calm
            .history
            .iter()
            .filter(|s| s.at > lately && s.at <= change_at)
        {
            watch.probes.push(sample, change_at);
        }
        let amid = |s: &&Sample| s.at > moment.before_at && s.at <= change_at;
        for sample in calm.history.iter().filter(amid) {
            note_amid(&mut watch.tracks, sample);
        }
        for sample in calm.history.iter().filter(|s| s.at > change_at) {
            watch.absorb(sample);
        }
        watch
    }

    /// Takes in a sample; `Some` when the kind of the verdict moved. A sample that is not newer than
    /// the newest is ignored.
    pub fn push(&mut self, sample: &Sample) -> Option<Verdict> {
        self.absorb(sample);
        let now = sample.at.max(self.newest_at);
        self.look_early(now);
        let verdict = if self.open_at(now) {
            None
        } else {
            Some(self.verdict(now))
        };
        let kind = verdict
            .as_ref()
            .map_or(VerdictKind::Inconclusive, |v| v.kind.clone());
        if kind == self.kind {
            return None;
        }
        self.kind = kind;
        Some(verdict.unwrap_or_else(|| self.verdict(now)))
    }

    /// Whether nothing decides at `now`: the watch is not over, and nothing is near an alarm.
    fn open_at(&self, now: Timestamp) -> bool {
        let suspicious = |j: &Judged| self.tracks[j.track].scan.max() >= j.suspicion;
        now < self.until
            && !self.held_up.amid(now, self.step)
            && self.cleared.is_none()
            && self.tripped.is_empty()
            && !self.judged.iter().any(suspicious)
    }

    /// At a checkpoint: the watch may end when the data exclude any harm that matters.
    fn look_early(&mut self, now: Timestamp) {
        // Placebos know their own window; of a longer watch that is the beginning.
        let window = |j: &Judged| match j.source.windows() {
            Some((_, bins)) => bins.min(j.horizon),
            None => j.horizon,
        };
        let Some(window) = self.judged.first().map(window) else {
            return;
        };
        let Some(share) = CHECKPOINTS.get(self.checked) else {
            return;
        };
        let due = Span(self.step.0 * checkpoint(*share, window) as i64);
        if now.since(self.change_at) < due || now >= self.until {
            return;
        }
        let index = self.checked;
        self.checked += 1;
        if due >= EARLY_MIN && self.cleared.is_none() {
            self.cleared = matrix::cleared_early(self, index, now);
        }
    }

    /// Says a reason against blaming the change that the samples of its target cannot show: it was
    /// there before, others show it too. Statistics alone blame nobody then; class changes still do.
    pub fn refuse(&mut self, reason: Refusal) {
        self.standing.insert(reason);
    }

    /// Says which metrics move around harmless changes of this kind as well: alone they accuse nobody.
    pub fn discount(&mut self, metrics: BTreeSet<MetricName>) {
        self.discounted = metrics;
    }

    /// For each judged metric whether it would have warned, by itself and at its own level.
    pub(crate) fn alarms(&self) -> Vec<(&MetricName, Window)> {
        let alarm = |j: &Judged| {
            let track = &self.tracks[j.track];
            let evidence = j.evidence(track, &self.policy, self.step)?;
            let window = if evidence.p_value <= self.policy.alpha_warn {
                Window::Alarmed
            } else {
                Window::Quiet
            };
            Some((&track.name, window))
        };
        let spoke = |j: &&Judged| !self.tracks[j.track].silent();
        self.judged.iter().filter(spoke).filter_map(alarm).collect()
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

    /// When the change that it watches took effect.
    #[must_use]
    pub const fn change_at(&self) -> Timestamp {
        self.change_at
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

    /// Whether it looks at bins of many seconds: for class changes, and for the shipped table, they are
    /// too coarse.
    pub(crate) fn by_bins(&self) -> bool {
        self.step > TRIGGER_STEP_MAX
    }

    fn source(&self, track: &Track, own: Option<(&Bank, usize)>) -> Option<Source> {
        Judged::source(track, own).filter(|s| matches!(s, Source::Own { .. }) || !self.by_bins())
    }

    /// Whether the caches of a server that was just restarted are still cold: until its hit ratio is back,
    /// only class changes are judged, and not that everything is slower.
    pub(crate) fn warming(&self) -> bool {
        let young = self.newest_at.since(self.change_at) < WARM_UP_MAX;
        self.restarted == Restarted::Yes && young && cold(&self.tracks)
    }

    /// The kind of the verdict that was given last.
    #[must_use]
    pub const fn kind(&self) -> &VerdictKind {
        &self.kind
    }

    /// Chooses how each metric is judged, and looks whether the baseline is one.
    fn calibrate(&mut self, banks: &Banks) {
        let horizon = horizon(self.change_at, self.until, self.step);
        let sources: Vec<(usize, Source)> = self
            .tracks
            .iter()
            .enumerate()
            .filter(|(_, t)| t.role.outcome())
            .filter_map(|(i, t)| Some((i, self.source(t, own_bank(banks, t, horizon))?)))
            .collect();
        let of: Vec<MetricRole> = sources.iter().map(|(i, _)| self.tracks[*i].role).collect();
        let weights = combine::weights(&of);
        for ((track, source), weight) in sources.into_iter().zip(weights) {
            let name = &self.tracks[track].name;
            let shipped = self.source(&self.tracks[track], None).is_some();
            let source = if shipped {
                source.acting_at(self.policy.alpha_act * weight)
            } else {
                source
            };
            let mut judged = Judged {
                track,
                weight,
                source,
                horizon,
                strictness: banks.strictness(name),
                promise: banks.promise(name),
                suspicion: 0.0,
            };
            let alpha = self.policy.alpha_warn * weight;
            let level = |alpha: f64| judged.level(&self.tracks[track], alpha);
            let (warns, suspects) = (level(alpha), level(2.0 * alpha));
            // Ranks and tails differ a little around a level; well below it nothing can alarm.
            judged.suspicion = SUSPICIOUS * suspects.unwrap_or(0.0).min(f64::MAX);
            self.tracks[track].alarm_level = warns.filter(|level| level.is_finite());
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
        self.probes.push(sample, self.change_at);
        let counts = self.held_up.see(sample, self.step);
        if straddles(sample.at, self.change_at, self.step) {
            note_amid(&mut self.tracks, sample);
        } else {
            let mut outcome = false;
            let mut together = Together::default();
            let work = |role| matches!(role, MetricRole::Throughput | MetricRole::Latency);
            let judged = |t: &&mut Track| counts == Counts::Yes || !work(t.role);
            for track in self.tracks.iter_mut().filter(judged) {
                if let Some(value) = kept_of(sample, &track.name) {
                    let at = sample.at;
                    track.push_together(Point { at, value }, &mut together);
                    outcome |= track.role.outcome();
                }
            }
            self.seen += u32::from(outcome && counts == Counts::Yes);
        }
        let mut fired = if self.by_bins() {
            Vec::new()
        } else {
            trigger::fire(&self.scene(sample.at))
        };
        // Cold caches make everything slower for a while: that is no class of its own yet.
        fired.retain(|t| t.trigger != Trigger::Ratio || !self.warming());
        fired.retain(|t| counts == Counts::Yes || !explains(t.trigger));
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
            held_up_until: self.held_up.until(),
        }
    }
}

/// Keeps the errors of a bin that holds both the old and the new value.
fn note_amid(tracks: &mut [Track], sample: &Sample) {
    for track in tracks.iter_mut().filter(|t| t.role == MetricRole::Errors) {
        let value = kept_of(sample, &track.name);
        track.amid.extend(value.map(|value| Point {
            at: sample.at,
            value,
        }));
    }
}

mod opening;

pub(crate) use opening::{Calm, host};
use opening::{Moment, cold, horizon, own_bank, reach, roles, step_of, tracks};

#[cfg(test)]
mod tests;
