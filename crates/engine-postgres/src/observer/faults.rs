//! Lines of configuration files that the server cannot use. Pure; secrets end here.

use std::collections::BTreeSet;

use backstay_model::SettingName;
use backstay_model::snapshot::{FileError, Spoils};

use super::reading::{FileRow, Reading};
use crate::secrets::{Redactor, redact_text};

/// How `pg_file_settings` names what is no line of settings at all. It stops reading there, while a
/// reload goes on and logs the rest.
const SYNTAX: &str = "syntax error";

/// The lines of `reading` that the server cannot use.
pub(super) fn list(reading: &Reading, redactor: &Redactor) -> Vec<FileError> {
    let hba = reading.setting("hba_file").unwrap_or("pg_hba.conf");
    let of_rules = reading.rules.iter().flatten().filter_map(|row| {
        Some(FileError {
            path: row.path.clone().unwrap_or_else(|| hba.to_owned()),
            line: row.line,
            message: redact_text(row.error.as_deref()?),
            // The rules that were loaded before hold, all of them.
            spoils: Spoils::All,
        })
    });
    let spoils = spoils(reading);
    let of_settings = faulty(reading).map(|(row, why)| FileError {
        path: row.path.clone(),
        line: row.line,
        message: message((row, why), spoils, redactor),
        spoils,
    });
    let mut all: Vec<FileError> = of_settings.chain(of_rules).collect();
    all.sort();
    all.dedup();
    all
}

/// The settings whose line the server cannot use, so that it goes on with the value it has.
pub(super) fn settings(reading: &Reading) -> BTreeSet<SettingName> {
    let name = |(row, _): (&FileRow, &str)| row.name.as_deref().map(SettingName::new);
    faulty(reading).filter_map(name).collect()
}

/// Lines with their errors. A line that only waits for a restart has an "error" too; that is none.
fn faulty(reading: &Reading) -> impl Iterator<Item = (&FileRow, &str)> {
    let waits = |row: &&FileRow| {
        let named = |name: &str| {
            let mut settings = reading.settings.iter();
            settings.any(|s| s.pending_restart && s.name.eq_ignore_ascii_case(name))
        };
        row.name.as_deref().is_some_and(named)
    };
    let rows = reading.files.iter().flatten().filter(move |r| !waits(r));
    rows.filter_map(|row| Some((row, row.error.as_deref()?)))
}

/// A value that does not fit is left out alone. A name that the server does not know, or a line that is
/// none, stops it before it takes any: then it marks no line as applied.
fn spoils(reading: &Reading) -> Spoils {
    match reading.files.iter().flatten().any(|row| row.applied) {
        true => Spoils::Line,
        false => Spoils::All,
    }
}

fn message((row, why): (&FileRow, &str), spoils: Spoils, redactor: &Redactor) -> String {
    let why = redact_text(why);
    match (&row.name, &row.setting) {
        (Some(name), Some(text)) => {
            let value = redactor.value(&SettingName::new(name), text);
            let unchecked = match spoils {
                Spoils::Line => "",
                Spoils::All => "; the values of other lines were not checked",
            };
            format!("{name} = {value}: {why}{unchecked}")
        }
        _ if why == SYNTAX => format!("{why}; lines after it were not read"),
        _ => why,
    }
}
