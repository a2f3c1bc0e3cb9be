use backstay_model::{Edge, MetricName, ServiceName, TargetId, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::conformance::edge;
use crate::store::View;
use backstay_chance::Dice;

fn open(from: &str, kind: EdgeKind, to: &str, confidence: f64) -> Edge {
    Edge {
        confidence: Confidence::clamped(confidence),
        ..edge(from, to, kind, 0, i64::MAX)
    }
}

fn small() -> Cone {
    let metric = |name: &str| NodeKey::Metric(MetricName::new(name));
    let target = TargetId::new("shop-1");
    let mut edges = vec![
        open("hash_mem_multiplier", EdgeKind::ScalesWith, "work_mem", 0.9),
        open("work_mem", EdgeKind::SharesResource, "shared_buffers", 0.8),
        open(
            "effective_cache_size",
            EdgeKind::ScalesWith,
            "shared_buffers",
            0.8,
        ),
    ];
    edges.push(Edge {
        to: metric("temp_bytes_per_s"),
        ..open("work_mem", EdgeKind::Affects, "", 0.95)
    });
    edges.push(Edge {
        to: metric("statement_mean_ms"),
        ..open("work_mem", EdgeKind::Affects, "", 0.9)
    });
    for service in ["checkout", "a<b>&\"c\""] {
        let from = NodeKey::Service(ServiceName::new(service));
        let to = NodeKey::Target(target.clone());
        edges.push(Edge {
            from,
            to,
            ..open("", EdgeKind::Uses, "", 1.0)
        });
    }
    let graph = CompactGraph::from_edges(edges, Some(&target));
    let spec = ImpactSpec::new(View::All, Timestamp(1));
    let badge = Badge {
        text: "+240 %".into(),
        tone: Tone::Worse,
    };
    Cone::of(
        &graph,
        &[Changed::setting("work_mem", "4MB", "64kB")],
        &spec,
        NODES_MAX,
    )
    .with_badge(&metric("statement_mean_ms"), badge)
}

#[test]
fn a_cone_reads_as_a_tree() {
    insta::assert_snapshot!(tree(&small()), @r#"
    work_mem  4MB -> 64kB
    ├─ affects         temp_bytes_per_s     0.95
    │  └─ felt by a<b>&"c", checkout  0.95
    ├─ affects         statement_mean_ms    0.90  +240 %
    │  └─ felt by a<b>&"c", checkout  0.90
    ├─ shares_resource shared_buffers       0.40
    │  └─ scales_with     effective_cache_size  0.13
    └─ scales_with     hash_mem_multiplier  0.36
    "#);
}

#[test]
fn intervals_and_what_speaks_against_an_edge_are_told() {
    let mut edge = open("hash_mem_multiplier", EdgeKind::ScalesWith, "work_mem", 0.9);
    edge.evidence[0].log_lr = -2.0;
    let told = Told {
        low: Confidence::clamped(0.71),
        high: Confidence::clamped(0.98),
        ..Told::bare(&edge)
    };
    let cone = small().with_doubts(&[told]);
    let tree = tree(&cone);
    let line = tree.lines().last().unwrap_or_default();
    insta::assert_snapshot!(line, @"└─ scales_with     hash_mem_multiplier  0.36  edge 0.90 [0.71–0.98], 1 against");
    assert!(svg(&cone).contains("confidence 0.90 [0.71–0.98], 1 against"));
    assert_eq!(cone.edges.iter().filter(|e| e.doubt.is_some()).count(), 1);
}

#[test]
fn a_drawing_is_the_same_every_time_and_well_formed() {
    let drawing = svg(&small());
    assert_eq!(drawing, svg(&small()));
    assert!(drawing.contains("a&lt;b&gt;&amp;&quot;c&quot;") && !drawing.contains("a<b>"));
    assert!(drawing.contains("statement_mean_ms → checkout: uses, confidence 1.00"));
    assert!(!drawing.contains("style=") && !drawing.contains("NaN") && !drawing.contains("inf"));
    for tag in ["g", "text", "title", "svg"] {
        let opened = drawing.matches(&format!("<{tag} ")).count()
            + drawing.matches(&format!("<{tag}>")).count();
        assert_eq!(
            opened,
            drawing.matches(&format!("</{tag}>")).count(),
            "{tag}"
        );
    }
}

#[test]
fn nothing_reached_is_drawn_and_told_too() {
    let graph = CompactGraph::from_edges(Vec::new(), None);
    let spec = ImpactSpec::new(View::All, Timestamp(1));
    let cone = Cone::of(
        &graph,
        &[Changed::setting("work_mem", "1MB", "2MB")],
        &spec,
        NODES_MAX,
    );
    insta::assert_snapshot!(tree(&cone), @"work_mem  1MB -> 2MB");
    assert!(svg(&cone).contains("nothing that is known depends on it"));
    assert!(
        svg(&Cone {
            nodes: Vec::new(),
            edges: Vec::new()
        })
        .ends_with("</svg>\n")
    );
}

/// A cone of a random graph that includes cycles, self-loops and parallel edges.
fn random(seed: u64, nodes_max: usize) -> Cone {
    let mut dice = Dice::new(seed);
    let name = |dice: &mut Dice| format!("setting_{}", dice.below(150));
    let edges: Vec<Edge> = (0..400)
        .map(|_| {
            let kind = dice
                .pick(&EdgeKind::ALL)
                .copied()
                .unwrap_or(EdgeKind::Requires);
            let (from, to) = (name(&mut dice), name(&mut dice));
            let mut edge = open(&from, kind, &to, dice.unit());
            if kind == EdgeKind::Affects {
                edge.to = NodeKey::Metric(MetricName::new(&format!("metric_{}", dice.below(9))));
            }
            if kind == EdgeKind::Uses {
                edge.from = NodeKey::Service(ServiceName::new("web"));
                edge.to = NodeKey::Target(TargetId::new("shop"));
            }
            edge
        })
        .collect();
    let graph = CompactGraph::from_edges(edges, Some(&TargetId::new("shop")));
    let changes = [
        Changed::setting("setting_0", "a", "b"),
        Changed::setting("setting_1", "off", "on"),
    ];
    Cone::of(
        &graph,
        &changes,
        &ImpactSpec::new(View::All, Timestamp(1)),
        nodes_max,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_two_boxes_overlap_and_lines_run_to_the_right(seed: u64) {
        let cone = random(seed, NODES_MAX);
        let heights: Vec<f64> = cone.nodes.iter().map(|_| 48.0).collect();
        let layout = layout::lay_out(&cone, &heights);
        for (i, a) in layout.spots.iter().enumerate() {
            prop_assert!(a.y >= 23.9 && a.y <= layout.height - 23.9);
            for b in layout.spots.iter().skip(i + 1).filter(|b| b.column == a.column) {
                prop_assert!((a.y - b.y).abs() >= 48.0 + 7.9, "{a:?} {b:?}");
            }
        }
        for edge in &cone.edges {
            prop_assert!(layout.spots[edge.from].column < layout.spots[edge.to].column);
        }
    }

    #[test]
    fn collapsing_loses_no_node(seed: u64) {
        let (all, few) = (random(seed, 10_000), random(seed, 12));
        let total = |cone: &Cone| ["setting", "metric", "service"].map(|kind| cone.count(kind));
        prop_assert_eq!(total(&all), total(&few));
        prop_assert!(few.nodes.len() <= 12 + 4);
        for (place, node) in few.nodes.iter().enumerate().skip(2) {
            prop_assert!(few.edges.iter().any(|e| e.to == place), "{node:?} hangs in the air");
        }
        let told = tree(&few);
        for node in &few.nodes {
            prop_assert!(told.contains(&node.label()), "{} is not told", node.label());
        }
    }
}
