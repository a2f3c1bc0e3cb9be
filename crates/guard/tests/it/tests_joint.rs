//! Changes that overlap, repairs, and values that nobody goes back to.

use backstay_guard::report::Report;
use backstay_journal::Request;
use backstay_lifecycle::State;
use backstay_model::change::{Pending, Standing};
use backstay_model::decision::{HoldReason, Mode};
use backstay_model::{ChangeSetId, Value, ValueSource};

use crate::room::{KEY, Load, Room, effective};

/// A watch of the room, and its one extension.
const WATCHES_S: u32 = 125;

/// Two settings of which the graph knows no way to what hangs.
const AGE: &str = "log_rotation_age";
const SIZE: &str = "log_rotation_size";

fn built_in(room: &mut Room, name: &str) {
    let standing = Standing {
        effective: Some(Value::text("1440")),
        source: ValueSource::Default,
        entry: None,
        waiting: None,
        pending_restart: Pending::No,
    };
    room.stand(name, standing);
}

/// Both are changed, six seconds apart, and then work hangs.
fn two(mode: Mode) -> (Room, [ChangeSetId; 2]) {
    let mut room = Room::bare(mode);
    built_in(&mut room, AGE);
    built_in(&mut room, SIZE);
    room.connect();
    room.observe();
    room.seconds(120);
    room.news.clear();
    room.set(SIZE, "8192");
    room.observe();
    let first = room.newest();
    room.seconds(6);
    room.set(AGE, "7");
    room.observe();
    let second = room.newest();
    room.load = Load::Hang;
    room.seconds(6);
    (room, [first, second])
}

fn paged(room: &mut Room) -> Vec<String> {
    let told = room.told().into_iter();
    told.filter(|t| t.contains("paged ")).collect()
}

fn suspects(room: &Room, id: ChangeSetId) -> Vec<ChangeSetId> {
    match room.case(id).state {
        State::Held {
            reason: HoldReason::Joint { suspects, .. },
            ..
        } => suspects,
        other => panic!("{id} is {other}"),
    }
}

/// The write of an approved plan is done, and read back.
fn undone(room: &mut Room, id: ChangeSetId, name: &str, then: Load) {
    room.ask(Request::Revert { change_set: id });
    assert_eq!(room.state(id), "reverting", "{:#?}", room.told());
    built_in(room, name);
    room.load = then;
    room.reply(effective());
    room.observe();
}

#[test]
fn one_page_tells_all_suspects_and_what_to_undo_first() {
    for mode in [Mode::Approve, Mode::Auto] {
        let (mut room, [first, second]) = two(mode);
        assert_eq!(room.state(first), "held");
        assert_eq!(room.state(second), "held");
        assert_eq!(
            suspects(&room, first),
            [second, first],
            "the later one first"
        );
        let pages = paged(&mut room);
        assert_eq!(pages.len(), 1, "{pages:#?}");
        let order = format!("until what hurts is gone: {second}, then {first}");
        assert!(pages[0].contains(&order), "{pages:#?}");
        assert!(room.writes().is_empty());
    }
}

#[test]
fn what_went_away_with_one_releases_the_other() {
    let (mut room, [first, second]) = two(Mode::Approve);
    undone(&mut room, second, AGE, Load::Calm);
    room.seconds(10);
    assert_eq!(room.state(second), "rolled back", "{:#?}", room.told());
    assert_eq!(room.state(first), "watching", "{:#?}", room.told());
    room.seconds(WATCHES_S);
    assert_eq!(room.state(first), "kept", "{:#?}", room.told());
    assert!(room.case(first).attempts.is_empty());
}

#[test]
fn a_release_outlives_the_guard() {
    let (mut room, [first, second]) = two(Mode::Approve);
    undone(&mut room, second, AGE, Load::Calm);
    room.seconds(10);
    assert_eq!(room.state(first), "watching");
    room.again(Mode::Approve);
    room.connect();
    room.observe();
    room.seconds(WATCHES_S);
    assert_eq!(room.state(first), "kept", "{:#?}", room.told());
}

