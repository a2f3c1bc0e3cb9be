//! What stands in configuration files and does not work: lines that the server cannot use, and values
//! that it has not loaded yet.

use backstay_journal::{Notice, Presence, Record};
use backstay_model::Snapshot;
use backstay_model::snapshot::{FileError, Spoils, Unloaded};

use crate::desk::Desk;
use crate::news::Tidings;
use crate::turn::Turn;

/// Lines with which the server would not start again are told as they appear and as they go.
pub(crate) fn tell_file_errors(desk: &Desk, old: &Snapshot, new: &Snapshot, turn: &mut Turn) {
    if old.file_errors == new.file_errors {
        return;
    }
    let presence = if new.file_errors.is_empty() {
        Presence::Ends
    } else {
        Presence::Begins
    };
    let errors = if new.file_errors.is_empty() {
        &old.file_errors
    } else {
        &new.file_errors
    };
    let notice = not_boot_safe(errors);
    turn.record(Record::Notice {
        target: Some(desk.target.clone()),
        notice: notice.clone(),
        presence,
    });
    turn.tell(&desk.target, Tidings::Notice(notice, presence));
}

pub(crate) fn not_boot_safe(errors: &[FileError]) -> Notice {
    let line = |e: &FileError| format!("{}:{}: {}", e.path, e.line, e.message);
    let all = errors.iter().any(|e| e.spoils == Spoils::All);
    Notice::NotBootSafe {
        lines: errors.iter().map(line).collect(),
        spoils: if all { Spoils::All } else { Spoils::Line },
    }
}

/// Edits that no reload has activated are told as they appear and as they go: loaded, or taken back.
pub(crate) fn tell_unloaded(desk: &Desk, old: &Snapshot, new: &Snapshot, turn: &mut Turn) {
    if old.unloaded == new.unloaded {
        return;
    }
    let (edits, presence) = match new.unloaded.is_empty() {
        true => (&old.unloaded, Presence::Ends),
        false => (&new.unloaded, Presence::Begins),
    };
    let notice = Notice::NotLoaded {
        lines: edits.iter().map(edited).collect(),
    };
    turn.record(Record::Notice {
        target: Some(desk.target.clone()),
        notice: notice.clone(),
        presence,
    });
    turn.tell(&desk.target, Tidings::Notice(notice, presence));
}

fn edited(edit: &Unloaded) -> String {
    let text = |value: &Option<backstay_model::Value>| match value {
        Some(value) => value.to_string(),
        None => "not set".to_owned(),
    };
    let (old, new) = (text(&edit.loaded), text(&edit.edited));
    format!("{} {old} -> {new}, {}", edit.name, edit.at)
}
