//! When something is written, and above all when it is not.

use backstay_engine::ReadError;
use backstay_guard::inbox::What;
use backstay_journal::Request;
use backstay_lifecycle::State;
use backstay_model::Span;
use backstay_model::decision::{HoldReason, Mode};
use backstay_model::event::WriteReply;
use backstay_model::plan::Found;
use backstay_model::sample::Held;

use crate::room::{KEY, Load, Room, effective, lost, measured};

fn unreachable() -> What {
    What::Failed(ReadError::Unreachable {
        why: "refused".to_owned(),
    })
}

#[test]
fn an_intent_of_a_stricter_time_is_not_delivered_again() {
    for (mode, found, end) in [
        (Mode::Observe, Found::NotApplied, "held"),
        (Mode::Approve, Found::NotApplied, "held"),
        (Mode::Observe, Found::Mixed, "rollback failed"),
        (Mode::Approve, Found::Written, "rollback failed"),
    ] {
        let (mut room, id) = Room::reverting();
        room.again(mode);
        room.tick(Vec::new());
        room.found(found.clone());
        assert!(room.writes().is_empty(), "{mode}: {found:?}");
        assert_eq!(room.state(id), end, "{mode}: {found:?}");
    }
}

#[test]
fn an_approved_intent_is_delivered_again_in_approve_mode() {
    let mut room = Room::calm(Mode::Approve);
    let id = room.harm();
    let plan = room.case(id).plan.unwrap().hash;
    room.ask(Request::Approve {
        change_set: id,
        plan,
    });
    room.written();
    room.again(Mode::Approve);
    room.tick(Vec::new());
    room.found(Found::NotApplied);
    assert_eq!(room.writes().len(), 1);
}

#[test]
fn a_pause_waits_and_does_not_use_up_deliveries() {
    let (mut room, id) = Room::reverting();
    room.reply(lost());
    room.ask(Request::Pause);
    room.found(Found::NotApplied);
    for _ in 0..10 {
        room.silence(11);
    }
    assert!(room.commands.is_empty(), "{:?}", room.commands);
    assert_eq!(room.state(id), "reverting");
    room.ask(Request::Resume);
    room.silence(11);
    room.found(Found::NotApplied);
    assert_eq!(room.writes().len(), 1, "{}", room.state(id));
}

/// The very change that is put back may keep the observer out, while the held connection gets in.
#[test]
fn a_lost_answer_is_asked_for_although_the_observer_is_kept_out() {
    let (mut room, id) = Room::reverting();
    room.reply(lost());
    room.tick(vec![What::Failed(ReadError::LoginRefused {
        why: "no".to_owned(),
    })]);
    room.found(Found::Unknown {
        why: "no".to_owned(),
    });
    room.silence(11);
    room.found(Found::NotApplied);
    assert_eq!(room.writes().len(), 1);
    room.reply(effective());
    assert_eq!(room.state(id), "verifying");
}

#[test]
fn an_answer_that_is_on_its_way_is_not_asked_for_twice() {
    let (mut room, _) = Room::reverting();
    for _ in 0..3 {
        room.silence(11);
    }
    assert_eq!(room.inspected(), None);
    room.reply(lost());
    for _ in 0..3 {
        room.silence(11);
    }
    let asked = room.commands.len();
    assert_eq!(asked, 1, "{:?}", room.commands);
}

#[test]
fn an_answer_that_never_comes_is_asked_for_in_the_end() {
    let (mut room, _) = Room::reverting();
    for _ in 0..60 {
        room.silence(11);
    }
    assert!(room.inspected().is_some());
}

#[test]
fn three_lost_deliveries_page_a_person() {
    let (mut room, id) = Room::reverting();
    for _ in 0..2 {
        room.reply(lost());
        room.found(Found::NotApplied);
    }
    room.reply(lost());
    room.found(Found::NotApplied);
    assert_eq!(room.state(id), "rollback failed");
    assert!(room.told().iter().any(|t| t.starts_with("paged")));
}

