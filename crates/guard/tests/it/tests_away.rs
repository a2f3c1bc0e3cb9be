//! The guard, the server or the sight of it was away.

use backstay_engine::ReadError;
use backstay_graph::{EdgeFilter, View};
use backstay_guard::inbox::What;
use backstay_journal::memory::Fault;
use backstay_journal::{MemorySnapshots, Record, Request};
use backstay_model::decision::Mode;
use backstay_model::name::EngineKind;
use backstay_model::verdict::Finding;
use backstay_model::{NodeKey, ServiceName, Span};

use crate::room::{KEY, Load, Room, effective, service, shop};

fn unreachable() -> What {
    What::Failed(ReadError::Unreachable {
        why: "refused".to_owned(),
    })
}

#[test]
fn a_change_that_was_made_while_the_guard_was_away_is_seen() {
    let mut room = Room::calm(Mode::Auto);
    room.set(KEY, "on");
    room.again(Mode::Auto);
    room.connect();
    room.observe();
    assert!(room.told().contains(&format!("seen {KEY} by unknown")));
    let since = room.case(room.newest()).change_set.changes[0]
        .time
        .not_before;
    assert!(
        room.now.since(since) < Span::from_secs(20),
        "the old guard looked until it ended"
    );
}

/// The snapshot is stored before the journal has the change: a crash in between must not lose it.
#[test]
fn a_change_that_was_not_recorded_is_seen_again() {
    let mut room = Room::calm(Mode::Auto);
    room.set(KEY, "on");
    let seen = room.seen(Vec::new());
    room.entries.set_fault(Some(Fault::Io));
    assert!(room.try_tick(vec![seen]).is_err());
    room.entries.set_fault(None);
    room.again(Mode::Auto);
    room.connect();
    room.observe();
    assert!(room.told().contains(&format!("seen {KEY} by unknown")));
    assert_eq!(room.state(room.newest()), "watching");
}

#[test]
fn a_restart_that_was_not_recorded_is_seen_again() {
    let mut room = Room::calm(Mode::Auto);
    room.set_for_restart("max_connections", "200");
    room.observe();
    let id = room.newest();
    assert_eq!(room.state(id), "dormant");
    room.server_restarts();
    room.now = room.now + Span::from_secs(1);
    let seen = room.seen(Vec::new());
    room.entries.set_fault(Some(Fault::Io));
    assert!(room.try_tick(vec![seen]).is_err());
    room.entries.set_fault(None);
    room.again(Mode::Auto);
    room.connect();
    room.observe();
    assert_eq!(room.state(id), "watching");
    assert_eq!(room.changes(), [id], "it is not seen twice");
}

#[test]
fn a_restart_of_the_server_while_the_guard_was_away_wakes_what_waited() {
    let mut room = Room::calm(Mode::Auto);
    room.set_for_restart("max_connections", "200");
    room.observe();
    let id = room.newest();
    room.again(Mode::Auto);
    room.silence(60);
    room.server_restarts();
    room.connect();
    room.observe();
    assert_eq!(room.state(id), "watching");
    assert_eq!(room.changes(), [id]);
}

/// The restart is recorded at once, the configuration only with the next change: a guard that begins
/// in between must not take for new what woke.
#[test]
fn what_woke_before_the_guard_died_is_not_seen_again() {
    let mut room = Room::calm(Mode::Auto);
    room.set_for_restart("max_connections", "200");
    room.observe();
    let id = room.newest();
    room.server_restarts();
    room.observe();
    room.seconds(5);
    room.again(Mode::Auto);
    room.connect();
    room.observe();
    assert_eq!(room.changes(), [id], "{:#?}", room.told());
    assert_eq!(room.state(id), "watching");
}

#[test]
fn what_waited_before_the_first_look_is_watched_when_it_wakes() {
    let mut room = Room::bare(Mode::Auto);
    room.set_for_restart("max_connections", "200");
    room.connect();
    room.observe();
    room.seconds(70);
    room.server_restarts();
    room.observe();
    assert_eq!(room.changes().len(), 1);
    assert_eq!(room.state(room.newest()), "watching");
}

