//! Putting it back: replies, what recovery finds, and whether it helped.

use std::sync::Arc;

use backstay_model::decision::HoldReason;
use backstay_model::event::{Evidence, WriteReply};
use backstay_model::plan::Found;
use backstay_model::verdict::Recovery;
use backstay_model::{Command, Event, Span, Timestamp};

use crate::attempt::{Attempt, Authority, Footing, Spent};
use crate::halt;
use crate::proposal::same_intent;
use crate::state::{Case, Check, Illegal, Ready, State, Stepped, Successor};
use crate::watching::{approved, successor};

/// A server that was restarted has so long to say whether the old value is effective.
const EFFECT_MAX: Span = Span::from_secs(300);

type Next = (State, Vec<Command>);

/// From Reverting: the engine replies, recovery finds something, or somebody else was quicker.
pub(crate) fn reverting(case: &Case, attempt: &Attempt, event: &Event) -> Stepped {
    match event {
        Event::Replied { at, intent, reply } => {
            same_intent(attempt, *intent)?;
            Ok(replied(case, attempt, *at, reply))
        }
        Event::Inspected {
            at,
            intent,
            found,
            evidence,
        } => {
            same_intent(attempt, *intent)?;
            Ok(match (found, withheld(attempt, *evidence)) {
                (Found::NotApplied, Some(why)) => not_again(case, attempt, *at, why),
                _ => recovered_at(case, attempt, *at, found),
            })
        }
        Event::Resumed { .. } => Ok((stay(case, attempt), attempt.inspect())),
        Event::Overwritten { .. } => moved(case, attempt, event),
        Event::Restarted { .. } => Ok((stay(case, attempt), Vec::new())),
        _ => Err(Illegal::NoSuchStep {
            state: "reverting",
            event: event.word(),
        }),
    }
}

/// From Verifying: is it effective, and does it help.
pub(crate) fn verifying(case: &Case, attempt: &Attempt, check: Check, event: &Event) -> Stepped {
    let same = || State::Verifying {
        case: case.clone(),
        attempt: attempt.clone(),
        check,
    };
    match (event, check) {
        (
            Event::Inspected {
                at, intent, found, ..
            },
            Check::Effect { since },
        ) => {
            same_intent(attempt, *intent)?;
            Ok(match found {
                Found::Unknown { .. } if *at < since + EFFECT_MAX => (same(), Vec::new()),
                _ => after_restart(case, attempt, *at, found),
            })
        }
        (Event::Resumed { .. }, Check::Effect { .. }) => Ok((same(), attempt.inspect())),
        (Event::Recovered { at, recovery }, Check::Health { .. }) => {
            Ok(rolled_back(case, attempt, *at, *recovery))
        }
        (Event::Overwritten { .. }, _) => moved(case, attempt, event),
        (Event::Restarted { .. }, _) => Ok((same(), Vec::new())),
        _ => Err(Illegal::NoSuchStep {
            state: "verifying",
            event: event.word(),
        }),
    }
}

/// From RollbackFailed: an operator retries or closes, or somebody mends it by hand.
pub(crate) fn failed(case: &Case, event: &Event) -> Stepped {
    match event {
        Event::Approved { .. } => approved(case.clone(), event),
        Event::ClosedByOperator { by, .. } => Ok(halt::give_way(
            case.change_set,
            Successor::Operator { by: by.clone() },
        )),
        _ => match successor(event) {
            Some(by) => Ok(halt::give_way(case.change_set, by)),
            None => Err(Illegal::NoSuchStep {
                state: "rollback failed",
                event: event.word(),
            }),
        },
    }
}

