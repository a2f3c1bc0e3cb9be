//! Where a change set is in its life, and the one function that moves it.

use std::fmt;
use std::sync::Arc;

use backstay_model::change::TakesEffect;
use backstay_model::decision::HoldReason;
use backstay_model::plan::Plan;
use backstay_model::risk::Risk;
use backstay_model::verdict::{Recovery, Verdict};
use backstay_model::{ChangeSetId, Command, Event, IntentId, SettingKey, Timestamp, Value};

use crate::attempt::{Attempt, Footing};
pub use crate::illegal::Illegal;
pub(crate) use crate::illegal::no_such_step;
use crate::{proposal, revert, watching};

/// Where a change set is in its life. Data that only one state has is in that state's variant.
#[derive(Clone, PartialEq, Debug)]
pub enum State {
    /// Somebody proposed it through Backstay; the simulator has not answered yet.
    Proposed {
        /// Which change set.
        change_set: ChangeSetId,
    },
    /// The simulator has answered; a person decides.
    Simulated {
        /// Which change set.
        change_set: ChangeSetId,
        /// What the simulator says.
        risk: Arc<Risk>,
    },
    /// Declined, or refused by the server. Not final: it can still be made by hand, and then it is
    /// watched like every other.
    Refused {
        /// Which change set.
        change_set: ChangeSetId,
        /// Why, in one line.
        why: String,
    },
    /// Backstay is writing the proposal. The change stream confirms it: a live sighting begins the
    /// watch.
    Applying {
        /// Which change set.
        change_set: ChangeSetId,
        /// The write.
        attempt: Attempt,
    },
    /// It stands in the target without an effect yet; the watch clock stands still.
    Dormant {
        /// Which change set.
        change_set: ChangeSetId,
        /// Since when.
        since: Timestamp,
        /// What it waits for: a restart, or that a stronger source goes away.
        waits_for: Wait,
    },
    /// Its effect is being judged.
    Watching {
        /// Which change set.
        change_set: ChangeSetId,
        /// When it took effect.
        since: Timestamp,
        /// When the watch ends.
        until: Timestamp,
        /// How often the watch was extended.
        extensions: u32,
    },
    /// It hurt; risk, policy and plan are awaited.
    Judged {
        /// The change set and the verdict.
        case: Case,
    },
    /// An operator's turn.
    Held {
        /// The change set and what is known about it.
        case: Case,
        /// Since when.
        since: Timestamp,
        /// Why Backstay does not go on by itself.
        reason: HoldReason,
        /// What lies ready for the operator.
        ready: Ready,
    },
    /// Backstay is putting it back.
    Reverting {
        /// The change set and why it is put back.
        case: Case,
        /// The write.
        attempt: Attempt,
    },
    /// It was put back; whether that works and helps is being checked.
    Verifying {
        /// The change set and why it was put back.
        case: Case,
        /// The write.
        attempt: Attempt,
        /// What is being checked.
        check: Check,
    },
    /// Settled: it stays.
    Kept {
        /// Which change set.
        change_set: ChangeSetId,
        /// Who says so.
        by: Keeper,
    },
    /// Settled: the old value is effective again.
    RolledBack {
        /// The change set and why it was put back.
        case: Case,
        /// The plan that ran.
        plan: Arc<Plan>,
        /// Whether the symptom went away. `No` means that the change was not the cause.
        recovered: Recovery,
        /// When that was known.
        at: Timestamp,
    },
    /// It could not be put back. A person was paged and may retry or close it.
    RollbackFailed {
        /// The change set and why it was to be put back.
        case: Case,
        /// The last write.
        attempt: Attempt,
        /// Why it failed, in one line.
        why: String,
    },
    /// Settled: somebody else moved one of its settings, or an operator closed it.
    Superseded {
        /// Which change set.
        change_set: ChangeSetId,
        /// By what.
        by: Successor,
    },
}

/// What a dormant change set waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// The next restart of the server.
    Restart,
    /// A stronger source masks it; it may never take effect.
    Unmasking,
}

impl Wait {
    /// What a change that takes effect then waits for; `None` when it works already.
    #[must_use]
    pub const fn of(takes_effect: TakesEffect) -> Option<Self> {
        match takes_effect {
            TakesEffect::Now | TakesEffect::NewSessions => None,
            TakesEffect::AtRestart => Some(Self::Restart),
            TakesEffect::Masked => Some(Self::Unmasking),
        }
    }
}

