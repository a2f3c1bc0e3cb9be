//! From documentation to findings: every sentence with two settings is read by the classifier of
//! `backstay-typing`, and its templates give the rules.

use std::collections::BTreeMap;

use backstay_model::dependency::EvidenceKind;
use backstay_model::{EdgeKind, Severity};
use backstay_typing::data::Direction;
use backstay_typing::features::Features;
use backstay_typing::model::{Model, Reading};
use backstay_typing::sentence::{self, Names, Sentence};
use backstay_typing::setting::Setting;
use backstay_typing::template::{Rule, rules};
use backstay_typing::view::{Candidate, Place, Section, View};
use regex::Regex;

use crate::catalogue::Known;
use crate::finding::Finding;
use crate::html::{Block, MARK, sections};

mod passage;
pub(crate) mod rule;
pub(crate) mod training;

use passage::{Passage, pairs, passages, setting_of};

/// Likelihood ratio of two settings in one sentence, whatever it says: our own labels put it below the
/// 950 of the design note (section 4), so that one alone makes no edge.
const MENTION: f64 = 200.0;
/// Share of the labelled pairs that are real: the odds that the classifier starts from.
const REAL: f64 = 0.55;
/// No sentence is stronger evidence than a server's word.
const RATIO_MAX: f64 = 5000.0;
/// Below this probability a sentence says nothing; between it and [`TYPED`], only that two settings are
/// near each other.
const HEARD: f64 = 0.2;
/// From this probability of a dependency on its kind counts.
const TYPED: f64 = 0.5;
/// From this probability of a kind, given a dependency, on it counts like any other text.
const SURE: f64 = 0.6;
/// Probability of a dependency that a template gives, whatever the classifier says: a template names
/// both sides and how they compare.
const TEMPLATE: f64 = 0.87;
/// What the server's own descriptions are surer than documentation by (design note, section 4).
const CATALOGUE: f64 = 3700.0 / 1630.0;
/// Likelihood ratio of the switch that a section names for everything in it.
const SECTION: f64 = 1000.0;

/// Everything the documentation says.
pub(crate) fn documentation(blocks: &[Block], known: &[Known]) -> Vec<Finding> {
    let passages = passages(blocks);
    let reader = Reader::new(known, &passages);
    let mut findings: Vec<Finding> = passages.iter().flat_map(|p| reader.read(p)).collect();
    findings.extend(reader.section_switches(blocks));
    findings
}

/// Everything the server's own descriptions say.
pub(crate) fn catalogue(known: &[Known]) -> Vec<Finding> {
    let reader = Reader::new(known, &[]);
    let mut findings = Vec::new();
    for setting in known {
        for text in sentence::split(&setting.description) {
            let passage = Passage {
                owner: Some(setting.fact.name.clone()),
                anchor: format!("pg_settings.{}", setting.fact.name),
                section: String::new(),
                place: Place::Catalogue,
                hash: sentence::hash(&text),
                text,
            };
            findings.extend(reader.read(&passage).into_iter().map(|f| Finding {
                source: EvidenceKind::Catalogue,
                log_lr: (f.log_lr + CATALOGUE.ln()).min(RATIO_MAX.ln()),
                ..f
            }));
        }
    }
    findings
}

/// Natural logarithm of the likelihood ratio of a sentence by which a dependency has the probability
/// `p`: the mention's, times by how much the wording moved the odds. Capped.
fn log_ratio(p: f64) -> f64 {
    let log_odds = |p: f64| (p / (1.0 - p)).ln();
    (log_odds(p) - log_odds(REAL) + MENTION.ln()).min(RATIO_MAX.ln())
}

struct Reader<'a> {
    names: Names,
    settings: BTreeMap<&'a str, Setting>,
    known: BTreeMap<&'a str, &'a Known>,
    sections: BTreeMap<&'a str, &'a str>,
    /// "When hot standby is active": switches in words, and their names.
    phrases: Vec<(Regex, String)>,
    model: &'static Model,
}

