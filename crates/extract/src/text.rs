//! From documentation to findings.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::dependency::EvidenceKind;
use backstay_model::{EdgeKind, Severity};
use regex::Regex;

use crate::catalogue::Known;
use crate::finding::Finding;
use crate::html::{Block, MARK, sections};
use crate::sentence::{self, Part};

mod cue;
pub(crate) mod rule;

use cue::{Direction, Reading};

/// Likelihood ratio of a sentence with a cue (design note "dependencies", section 4).
const CUED: f64 = 1630.0;
/// Of a bare mention: our own labels put it below the 950 of the note, so that one alone makes no edge.
const MENTION: f64 = 200.0;
/// Of a cue outside the settings' own entries.
const ELSEWHERE: f64 = 600.0;
/// Of a cue in the server's own description.
const CATALOGUE: f64 = 3700.0;
/// Of the switch that a section names for everything in it.
const SECTION: f64 = 1000.0;

/// Everything the documentation says.
pub(crate) fn documentation(blocks: &[Block], known: &[Known]) -> Vec<Finding> {
    let reader = Reader::new(known);
    let mut findings = Vec::new();
    for block in blocks {
        for sentence in sentence::split(&block.text) {
            let anchor = format!("{}:{}", block.anchor, sentence::hash(&sentence));
            if block.owners.is_empty() {
                findings.extend(reader.elsewhere(&sentence, &anchor));
            }
            for owner in block.owners.iter().filter(|o| reader.names.contains(*o)) {
                findings.extend(reader.entry(owner, &sentence, &anchor));
            }
        }
    }
    findings.extend(reader.section_switches(blocks));
    findings
}

/// Everything the server's own descriptions say.
pub(crate) fn catalogue(known: &[Known]) -> Vec<Finding> {
    let reader = Reader::new(known);
    let mut findings = Vec::new();
    for setting in known {
        for sentence in sentence::split(&setting.description) {
            let anchor = format!(
                "pg_settings.{}:{}",
                setting.fact.name,
                sentence::hash(&sentence)
            );
            let found = reader.entry(&setting.fact.name, &sentence, &anchor);
            findings.extend(found.into_iter().map(|f| Finding {
                source: EvidenceKind::Catalogue,
                log_lr: if f.kind.is_some() {
                    CATALOGUE.ln()
                } else {
                    MENTION.ln()
                },
                ..f
            }));
        }
    }
    findings
}

struct Reader<'a> {
    names: BTreeSet<String>,
    known: BTreeMap<&'a str, &'a Known>,
    /// "When hot standby is active": switches in words, and their names.
    phrases: Vec<(Regex, String)>,
}

impl<'a> Reader<'a> {
    fn new(known: &'a [Known]) -> Self {
        let names = known.iter().map(|k| k.fact.name.clone()).collect();
        Self {
            names,
            known: rule::by_name(known),
            phrases: phrases(known),
        }
    }

    fn parts(&self, sentence: &str) -> Vec<Part> {
        let mut text = sentence.to_owned();
        for (phrase, name) in &self.phrases {
            let named = format!("${{1}} {MARK}{name} ${{2}}");
            text = phrase.replace_all(&text, named.as_str()).into_owned();
        }
        sentence::parts(&text, &self.names)
    }

    /// A sentence in the entry of `owner`.
    fn entry(&self, owner: &str, sentence: &str, anchor: &str) -> Vec<Finding> {
        let parts = self.parts(sentence);
        let mut findings = family(&parts, anchor);
        let about_all = !findings.is_empty();
        for other in others(&parts, owner) {
            if !about_all {
                let text = render(&parts, owner, &other);
                findings.extend(self.finding(owner, &other, &text, anchor));
            }
        }
        findings
    }

    /// A sentence outside the entries: only one that relates two names by a cue counts.
    fn elsewhere(&self, sentence: &str, anchor: &str) -> Vec<Finding> {
        let parts = self.parts(sentence);
        let found = family(&parts, anchor);
        if !found.is_empty() {
            return found;
        }
        let lists: Vec<&Vec<String>> = parts.iter().filter_map(names_of).collect();
        let [first, second] = lists.as_slice() else {
            return Vec::new();
        };
        if first.len() + second.len() > 3 {
            return Vec::new();
        }
        let mut findings = Vec::new();
        for a in first.iter() {
            for b in second.iter().filter(|b| *b != a) {
                let found = self.finding(a, b, &render(&parts, a, b), anchor);
                findings.extend(
                    found
                        .into_iter()
                        .filter(|f| f.kind.is_some())
                        .map(|f| Finding {
                            log_lr: ELSEWHERE.ln(),
                            grip: 1,
                            ..f
                        }),
                );
            }
        }
        findings
    }

