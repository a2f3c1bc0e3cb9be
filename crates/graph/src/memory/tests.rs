use backstay_model::{Confidence, EdgeKind, Value};
use proptest::prelude::*;

use super::*;
use crate::conformance::{edge, effective_view, rules, set};
use crate::conformance::{random_batch, random_node};
use backstay_chance::Dice;

fn batches(seed: u64, count: u64) -> Vec<Batch> {
    let mut dice = Dice::new(seed);
    (1..=count)
        .map(|seq| random_batch(&mut dice, seq))
        .collect()
}

fn replayed(batches: &[Batch]) -> Graph {
    let mut graph = Graph::new();
    for batch in batches {
        graph.apply(batch).unwrap();
    }
    graph
}

proptest! {
    #[test]
    fn replay_equals_live_also_when_batches_come_twice(seed: u64, again in 0..6_usize) {
        let log = batches(seed, 6);
        let mut live = Graph::new();
        for batch in &log {
            live.apply(batch).unwrap();
            prop_assert_eq!(live.apply(&log[again.min(batch.seq as usize - 1)]).unwrap(), Applied::Before);
        }
        prop_assert_eq!(live, replayed(&log));
    }

    #[test]
    fn an_overlay_is_copy_and_edit_and_leaves_the_base_identical(seed: u64) {
        let log = batches(seed, 6);
        let (below, above) = log.split_at(3);
        let base = replayed(below);
        let untouched = base.clone();
        let mut overlay = base.overlay();
        above.iter().flat_map(|b| &b.ops).for_each(|op| overlay.put(op));
        let edited = replayed(&log);
        let mut dice = Dice::new(seed);
        for at in (-1..42).step_by(4).map(Timestamp) {
            prop_assert_eq!(overlay.snapshot(at), edited.snapshot(at));
            let spec = ImpactSpec::new(effective_view(), at);
            let start = [random_node(&mut dice)];
            prop_assert_eq!(overlay.impact(&start, &spec), edited.impact(&start, &spec));
        }
        prop_assert_eq!(base, untouched);
    }

    #[test]
    fn impact_grows_with_the_confidence_of_every_edge(seed: u64, pick: usize, more in 0.0..1.0_f64) {
        let at = Timestamp(20);
        let graph = replayed(&batches(seed, 8));
        let spec = ImpactSpec::new(View::All, at);
        let mut edges = graph.edges(at, &EdgeFilter::view(View::All));
        prop_assume!(!edges.is_empty());
        let start = [edges[pick % edges.len()].from.clone(), edges[pick % edges.len()].to.clone()];
        let before = crate::impact::rank(edges.clone(), &start[..1], &spec);
        let place = pick / 2 % edges.len();
        let sure = edges[place].confidence.get();
        edges[place].confidence = Confidence::clamped(sure + (1.0 - sure) * more);
        let after = crate::impact::rank(edges, &start[..1], &spec);
        for old in before {
            let new = after.iter().find(|i| i.node == old.node);
            prop_assert!(new.is_some_and(|n| n.score >= old.score), "{old:?} became {new:?}");
        }
    }
}

#[test]
fn the_best_way_may_be_too_long_to_continue() {
    // a is reached best over b (0.81), but with two edges only the direct, weaker way leads on to c.
    let sure = |from, to, p| Edge {
        confidence: Confidence::clamped(p),
        ..edge(from, to, EdgeKind::Requires, 0, i64::MAX)
    };
    let edges = vec![
        sure("b", "x", 0.9),
        sure("a", "b", 0.9),
        sure("a", "x", 0.5),
        sure("c", "a", 0.9),
    ];
    let graph = Graph::from_edges(&rules(), edges);
    let mut spec = ImpactSpec::new(View::Scope(rules()), Timestamp(1));
    spec.depth = 2;
    let told = |spec: &ImpactSpec| {
        let line = |i: &Impact| {
            let path: Vec<&str> = i.path.iter().map(NodeKey::name).collect();
            format!("{} {} {}", path.join(" > "), i.score, i.hops)
        };
        let found = graph.impact(&[NodeKey::setting("x")], spec);
        found.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(told(&spec), @r#"
    x > b 0.90 1
    x > b > a 0.81 2
    x > a > c 0.45 2
    "#);
    spec.depth = 3;
    insta::assert_snapshot!(told(&spec), @r#"
    x > b 0.90 1
    x > b > a 0.81 2
    x > b > a > c 0.73 3
    "#);
    let way = graph.path(&NodeKey::setting("x"), &NodeKey::setting("c"), &spec);
    assert_eq!(way.map(|i| i.hops), Some(3));
    assert!(
        graph
            .path(&NodeKey::setting("c"), &NodeKey::setting("x"), &spec)
            .is_none()
    );
}

#[test]
fn structure_does_not_run_through_a_metric_but_services_feel_it() {
    use backstay_model::{MetricName, ServiceName};
    let metric = NodeKey::Metric(MetricName::new("latency_ms"));
    let affects = |from: &str| Edge {
        to: metric.clone(),
        ..edge(from, "", EdgeKind::Affects, 0, i64::MAX)
    };
    let mut uses = edge("", "", EdgeKind::Uses, 0, i64::MAX);
    uses.from = NodeKey::Service(ServiceName::new("web"));
    uses.to = NodeKey::Target(crate::conformance::target());
    let odd = Edge {
        from: metric.clone(),
        ..edge("", "z", EdgeKind::ConflictsWith, 0, i64::MAX)
    };
    let graph = Graph::from_edges(&rules(), [affects("a"), affects("b"), uses, odd]);
    let reached = |spec: &ImpactSpec| {
        let found = graph.impact(&[NodeKey::setting("a")], spec);
        found
            .into_iter()
            .map(|i| i.node.name().to_owned())
            .collect::<Vec<_>>()
    };
    let mut spec = ImpactSpec::new(effective_view(), Timestamp(1));
    assert_eq!(reached(&spec), ["latency_ms", "web"]);
    spec.felt = crate::impact::Felt::Only(BTreeSet::new());
    assert_eq!(reached(&spec), ["latency_ms"]);
}

#[test]
fn a_setting_knows_its_value_author_and_time() {
    let mut graph = Graph::new();
    let ops = vec![
        set("work_mem", Some(Value::text("4MB")), 10),
        set("work_mem", Some(Value::text("64kB")), 20),
    ];
    graph.apply(&Batch { seq: 1, ops }).unwrap();
    let state = graph.setting_state(
        &crate::conformance::target(),
        &SettingKey::instance("work_mem"),
        Timestamp(15),
    );
    insta::assert_debug_snapshot!(state, @r#"
    Some(
        SettingState {
            value: Text(
                "4MB",
            ),
            changed_at: 1970-01-01T00:00:00.00001Z,
            author: Unknown,
            change_set: Some(
                C10,
            ),
            valid_to: 1970-01-01T00:00:00.00002Z,
        },
    )
    "#);
}
