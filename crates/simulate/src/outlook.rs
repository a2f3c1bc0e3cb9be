//! What is known of a change before it is judged.

use std::collections::{BTreeMap, BTreeSet};

use backstay_catalog::candidate::Candidate;
use backstay_catalog::check::{CheckReport, Violation, check_touched};
use backstay_catalog::expr::Environment;
use backstay_catalog::{Pack, Quantity};
use backstay_graph::impact::Felt;
use backstay_graph::{Graph, Impact, ImpactSpec, View};
use backstay_model::name::EngineKind;
use backstay_model::risk::{FailureRate, Reach};
use backstay_model::{EdgeKind, MetricName, NodeKey, ServiceName, Severity, Timestamp};
use backstay_risk::assess::Mechanism;
use backstay_risk::history::Direction;
use backstay_risk::{Costs, Outlook, PastChange, Query, failure_rate, severity};

use crate::proposal::{Proposed, touched};

/// What is known where the change would be made.
#[derive(Clone, Debug)]
pub struct Scene<'a> {
    /// Rules and definitions.
    pub pack: &'a Pack,
    /// The configuration before the change.
    pub now: Candidate<'a>,
    /// The dependency graph; only read.
    pub graph: &'a Graph,
    /// Which part of it counts.
    pub view: View,
    /// The metrics that services feel: outcomes.
    pub felt: BTreeSet<MetricName>,
    /// Services by weight.
    pub services: BTreeMap<ServiceName, u32>,
    /// Settled changes to learn from.
    pub past: &'a [PastChange],
    /// What acting and waiting cost.
    pub costs: Costs,
    /// Now.
    pub at: Timestamp,
}

/// The outlook on `proposal`: failure rate of similar changes, mechanisms by which it would hurt, and
/// what it reaches. `then` is the configuration with the proposal on it.
#[must_use]
pub fn outlook(scene: &Scene<'_>, then: &Candidate<'_>, proposal: &[Proposed]) -> Outlook {
    let after = check_touched(scene.pack, then, &touched(proposal));
    let reach = reach(scene, proposal);
    Outlook {
        failure_rate: rate(scene, then, proposal),
        mechanisms: mechanisms(scene, &after, proposal),
        blast: severity::blast_radius(&reach, &scene.services),
        reach,
        costs: scene.costs,
    }
}

/// Rules that hold now and would not hold then, or would be further from holding. A setting whose
/// switch is off has no effect: that is told, but it is no way to be hurt.
fn mechanisms(scene: &Scene<'_>, after: &CheckReport<'_>, proposal: &[Proposed]) -> Vec<Mechanism> {
    let before = check_touched(scene.pack, &scene.now, &touched(proposal));
    let mut found: Vec<Mechanism> = after
        .violations
        .iter()
        .filter(|v| newly(v, &before) && v.constraint.kind != EdgeKind::Enables)
        .map(mechanism)
        .collect();
    found.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    found
}

/// Whether a violation is the proposal's doing.
pub(crate) fn newly(violation: &Violation<'_>, before: &CheckReport<'_>) -> bool {
    let margin = |v: &Violation<'_>| v.slack.map_or(0.0, |s| s.margin);
    let old = before
        .violations
        .iter()
        .find(|v| v.constraint.id == violation.constraint.id);
    old.is_none_or(|old| margin(violation) < margin(old))
}

fn mechanism(violation: &Violation<'_>) -> Mechanism {
    let class = violation.severity;
    let reason = format!(
        "{}: {}",
        violation.constraint.subject, violation.constraint.note
    );
    Mechanism {
        probability: trouble(class) * violation.confidence.get(),
        severity: severity::of_rule(class),
        blocks: (class == Severity::Reject && violation.confidence.get() >= BLOCKS_FROM)
            .then(|| reason.clone()),
        reason,
    }
}

/// A hard rule blocks by itself only when we are this sure of it (risk-and-simulation.md, 5.3).
const BLOCKS_FROM: f64 = 0.95;

