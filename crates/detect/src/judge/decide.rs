//! What the columns of a recording, the load and class changes amount to.

use backstay_model::metric::MetricRole;
use backstay_model::verdict::{
    Calibration, Finding, Harm, Refusal, Trigger, UNPROVEN, Verdict, VerdictKind,
};
use backstay_model::{MetricName, Span};

use super::path::{ClassChange, Path};
use super::{SeriesVerdict, path};
use crate::combine;
use crate::effect;
use crate::evidence::{BINS_MIN, Evidence};
use crate::load;
use crate::load::Demand;
use crate::msprt;
use crate::policy::DetectPolicy;
use crate::track::Track;
use crate::trigger::{Host, Tripped};
use crate::watch::host;
use crate::wording;

/// Score added by a class change.
const CLASS_SCORE: f64 = 10.0;
/// Harm that a busy host does not excuse: twice the time.
const TWICE: f64 = 1.0;
/// Newest rows that must still show the harm of an outcome.
const LASTING: usize = 10;
/// Share of the score that evidence keeps which does not make the change guilty: it still tells such a
/// window from a quiet one, and ranks below every one that hurt.
const EXCUSED: f64 = 0.01;

/// Puts columns, load and class changes together.
pub(super) fn conclude(
    path: &Path,
    policy: &DetectPolicy,
    class: Option<ClassChange>,
) -> SeriesVerdict {
    let tracks = &path.tracks;
    let mut refusals = Vec::new();
    let tripped = class.and_then(|class| standing(path, class, &mut refusals));
    let (evidence, strength) = ranked(path, policy);
    let chances: Vec<(f64, f64)> = evidence.iter().map(|e| (e.p_value, e.weight)).collect();
    let kind = match &tripped {
        Some(t) => VerdictKind::Hurt {
            by: Harm::ClassChange(t.trigger),
        },
        None => statistical(path, &evidence, policy, &mut refusals),
    };
    let top = evidence.first();
    let class = tripped.as_ref().map(|t| t.at);
    let mut findings: Vec<Finding> = evidence.iter().map(Evidence::finding).collect();
    if refusals.contains(&Refusal::OnlyExtremes)
        && let Some((name, before, after)) = worst(&evidence, policy.alpha_act)
    {
        let told = findings.iter_mut().filter(|f| f.metric == *name);
        told.for_each(|f| wording::add_worst(f, before, after));
    }
    if let Some(mut finding) = tripped.as_ref().map(|t| t.finding.clone()) {
        backdate(&mut finding, &findings);
        findings.insert(0, finding);
    }
    let verdict = Verdict {
        at: path.newest(),
        p_value: combine::combined(&chances),
        score: score(&kind, strength, policy.alpha_act) + class.map_or(0.0, |_| CLASS_SCORE),
        alarm_at: evidence
            .iter()
            .filter_map(|e| e.track.alarm_at)
            .chain(class)
            .min(),
        findings,
        refusals,
        calibration: calibration(&evidence),
        kind,
    };
    let frame = top.and_then(|e| e.track.frame.as_ref());
    SeriesVerdict {
        effect: top.and_then(effect_of),
        least_p_value: evidence
            .iter()
            .filter_map(|e| Some(e.least_chance()? / e.weight.max(1e-12)))
            .max_by(f64::total_cmp)
            .map(|p| p.min(1.0)),
        holes: Vec::new(),
        about_extremes: !evidence.is_empty() && evidence.iter().all(Evidence::knows_extremes),
        ln_likelihood_ratio: top.and_then(|e| msprt::ln_likelihood_ratio(e.track)),
        baseline: frame.map_or_else(|| "none".into(), |f| f.baseline()),
        verdict,
        below: path.below.clone(),
        bands: tracks.iter().map(path::bands).collect(),
    }
}

