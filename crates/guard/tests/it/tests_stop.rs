//! The journal fails: nothing is written any more, and the guard goes on looking.

use backstay_journal::Request;
use backstay_journal::memory::Fault;
use backstay_model::decision::Mode;
use backstay_model::event::{WriteReply, WriteTiming};
use backstay_model::plan::Found;

use crate::room::{KEY, Load, Room};

#[test]
fn a_decision_that_cannot_be_recorded_is_not_carried_out() {
    let mut room = Room::calm(Mode::Auto);
    room.set(KEY, "on");
    room.observe();
    room.load = Load::Hang;
    room.entries.set_fault(Some(Fault::Io));
    let before = room.records().len();
    let mut failures = 0;
    for _ in 0..30 {
        room.now = room.now + backstay_model::Span::from_secs(1);
        let arrivals = crate::room::measured(room.now, room.load);
        failures += u32::from(room.try_tick(arrivals).is_err());
    }
    assert_eq!(failures, 1, "it is told once");
    assert!(room.guard.stopped().is_some());
    room.entries.set_fault(None);
    room.seconds(30);
    assert!(room.commands.is_empty(), "{:?}", room.commands);
    assert_eq!(room.records().len(), before);
}

#[test]
fn a_stopped_guard_goes_on_looking() {
    let mut room = Room::calm(Mode::Auto);
    room.entries.set_fault(Some(Fault::Full));
    room.set("work_mem", "8192");
    let seen = room.seen(Vec::new());
    assert!(room.try_tick(vec![seen]).is_err());
    room.seconds(3);
    room.set("fsync", "off");
    room.observe();
    room.set(KEY, "on");
    room.observe();
    room.ask(Request::Pause);
    let told = room.told();
    for what in [
        "seen work_mem by unknown",
        "seen fsync by unknown",
        &format!("seen {KEY} by unknown"),
    ] {
        assert!(told.iter().any(|t| t == what), "{what} in {told:#?}");
    }
    assert!(!told.iter().any(|t| t == "writing"), "{told:#?}");
}

/// A record that cannot be kept leaves the guard ahead of its journal: whatever it did from then on
/// would rest on something that is nowhere durable.
#[test]
fn a_record_that_cannot_be_kept_stops_the_guard_as_well() {
    let (mut room, _) = Room::reverting();
    let timing = WriteTiming {
        lock_s: f64::NAN,
        ..WriteTiming::default()
    };
    let intent = room.written().intent;
    let reply = WriteReply::Effective { timing };
    let what = backstay_guard::inbox::What::Replied { intent, reply };
    assert!(room.try_tick(vec![what]).is_err());
    assert!(room.guard.stopped().is_some());
    let before = room.records().len();
    room.commands.clear();
    room.seconds(200);
    assert!(room.commands.is_empty());
    assert_eq!(room.records().len(), before);
    room.again(Mode::Auto);
    room.tick(Vec::new());
    room.found(Found::Effective);
}
