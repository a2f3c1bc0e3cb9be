//! What kind of work a target did before a change, told once and remembered with its file.

use backstay_engine::work::class_of;
use backstay_lifecycle::State;
use backstay_model::change::{ChangeTime, TakesEffect};
use backstay_model::{ChangeSet, Span, Timestamp, WorkClass};

use crate::case::Case;
use crate::desk::Desk;

/// Time before a change that tells the work: as long as a watch compares with.
const BEFORE: Span = Span::from_secs(600);

impl Desk {
    /// The class of work before a change set took effect: as it was told at its first verdict, else from
    /// the samples that are left of that time.
    pub(crate) fn work_before(&self, case: &Case) -> WorkClass {
        if case.work.told() {
            return case.work;
        }
        let began = match case.state {
            State::Watching { since, .. } => in_effect(&case.change_set, since).effective_at(),
            _ => case.change_set.effective_at(),
        };
        let samples = self.history.between(began - BEFORE, began);
        class_of(&samples)
    }
}

/// The change set as its watch needs it: what waited for a restart took effect with it, `since`.
pub(crate) fn in_effect(change_set: &ChangeSet, since: Timestamp) -> ChangeSet {
    let mut change_set = change_set.clone();
    if change_set.takes_effect() == TakesEffect::AtRestart {
        set_time(&mut change_set, since);
    }
    change_set
}

/// A change set as if it had taken effect at `since`.
pub(crate) fn at_moment(change_set: &ChangeSet, since: Timestamp) -> ChangeSet {
    let mut change_set = change_set.clone();
    set_time(&mut change_set, since);
    change_set
}

fn set_time(change_set: &mut ChangeSet, since: Timestamp) {
    for change in &mut change_set.changes {
        change.time = ChangeTime {
            not_before: since,
            not_after: since,
            exact: Some(since),
        };
    }
}
