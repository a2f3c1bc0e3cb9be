//! Messages of a server as findings: a few templates decide kind and operator.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use backstay_model::dependency::EvidenceKind;
use backstay_model::{EdgeKind, Severity};
use backstay_scratch::postgres::LogLine;
use regex::Regex;

use super::Assignment;
use crate::catalogue::Known;
use crate::finding::Finding;
use crate::text::rule;

/// Likelihood ratio of a server's own words (design note "dependencies", section 4).
const VERDICT: f64 = 5000.0;

static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("[A-Za-z_][A-Za-z0-9_]*").expect("a fixed pattern"));
static QUOTED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("\"([^\"]+)\"").expect("a fixed pattern"));

/// From, to, and the rule between them.
type Pair<'n> = (&'n str, &'n str, Option<String>);

/// What a message is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Template {
    OneOf,
    Less,
    Twice,
    Least,
    Needs,
    Both,
}

/// Wordings, the surest first (design note "dependencies", section 6).
const TEMPLATES: [(&[&str], Template); 6] = [
    (&["at most one of"], Template::OneOf),
    (
        &["must be less than", "should be less than"],
        Template::Less,
    ),
    (&["must be at least twice"], Template::Twice),
    (&["must be at least", "must be greater"], Template::Least),
    (
        &[
            "cannot be enabled when",
            "requires",
            "can only be used",
            "not supported with the current",
            "enable the ",
            "could not load",
        ],
        Template::Needs,
    ),
    (&["cannot enable", "cannot be set", "both "], Template::Both),
];

impl Template {
    fn kind(self) -> (EdgeKind, &'static str) {
        match self {
            Self::OneOf => (EdgeKind::ConflictsWith, "one-of"),
            Self::Less => (EdgeKind::BoundedBy, "less"),
            Self::Twice => (EdgeKind::BoundedBy, "twice"),
            Self::Least => (EdgeKind::BoundedBy, "least"),
            Self::Needs => (EdgeKind::Requires, "requires"),
            Self::Both => (EdgeKind::ConflictsWith, "both"),
        }
    }
}

/// Reads messages against the catalogue.
pub(crate) struct Templates<'a> {
    known: BTreeMap<&'a str, &'a Known>,
    /// Settings by their built-in text, where only one has it: `server.crt`.
    by_default: BTreeMap<&'a str, &'a str>,
}

impl<'a> Templates<'a> {
    pub(crate) fn new(known: &'a [Known]) -> Self {
        let mut by_default: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for setting in known.iter().filter(|k| k.fact.kind == "text") {
            if let Some(text) = setting.fact.default.as_deref().filter(|t| t.len() > 5) {
                by_default.entry(text).or_default().push(&setting.fact.name);
            }
        }
        let by_default =
            by_default
                .into_iter()
                .filter_map(|(text, names)| match names.as_slice() {
                    [name] => Some((text, *name)),
                    _ => None,
                });
        Self {
            known: rule::by_name(known),
            by_default: by_default.collect(),
        }
    }

    /// What `line` says after `tried` was tried.
    pub(crate) fn read(&self, line: &LogLine, tried: &Assignment) -> Vec<Finding> {
        let said = format!("{} {} {}", line.message, line.detail, line.hint);
        let mut names = self.names(&said);
        // A message may name one side only and describe the other in words: the one that was tried.
        if names.len() == 1 {
            let mut absent = tried
                .iter()
                .map(|(n, _)| n.as_str())
                .filter(|n| !names.contains(n));
            let absent = absent.next_back().and_then(|n| self.known.get_key_value(n));
            names.splice(0..0, absent.map(|(name, _)| *name));
        }
        let text = said.to_lowercase();
        let fits = |cues: &[&str]| cues.iter().any(|cue| text.contains(cue));
        let template = TEMPLATES.iter().find(|(cues, _)| fits(cues));
        let Some((_, template)) = template.filter(|_| names.len() > 1) else {
            return Vec::new();
        };
        self.pairs(*template, &names, &text)
            .into_iter()
            .map(|(from, to, rule)| finding(line, *template, (from, to), rule))
            .collect()
    }

