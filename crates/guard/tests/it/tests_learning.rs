//! What the journal teaches: people's words, live and read again.

use backstay_graph::{EdgeFilter, EdgeScope, View};
use backstay_guard::learning::Known;
use backstay_journal::{Judgement, Opinion, Record, Request};
use backstay_model::decision::Mode;
use backstay_model::name::EngineKind;
use backstay_model::{Edge, EdgeKind, NodeKey, TargetId};

use crate::room::{KEY, Room, shop};

fn word(opinion: Opinion, target: Option<TargetId>) -> Request {
    Request::Judge(Judgement {
        target,
        from: NodeKey::setting("jit_above_cost"),
        to: NodeKey::setting("jit"),
        kind: EdgeKind::Enables,
        opinion,
        why: Some("seen in production".to_owned()),
    })
}

fn edge_in(room: &Room, view: View) -> Option<Edge> {
    let mut filter = EdgeFilter::view(view);
    filter.node = Some(NodeKey::setting("jit_above_cost"));
    let edges = room.guard.graph().edges(room.now, &filter).into_iter();
    let mut edges = edges.filter(|e| e.kind == EdgeKind::Enables);
    edges.find(|e| e.to == NodeKey::setting("jit"))
}

fn seen_by(room: &Room, target: &str) -> f64 {
    let view = View::Effective {
        engine: EngineKind::Postgresql,
        major: 15,
        target: TargetId::new(target),
    };
    edge_in(room, view).unwrap().confidence.get()
}

fn rule(room: &Room) -> Option<Edge> {
    edge_in(
        room,
        View::Scope(EdgeScope::rules(EngineKind::Postgresql, 15)),
    )
}

/// What everybody gets who reads the journal of a room.
fn read_again(room: &Room) -> Known {
    let mut known = Known::new();
    for entry in room.records() {
        drop(known.enter((entry.seq.0, entry.at), &entry.record, &room.snapshots));
    }
    known
}

#[test]
fn a_word_of_a_person_lies_over_the_rule_for_all_targets_or_one() {
    let mut room = Room::calm(Mode::Observe);
    let shipped = rule(&room).unwrap();
    room.ask(word(Opinion::Rejected, Some(shop())));
    assert!(seen_by(&room, "shop") < shipped.confidence.get());
    let unmoved = seen_by(&room, "other").to_bits() == shipped.confidence.get().to_bits();
    assert!(unmoved, "it was said of another target");
    // The same person thinks again: only the last word counts, and it is of the installation.
    room.ask(word(Opinion::Confirmed, Some(shop())));
    assert!(seen_by(&room, "shop") >= shipped.confidence.get());
    room.ask(word(Opinion::Rejected, None));
    assert!(seen_by(&room, "other") < shipped.confidence.get());
    assert_eq!(rule(&room), Some(shipped), "a rule is never written");
    let said = |e: &&backstay_journal::Entry| matches!(e.record, Record::Judgement { .. });
    assert_eq!(room.records().iter().filter(said).count(), 3);
}

#[test]
fn a_word_about_a_target_that_is_not_watched_is_refused() {
    let mut room = Room::calm(Mode::Observe);
    room.ask(word(Opinion::Rejected, Some(TargetId::new("nowhere"))));
    let said = |e: &backstay_journal::Entry| matches!(e.record, Record::Judgement { .. });
    assert!(!room.records().iter().any(said));
    let refused = format!("{:?}", room.records().last().unwrap().record);
    assert!(refused.contains("nowhere is not watched here"), "{refused}");
}

#[test]
fn what_is_read_again_is_what_was_known_live() {
    let mut room = Room::calm(Mode::Auto);
    room.ask(word(Opinion::Confirmed, None));
    room.harm();
    room.ask(word(Opinion::Rejected, Some(shop())));
    room.set("work_mem", "8192");
    room.observe();
    room.seconds(3);
    let live = room.guard.graph().clone();
    let read = read_again(&room);
    assert_eq!(read.graph, live);
    assert_eq!(&read.learning, &room.guard.known().learning);
    room.again(Mode::Auto);
    assert_eq!(room.guard.graph(), &live);
    assert!(room.shown.settings.keys().any(|k| k.name.as_str() == KEY));
}

#[test]
fn a_setting_that_no_pack_knows_is_a_node_that_can_be_spoken_of() {
    let mut room = Room::calm(Mode::Observe);
    room.set("my_extension.level", "3");
    room.observe();
    let node = NodeKey::setting("my_extension.level");
    assert!(room.guard.graph().nodes().any(|n| *n == node));
    room.ask(Request::Judge(Judgement {
        target: None,
        from: node.clone(),
        to: NodeKey::setting("jit"),
        kind: EdgeKind::Requires,
        opinion: Opinion::Confirmed,
        why: None,
    }));
    let mut filter = EdgeFilter::view(View::Scope(EdgeScope::learnt(EngineKind::Postgresql, 15)));
    filter.node = Some(node);
    let edges = room.guard.graph().edges(room.now, &filter);
    assert_eq!(edges.len(), 1);
    assert_eq!(
        (edges[0].constraint.as_ref(), edges[0].evidence.len()),
        (None, 1)
    );
    assert!(edges[0].confidence.get() < 0.5, "one word is not proof");
}
