//! The verdict matrix: what the metrics, the load, the host and the probe say together.

use backstay_model::Timestamp;
use backstay_model::metric::MetricRole;
use backstay_model::verdict::{Calibration, Finding, Harm, Refusal, Verdict, VerdictKind};

use crate::audit::Promise;
use crate::combine;
use crate::effect;
use crate::evidence::{BINS_MIN, Evidence, Judged};
use crate::load::{self, Demand};
use crate::placebo;
use crate::policy::DetectPolicy;
use crate::residual::Point;
use crate::track::Track;
use crate::trigger::{self, Host, Reach};
use crate::watch::{Baseline, Watch, host};

/// Harms that a healthy verdict may exclude, as excess factor; 1.0 = twice as bad.
const LADDER: [f64; 6] = [0.05, 0.1, 0.2, 0.3, 0.5, 1.0];
/// Share of the expected samples below which there is no verdict.
pub(crate) const COVERAGE_MIN: f64 = 0.8;
/// Fewest samples since the change.
const SAMPLES_MIN: u32 = 5;
/// Bins since the change before statistics may act.
const ACT_BINS: usize = 10;
/// Harm that a weak alarm without own calibration must show to stand in the way of `healthy`.
const DOUBTFUL: f64 = 0.25;
/// Harm of a second kind of metric that confirms a statistical alarm without own calibration.
const CONFIRMS: f64 = 0.15;
/// Below this rate, per second, there is no traffic to judge.
const TRAFFIC_MIN: f64 = 1.0;
/// Fresh probe readings before a change that only reaches new sessions can be cleared.
const FRESH_MIN: u32 = 8;
/// Readings that make a probe worth missing.
const PROBE_MIN: u32 = 3;
/// Bins over which load and effects are compared.
const WINDOW: usize = 10;
/// Added to the score of class changes, so that they rank above all statistics.
const CLASS_SCORE: f64 = 10.0;

mod early;
mod told;

/// What the statistics of a watch amount to.
struct Case<'a> {
    watch: &'a Watch,
    evidence: Vec<Evidence<'a>>,
    /// Chance of evidence this strong over all metrics; `None` when nothing is judged.
    p_value: Option<f64>,
    refusals: Vec<Refusal>,
}

pub(crate) use early::cleared_early;
use told::{moved_mechanisms, note_probe_alone, silence};

/// The verdict of a watch at `now`.
pub(crate) fn verdict(watch: &Watch, now: Timestamp) -> Verdict {
    let mut case = Case::new(watch);
    let kind = case.kind(now);
    let class = watch.tripped.first();
    let statistical = case
        .evidence
        .iter()
        .map(|e| e.score * e.weight.sqrt())
        .fold(0.0, f64::max);
    let judged = kind != VerdictKind::NoData && class.is_none();
    let alarm_at = match class {
        Some(tripped) => Some(tripped.at),
        None => case.evidence.iter().filter_map(|e| e.track.alarm_at).min(),
    };
    case.refusals.sort();
    case.refusals.dedup();
    Verdict {
        at: now,
        p_value: case.p_value.filter(|_| judged),
        score: statistical + if class.is_some() { CLASS_SCORE } else { 0.0 },
        alarm_at,
        findings: case.findings(&kind),
        calibration: case.calibration(),
        refusals: case.refusals,
        kind,
    }
}

/// Whether a metric says how much harm is excluded.
fn sized(evidence: &Evidence<'_>) -> bool {
    matches!(
        evidence.track.role,
        MetricRole::Throughput | MetricRole::Latency
    ) && evidence.track.post.len() >= BINS_MIN
}

/// Whether the time before the change would itself have alarmed: its second half judged by its
/// first.
pub(crate) fn dirty(tracks: &[Track], judged: &[Judged], policy: &DetectPolicy) -> bool {
    let p_values: Vec<(f64, f64)> = judged
        .iter()
        .filter_map(|j| {
            let track = &tracks[j.track];
            let near: Vec<Point> = track.pre.newest(60).iter().collect();
            let split = near.len() / 2;
            if split < BINS_MIN {
                return None;
            }
            let blank = Track::open(track.name.clone(), track.role, track.worse, track.floor);
            let mut first = blank.freeze(&near[..split]);
            let phi = first.frame.as_ref()?.phi;
            let seen = placebo::scanned(&mut first, &near[split..])?;
            let max = seen.max / crate::shipped::memory(phi);
            let matters = effect::excess(seen.shift) >= policy.gate_uncalibrated;
            let p = crate::shipped::p_value(max, split, near.len() - split);
            Some((if matters { p } else { 1.0 }, j.weight))
        })
        .collect();
    combine::combined(&p_values).is_some_and(|p| p <= policy.alpha_act)
}

