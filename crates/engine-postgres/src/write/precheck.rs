//! Reasons not to write, told from one reading before the first statement.

use std::collections::BTreeSet;

use backstay_model::change::Pending;
use backstay_model::plan::{Inverse, PlanStep, Route};
use backstay_model::{SettingName, Value, ValueSource};

use super::reading::{Line, Reading, Running};
use super::scalar;
use super::stand::Stand;
use crate::secrets::{Redactor, redact_text};
use crate::sql;

pub use backstay_model::decision::FOREIGN_EDITS;

/// Why the steps cannot be written at all, if so: names the target does not know, text that no
/// statement can hold, values that could not be read back.
pub(super) fn unwritable(steps: &[PlanStep], reading: &Reading) -> Option<String> {
    let catalogue = reading.catalogue();
    steps.iter().find_map(|step| {
        let name = &step.key.name;
        if let Err(why) = sql::statement(step) {
            return Some(redact_text(&why.to_string()));
        }
        if step.route != Route::AlterSystem {
            return scoped_name(step, reading).then(|| format!("the target has no setting named {name}"));
        }
        if let Err(why) = catalogue.accept(name) {
            return Some(why.to_string());
        }
        reading.known(name).is_none().then(|| {
            format!(
                "the value of {name} could not be read back: its library is not loaded in new sessions \
                 or this role may not see it; write it in a session that has loaded the library"
            )
        })
    })
}

/// Whether a role or database step names a setting that neither the server nor the entry knows.
fn scoped_name(step: &PlanStep, reading: &Reading) -> bool {
    reading.known(&step.key.name).is_none() && !reading.scoped.contains_key(&step.key)
}

/// Why a reload would do nothing: a line that the server cannot read makes it ignore all files.
pub(super) fn swallowed(reading: &Reading) -> Option<String> {
    let fatal = |line: &&Line| {
        let unknown = line
            .name
            .as_ref()
            .is_none_or(|name| !reading.running.contains_key(name));
        line.error.is_some() && unknown
    };
    reading.lines.iter().find(fatal).map(nothing_changes)
}

/// The words for a line that makes the server ignore all files.
pub(super) fn nothing_changes(line: &Line) -> String {
    let why = redact_text(line.error.as_deref().unwrap_or_default());
    format!(
        "a reload would change nothing: {} has an error ({why}); correct the file first",
        line.path
    )
}

/// Why a reset would not lead where the plan says: the files that people edit changed meanwhile.
pub(super) fn fallback(
    steps: &[PlanStep],
    stands: &[Stand],
    reading: &Reading,
    redactor: &Redactor,
) -> Option<String> {
    let moved = |step: &PlanStep| {
        let name = &step.key.name;
        let line = reading.winner_by_people(name);
        let source = line.map(|l| ValueSource::File {
            path: l.path.clone(),
        });
        let value = line.map(|l| redactor.value(name, &l.text));
        match (&step.predict.source, source) {
            (ValueSource::File { .. }, None) => Some("there is no such line any more".to_owned()),
            (ValueSource::File { .. } | ValueSource::Default, Some(found))
                if found != step.predict.source =>
            {
                Some(format!("{found} sets it now"))
            }
            (ValueSource::File { .. }, Some(_)) if !leads(step, line, value.as_ref(), reading) => {
                Some(format!(
                    "the file says {} now",
                    value.map(|v| v.to_string()).unwrap_or_default()
                ))
            }
            _ => None,
        }
    };
    steps.iter().zip(stands).find_map(|(step, stand)| {
        let applies = step.route == Route::AlterSystem && step.inverse == Inverse::Reset;
        if !applies || !matches!(stand, Stand::NotApplied | Stand::Written) {
            return None;
        }
        moved(step).map(|how| {
            format!(
                "a reset of {} would not lead to the planned value: {how}",
                step.key
            )
        })
    })
}

/// Whether the line leads to the predicted value, whatever its spelling.
fn leads(step: &PlanStep, line: Option<&Line>, value: Option<&Value>, reading: &Reading) -> bool {
    let name = &step.key.name;
    let predicted = step.predict.effective.as_ref();
    let known = reading.known(name);
    let spelled = match (known, line, predicted.and_then(Value::as_text)) {
        (Some(known), Some(line), Some(text)) => scalar::alike(known, &line.text, text),
        _ => false,
    };
    spelled || reading.same(name, value, predicted)
}

/// An edit that waits in the files and would be activated by our reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) name: SettingName,
    pub(super) certainty: Certainty,
}

/// How sure it is that somebody edited the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Certainty {
    /// The file says another number or switch, or the line is gone.
    Sure,
    /// The text differs, which may be the server's own spelling: to be asked.
    Spelling {
        path: String,
        text: String,
        running: String,
    },
}

/// Edits of others that wait in the files: everything reloadable and unmasked, outside our steps,
/// whose winning line differs from what runs.
pub(super) fn waiting_edits(steps: &[PlanStep], reading: &Reading) -> Vec<Edit> {
    let ours: BTreeSet<&SettingName> = steps
        .iter()
        .filter(|s| s.route == Route::AlterSystem)
        .map(|s| &s.key.name)
        .collect();
    let reloadable = |running: &Running| {
        !matches!(running.known.context.as_str(), "postmaster" | "internal")
            && running.pending_restart == Pending::No
    };
    let candidates = reading
        .running
        .iter()
        .filter(|(n, r)| !ours.contains(n) && reloadable(r));
    candidates
        .filter_map(|(name, running)| {
            let certainty = waiting(name, running, reading)?;
            Some(Edit {
                name: name.clone(),
                certainty,
            })
        })
        .collect()
}

fn waiting(name: &SettingName, running: &Running, reading: &Reading) -> Option<Certainty> {
    let line = reading.winner(name);
    match (running.source.as_str(), line) {
        ("configuration file", None) => Some(Certainty::Sure),
        ("default" | "configuration file" | "environment variable" | "session", Some(line)) => {
            differs(line, running)
        }
        _ => None,
    }
}

fn differs(line: &Line, running: &Running) -> Option<Certainty> {
    let text = running.text.as_deref().unwrap_or_default();
    if line.error.is_some() || scalar::alike(&running.known, &line.text, text) {
        return None;
    }
    match running.known.kind.as_str() {
        "bool" | "integer" | "real" => Some(Certainty::Sure),
        _ => Some(Certainty::Spelling {
            path: line.path.clone(),
            text: line.text.clone(),
            running: text.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
