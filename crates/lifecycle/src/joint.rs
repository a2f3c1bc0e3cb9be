//! Changes that are held together: any of them may be the cause of one harm. One of them speaks for all;
//! when it turns out what another one did, those that are left are told anew, or are watched anew.

use std::collections::BTreeMap;

use backstay_model::decision::HoldReason;
use backstay_model::event::{Narrowing, Page};
use backstay_model::verdict::Recovery;
use backstay_model::{ChangeSetId, Command, Event, Timestamp};

use crate::halt;
use crate::state::{Case, Keeper, Ready, State, Stepped, Successor, no_such_step};
use crate::watching::undecided_by_data;

/// What became of another suspect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// It is not decided yet.
    Open,
    /// What hurt ended with it, or with the change set that took its place.
    WasIt(ChangeSetId),
    /// It is no suspect any more.
    Out(Narrowing),
}

/// What comes next for a change set that is held together with others: `own` is its state, `others` are
/// the states of all change sets of the target, `mended` says of one whether what hurt ended with it.
/// `None` while nothing does. A change set that was undone is never undone again: it is not in the list
/// any more.
#[must_use]
pub fn next(
    own: &State,
    others: &BTreeMap<ChangeSetId, &State>,
    mended: impl Fn(ChangeSetId) -> bool,
    (at, good_until, watch_until): (Timestamp, Timestamp, Timestamp),
) -> Option<Event> {
    let State::Held {
        case,
        reason: HoldReason::Joint {
            suspects,
            told_with,
        },
        ready: Ready::Nothing | Ready::Plan(_),
        ..
    } = own
    else {
        return None;
    };
    let id = case.change_set;
    let fates = suspects.iter().filter(|s| **s != id);
    let fates: Vec<(ChangeSetId, Fate)> = fates
        .map(|s| (*s, fate(others.get(s).copied(), others, &mended)))
        .collect();
    let was_it = fates.iter().find_map(|(_, fate)| match fate {
        Fate::WasIt(cause) => Some(*cause),
        Fate::Open | Fate::Out(_) => None,
    });
    if let Some(cause) = was_it {
        return Some(Event::Acquitted {
            at,
            cause,
            good_until,
            watch_until,
        });
    }
    fates.iter().find_map(|(without, fate)| match fate {
        Fate::Out(why) => {
            let left: Vec<ChangeSetId> =
                suspects.iter().copied().filter(|s| s != without).collect();
            let silent = without == told_with || *why == Narrowing::DidNotHelp;
            let told_with = match left.first() {
                Some(first) if silent => *first,
                _ => *told_with,
            };
            Some(Event::Narrowed {
                at,
                without: *without,
                why: *why,
                suspects: left,
                told_with,
            })
        }
        Fate::Open | Fate::WasIt(_) => None,
    })
}

fn fate(
    state: Option<&State>,
    others: &BTreeMap<ChangeSetId, &State>,
    mended: &impl Fn(ChangeSetId) -> bool,
) -> Fate {
    match state {
        Some(State::RolledBack {
            case, recovered, ..
        }) => match recovered {
            Recovery::Yes => Fate::WasIt(case.change_set),
            Recovery::No | Recovery::Unknown => Fate::Out(Narrowing::DidNotHelp),
        },
        Some(State::Superseded {
            by: Successor::ChangeSet { id, .. },
            ..
        }) => match others.get(id) {
            _ if mended(*id) => Fate::WasIt(*id),
            // What took its place may be what ends the harm: its watch says so.
            Some(State::Watching { .. }) => Fate::Open,
            _ => Fate::Out(Narrowing::Moved),
        },
        Some(State::Superseded { .. }) => Fate::Out(Narrowing::Moved),
        Some(State::Kept {
            by: Keeper::Verdict(_) | Keeper::Operator { .. },
            ..
        })
        | None => Fate::Out(Narrowing::Stays),
        // Its own watch found nothing to say of it.
        Some(State::Held { reason, .. }) if undecided_by_data(reason) => {
            Fate::Out(Narrowing::Stays)
        }
        Some(_) => Fate::Open,
    }
}

/// From Held with others: one of them is out, or was the cause.
pub(crate) fn held(state: &State, event: &Event) -> Stepped {
    let State::Held {
        case,
        since,
        reason: HoldReason::Joint { told_with, .. },
        ready: ready @ (Ready::Nothing | Ready::Plan(_)),
    } = state
    else {
        return Err(no_such_step(state, event));
    };
    match event {
        Event::Narrowed {
            without,
            why,
            suspects,
            told_with: speaker,
            ..
        } => {
            let reason = HoldReason::Joint {
                suspects: suspects.clone(),
                told_with: *speaker,
            };
            let id = case.change_set;
            let anew = told_with != speaker || *why == Narrowing::DidNotHelp;
            let commands = if *speaker == id && anew {
                let message = format!("{without} {}; {id} is held: {reason}", why.words());
                vec![page(case, message, suspects, ready)]
            } else {
                Vec::new()
            };
            let state = State::Held {
                case: case.clone(),
                since: *since,
                reason,
                ready: ready.clone(),
            };
            Ok((state, commands))
        }
        Event::Acquitted {
            at, watch_until, ..
        } => {
            let state = State::Watching {
                change_set: case.change_set,
                since: *at,
                until: *watch_until,
                extensions: 0,
            };
            Ok((state, Vec::new()))
        }
        _ => Err(no_such_step(state, event)),
    }
}

/// The call for a person about all that are held together: what to undo first, and what next.
pub(crate) fn page(
    case: &Case,
    message: String,
    suspects: &[ChangeSetId],
    ready: &Ready,
) -> Command {
    let id = case.change_set;
    let mut next = vec![format!("backstay changes show {id}")];
    for suspect in suspects {
        if *suspect == id {
            let own = halt::next_for_held(id, ready);
            next.extend(own.into_iter().skip(1));
        } else {
            next.push(format!("backstay rollback approve {suspect}"));
        }
    }
    Command::Page(Page {
        change_set: id,
        message,
        next,
        plan: match ready {
            Ready::Plan(plan) => Some(plan.hash.clone()),
            Ready::Nothing | Ready::Written(_) => None,
        },
    })
}