impl<'a> Reader<'a> {
    fn new(known: &'a [Known], passages: &'a [Passage]) -> Self {
        let setting = |k: &'a Known| (k.fact.name.as_str(), setting_of(&k.fact));
        Self {
            names: Names::new(known.iter().map(|k| k.fact.name.as_str())),
            settings: known.iter().map(setting).collect(),
            known: rule::by_name(known),
            sections: training::sections(passages),
            phrases: phrases(known),
            model: Model::shipped(),
        }
    }

    fn sentence(&self, text: &str) -> Sentence {
        let mut text = text.to_owned();
        for (phrase, name) in &self.phrases {
            let named = format!("${{1}} {MARK}{name} ${{2}}");
            text = phrase.replace_all(&text, named.as_str()).into_owned();
        }
        Sentence::read(&text, &self.names)
    }

    fn read(&self, passage: &Passage) -> Vec<Finding> {
        let owner = passage.owner.as_deref();
        if owner.is_some_and(|owner| !self.known.contains_key(owner)) {
            return Vec::new();
        }
        let sentence = self.sentence(&passage.text);
        if sentence.names().is_empty() {
            return Vec::new();
        }
        let anchor = format!("{}:{}", passage.anchor, passage.hash);
        let rules = rules(&sentence, owner);
        if let [family @ Rule::OneOf(members)] = rules.as_slice() {
            return exclusions(members, family, &anchor);
        }
        let pairs = pairs(passage, &sentence);
        let mut findings = self.templated(&rules, &anchor);
        for (a, b) in &pairs {
            // What a template binds is told, and members of a sum are not each other's.
            let told = |r: &Rule| {
                let names = r.names();
                !matches!(r, Rule::OneOf(_))
                    && names.contains(&a.as_str())
                    && names.contains(&b.as_str())
            };
            if !rules.iter().any(told) {
                findings.extend(self.pair(passage, &sentence, (a, b), &anchor));
            }
        }
        findings
    }

    /// What the templates say: each member of the left side is bounded by the right side, and the first
    /// factor of a product goes with the others, and what stands in at a special value is fallen back to.
    fn templated(&self, rules: &[Rule], anchor: &str) -> Vec<Finding> {
        let finding = |from: &str, to: &str, kind| Finding {
            from: from.to_owned(),
            to: to.to_owned(),
            kind: Some(kind),
            rule: None,
            severity: Some(Severity::Advice),
            source: EvidenceKind::Documentation,
            anchor: anchor.to_owned(),
            log_lr: log_ratio(TEMPLATE),
            grip: 3,
        };
        let mut findings = Vec::new();
        for rule in rules {
            match rule {
                Rule::Compare { left, right, .. } => {
                    findings.extend(left.iter().map(|from| Finding {
                        rule: rule::compare(rule, &self.known),
                        severity: Some(rule::severity(rule)),
                        ..finding(from, right, EdgeKind::BoundedBy)
                    }));
                }
                Rule::Product(members) => {
                    let (first, others) = members.split_first().expect("two at least");
                    let scaled = others
                        .iter()
                        .map(|to| finding(first, to, EdgeKind::ScalesWith));
                    findings.extend(scaled);
                }
                Rule::Special {
                    from, to, factor, ..
                } => {
                    // As it is, it stands in; with a factor, it is computed from.
                    let same = (factor - 1.0).abs() < f64::EPSILON;
                    let kinds = [EdgeKind::ScalesWith, EdgeKind::Overrides];
                    findings.push(finding(from, to, kinds[usize::from(same)]));
                }
                Rule::OneOf(_) => {}
            }
        }
        findings
    }

