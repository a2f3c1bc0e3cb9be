//! What must always hold, by id (safety.md, 13), as pure predicates: the exhaustive search, the
//! simulated world, the guard's own checks and its counter of violations all use these.

use std::collections::BTreeSet;
use std::fmt;

use backstay_model::decision::Clearance;
use backstay_model::event::{Evidence, WriteReply};
use backstay_model::plan::{Found, Write};
use backstay_model::verdict::Recovery;
use backstay_model::{Command, Event, SettingKey, TargetId, Timestamp};

use crate::attempt::Authority;
use crate::policy::Brake;
use crate::state::{Check, State};

/// The invariants that concern the life of a change set. A retired id never returns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Invariant {
    /// A write begins only under a durable, open intent of its own.
    Rb1,
    /// A value or source that the plan does not expect is never replaced.
    Rb2,
    /// "Rolled back" only after the old value was read back as effective.
    Rb3,
    /// At most one live revert per target and setting.
    Rb4,
    /// From every state a settled state or an operator's turn can be reached.
    Rb5,
    /// Replaying the events gives the same state.
    Rb6,
    /// At most one automatic attempt per change set.
    Rb8,
    /// What is written is the recorded plan, by its hash.
    Rb9,
    /// What is not written yet is delivered again only while the harm is there, or for a person.
    Rb13,
    /// Of changes that are held together each is undone at most once.
    Rb14,
    /// Without a person's approval of that very plan only a ruling of policy begins a write.
    Op1,
    /// No write begins after a pause is visible.
    Op3,
    /// No write begins after its intent expired.
    Op4,
    /// A settled change set never moves again, so it is learnt from once.
    Jr2,
    /// A rollback that failed or did not help goes to a person.
    P12,
}

impl Invariant {
    /// Each of them.
    pub const ALL: [Self; 15] = [
        Self::Rb1,
        Self::Rb2,
        Self::Rb3,
        Self::Rb4,
        Self::Rb5,
        Self::Rb6,
        Self::Rb8,
        Self::Rb9,
        Self::Rb13,
        Self::Rb14,
        Self::Op1,
        Self::Op3,
        Self::Op4,
        Self::Jr2,
        Self::P12,
    ];

    /// Its stable id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Rb1 => "RB-1",
            Self::Rb2 => "RB-2",
            Self::Rb3 => "RB-3",
            Self::Rb4 => "RB-4",
            Self::Rb5 => "RB-5",
            Self::Rb6 => "RB-6",
            Self::Rb8 => "RB-8",
            Self::Rb9 => "RB-9",
            Self::Rb13 => "RB-13",
            Self::Rb14 => "RB-14",
            Self::Op1 => "OP-1",
            Self::Op3 => "OP-3",
            Self::Op4 => "OP-4",
            Self::Jr2 => "JR-2",
            Self::P12 => "P-12",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// One move of [`crate::step`].
#[derive(Clone, Copy, Debug)]
pub struct Transition<'a> {
    /// The state before; `None` for the first event.
    pub before: Option<&'a State>,
    /// The event.
    pub event: &'a Event,
    /// The state after.
    pub after: &'a State,
    /// What is to be done.
    pub commands: &'a [Command],
}

/// The invariants that a move breaks; empty when all is well.
#[must_use]
pub fn broken_by_transition(t: &Transition<'_>) -> Vec<Invariant> {
    let checks = [
        (
            Invariant::Rb1,
            writes(t).all(|w| t.after.open_intent() == Some(w.intent)),
        ),
        (Invariant::Rb3, effect_was_read_back(t)),
        (Invariant::Rb8, automatic_once(t)),
        (Invariant::Rb9, writes(t).all(|w| is_the_plan(t.after, w))),
        (Invariant::Rb13, delivered_for_a_reason(t)),
        (Invariant::Op1, begins_with_leave(t)),
        (
            Invariant::Op4,
            writes(t).all(|w| t.event.at() < w.expires_at),
        ),
        (Invariant::Jr2, !t.before.is_some_and(State::settled)),
        (Invariant::P12, failure_pages(t)),
    ];
    checks
        .into_iter()
        .filter(|(_, holds)| !holds)
        .map(|(id, _)| id)
        .collect()
}

/// The invariants that beginning `write` now would break. `durable` is the change set's state as the
/// journal holds it. To be asked right before a recorded write is handed to an engine.
#[must_use]
pub fn broken_by_write(
    durable: Option<&State>,
    write: &Write,
    now: Timestamp,
    brake: Brake,
) -> Vec<Invariant> {
    let open = durable.is_some_and(|s| s.open_intent() == Some(write.intent));
    let checks = [
        (Invariant::Rb1, open),
        (
            Invariant::Rb9,
            !open || durable.is_some_and(|s| is_the_plan(s, write)),
        ),
        (Invariant::Op3, brake == Brake::Off),
        (Invariant::Op4, now < write.expires_at),
    ];
    checks
        .into_iter()
        .filter(|(_, holds)| !holds)
        .map(|(id, _)| id)
        .collect()
}