/// A change set with what was found out about it.
#[derive(Clone, PartialEq, Debug)]
pub struct Case {
    /// Which change set.
    pub change_set: ChangeSetId,
    /// What the watch said; `None` when an operator acted before a verdict.
    pub verdict: Option<Arc<Verdict>>,
    /// The risk that was put beside a verdict of harm; `None` without such a verdict.
    pub risk: Option<Arc<Risk>>,
}

/// What lies ready for the operator of a held change set.
#[derive(Clone, PartialEq, Debug)]
pub enum Ready {
    /// Nothing: a plan has to be made first.
    Nothing,
    /// A plan that can be approved, or whose commands can be typed.
    Plan(Arc<Plan>),
    /// A plan that is written already and waits for a restart.
    Written(Attempt),
}

impl Ready {
    /// The plan that lies ready, or is written.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Nothing => None,
            Self::Plan(plan) => Some(plan),
            Self::Written(attempt) => Some(&attempt.plan),
        }
    }
}

/// What is checked after a rollback.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    /// That the old value is effective again, after a restart.
    Effect {
        /// Since when that is asked.
        since: Timestamp,
    },
    /// That the symptom goes away.
    Health {
        /// Since when the old value is known to be effective.
        since: Timestamp,
    },
}

/// Who says that a change set stays.
#[derive(Clone, PartialEq, Debug)]
pub enum Keeper {
    /// The watch ended well.
    Verdict(Arc<Verdict>),
    /// An operator.
    Operator {
        /// Who.
        by: String,
    },
}

/// What took the place of a change set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Successor {
    /// A later change set.
    ChangeSet {
        /// Which.
        id: ChangeSetId,
        /// The setting it moved.
        key: SettingKey,
    },
    /// A value of which no change set is known yet.
    Value {
        /// The setting.
        key: SettingKey,
        /// What stands there.
        found: Option<Value>,
    },
    /// An operator closed it.
    Operator {
        /// Who.
        by: String,
    },
}

/// What has to come next, so that a guard that starts anew knows what each change set waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Awaits {
    /// The simulator's answer.
    Simulation,
    /// A live sighting.
    Sighting,
    /// A restart of the server.
    Restart,
    /// A verdict, at the latest at this moment.
    Verdict(Timestamp),
    /// Risk, policy and plan.
    Ruling,
    /// An operator.
    Operator,
    /// The reply to this intent, or an inspection of it.
    Reply(IntentId),
    /// The answer whether the symptom went away; the old value is effective since this moment.
    Recovery(Timestamp),
    /// Nothing: it is settled.
    Nothing,
}

/// What a transition yields.
pub(crate) type Stepped = Result<(State, Vec<Command>), Illegal>;

/// The next state after `event`, and what is to be done. `None` is the state before the first event.
/// Total and pure: the same pair gives the same answer, in a live guard, in a replay and in a test.
///
/// # Errors
/// [`Illegal`] when the event cannot happen in that state. The state stays as it was.
pub fn step(state: Option<&State>, event: &Event) -> Stepped {
    let Some(state) = state else {
        return proposal::first(event);
    };
    // A restart moves only what waits for one; nobody has to know who does.
    let waits_for_people = matches!(
        state.awaits(),
        Awaits::Simulation | Awaits::Operator | Awaits::Sighting
    );
    if waits_for_people && matches!(event, Event::Restarted { .. }) {
        return Ok((state.clone(), Vec::new()));
    }
    match state {
        State::Proposed { change_set } => proposal::proposed(*change_set, event),
        State::Simulated { change_set, .. } => proposal::simulated(*change_set, event),
        State::Refused { change_set, .. } => proposal::refused(*change_set, event),
        State::Applying {
            change_set,
            attempt,
        } => proposal::applying(*change_set, attempt, event),
        State::Dormant { .. } => watching::dormant(state, event),
        State::Watching { .. } => watching::watching(state, event),
        State::Judged { case } => watching::judged(case, event),
        State::Held { .. } => watching::held(state, event),
        State::Reverting { case, attempt } => revert::reverting(case, attempt, event),
        State::Verifying {
            case,
            attempt,
            check,
        } => revert::verifying(case, attempt, *check, event),
        State::RollbackFailed { case, .. } => revert::failed(case, event),
        State::Kept { .. } | State::RolledBack { .. } | State::Superseded { .. } => {
            Err(no_such_step(state, event))
        }
    }
}

/// The state after all of `events`, as the journal holds them; `None` when there are none.
///
/// # Errors
/// [`Illegal`] at the first event that cannot happen where it stands.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Option<State>, Illegal> {
    let mut state = None;
    for event in events {
        state = Some(step(state.as_ref(), event)?.0);
    }
    Ok(state)
}

