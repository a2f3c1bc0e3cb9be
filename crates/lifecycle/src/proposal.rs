//! The two doors: proposed through Backstay, or seen live.

use std::sync::Arc;

use backstay_model::change::TakesEffect;
use backstay_model::decision::HoldReason;
use backstay_model::event::WriteReply;
use backstay_model::plan::Found;
use backstay_model::{ChangeSet, ChangeSetId, Event, IntentId, Timestamp};

use crate::attempt::{Attempt, Authority, Footing, Spent, runnable};
use crate::halt;
use crate::state::{Case, Illegal, Ready, State, Stepped, Successor, Wait};

/// The first event of a change set.
pub(crate) fn first(event: &Event) -> Stepped {
    match event {
        Event::Proposed { change_set, .. } => Ok((
            State::Proposed {
                change_set: change_set.id,
            },
            Vec::new(),
        )),
        Event::SeenLive {
            at,
            change_set,
            takes_effect,
            watch_until,
        } => Ok(seen(change_set, *at, *takes_effect, *watch_until)),
        _ => Err(Illegal::NoSuchStep {
            state: "new",
            event: event.word(),
        }),
    }
}

/// From Proposed: the simulator answers, or it is live already.
pub(crate) fn proposed(id: ChangeSetId, event: &Event) -> Stepped {
    match event {
        Event::Simulated { risk, .. } => Ok((
            State::Simulated {
                change_set: id,
                risk: Arc::clone(risk),
            },
            Vec::new(),
        )),
        Event::SeenLive { .. } => sighting(id, event),
        _ => Err(Illegal::NoSuchStep {
            state: "proposed",
            event: event.word(),
        }),
    }
}

/// From Simulated: a person decides, or it is live already.
pub(crate) fn simulated(id: ChangeSetId, event: &Event) -> Stepped {
    match event {
        Event::Approved {
            at,
            by,
            plan,
            intent,
            expires_at,
        } => {
            if plan.change_set != id || !runnable(plan) || at >= expires_at {
                return Err(Illegal::NotRunnable { change_set: id });
            }
            let by = Authority::Operator { by: by.clone() };
            let attempt = Attempt::begin(Arc::clone(plan), *intent, *expires_at, by);
            Ok(deliver(id, attempt))
        }
        Event::Declined { by, .. } => Ok(refuse(id, format!("declined by {by}"))),
        Event::SeenLive { .. } => sighting(id, event),
        _ => Err(Illegal::NoSuchStep {
            state: "simulated",
            event: event.word(),
        }),
    }
}

/// From Refused: it was made all the same.
pub(crate) fn refused(id: ChangeSetId, event: &Event) -> Stepped {
    match event {
        Event::SeenLive { .. } => sighting(id, event),
        _ => Err(Illegal::NoSuchStep {
            state: "refused",
            event: event.word(),
        }),
    }
}

/// From Applying: the server replies, the change stream confirms, or somebody else was quicker.
pub(crate) fn applying(id: ChangeSetId, attempt: &Attempt, event: &Event) -> Stepped {
    match event {
        Event::SeenLive { .. } => sighting(id, event),
        Event::Replied { at, intent, reply } => {
            same_intent(attempt, *intent)?;
            Ok(applying_replied(id, attempt, *at, reply))
        }
        Event::Inspected {
            at, intent, found, ..
        } => {
            same_intent(attempt, *intent)?;
            Ok(applying_found(id, attempt, *at, found))
        }
        Event::Resumed { .. } if attempt.footing != Footing::Complete => Ok((
            State::Applying {
                change_set: id,
                attempt: attempt.clone(),
            },
            attempt.inspect(),
        )),
        Event::Overwritten { by, key, .. } => {
            let by = Successor::ChangeSet {
                id: *by,
                key: key.clone(),
            };
            Ok(halt::give_way_amid(id, &attempt.plan, by))
        }
        Event::Resumed { .. } | Event::Restarted { .. } => Ok((
            State::Applying {
                change_set: id,
                attempt: attempt.clone(),
            },
            Vec::new(),
        )),
        _ => Err(Illegal::NoSuchStep {
            state: "applying",
            event: event.word(),
        }),
    }
}