/// RB-4 over all change sets at once.
#[must_use]
pub fn one_live_revert_each<'a>(states: impl IntoIterator<Item = &'a State>) -> bool {
    let mut live: BTreeSet<(&TargetId, &SettingKey)> = BTreeSet::new();
    let open = states.into_iter().filter_map(State::open_attempt);
    open.flat_map(|a| a.plan.steps.iter().map(|s| (&a.plan.target, &s.key)))
        .all(|place| live.insert(place))
}

fn writes<'a>(t: &Transition<'a>) -> impl Iterator<Item = &'a Write> {
    t.commands.iter().filter_map(|c| match c {
        Command::Write(write) => Some(write),
        Command::Inspect(_) | Command::Page(_) => None,
    })
}

fn is_the_plan(state: &State, write: &Write) -> bool {
    state
        .plan()
        .is_some_and(|plan| plan.hash == write.plan && plan.steps == write.steps)
}

/// Verifying the symptom begins with an answer that says "effective"; rolled back comes after that.
fn effect_was_read_back(t: &Transition<'_>) -> bool {
    let was_checking = matches!(
        t.before,
        Some(State::Verifying {
            check: Check::Health { .. },
            ..
        })
    );
    match t.after {
        State::RolledBack { .. } => was_checking,
        State::Verifying {
            check: Check::Health { .. },
            ..
        } => was_checking || says_effective(t.event),
        _ => true,
    }
}

fn says_effective(event: &Event) -> bool {
    match event {
        Event::Replied { reply, .. } => matches!(
            reply,
            WriteReply::Effective { .. }
                | WriteReply::NotEffective {
                    found: Found::Effective
                }
                | WriteReply::Conflict {
                    found: Found::Effective
                }
        ),
        Event::Inspected { found, .. } => matches!(found, Found::Effective),
        _ => false,
    }
}

/// Only Judged begins an automatic attempt, and nothing leads back to Judged but a watch.
fn automatic_once(t: &Transition<'_>) -> bool {
    let begins = begun(t).is_some_and(|by| *by == Authority::Policy);
    let from_judged = matches!(t.before, Some(State::Judged { .. }));
    let to_judged = matches!(t.after, State::Judged { .. });
    let from_watch = matches!(
        t.before,
        Some(State::Watching { .. } | State::Judged { .. })
    );
    (!begins || from_judged) && (!to_judged || from_watch)
}

/// Who set off the attempt that this move begins, if it begins one.
fn begun<'a>(t: &Transition<'a>) -> Option<&'a Authority> {
    let before = t.before.and_then(State::open_intent);
    let attempt = t.after.open_attempt()?;
    let waited =
        matches!(t.before, Some(State::Held { .. })) && matches!(t.after, State::Verifying { .. });
    (before != Some(attempt.intent) && !waited).then_some(&attempt.by)
}

/// Policy's reason to write is the harm: without it, nothing more of an untouched attempt leaves.
fn delivered_for_a_reason(t: &Transition<'_>) -> bool {
    let Event::Inspected {
        found: Found::NotApplied,
        evidence,
        ..
    } = t.event
    else {
        return true;
    };
    let attempt = t.before.and_then(State::open_attempt);
    let wanted = attempt.is_some_and(|a| matches!(a.by, Authority::Operator { .. }));
    wanted || *evidence == Evidence::StillBad || writes(t).next().is_none()
}

fn begins_with_leave(t: &Transition<'_>) -> bool {
    let Some(by) = begun(t) else { return true };
    match (t.event, by) {
        (Event::Ruled { clearance, .. }, Authority::Policy) => *clearance == Clearance::Automatic,
        (
            Event::Approved {
                plan, by: person, ..
            },
            Authority::Operator { by },
        ) => by == person && t.after.plan() == Some(plan.as_ref()),
        _ => false,
    }
}

fn failure_pages(t: &Transition<'_>) -> bool {
    let must = match t.after {
        State::RollbackFailed { .. } => !matches!(t.before, Some(State::RollbackFailed { .. })),
        State::RolledBack { recovered, .. } => *recovered != Recovery::Yes,
        _ => false,
    };
    !must || t.commands.iter().any(|c| matches!(c, Command::Page(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique() {
        let ids: BTreeSet<_> = Invariant::ALL.iter().map(|i| i.id()).collect();
        assert_eq!(ids.len(), Invariant::ALL.len());
    }
}
