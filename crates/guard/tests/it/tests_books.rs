//! The books are not as they should be: what was promised still holds.

use backstay_guard::inbox::What;
use backstay_journal::memory::Fault;
use backstay_journal::{Presence, Record, Request};
use backstay_model::decision::Mode;
use backstay_model::{Command, Event};

use crate::room::{KEY, Load, Room, effective};

fn intents(room: &Room) -> usize {
    let begins = |event: &Event, commands: &[Command]| {
        let writes = commands.iter().any(|c| matches!(c, Command::Write(_)));
        writes || matches!(event, Event::Approved { .. })
    };
    let records = room.records();
    let steps = records.iter().filter_map(|e| match &e.record {
        Record::Step {
            event, commands, ..
        } => Some((event, commands)),
        _ => None,
    });
    steps.filter(|(e, c)| begins(e, c)).count()
}

/// RB-7: the snapshot is durable before the intent. Policy holds instead.
#[test]
fn no_intent_is_recorded_when_the_configuration_cannot_be_stored() {
    let mut room = Room::calm(Mode::Auto);
    room.snapshots.set_fault(Some(Fault::Full));
    let id = room.harm();
    assert_eq!(room.state(id), "held");
    assert_eq!(intents(&room), 0);
    assert!(room.writes().is_empty());
    let told = room.told();
    let held = "cannot be stored";
    assert!(
        told.iter()
            .any(|t| t.starts_with("settled held") && t.contains(held)),
        "{told:#?}"
    );
}

/// RB-7 for a person as well: an approval does not replace the snapshot.
#[test]
fn an_approval_waits_until_the_configuration_can_be_stored() {
    let mut room = Room::calm(Mode::Approve);
    let id = room.harm();
    room.snapshots.set_fault(Some(Fault::Io));
    room.ask(Request::Revert { change_set: id });
    assert_eq!(room.state(id), "held");
    assert_eq!(intents(&room), 0);
    assert!(room.writes().is_empty());
    room.snapshots.set_fault(None);
    room.ask(Request::Revert { change_set: id });
    assert_eq!(room.state(id), "reverting");
    assert_eq!(room.writes().len(), 1);
}

/// A configuration that was never stored must not be the one that the next guard compares with.
#[test]
fn a_configuration_that_could_not_be_stored_loses_no_change() {
    let mut room = Room::calm(Mode::Auto);
    room.snapshots.set_fault(Some(Fault::Full));
    room.set("work_mem", "8192");
    room.observe();
    room.seconds(2);
    room.set(KEY, "on");
    room.again(Mode::Auto);
    room.snapshots.set_fault(None);
    room.connect();
    room.observe();
    let told = room.told();
    let seen = |t: &String| t.starts_with("seen") && t.contains(KEY);
    assert!(told.iter().any(seen), "{told:#?}");
}

#[test]
fn a_configuration_that_could_not_be_stored_is_tried_again() {
    let mut room = Room::calm(Mode::Auto);
    room.snapshots.set_fault(Some(Fault::Full));
    room.set("work_mem", "8192");
    room.observe();
    room.snapshots.set_fault(None);
    room.seconds(7);
    let told = room.told();
    let notices: Vec<_> = told
        .iter()
        .filter(|t| t.starts_with("notice") && t.contains("cannot be stored"))
        .collect();
    assert_eq!(notices.len(), 2, "{told:#?}");
    room.again(Mode::Auto);
    room.connect();
    room.observe();
    assert_eq!(room.changes().len(), 1, "it is not seen twice");
}

/// A step that cannot have happened: a second reply to a write that was rolled back long ago.
fn forge(room: &mut Room) {
    let (mut other, id) = Room::reverting();
    other.reset(KEY);
    other.reply(effective());
    let records = other.records();
    let impossible = records.iter().rev().find_map(|e| match &e.record {
        Record::Step { event, .. } => Some(event.clone()),
        _ => None,
    });
    let record = Record::Step {
        change_set: id,
        target: crate::room::shop(),
        event: impossible.unwrap(),
        commands: Vec::new(),
    };
    room.forge(record);
}

#[test]
fn a_journal_with_an_impossible_step_is_only_observed_with() {
    let (mut room, id) = Room::reverting();
    room.reset(KEY);
    room.reply(effective());
    room.observe();
    room.load = Load::Calm;
    room.seconds(8);
    assert_eq!(room.state(id), "rolled back");
    forge(&mut room);
    room.again(Mode::Auto);
    room.connect();
    room.observe();
    room.seconds(70);
    let told = room.told();
    assert!(
        told.iter()
            .any(|t| t.contains("cannot have happened") && t.contains("entry")),
        "{told:#?}"
    );
    room.set("work_mem", "8192");
    room.observe();
    room.load = Load::Hang;
    room.seconds(10);
    assert!(room.writes().is_empty());
    let second = room.newest();
    assert_eq!(room.state(second), "held");
    room.ask(Request::Revert { change_set: second });
    assert!(room.writes().is_empty());
}

#[test]
fn a_guard_that_stops_in_order_says_so() {
    let mut room = Room::calm(Mode::Auto);
    room.guard.stop(room.now, "asked to stop").unwrap();
    let last = room.records().pop().unwrap().record;
    assert!(matches!(last, Record::Stopped { .. }), "{last:?}");
    room.again(Mode::Auto);
    room.connect();
    room.observe();
    assert_eq!(room.changes().len(), 0);
}

/// A pause that a person asked for is not undone because there is no file; one that the file began
/// ends with it, also when the guard was started anew meanwhile.
#[test]
fn a_pause_ends_the_way_it_began() {
    let file = |presence| What::PauseFile {
        by: "the file".to_owned(),
        presence,
    };
    let mut room = Room::calm(Mode::Auto);
    room.ask(Request::Pause);
    room.tick(vec![file(Presence::Ends)]);
    assert!(room.guard.paused(), "a person asked for it");
    room.ask(Request::Resume);
    assert!(!room.guard.paused());
    room.tick(vec![file(Presence::Begins)]);
    room.ask(Request::Resume);
    assert!(room.guard.paused(), "the file is still there");
    room.again(Mode::Auto);
    assert!(room.guard.paused());
    room.tick(vec![file(Presence::Ends)]);
    assert!(!room.guard.paused());
    room.tick(vec![file(Presence::Begins)]);
    room.ask(Request::Pause);
    room.tick(vec![file(Presence::Ends)]);
    assert!(room.guard.paused(), "a person asked for it as well");
}

/// What is held for long is how the target behaves now: its quiet windows teach again.
#[test]
fn a_held_change_does_not_stop_learning_for_ever() {
    let mut room = Room::calm(Mode::Auto);
    room.set("fsync", "off");
    room.observe();
    let id = room.newest();
    room.seconds(70);
    assert_eq!(room.state(id), "held");
    assert_eq!(room.guard.learning(&crate::room::shop()), Some(false));
    room.seconds(70);
    assert_eq!(room.guard.learning(&crate::room::shop()), Some(true));
}