    /// What the classifier says of one pair.
    fn pair(
        &self,
        passage: &Passage,
        sentence: &Sentence,
        (a, b): (&str, &str),
        anchor: &str,
    ) -> Option<Finding> {
        let of = |name: &str| self.sections.get(name).filter(|s| !s.is_empty());
        let together = of(a).is_some() && of(a) == of(b);
        let candidate = Candidate {
            sentence,
            owner: self.settings.get(a)?,
            mentioned: self.settings.get(b)?,
            place: passage.place,
            section: if together {
                Section::Same
            } else {
                Section::Other
            },
        };
        let reading = self.model.read(Features::of(&candidate)?);
        let p = reading.exists();
        let elsewhere = passage.place == Place::Elsewhere;
        if p < HEARD || (elsewhere && p < TYPED) {
            return None;
        }
        let mut finding = Finding {
            from: a.to_owned(),
            to: b.to_owned(),
            kind: None,
            rule: None,
            severity: None,
            source: EvidenceKind::Documentation,
            anchor: anchor.to_owned(),
            log_lr: log_ratio(p),
            grip: 0,
        };
        if p >= TYPED {
            self.typed(&mut finding, &reading, &View::new(&candidate)?);
            if elsewhere {
                finding.grip = 1;
            }
        }
        Some(finding)
    }

    /// Kind, direction, and the rule of a need.
    fn typed(&self, finding: &mut Finding, reading: &Reading, view: &View) {
        let (kind, sure) = reading.kind();
        if !kind.symmetric() && reading.direction() == Direction::Backward {
            std::mem::swap(&mut finding.from, &mut finding.to);
        } else if matches!(kind, EdgeKind::Requires | EdgeKind::Enables) {
            let from = self.known.get(finding.from.as_str());
            let to = self.known.get(finding.to.as_str());
            let both = from.zip(to);
            finding.rule = both.and_then(|(from, to)| rule::needs(from, to, &view.text));
        }
        finding.kind = Some(kind);
        finding.severity = Some(match kind {
            EdgeKind::Requires | EdgeKind::Enables | EdgeKind::ConflictsWith => Severity::Silent,
            _ => Severity::Advice,
        });
        finding.grip = if sure >= SURE { 2 } else { 1 };
    }

    /// "To enable it, set X": X is the switch of every setting in the section after it.
    fn section_switches(&self, blocks: &[Block]) -> Vec<Finding> {
        let members = sections(blocks);
        let mut findings = Vec::new();
        for block in blocks.iter().filter(|b| b.owners.is_empty()) {
            let Some(members) = members.get(block.section.as_str()) else {
                continue;
            };
            for text in sentence::split(&block.text) {
                let sentence = self.sentence(&text);
                let lower = text.to_lowercase();
                let says = lower.starts_with("to enable it") || lower.starts_with("to enable this");
                let (Some(switch), true) = (sentence.names().first().copied(), says) else {
                    continue;
                };
                for member in members.iter().filter(|m| **m != switch) {
                    findings.push(Finding {
                        from: (*member).to_owned(),
                        to: switch.to_owned(),
                        kind: Some(EdgeKind::Enables),
                        rule: None,
                        severity: Some(Severity::Silent),
                        source: EvidenceKind::Documentation,
                        anchor: format!("{}:{}", block.anchor, sentence::hash(&text)),
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

/// "At most one of a, b or c": every two of them exclude each other.
fn exclusions(members: &[String], family: &Rule, anchor: &str) -> Vec<Finding> {
    let mut sorted = members.to_vec();
    sorted.sort();
    let pairs = sorted
        .iter()
        .enumerate()
        .flat_map(|(i, a)| sorted.iter().skip(i + 1).map(move |b| (a, b)));
    pairs
        .map(|(a, b)| Finding {
            from: a.clone(),
            to: b.clone(),
            kind: Some(EdgeKind::ConflictsWith),
            rule: family.expression(),
            severity: Some(Severity::Silent),
            source: EvidenceKind::Documentation,
            anchor: anchor.to_owned(),
            log_lr: log_ratio(TEMPLATE),
            grip: 3,
        })
        .collect()
}

#[cfg(test)]
mod tests;