impl<'a> Case<'a> {
    fn new(watch: &'a Watch) -> Self {
        let mut evidence: Vec<Evidence<'a>> = watch
            .judged
            .iter()
            .map(|j| (j, &watch.tracks[j.track]))
            .filter(|(_, t)| !t.silent() && 2 * t.taken >= watch.seen as usize)
            .filter_map(|(j, t)| j.evidence(t, &watch.policy, watch.step))
            .collect();
        evidence.sort_by(|a, b| b.score.total_cmp(&a.score));
        let chances: Vec<(f64, f64)> = evidence.iter().map(|e| (e.p_value, e.weight)).collect();
        let mut refusals = Vec::new();
        match watch.baseline {
            Baseline::Missing => refusals.push(Refusal::NoBaseline),
            Baseline::Dirty => refusals.push(Refusal::DirtyBaseline),
            Baseline::Good => {}
        }
        if host(&watch.tracks) != Host::Quiet {
            refusals.push(Refusal::HostContention);
        }
        if watch.held_up.ever() {
            refusals.push(Refusal::LockHeld);
        }
        if blind(watch) {
            refusals.push(Refusal::BlindProbe);
        }
        refusals.extend(&watch.standing);
        Self {
            watch,
            evidence,
            p_value: combine::combined(&chances),
            refusals,
        }
    }

    /// The matrix, from top to bottom.
    fn kind(&mut self, now: Timestamp) -> VerdictKind {
        if let Some(class) = self.watch.tripped.first() {
            if self.watch.holding.is_empty() && now.since(class.at).0 > 5 * self.watch.step.0 {
                self.refusals.push(Refusal::Transient);
            }
            return VerdictKind::Hurt {
                by: Harm::ClassChange(class.trigger),
            };
        }
        if self.watch.held_up.amid(now, self.watch.step) {
            return VerdictKind::Confounded;
        }
        if let Some(kind) = self.accused() {
            // Before the end only harm is said; the rest may still change.
            let hurt = matches!(kind, VerdictKind::Hurt { .. });
            if hurt || now >= self.watch.until {
                return if !hurt && self.too_few(now) {
                    VerdictKind::NoData
                } else {
                    kind
                };
            }
        }
        if now < self.watch.until {
            return match self.watch.cleared {
                Some(excludes) => VerdictKind::Healthy { excludes },
                None => VerdictKind::Inconclusive,
            };
        }
        if self.watch.held_up.bins() > self.watch.seen {
            return VerdictKind::Confounded;
        }
        if self.too_few(now) {
            self.refusals.push(Refusal::TooFew);
            return VerdictKind::NoData;
        }
        self.cleared()
    }

    /// Whether more than a fifth of the samples is missing, or nearly all are.
    fn too_few(&self, now: Timestamp) -> bool {
        let watch = self.watch;
        let span = now.min(watch.until).since(watch.change_at).0 as f64;
        let left_out = f64::from(watch.held_up.bins());
        let expected = (span / watch.step.0.max(1) as f64 - 1.0 - left_out).max(0.0);
        let lost = watch.tracks.iter().any(|t| {
            t.role == MetricRole::Throughput
                && t.pre.len() >= BINS_MIN
                && !t.silent()
                && (t.taken as f64) < COVERAGE_MIN * expected
        });
        watch.seen < SAMPLES_MIN || f64::from(watch.seen) < COVERAGE_MIN * expected || lost
    }

