//! A simulation as JSON and as findings for code scanning.

use backstay_model::NodeKey;
use backstay_simulate::report::BrokenBy;
use backstay_simulate::{Report, WouldStart};
use serde_json::{Value, json};

use super::rules::{Finding, Level, violation};
use crate::commands::rules::{advice, named, values};
use crate::commands::simulate::told::{effect, outcome, restart_words};
use crate::commands::simulate::{Boot, Gate, Simulation};

/// The whole report.
pub(crate) fn document(s: &Simulation<'_>) -> Value {
    let risk = &s.report.risk;
    let mut document = json!({
        "kind": "simulation",
        "subject": s.ground.title(),
        "changes": s.report.lines.iter().map(|line| json!({
            "setting": line.key.name.as_str(),
            "scope": line.key.scope.to_string(),
            "old": line.old,
            "new": line.new,
            "takes_effect": line.takes_effect,
            "effect": effect(s, line),
            "file": s.spot(&line.key.name).map(|p| p.file.clone()),
            "line": s.spot(&line.key.name).map(|p| p.line),
        })).collect::<Vec<_>>(),
        "unchanged": s.unchanged.iter().map(|n| n.as_str()).collect::<Vec<_>>(),
        "risk": rounded(risk.score),
        "risk_interval": [rounded(risk.interval.0), rounded(risk.interval.1)],
        "probability_of_harm": risk.probability.get(),
        "severity": risk.severity,
        "confidence": risk.confidence.get(),
        "band": risk.band(),
        "verdict": s.ruling().word(),
        "outages": s.report.outages,
        "factors": factors(&s.report),
        "would_start": would_start(s.would_start()),
        "boot_check": boot(&s.boot),
        "violations": s.report.violations.iter().map(|b| {
            let mut v = violation(&b.violation, s.spot(&b.violation.constraint.subject));
            if let Some(object) = v.as_object_mut() {
                let by = if b.by == BrokenBy::Proposal { "proposal" } else { "before" };
                object.insert("broken_by".into(), json!(by));
            }
            v
        }).collect::<Vec<_>>(),
        "near": s.report.near.iter()
            .map(|v| violation(v, s.spot(&v.constraint.subject))).collect::<Vec<_>>(),
        "unknown": s.report.unknown.iter().map(|(id, missing)| json!({
            "constraint": id,
            "missing": missing.iter().map(named).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    });
    if let Some(object) = document.as_object_mut() {
        object.insert(
            "undecided".into(),
            json!(
                s.open()
                    .map(|u| json!({
                        "setting": u.key.name.as_str(),
                        "why": u.why,
                    }))
                    .collect::<Vec<_>>()
            ),
        );
        object.insert("affected".into(), affected(&s.report));
        object.insert("prediction".into(), prediction(&s.report));
        object.insert("similar_changes".into(), similar(&s.report));
        object.insert("undo".into(), undo(s));
        object.insert("threshold".into(), json!(s.threshold));
        object.insert("gate".into(), json!(s.gate.word()));
        let why = match &s.gate {
            Gate::Passed => None,
            Gate::Tripped { why } | Gate::Inconclusive { why } => Some(why),
        };
        object.insert("gate_reason".into(), json!(why));
    }
    document
}

/// What a story's next change would do: the fields of the whole report that need no gate and no undo.
pub(crate) fn forecast(report: &Report<'_>) -> Value {
    let risk = &report.risk;
    json!({
        "kind": "simulation",
        "changes": report.lines.iter().map(|line| json!({
            "setting": line.key.name.as_str(),
            "scope": line.key.scope.to_string(),
            "old": line.old,
            "new": line.new,
            "takes_effect": line.takes_effect,
        })).collect::<Vec<_>>(),
        "risk": rounded(risk.score),
        "risk_interval": [rounded(risk.interval.0), rounded(risk.interval.1)],
        "probability_of_harm": risk.probability.get(),
        "severity": risk.severity,
        "confidence": risk.confidence.get(),
        "band": risk.band(),
        "verdict": report.ruling.word(),
        "outages": report.outages,
        "factors": factors(report),
        "would_start": would_start(report.would_start),
        "violations": report.violations.iter()
            .map(|b| violation(&b.violation, None)).collect::<Vec<_>>(),
        "affected": affected(report),
        "prediction": prediction(report),
        "similar_changes": similar(report),
    })
}

fn would_start(would_start: WouldStart) -> Value {
    match would_start {
        WouldStart::Yes => json!(true),
        WouldStart::No => json!(false),
        WouldStart::Unknown => json!("unknown"),
    }
}

fn factors(report: &Report<'_>) -> Value {
    let risk = &report.risk;
    json!({
        "severity": risk.severity,
        "probability": risk.probability.get(),
        "confidence": risk.confidence.get(),
        "failure_rate": {
            "mean": risk.failure_rate.mean,
            "low": risk.failure_rate.low,
            "high": risk.failure_rate.high,
            "samples": risk.failure_rate.samples,
        },
        "terms": risk.terms.iter().map(|t| json!({
            "name": t.name, "log_odds": t.log_odds, "reason": t.reason,
        })).collect::<Vec<_>>(),
        "blocked_by": risk.blocked_by,
    })
}

fn boot(boot: &Boot) -> Value {
    match boot {
        Boot::NotAsked => json!({ "result": "not_asked" }),
        Boot::NotRun { why } | Boot::NoRoom { why } => json!({ "result": "not_run", "why": why }),
        Boot::Passed { version } => {
            json!({ "result": "passed", "where": "this machine", "server": version })
        }
        Boot::Failed { said } => {
            json!({ "result": "failed", "where": "this machine", "said": said })
        }
    }
}

fn affected(report: &Report<'_>) -> Value {
    let one = |r: &backstay_model::risk::Reach| {
        json!({
            "node": r.node.name(),
            "kind": r.node.kind(),
            "confidence": r.confidence.get(),
            "hops": r.hops,
            "path": r.path.iter().map(NodeKey::name).collect::<Vec<_>>(),
        })
    };
    json!(report.risk.reach.iter().map(one).collect::<Vec<_>>())
}

/// How far a metric would move is null without a measured case: a number would be invented.
fn prediction(report: &Report<'_>) -> Value {
    let one = |e: &backstay_simulate::report::Expected| {
        json!({
            "metric": e.metric.as_str(),
            "change": null,
            "interval": null,
            "cases": 0,
            "confidence": e.confidence.get(),
            "mechanism": e.mechanism,
        })
    };
    json!(report.prediction.iter().map(one).collect::<Vec<_>>())
}

fn similar(report: &Report<'_>) -> Value {
    let one = |p: &backstay_risk::PastChange| {
        json!({
            "setting": p.setting.as_str(),
            "at": p.at.to_string(),
            "outcome": p.outcome,
            "text": outcome(p.outcome),
        })
    };
    json!(report.similar.iter().map(one).collect::<Vec<_>>())
}

fn undo(s: &Simulation<'_>) -> Value {
    s.undo.as_ref().map_or(Value::Null, |plan| {
        json!({
            "commands": plan.commands,
            "restart": restart_words(s),
            "by_a_person_because": plan.manual.as_ref().map(ToString::to_string),
            "does_not_undo": plan.does_not_undo,
        })
    })
}

/// Findings for code scanning: what blocks is an error, an open question a note.
pub(crate) fn findings(s: &Simulation<'_>) -> Vec<Finding> {
    let target = s.ground.target();
    let mut findings: Vec<Finding> = s
        .broken()
        .map(|v| Finding {
            rule: v.constraint.id.clone(),
            level: Level::of(v.severity),
            message: format!("{} ({}); {}", v.constraint.note, values(v), advice(v)),
            spot: s
                .spot(&v.constraint.subject)
                .or_else(|| first_spot(s))
                .cloned(),
            about: format!("{target}:{}", v.constraint.subject),
        })
        .collect();
    let (rule, level, why) = match &s.gate {
        Gate::Passed => return findings,
        Gate::Tripped { why } => ("gate.risk", Level::Error, why),
        Gate::Inconclusive { why } => ("gate.inconclusive", Level::Note, why),
    };
    findings.push(Finding {
        rule: rule.to_owned(),
        level,
        message: why.clone(),
        spot: first_spot(s).cloned(),
        about: target.to_string(),
    });
    findings
}

fn first_spot<'a>(s: &'a Simulation<'_>) -> Option<&'a super::rules::Spot> {
    s.wanted.iter().find_map(|w| w.spot.as_ref())
}

fn rounded(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}
