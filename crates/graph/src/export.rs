//! Edges as text for other tools: CSV, JSON, Cypher, DOT, Mermaid.

mod text;

use std::collections::BTreeSet;

use backstay_model::{Confidence, Edge, Evidence, NodeKey, Timestamp};
use serde_json::{Value, json};
use text::{csv_field, cypher_text, dot_text, mermaid_text};

/// A format to export to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Comma-separated values (RFC 4180 quoting, lines end in LF).
    Csv,
    /// One JSON document.
    Json,
    /// Statements for Neo4j that can be run again without harm.
    Cypher,
    /// Graphviz.
    Dot,
    /// A Mermaid flowchart.
    Mermaid,
}

impl Format {
    /// Reads the word that the command line uses.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "csv" => Self::Csv,
            "json" => Self::Json,
            "cypher" => Self::Cypher,
            "dot" => Self::Dot,
            "mermaid" => Self::Mermaid,
            _ => return None,
        })
    }
}

/// An edge as it goes out: with the 90 % interval of its confidence.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Told<'a> {
    /// The edge.
    pub edge: &'a Edge,
    /// Lower end of the interval.
    pub low: Confidence,
    /// Upper end of the interval.
    pub high: Confidence,
}

impl<'a> Told<'a> {
    /// An edge of whose interval nothing is known: both ends are the confidence.
    #[must_use]
    pub const fn bare(edge: &'a Edge) -> Self {
        let (low, high) = (edge.confidence, edge.confidence);
        Self { edge, low, high }
    }

    /// `0.87 [0.73–0.97]`, with the pieces of evidence against it, when there are any.
    fn sure(&self) -> String {
        let against = match counter_evidence(self.edge) {
            0 => String::new(),
            n => format!(", {n} against"),
        };
        let confidence = self.edge.confidence;
        format!("{confidence} [{}–{}]{against}", self.low, self.high)
    }
}

/// Pieces of evidence that speak against an edge.
#[must_use]
pub fn counter_evidence(edge: &Edge) -> usize {
    edge.evidence.iter().filter(|e| e.log_lr < 0.0).count()
}

/// The id of a piece of evidence: `documentation:GUC-WORK-MEM`. The same in every export.
#[must_use]
pub fn evidence_id(evidence: &Evidence) -> String {
    let kind = evidence.kind.word().replace(' ', "_");
    format!("{kind}:{}", evidence.anchor)
}

/// The name of a node where settings stand beside others: `work_mem`, `host.memory`.
#[must_use]
pub fn canonical_name(node: &NodeKey) -> String {
    match node {
        // What stands beside the server says so itself: `primary.wal_level`, `pgbouncer.pool_mode`.
        NodeKey::Resource(name) if !name.contains('.') => format!("host.{name}"),
        other => other.name().to_owned(),
    }
}