#[test]
fn what_an_operator_kept_is_not_seen_again_when_it_wakes() {
    let mut room = Room::calm(Mode::Auto);
    room.set_for_restart("max_connections", "200");
    room.observe();
    let id = room.newest();
    room.ask(Request::Keep { change_set: id });
    room.seconds(5);
    room.server_restarts();
    room.observe();
    assert_eq!(room.changes(), [id]);
    assert_eq!(room.state(id), "kept");
}

#[test]
fn lost_snapshots_make_a_new_baseline_that_is_not_good_while_something_is_open() {
    let mut room = Room::calm(Mode::Observe);
    let id = room.harm();
    assert_eq!(room.state(id), "held");
    room.snapshots = MemorySnapshots::new();
    room.again(Mode::Observe);
    room.connect();
    room.observe();
    let told = room.told();
    assert!(told.contains(&"baseline checkout".to_owned()), "{told:#?}");
    let last = room
        .records()
        .into_iter()
        .filter(|e| matches!(e.record, Record::KnownGood { .. }));
    assert_eq!(
        last.count(),
        1,
        "only the first baseline is known to be good"
    );
}

#[test]
fn every_start_tells_what_is_watched() {
    let mut room = Room::calm(Mode::Auto);
    room.again(Mode::Auto);
    room.connect();
    room.observe();
    let told = room.told();
    assert!(told.contains(&"baseline checkout".to_owned()), "{told:#?}");
}

#[test]
fn another_server_at_the_address_after_a_start_is_not_compared() {
    let mut room = Room::calm(Mode::Auto);
    room.again(Mode::Auto);
    room.connect();
    room.shown.server.data_directory = "/other".to_owned();
    room.set(KEY, "on");
    room.observe();
    assert!(room.changes().is_empty());
    assert!(room.told().contains(&"condition another_server".to_owned()));
    room.second();
    assert!(!room.told().contains(&"condition up".to_owned()));
    room.shown.server.data_directory = "/data".to_owned();
    room.observe();
    assert!(room.told().contains(&format!("seen {KEY} by unknown")));
}

#[test]
fn a_directory_that_may_be_read_now_is_no_other_server() {
    let mut room = Room::calm(Mode::Auto);
    room.shown.server.data_directory = "system identifier 7".to_owned();
    room.again(Mode::Auto);
    room.connect();
    room.set(KEY, "on");
    room.observe();
    assert_eq!(room.changes().len(), 1);
}

#[test]
fn a_target_that_is_back_with_another_configuration_is_said_to_be_up() {
    let mut room = Room::calm(Mode::Auto);
    room.tick(vec![unreachable()]);
    room.set(KEY, "on");
    room.observe();
    room.second();
    let told = room.told();
    assert_eq!(
        told[..2],
        ["condition unreachable", "condition up"],
        "{told:#?}"
    );
}

#[test]
fn a_restart_is_said_once_and_not_followed_by_up() {
    let mut room = Room::calm(Mode::Auto);
    room.tick(vec![unreachable()]);
    room.load = Load::Gone;
    room.seconds(3);
    room.load = Load::Calm;
    room.server_restarts();
    room.observe();
    room.seconds(3);
    assert_eq!(
        room.told(),
        ["condition unreachable", "condition restarted"]
    );
}

#[test]
fn a_watch_that_ended_while_the_guard_was_away_is_judged_on_what_was_measured() {
    let mut room = Room::calm(Mode::Auto);
    room.set("work_mem", "8192");
    room.observe();
    let id = room.newest();
    room.seconds(58);
    room.now = room.now + Span::from_secs(4);
    room.again(Mode::Auto);
    room.tick(Vec::new());
    assert_eq!(room.state(id), "watching");
    let asked = room.case(id).verdict;
    assert!(asked.is_none(), "{asked:?}");
    room.connect();
    room.second();
    let verdict = room.case(id).verdict.unwrap();
    assert!(
        verdict.findings.iter().any(|f| f.after.is_some()),
        "{verdict:?}"
    );
}

