//! What was found, for programs: JSON and SARIF.

use backstay_catalog::Violation;
use backstay_model::{Scope, Severity};
use serde_json::{Value, json};

use super::{Broken, Found, When, table};
use crate::commands::rules::{named, values};
use crate::commands::tree::Refused;
use crate::wire::rules::{Finding, Level, Spot, violation};

pub(super) fn document(found: &Found<'_>) -> Value {
    let near = |v: &Violation<'_>| placed(violation(v, found.spot(v).as_ref()), "now", None);
    let refused = found.refused.iter().map(refused);
    json!({
        "kind": "check",
        "subject": found.ground.title(),
        "host": found.ground.host,
        "beside": found.ground.beside,
        "violations": refused.chain(found.broken.iter().map(|b| broken(found, b))).collect::<Vec<_>>(),
        "near": found.report.near.iter().map(near).collect::<Vec<_>>(),
        "unknown": found.report.unknown.iter().map(|u| json!({
            "constraint": u.constraint.id,
            "missing": u.missing.iter().map(named).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "undecided": found.open.iter().map(|o| json!({
            "setting": o.placed.line.name.as_str(),
            "why": o.why,
            "file": o.placed.file,
            "line": o.placed.line.line,
        })).collect::<Vec<_>>(),
        "rules": found.judged() + found.report.unknown.len(),
        "notes": found.notes(),
    })
}

fn broken(found: &Found<'_>, b: &Broken) -> Value {
    let mut document = violation(&b.violation, found.spot(&b.violation).as_ref());
    document["remedy"] = json!(b.advice());
    document["remedies"] = json!(b.remedies);
    match &b.when {
        When::Now => placed(document, "now", None),
        When::NextStart => placed(document, "next_start", None),
        When::Sessions(whose) => placed(document, "now", Some(whose)),
    }
}

/// With when it is so, and for whom: `null` is everybody.
fn placed(mut document: Value, when: &str, whose: Option<&[Scope]>) -> Value {
    let whose = whose.map(|w| w.iter().map(ToString::to_string).collect::<Vec<_>>());
    document["when"] = json!(when);
    document["for"] = json!(whose);
    document
}

fn refused(r: &Refused) -> Value {
    let settings: Vec<&String> = r.setting.iter().collect();
    json!({
        "constraint": r.rule,
        "settings": settings,
        "rule": null,
        "values": {},
        "slack": null,
        "severity": Severity::Reject.word(),
        "confidence": 1.0,
        "evidence": [],
        "note": r.why,
        "remedy": r.remedy,
        "remedies": [r.remedy],
        "file": r.file,
        "line": r.line,
        "when": "next_start",
        "for": null,
    })
}

/// The top of the first file: the place of what stands on no line of it.
fn top(found: &Found<'_>) -> Option<Spot> {
    let file = found.files.first()?.clone();
    Some(Spot { file, line: 1 })
}

pub(super) fn findings(found: &Found<'_>) -> Vec<Finding> {
    let target = found.ground.target();
    let spot = |v: &Violation<'_>| found.spot(v).or_else(|| top(found));
    let refused = found.refused.iter().map(|r| Finding {
        rule: r.rule.to_owned(),
        level: Level::Error,
        message: format!("{}; {}", r.why, r.remedy),
        spot: Some(Spot {
            file: r.file.clone(),
            line: r.line,
        }),
        about: format!("{target}:{}", r.setting.as_deref().unwrap_or("file")),
    });
    let broken = found.broken.iter().map(|b| {
        let v = &b.violation;
        let (note, whose) = (&v.constraint.note, table::place(&b.when));
        Finding {
            rule: v.constraint.id.clone(),
            level: Level::of(v.severity),
            message: format!("{note}{whose} ({}); {}", values(v), b.advice()),
            spot: spot(v),
            about: format!("{target}:{}{whose}", v.constraint.subject),
        }
    });
    let near = found.report.near.iter().map(|v| Finding {
        rule: v.constraint.id.clone(),
        level: Level::Note,
        message: format!("barely holds: {} ({})", v.constraint.note, values(v)),
        spot: spot(v),
        about: format!("{target}:{}", v.constraint.subject),
    });
    refused.chain(broken).chain(near).collect()
}