/// What each column says, the strongest first, and how strong that is.
fn ranked<'p>(path: &'p Path, policy: &DetectPolicy) -> (Vec<Evidence<'p>>, f64) {
    let tracks = &path.tracks;
    let spoken = path.judged.iter().filter(|j| !tracks[j.track].silent());
    let evidence = spoken.filter_map(|j| j.evidence(&tracks[j.track], policy, path.step));
    let mut ranked: Vec<(f64, Evidence<'p>)> = evidence.map(|e| (e.strength(), e)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let strongest = ranked.first().map_or(0.0, |first| first.0);
    (ranked.into_iter().map(|(_, e)| e).collect(), strongest)
}

/// A metric that another look saw alarm earlier has alarmed then, and began when that look says, in its
/// sentence as well.
pub(super) fn backdate(finding: &mut Finding, others: &[Finding]) {
    let Some(own) = finding.alarm_at else { return };
    let same = others.iter().filter(|f| f.metric == finding.metric);
    let alarmed = same.filter_map(|f| Some((f.alarm_at?, f.since)));
    let Some((earlier, began)) = alarmed.min().filter(|(at, _)| *at < own) else {
        return;
    };
    let since = began.unwrap_or(earlier);
    wording::rather_since(&mut finding.text, finding.since.unwrap_or(own), since);
    finding.alarm_at = Some(earlier);
    finding.since = Some(since);
}

/// Adds a class change that came after the rows that were judged one by one.
pub(super) fn add_class_change(verdict: &mut SeriesVerdict, path: &Path, class: ClassChange) {
    let Some(tripped) = standing(path, class, &mut Vec::new()) else {
        return;
    };
    let verdict = &mut verdict.verdict;
    verdict.kind = VerdictKind::Hurt {
        by: Harm::ClassChange(tripped.trigger),
    };
    verdict.score += CLASS_SCORE;
    verdict.alarm_at = verdict.alarm_at.into_iter().chain([tripped.at]).min();
    let mut finding = tripped.finding;
    backdate(&mut finding, &verdict.findings);
    verdict.findings.insert(0, finding);
    verdict.refusals.clear();
}

/// A class change that the change may be blamed for. A ratio is a matter of degree: one that healed, or
/// that came while the host gave its processors away, is left to the statistics.
fn standing(path: &Path, class: ClassChange, refusals: &mut Vec<Refusal>) -> Option<Tripped> {
    let degree = matches!(
        class.first.trigger,
        Trigger::Ratio | Trigger::FewerButFaster
    );
    if !degree {
        return Some(class.first);
    }
    if matches!(host(&path.tracks), Host::Stolen | Host::Taken) {
        refusals.push(Refusal::HostContention);
        return None;
    }
    let healed = Span(LASTING as i64 * path.step.0);
    if path.newest().since(class.newest_at) >= healed {
        refusals.push(Refusal::Transient);
        return None;
    }
    Some(class.first)
}

/// Evidence of harm by this change: evidence that something else explains stays below the level at
/// which a change is blamed.
fn score(kind: &VerdictKind, strength: f64, alpha: f64) -> f64 {
    let blamed = -alpha.log10();
    match kind {
        VerdictKind::Hurt { .. } => strength,
        _ if strength <= blamed => strength,
        _ => blamed + EXCUSED * (strength - blamed),
    }
}

fn calibration(evidence: &[Evidence<'_>]) -> Calibration {
    match (evidence.is_empty(), evidence.iter().all(Evidence::own)) {
        (true, _) => Calibration::None,
        (false, true) => Calibration::Own,
        (false, false) => Calibration::Shipped,
    }
}

/// Relative effect in the strongest window, "worse" up.
fn effect_of(evidence: &Evidence<'_>) -> Option<f64> {
    let before = evidence.track.before()?;
    effect::harm(evidence.track, before, evidence.after()?)
}

/// The verdict without a class change.
fn statistical(
    path: &Path,
    evidence: &[Evidence<'_>],
    policy: &DetectPolicy,
    refusals: &mut Vec<Refusal>,
) -> VerdictKind {
    if path.tracks.iter().all(|t| t.pre.len() < BINS_MIN) {
        refusals.push(Refusal::NoBaseline);
    }
    if evidence.is_empty() {
        refusals.push(Refusal::TooFew);
        let rows = path.tracks.iter().map(|t| t.post.len()).max().unwrap_or(0);
        return if rows == 0 {
            VerdictKind::NoData
        } else {
            VerdictKind::Inconclusive
        };
    }
    let alarmed = |e: &&Evidence<'_>| e.p_value <= policy.alpha_act * e.weight;
    let alarms: Vec<&Evidence<'_>> = evidence.iter().filter(alarmed).collect();
    if alarms.is_empty() {
        return quiet(evidence, policy, refusals);
    }
    accused(path, &alarms, policy, refusals)
}

/// No column alarmed: could one have, and how much harm do the data exclude?
fn quiet(
    evidence: &[Evidence<'_>],
    policy: &DetectPolicy,
    refusals: &mut Vec<Refusal>,
) -> VerdictKind {
    let enough = evidence.iter().all(|e| e.track.post.len() >= BINS_MIN);
    let could = |e: &Evidence<'_>| {
        let least = e.least_chance();
        least.is_some_and(|least| least <= policy.alpha_act * e.weight)
    };
    if worst(evidence, policy.alpha_act).is_some() {
        refusals.push(Refusal::OnlyExtremes);
        return VerdictKind::Inconclusive;
    }
    let bounds = evidence.iter().filter_map(Evidence::bound);
    let excluded = bounds.fold(0.0, f64::max);
    if enough && evidence.iter().all(could) && excluded < UNPROVEN {
        return VerdictKind::Healthy {
            excludes: excluded.max(0.05),
        };
    }
    refusals.push(Refusal::TooFew);
    VerdictKind::Inconclusive
}

/// The first column whose worst values became worse, and from where to where.
fn worst<'e>(evidence: &'e [Evidence<'_>], alpha: f64) -> Option<(&'e MetricName, f64, f64)> {
    evidence.iter().find_map(|e| {
        let (before, after) = e.worst_became_worse(alpha)?;
        Some((&e.track.name, before, after))
    })
}

/// Columns alarmed: is one of them harm that matters, lasts, and that the load does not explain?
fn accused(
    path: &Path,
    alarms: &[&Evidence<'_>],
    policy: &DetectPolicy,
    refusals: &mut Vec<Refusal>,
) -> VerdictKind {
    let mut excuse = None;
    let tracks = &path.tracks;
    let host = host(tracks);
    let by_the_clock = |e: &Evidence<'_>| {
        let daytime = path.daytimes.get(e.place()).copied().flatten();
        daytime.is_some_and(|daytime| daytime.excuses(e))
    };
    for e in alarms {
        let outcome = e.track.role.outcome();
        let passed = match outcome || e.track.constant_before() {
            true => !e.track.lasts(LASTING),
            false => e.of_few_rows(),
        };
        if passed {
            refusals.push(Refusal::Transient);
        } else if outcome && !e.matters(effect::gate(e.track, policy)) {
            refusals.push(Refusal::BelowGate);
        } else {
            let contended = outcome
                && (matches!(host, Host::Taken | Host::Stolen)
                    || (host == Host::Busy && !e.surely(TWICE)));
            match by_load(tracks, e) {
                _ if by_the_clock(e) => {
                    refusals.push(Refusal::Uncalibrated);
                    excuse.get_or_insert(VerdictKind::Inconclusive);
                }
                _ if e.old() => {
                    refusals.push(Refusal::NotNew);
                    excuse.get_or_insert(VerdictKind::Confounded);
                }
                _ if contended => {
                    refusals.push(Refusal::HostContention);
                    excuse.get_or_insert(VerdictKind::Confounded);
                }
                Some(Demand::Level) => {
                    excuse.get_or_insert(VerdictKind::Confounded);
                }
                Some(_) => excuse = Some(VerdictKind::WorkloadShift),
                None => {
                    refusals.clear();
                    return VerdictKind::Hurt {
                        by: Harm::Statistical,
                    };
                }
            }
        }
    }
    refusals.sort();
    refusals.dedup();
    excuse.unwrap_or(VerdictKind::Inconclusive)
}

/// Whether the load explains the harm of an outcome, by a shift of it or perhaps (`Level`).
fn by_load(tracks: &[Track], evidence: &Evidence<'_>) -> Option<Demand> {
    let role = evidence.track.role;
    if !role.outcome() {
        return None;
    }
    if role == MetricRole::Errors {
        return load::errors_in_proportion(tracks, evidence.track, path::WINDOW);
    }
    load::explained(tracks, evidence.track, evidence.recent, path::WINDOW)
}
