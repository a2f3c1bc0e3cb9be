//! Events that cannot happen.

use backstay_model::{ChangeSetId, Event, IntentId};

use crate::state::State;

/// An event that cannot happen in a state. In a replay it means that the record is damaged; live, that
/// the event came too late (a reply to a closed intent) and is to be dropped and counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// The state has no way out by this event.
    #[error("event {event} cannot happen in state {state}")]
    NoSuchStep {
        /// The state; `new` before the first event.
        state: &'static str,
        /// The event.
        event: &'static str,
    },
    /// The event is about another change set.
    #[error("the event is about change set {got}, the state about {own}")]
    OtherChangeSet {
        /// The state's.
        own: ChangeSetId,
        /// The event's.
        got: ChangeSetId,
    },
    /// The event is about another intent than the open one.
    #[error("the event is about intent {got}, open is {open}")]
    OtherIntent {
        /// The open one.
        open: IntentId,
        /// The event's.
        got: IntentId,
    },
    /// The plan must not be run by Backstay: it is for people, or it has no steps.
    #[error("the plan of change set {change_set} is not one that Backstay may run")]
    NotRunnable {
        /// Of which change set.
        change_set: ChangeSetId,
    },
}

/// The error of an event that has no way out of `state`.
pub(crate) fn no_such_step(state: &State, event: &Event) -> Illegal {
    Illegal::NoSuchStep {
        state: state.word(),
        event: event.word(),
    }
}
