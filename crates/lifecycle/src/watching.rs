//! From the first effect to the decision: watch, judgement, and what is held.

use std::sync::Arc;

use backstay_model::decision::{Clearance, HoldReason};
use backstay_model::verdict::{Verdict, VerdictKind};
use backstay_model::{ChangeSetId, Command, Event, Timestamp};

use crate::attempt::{Attempt, Authority, runnable};
use crate::halt;
use crate::joint;
use crate::proposal::sighting;
use crate::state::{
    Case, Check, Illegal, Keeper, Ready, State, Stepped, Successor, Wait, no_such_step,
};

/// From Dormant: the server restarts, the mask goes, or somebody decides before that.
pub(crate) fn dormant(state: &State, event: &Event) -> Stepped {
    let State::Dormant {
        change_set: id,
        waits_for,
        ..
    } = state
    else {
        return Err(no_such_step(state, event));
    };
    match event {
        Event::Restarted { at, watch_until } if *waits_for == Wait::Restart => {
            Ok((begin_watch(*id, *at, *watch_until), Vec::new()))
        }
        Event::SeenLive { .. } => sighting(*id, event),
        Event::Approved { .. } => approved(Case::bare(*id), event),
        Event::KeptByOperator { by, .. } => Ok((kept_by(*id, by), Vec::new())),
        Event::Overwritten { .. } => overwritten(*id, event),
        Event::Restarted { .. } => Ok((state.clone(), Vec::new())),
        _ => Err(no_such_step(state, event)),
    }
}

/// From Watching: a verdict, more time, or somebody else's value.
pub(crate) fn watching(state: &State, event: &Event) -> Stepped {
    let State::Watching { change_set: id, .. } = state else {
        return Err(no_such_step(state, event));
    };
    match event {
        Event::Judged {
            at,
            verdict,
            extend_until,
            hold,
            work: _,
            mends: _,
        } => Ok(match (&verdict.kind, extend_until, hold) {
            (VerdictKind::Hurt { .. }, _, _) => (hurt(*id, verdict), Vec::new()),
            (VerdictKind::Healthy { .. }, _, None) => (healthy(*id, verdict), Vec::new()),
            (VerdictKind::Healthy { .. }, _, Some(why)) => reserved(*id, verdict, *at, why),
            (_, Some(until), _) => (extended(state, *until), Vec::new()),
            (_, None, Some(why)) => reserved(*id, verdict, *at, why),
            (_, None, None) => undecided(*id, verdict, *at),
        }),
        Event::KeptByOperator { by, .. } => Ok((kept_by(*id, by), Vec::new())),
        Event::Approved { .. } => approved(Case::bare(*id), event),
        Event::Overwritten { .. } => overwritten(*id, event),
        Event::Restarted { .. } => Ok((state.clone(), Vec::new())),
        _ => Err(no_such_step(state, event)),
    }
}

/// From Judged: policy rules, or somebody else's value makes the question moot.
pub(crate) fn judged(case: &Case, event: &Event) -> Stepped {
    match event {
        Event::Ruled { .. } => ruled(case, event),
        Event::Overwritten { .. } => overwritten(case.change_set, event),
        Event::KeptByOperator { by, .. } => Ok((kept_by(case.change_set, by), Vec::new())),
        Event::Restarted { .. } => Ok((State::Judged { case: case.clone() }, Vec::new())),
        _ => Err(Illegal::NoSuchStep {
            state: "judged",
            event: event.word(),
        }),
    }
}

/// From Held: the operator decides, or data that decide what was undecided; a restart completes what was written.
pub(crate) fn held(state: &State, event: &Event) -> Stepped {
    let State::Held {
        case,
        ready,
        reason,
        ..
    } = state
    else {
        return Err(no_such_step(state, event));
    };
    match (event, ready) {
        (Event::Restarted { at, .. }, Ready::Written(attempt)) => {
            Ok(check_effect(case, attempt, *at))
        }
        (Event::ClosedByOperator { by, .. }, Ready::Written(attempt)) => {
            let by = Successor::Operator { by: by.clone() };
            Ok(halt::give_way_amid(case.change_set, &attempt.plan, by))
        }
        (Event::Overwritten { .. }, Ready::Written(attempt)) => {
            let by = successor(event).ok_or_else(|| no_such_step(state, event))?;
            Ok(halt::give_way_amid(case.change_set, &attempt.plan, by))
        }
        (Event::Judged { verdict, .. }, Ready::Nothing | Ready::Plan(_))
            if undecided_by_data(reason) && matches!(verdict.kind, VerdictKind::Healthy { .. }) =>
        {
            Ok((healthy(case.change_set, verdict), Vec::new()))
        }
        (Event::Narrowed { .. } | Event::Acquitted { .. }, _) => joint::held(state, event),
        (Event::Approved { .. }, Ready::Nothing | Ready::Plan(_)) => approved(case.clone(), event),
        (Event::KeptByOperator { by, .. }, Ready::Nothing | Ready::Plan(_)) => {
            Ok((kept_by(case.change_set, by), Vec::new()))
        }
        (Event::Overwritten { .. }, _) => overwritten(case.change_set, event),
        (Event::Restarted { .. }, _) => Ok((state.clone(), Vec::new())),
        _ => Err(no_such_step(state, event)),
    }
}

/// Whether it is held only because the data decided nothing: more data may.
pub(crate) const fn undecided_by_data(reason: &HoldReason) -> bool {
    matches!(
        reason,
        HoldReason::Inconclusive
            | HoldReason::NoData
            | HoldReason::Confounded
            | HoldReason::WorkloadShift
    )
}

