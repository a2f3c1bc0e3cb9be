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
    let against = Evidence {
        log_lr: -1.0,
        anchor: "C17".into(),
        ..conflict.evidence[0].clone()
    };
    conflict.evidence.push(against);
    vec![bound, conflict, affects]
}

/// What `write` makes of the edges above, each with an interval of its own.
fn told(edges: &[Edge], write: fn(&[Told<'_>]) -> String) -> String {
    let told = edges.iter().map(|edge| Told {
        low: Confidence::clamped(edge.confidence.get() - 0.15),
        high: Confidence::clamped(edge.confidence.get() + 0.08),
        ..Told::bare(edge)
    });
    write(&told.collect::<Vec<_>>())
}

#[test]
fn csv_quotes_as_rfc_4180_says() {
    insta::assert_snapshot!(told(&edges(), csv), @r#"
    from,to,type,rule,confidence,lo,hi,evidence_ids
    idle,max,bounded_by,"idle, ""or"" less <= max",0.9000,0.7500,0.9800,review:idle#max
    it's,"a\b""c",conflicts_with,,0.3333,0.1833,0.4133,"review:it's#a\b""c;review:C17"
    idle,café_ms,affects,"idle, ""or"" less <= max",0.9000,0.7500,0.9800,review:idle#max
    "#);
}

#[test]
fn cypher_keeps_text_inside_its_quotes() {
    insta::assert_snapshot!(told(&edges(), cypher), @r#"
    MERGE (:Setting {name: 'a\\b"c'});
    MERGE (:Setting {name: 'idle'});
    MERGE (:Setting {name: 'it\'s'});
    MERGE (:Setting {name: 'max'});
    MERGE (:Metric {name: 'caf\u00e9_ms'});
    MATCH (a:Setting {name: 'idle'}), (b:Setting {name: 'max'}) MERGE (a)-[r:BOUNDED_BY]->(b) SET r.dependency_type = 'bounded by', r.confidence = 0.9, r.lo = 0.75, r.hi = 0.98, r.rule = 'idle, "or" less <= max', r.constraint = 'pg.idle.max', r.evidence = ['review:idle#max'];
    MATCH (a:Setting {name: 'it\'s'}), (b:Setting {name: 'a\\b"c'}) MERGE (a)-[r:CONFLICTS_WITH]->(b) SET r.dependency_type = 'conflicts with', r.confidence = 0.3333333333333333, r.lo = 0.18333333333333332, r.hi = 0.41333333333333333, r.rule = null, r.constraint = 'pg.it\'s.a\\b"c', r.evidence = ['review:it\'s#a\\b"c', 'review:C17'];
    MATCH (a:Setting {name: 'idle'}), (b:Metric {name: 'caf\u00e9_ms'}) MERGE (a)-[r:AFFECTS]->(b) SET r.dependency_type = 'affects', r.confidence = 0.9, r.lo = 0.75, r.hi = 0.98, r.rule = 'idle, "or" less <= max', r.constraint = 'pg.idle.max', r.evidence = ['review:idle#max'];
    "#);
}

#[test]
fn dot_shows_kinds_by_shape() {
    insta::assert_snapshot!(told(&edges(), dot), @r#"
    digraph backstay {
      rankdir=LR;
      node [fontname="monospace"];
      "setting:a\\b\"c" [label="a\\b\"c", shape=box];
      "setting:idle" [label="idle", shape=box];
      "setting:it's" [label="it's", shape=box];
      "setting:max" [label="max", shape=box];
      "metric:café_ms" [label="café_ms", shape=ellipse];
      "setting:idle" -> "setting:max" [label="bounded_by 0.90 [0.75–0.98]"];
      "setting:it's" -> "setting:a\\b\"c" [label="conflicts_with 0.33 [0.18–0.41], 1 against", dir=both, style=dashed];
      "setting:idle" -> "metric:café_ms" [label="affects 0.90 [0.75–0.98]"];
    }
    "#);
}

#[test]
fn mermaid_escapes_by_entity() {
    insta::assert_snapshot!(told(&edges(), mermaid), @r#"
    flowchart LR
      n0["a#92;b#34;c"]
      n1["idle"]
      n2["it's"]
      n3["max"]
      n4(["café_ms"])
      n1 -->|"bounded by 0.90 [0.75–0.98]"| n3
      n2 <-.->|"conflicts with 0.33 [0.18–0.41], 1 against"| n0
      n1 -->|"affects 0.90 [0.75–0.98]"| n4
    "#);
}

#[test]
fn json_has_a_version_and_null_for_open_ends() {
    let text = told(&edges()[..1], json);
    insta::assert_snapshot!(text, @r#"
    {
      "edges": [
        {
          "confidence": 0.9,
          "constraint": "pg.idle.max",
          "counter_evidence": 0,
          "evidence": [
            {
              "anchor": "idle#max",
              "id": "review:idle#max",
              "kind": "review",
              "log_lr": 0.1,
              "observed_at": null
            }
          ],
          "from": "idle",
          "from_kind": "setting",
          "interval": [
            0.75,
            0.98
          ],
          "rule": "idle, \"or\" less <= max",
          "to": "max",
          "to_kind": "setting",
          "type": "bounded_by",
          "valid_from": null,
          "valid_to": null
        }
      ],
      "format_version": "1.0",
      "nodes": [
        {
          "kind": "setting",
          "name": "idle"
        },
        {
          "kind": "setting",
          "name": "max"
        }
      ]
    }
    "#);
}
