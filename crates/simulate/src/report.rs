//! The risk report on a proposal.

use backstay_catalog::candidate::Candidate;
use backstay_catalog::check::{CheckReport, Violation, check_touched};
use backstay_catalog::pack::Context;
use backstay_catalog::{Judgement, Pack};
use backstay_model::change::TakesEffect;
use backstay_model::confidence::Confidence;
use backstay_model::risk::{Band, Risk};
use backstay_model::{MetricName, NodeKey, SettingKey, Severity};
use backstay_risk::{PastChange, before};

use crate::outlook::{Scene, newly, outlook};
use crate::proposal::{ProposalError, Proposed, consistent, put, touched};

/// The report.
#[derive(Clone, Debug)]
pub struct Report<'p> {
    /// What is proposed.
    pub lines: Vec<Line>,
    /// The risk with its factors.
    pub risk: Risk,
    /// What to do with it.
    pub ruling: Ruling,
    /// Whether the server would start with it, as far as the rules know.
    pub would_start: WouldStart,
    /// Rules that would not hold; the flag says which of them the proposal breaks.
    pub violations: Vec<Broken<'p>>,
    /// What would stop the work of clients, whatever the score says; empty when nothing is known to.
    pub outages: Vec<String>,
    /// Rules that would barely hold.
    pub near: Vec<Violation<'p>>,
    /// Rules that cannot be judged, with what is missing.
    pub unknown: Vec<(String, Vec<NodeKey>)>,
    /// Texts of the proposal that only the server can judge.
    pub undecided: Vec<Undecided>,
    /// Metrics that are expected to move.
    pub prediction: Vec<Expected>,
    /// Similar changes that were made before, most alike first.
    pub similar: Vec<PastChange>,
}

/// One proposed value beside the old one.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// Which setting, and where.
    pub key: SettingKey,
    /// The value now, secrets covered.
    pub old: Option<String>,
    /// The value then, secrets covered.
    pub new: Option<String>,
    /// When it would begin to work.
    pub takes_effect: TakesEffect,
}

/// A rule that would not hold.
#[derive(Clone, Debug)]
pub struct Broken<'p> {
    /// The rule with its values.
    pub violation: Violation<'p>,
    /// Whose doing it is.
    pub by: BrokenBy,
}

/// Whose doing a violated rule is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BrokenBy {
    /// The proposal's.
    Proposal,
    /// It does not hold now either.
    Before,
}

/// What to do with a proposal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Ruling {
    /// Apply it.
    Ok,
    /// Apply it with a watch, or have it approved.
    Warn,
    /// Do not apply it.
    Block,
}

impl Ruling {
    /// The word: `warn`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Block => "block",
        }
    }
}

/// Whether the server would start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WouldStart {
    /// No known rule speaks against it.
    Yes,
    /// A rule says that it would not.
    No,
    /// A rule that could say so cannot be judged, or a text can be judged by the server alone.
    Unknown,
}

/// A proposed text that cannot be judged here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Undecided {
    /// Which setting, and where.
    pub key: SettingKey,
    /// What it depends on: `whether the library mine is installed`.
    pub why: String,
}

/// A metric that is expected to move. How far is not said without measured cases.
#[derive(Clone, PartialEq, Debug)]
pub struct Expected {
    /// The metric.
    pub metric: MetricName,
    /// How surely.
    pub confidence: Confidence,
    /// By what mechanism.
    pub mechanism: String,
}

/// Similar changes that a report shows at most.
const SIMILAR_MAX: usize = 5;

/// The report on `proposal`.
///
/// # Errors
/// `ProposalError` when a value is none, or one setting is given two.
pub fn report<'p>(scene: &Scene<'p>, proposal: &[Proposed]) -> Result<Report<'p>, ProposalError> {
    consistent(proposal)?;
    let then = put(&scene.now, proposal)?;
    let names = touched(proposal);
    let earlier = check_touched(scene.pack, &scene.now, &names);
    let after = check_touched(scene.pack, &then, &names);
    let risk = before(&outlook(scene, &then, proposal));
    let violations = broken(&after, &earlier);
    let undecided = undecided(scene, proposal);
    let outages: Vec<String> = violations
        .iter()
        .filter(|b| b.by == BrokenBy::Proposal)
        .filter_map(|b| outage(scene.pack, &b.violation))
        .collect();
    Ok(Report {
        lines: proposal.iter().map(|p| line(scene, &then, p)).collect(),
        ruling: if outages.is_empty() {
            ruling(&risk)
        } else {
            Ruling::Block
        },
        would_start: would_start(&after, &undecided),
        undecided,
        prediction: prediction(scene, &risk),
        similar: similar(scene, proposal),
        unknown: after
            .unknown
            .iter()
            .map(|u| (u.constraint.id.clone(), u.missing.clone()))
            .collect(),
        near: after.near.clone(),
        violations,
        outages,
        risk,
    })
}

