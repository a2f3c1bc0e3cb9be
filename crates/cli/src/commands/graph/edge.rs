//! A dependency as a person names it: `a -> b`, `a requires b`, or the id of a rule.

use backstay_graph::project;
use backstay_model::{Edge, EdgeKind, MetricName, NodeKey, ServiceName};

use super::lens::Lens;
use super::{no_setting, words};
use crate::commands::rules::named;
use crate::failure::{Code, Failure};

/// What a person names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Named {
    /// The edges of a rule.
    Rule { id: String, edges: Vec<Edge> },
    /// Two ends, and how the one depends on the other when that was said.
    Ends {
        from: NodeKey,
        to: NodeKey,
        kind: Option<EdgeKind>,
        /// Those that are known, the surest first.
        edges: Vec<Edge>,
        /// When none is: what is known between the two, the other way round or in another way.
        otherwise: Vec<Edge>,
    },
}

impl Named {
    /// The edges that are known under that name.
    pub(crate) fn edges(&self) -> &[Edge] {
        match self {
            Self::Rule { edges, .. } | Self::Ends { edges, .. } => edges,
        }
    }

    /// What is known between the two ends where nothing is known as it was asked.
    pub(crate) fn otherwise(&self) -> &[Edge] {
        match self {
            Self::Rule { .. } => &[],
            Self::Ends { otherwise, .. } => otherwise,
        }
    }

    /// `known the other way round: a requires b`.
    pub(crate) fn turned(&self, edge: &Edge) -> String {
        let back = matches!(self, Self::Ends { from, .. } if *from == edge.to);
        let how = match back && !edge.kind.symmetric() {
            true => "the other way round",
            false => "in another way",
        };
        let (from, to) = (named(&edge.from), named(&edge.to));
        format!("known {how}: {from} {} {to}", words(edge.kind))
    }
}

/// Whether words name a dependency rather than one setting.
pub(crate) fn names_edge(text: &str, lens: &Lens) -> bool {
    text.contains("->")
        || text.split_whitespace().nth(2).is_some()
        || lens.ground.choice.pack.constraint(text).is_some()
}

/// Reads what `text` names.
pub(crate) fn read(text: &str, lens: &Lens) -> Result<Named, Failure> {
    let text = text.trim();
    if let Some(constraint) = lens.ground.choice.pack.constraint(text) {
        let lines = project(std::slice::from_ref(constraint)).into_iter();
        let all = lens.every_edge();
        let same = |a: &Edge, b: &Edge| (&a.from, &a.to, a.kind) == (&b.from, &b.to, b.kind);
        let found = lines.filter_map(|line| all.iter().find(|e| same(e, &line)).cloned());
        return Ok(Named::Rule {
            id: text.to_owned(),
            edges: found.collect(),
        });
    }
    let (from, kind, to) = parts(text).ok_or_else(|| not_an_edge(text))?;
    let (from, to) = (node(lens, from)?, node(lens, to)?);
    if from == to {
        return Err(
            Failure::new(Code::Usage, format!("{from} cannot depend on itself"))
                .hint("name two settings: 'a -> b'"),
        );
    }
    let edges = between(lens, &from, &to, kind);
    let otherwise = match edges.is_empty() {
        true => either_way(lens, &from, &to),
        false => Vec::new(),
    };
    Ok(Named::Ends {
        from,
        to,
        kind,
        edges,
        otherwise,
    })
}

/// The known edges from one node to another; symmetric ones count either way.
fn between(lens: &Lens, from: &NodeKey, to: &NodeKey, kind: Option<EdgeKind>) -> Vec<Edge> {
    let meant = |e: &Edge| {
        let there = (&e.from, &e.to) == (from, to);
        let back = e.kind.symmetric() && (&e.from, &e.to) == (to, from);
        (there || back) && kind.is_none_or(|k| k == e.kind)
    };
    let mut edges = lens.edges_of(from);
    edges.retain(meant);
    edges
}

/// The known edges between two nodes, whichever way they point.
fn either_way(lens: &Lens, a: &NodeKey, b: &NodeKey) -> Vec<Edge> {
    let mut edges = lens.edges_of(a);
    edges.retain(|e| e.from == *b || e.to == *b);
    edges
}

/// The two ends and the word between them.
fn parts(text: &str) -> Option<(&str, Option<EdgeKind>, &str)> {
    if let Some((from, to)) = text.split_once("->") {
        let (from, to) = (from.trim(), to.trim());
        let single = |t: &str| !t.is_empty() && !t.contains(char::is_whitespace);
        return (single(from) && single(to)).then_some((from, None, to));
    }
    let (from, rest) = text.split_once(char::is_whitespace)?;
    let (phrase, to) = rest.trim().rsplit_once(char::is_whitespace)?;
    Some((from, Some(kind(phrase)?), to.trim()))
}

/// How something depends, as it may be written: `bounded_by`, `bounded by`, `is bounded by`.
fn kind(phrase: &str) -> Option<EdgeKind> {
    let phrase = phrase
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase();
    EdgeKind::ALL
        .into_iter()
        .find(|k| phrase == k.word() || phrase == k.word().replace('_', " ") || phrase == words(*k))
}

fn not_an_edge(text: &str) -> Failure {
    let kinds: Vec<&str> = EdgeKind::ALL.iter().map(|k| k.word()).collect();
    Failure::new(Code::Usage, format!("`{text}` does not name a dependency"))
        .hint("write 'a -> b', 'a requires b', or the id of a rule as `backstay check --json` tells it")
        .hint(format!("ways to depend are {}", kinds.join(", ")))
}

/// A node by its bare name: a setting, else a metric, a resource (`host.memory`), a service.
pub(crate) fn node(lens: &Lens, text: &str) -> Result<NodeKey, Failure> {
    let lower = text.to_lowercase();
    let bare = lower.strip_prefix("host.").unwrap_or(&lower);
    let candidates = [
        NodeKey::setting(&lower),
        NodeKey::Metric(MetricName::new(&lower)),
        NodeKey::Resource(bare.to_owned()),
        NodeKey::Service(ServiceName::new(text)),
    ];
    let graph = &lens.known.graph;
    let known = candidates
        .into_iter()
        .find(|c| graph.nodes().any(|n| n == c));
    known.ok_or_else(|| no_setting(&lens.ground, text))
}

/// `jit_above_cost enables jit`, unambiguous.
pub(crate) fn typed(edge: &Edge) -> String {
    let (from, to) = (named(&edge.from), named(&edge.to));
    format!("{from} {} {to}", edge.kind.word())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_may_be_written_in_several_ways() {
        use EdgeKind::{BoundedBy, ConflictsWith, Enables};
        for (text, want) in [
            ("a -> b", Some(("a", None, "b"))),
            ("a->b", Some(("a", None, "b"))),
            ("a bounded_by b", Some(("a", Some(BoundedBy), "b"))),
            ("a  is bounded  by b", Some(("a", Some(BoundedBy), "b"))),
            ("a CONFLICTS WITH b", Some(("a", Some(ConflictsWith), "b"))),
            ("a works only with b", Some(("a", Some(Enables), "b"))),
            ("a enables b", Some(("a", Some(Enables), "b"))),
            ("a loves b", None),
            ("a ->", None),
            ("-> b", None),
            ("a b -> c", None),
            ("a b", None),
            ("", None),
        ] {
            assert_eq!(parts(text), want, "{text}");
        }
    }
}
