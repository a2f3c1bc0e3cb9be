//! Rules that do not hold, as JSON and as SARIF.

use backstay_catalog::Violation;
use backstay_model::{Evidence, Severity};
use serde_json::{Value, json};

use crate::commands::rules::{advice, named, settings, shown};

/// Where in a file something stands.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    pub(crate) file: String,
    pub(crate) line: u32,
}

/// One violated (or nearly violated) rule.
pub(crate) fn violation(v: &Violation<'_>, spot: Option<&Spot>) -> Value {
    let values: serde_json::Map<String, Value> = v
        .values
        .iter()
        .map(|(node, value)| (named(node), json!(shown(value))))
        .collect();
    json!({
        "constraint": v.constraint.id,
        "settings": settings(v.constraint).iter().map(|s| s.as_str()).collect::<Vec<_>>(),
        "rule": v.constraint.rule,
        "values": values,
        "slack": v.slack.map(|s| s.margin).filter(|m| m.is_finite()).map(rounded),
        "severity": v.severity.word(),
        "confidence": v.confidence.get(),
        "evidence": v.constraint.evidence.iter().map(evidence).collect::<Vec<_>>(),
        "note": v.constraint.note,
        "remedy": advice(v),
        "remedies": v.remedies,
        "file": spot.map(|s| s.file.clone()),
        "line": spot.map(|s| s.line),
    })
}

/// Why something is believed.
pub(crate) fn evidence(evidence: &Evidence) -> Value {
    json!({ "kind": evidence.kind.word(), "anchor": evidence.anchor, "log_lr": evidence.log_lr })
}

fn rounded(x: f64) -> f64 {
    (x * 10_000.0).round() / 10_000.0
}

/// One result for code scanning.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// Stable code of the rule.
    pub(crate) rule: String,
    pub(crate) level: Level,
    pub(crate) message: String,
    pub(crate) spot: Option<Spot>,
    /// What makes it the same finding in the next run: target, setting.
    pub(crate) about: String,
}

/// Levels of SARIF.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Level {
    Error,
    Warning,
    Note,
}

impl Level {
    pub(crate) const fn of(severity: Severity) -> Self {
        match severity {
            Severity::Reject | Severity::Silent => Self::Error,
            Severity::Warn => Self::Warning,
            Severity::Clamp | Severity::Advice => Self::Note,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A SARIF 2.1.0 log of these findings. It has its own version, so ours is a property of the run.
pub(crate) fn sarif(findings: &[Finding]) -> Value {
    let mut rules: Vec<&str> = findings.iter().map(|f| f.rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    let results = findings.iter().map(|f| {
        // Readers of SARIF want a place for each result: what is about no line is about a target or
        // one of its settings.
        let mut location = json!({ "logicalLocations": [{ "fullyQualifiedName": f.about }] });
        if let Some(s) = &f.spot {
            location["physicalLocation"] = json!({
                "artifactLocation": { "uri": s.file },
                "region": { "startLine": s.line },
            });
        }
        json!({
            "ruleId": f.rule,
            "level": f.level.word(),
            "message": { "text": f.message },
            "locations": [location],
            "partialFingerprints": { "backstay/v1": format!("{}:{}", f.about, f.rule) },
        })
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "backstay",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>(),
            }},
            "properties": { "format_version": crate::out::FORMAT_VERSION },
            "results": results.collect::<Vec<_>>(),
        }],
    })
}