#[test]
fn a_recovery_that_ended_while_the_guard_was_away_is_looked_at_again() {
    let (mut room, id) = Room::reverting();
    room.reset(KEY);
    room.reply(effective());
    room.observe();
    room.now = room.now + Span::from_secs(100);
    room.again(Mode::Auto);
    room.tick(Vec::new());
    assert_eq!(room.state(id), "verifying");
    room.connect();
    room.load = Load::Calm;
    room.seconds(5);
    assert_eq!(room.state(id), "rolled back");
    assert_eq!(
        room.case(id).recovery,
        Some(backstay_model::verdict::Recovery::Yes)
    );
}

#[test]
fn a_service_that_comes_later_is_in_the_graph() {
    let mut room = Room::calm(Mode::Auto);
    room.shown.services.push(service("reports"));
    room.set("work_mem", "8192");
    room.observe();
    let edges = room
        .guard
        .graph()
        .edges(room.now, &EdgeFilter::view(View::All));
    let reports = NodeKey::Service(ServiceName::new("reports"));
    assert!(
        edges
            .iter()
            .any(|e| e.from == reports && e.to == NodeKey::Target(shop()))
    );
}

#[test]
fn an_upgraded_server_has_the_rules_of_its_version() {
    let mut room = Room::bare(Mode::Auto);
    room.shown.server.version = "9.6.1".to_owned();
    room.connect();
    room.observe();
    let rules = |room: &Room| {
        let view = View::Effective {
            engine: EngineKind::Postgresql,
            major: 15,
            target: shop(),
        };
        let edges = room.guard.graph().edges(room.now, &EdgeFilter::view(view));
        edges
            .iter()
            .filter(|e| matches!(e.from, NodeKey::Setting(_)))
            .count()
    };
    assert_eq!(rules(&room), 0);
    room.shown.server.version = "15.18".to_owned();
    room.server_restarts();
    room.observe();
    assert!(rules(&room) > 100);
}

#[test]
fn a_pause_is_told_and_survives() {
    let mut room = Room::calm(Mode::Auto);
    room.ask(Request::Pause);
    assert_eq!(room.told(), ["paused Begins"]);
    room.again(Mode::Auto);
    assert!(room.guard.paused());
    room.ask(Request::Resume);
    assert_eq!(room.told(), ["paused Ends"]);
}

#[test]
fn a_snapshot_of_a_target_that_is_not_watched_is_refused() {
    let mut room = Room::calm(Mode::Auto);
    let target = backstay_model::TargetId::new("other");
    let request = Request::TakeSnapshot { target };
    assert_eq!(room.guard.target_of(&request), None);
    room.ask(request);
    let answer = room.records().pop().unwrap().record;
    assert!(matches!(
        answer,
        Record::Operator {
            answer: backstay_journal::record::Answer::Refused { .. },
            ..
        }
    ));
}

/// The word of a crash may be lost with the session; the age of the server's processes is not.
#[test]
fn a_server_that_crashes_again_and_again_under_a_change_is_put_back() {
    let mut room = Room::calm(Mode::Auto);
    room.shown.server.processes_since = Some(room.shown.server.started_at);
    room.observe();
    room.set(KEY, "on");
    room.observe();
    let id = room.newest();
    for _ in 0..2 {
        room.seconds(3);
        room.tick(vec![unreachable()]);
        room.load = Load::Gone;
        room.seconds(2);
        room.load = Load::Calm;
        room.shown.server.processes_since = Some(room.now);
        room.observe();
    }
    room.seconds(3);
    assert_eq!(room.state(id), "reverting", "{:#?}", room.told());
    let findings = room.case(id).verdict.unwrap().findings;
    let fell = |f: &Finding| f.text.contains("the server fell 2 times");
    assert!(findings.iter().any(fell), "{findings:?}");
}
