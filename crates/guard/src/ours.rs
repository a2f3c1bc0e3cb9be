//! Whose change it is: our own writes are known by what the log says of them, or by being exactly what
//! a plan that was sent off leads to.

use backstay_lifecycle::State;
use backstay_lifecycle::state::Ready;
use backstay_model::change::{Author, AuthorEvidence, Origin, Standing};
use backstay_model::plan::{Inverse, PlanStep};
use backstay_model::{Change, Value};

use crate::case::Case;
use crate::desk::{Desk, Mover};

/// Begins the comment that marks our statements, where a log says no application.
const MARK: &str = "backstay rollback ";

/// Whether a change is our own write.
pub(crate) fn is_ours(desk: &Desk, change: &Change) -> bool {
    if said_ours(change) {
        !contradicted(desk, change)
    } else {
        !said_of_others(change) && predicted(desk, change)
    }
}

/// Whether the log says that we ran the statement.
fn said_ours(change: &Change) -> bool {
    let marked = change.description.as_deref();
    change.origin == Origin::Ours || marked.is_some_and(|text| text.starts_with(MARK))
}

/// Whether the log names somebody else.
fn said_of_others(change: &Change) -> bool {
    matches!(
        &change.author,
        Author::Known {
            via: AuthorEvidence::ServerLog,
            ..
        }
    )
}

/// Whether a plan of ours that was sent off leads to the change, and that was not seen yet. Once it
/// was, the same move made again is somebody else's.
fn predicted(desk: &Desk, change: &Change) -> bool {
    let mut sent_off = desk.cases.values().filter(|case| sent_off(&case.state));
    sent_off.any(|case| {
        let mut steps = case.state.plan().into_iter().flat_map(|p| &p.steps);
        steps.any(|step| step.key == change.key && leads_to(desk, case, step, change))
    })
}

/// Whether a write of ours was sent off and may still have to show.
const fn sent_off(state: &State) -> bool {
    matches!(
        state,
        State::Reverting { .. }
            | State::Verifying { .. }
            | State::RolledBack { .. }
            | State::RollbackFailed { .. }
            | State::Held {
                ready: Ready::Written(_),
                ..
            }
    )
}

fn leads_to(desk: &Desk, case: &Case, step: &PlanStep, change: &Change) -> bool {
    let begun = case.moments.intent.map_or(u64::MAX, |intent| intent.0);
    let moved_since = desk.moved.get(&change.key).filter(|m| m.seq > begun);
    let on_its_way = |standing: &Standing| {
        standing.entry.as_ref() == entry_of(step) && standing.effective == step.expect.effective
    };
    let arrived =
        step.predict.effective == change.new.effective && step.predict.source == change.new.source;
    match moved_since {
        None => {
            let from_expected = change.old.effective == step.expect.effective
                && change.old.entry == step.expect.entry;
            from_expected && (arrived || on_its_way(&change.new))
        }
        // Our entry was seen before its reload.
        Some(moved) => moved.by == Mover::Us && on_its_way(&change.old) && arrived,
    }
}

/// The entry that a step leaves.
pub(crate) const fn entry_of(step: &PlanStep) -> Option<&Value> {
    match &step.inverse {
        Inverse::Reset => None,
        Inverse::Set(value) => Some(value),
    }
}

/// Whether the log names a statement of ours for an entry that no plan of ours writes: an older
/// statement, and somebody's later write that was not logged.
fn contradicted(desk: &Desk, change: &Change) -> bool {
    let plans = desk.cases.values().filter_map(|c| c.state.plan());
    let steps = plans.flat_map(|p| &p.steps);
    let mut written = steps
        .filter(|s| s.key == change.key)
        .map(entry_of)
        .peekable();
    written.peek().is_some() && written.all(|entry| entry != change.new.entry.as_ref())
}

/// The change as somebody else's: nothing says whose.
pub(crate) fn of_somebody(mut change: Change) -> Change {
    if said_ours(&change) {
        change.origin = Origin::Observed;
        change.author = Author::Unknown;
        change.description = None;
    }
    change
}
