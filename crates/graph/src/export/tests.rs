use backstay_model::{Confidence, EdgeKind};

use super::*;
use crate::conformance::edge;

fn edges() -> Vec<Edge> {
    let mut bound = edge("idle", "max", EdgeKind::BoundedBy, i64::MIN, i64::MAX);
    bound.rule = Some("idle, \"or\" less <= max".into());
    let mut conflict = edge("it's", "a\\b\"c", EdgeKind::ConflictsWith, 0, 60_000_000);
    conflict.confidence = Confidence::clamped(1.0 / 3.0);
    let affects = Edge {
        to: NodeKey::Metric(backstay_model::MetricName::new("café_ms")),
        kind: EdgeKind::Affects,
        ..bound.clone()
    };
    vec![bound, conflict, affects]
}

#[test]
fn csv_quotes_as_rfc_4180_says() {
    insta::assert_snapshot!(csv(&edges()), @"");
}

#[test]
fn cypher_keeps_text_inside_its_quotes() {
    insta::assert_snapshot!(cypher(&edges()), @"");
}

#[test]
fn dot_shows_kinds_by_shape() {
    insta::assert_snapshot!(dot(&edges()), @"");
}

#[test]
fn mermaid_escapes_by_entity() {
    insta::assert_snapshot!(mermaid(&edges()), @"");
}

#[test]
fn json_has_a_version_and_null_for_open_ends() {
    let text = json(&edges()[..1]);
    insta::assert_snapshot!(text, @"");
}
