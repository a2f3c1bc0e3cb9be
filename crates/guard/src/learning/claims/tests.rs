use backstay_graph::{EdgeFilter, Graph, View};
use backstay_model::SettingName;
use backstay_model::dependency::EvidenceKind;

use super::*;

const PG15: Version = (EngineKind::Postgresql, 15);

fn evidence(kind: EvidenceKind, anchor: &str, log_lr: f64) -> Evidence {
    Evidence {
        kind,
        anchor: anchor.to_owned(),
        log_lr,
        observed_at: Some(Timestamp::from_secs(1_000)),
    }
}

fn saying(kind: Option<EdgeKind>, evidence: Evidence) -> Saying {
    Saying {
        from: NodeKey::setting("a"),
        to: NodeKey::setting("b"),
        kind,
        direction: Direction::Known,
        rule: None,
        extent: Extent::Engine(EngineKind::Postgresql),
        evidence,
    }
}

/// A graph that knows nothing.
fn nothing() -> Graph {
    Graph::new()
}

/// A graph that knows `a bounded_by b` by its documentation.
fn rules() -> Graph {
    let edge = Edge {
        from: NodeKey::setting("a"),
        to: NodeKey::setting("b"),
        kind: EdgeKind::BoundedBy,
        confidence: backstay_model::Confidence::clamped(0.5),
        constraint: Some("pg.a.b".into()),
        rule: Some("a <= b".into()),
        evidence: vec![evidence(EvidenceKind::Documentation, "GUC-A", 5.5)],
        valid_from: Timestamp(0),
        valid_to: Timestamp::OPEN_END,
    };
    let scope = EdgeScope::rules(PG15.0, PG15.1);
    Graph::from_edges(&scope, [edge])
}

/// The overlay that these sayings make, one at a time, and what is left of the rules.
fn overlay(graph: &Graph, sayings: &[Saying]) -> Vec<Edge> {
    let mut claims = Claims::default();
    let mut then = graph.overlay();
    let (versions, runs) = (BTreeSet::from([PG15]), BTreeMap::new());
    for (i, saying) in sayings.iter().enumerate() {
        let touched = BTreeSet::from([claims.say(saying.clone())]);
        let at = Timestamp::from_secs(1_000 + i as i64);
        let below = Below {
            graph: &then.clone(),
            versions: &versions,
            runs: &runs,
            at,
        };
        let ops = claims.about(&touched, &below);
        ops.iter().for_each(|op| then.put(op));
    }
    let view = View::Scope(EdgeScope::learnt(PG15.0, PG15.1));
    then.edges(Timestamp::from_secs(2_000), &EdgeFilter::view(view))
}

fn co_change(log_lr: f64) -> Saying {
    let anchor = Source::CoChange.anchor("7 decisions by 4 people");
    saying(None, evidence(EvidenceKind::History, &anchor, log_lr))
}

#[test]
fn what_was_changed_together_raises_a_known_edge_and_never_makes_one() {
    for log_lr in [3.4, 30.0] {
        assert_eq!(overlay(&nothing(), &[co_change(log_lr)]), []);
        // Not even when it says how the one depends on the other.
        let typed = Saying {
            kind: Some(EdgeKind::BoundedBy),
            ..co_change(log_lr)
        };
        assert_eq!(overlay(&nothing(), &[typed]), []);
    }
    let [edge] = overlay(&rules(), &[co_change(3.4)]).try_into().unwrap();
    assert!(edge.confidence.get() > 0.9, "{edge:?}");
    assert_eq!(edge.rule.as_deref(), Some("a <= b"));
    assert_eq!(edge.evidence.len(), 2);
}

#[test]
fn a_count_that_grew_replaces_itself_and_a_ratio_of_one_takes_it_back() {
    let more = saying(
        None,
        evidence(EvidenceKind::History, "co_change:9 decisions", 3.6),
    );
    let [edge] = overlay(&rules(), &[co_change(3.4), more])
        .try_into()
        .unwrap();
    let anchors: Vec<&str> = edge.evidence.iter().map(|e| e.anchor.as_str()).collect();
    assert_eq!(anchors, ["GUC-A", "co_change:9 decisions"]);
    assert_eq!(overlay(&rules(), &[co_change(3.4), co_change(0.0)]), []);
}

