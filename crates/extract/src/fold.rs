//! From findings to constraints: log-odds per pair, then the kind that the surest source tells.

use std::collections::{BTreeMap, BTreeSet};

use backstay_learn::belief::{self, Standing};
use backstay_model::dependency::Evidence;
use backstay_model::{
    Confidence, Constraint, EdgeKind, NodeKey, Reach, SettingName, Severity, Versions,
};

use crate::catalogue::Known;
use crate::finding::Finding;
use crate::text::rule::by_name;

/// Pieces of evidence kept per constraint, at most: the strongest.
const EVIDENCE_MAX: usize = 6;

/// Kind, from, to.
type Typed = (EdgeKind, String, String);

/// The constraints that `findings` support, in the order of their ids.
pub(crate) fn constraints(findings: &[Finding], known: &[Known]) -> Vec<Constraint> {
    let known = by_name(known);
    let mut pairs: BTreeMap<(&str, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in findings.iter().filter(|f| f.from != f.to) {
        pairs.entry(finding.pair()).or_default().push(finding);
    }
    let folded: Vec<Constraint> = pairs
        .into_values()
        .filter_map(|items| constraint(&items, &known))
        .collect();
    let mut all = families(folded);
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all
}

/// Probability that the pair is real, from all items about it: the one fold that there is.
pub(crate) fn probability(items: &[&Finding]) -> f64 {
    let evidence: Vec<Evidence> = items.iter().map(|f| f.evidence()).collect();
    belief::score(&evidence, None, Standing::Exact).get()
}

fn constraint(items: &[&Finding], known: &BTreeMap<&str, &Known>) -> Option<Constraint> {
    let confidence = round(probability(items));
    if confidence < belief::SHOW_FROM {
        return None;
    }
    let (kind, from, to) = typed(items, known)?;
    let agrees = |f: &&&Finding| f.kind == Some(kind) && (kind.symmetric() || f.from == from);
    let mut speaking: Vec<&&Finding> = items.iter().filter(agrees).collect();
    speaking.sort_by_key(|f| std::cmp::Reverse(f.grip));
    let rule = speaking.iter().find_map(|f| f.rule.clone());
    let severity = speaking
        .iter()
        .find_map(|f| f.severity)
        .unwrap_or(Severity::Advice);
    Some(Constraint {
        id: format!("gen.{}.{from}.{to}", kind.word()),
        kind,
        subject: SettingName::new(&from),
        others: vec![NodeKey::setting(&to)],
        rule,
        severity,
        note: note(kind, &from, &to),
        evidence: evidence(items),
        confidence: Confidence::clamped(confidence),
        reach: Reach::SameNode,
        versions: Versions::default(),
    })
}

/// Kind and direction: the sum of what each source gives, runtime before text before names.
fn typed(items: &[&Finding], known: &BTreeMap<&str, &Known>) -> Option<Typed> {
    let mut votes: BTreeMap<(EdgeKind, &str, &str), f64> = BTreeMap::new();
    let best = items
        .iter()
        .filter(|f| f.kind.is_some())
        .map(|f| f.grip)
        .max();
    let mut counted = BTreeSet::new();
    for item in items
        .iter()
        .filter(|f| best.is_none_or(|g| g < 4 || f.grip >= 4))
    {
        let Some(kind) = item.kind else { continue };
        let (from, to) = if kind.symmetric() {
            item.pair()
        } else {
            (item.from.as_str(), item.to.as_str())
        };
        if counted.insert((kind, from, to, item.anchor.as_str())) {
            *votes.entry((kind, from, to)).or_default() += item.log_lr * f64::from(item.grip);
        }
    }
    let winner = votes
        .into_iter()
        .max_by(|a, b| a.1.total_cmp(&b.1).then_with(|| b.0.cmp(&a.0)));
    if let Some(((kind, from, to), _)) = winner {
        return Some((kind, from.to_owned(), to.to_owned()));
    }
    // Mentions only: a switch gates, other things scale.
    let first = items.first()?;
    let gates = known
        .get(first.to.as_str())
        .is_some_and(|k| k.switch().is_some());
    let kind = if gates {
        EdgeKind::Enables
    } else {
        EdgeKind::ScalesWith
    };
    Some((kind, first.from.clone(), first.to.clone()))
}

/// Pairs with one rule over a whole family become one constraint.
fn families(constraints: Vec<Constraint>) -> Vec<Constraint> {
    let mut families: BTreeMap<String, Vec<Constraint>> = BTreeMap::new();
    let mut rest = Vec::new();
    for constraint in constraints {
        match &constraint.rule {
            Some(rule) if rule.starts_with("count_set(") => {
                families.entry(rule.clone()).or_default().push(constraint);
            }
            _ => rest.push(constraint),
        }
    }
    for (rule, members) in families {
        let inside = rule
            .trim_start_matches("count_set(")
            .split(')')
            .next()
            .unwrap_or_default();
        let mut names = inside.split(", ").map(str::to_owned);
        let (Some(subject), Some(first)) = (names.next(), members.into_iter().next()) else {
            continue;
        };
        let others: Vec<String> = names.collect();
        rest.push(Constraint {
            id: format!("gen.{}.{subject}.family", first.kind.word()),
            note: format!("Set only one: {subject}, {}.", others.join(", ")),
            subject: SettingName::new(&subject),
            others: others.iter().map(|n| NodeKey::setting(n)).collect(),
            ..first
        });
    }
    rest
}

/// The strongest items, one per anchor, in a fixed order.
fn evidence(items: &[&Finding]) -> Vec<Evidence> {
    let mut items: Vec<&&Finding> = items.iter().collect();
    items.sort_by(|a, b| {
        b.log_lr
            .total_cmp(&a.log_lr)
            .then_with(|| a.source.cmp(&b.source))
            .then_with(|| a.anchor.cmp(&b.anchor))
    });
    let mut seen = BTreeSet::new();
    items.retain(|f| seen.insert((f.source, f.anchor.as_str())));
    items
        .into_iter()
        .take(EVIDENCE_MAX)
        .map(|f| Evidence {
            log_lr: round(f.log_lr),
            ..f.evidence()
        })
        .collect()
}

/// Our own words for a person.
fn note(kind: EdgeKind, from: &str, to: &str) -> String {
    match kind {
        EdgeKind::Requires => format!("{from} needs a fitting {to}."),
        EdgeKind::ConflictsWith => format!("{from} and {to} exclude each other."),
        EdgeKind::BoundedBy => format!("{to} limits {from}."),
        EdgeKind::Enables => format!("{to} decides whether {from} counts."),
        EdgeKind::Overrides => format!("{from} gives way to {to}."),
        EdgeKind::SharesResource => format!("{from} and {to} draw on one resource."),
        _ => format!("{from} goes with {to}."),
    }
}

/// Four digits: enough, and the same everywhere.
fn round(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use backstay_model::dependency::EvidenceKind;

    use super::*;

    fn finding(from: &str, to: &str, source: EvidenceKind, ratio: f64, anchor: &str) -> Finding {
        Finding {
            from: from.into(),
            to: to.into(),
            kind: Some(EdgeKind::Requires),
            rule: None,
            severity: None,
            source,
            anchor: anchor.into(),
            log_lr: ratio.ln(),
            grip: 2,
        }
    }

    #[test]
    fn log_odds_follow_the_design_note() {
        let doc = finding("a", "b", EvidenceKind::Documentation, 1630.0, "GUC-A:1");
        let catalogue = finding("a", "b", EvidenceKind::Catalogue, 3700.0, "pg_settings.a:2");
        assert!((probability(&[&doc]) - 0.87).abs() < 0.005);
        assert!((probability(&[&catalogue]) - 0.94).abs() < 0.005);
        let again = vec![&doc; 1000];
        assert!((probability(&again) - probability(&[&doc])).abs() < 1e-12);
        assert!(probability(&[&doc, &catalogue]) > probability(&[&catalogue]));
    }

    #[test]
    fn order_does_not_matter_and_weak_pairs_go() {
        let a = finding("a", "b", EvidenceKind::Documentation, 1630.0, "GUC-A:1");
        let b = finding("b", "a", EvidenceKind::Verdict, 5000.0, "verdict:1");
        let weak = finding("c", "d", EvidenceKind::Documentation, 10.0, "GUC-C:1");
        let one = constraints(&[a.clone(), b.clone(), weak.clone()], &[]);
        let two = constraints(&[weak, b, a], &[]);
        assert_eq!(one, two);
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].evidence.len(), 2);
    }
}
