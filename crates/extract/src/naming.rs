//! What names alone say.

use backstay_catalog::pack::Context;
use backstay_model::dependency::EvidenceKind;
use backstay_model::{EdgeKind, Severity};

use crate::catalogue::Known;
use crate::finding::Finding;
use crate::text::rule::{by_name, dimension};

/// Likelihood ratio of a naming rule (design note "dependencies", section 4).
const NAMED: f64 = 2700.0;
/// Of a switch that stands inside a name, not before it.
const INSIDE: f64 = 600.0;

/// Of a special setting beside a general one: names alone often mislead here.
const SPECIAL: f64 = 50.0;

/// Every finding that names give.
pub(crate) fn findings(known: &[Known]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for setting in known.iter().filter(|k| k.fact.context != Context::Internal) {
        let name = setting.fact.name.as_str();
        for switch in known
            .iter()
            .filter(|k| k.switch().is_some() && k.fact.name != name)
        {
            let stem = switch.fact.name.as_str();
            let tail = name
                .strip_prefix(stem)
                .and_then(|tail| tail.strip_prefix('_'));
            if tail.is_some() {
                findings.push(finding(
                    setting,
                    switch,
                    EdgeKind::Enables,
                    ("prefix", NAMED),
                ));
            } else if !stem.contains('_') && stem.len() > 4 && name.contains(&format!("_{stem}_")) {
                findings.push(finding(
                    setting,
                    switch,
                    EdgeKind::Enables,
                    ("inside", INSIDE),
                ));
            }
        }
        findings.extend(mode(setting, known));
        findings.extend(listed(setting, known));
        findings.extend(fallback(setting, known));
        findings.extend(bound(setting, known));
    }
    findings
}

/// `x_mode`, a switch, beside `x_y` of the same category.
fn mode(setting: &Known, known: &[Known]) -> Option<Finding> {
    let (stem, _) = setting.fact.name.split_once('_')?;
    let mode = by_name(known)
        .get(format!("{stem}_mode").as_str())
        .copied()?;
    let fits = mode.switch().is_some()
        && mode.fact.name != setting.fact.name
        && mode.fact.category == setting.fact.category;
    fits.then(|| finding(setting, mode, EdgeKind::Enables, ("mode", INSIDE)))
}

/// `x_y`, where `x` is one of the values that a list takes: it counts while `x` is in the list.
fn listed(setting: &Known, known: &[Known]) -> Option<Finding> {
    let (stem, _) = setting.fact.name.split_once('_')?;
    let value = format!("\"{stem}\"");
    let list = known.iter().find(|k| {
        let says = |text: &str| k.description.contains(text);
        k.fact.kind == "list" && says("alid values") && says(&value)
    })?;
    Some(finding(setting, list, EdgeKind::Enables, ("value", NAMED)))
}

/// `autovacuum_x` beside `x`, `x` beside `default_x`: the general one stands in for the special one.
fn fallback(setting: &Known, known: &[Known]) -> Option<Finding> {
    let all = by_name(known);
    let name = setting.fact.name.as_str();
    if let Some(general) = all.get(format!("default_{name}").as_str()) {
        return Some(finding(
            setting,
            general,
            EdgeKind::Overrides,
            ("default", NAMED),
        ));
    }
    let (head, tail) = name.split_once('_')?;
    let switch = all.get(head)?;
    let general = all.get(tail)?;
    switch.switch()?;
    Some(finding(
        setting,
        general,
        EdgeKind::Overrides,
        ("special", SPECIAL),
    ))
}

/// `min_x` beside `max_x`.
fn bound(setting: &Known, known: &[Known]) -> Option<Finding> {
    let all = by_name(known);
    let name = &setting.fact.name;
    let other = if name.starts_with("min_") {
        name.replacen("min_", "max_", 1)
    } else if name.contains("_min_") {
        name.replacen("_min_", "_max_", 1)
    } else {
        return None;
    };
    let max = all.get(other.as_str())?;
    let mut found = finding(setting, max, EdgeKind::BoundedBy, ("min-max", NAMED));
    if setting.numeric() && max.numeric() && dimension(setting) == dimension(max) {
        found.rule = Some(format!("{name} <= {other}"));
    }
    Some(found)
}

fn finding(from: &Known, to: &Known, kind: EdgeKind, (rule, ratio): (&str, f64)) -> Finding {
    Finding {
        from: from.fact.name.clone(),
        to: to.fact.name.clone(),
        kind: Some(kind),
        rule: None,
        severity: Some(Severity::Silent),
        source: EvidenceKind::Naming,
        anchor: format!("naming:{rule}"),
        log_lr: ratio.ln(),
        grip: 1,
    }
}
