//! The last changes of a setting, looked up one by one: the record may be long.

use backstay_catalog::SettingDef;
use backstay_guard::case::Case;
use backstay_guard::learning::register::Register;
use backstay_guard::words::values;
use backstay_journal::History;
use backstay_journal::history::of_change_set;
use backstay_model::{Change, ChangeSet, Origin, Scope};
use backstay_store_sqlite::Readers;

use crate::failure::{Code, Failure};
use crate::view::verdict_line;

/// Last changes that are told.
const CHANGES_MAX: usize = 5;

/// A change of the setting, with what became of it.
pub(super) struct Made {
    pub(super) id: String,
    pub(super) at: String,
    pub(super) who: String,
    pub(super) change: String,
    pub(super) outcome: String,
}

/// The last changes of the setting, newest first.
pub(super) fn changes(
    readers: &Readers,
    register: &Register,
    def: &SettingDef,
) -> Result<Vec<Made>, Failure> {
    let mut made = Vec::new();
    for id in register.moved(&def.name) {
        let history = of_change_set(&readers.log, id);
        let history = history.map_err(|e| Failure::of(Code::Broken, &e))?;
        made.extend(history.iter().flat_map(|h| changes_in(h, def)));
        if made.len() >= CHANGES_MAX {
            break;
        }
    }
    made.truncate(CHANGES_MAX);
    Ok(made)
}

/// The changes of the setting in one change set, with what became of them; none of one whose life cannot
/// be told, or that has none.
fn changes_in(history: &History, def: &SettingDef) -> Vec<Made> {
    let ours = |set: &ChangeSet| set.changes.iter().any(|c| c.origin == Origin::Ours);
    let (set, outcome) = match (Case::replay(history), history.change_set()) {
        (Ok(Some(case)), _) => {
            let word = case.state.word();
            let verdict = case.verdict.as_ref().map(verdict_line);
            let outcome = verdict.map_or_else(|| word.to_owned(), |v| format!("{word}; {v}"));
            (case.change_set, outcome)
        }
        (Ok(None), Some(set)) if ours(set) => (set.clone(), "Backstay's own write".to_owned()),
        _ => return Vec::new(),
    };
    let told = |c: &Change| {
        let (old, new) = values(c);
        let scope = match &c.key.scope {
            Scope::Instance => String::new(),
            scope => format!(" ({scope})"),
        };
        Made {
            id: set.id.to_string(),
            at: c.time.best().to_string(),
            who: c.author.name().to_owned(),
            change: format!("{old} -> {new}{scope}"),
            outcome: outcome.clone(),
        }
    };
    let about = |c: &&Change| c.key.name == def.name;
    set.changes.iter().filter(about).map(told).collect()
}
