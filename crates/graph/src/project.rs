//! From rules over several settings to edges between two of them (dependencies.md, section 2.1).

use std::collections::BTreeMap;

use backstay_model::{Constraint, Edge, EdgeKind, NodeKey, Timestamp};

use crate::identity::canonical;

/// The pairwise edges of these constraints, in the order of ends and kind, valid from the beginning of
/// time to the open end.
///
/// A directed constraint gives an edge from its subject to each other participant: `a + b < c` about
/// `a` gives `a -> c`, and to `b` only when the constraint names `b` as something `a` depends on. A
/// constraint of a symmetric kind gives one edge for every pair of participants. When several
/// constraints give the same edge, the surest one (the smallest id among equals) gives confidence,
/// rule and constraint id, and the evidence of all of them is kept.
#[must_use]
pub fn project(constraints: &[Constraint]) -> Vec<Edge> {
    let mut order: Vec<&Constraint> = constraints.iter().collect();
    order.sort_by(|a, b| {
        b.confidence
            .get()
            .total_cmp(&a.confidence.get())
            .then_with(|| a.id.cmp(&b.id))
    });
    let mut edges: BTreeMap<(NodeKey, NodeKey, EdgeKind), Edge> = BTreeMap::new();
    for constraint in order {
        for (from, to) in pairs(constraint) {
            let edge = canonical(edge_of(constraint, from, to));
            let key = (edge.from.clone(), edge.to.clone(), edge.kind);
            match edges.get_mut(&key) {
                None => {
                    edges.insert(key, edge);
                }
                Some(kept) => {
                    let new = edge
                        .evidence
                        .into_iter()
                        .filter(|e| !kept.evidence.contains(e));
                    let new: Vec<_> = new.collect();
                    kept.evidence.extend(new);
                }
            }
        }
    }
    edges.into_values().collect()
}

fn pairs(constraint: &Constraint) -> Vec<(NodeKey, NodeKey)> {
    let subject = NodeKey::Setting(constraint.subject.clone());
    let others = || constraint.others.iter().filter(|n| **n != subject);
    let mut pairs: Vec<_> = others()
        .map(|other| (subject.clone(), other.clone()))
        .collect();
    if constraint.kind.symmetric() {
        let others: Vec<&NodeKey> = others().collect();
        for (i, a) in others.iter().enumerate() {
            let later = others.iter().skip(i + 1).filter(|b| *b != a);
            pairs.extend(later.map(|b| ((*a).clone(), (*b).clone())));
        }
    }
    pairs
}

fn edge_of(constraint: &Constraint, from: NodeKey, to: NodeKey) -> Edge {
    Edge {
        from,
        to,
        kind: constraint.kind,
        confidence: constraint.confidence,
        constraint: Some(constraint.id.clone()),
        rule: constraint.rule.clone(),
        evidence: constraint.evidence.clone(),
        valid_from: Timestamp(i64::MIN),
        valid_to: Timestamp::OPEN_END,
    }
}

#[cfg(test)]
mod tests {
    use backstay_model::dependency::{EvidenceKind, Severity};
    use backstay_model::{Confidence, Evidence, SettingName};

    use super::*;

    fn constraint(id: &str, kind: EdgeKind, names: &[&str], p: f64) -> Constraint {
        Constraint {
            id: id.into(),
            kind,
            subject: SettingName::new(names[0]),
            others: names[1..].iter().map(|n| NodeKey::setting(n)).collect(),
            rule: Some(format!("rule of {id}")),
            severity: Severity::Warn,
            note: String::new(),
            evidence: vec![Evidence {
                kind: EvidenceKind::Review,
                anchor: id.into(),
                log_lr: 2.0,
                observed_at: None,
            }],
            confidence: Confidence::clamped(p),
            reach: backstay_model::Reach::SameNode,
            versions: backstay_model::Versions::default(),
        }
    }

    fn said(edges: &[Edge]) -> String {
        let line = |e: &Edge| {
            let anchors: Vec<_> = e.evidence.iter().map(|e| e.anchor.as_str()).collect();
            let id = e.constraint.as_deref().unwrap_or("-");
            format!(
                "{} {} {} {} {id} {}",
                e.from,
                e.kind,
                e.to,
                e.confidence,
                anchors.join("+")
            )
        };
        edges.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_directed_rule_runs_from_its_subject_and_a_shared_resource_pairs_all() {
        let edges = project(&[
            constraint(
                "sum",
                EdgeKind::BoundedBy,
                &["reserved", "max_connections"],
                0.9,
            ),
            constraint(
                "memory",
                EdgeKind::SharesResource,
                &["work_mem", "shared_buffers", "b"],
                0.7,
            ),
        ]);
        insta::assert_snapshot!(said(&edges), @r#"
        b shares_resource shared_buffers 0.70 memory memory
        b shares_resource work_mem 0.70 memory memory
        reserved bounded_by max_connections 0.90 sum sum
        shared_buffers shares_resource work_mem 0.70 memory memory
        "#);
    }

    #[test]
    fn the_surest_constraint_speaks_and_all_evidence_stays() {
        let edges = project(&[
            constraint("weak", EdgeKind::Requires, &["a", "b", "a"], 0.5),
            constraint("sure", EdgeKind::Requires, &["a", "b"], 0.9),
            constraint("other", EdgeKind::Enables, &["a", "b"], 0.8),
        ]);
        insta::assert_snapshot!(said(&edges), @r#"
        a requires b 0.90 sure sure+weak
        a enables b 0.80 other other
        "#);
    }
}
