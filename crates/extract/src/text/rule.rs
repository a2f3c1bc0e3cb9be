//! Rules from sentences: what a template gives, fitted to the settings' own ranges.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use backstay_model::Severity;
use backstay_typing::template::{Comparison, Force, Rule};
use regex::Regex;

use crate::catalogue::Known;

/// The expression of a comparison, when all its settings are numbers of one measure.
pub(crate) fn compare(rule: &Rule, known: &BTreeMap<&str, &Known>) -> Option<String> {
    let Rule::Compare { sign, while_on, .. } = rule else {
        return None;
    };
    let names = rule.names();
    let all: Vec<&Known> = names.iter().filter_map(|n| known.get(n).copied()).collect();
    let first = *all.first()?;
    let fits = |k: &&Known| k.numeric() && dimension(k) == dimension(first);
    if all.len() != names.len() || !all.iter().all(fits) {
        return None;
    }
    let text = rule.expression()?;
    // A number that is off, or at a special value, is bound by nothing.
    let bounded = !matches!(sign, Comparison::Greater) && while_on.is_none();
    Some(if bounded { guard(first, text) } else { text })
}

/// What a violation of a comparison is.
pub(crate) fn severity(rule: &Rule) -> Severity {
    match rule {
        Rule::Compare { force, .. } => match force {
            Force::Clamp => Severity::Clamp,
            Force::Must => Severity::Silent,
            Force::Should => Severity::Advice,
        },
        _ => Severity::Silent,
    }
}

/// A setting whose smallest value is below zero, or that is off at zero, is not bound then.
fn guard(from: &Known, rule: String) -> String {
    let name = &from.fact.name;
    let default_off = from.fact.default.as_deref() == Some("0");
    let special = from.fact.min.is_some_and(|min| min < 0.0);
    if special {
        format!("{name} >= 0 => {rule}")
    } else if default_off {
        format!("{name} > 0 => {rule}")
    } else {
        rule
    }
}

/// Wordings that say what `{b}` must be.
static NEEDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"\{b\} (?:setting |parameter )?must (?:also |first )?be (?:explicitly )?(?:set|enabled|turned on|debug|on\b)",
        r"|requires? (?:that )?\{b\}",
        r"|only (?:be )?(?:supported|allowed|possible) (?:when|if) \{b\} is (?:set|enabled|on)",
    ))
    .expect("a fixed pattern")
});

/// `from` in use => `to` switched on, or at the value that `sentence` names; `None` when it does not
/// say so in plain words.
pub(crate) fn needs(from: &Known, to: &Known, sentence: &str) -> Option<String> {
    if !NEEDS.is_match(sentence) {
        return None;
    }
    // A built-in value that is in use says nothing: nobody chose it.
    let by_default = from
        .fact
        .default
        .as_deref()
        .is_some_and(|d| !["0", "off", "-1", ""].contains(&d));
    let chosen = if by_default {
        format!("is_set({}) and ", from.fact.name)
    } else {
        String::new()
    };
    let active = format!("{chosen}{}", active(from)?);
    let to_name = &to.fact.name;
    if to.fact.kind == "bool" {
        return Some(format!("{active} => {to_name} = on"));
    }
    if to.fact.kind != "enum" {
        return None;
    }
    let after = sentence.split_once("{b}")?.1;
    let named = to.fact.values.iter().position(|value| {
        after
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word == value)
    })?;
    let says = |words: [&str; 2]| words.iter().any(|w| after.contains(w));
    let all = &to.fact.values;
    let wanted = if says(["or higher", "or above"]) {
        all.get(named..)?
    } else if says(["or lower", "or below"]) {
        all.get(..=named)?
    } else {
        all.get(named..=named)?
    };
    let wanted: Vec<String> = wanted.iter().map(|v| format!("'{v}'")).collect();
    Some(format!(
        "{active} => {to_name} in {{{}}}",
        wanted.join(", ")
    ))
}

/// When `setting` is in use, as an expression.
pub(crate) fn active(setting: &Known) -> Option<String> {
    let name = &setting.fact.name;
    match setting.fact.kind.as_str() {
        "bool" => Some(format!("{name} = on")),
        "enum" if setting.switch().is_some() => Some(format!("{name} != 'off'")),
        "integer" | "real" if setting.fact.min.is_some_and(|min| min <= 0.0) => {
            Some(format!("{name} > 0"))
        }
        _ => None,
    }
}

/// What a number measures: settings of different measure cannot be compared.
pub(crate) fn dimension(setting: &Known) -> &'static str {
    match setting.fact.unit.as_deref() {
        None => "count",
        Some("ms" | "s" | "min") => "time",
        Some(_) => "size",
    }
}

/// The settings by name.
pub(crate) fn by_name(known: &[Known]) -> BTreeMap<&str, &Known> {
    known.iter().map(|k| (k.fact.name.as_str(), k)).collect()
}
