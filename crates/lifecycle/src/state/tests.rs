use std::fmt::Write as _;

use backstay_model::{Command, Event};
use proptest::prelude::*;

use super::*;
use crate::invariants::{Transition, broken_by_transition};
use crate::samples::event;

/// Plays a life, one event a line, and tells what became of it.
fn check(life: &str) -> String {
    let mut state: Option<State> = None;
    let mut out = String::new();
    for line in life.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let event = event(line);
        match step(state.as_ref(), &event) {
            Ok((after, commands)) => {
                let told = Transition {
                    before: state.as_ref(),
                    event: &event,
                    after: &after,
                    commands: &commands,
                };
                assert_eq!(broken_by_transition(&told), [], "after {line}");
                writeln!(out, "{line} -> {}{}", shown(&after), said(&commands)).unwrap();
                state = Some(after);
            }
            Err(why) => writeln!(out, "{line} -> illegal: {why}").unwrap(),
        }
    }
    out
}

fn shown(state: &State) -> String {
    let extra = match state {
        State::Refused { why, .. } | State::RollbackFailed { why, .. } => why.clone(),
        State::Held { reason, .. } => reason.to_string(),
        State::Watching { extensions, .. } if *extensions > 0 => format!("extended {extensions}"),
        State::Dormant { waits_for, .. } => format!("waits for {waits_for:?}"),
        State::Reverting { attempt, .. } => format!("delivery {}", attempt.delivery),
        State::Verifying {
            check: Check::Effect { .. },
            ..
        } => "effect".into(),
        State::Verifying { .. } => "health".into(),
        State::RolledBack { recovered, .. } => format!("recovered {recovered:?}"),
        State::Superseded {
            by: Successor::ChangeSet { id, .. },
            ..
        } => format!("by {id}"),
        State::Superseded {
            by: Successor::Value { .. },
            ..
        } => "by a value".into(),
        State::Superseded {
            by: Successor::Operator { by },
            ..
        } => format!("by {by}"),
        _ => String::new(),
    };
    if extra.is_empty() {
        state.to_string()
    } else {
        format!("{state} ({extra})")
    }
}

fn said(commands: &[Command]) -> String {
    let words = commands.iter().map(|c| match c {
        Command::Write(w) => format!(" + write {}", w.intent),
        Command::Inspect(w) => format!(" + inspect {}", w.intent),
        Command::Page(p) => format!(" + page: {}; {}", p.message, p.next.join(" | ")),
    });
    words.collect()
}