fn begin_watch(change_set: ChangeSetId, since: Timestamp, until: Timestamp) -> State {
    State::Watching {
        change_set,
        since,
        until,
        extensions: 0,
    }
}

fn hurt(change_set: ChangeSetId, verdict: &Verdict) -> State {
    State::Judged {
        case: judged_case(change_set, verdict),
    }
}

fn judged_case(change_set: ChangeSetId, verdict: &Verdict) -> Case {
    Case {
        verdict: Some(Arc::new(verdict.clone())),
        ..Case::bare(change_set)
    }
}

fn healthy(change_set: ChangeSetId, verdict: &Verdict) -> State {
    State::Kept {
        change_set,
        by: Keeper::Verdict(Arc::new(verdict.clone())),
    }
}

fn extended(state: &State, new_end: Timestamp) -> State {
    let mut next = state.clone();
    if let State::Watching {
        until, extensions, ..
    } = &mut next
    {
        *until = new_end.max(*until);
        *extensions += 1;
    }
    next
}

/// The watch is over without an answer. No data is never "healthy".
fn undecided(id: ChangeSetId, verdict: &Verdict, at: Timestamp) -> (State, Vec<Command>) {
    let reason = match &verdict.kind {
        VerdictKind::WorkloadShift => HoldReason::WorkloadShift,
        VerdictKind::Confounded => HoldReason::Confounded,
        VerdictKind::NoData => HoldReason::NoData,
        VerdictKind::Hurt { .. } | VerdictKind::Healthy { .. } | VerdictKind::Inconclusive => {
            HoldReason::Inconclusive
        }
    };
    halt::hold(judged_case(id, verdict), at, reason, Ready::Nothing)
}

/// What metrics cannot clear waits for a person. That the server is gone is told as its condition, and
/// nobody is called because of a change that nothing speaks against.
fn reserved(
    id: ChangeSetId,
    verdict: &Verdict,
    at: Timestamp,
    why: &HoldReason,
) -> (State, Vec<Command>) {
    let (state, page) = halt::hold(judged_case(id, verdict), at, why.clone(), Ready::Nothing);
    match why {
        HoldReason::ServerGone { .. } => (state, Vec::new()),
        _ => (state, page),
    }
}

fn kept_by(change_set: ChangeSetId, by: &str) -> State {
    State::Kept {
        change_set,
        by: Keeper::Operator { by: by.to_owned() },
    }
}

/// Policy ruled: revert at once, or hold with the plan ready.
fn ruled(case: &Case, event: &Event) -> Stepped {
    let Event::Ruled {
        at,
        risk,
        clearance,
        plan,
        intent,
        expires_at,
    } = event
    else {
        return Err(Illegal::NoSuchStep {
            state: "judged",
            event: event.word(),
        });
    };
    let id = case.change_set;
    if plan.change_set != id {
        return Err(Illegal::OtherChangeSet {
            own: id,
            got: plan.change_set,
        });
    }
    let case = Case {
        risk: Some(Arc::clone(risk)),
        ..case.clone()
    };
    match clearance {
        Clearance::Automatic if runnable(plan) && plan.manual.is_none() => {
            let attempt = Attempt::begin(Arc::clone(plan), *intent, *expires_at, Authority::Policy);
            Ok(revert(case, *at, attempt))
        }
        Clearance::Automatic => Err(Illegal::NotRunnable { change_set: id }),
        Clearance::Approval { why } | Clearance::Manual { why } => Ok(halt::hold(
            case,
            *at,
            why.clone(),
            Ready::Plan(Arc::clone(plan)),
        )),
    }
}

/// A person approved a plan.
pub(crate) fn approved(case: Case, event: &Event) -> Stepped {
    let Event::Approved {
        at,
        by,
        plan,
        intent,
        expires_at,
    } = event
    else {
        return Err(Illegal::NoSuchStep {
            state: "held",
            event: event.word(),
        });
    };
    let id = case.change_set;
    if plan.change_set != id {
        return Err(Illegal::OtherChangeSet {
            own: id,
            got: plan.change_set,
        });
    }
    if !runnable(plan) {
        return Err(Illegal::NotRunnable { change_set: id });
    }
    let by = Authority::Operator { by: by.clone() };
    Ok(revert(
        case,
        *at,
        Attempt::begin(Arc::clone(plan), *intent, *expires_at, by),
    ))
}

/// Sends an attempt off, unless it took so long to get here that its intent has expired.
fn revert(case: Case, at: Timestamp, attempt: Attempt) -> (State, Vec<Command>) {
    if at >= attempt.expires_at {
        return halt::hold(case, at, HoldReason::Expired, Ready::Plan(attempt.plan));
    }
    let commands = attempt.deliver();
    (State::Reverting { case, attempt }, commands)
}

/// The restart that a written plan waited for: ask whether the old value is effective now.
fn check_effect(case: &Case, attempt: &Attempt, since: Timestamp) -> (State, Vec<Command>) {
    let state = State::Verifying {
        case: case.clone(),
        attempt: attempt.clone(),
        check: Check::Effect { since },
    };
    (state, attempt.inspect())
}

fn overwritten(id: ChangeSetId, event: &Event) -> Stepped {
    let by = successor(event).ok_or(Illegal::NoSuchStep {
        state: "unsettled",
        event: event.word(),
    })?;
    Ok(halt::give_way(id, by))
}

/// Who moved the setting, when the event says that somebody did.
pub(crate) fn successor(event: &Event) -> Option<Successor> {
    match event {
        Event::Overwritten { by, key, .. } => Some(Successor::ChangeSet {
            id: *by,
            key: key.clone(),
        }),
        _ => None,
    }
}