impl State {
    /// Which change set.
    #[must_use]
    pub fn change_set(&self) -> ChangeSetId {
        match self {
            Self::Proposed { change_set }
            | Self::Simulated { change_set, .. }
            | Self::Refused { change_set, .. }
            | Self::Applying { change_set, .. }
            | Self::Dormant { change_set, .. }
            | Self::Watching { change_set, .. }
            | Self::Kept { change_set, .. }
            | Self::Superseded { change_set, .. } => *change_set,
            Self::Judged { case }
            | Self::Held { case, .. }
            | Self::Reverting { case, .. }
            | Self::Verifying { case, .. }
            | Self::RolledBack { case, .. }
            | Self::RollbackFailed { case, .. } => case.change_set,
        }
    }

    /// Whether it is over: no event moves a settled state.
    #[must_use]
    pub const fn settled(&self) -> bool {
        matches!(
            self,
            Self::Kept { .. } | Self::RolledBack { .. } | Self::Superseded { .. }
        )
    }

    /// The attempt whose effect is not known yet. After a restart of the guard nothing else is done on
    /// that target before this is finished or abandoned; and a recorded write may be handed to an
    /// engine only while it belongs to this attempt.
    #[must_use]
    pub const fn open_attempt(&self) -> Option<&Attempt> {
        match self {
            Self::Applying { attempt, .. } if matches!(attempt.footing, Footing::Complete) => None,
            Self::Applying { attempt, .. }
            | Self::Reverting { attempt, .. }
            | Self::Verifying {
                attempt,
                check: Check::Effect { .. },
                ..
            } => Some(attempt),
            _ => None,
        }
    }

    /// The intent of the open attempt.
    #[must_use]
    pub fn open_intent(&self) -> Option<IntentId> {
        self.open_attempt().map(|a| a.intent)
    }

    /// The plan that ran, runs, or lies ready.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Held { ready, .. } => ready.plan(),
            Self::RolledBack { plan, .. } => Some(plan),
            Self::Applying { attempt, .. }
            | Self::Reverting { attempt, .. }
            | Self::Verifying { attempt, .. }
            | Self::RollbackFailed { attempt, .. } => Some(&attempt.plan),
            _ => None,
        }
    }

    /// What has to come next.
    #[must_use]
    pub fn awaits(&self) -> Awaits {
        match self {
            Self::Proposed { .. } => Awaits::Simulation,
            Self::Simulated { .. } | Self::RollbackFailed { .. } => Awaits::Operator,
            Self::Held {
                ready: Ready::Written(_),
                ..
            } => Awaits::Restart,
            Self::Held { .. } => Awaits::Operator,
            Self::Refused { .. } => Awaits::Sighting,
            Self::Applying { attempt, .. } => match attempt.footing {
                Footing::Complete => Awaits::Sighting,
                Footing::Untouched | Footing::Partial => Awaits::Reply(attempt.intent),
            },
            Self::Dormant {
                waits_for: Wait::Restart,
                ..
            } => Awaits::Restart,
            Self::Dormant {
                waits_for: Wait::Unmasking,
                ..
            } => Awaits::Sighting,
            Self::Watching { until, .. } => Awaits::Verdict(*until),
            Self::Judged { .. } => Awaits::Ruling,
            Self::Reverting { attempt, .. } => Awaits::Reply(attempt.intent),
            Self::Verifying { attempt, check, .. } => match check {
                Check::Effect { .. } => Awaits::Reply(attempt.intent),
                Check::Health { since } => Awaits::Recovery(*since),
            },
            Self::Kept { .. } | Self::RolledBack { .. } | Self::Superseded { .. } => {
                Awaits::Nothing
            }
        }
    }

    /// Its name for people and logs: `rolled back`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Proposed { .. } => "proposed",
            Self::Simulated { .. } => "simulated",
            Self::Refused { .. } => "refused",
            Self::Applying { .. } => "applying",
            Self::Dormant { .. } => "dormant",
            Self::Watching { .. } => "watching",
            Self::Judged { .. } => "judged",
            Self::Held { .. } => "held",
            Self::Reverting { .. } => "reverting",
            Self::Verifying { .. } => "verifying",
            Self::Kept { .. } => "kept",
            Self::RolledBack { .. } => "rolled back",
            Self::RollbackFailed { .. } => "rollback failed",
            Self::Superseded { .. } => "superseded",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Case {
    /// A change set about which nothing is known yet.
    pub(crate) const fn bare(change_set: ChangeSetId) -> Self {
        Self {
            change_set,
            verdict: None,
            risk: None,
        }
    }
}

#[cfg(test)]
mod tests;