#[test]
fn a_harmless_change_is_kept() {
    insta::assert_snapshot!(check("
        seen live
        judged inconclusive, more time
        judged healthy
        judged hurt
    "), @"
    seen live -> watching
    judged inconclusive, more time -> watching (extended 1)
    judged healthy -> kept
    judged hurt -> illegal: event judged cannot happen in state kept
    ");
}

#[test]
fn durability_is_never_good_because_metrics_are() {
    insta::assert_snapshot!(check("
        seen live
        judged healthy, durability
        kept
    "), @r#"
    seen live -> watching
    judged healthy, durability -> held (settings of class "durability" wait for a person) + page: C7 is held: settings of class "durability" wait for a person; backstay changes show C7 | backstay rollback plan C7
    kept -> kept
    "#);
}

#[test]
fn a_harmful_change_is_rolled_back() {
    insta::assert_snapshot!(check("
        seen live
        judged hurt
        ruled automatic
        replied effective
        recovered
        overwritten
    "), @"
    seen live -> watching
    judged hurt -> judged
    ruled automatic -> reverting (delivery 1) + write I1
    replied effective -> verifying (health)
    recovered -> rolled back (recovered Yes)
    overwritten -> illegal: event overwritten cannot happen in state rolled back
    ");
}

/// A plan and the risk of a setting that reaches a hundred nodes are large: a step shares them.
#[test]
fn a_ruling_is_shared_with_the_state_and_not_copied() {
    let watched = step(None, &event("seen live")).unwrap().0;
    let judged = step(Some(&watched), &event("judged hurt")).unwrap().0;
    for line in ["ruled automatic", "ruled approval"] {
        let event = event(line);
        let Event::Ruled { plan, risk, .. } = &event else {
            panic!("{line} is a ruling");
        };
        let (own_plan, case) = match step(Some(&judged), &event).unwrap().0 {
            State::Reverting { case, attempt } => (attempt.plan, case),
            State::Held {
                case,
                ready: Ready::Plan(plan),
                ..
            } => (plan, case),
            other => panic!("{other}"),
        };
        assert!(Arc::ptr_eq(plan, &own_plan), "{line}");
        assert!(Arc::ptr_eq(risk, &case.risk.unwrap()), "{line}");
    }
}

#[test]
fn a_rollback_that_does_not_help_pages() {
    insta::assert_snapshot!(check("
        seen live
        judged hurt
        ruled automatic
        replied effective
        not recovered
    "), @"
    seen live -> watching
    judged hurt -> judged
    ruled automatic -> reverting (delivery 1) + write I1
    replied effective -> verifying (health)
    not recovered -> rolled back (recovered No) + page: C7 was rolled back and the symptom is still there; backstay changes show C7
    ");
}

#[test]
fn no_answer_is_held_and_never_good() {
    let ends = [
        "judged inconclusive",
        "judged no data",
        "judged load moved",
        "judged confounded",
    ];
    let told: String = ends
        .iter()
        .map(|end| check(&format!("seen live\n{end}")))
        .collect();
    insta::assert_snapshot!(told, @r#"
    seen live -> watching
    judged inconclusive -> held (the watch ended without an answer) + page: C7 is held: the watch ended without an answer; backstay changes show C7 | backstay rollback plan C7
    seen live -> watching
    judged no data -> held (not enough data to judge; no data is never "healthy") + page: C7 is held: not enough data to judge; no data is never "healthy"; backstay changes show C7 | backstay rollback plan C7
    seen live -> watching
    judged load moved -> held (the load moved, not the database) + page: C7 is held: the load moved, not the database; backstay changes show C7 | backstay rollback plan C7
    seen live -> watching
    judged confounded -> held (something else moved as well) + page: C7 is held: something else moved as well; backstay changes show C7 | backstay rollback plan C7
    "#);
}

#[test]
fn a_held_change_is_the_operators() {
    insta::assert_snapshot!(check("
        seen live
        judged hurt
        ruled approval
        judged hurt
        approved
        replied effective
        recovery unknown
    "), @"
    seen live -> watching
    judged hurt -> judged
    ruled approval -> held (approve mode: waits for a person) + page: C7 is held: approve mode: waits for a person; backstay changes show C7 | backstay rollback approve C7 | backstay rollback deny C7
    judged hurt -> illegal: event judged cannot happen in state held
    approved -> reverting (delivery 1) + write I1
    replied effective -> verifying (health)
    recovery unknown -> rolled back (recovered Unknown) + page: C7 was rolled back; no data say whether it helped; backstay changes show C7
    ");
    insta::assert_snapshot!(check("
        seen live
        judged hurt
        ruled manual
        approved by hand
        kept
    "), @"
    seen live -> watching
    judged hurt -> judged
    ruled manual -> held (the value comes from the server's command line) + page: C7 is held: the value comes from the server's command line; backstay changes show C7 | ALTER SYSTEM SET work_mem = '4MB';
    approved by hand -> illegal: the plan of change set C7 is not one that Backstay may run
    kept -> kept
    ");
}

#[test]
fn policy_cannot_run_what_only_people_can() {
    insta::assert_snapshot!(check("
        seen live
        judged hurt
        ruled automatic by hand
    "), @"
    seen live -> watching
    judged hurt -> judged
    ruled automatic by hand -> illegal: the plan of change set C7 is not one that Backstay may run
    ");
}

#[test]
fn a_lost_reply_is_asked_after_and_delivered_again() {
    insta::assert_snapshot!(check("
        seen live
        judged hurt
        ruled automatic
        replied unknown
        found unknown
        resumed
        found not applied
        replied unknown
        found mixed
        replied to another intent
        replied unknown
        found not applied
    "), @"
    seen live -> watching
    judged hurt -> judged
    ruled automatic -> reverting (delivery 1) + write I1
    replied unknown -> reverting (delivery 1) + inspect I1
    found unknown -> reverting (delivery 1)
    resumed -> reverting (delivery 1) + inspect I1
    found not applied -> reverting (delivery 2) + write I1
    replied unknown -> reverting (delivery 2) + inspect I1
    found mixed -> reverting (delivery 3) + write I1
    replied to another intent -> illegal: the event is about intent I99, open is I1
    replied unknown -> reverting (delivery 3) + inspect I1
    found not applied -> rollback failed (no delivery of the write had an effect) + page: the rollback of C7 failed: no delivery of the write had an effect; backstay changes show C7 | ALTER SYSTEM SET work_mem = '4MB'; | backstay rollback run C7
    ");
}

#[test]
fn recovery_follows_the_table() {
    let begin = "seen live\njudged hurt\nruled automatic\nresumed";
    let found = [
        "found not applied",
        "found not applied; harm unknown",
        "found not applied; harm gone",
        "found not applied, late",
        "found not applied, late; harm unknown",
        "found written; harm gone",
        "found written",
        "found mixed",
        "found mixed, late",
        "found effective",
        "found masked",
        "found foreign",
        "found unknown",
        "found unknown, late",
    ];
    let last = |line: &&str| {
        check(&format!("{begin}\n{line}"))
            .lines()
            .last()
            .unwrap()
            .to_owned()
            + "\n"
    };
    insta::assert_snapshot!(found.iter().map(last).collect::<String>(), @"
    found not applied -> reverting (delivery 2) + write I1
    found not applied; harm unknown -> reverting (delivery 1)
    found not applied; harm gone -> held (the harm went away before anything was written) + page: C7 is held: the harm went away before anything was written; backstay changes show C7 | backstay rollback approve C7 | backstay rollback deny C7
    found not applied, late -> held (the intent expired before anything was written) + page: C7 is held: the intent expired before anything was written; backstay changes show C7 | backstay rollback approve C7 | backstay rollback deny C7
    found not applied, late; harm unknown -> held (the intent expired before anything was written) + page: C7 is held: the intent expired before anything was written; backstay changes show C7 | backstay rollback approve C7 | backstay rollback deny C7
    found written; harm gone -> reverting (delivery 2) + write I1
    found written -> reverting (delivery 2) + write I1
    found mixed -> reverting (delivery 2) + write I1
    found mixed, late -> rollback failed (half written when the intent expired: anybody's reload activates it) + page: the rollback of C7 failed: half written when the intent expired: anybody's reload activates it; backstay changes show C7 | ALTER SYSTEM SET work_mem = '4MB'; | backstay rollback run C7
    found effective -> verifying (health)
    found masked -> rollback failed (not effective: masked by ALTER ROLE) + page: the rollback of C7 failed: not effective: masked by ALTER ROLE; backstay changes show C7 | ALTER SYSTEM SET work_mem = '4MB'; | backstay rollback run C7
    found foreign -> superseded (by a value) + page: C7: somebody else moved a setting during our write; left alone; backstay changes show C7
    found unknown -> reverting (delivery 1)
    found unknown, late -> rollback failed (the intent expired and nobody can say what stands there: no answer) + page: the rollback of C7 failed: the intent expired and nobody can say what stands there: no answer; backstay changes show C7 | ALTER SYSTEM SET work_mem = '4MB'; | backstay rollback run C7
    ");
}

#[test]
fn a_person_who_said_yes_is_not_asked_again() {
    insta::assert_snapshot!(check("
        seen live
        judged hurt
        ruled approval
        approved
        replied unknown
        found not applied; harm gone
    "), @"
    seen live -> watching
    judged hurt -> judged
    ruled approval -> held (approve mode: waits for a person) + page: C7 is held: approve mode: waits for a person; backstay changes show C7 | backstay rollback approve C7 | backstay rollback deny C7
    approved -> reverting (delivery 1) + write I1
    replied unknown -> reverting (delivery 1) + inspect I1
    found not applied; harm gone -> reverting (delivery 2) + write I1
    ");
}

#[test]
fn replies_that_end_it() {
    let begin = "seen live\njudged hurt\nruled automatic";
    let replies = [
        "replied not effective",
        "replied masked",
        "replied conflict",
        "replied refused",
        "replied restart pending",
        "overwritten",
    ];
    let last = |line: &&str| {
        check(&format!("{begin}\n{line}"))
            .lines()
            .last()
            .unwrap()
            .to_owned()
            + "\n"
    };
    insta::assert_snapshot!(replies.iter().map(last).collect::<String>(), @"
    replied not effective -> rollback failed (not effective: the new value is still there) + page: the rollback of C7 failed: not effective: the new value is still there; backstay changes show C7 | ALTER SYSTEM SET work_mem = '4MB'; | backstay rollback run C7
    replied masked -> rollback failed (not effective: masked by command line) + page: the rollback of C7 failed: not effective: masked by command line; backstay changes show C7 | ALTER SYSTEM SET work_mem = '4MB'; | backstay rollback run C7
    replied conflict -> superseded (by a value) + page: C7: somebody else moved a setting during our write; left alone; backstay changes show C7
    replied refused -> held (the server refused: permission denied) + page: C7 is held: the server refused: permission denied; backstay changes show C7 | backstay rollback approve C7 | backstay rollback deny C7
    replied restart pending -> held (takes effect only after a restart of the server) + page: C7 is held: takes effect only after a restart of the server; backstay changes show C7 | restart the server
    overwritten -> superseded (by C9) + page: C7: somebody else moved a setting during our write; left alone; backstay changes show C7
    ");
}

#[test]
fn a_half_written_refusal_is_a_failure_that_can_be_retried() {
    insta::assert_snapshot!(check("
        seen live
        judged hurt
        ruled automatic
        replied unknown
        found mixed
        replied refused
        approved again
        replied to another intent
        overwritten
    "), @"
    seen live -> watching
    judged hurt -> judged
    ruled automatic -> reverting (delivery 1) + write I1
    replied unknown -> reverting (delivery 1) + inspect I1
    found mixed -> reverting (delivery 2) + write I1
    replied refused -> rollback failed (half written, then refused: permission denied) + page: the rollback of C7 failed: half written, then refused: permission denied; backstay changes show C7 | ALTER SYSTEM SET work_mem = '4MB'; | backstay rollback run C7
    approved again -> reverting (delivery 1) + write I2
    replied to another intent -> illegal: the event is about intent I99, open is I2
    overwritten -> superseded (by C9) + page: C7: somebody else moved a setting during our write; left alone; backstay changes show C7
    ");
    insta::assert_snapshot!(check("
        seen live
        judged hurt
        ruled automatic
        replied not effective
        kept
        closed
    "), @"
    seen live -> watching
    judged hurt -> judged
    ruled automatic -> reverting (delivery 1) + write I1
    replied not effective -> rollback failed (not effective: the new value is still there) + page: the rollback of C7 failed: not effective: the new value is still there; backstay changes show C7 | ALTER SYSTEM SET work_mem = '4MB'; | backstay rollback run C7
    kept -> illegal: event kept_by_operator cannot happen in state rollback failed
    closed -> superseded (by ann)
    ");
}

#[test]
fn a_restart_completes_what_was_written() {
    insta::assert_snapshot!(check("
        seen live at restart
        judged hurt
        restarted
        judged hurt
        ruled approval
        approved
        replied restart pending
        kept
        restarted
        found written
        restarted
        found unknown
        found effective
        recovered
    "), @"
    seen live at restart -> dormant (waits for Restart)
    judged hurt -> illegal: event judged cannot happen in state dormant
    restarted -> watching
    judged hurt -> judged
    ruled approval -> held (approve mode: waits for a person) + page: C7 is held: approve mode: waits for a person; backstay changes show C7 | backstay rollback approve C7 | backstay rollback deny C7
    approved -> reverting (delivery 1) + write I1
    replied restart pending -> held (takes effect only after a restart of the server) + page: C7 is held: takes effect only after a restart of the server; backstay changes show C7 | restart the server
    kept -> illegal: event kept_by_operator cannot happen in state held
    restarted -> verifying (effect) + inspect I1
    found written -> held (takes effect only after a restart of the server) + page: C7 is held: takes effect only after a restart of the server; backstay changes show C7 | restart the server
    restarted -> verifying (effect) + inspect I1
    found unknown -> verifying (effect)
    found effective -> verifying (health)
    recovered -> rolled back (recovered Yes)
    ");
    insta::assert_snapshot!(check("
        seen live at restart
        approved
        replied restart pending
        restarted
        found unknown, late
    "), @"
    seen live at restart -> dormant (waits for Restart)
    approved -> reverting (delivery 1) + write I1
    replied restart pending -> held (takes effect only after a restart of the server) + page: C7 is held: takes effect only after a restart of the server; backstay changes show C7 | restart the server
    restarted -> verifying (effect) + inspect I1
    found unknown, late -> rollback failed (nobody can say whether the restart made it effective: no answer) + page: the rollback of C7 failed: nobody can say whether the restart made it effective: no answer; backstay changes show C7 | ALTER SYSTEM SET work_mem = '4MB'; | backstay rollback run C7
    ");
}

#[test]
fn a_dormant_change_is_disarmed_or_seen() {
    insta::assert_snapshot!(check("
        seen live at restart
        approved
        replied effective
        recovered
    "), @"
    seen live at restart -> dormant (waits for Restart)
    approved -> reverting (delivery 1) + write I1
    replied effective -> verifying (health)
    recovered -> rolled back (recovered Yes)
    ");
    insta::assert_snapshot!(check("
        seen live masked
        restarted
        seen live
        overwritten
    "), @"
    seen live masked -> dormant (waits for Unmasking)
    restarted -> dormant (waits for Unmasking)
    seen live -> watching
    overwritten -> superseded (by C9)
    ");
}

#[test]
fn a_proposal_is_applied_and_watched() {
    insta::assert_snapshot!(check("
        proposed
        simulated
        approved
        replied unknown
        found not applied
        replied effective
        seen live
    "), @"
    proposed -> proposed
    simulated -> simulated
    approved -> applying + write I1
    replied unknown -> applying + inspect I1
    found not applied -> applying + write I1
    replied effective -> applying
    seen live -> watching
    ");
}

#[test]
fn a_refused_proposal_can_still_be_seen_live() {
    insta::assert_snapshot!(check("
        proposed
        judged hurt
        simulated
        declined
        seen live
    "), @"
    proposed -> proposed
    judged hurt -> illegal: event judged cannot happen in state proposed
    simulated -> simulated
    declined -> refused (declined by ann)
    seen live -> watching
    ");
    insta::assert_snapshot!(check("
        proposed
        simulated
        approved
        replied refused
        seen live
    "), @"
    proposed -> proposed
    simulated -> simulated
    approved -> applying + write I1
    replied refused -> refused (permission denied)
    seen live -> watching
    ");
}

#[test]
fn only_two_events_begin_a_life() {
    assert_eq!(
        step(None, &event("judged hurt")),
        Err(Illegal::NoSuchStep {
            state: "new",
            event: "judged"
        })
    );
    assert_eq!(fold(&[]), Ok(None));
}

#[test]
fn a_restart_is_no_news_to_whatever_waits_for_people() {
    for life in [
        "proposed",
        "proposed\nsimulated",
        "proposed\nsimulated\ndeclined",
        "seen live\njudged no data",
        "seen live\njudged hurt\nruled automatic\nreplied not effective",
    ] {
        let events: Vec<Event> = life.lines().map(event).collect();
        let state = fold(&events).unwrap().unwrap();
        assert_eq!(
            step(Some(&state), &event("restarted")),
            Ok((state, Vec::new())),
            "{life}"
        );
    }
}

#[test]
fn each_state_says_what_it_waits_for() {
    let lives = [
        ("seen live", Awaits::Verdict(Timestamp::from_secs(1_900))),
        ("seen live\njudged hurt", Awaits::Ruling),
        (
            "seen live\njudged hurt\nruled automatic",
            Awaits::Reply(IntentId(1)),
        ),
        (
            "seen live\njudged hurt\nruled automatic\nreplied effective",
            Awaits::Recovery(crate::samples::NOW),
        ),
        ("seen live\njudged hurt\nruled approval", Awaits::Operator),
        ("seen live\njudged healthy", Awaits::Nothing),
        ("seen live at restart", Awaits::Restart),
    ];
    for (life, awaits) in lives {
        let events: Vec<Event> = life.lines().map(event).collect();
        let state = fold(&events).unwrap().unwrap();
        assert_eq!(state.awaits(), awaits, "{life}");
    }
}

const ALPHABET: [&str; 36] = [
    "proposed",
    "simulated",
    "declined",
    "seen live",
    "seen live at restart",
    "seen live masked",
    "restarted",
    "judged hurt",
    "judged healthy",
    "judged inconclusive",
    "judged inconclusive, more time",
    "judged no data",
    "ruled automatic",
    "ruled approval",
    "ruled manual",
    "approved",
    "approved again",
    "kept",
    "closed",
    "replied effective",
    "replied not effective",
    "replied masked",
    "replied restart pending",
    "replied conflict",
    "replied refused",
    "replied unknown",
    "resumed",
    "found not applied",
    "found written",
    "found mixed, late",
    "found effective",
    "found foreign",
    "found unknown",
    "overwritten",
    "recovered",
    "not recovered",
];

proptest! {
    /// RB-6: whatever happened, replaying the legal part of it leads to the same state; and no move
    /// breaks an invariant.
    #[test]
    fn replay_leads_to_the_same_state(lines in proptest::collection::vec(0..ALPHABET.len(), 0..40)) {
        let (mut state, mut legal) = (None, Vec::new());
        for event in lines.into_iter().map(|i| event(ALPHABET[i])) {
            if let Ok((after, commands)) = step(state.as_ref(), &event) {
                let told = Transition { before: state.as_ref(), event: &event, after: &after, commands: &commands };
                prop_assert_eq!(broken_by_transition(&told), []);
                state = Some(after);
                legal.push(event);
            }
        }
        prop_assert_eq!(fold(&legal), Ok(state));
    }
}
