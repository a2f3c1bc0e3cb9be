//! Which of the few things that can stand at a step stands there: the table of what recovery does
//! (`safety.md` 4.2 of the design) as a pure function.

use backstay_model::change::Standing;
use backstay_model::plan::{Found, Inverse, PlanStep, Route};
use backstay_model::{Value, ValueSource};

use super::reading::{Reading, Reload};
use crate::secrets::Redactor;

/// What stands at one step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stand {
    /// What is expected: the bad value, by the expected source.
    NotApplied,
    /// The wanted entry is written; the bad value still runs.
    Written,
    /// The wanted value runs from the predicted source.
    Effective,
    /// The wanted entry is written; something stronger gives another value.
    Masked(ValueSource),
    /// Something else.
    Foreign(Standing),
}

/// What stands at `step`.
pub(super) fn stand(step: &PlanStep, reading: &Reading, redactor: &Redactor) -> Stand {
    let stands = reading.stands(&step.key, redactor);
    let now = stands.standing;
    let name = &step.key.name;
    let wanted = now.entry.as_ref() == entry_wanted(&step.inverse);
    let untouched = now.entry == step.expect.entry;
    if step.route == Route::RoleOrDatabase {
        return match (wanted, untouched) {
            (true, _) => Stand::Effective,
            (false, true) => Stand::NotApplied,
            (false, false) => Stand::Foreign(now),
        };
    }
    let runs_wanted = reading.same(
        name,
        now.effective.as_ref(),
        step.predict.effective.as_ref(),
    );
    let runs_bad = reading.same(name, now.effective.as_ref(), step.expect.effective.as_ref());
    if wanted && runs_wanted && now.source == step.predict.source {
        return Stand::Effective;
    }
    if untouched && runs_bad && now.source == step.expect.source {
        return Stand::NotApplied;
    }
    if wanted && stronger_than_files(&now.source) {
        return Stand::Masked(now.source);
    }
    match (wanted && runs_bad, stands.reload) {
        (true, Reload::Moves) => Stand::Written,
        (true, Reload::Keeps) => Stand::Masked(now.source),
        (false, _) => Stand::Foreign(now),
    }
}

/// The entry that the step writes; `None` when it removes it.
fn entry_wanted(inverse: &Inverse) -> Option<&Value> {
    match inverse {
        Inverse::Reset => None,
        Inverse::Set(value) => Some(value),
    }
}

/// Whether what a file says is without effect under `source`.
fn stronger_than_files(source: &ValueSource) -> bool {
    matches!(
        source,
        ValueSource::CommandLine
            | ValueSource::Database
            | ValueSource::Role
            | ValueSource::RoleInDatabase
            | ValueSource::Override
    )
}

/// What stands at all of `steps` together.
pub(super) fn found(steps: &[PlanStep], stands: &[Stand]) -> Found {
    let mut masked = None;
    for (step, stand) in steps.iter().zip(stands) {
        match stand {
            Stand::Foreign(found) => {
                return Found::Foreign {
                    key: step.key.clone(),
                    found: found.clone(),
                };
            }
            Stand::Masked(by) => masked = Some(by.clone()),
            Stand::NotApplied | Stand::Written | Stand::Effective => {}
        }
    }
    let all = |wanted: &[Stand]| stands.iter().all(|s| wanted.contains(s));
    if all(&[Stand::Effective]) {
        Found::Effective
    } else if all(&[Stand::NotApplied]) {
        Found::NotApplied
    } else if stands.contains(&Stand::NotApplied) {
        Found::Mixed
    } else if let Some(by) = masked {
        Found::Masked { by }
    } else {
        Found::Written
    }
}

#[cfg(test)]
mod tests;