#[test]
fn what_a_server_derived_makes_an_edge_once_it_is_believed() {
    let derived = |log_lr| {
        let said = evidence(EvidenceKind::Probe, "derived:C17", log_lr);
        saying(Some(EdgeKind::ScalesWith), said)
    };
    assert_eq!(overlay(&nothing(), &[derived(4.0)]), []);
    let [edge] = overlay(&nothing(), &[derived(8.5)]).try_into().unwrap();
    assert_eq!(edge.kind, EdgeKind::ScalesWith);
    assert_eq!(edge.constraint, None);
}

#[test]
fn a_person_may_name_what_nobody_knew_and_two_people_may_differ() {
    let says = |who: &str, log_lr: f64| {
        let said = evidence(EvidenceKind::Person, &Source::Person.anchor(who), log_lr);
        saying(Some(EdgeKind::Requires), said)
    };
    let [edge] = overlay(&nothing(), &[says("ann", 4.6)]).try_into().unwrap();
    assert!(
        edge.confidence.get() < 0.5,
        "one word is not proof: {edge:?}"
    );
    let both = overlay(&nothing(), &[says("ann", 4.6), says("bob", -4.6)]);
    let [edge] = both.try_into().unwrap();
    assert_eq!(edge.evidence.len(), 2);
    assert!(edge.confidence.get() < 0.01);
}

#[test]
fn a_hint_of_a_kind_speaks_for_edges_of_that_kind_in_both_directions() {
    let hint = Saying {
        from: NodeKey::Setting(SettingName::new("b")),
        to: NodeKey::Setting(SettingName::new("a")),
        direction: Direction::Unknown,
        ..saying(
            Some(EdgeKind::BoundedBy),
            evidence(EvidenceKind::History, "invariant:30 pairs", 3.9),
        )
    };
    assert_eq!(overlay(&rules(), std::slice::from_ref(&hint)).len(), 1);
    let other = Saying {
        kind: Some(EdgeKind::Requires),
        ..hint
    };
    assert_eq!(overlay(&rules(), &[other]), []);
}

#[test]
fn what_is_said_of_one_target_lies_over_that_target_and_takes_in_what_is_said_of_all() {
    let (one, other) = (TargetId::new("db-1"), TargetId::new("db-2"));
    let person = |who: &str, extent| Saying {
        extent,
        ..saying(
            Some(EdgeKind::BoundedBy),
            evidence(EvidenceKind::Person, &Source::Person.anchor(who), 4.6),
        )
    };
    let mut claims = Claims::default();
    let graph = rules();
    let mut then = graph.overlay();
    let versions = BTreeSet::from([PG15]);
    let runs = BTreeMap::from([(one.clone(), PG15), (other.clone(), PG15)]);
    let mut hear = |touched: BTreeSet<Touched>, claims: &Claims, second| {
        let below = Below {
            graph: &then.clone(),
            versions: &versions,
            runs: &runs,
            at: Timestamp::from_secs(second),
        };
        let ops = claims.about(&touched, &below);
        ops.iter().for_each(|op| then.put(op));
        let now = Below {
            graph: &then.clone(),
            ..below
        };
        assert_eq!(claims.all(&now), [], "nothing was left out");
        let voices = |scope| {
            let filter = EdgeFilter::view(View::Scope(scope));
            let edges = then.edges(Timestamp::from_secs(second), &filter);
            edges.first().map_or(0, |e| e.evidence.len())
        };
        let of = |target: &TargetId| voices(EdgeScope::Target(target.clone()));
        (
            ops.len(),
            voices(EdgeScope::learnt(PG15.0, PG15.1)),
            of(&one),
            of(&other),
        )
    };
    let touched = claims.say(person("ann", Extent::Target(one.clone())));
    assert_eq!(hear([touched].into(), &claims, 1_000), (1, 0, 2, 0));
    // A hint about the two nodes in the same breath: each edge is brought up to date once.
    let both = [
        claims.say(person("bob", Extent::Installation)),
        claims.say(co_change(2.0)),
    ];
    assert_eq!(hear(both.into(), &claims, 1_001), (2, 3, 4, 0));
}