/// The engine replied to a delivery.
fn replied(case: &Case, attempt: &Attempt, at: Timestamp, reply: &WriteReply) -> Next {
    match reply {
        WriteReply::Effective { .. } => effective(case, attempt, at),
        WriteReply::NotEffective { found } => not_effective(case, attempt, at, found),
        WriteReply::RestartPending => restart_needed(case, attempt, at),
        // Nothing was written by this delivery; what stands there says how to go on. Another delivery
        // needs more than that: whether the harm is still there.
        WriteReply::Conflict {
            found: Found::NotApplied,
        } => (stay(case, attempt), attempt.inspect()),
        WriteReply::Conflict { found } => recovered_at(case, attempt, at, found),
        WriteReply::Refused { why } => refused(case, attempt, at, why),
        WriteReply::Unknown { .. } => (stay(case, attempt), attempt.inspect()),
    }
}

/// Written and reloaded, and a fresh session does not see it.
fn not_effective(case: &Case, attempt: &Attempt, at: Timestamp, found: &Found) -> Next {
    match found {
        Found::Effective => effective(case, attempt, at),
        Found::Foreign { .. } => foreign(case, attempt, found),
        Found::Unknown { .. } => (stay(case, attempt), attempt.inspect()),
        Found::Masked { by } => halt::fail(
            case.clone(),
            attempt.clone(),
            format!("not effective: masked by {by}"),
        ),
        Found::NotApplied | Found::Written | Found::Mixed => halt::fail(
            case.clone(),
            attempt.clone(),
            "not effective: the new value is still there".into(),
        ),
    }
}

/// What recovery does with what it finds (safety.md, 4.2).
fn recovered_at(case: &Case, attempt: &Attempt, at: Timestamp, found: &Found) -> Next {
    match found {
        Found::Effective => effective(case, attempt, at),
        Found::NotApplied => redeliver(case, &attempt.on(Footing::Untouched), at),
        Found::Written | Found::Mixed => redeliver(case, &attempt.on(Footing::Partial), at),
        Found::Masked { by } => halt::fail(
            case.clone(),
            attempt.clone(),
            format!("not effective: masked by {by}"),
        ),
        Found::Foreign { .. } => foreign(case, attempt, found),
        Found::Unknown { why } if at >= attempt.expires_at => halt::fail(
            case.clone(),
            attempt.clone(),
            format!("the intent expired and nobody can say what stands there: {why}"),
        ),
        Found::Unknown { .. } => (stay(case, attempt), Vec::new()),
    }
}

/// Why nothing that was not written yet is written now: policy decided on evidence, and that is not, or
/// not known to be, there any more. A person who said yes is not asked again.
fn withheld(attempt: &Attempt, evidence: Evidence) -> Option<Withheld> {
    match (&attempt.by, evidence) {
        (Authority::Operator { .. }, _) | (_, Evidence::StillBad) => None,
        (Authority::Policy, Evidence::Gone) => Some(Withheld::HarmGone),
        (Authority::Policy, Evidence::Unknown) => Some(Withheld::NotKnownYet),
    }
}

#[derive(Clone, Copy)]
enum Withheld {
    HarmGone,
    NotKnownYet,
}

/// Nothing of it stands, and it is not delivered again: held once the harm is known to be gone or the
/// intent has expired, else it waits to be asked about again.
fn not_again(case: &Case, attempt: &Attempt, at: Timestamp, why: Withheld) -> Next {
    let attempt = attempt.on(Footing::Untouched);
    let reason = match why {
        Withheld::HarmGone => HoldReason::HarmGone,
        Withheld::NotKnownYet if at >= attempt.expires_at => HoldReason::Expired,
        Withheld::NotKnownYet => return (stay(case, &attempt), Vec::new()),
    };
    halt::hold(case.clone(), at, reason, Ready::Plan(attempt.plan))
}

/// The same intent once more; or, when it is spent, the end that fits what stands there.
fn redeliver(case: &Case, attempt: &Attempt, at: Timestamp) -> Next {
    let spent = match attempt.redeliver(at) {
        Ok(again) => {
            let commands = again.deliver();
            return (
                State::Reverting {
                    case: case.clone(),
                    attempt: again,
                },
                commands,
            );
        }
        Err(spent) => spent,
    };
    match (spent, attempt.footing) {
        (Spent::Expired, Footing::Untouched) => {
            let ready = Ready::Plan(Arc::clone(&attempt.plan));
            halt::hold(case.clone(), at, HoldReason::Expired, ready)
        }
        (Spent::Expired, _) => halt::fail(
            case.clone(),
            attempt.clone(),
            "half written when the intent expired: anybody's reload activates it".into(),
        ),
        (Spent::Deliveries, _) => halt::fail(
            case.clone(),
            attempt.clone(),
            "no delivery of the write had an effect".into(),
        ),
    }
}

