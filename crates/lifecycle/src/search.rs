//! Every world that one setting, one guard and a hostile environment can get into, walked through the
//! real [`crate::step`]: crashes, lost replies, writes without effect, foreign writes, expiry, pause,
//! restarts (safety.md, 4.3). A guard or an engine without one of its safeguards must be caught.

mod explore;
mod joint;
mod overlap;
mod world;

use backstay_model::change::TakesEffect;

use crate::invariants::Invariant;
use explore::explore;
use joint::{Cause, Joint, Teller};
use overlap::{Guard, Overlap};
use world::{Safeguard, World};

fn worlds(takes_effect: TakesEffect, without: Option<Safeguard>) -> explore::Found {
    explore(World::begin(takes_effect, without))
}

#[test]
fn no_reachable_world_breaks_a_promise() {
    let found = worlds(TakesEffect::Now, None);
    assert_eq!(found.broken, None);
    assert_eq!(found.stuck, None);
    let words = [
        "held",
        "judged",
        "kept",
        "new",
        "reverting",
        "rollback failed",
        "rolled back",
        "superseded",
        "verifying",
        "watching",
    ];
    assert_eq!(found.words.into_iter().collect::<Vec<_>>(), words);
    assert!(
        found.worlds > 745,
        "only {} worlds: the search got smaller",
        found.worlds
    );
}

#[test]
fn nor_when_a_restart_is_needed() {
    let found = worlds(TakesEffect::AtRestart, None);
    assert_eq!(found.broken, None);
    assert_eq!(found.stuck, None);
    assert!(found.words.contains("dormant") && found.words.contains("rolled back"));
}

#[test]
fn the_search_finds_what_each_safeguard_prevents() {
    for (without, invariant) in [
        (Safeguard::WriteAhead, Invariant::Rb1),
        (Safeguard::Compare, Invariant::Rb2),
        (Safeguard::ReadBack, Invariant::Rb3),
        (Safeguard::HeedPause, Invariant::Op3),
        (Safeguard::HeedExpiry, Invariant::Op4),
        (Safeguard::Rejudge, Invariant::Rb13),
    ] {
        let found = worlds(TakesEffect::Now, Some(without));
        let broken = found.broken.map(|(id, _)| id);
        assert_eq!(broken, Some(invariant), "without {without:?}");
    }
}

#[test]
fn two_change_sets_on_one_setting_never_fight() {
    let found = explore(Overlap::begin(Guard::Careful));
    assert_eq!(found.broken, None);
    assert_eq!(found.stuck, None);
    let both_ends = found.words.contains("superseded") && found.words.contains("rolled back");
    assert!(both_ends, "{:?}", found.words);
}

#[test]
fn a_guard_that_runs_stale_commands_is_caught() {
    let found = explore(Overlap::begin(Guard::RunsStaleCommands));
    assert_eq!(found.broken.map(|(id, _)| id), Some(Invariant::Rb1));
}

#[test]
fn a_guard_that_opens_two_reverts_is_caught() {
    let found = explore(Overlap::begin(Guard::ForgetsTheFirst));
    assert_eq!(found.broken.map(|(id, _)| id), Some(Invariant::Rb4));
}

#[test]
fn of_changes_that_are_held_together_each_is_undone_once_and_none_waits_for_nothing() {
    for cause in [Cause::First, Cause::Second, Cause::Both, Cause::Another] {
        let found = explore(Joint::begin(cause, Teller::Careful));
        assert_eq!(found.broken, None, "{cause:?}");
        assert_eq!(found.stuck, None, "{cause:?}");
        let ends = found.words.contains("rolled back") && found.words.contains("kept");
        assert!(ends, "{cause:?}: {:?}", found.words);
    }
}

#[test]
fn a_guard_that_forgets_whom_another_one_acquits_is_caught() {
    let found = explore(Joint::begin(Cause::First, Teller::Forgets));
    assert!(found.stuck.is_some());
}

#[test]
fn a_guard_that_leaves_each_to_be_told_with_the_other_is_caught() {
    let found = explore(Joint::begin(Cause::First, Teller::TellsNobody));
    assert_eq!(found.broken.map(|(id, _)| id), Some(Invariant::P12));
}
