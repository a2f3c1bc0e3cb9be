//! What stands for roles and databases, judged as their sessions have it.

use backstay_catalog::CheckReport;
use backstay_catalog::overlay::overlays;
use backstay_engine_postgres::sql::identifier;
use backstay_model::{Scope, SettingName};

use super::{Broken, When};
use crate::commands::subject::Ground;

/// Rules that sessions of some roles or databases break, while the instance keeps them.
pub(super) fn broken(ground: &mut Ground, now: &CheckReport<'static>) -> Vec<Broken> {
    let Some(live) = &ground.live else {
        return Vec::new();
    };
    let told = overlays(&ground.now, &live.snapshot, now);
    let unread = told.unread.iter();
    let mut notes: Vec<String> = unread
        .map(|(scope, e)| format!("not understood, for {scope}: {e}"))
        .collect();
    if told.left_out > 0 {
        notes.push(format!(
            "roles and databases have {} different sets of values; {} of them were judged",
            told.judged + told.left_out,
            told.judged
        ));
    }
    ground.notes.extend(notes);
    let mut all = Vec::new();
    for overlay in told.found {
        for taken in overlay.broken {
            let mut found = Broken::of(taken.violation, When::Sessions(overlay.whose.clone()));
            let back: Vec<String> = taken
                .taken_back
                .iter()
                .filter_map(|(scope, name)| reset(scope, name))
                .collect();
            if !back.is_empty() {
                found.remedies = back;
            }
            all.push(found);
        }
    }
    all
}

/// The statement that takes a value of a scope back.
fn reset(scope: &Scope, name: &SettingName) -> Option<String> {
    let whose = match scope {
        Scope::Database { database } => format!("DATABASE {}", identifier(database).ok()?),
        Scope::Role { role } => format!("ROLE {}", identifier(role).ok()?),
        Scope::RoleInDatabase { role, database } => format!(
            "ROLE {} IN DATABASE {}",
            identifier(role).ok()?,
            identifier(database).ok()?
        ),
        Scope::Instance | Scope::FileRule { .. } => return None,
    };
    Some(format!("ALTER {whose} RESET {name}"))
}
