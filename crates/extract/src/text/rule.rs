//! Rules from sentences: the form that a cue gives, filled with names and values.

use std::collections::BTreeMap;

use super::cue::{Cue, Form};
use crate::catalogue::Known;

/// The rule of `cue` for `from` and `to`, when it has a form and the settings fit it.
pub(crate) fn fill(cue: &Cue, from: &Known, to: &Known, sentence: &str) -> Option<String> {
    let (a, b) = (&from.fact.name, &to.fact.name);
    let numbers = from.numeric() && to.numeric() && dimension(from) == dimension(to);
    if cue.form == Form::Needs {
        return needs(from, to, sentence);
    }
    if !numbers {
        return None;
    }
    let ratio = |percent: f64| format!("{}", percent / 100.0);
    match cue.form {
        Form::Nothing | Form::Needs => None,
        Form::Less => Some(guard(from, format!("{a} < {b}"))),
        Form::AtMost => Some(guard(from, format!("{a} <= {b}"))),
        Form::AtLeast => Some(guard(from, format!("{a} >= {b}"))),
        Form::Half => Some(format!("{a} <= 0.5 * {b}")),
        Form::PercentAtMost => Some(format!("{a} <= {} * {b}", ratio(cue.number?))),
        Form::PercentAtLeast => Some(format!("{a} >= {} * {b}", ratio(cue.number?))),
        Form::LessWhenOn => Some(format!("{a} > 0 and {b} > 0 => {a} < {b}")),
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

/// `from` in use => `to` switched on, or at the value that the sentence names.
fn needs(from: &Known, to: &Known, sentence: &str) -> Option<String> {
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
