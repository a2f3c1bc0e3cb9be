//! What was found, for programs: JSON and SARIF.

use backstay_catalog::Violation;
use backstay_model::Severity;
use serde_json::{Value, json};

use super::Found;
use crate::commands::rules::{advice, named, values};
use crate::commands::tree::Refused;
use crate::wire::rules::{Finding, Level, Spot, violation};

pub(super) fn document(found: &Found<'_>) -> Value {
    let one = |v: &Violation<'_>| {
        let mut document = violation(v, found.spot(v).as_ref());
        let when = if found.waits(v) { "next_start" } else { "now" };
        if let Some(fields) = document.as_object_mut() {
            fields.insert("when".to_owned(), json!(when));
        }
        document
    };
    let refused = found.refused.iter().map(refused);
    json!({
        "kind": "check",
        "subject": found.ground.title(),
        "host": found.ground.host,
        "beside": found.ground.beside,
        "violations": refused.chain(found.broken().map(one)).collect::<Vec<_>>(),
        "near": found.report.near.iter().map(one).collect::<Vec<_>>(),
        "unknown": found.report.unknown.iter().map(|u| json!({
            "constraint": u.constraint.id,
            "missing": u.missing.iter().map(named).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "rules": found.judged() + found.report.unknown.len(),
        "notes": found.notes(),
    })
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
    let broken = found.broken().map(|v| Finding {
        rule: v.constraint.id.clone(),
        level: Level::of(v.severity),
        message: format!("{} ({}); {}", v.constraint.note, values(v), advice(v)),
        spot: spot(v),
        about: format!("{target}:{}", v.constraint.subject),
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