#[test]
fn what_hurts_on_calls_people_for_the_next_suspect_and_each_is_undone_once() {
    let (mut room, [first, second]) = two(Mode::Approve);
    room.news.clear();
    undone(&mut room, second, AGE, Load::Hang);
    room.seconds(70);
    assert_eq!(room.state(second), "rolled back");
    assert_eq!(suspects(&room, first), [first]);
    let pages = paged(&mut room);
    let next = format!("{second} was put back and it did not help; {first} is held");
    assert!(pages.iter().any(|p| p.contains(&next)), "{pages:#?}");
    undone(&mut room, first, SIZE, Load::Calm);
    room.seconds(10);
    assert_eq!(room.state(first), "rolled back", "{:#?}", room.told());
    room.seconds(WATCHES_S);
    let attempts = [first, second].map(|id| room.case(id).attempts.len());
    assert_eq!(attempts, [1, 1]);
}

#[test]
fn whoever_ends_an_outage_by_hand_is_not_asked_to_take_it_back() {
    let mut room = Room::calm(Mode::Approve);
    let outage = room.harm();
    room.seconds(20);
    room.reset(KEY);
    room.observe();
    let repair = room.newest();
    room.load = Load::Calm;
    room.news.clear();
    room.seconds(WATCHES_S);
    assert_eq!(room.state(outage), "superseded");
    let reason = Report::on(&room.case(outage)).reason.unwrap();
    assert_eq!(reason, format!("{KEY} was put back by hand with {repair}"));
    assert_eq!(room.state(repair), "kept", "{:#?}", room.told());
    let reason = Report::on(&room.case(repair)).reason;
    assert_eq!(reason, Some(format!("ended what {outage} hurt")));
    assert!(paged(&mut room).is_empty());
}

#[test]
fn a_change_amid_an_outage_that_ends_nothing_is_told_as_no_repair() {
    let mut room = Room::calm(Mode::Approve);
    let outage = room.harm();
    room.seconds(20);
    room.set("work_mem", "8192");
    room.observe();
    let other = room.newest();
    room.seconds(WATCHES_S);
    assert_eq!(room.state(outage), "held");
    assert_eq!(room.case(other).mends, None);
    let hurt = room.case(other).verdict.is_some_and(|v| v.kind.hurt());
    assert!(!hurt, "it was so before it");
}

#[test]
fn what_we_put_back_is_not_the_merit_of_a_change_that_came_meanwhile() {
    let (mut room, outage) = Room::reverting();
    room.set("work_mem", "8192");
    room.observe();
    let other = room.newest();
    room.reset(KEY);
    room.load = Load::Calm;
    room.reply(effective());
    room.observe();
    room.seconds(WATCHES_S);
    assert_eq!(room.state(outage), "rolled back", "{:#?}", room.told());
    assert_eq!(room.case(other).mends, None);
}

#[test]
fn nobody_is_told_to_go_back_to_a_value_under_which_harm_was_judged() {
    let mut room = Room::calm(Mode::Auto);
    room.policy.budget_per_hour = 0;
    room.again(Mode::Auto);
    room.connect();
    room.observe();
    room.seconds(60);
    room.set("work_mem", "64");
    room.observe();
    let first = room.newest();
    room.load = Load::Hang;
    room.seconds(6);
    assert_eq!(room.state(first), "held", "{:#?}", room.told());
    // Somebody tries another value, and later asks what taking that back would mean.
    room.set("work_mem", "128");
    room.observe();
    let second = room.newest();
    room.seconds(5);
    room.news.clear();
    room.ask(Request::Revert { change_set: second });
    assert_eq!(room.state(second), "watching", "{:#?}", room.told());
    assert!(room.writes().is_empty());
    let refused = room.records().into_iter().any(|entry| {
        let text = format!("{:?}", entry.record);
        text.contains(&format!("would be as it was when {first} hurt"))
    });
    assert!(refused);
    let old = &room.case(second).change_set.changes[0].old.effective;
    assert_eq!(*old, Some(Value::text("64")));
}