    /// The pairs that a message of this template relates, with their rules.
    fn pairs<'n>(&self, template: Template, names: &[&'n str], text: &str) -> Vec<Pair<'n>> {
        let [first, second, ..] = names else {
            return Vec::new();
        };
        let compared = |rule: String| self.comparable(first, second).then_some(rule);
        match template {
            Template::OneOf => exclusive(names),
            Template::Less if text.contains(" plus ") => summands(names, text),
            Template::Less => {
                let sign = if text.contains("less than or equal to") {
                    "<="
                } else {
                    "<"
                };
                vec![(
                    *first,
                    *second,
                    compared(format!("{first} {sign} {second}")),
                )]
            }
            Template::Twice => vec![(
                *first,
                *second,
                compared(format!("{first} >= 2 * {second}")),
            )],
            Template::Least => vec![(*first, *second, compared(format!("{first} >= {second}")))],
            Template::Needs => vec![(*first, *second, self.needs(first, second, text))],
            Template::Both => (names.iter().skip(1))
                .map(|other| {
                    if first < other {
                        (*first, *other)
                    } else {
                        (*other, *first)
                    }
                })
                .map(|(a, b)| (a, b, self.not_both(a, b)))
                .collect(),
        }
    }

    /// The settings named in `said`, each once, in order.
    fn names(&self, said: &str) -> Vec<&'a str> {
        let mut found: Vec<&str> = Vec::new();
        let mut add = |name: Option<&'a str>| {
            if let Some(name) = name.filter(|n| !found.contains(n)) {
                found.push(name);
            }
        };
        for quoted in QUOTED.captures_iter(said).filter_map(|c| c.get(1)) {
            if let Some(name) = self.by_default.get(quoted.as_str()) {
                add(Some(name));
            }
        }
        for word in NAME.find_iter(said) {
            let word = word.as_str();
            let quoted = said.contains(&format!("\"{word}\""));
            if word.contains('_') || quoted {
                add(self
                    .known
                    .get_key_value(word.to_lowercase().as_str())
                    .map(|(k, _)| *k));
            }
        }
        if let ([only], true) = (found.as_slice(), said.contains("Enable the ")) {
            // Only then is an ordinary word the name of a switch: "x not started … Enable the y option".
            let subject = NAME.find_iter(said).find_map(|word| {
                let (name, known) = self.known.get_key_value(word.as_str())?;
                (name != only && known.switch().is_some() && name.len() > 4).then_some(*name)
            });
            found.splice(0..0, subject);
        }
        found
    }

    fn comparable(&self, a: &str, b: &str) -> bool {
        match (self.known.get(a), self.known.get(b)) {
            (Some(a), Some(b)) => rule::dimension(a) == rule::dimension(b),
            _ => false,
        }
    }

    fn not_both(&self, a: &str, b: &str) -> Option<String> {
        let both_bool = [a, b]
            .iter()
            .all(|n| self.known.get(n).is_some_and(|k| k.fact.kind == "bool"));
        both_bool.then(|| format!("not ({a} = on and {b} = on)"))
    }

    /// `first` in use needs `second` on, or at one of the values that the message names.
    fn needs(&self, first: &str, second: &str, text: &str) -> Option<String> {
        let (from, to) = (self.known.get(first)?, self.known.get(second)?);
        let active = rule::active(from)?;
        match to.fact.kind.as_str() {
            "bool" => Some(format!("{active} => {second} = on")),
            "enum" => {
                let after = text.split_once(second)?.1;
                let named = |v: &&String| after.contains(&format!("\"{v}\""));
                let negative = after
                    .trim_start_matches('"')
                    .trim_start()
                    .starts_with("is ");
                let values: Vec<String> = (to.fact.values.iter())
                    .filter(|v| named(v) != negative)
                    .map(|v| format!("'{v}'"))
                    .collect();
                let all = values.len() == to.fact.values.len();
                (!values.is_empty() && !all)
                    .then(|| format!("{active} => {second} in {{{}}}", values.join(", ")))
            }
            _ => None,
        }
    }
}

/// "a plus b must be less than c": each summand is bound by c, or by the others where c is a number.
fn summands<'n>(names: &[&'n str], text: &str) -> Vec<Pair<'n>> {
    let bound_at = ["must be less than", "should be less than"]
        .iter()
        .find_map(|cue| text.find(cue))
        .unwrap_or(text.len());
    let before = |name: &&str| text.find(name).is_some_and(|at| at < bound_at);
    let (sum, rest): (Vec<&str>, Vec<&str>) = names.iter().copied().partition(before);
    match (rest.first(), sum.split_first()) {
        (Some(bound), _) => sum.iter().map(|part| (*part, *bound, None)).collect(),
        (None, Some((first, others))) => others.iter().map(|o| (*first, *o, None)).collect(),
        (None, None) => Vec::new(),
    }
}

fn exclusive<'n>(names: &[&'n str]) -> Vec<Pair<'n>> {
    let mut sorted: Vec<&str> = names.to_vec();
    sorted.sort_unstable();
    let rule = format!("count_set({}) <= 1", sorted.join(", "));
    let mut pairs = Vec::new();
    for (i, a) in sorted.iter().enumerate() {
        for b in sorted.iter().skip(i + 1) {
            pairs.push((*a, *b, Some(rule.clone())));
        }
    }
    pairs
}

fn finding(
    line: &LogLine,
    template: Template,
    (from, to): (&str, &str),
    rule: Option<String>,
) -> Finding {
    let warned = line.severity == "WARNING";
    let state = if line.sqlstate.is_empty() {
        "start"
    } else {
        &line.sqlstate
    };
    let (kind, word) = template.kind();
    Finding {
        from: from.to_owned(),
        to: to.to_owned(),
        kind: Some(kind),
        rule,
        severity: Some(if warned {
            Severity::Warn
        } else {
            Severity::Reject
        }),
        source: EvidenceKind::Verdict,
        anchor: format!("verdict:{state}:{word}"),
        log_lr: VERDICT.ln(),
        grip: 5,
    }
}

#[cfg(test)]
mod tests;