    /// The verdict when a metric stands against the change; `None` when none does.
    fn accused(&mut self) -> Option<VerdictKind> {
        let policy = &self.watch.policy;
        if self.watch.baseline == Baseline::Missing || self.p_value? > policy.alpha_warn {
            return None;
        }
        let alarmed = |e: &&Evidence<'_>| e.p_value <= policy.alpha_warn * e.weight;
        let gate = |e: &Evidence<'_>| {
            let own = effect::gate(e.track, policy);
            if e.own() || e.p_value <= policy.alpha_act * e.weight {
                own
            } else {
                own.max(DOUBTFUL)
            }
        };
        let alarms: Vec<&Evidence<'_>> = self.evidence.iter().filter(alarmed).collect();
        if !alarms.iter().any(|e| e.still) {
            self.refusals.push(Refusal::Transient);
            return None;
        }
        let usual = |e: &&Evidence<'_>| self.watch.discounted.contains(&e.track.name);
        if alarms.iter().all(usual) {
            self.refusals.push(Refusal::CommonAroundHarmlessChanges);
            return None;
        }
        let Some(bad) = alarms.into_iter().find(|e| e.still && e.matters(gate(e))) else {
            self.refusals.push(Refusal::BelowGate);
            return None;
        };
        let (role, own, promise) = (bad.track.role, bad.own(), bad.promise());
        let old = bad.old().then_some(Refusal::NotNew);
        let surely = own || bad.surely(policy.gate_uncalibrated);
        // A loss of half, or twice the time, even at the lower end of the interval.
        let twice = bad.surely(if role == MetricRole::Throughput {
            0.5
        } else {
            1.0
        });
        let (name, recent, p) = (bad.track.name.clone(), bad.recent, bad.p_value / bad.weight);
        match self.explained(recent, &name) {
            Some(Demand::Level) => return Some(self.confounded()),
            Some(_) if trigger::silence::not_the_load(&self.watch.tracks) => {
                return Some(VerdictKind::Confounded);
            }
            Some(_) => return Some(VerdictKind::WorkloadShift),
            None => {}
        }
        let taken = host(&self.watch.tracks) == Host::Taken;
        let contended = self.refusals.contains(&Refusal::HostContention) && (taken || !twice);
        self.refusals.extend(old);
        if contended || old.is_some() || self.clouded() {
            return Some(VerdictKind::Confounded);
        }
        if promise == Promise::Broken {
            self.refusals.push(Refusal::Uncalibrated);
            return Some(VerdictKind::Inconclusive);
        }
        let long = self.watch.seen as usize >= ACT_BINS;
        if p <= policy.alpha_act * self.watch.strictness
            && long
            && surely
            && (own || self.confirmed(role))
        {
            return Some(VerdictKind::Hurt {
                by: Harm::Statistical,
            });
        }
        self.refusals.push(if own {
            Refusal::TooFew
        } else {
            Refusal::Uncalibrated
        });
        Some(VerdictKind::Inconclusive)
    }

    /// Whether the time before, or what was said from outside, keeps statistics from blaming anybody.
    fn clouded(&mut self) -> bool {
        let warming = self.watch.warming();
        if warming {
            // No windows after earlier restarts say how slow cold caches are.
            self.refusals.push(Refusal::Uncalibrated);
        }
        warming || self.watch.baseline == Baseline::Dirty || !self.watch.standing.is_empty()
    }

    fn confounded(&mut self) -> VerdictKind {
        if load::outside_trained(&self.watch.tracks, WINDOW) {
            self.refusals.push(Refusal::OutsideTrainedLoad);
        }
        VerdictKind::Confounded
    }

    /// Whether the load explains the harm of a metric: by a shift of it (up or down), or perhaps
    /// (`Level`: it cannot be told apart). `None`: it does not.
    fn explained(&self, distance: f64, name: &backstay_model::MetricName) -> Option<Demand> {
        let tracks = &self.watch.tracks;
        let track = tracks.iter().find(|t| t.name == *name)?;
        load::explained(tracks, track, distance, WINDOW)
    }

    /// Whether a metric of another kind agrees with an alarm of `role`.
    fn confirmed(&self, role: MetricRole) -> bool {
        self.evidence
            .iter()
            .any(|e| e.track.role != role && e.still && e.matters(CONFIRMS))
    }

    /// Nothing stands against the change: how much harm do the data exclude?
    fn cleared(&mut self) -> VerdictKind {
        let watch = self.watch;
        let traffic = self.traffic();
        if !traffic && watch.probes.since == 0 {
            self.refusals.push(Refusal::TooFew);
            return VerdictKind::NoData;
        }
        if watch.baseline == Baseline::Missing {
            return VerdictKind::Inconclusive;
        }
        let probe_lost = watch.probes.before >= PROBE_MIN && watch.probes.since == 0;
        if probe_lost || (watch.reach == Reach::NewSessions && blind(watch)) {
            self.refusals.push(Refusal::BlindProbe);
            return VerdictKind::Inconclusive;
        }
        let fresh = fresh(watch);
        let unwell =
            watch.probes.since_bad >= 2 && 10 * watch.probes.since_bad > watch.probes.since;
        if unwell || (watch.reach == Reach::NewSessions && fresh < FRESH_MIN) {
            self.refusals.push(Refusal::TooFew);
            return VerdictKind::Inconclusive;
        }
        if !traffic {
            return self.by_the_probe(fresh);
        }
        if self.extremes() {
            self.refusals.push(Refusal::OnlyExtremes);
            return VerdictKind::Inconclusive;
        }
        match self.excludes() {
            Some(excludes) => VerdictKind::Healthy { excludes },
            None if load::shift(&watch.tracks, watch.seen as usize) != Demand::Level => {
                if trigger::silence::not_the_load(&watch.tracks) {
                    return VerdictKind::Confounded;
                }
                VerdictKind::WorkloadShift
            }
            None => {
                self.refusals.push(Refusal::TooFew);
                VerdictKind::Inconclusive
            }
        }
    }

    /// Whether the worst values of a metric became worse while its middle stayed.
    fn extremes(&self) -> bool {
        let alpha = self.watch.policy.alpha_act;
        let mut each = self.evidence.iter().filter(|e| sized(e));
        each.any(|e| e.worst_became_worse(alpha).is_some())
    }

    /// Whether anything worth comparing completes, or did.
    fn traffic(&self) -> bool {
        let busy = |v: Option<f64>| v.is_some_and(|v| v >= TRAFFIC_MIN);
        let mut work = self
            .watch
            .tracks
            .iter()
            .filter(|t| t.role == MetricRole::Throughput);
        work.any(|t| busy(t.before()) || busy(t.after()))
    }

    /// No traffic: only the probe can carry a verdict.
    fn by_the_probe(&mut self, fresh: u32) -> VerdictKind {
        let probes = &self.watch.probes;
        let carried = fresh >= FRESH_MIN && probes.before >= PROBE_MIN && probes.since_bad == 0;
        match self.excludes() {
            Some(excludes) if carried => VerdictKind::Healthy { excludes },
            _ => {
                self.refusals.push(Refusal::TooFew);
                VerdictKind::NoData
            }
        }
    }

    /// The smallest rung of the ladder that the bounds of all judged metrics allow.
    fn excludes(&self) -> Option<f64> {
        let worst = self
            .evidence
            .iter()
            .filter(|e| sized(e))
            .map(|e| e.bound().unwrap_or(f64::INFINITY))
            .max_by(f64::total_cmp)?;
        LADDER.into_iter().find(|rung| worst <= *rung)
    }

    fn calibration(&self) -> Calibration {
        match (
            self.evidence.is_empty(),
            self.evidence.iter().all(|e| e.own()),
        ) {
            (true, _) => Calibration::None,
            (false, true) => Calibration::Own,
            (false, false) => Calibration::Shipped,
        }
    }

    /// Class changes first, then metrics by strength of their evidence.
    fn findings(&self, kind: &VerdictKind) -> Vec<Finding> {
        let now = self.watch.newest_at;
        let held_up = self.watch.held_up.finding(now, self.watch.step);
        let mut findings: Vec<Finding> = held_up.into_iter().collect();
        for found in self.watch.tripped.iter().map(|t| &t.finding) {
            // A metric may trip several triggers; the most telling one speaks for it.
            let said = |f: &Finding| f.metric == found.metric && f.after.is_some();
            if !findings.iter().any(said) {
                findings.push(found.clone());
            }
        }
        for evidence in &self.evidence {
            if findings.iter().all(|f| f.metric != evidence.track.name) {
                findings.push(evidence.finding());
            }
        }
        let moved = moved_mechanisms(self.watch);
        let more: Vec<Finding> = moved
            .filter(|f| findings.iter().all(|said| said.metric != f.metric))
            .collect();
        findings.extend(more);
        if *kind == VerdictKind::NoData {
            // What was seen of a watch that cannot be judged has no chance to be told.
            findings.iter_mut().for_each(|f| f.p_value = None);
            findings.extend(silence(self.watch));
        }
        if matches!(kind, VerdictKind::Healthy { .. }) && !self.traffic() {
            note_probe_alone(&mut findings, self.watch.probes.since);
        }
        findings
    }
}

/// Probe readings since the change that would have met it.
fn fresh(watch: &Watch) -> u32 {
    if watch.roles.is_empty() {
        return watch.probes.since;
    }
    let seen = watch
        .roles
        .iter()
        .map(|role| watch.probes.of_role(role))
        .min()
        .unwrap_or(0);
    u32::try_from(seen).unwrap_or(u32::MAX)
}

/// Whether the change reaches only sessions that no probe looks into.
fn blind(watch: &Watch) -> bool {
    let any = watch.probes.since + watch.probes.before > 0;
    match watch.reach {
        Reach::NewSessions => {
            !any || (!watch.roles.is_empty() && watch.probes.since > 0 && fresh(watch) == 0)
        }
        Reach::Everyone => false,
    }
}