fn applying_replied(id: ChangeSetId, attempt: &Attempt, at: Timestamp, reply: &WriteReply) -> Next {
    match reply {
        WriteReply::Effective { .. } => applying_found(id, attempt, at, &Found::Effective),
        WriteReply::NotEffective { found } | WriteReply::Conflict { found } => {
            applying_found(id, attempt, at, found)
        }
        WriteReply::RestartPending => (
            State::Dormant {
                change_set: id,
                since: at,
                waits_for: Wait::Restart,
            },
            Vec::new(),
        ),
        WriteReply::Refused { why } if attempt.footing == Footing::Untouched => {
            refuse(id, why.clone())
        }
        WriteReply::Refused { why } => stuck(id, attempt, at, format!("half written, then: {why}")),
        WriteReply::Unknown { .. } => (
            State::Applying {
                change_set: id,
                attempt: attempt.clone(),
            },
            attempt.inspect(),
        ),
    }
}

fn applying_found(id: ChangeSetId, attempt: &Attempt, at: Timestamp, found: &Found) -> Next {
    let stay = |footing| State::Applying {
        change_set: id,
        attempt: attempt.on(footing),
    };
    match found {
        Found::Effective => (stay(Footing::Complete), Vec::new()),
        Found::Unknown { .. } => (stay(attempt.footing), Vec::new()),
        Found::Masked { .. } => (
            State::Dormant {
                change_set: id,
                since: at,
                waits_for: Wait::Unmasking,
            },
            Vec::new(),
        ),
        Found::Foreign { key, found } => {
            let by = Successor::Value {
                key: key.clone(),
                found: found.effective.clone(),
            };
            halt::give_way_amid(id, &attempt.plan, by)
        }
        Found::NotApplied => match attempt.on(Footing::Untouched).redeliver(at) {
            Ok(again) => deliver(id, again),
            Err(Spent::Expired) => {
                refuse(id, "the intent expired before anything was written".into())
            }
            Err(Spent::Deliveries) => stuck(
                id,
                attempt,
                at,
                "nothing stands after all deliveries".into(),
            ),
        },
        Found::Written | Found::Mixed => match attempt.on(Footing::Partial).redeliver(at) {
            Ok(again) => deliver(id, again),
            Err(_) => stuck(
                id,
                attempt,
                at,
                "half written and the attempt is spent".into(),
            ),
        },
    }
}

/// A transition that cannot be illegal.
type Next = (State, Vec<backstay_model::Command>);

fn deliver(id: ChangeSetId, attempt: Attempt) -> Next {
    let commands = attempt.deliver();
    (
        State::Applying {
            change_set: id,
            attempt,
        },
        commands,
    )
}

fn refuse(id: ChangeSetId, why: String) -> Next {
    (
        State::Refused {
            change_set: id,
            why,
        },
        Vec::new(),
    )
}

/// What stands in the target is not what anybody wanted: a person's turn.
fn stuck(id: ChangeSetId, attempt: &Attempt, at: Timestamp, why: String) -> Next {
    let ready = Ready::Plan(Arc::clone(&attempt.plan));
    halt::hold(Case::bare(id), at, HoldReason::Refused { why }, ready)
}

/// Seen live: the watch begins, or waits for the value to take effect.
pub(crate) fn sighting(id: ChangeSetId, event: &Event) -> Stepped {
    match event {
        Event::SeenLive {
            at,
            change_set,
            takes_effect,
            watch_until,
        } => {
            if change_set.id != id {
                return Err(Illegal::OtherChangeSet {
                    own: id,
                    got: change_set.id,
                });
            }
            Ok(seen(change_set, *at, *takes_effect, *watch_until))
        }
        _ => Err(Illegal::NoSuchStep {
            state: "unseen",
            event: event.word(),
        }),
    }
}

fn seen(set: &ChangeSet, at: Timestamp, takes_effect: TakesEffect, until: Timestamp) -> Next {
    let state = match Wait::of(takes_effect) {
        Some(waits_for) => State::Dormant {
            change_set: set.id,
            since: at,
            waits_for,
        },
        None => State::Watching {
            change_set: set.id,
            since: set.effective_at(),
            until,
            extensions: 0,
        },
    };
    (state, Vec::new())
}

/// An answer about another intent than the open one must not move anything.
pub(crate) fn same_intent(attempt: &Attempt, got: IntentId) -> Result<(), Illegal> {
    if attempt.intent == got {
        Ok(())
    } else {
        Err(Illegal::OtherIntent {
            open: attempt.intent,
            got,
        })
    }
}