    fn finding(&self, owner: &str, other: &str, text: &str, anchor: &str) -> Option<Finding> {
        let mut finding = Finding {
            from: owner.to_owned(),
            to: other.to_owned(),
            kind: None,
            rule: None,
            severity: None,
            source: EvidenceKind::Documentation,
            anchor: anchor.to_owned(),
            log_lr: MENTION.ln(),
            grip: 0,
        };
        match cue::read(text) {
            Reading::Noise => return None,
            Reading::Mention => {}
            Reading::Cued(cue) => {
                if cue.direction == Direction::Backward {
                    std::mem::swap(&mut finding.from, &mut finding.to);
                }
                let (from, to) = (
                    self.known.get(finding.from.as_str())?,
                    self.known.get(finding.to.as_str())?,
                );
                finding.rule = rule::fill(&cue, from, to, text);
                finding.kind = Some(cue.kind);
                finding.severity = Some(cue.severity);
                finding.log_lr = CUED.ln();
                finding.grip = 2;
            }
        }
        Some(finding)
    }

    /// "To enable it, set X": X is the switch of every setting in the section after it.
    fn section_switches(&self, blocks: &[Block]) -> Vec<Finding> {
        let members = sections(blocks);
        let mut findings = Vec::new();
        for block in blocks.iter().filter(|b| b.owners.is_empty()) {
            let Some(members) = members.get(block.section.as_str()) else {
                continue;
            };
            for sentence in sentence::split(&block.text) {
                let parts = self.parts(&sentence);
                let switch = parts
                    .iter()
                    .find_map(names_of)
                    .and_then(|names| names.first());
                let text = sentence.to_lowercase();
                let says = text.starts_with("to enable it") || text.starts_with("to enable this");
                let (Some(switch), true) = (switch, says) else {
                    continue;
                };
                for member in members.iter().filter(|m| **m != switch.as_str()) {
                    findings.push(Finding {
                        from: (*member).to_owned(),
                        to: switch.clone(),
                        kind: Some(EdgeKind::Enables),
                        rule: None,
                        severity: Some(Severity::Silent),
                        source: EvidenceKind::Documentation,
                        anchor: format!("{}:{}", block.anchor, sentence::hash(&sentence)),
                        log_lr: SECTION.ln(),
                        grip: 2,
                    });
                }
            }
        }
        findings
    }
}

fn phrases(known: &[Known]) -> Vec<(Regex, String)> {
    let switches = known
        .iter()
        .filter(|k| k.switch().is_some() && k.fact.name.contains('_'));
    switches
        .filter_map(|k| {
            let words = k.fact.name.replace('_', " ");
            let pattern =
                format!("(?i)\\b(when|if|unless|while) {words} (is (?:active|enabled|on)\\b)");
            Some((Regex::new(&pattern).ok()?, k.fact.name.clone()))
        })
        .collect()
}

fn names_of(part: &Part) -> Option<&Vec<String>> {
    match part {
        Part::Names(names) => Some(names),
        Part::Text(_) => None,
    }
}

/// The settings other than `owner`, each once.
fn others(parts: &[Part], owner: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in parts.iter().filter_map(names_of).flatten() {
        if name != owner && !found.contains(name) {
            found.push(name.clone());
        }
    }
    found
}

/// The sentence with the two settings as `{a}` and `{b}` and every other one as `{x}`.
fn render(parts: &[Part], a: &str, b: &str) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(words) => text.push_str(words),
            Part::Names(names) if names.iter().any(|n| n == b) => text.push_str("{b}"),
            Part::Names(names) if names.iter().any(|n| n == a) => text.push_str("{a}"),
            Part::Names(_) => text.push_str("{x}"),
        }
    }
    for own in [
        "this parameter",
        "this setting",
        "this option",
        "this value",
        "this variable",
        "it ",
    ] {
        if !text.contains("{a}") {
            text = text.replacen(own, if own == "it " { "{a} " } else { "{a}" }, 1);
        }
    }
    text
}

/// "At most one of a, b or c": every two of them exclude each other.
fn family(parts: &[Part], anchor: &str) -> Vec<Finding> {
    for two in parts.windows(2) {
        let [Part::Text(before), Part::Names(names)] = two else {
            continue;
        };
        if !before.trim_end().ends_with("at most one of") || names.len() < 2 {
            continue;
        }
        let mut sorted = names.clone();
        sorted.sort();
        let rule = format!("count_set({}) <= 1", sorted.join(", "));
        let pairs = sorted
            .iter()
            .enumerate()
            .flat_map(|(i, a)| sorted.iter().skip(i + 1).map(move |b| (a, b)));
        return pairs
            .map(|(a, b)| Finding {
                from: a.clone(),
                to: b.clone(),
                kind: Some(EdgeKind::ConflictsWith),
                rule: Some(rule.clone()),
                severity: Some(Severity::Silent),
                source: EvidenceKind::Documentation,
                anchor: anchor.to_owned(),
                log_lr: CUED.ln(),
                grip: 3,
            })
            .collect();
    }
    Vec::new()
}