/// These edges in a format, in the order in which they come.
#[must_use]
pub fn export(edges: &[Told<'_>], format: Format) -> String {
    match format {
        Format::Csv => csv(edges),
        Format::Json => json(edges),
        Format::Cypher => cypher(edges),
        Format::Dot => dot(edges),
        Format::Mermaid => mermaid(edges),
    }
}

/// Header `from,to,type,rule,confidence,lo,hi,evidence_ids` (dependencies.md, section 18); ids are
/// joined by `;`, edges of symmetric types stand once.
#[must_use]
pub fn csv(edges: &[Told<'_>]) -> String {
    let mut text = "from,to,type,rule,confidence,lo,hi,evidence_ids\n".to_owned();
    for told in edges {
        let edge = told.edge;
        let number = |p: Confidence| format!("{:.4}", p.get());
        let ids: Vec<String> = edge.evidence.iter().map(evidence_id).collect();
        let fields = [
            canonical_name(&edge.from),
            canonical_name(&edge.to),
            edge.kind.word().to_owned(),
            edge.rule.clone().unwrap_or_default(),
            number(edge.confidence),
            number(told.low),
            number(told.high),
            ids.join(";"),
        ];
        text.push_str(&fields.map(|f| csv_field(&f)).join(","));
        text.push('\n');
    }
    text
}

/// `{"format_version", "nodes": [{name, kind}], "edges": [..]}`; moments as RFC 3339 text, open ends as
/// null.
#[must_use]
pub fn json(edges: &[Told<'_>]) -> String {
    let nodes = nodes(edges)
        .into_iter()
        .map(|n| json!({ "name": n.name(), "kind": n.kind() }));
    let document = json!({
        "format_version": "1.0",
        "nodes": nodes.collect::<Vec<_>>(),
        "edges": edges.iter().map(json_edge).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn json_edge(told: &Told<'_>) -> Value {
    let edge = told.edge;
    let moment = |t: Timestamp| match t {
        Timestamp(i64::MIN) | Timestamp::OPEN_END => Value::Null,
        t => Value::from(t.to_string()),
    };
    let evidence = edge.evidence.iter().map(|e| {
        json!({
            "id": evidence_id(e),
            "kind": e.kind.word(),
            "anchor": e.anchor,
            "log_lr": e.log_lr,
            "observed_at": e.observed_at.map(|t| t.to_string()),
        })
    });
    json!({
        "from": edge.from.name(),
        "from_kind": edge.from.kind(),
        "to": edge.to.name(),
        "to_kind": edge.to.kind(),
        "type": edge.kind.word(),
        "confidence": edge.confidence.get(),
        "interval": [told.low.get(), told.high.get()],
        "constraint": edge.constraint,
        "rule": edge.rule,
        "evidence": evidence.collect::<Vec<_>>(),
        "counter_evidence": counter_evidence(edge),
        "valid_from": moment(edge.valid_from),
        "valid_to": moment(edge.valid_to),
    })
}

/// MERGE statements, one a line. Labels and relationship types come from closed lists; everything
/// else is a quoted string.
#[must_use]
pub fn cypher(edges: &[Told<'_>]) -> String {
    let mut text = String::new();
    for node in nodes(edges) {
        text.push_str(&format!(
            "MERGE (:{} {{name: {}}});\n",
            label(node),
            cypher_text(node.name())
        ));
    }
    for told in edges {
        let edge = told.edge;
        let end = |name: &str, node: &NodeKey| {
            format!(
                "({name}:{} {{name: {}}})",
                label(node),
                cypher_text(node.name())
            )
        };
        let ids = edge.evidence.iter().map(|e| cypher_text(&evidence_id(e)));
        let ids: Vec<String> = ids.collect();
        let rule = edge.rule.as_deref().map_or("null".to_owned(), cypher_text);
        let constraint = edge
            .constraint
            .as_deref()
            .map_or("null".to_owned(), cypher_text);
        text.push_str(&format!(
            "MATCH {}, {} MERGE (a)-[r:{}]->(b) SET r.dependency_type = {}, r.confidence = {:?}, r.lo = {:?}, r.hi = {:?}, r.rule = {rule}, r.constraint = {constraint}, r.evidence = [{}];\n",
            end("a", &edge.from),
            end("b", &edge.to),
            edge.kind.word().to_uppercase(),
            cypher_text(&edge.kind.word().replace('_', " ")),
            edge.confidence.get(),
            told.low.get(),
            told.high.get(),
            ids.join(", "),
        ));
    }
    text
}

/// A Graphviz digraph. What has evidence against it is dashed.
#[must_use]
pub fn dot(edges: &[Told<'_>]) -> String {
    let mut text =
        "digraph backstay {\n  rankdir=LR;\n  node [fontname=\"monospace\"];\n".to_owned();
    for node in nodes(edges) {
        let shape = match node {
            NodeKey::Setting(_) => "box",
            NodeKey::Metric(_) => "ellipse",
            NodeKey::Resource(_) => "hexagon",
            NodeKey::Service(_) => "component",
            NodeKey::Target(_) => "cylinder",
        };
        let (id, name) = (dot_text(&id(node)), dot_text(node.name()));
        text.push_str(&format!("  {id} [label={name}, shape={shape}];\n"));
    }
    for told in edges {
        let edge = told.edge;
        let (from, to) = (dot_text(&id(&edge.from)), dot_text(&id(&edge.to)));
        let both = if edge.kind.symmetric() {
            ", dir=both"
        } else {
            ""
        };
        let doubt = match counter_evidence(edge) {
            0 => "",
            _ => ", style=dashed",
        };
        let label = dot_text(&format!("{} {}", edge.kind, told.sure()));
        text.push_str(&format!("  {from} -> {to} [label={label}{both}{doubt}];\n"));
    }
    text.push_str("}\n");
    text
}

/// A Mermaid flowchart. What has evidence against it is dashed.
#[must_use]
pub fn mermaid(edges: &[Told<'_>]) -> String {
    let nodes: Vec<&NodeKey> = nodes(edges).into_iter().collect();
    let place = |node: &NodeKey| nodes.binary_search(&node).unwrap_or(0);
    let mut text = "flowchart LR\n".to_owned();
    for (i, node) in nodes.iter().enumerate() {
        let (open, close) = match node {
            NodeKey::Setting(_) => ("[", "]"),
            NodeKey::Metric(_) => ("([", "])"),
            NodeKey::Resource(_) => ("{{", "}}"),
            NodeKey::Service(_) => ("[[", "]]"),
            NodeKey::Target(_) => ("[(", ")]"),
        };
        text.push_str(&format!(
            "  n{i}{open}{}{close}\n",
            mermaid_text(node.name())
        ));
    }
    for told in edges {
        let edge = told.edge;
        let arrow = match (edge.kind.symmetric(), counter_evidence(edge)) {
            (true, 0) => "<-->",
            (true, _) => "<-.->",
            (false, 0) => "-->",
            (false, _) => "-.->",
        };
        let (from, to) = (place(&edge.from), place(&edge.to));
        let kind = edge.kind.word().replace('_', " ");
        text.push_str(&format!(
            "  n{from} {arrow}|\"{kind} {}\"| n{to}\n",
            told.sure()
        ));
    }
    text
}

fn nodes<'a>(edges: &[Told<'a>]) -> BTreeSet<&'a NodeKey> {
    edges
        .iter()
        .flat_map(|t| [&t.edge.from, &t.edge.to])
        .collect()
}

fn id(node: &NodeKey) -> String {
    format!("{}:{}", node.kind(), node.name())
}

/// The label of a node in Neo4j.
fn label(node: &NodeKey) -> &'static str {
    match node {
        NodeKey::Setting(_) => "Setting",
        NodeKey::Metric(_) => "Metric",
        NodeKey::Resource(_) => "Resource",
        NodeKey::Service(_) => "Service",
        NodeKey::Target(_) => "Database",
    }
}

#[cfg(test)]
mod tests;