/// The engine would not write. What an earlier delivery left behind decides who has to know.
fn refused(case: &Case, attempt: &Attempt, at: Timestamp, why: &str) -> Next {
    if attempt.footing == Footing::Untouched {
        let ready = Ready::Plan(Arc::clone(&attempt.plan));
        halt::hold(case.clone(), at, HoldReason::refused(why), ready)
    } else {
        halt::fail(
            case.clone(),
            attempt.clone(),
            format!("half written, then refused: {why}"),
        )
    }
}

fn effective(case: &Case, attempt: &Attempt, at: Timestamp) -> Next {
    let state = State::Verifying {
        case: case.clone(),
        attempt: attempt.on(Footing::Complete),
        check: Check::Health { since: at },
    };
    (state, Vec::new())
}

fn restart_needed(case: &Case, attempt: &Attempt, at: Timestamp) -> Next {
    let ready = Ready::Written(attempt.on(Footing::Partial));
    halt::hold(case.clone(), at, HoldReason::RestartNeeded, ready)
}

fn foreign(case: &Case, attempt: &Attempt, found: &Found) -> Next {
    match found {
        Found::Foreign { key, found } => {
            let by = Successor::Value {
                key: key.clone(),
                found: found.effective.clone(),
            };
            halt::give_way_amid(case.change_set, &attempt.plan, by)
        }
        _ => (stay(case, attempt), attempt.inspect()),
    }
}

/// The server is back after the restart that a written plan waited for.
fn after_restart(case: &Case, attempt: &Attempt, at: Timestamp, found: &Found) -> Next {
    match found {
        Found::Effective => effective(case, attempt, at),
        Found::Written => restart_needed(case, attempt, at),
        Found::Foreign { .. } => foreign(case, attempt, found),
        Found::Unknown { why } => halt::fail(
            case.clone(),
            attempt.clone(),
            format!("nobody can say whether the restart made it effective: {why}"),
        ),
        Found::Masked { by } => halt::fail(
            case.clone(),
            attempt.clone(),
            format!("not effective: masked by {by}"),
        ),
        Found::NotApplied | Found::Mixed => halt::fail(
            case.clone(),
            attempt.clone(),
            "the new value is still there after the restart".into(),
        ),
    }
}

/// The old value is effective; whether that helped decides whether a person is called.
fn rolled_back(case: &Case, attempt: &Attempt, at: Timestamp, recovered: Recovery) -> Next {
    let id = case.change_set;
    let page = |message| halt::not_recovered(id, &attempt.plan, message);
    let commands = match recovered {
        Recovery::Yes => Vec::new(),
        Recovery::No => vec![page(format!(
            "{id} was rolled back and the symptom is still there"
        ))],
        Recovery::Unknown => vec![page(format!(
            "{id} was rolled back; no data say whether it helped"
        ))],
    };
    let state = State::RolledBack {
        case: case.clone(),
        plan: Arc::clone(&attempt.plan),
        recovered,
        at,
    };
    (state, commands)
}

/// Somebody else's change set took one of the settings while a write of ours was open or done.
fn moved(case: &Case, attempt: &Attempt, event: &Event) -> Stepped {
    let by = successor(event).ok_or(Illegal::NoSuchStep {
        state: "reverting",
        event: event.word(),
    })?;
    Ok(halt::give_way_amid(case.change_set, &attempt.plan, by))
}

fn stay(case: &Case, attempt: &Attempt) -> State {
    State::Reverting {
        case: case.clone(),
        attempt: attempt.clone(),
    }
}