/// What was decided before the target went away is judged again when it is back: three seconds of
/// samples say whether there is still a reason to write.
#[test]
fn a_revert_that_waited_for_the_target_is_judged_again() {
    for (then, end) in [(Load::Calm, "held"), (Load::Hang, "reverting")] {
        let (mut room, id) = Room::reverting();
        room.tick(vec![unreachable()]);
        room.reply(lost());
        room.load = Load::Gone;
        room.found(Found::Unknown {
            why: "gone".to_owned(),
        });
        room.seconds(12);
        room.load = then;
        room.found(Found::NotApplied);
        assert!(room.writes().is_empty(), "nothing was measured yet");
        room.seconds(4);
        room.found(Found::NotApplied);
        let written = usize::from(end == "reverting");
        assert_eq!(room.writes().len(), written, "{end}");
        assert_eq!(room.state(id), end);
        if end == "held" {
            let told = room.told();
            let gone = "settled held: the harm went away before anything was written";
            assert!(told.contains(&gone.to_owned()), "{told:#?}");
        }
    }
}

/// A target that never comes back must not leave its people without a word.
#[test]
fn an_intent_whose_target_is_gone_for_ever_pages_a_person() {
    let (mut room, id) = Room::reverting();
    room.tick(vec![unreachable()]);
    room.reply(lost());
    room.load = Load::Gone;
    room.found(Found::Unknown {
        why: "gone".to_owned(),
    });
    room.seconds(290);
    assert_eq!(room.state(id), "reverting");
    room.commands.clear();
    room.seconds(140);
    assert_eq!(room.state(id), "rollback failed");
    let told = room.told();
    let paged = "nobody can say what stands there";
    assert!(
        told.iter()
            .any(|t| t.starts_with("paged") && t.contains(paged)),
        "{told:#?}"
    );
    assert!(room.writes().is_empty());
}

