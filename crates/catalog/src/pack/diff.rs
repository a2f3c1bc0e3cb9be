//! What changed between two packs: settings and rules.

use std::collections::BTreeMap;
use std::fmt;

use backstay_model::{Constraint, NodeKey, SettingName};

use crate::pack::{Pack, SettingDef, ValueKind};

/// What changed from one pack to another, usually of two major versions of one engine.
#[derive(Clone, PartialEq, Debug)]
pub struct Difference {
    /// The first pack, for a person: `postgresql 15`.
    pub from: String,
    /// The second.
    pub to: String,
    /// Settings that only the second has.
    pub added: Vec<SettingName>,
    /// Settings that only the first has.
    pub removed: Vec<SettingName>,
    /// Settings that both have, with what is different about them.
    pub changed: Vec<(SettingName, Vec<Change>)>,
    /// Constraints that only the second has.
    pub rules_added: Vec<Constraint>,
    /// Constraints that only the first has.
    pub rules_removed: Vec<Constraint>,
    /// Constraints that both have, with what is different about them.
    pub rules_changed: Vec<(String, Vec<Change>)>,
}

/// One thing that is different.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What: `default`, `range`, `words`, `context`, `unit`, `kind`, `rule`, `severity`.
    pub what: &'static str,
    /// How it was; empty when there was none.
    pub was: String,
    /// How it is; empty when there is none.
    pub is: String,
}

/// What changed from `a` to `b`. Confidence and evidence are not compared: they differ with every build.
#[must_use]
pub fn diff(a: &Pack, b: &Pack) -> Difference {
    let named = |pack: &Pack| format!("{} {}", pack.engine, pack.major);
    let (old, new) = (by_id(a), by_id(b));
    let changed = (a.settings.values())
        .filter_map(|was| Some((was, b.settings.get(&was.name)?)))
        .map(|(was, is)| (was.name.clone(), setting_changes(was, is)));
    let rules_changed = (old.iter())
        .filter_map(|(id, was)| Some((id, was, new.get(id)?)))
        .map(|(id, was, is)| ((*id).to_owned(), rule_changes(was, is)));
    Difference {
        from: named(a),
        to: named(b),
        added: names_only_in(b, a),
        removed: names_only_in(a, b),
        changed: changed.filter(|(_, c)| !c.is_empty()).collect(),
        rules_added: only_in(&new, &old),
        rules_removed: only_in(&old, &new),
        rules_changed: rules_changed.filter(|(_, c)| !c.is_empty()).collect(),
    }
}

fn by_id(pack: &Pack) -> BTreeMap<&str, &Constraint> {
    (pack.constraints.iter())
        .map(|c| (c.id.as_str(), c))
        .collect()
}

fn only_in(
    here: &BTreeMap<&str, &Constraint>,
    there: &BTreeMap<&str, &Constraint>,
) -> Vec<Constraint> {
    let absent = here.iter().filter(|(id, _)| !there.contains_key(*id));
    absent.map(|(_, c)| (*c).clone()).collect()
}

fn names_only_in(here: &Pack, there: &Pack) -> Vec<SettingName> {
    let absent = (here.settings.keys()).filter(|name| !there.settings.contains_key(*name));
    absent.cloned().collect()
}

fn setting_changes(was: &SettingDef, is: &SettingDef) -> Vec<Change> {
    // Facts of one build are no change between versions.
    if was.name.as_str().starts_with("server_version") {
        return Vec::new();
    }
    let end = |n: Option<f64>| n.map_or_else(|| "any".to_owned(), |n| n.to_string());
    let range = |d: &SettingDef| format!("{} .. {}", end(d.min), end(d.max));
    let unit = |d: &SettingDef| d.unit.map_or_else(String::new, |u| u.to_string());
    let default = |d: &SettingDef| d.default.clone().unwrap_or_default();
    compared(&[
        ("kind", kind(was).to_owned(), kind(is).to_owned()),
        ("unit", unit(was), unit(is)),
        ("range", range(was), range(is)),
        ("words", words(was), words(is)),
        ("default", default(was), default(is)),
        (
            "context",
            format!("{:?}", was.context).to_lowercase(),
            format!("{:?}", is.context).to_lowercase(),
        ),
    ])
}

fn rule_changes(was: &Constraint, is: &Constraint) -> Vec<Change> {
    let between = |c: &Constraint| {
        let others: Vec<&str> = c.others.iter().map(NodeKey::name).collect();
        format!("{} {} {}", c.subject, c.kind, others.join(", "))
    };
    let rule = |c: &Constraint| c.rule.clone().unwrap_or_default();
    compared(&[
        ("between", between(was), between(is)),
        ("rule", rule(was), rule(is)),
        (
            "severity",
            was.severity.to_string(),
            is.severity.to_string(),
        ),
    ])
}

fn compared(all: &[(&'static str, String, String)]) -> Vec<Change> {
    let differing = all.iter().filter(|(_, was, is)| was != is);
    differing
        .map(|(what, was, is)| Change {
            what,
            was: was.clone(),
            is: is.clone(),
        })
        .collect()
}

fn kind(def: &SettingDef) -> &'static str {
    match def.kind {
        ValueKind::Bool => "on or off",
        ValueKind::Integer => "whole number",
        ValueKind::Real => "number",
        ValueKind::Enum(_) => "word",
        ValueKind::Text => "text",
        ValueKind::List => "list",
    }
}

fn words(def: &SettingDef) -> String {
    match &def.kind {
        ValueKind::Enum(words) => {
            let mut words = words.clone();
            words.sort();
            words.join(", ")
        }
        _ => String::new(),
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} -> {}", self.from, self.to)?;
        for (title, names) in [
            ("new settings", &self.added),
            ("removed settings", &self.removed),
        ] {
            let names: Vec<String> = names.iter().map(|n| format!("  {n}")).collect();
            section(f, title, &names)?;
        }
        let changed = |all: &[Change]| {
            let words: Vec<String> = all.iter().map(Change::to_string).collect();
            words.join("; ")
        };
        let settings = self
            .changed
            .iter()
            .map(|(n, c)| format!("  {n}: {}", changed(c)));
        section(f, "changed settings", &settings.collect::<Vec<_>>())?;
        for (title, rules) in [
            ("new rules", &self.rules_added),
            ("removed rules", &self.rules_removed),
        ] {
            let lines: Vec<String> = rules.iter().map(line).collect();
            section(f, title, &lines)?;
        }
        let rules = (self.rules_changed.iter()).map(|(id, c)| format!("  {id}: {}", changed(c)));
        section(f, "changed rules", &rules.collect::<Vec<_>>())
    }
}

fn section(f: &mut fmt::Formatter<'_>, title: &str, lines: &[String]) -> fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title} ({})", lines.len())?;
    lines.iter().try_for_each(|line| writeln!(f, "{line}"))
}

fn line(c: &Constraint) -> String {
    let others: Vec<&str> = c.others.iter().map(NodeKey::name).collect();
    let rule = c
        .rule
        .as_ref()
        .map_or_else(String::new, |r| format!(": {r}"));
    let arrow = if others.is_empty() { "" } else { " -> " };
    format!(
        "  [{}] {} {}{arrow}{}{rule}",
        c.severity,
        c.kind,
        c.subject,
        others.join(", ")
    )
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |text: &str| {
            if text.is_empty() {
                "none".to_owned()
            } else {
                text.to_owned()
            }
        };
        write!(
            f,
            "{} {} -> {}",
            self.what,
            or_none(&self.was),
            or_none(&self.is)
        )
    }
}
