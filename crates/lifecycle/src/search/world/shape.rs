//! States, commands and events in short: plans and verdicts are always the same.

use backstay_model::{Command, Event};

use crate::attempt::Attempt;
use crate::state::{Ready, State};

pub(super) fn shape(state: &State) -> String {
    let more = match state {
        State::Watching {
            until, extensions, ..
        } => format!("{until:?}{extensions}"),
        State::Held {
            since,
            reason,
            ready,
            ..
        } => format!("{since:?}{reason:?}{}", ready_shape(ready)),
        State::Reverting { attempt, .. } => attempt_shape(attempt),
        State::RollbackFailed { attempt, why, .. } => format!("{}{why}", attempt_shape(attempt)),
        State::Verifying { attempt, check, .. } => format!("{}{check:?}", attempt_shape(attempt)),
        State::RolledBack { recovered, at, .. } => format!("{recovered:?}{at:?}"),
        State::Kept { .. } | State::Judged { .. } => String::new(),
        other => format!("{other:?}"),
    };
    format!("{state} {more}")
}

fn ready_shape(ready: &Ready) -> String {
    match ready {
        Ready::Nothing => "nothing".into(),
        Ready::Plan(_) => "plan".into(),
        Ready::Written(attempt) => attempt_shape(attempt),
    }
}

fn attempt_shape(a: &Attempt) -> String {
    format!("{}{:?}{}{:?}", a.intent, a.by, a.delivery, a.footing)
}

pub(super) fn command_shape(command: &Command) -> String {
    match command {
        Command::Write(w) => format!("write {}", w.intent),
        Command::Inspect(w) => format!("inspect {}", w.intent),
        Command::Page(_) => "page".into(),
    }
}

pub(super) fn event_shape(event: &Event) -> String {
    match event {
        Event::Replied { at, intent, reply } => format!("{at:?}{intent}{reply:?}"),
        Event::Inspected {
            at,
            intent,
            found,
            evidence,
        } => format!("{at:?}{intent}{found:?}{evidence:?}"),
        other => format!("{}{:?}", other.word(), other.at()),
    }
}
