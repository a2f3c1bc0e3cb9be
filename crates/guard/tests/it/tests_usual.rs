//! What a guard knows of a target while nothing is changed: harmless windows.

use backstay_model::decision::Mode;

use crate::room::{Room, shop};

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