fn broken<'p>(after: &CheckReport<'p>, earlier: &CheckReport<'p>) -> Vec<Broken<'p>> {
    let by = |v: &Violation<'p>| {
        if newly(v, earlier) {
            BrokenBy::Proposal
        } else {
            BrokenBy::Before
        }
    };
    after
        .violations
        .iter()
        .map(|v| Broken {
            by: by(v),
            violation: v.clone(),
        })
        .collect()
}

fn line(scene: &Scene<'_>, then: &Candidate<'_>, p: &Proposed) -> Line {
    let name = &p.key.name;
    let context = scene.pack.def(name.as_str()).map(|d| d.context);
    Line {
        key: p.key.clone(),
        old: scene.now.shown(name),
        new: then.shown(name),
        takes_effect: takes_effect(context),
    }
}

const fn takes_effect(context: Option<Context>) -> TakesEffect {
    match context {
        Some(Context::Postmaster) => TakesEffect::AtRestart,
        Some(Context::Backend | Context::SuperuserBackend) => TakesEffect::NewSessions,
        Some(Context::Internal) => TakesEffect::Masked,
        Some(Context::Sighup | Context::Superuser | Context::User) | None => TakesEffect::Now,
    }
}

fn ruling(risk: &Risk) -> Ruling {
    match risk.band() {
        Band::Critical => Ruling::Block,
        Band::Medium | Band::High => Ruling::Warn,
        Band::Low => Ruling::Ok,
    }
}

/// What the breach of a rule does to clients, when that is an outage. The score averages over everything that
/// may happen to changes like this one; what certainly will must not disappear in it.
fn outage(pack: &Pack, violation: &Violation<'_>) -> Option<String> {
    let rule = violation.constraint;
    let stops = pack.stops_work(&rule.id);
    stops.then(|| format!("{}: {}", rule.subject, rule.note))
}

fn undecided(scene: &Scene<'_>, proposal: &[Proposed]) -> Vec<Undecided> {
    let open = |p: &Proposed| match scene.pack.judge_text(&p.key.name, p.new.as_deref()?)? {
        Judgement::Undecided(why) => Some(Undecided {
            key: p.key.clone(),
            why: why.into_owned(),
        }),
        Judgement::Taken | Judgement::Refused(_) => None,
    };
    proposal.iter().filter_map(open).collect()
}

fn would_start(after: &CheckReport<'_>, undecided: &[Undecided]) -> WouldStart {
    let rejects = |s: Severity| s == Severity::Reject;
    if after.violations.iter().any(|v| rejects(v.severity)) {
        WouldStart::No
    } else if !undecided.is_empty() || after.unknown.iter().any(|u| rejects(u.constraint.severity))
    {
        WouldStart::Unknown
    } else {
        WouldStart::Yes
    }
}

/// The metrics among what is reached, each with the mechanism of its last step.
fn prediction(scene: &Scene<'_>, risk: &Risk) -> Vec<Expected> {
    let mechanism = |setting: &NodeKey, metric: &MetricName| {
        let known = scene.pack.effects.iter();
        known
            .filter(|e| e.setting.as_str() == setting.name() && e.metric == *metric)
            .map(|e| e.mechanism.clone())
            .next()
            .unwrap_or_default()
    };
    let expected =
        |reach: &backstay_model::risk::Reach| match (&reach.node, reach.path.iter().rev().nth(1)) {
            (NodeKey::Metric(metric), Some(last)) => Some(Expected {
                metric: metric.clone(),
                confidence: reach.confidence,
                mechanism: mechanism(last, metric),
            }),
            _ => None,
        };
    risk.reach.iter().filter_map(expected).collect()
}

fn similar(scene: &Scene<'_>, proposal: &[Proposed]) -> Vec<PastChange> {
    let names = touched(proposal);
    let mut alike: Vec<PastChange> = scene
        .past
        .iter()
        .filter(|p| names.contains(&p.setting))
        .cloned()
        .collect();
    alike.sort_by_key(|p| std::cmp::Reverse(p.at));
    alike.truncate(SIMILAR_MAX);
    alike
}

#[cfg(test)]
mod tests;
