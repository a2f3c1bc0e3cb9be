//! What a guard knows of a target while nothing is changed: harmless windows, and what is unusual.

use backstay_journal::{Notice, Presence, Record};
use backstay_model::decision::Mode;
use backstay_model::verdict::Refusal;

use crate::room::{Load, Room, shop};

#[test]
fn harmless_windows_are_judged_all_the_time_and_survive_the_guard() {
    let mut room = Room::calm(Mode::Auto);
    room.seconds(8 * 60);
    let rates = room.guard.realised(&shop()).unwrap();
    let whole = &rates[0];
    assert!(whole.windows >= 6 && whole.metric.is_none(), "{whole:?}");
    assert_eq!((whole.alarms, whole.realised), (0, Some(0.0)));
    let commits = rates.iter().filter_map(|r| r.metric.as_ref());
    assert!(commits.into_iter().any(|m| m.as_str() == "commits_per_s"));
    let _told = room.guard.keep_books();
    room.again(Mode::Auto);
    let after = room.guard.realised(&shop()).unwrap();
    assert!(after[0].windows + 4 >= rates[0].windows, "{after:?}");
    assert!(after[0].windows > 0, "{after:?}");
}

#[test]
fn a_watch_is_no_harmless_window() {
    let mut room = Room::calm(Mode::Auto);
    room.seconds(2 * 60);
    let before = room.guard.realised(&shop()).unwrap()[0].windows;
    room.set("work_mem", "8192");
    room.observe();
    room.seconds(60);
    assert_eq!(room.guard.realised(&shop()).unwrap()[0].windows, before);
}

#[test]
fn what_is_unusual_between_changes_is_noted_and_no_change_is_blamed_for_it() {
    let mut room = Room::calm(Mode::Auto);
    room.seconds(700);
    room.load = Load::Hang;
    room.seconds(30);
    let noticed = |room: &Room, wanted: Presence| {
        room.records().iter().any(|e| {
            matches!(&e.record, Record::Notice { notice: Notice::Unusual { metrics }, presence, .. }
                if *presence == wanted && metrics[0].as_str() == "commits_per_s")
        })
    };
    assert!(noticed(&room, Presence::Begins), "{:#?}", room.told());
    // Somebody tries to mend it: what was there before is not the fault of that.
    room.set("work_mem", "8192");
    room.observe();
    let id = room.newest();
    room.seconds(130);
    let case = room.case(id);
    let verdict = case.verdict.clone().unwrap();
    assert!(case.moments.judged_at.is_none(), "{verdict:#?}");
    assert!(verdict.refusals.contains(&Refusal::NotNew), "{verdict:#?}");
    room.load = Load::Calm;
    room.seconds(40);
    assert!(noticed(&room, Presence::Ends));
    assert!(room.writes().is_empty());
}
