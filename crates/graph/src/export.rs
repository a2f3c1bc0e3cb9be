//! Edges as text for other tools: CSV, JSON, Cypher, DOT, Mermaid.

mod text;

use std::collections::BTreeSet;

use backstay_model::{Edge, NodeKey, Timestamp};
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

/// These edges in a format, in the order in which they come.
#[must_use]
pub fn export(edges: &[Edge], format: Format) -> String {
    match format {
        Format::Csv => csv(edges),
        Format::Json => json(edges),
        Format::Cypher => cypher(edges),
        Format::Dot => dot(edges),
        Format::Mermaid => mermaid(edges),
    }
}

/// Header `from,to,type,confidence,rule,evidence`; several pieces of evidence are joined by `; `.
#[must_use]
pub fn csv(edges: &[Edge]) -> String {
    let mut text = "from,to,type,confidence,rule,evidence\n".to_owned();
    for edge in edges {
        let confidence = format!("{:.3}", edge.confidence.get());
        let rule = edge.rule.as_deref().unwrap_or_default();
        let evidence = evidence(edge).join("; ");
        let kind = edge.kind.word();
        let fields = [
            edge.from.name(),
            edge.to.name(),
            kind,
            &confidence,
            rule,
            &evidence,
        ];
        text.push_str(&fields.map(csv_field).join(","));
        text.push('\n');
    }
    text
}

/// `{"format_version", "nodes": [{name, kind}], "edges": [..]}`; moments as RFC 3339 text, open ends as
/// null.
#[must_use]
pub fn json(edges: &[Edge]) -> String {
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

fn json_edge(edge: &Edge) -> Value {
    let moment = |t: Timestamp| match t {
        Timestamp(i64::MIN) | Timestamp::OPEN_END => Value::Null,
        t => Value::from(t.to_string()),
    };
    let evidence = edge
        .evidence
        .iter()
        .map(|e| json!({ "kind": e.kind.word(), "anchor": e.anchor, "log_lr": e.log_lr }));
    json!({
        "from": edge.from.name(),
        "from_kind": edge.from.kind(),
        "to": edge.to.name(),
        "to_kind": edge.to.kind(),
        "type": edge.kind.word(),
        "confidence": edge.confidence.get(),
        "constraint": edge.constraint,
        "rule": edge.rule,
        "evidence": evidence.collect::<Vec<_>>(),
        "valid_from": moment(edge.valid_from),
        "valid_to": moment(edge.valid_to),
    })
}

/// MERGE statements, one a line. Labels and relationship types come from closed lists; everything
/// else is a quoted string.
#[must_use]
pub fn cypher(edges: &[Edge]) -> String {
    let mut text = String::new();
    for node in nodes(edges) {
        text.push_str(&format!(
            "MERGE (:{} {{name: {}}});\n",
            label(node),
            cypher_text(node.name())
        ));
    }
    for edge in edges {
        let end = |name: &str, node: &NodeKey| {
            format!(
                "({name}:{} {{name: {}}})",
                label(node),
                cypher_text(node.name())
            )
        };
        let evidence: Vec<String> = evidence(edge).iter().map(|e| cypher_text(e)).collect();
        let rule = edge.rule.as_deref().map_or("null".to_owned(), cypher_text);
        let constraint = edge
            .constraint
            .as_deref()
            .map_or("null".to_owned(), cypher_text);
        text.push_str(&format!(
            "MATCH {}, {} MERGE (a)-[r:{}]->(b) SET r.dependency_type = {}, r.confidence = {:?}, r.rule = {rule}, r.constraint = {constraint}, r.evidence = [{}];\n",
            end("a", &edge.from),
            end("b", &edge.to),
            edge.kind.word().to_uppercase(),
            cypher_text(&edge.kind.word().replace('_', " ")),
            edge.confidence.get(),
            evidence.join(", "),
        ));
    }
    text
}

/// A Graphviz digraph.
#[must_use]
pub fn dot(edges: &[Edge]) -> String {
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
    for edge in edges {
        let (from, to) = (dot_text(&id(&edge.from)), dot_text(&id(&edge.to)));
        let both = if edge.kind.symmetric() {
            ", dir=both"
        } else {
            ""
        };
        let label = dot_text(&format!("{} {}", edge.kind, edge.confidence));
        text.push_str(&format!("  {from} -> {to} [label={label}{both}];\n"));
    }
    text.push_str("}\n");
    text
}

/// A Mermaid flowchart.
#[must_use]
pub fn mermaid(edges: &[Edge]) -> String {
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
    for edge in edges {
        let arrow = if edge.kind.symmetric() { "<-->" } else { "-->" };
        let (from, to) = (place(&edge.from), place(&edge.to));
        let kind = edge.kind.word().replace('_', " ");
        text.push_str(&format!(
            "  n{from} {arrow}|\"{kind} {}\"| n{to}\n",
            edge.confidence
        ));
    }
    text
}

fn nodes(edges: &[Edge]) -> BTreeSet<&NodeKey> {
    edges.iter().flat_map(|e| [&e.from, &e.to]).collect()
}

/// `documentation GUC-WORK-MEM`.
fn evidence(edge: &Edge) -> Vec<String> {
    edge.evidence
        .iter()
        .map(|e| format!("{} {}", e.kind.word(), e.anchor))
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
