//! The ways to stop: hold, fail, give way. Whoever has to act is told what to type.

use std::sync::Arc;

use backstay_model::decision::HoldReason;
use backstay_model::event::Page;
use backstay_model::plan::Plan;
use backstay_model::{ChangeSetId, Command, Timestamp};

use crate::attempt::{Attempt, runnable};
use crate::joint;
use crate::state::{Case, Ready, State, Successor};

/// Held for an operator, who is told.
pub(crate) fn hold(
    case: Case,
    at: Timestamp,
    reason: HoldReason,
    ready: Ready,
) -> (State, Vec<Command>) {
    let id = case.change_set;
    let message = format!("{id} is held: {reason}");
    let commands = match &reason {
        // People are told once of all that are held together.
        HoldReason::Joint { told_with, .. } if *told_with != id => Vec::new(),
        HoldReason::Joint { suspects, .. } => vec![joint::page(&case, message, suspects, &ready)],
        _ => vec![Command::Page(Page {
            change_set: id,
            message,
            next: next_for_held(id, &ready),
            plan: ready.plan().map(|plan| plan.hash.clone()),
        })],
    };
    let state = State::Held {
        case,
        since: at,
        reason,
        ready,
    };
    (state, commands)
}

pub(crate) fn next_for_held(id: ChangeSetId, ready: &Ready) -> Vec<String> {
    let show = format!("backstay changes show {id}");
    match ready {
        Ready::Nothing => vec![show, format!("backstay rollback plan {id}")],
        Ready::Plan(plan) if runnable(plan) => vec![
            show,
            format!("backstay rollback approve {id}"),
            format!("backstay rollback deny {id}"),
        ],
        Ready::Plan(plan) => by_hand(show, plan),
        Ready::Written(_) => vec![show, "restart the server".to_owned()],
    }
}

/// The rollback failed: somebody has to look, with the statements at hand.
pub(crate) fn fail(case: Case, attempt: Attempt, why: String) -> (State, Vec<Command>) {
    let id = case.change_set;
    let mut next = by_hand(format!("backstay changes show {id}"), &attempt.plan);
    next.push(format!("backstay rollback run {id}"));
    let page = Page {
        change_set: id,
        message: format!("the rollback of {id} failed: {why}"),
        next,
        plan: Some(attempt.plan.hash.clone()),
    };
    (
        State::RollbackFailed { case, attempt, why },
        vec![Command::Page(page)],
    )
}

/// Gave way to somebody else's value before anything of ours was written: nobody is called.
pub(crate) fn give_way(change_set: ChangeSetId, by: Successor) -> (State, Vec<Command>) {
    (State::Superseded { change_set, by }, Vec::new())
}

/// Gave way to somebody else's value while a write of ours was open or done.
pub(crate) fn give_way_amid(
    change_set: ChangeSetId,
    plan: &Arc<Plan>,
    by: Successor,
) -> (State, Vec<Command>) {
    let page = Page {
        change_set,
        message: format!(
            "{change_set}: somebody else moved a setting during our write; left alone"
        ),
        next: vec![format!("backstay changes show {change_set}")],
        plan: Some(plan.hash.clone()),
    };
    (
        State::Superseded { change_set, by },
        vec![Command::Page(page)],
    )
}

/// A call for a person after the rollback worked and did not help.
pub(crate) fn not_recovered(change_set: ChangeSetId, plan: &Plan, message: String) -> Command {
    Command::Page(Page {
        change_set,
        message,
        next: vec![format!("backstay changes show {change_set}")],
        plan: Some(plan.hash.clone()),
    })
}

fn by_hand(first: String, plan: &Plan) -> Vec<String> {
    std::iter::once(first)
        .chain(plan.commands.iter().cloned())
        .collect()
}