/// A tool that puts the bad value back while the rollback is being checked must not get another
/// automatic rollback for each time it does.
#[test]
fn a_tool_that_writes_again_is_not_fought() {
    for restart in [Restart::No, Restart::Yes] {
        let (mut room, first) = Room::reverting();
        room.reset(KEY);
        room.reply(effective());
        room.observe();
        room.set(KEY, "on");
        room.observe();
        assert_eq!(room.state(first), "superseded");
        if restart == Restart::Yes {
            room.again(Mode::Auto);
            room.connect();
        }
        room.load = Load::Calm;
        room.seconds(5);
        room.load = Load::Hang;
        room.seconds(10);
        let second = room.newest();
        assert!(room.writes().is_empty());
        match room.case(second).state {
            State::Held { reason, .. } => assert_eq!(reason, HoldReason::CoolDown),
            other => panic!("{other:?}"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Restart {
    No,
    Yes,
}

#[test]
fn the_budget_survives_a_restart() {
    let (mut room, id) = Room::reverting();
    room.reset(KEY);
    room.reply(effective());
    room.observe();
    room.load = Load::Calm;
    room.seconds(8);
    assert_eq!(room.state(id), "rolled back");
    room.again(Mode::Auto);
    room.connect();
    room.seconds(70);
    room.set("work_mem", "8192");
    room.observe();
    room.load = Load::Hang;
    room.seconds(8);
    let second = room.newest();
    assert!(
        matches!(
            room.case(second).state,
            State::Held {
                reason: HoldReason::BudgetSpent,
                ..
            }
        ),
        "{:?}",
        room.case(second).state
    );
}

#[test]
fn another_server_is_never_written_to() {
    let mut room = Room::calm(Mode::Auto);
    room.set(KEY, "on");
    room.observe();
    let id = room.newest();
    let other = || {
        What::Failed(ReadError::AnotherServer {
            found: "/other".to_owned(),
            expected: "/data".to_owned(),
        })
    };
    room.load = Load::Hang;
    room.seconds(2);
    room.tick(vec![other()]);
    room.now = room.now + Span::from_secs(1);
    let mut arrivals = measured(room.now, Load::Hang);
    for what in &mut arrivals {
        if let What::Sampled(sample) = what {
            sample.held = Held::Lost {
                why: "gone".to_owned(),
            };
        }
    }
    room.tick(arrivals);
    assert!(room.writes().is_empty());
    assert_eq!(room.state(id), "held");
    room.ask(Request::Revert { change_set: id });
    assert!(room.writes().is_empty());
}

#[test]
fn what_is_open_waits_while_another_server_answers() {
    let (mut room, id) = Room::reverting();
    room.reply(lost());
    room.tick(vec![What::Failed(ReadError::AnotherServer {
        found: "/other".to_owned(),
        expected: "/data".to_owned(),
    })]);
    room.found(Found::NotApplied);
    assert!(room.writes().is_empty());
    assert_eq!(room.state(id), "reverting");
    room.seconds(4);
    room.silence(11);
    room.found(Found::NotApplied);
    assert_eq!(room.writes().len(), 1);
}

#[test]
fn edits_of_others_are_named() {
    let (mut room, id) = Room::reverting();
    let why = "a reload would also activate waiting edits of work_mem, jit".to_owned();
    room.reply(WriteReply::Refused { why });
    match room.case(id).state {
        State::Held { reason, .. } => assert_eq!(
            reason,
            HoldReason::ForeignEdits {
                settings: vec!["work_mem".to_owned(), "jit".to_owned()],
            }
        ),
        other => panic!("{other:?}"),
    }
}

/// Nobody knows how old an intent is when the clock went back over a restart: it counts as expired.
#[test]
fn a_clock_that_goes_back_does_not_revive_an_intent() {
    let (mut room, id) = Room::reverting();
    room.now = room.now - Span::from_secs(3_600);
    room.again(Mode::Auto);
    room.tick(Vec::new());
    room.found(Found::NotApplied);
    assert!(room.writes().is_empty());
    assert_eq!(room.state(id), "held");
}

#[test]
fn observe_mode_never_writes() {
    let mut room = Room::calm(Mode::Observe);
    let id = room.harm();
    room.ask(Request::Revert { change_set: id });
    let plan = room.case(id).plan.unwrap().hash;
    room.ask(Request::Approve {
        change_set: id,
        plan,
    });
    assert!(room.commands.is_empty());
    assert_eq!(room.state(id), "held");
}

#[test]
fn a_rollback_that_does_not_help_pages_and_is_not_repeated() {
    let (mut room, id) = Room::reverting();
    room.reset(KEY);
    room.reply(effective());
    room.observe();
    room.seconds(90);
    assert_eq!(room.state(id), "rolled back");
    let told = room.told();
    assert!(
        told.iter()
            .any(|t| t.contains("the symptom is still there")),
        "{told:#?}"
    );
    assert!(room.commands.is_empty());
}

#[test]
fn a_rollback_of_which_nothing_is_heard_ends_with_a_page() {
    let (mut room, id) = Room::reverting();
    room.reset(KEY);
    room.reply(effective());
    room.silence(61);
    assert_eq!(room.state(id), "rolled back");
    assert!(
        room.told()
            .iter()
            .any(|t| t.contains("no data say whether it helped"))
    );
}

#[test]
fn only_the_plan_that_was_shown_is_run() {
    let mut room = Room::calm(Mode::Approve);
    let id = room.harm();
    let plan = room.case(id).plan.unwrap().hash;
    room.set(KEY, "on");
    let mut standing = room.shown.settings[&backstay_model::SettingKey::instance(KEY)].clone();
    standing.entry = None;
    room.shown
        .settings
        .insert(backstay_model::SettingKey::instance(KEY), standing);
    room.observe();
    room.ask(Request::Approve {
        change_set: id,
        plan,
    });
    assert!(room.commands.is_empty());
}