/// How probable trouble is when a rule of this class does not hold. Starting values of ours; refitted
/// when there are labels.
const fn trouble(class: Severity) -> f64 {
    match class {
        Severity::Reject => 0.98,
        Severity::Silent => 0.90,
        Severity::Warn => 0.75,
        Severity::Advice => 0.55,
        Severity::Clamp => 0.20,
    }
}

/// What the proposal reaches through the graph, surest first.
fn reach(scene: &Scene<'_>, proposal: &[Proposed]) -> Vec<Reach> {
    let start: Vec<NodeKey> = touched(proposal)
        .into_iter()
        .map(NodeKey::Setting)
        .collect();
    let mut spec = ImpactSpec::new(scene.view.clone(), scene.at);
    spec.felt = Felt::Only(scene.felt.clone());
    scene
        .graph
        .impact(&start, &spec)
        .into_iter()
        .map(reached)
        .collect()
}

fn reached(impact: Impact) -> Reach {
    Reach {
        node: impact.node,
        confidence: impact.score,
        hops: u32::from(impact.hops),
        path: impact.path,
    }
}

/// The failure rate of the riskiest of its settings.
fn rate(scene: &Scene<'_>, then: &Candidate<'_>, proposal: &[Proposed]) -> FailureRate {
    let of_one = |p: &Proposed| failure_rate(scene.past, &query(scene, then, p));
    let riskiest = proposal
        .iter()
        .map(of_one)
        .max_by(|a, b| a.mean.total_cmp(&b.mean));
    riskiest.unwrap_or(FailureRate {
        mean: 0.05,
        low: 0.0,
        high: 1.0,
        samples: 0.0,
        weight: 0.0,
    })
}

fn query(scene: &Scene<'_>, then: &Candidate<'_>, p: &Proposed) -> Query {
    let name = &p.key.name;
    Query {
        engine: scene.pack.engine,
        category: category(scene.pack, name.as_str()),
        setting: name.clone(),
        direction: direction(scene.now.setting(name), then.setting(name)),
        at: scene.at,
    }
}

/// The group of settings whose history counts for each other: the pack's resource class.
#[must_use]
pub fn category(pack: &Pack, setting: &str) -> String {
    pack.def(setting).map_or_else(
        || "other".to_owned(),
        |d| format!("{:?}", d.resource).to_lowercase(),
    )
}

/// Which way a value went.
#[must_use]
pub fn direction(old: Option<Quantity>, new: Option<Quantity>) -> Direction {
    match (old.as_ref().and_then(number), new.as_ref().and_then(number)) {
        (Some(a), Some(b)) => Direction::numeric(a, b),
        _ => {
            let word =
                |q: Option<Quantity>| q.map_or_else(|| "unknown".to_owned(), |q| q.to_string());
            Direction::Switch(word(old), word(new))
        }
    }
}

fn number(quantity: &Quantity) -> Option<f64> {
    match quantity {
        Quantity::Bytes(n) | Quantity::Micros(n) | Quantity::Count(n) => Some(*n as f64),
        Quantity::Fraction(x) => Some(*x),
        _ => None,
    }
}

/// Makes a past change out of what was changed and how it ended.
#[must_use]
pub fn past_change(
    pack: &Pack,
    change: &backstay_model::Change,
    at: Timestamp,
    outcome: backstay_risk::history::Outcome,
) -> PastChange {
    let name = &change.key.name;
    let quantity = |standing: &backstay_model::change::Standing| {
        let text = standing.effective.as_ref().and_then(|v| v.as_text())?;
        backstay_catalog::units::parse(pack.def(name.as_str())?, text).ok()
    };
    PastChange {
        engine: EngineKind::Postgresql,
        category: category(pack, name.as_str()),
        setting: name.clone(),
        direction: direction(quantity(&change.old), quantity(&change.new)),
        at,
        outcome,
    }
}
