//! From a whole reading to standings. Pure; secrets end here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use backstay_model::change::{Pending, Standing, Waiting};
use backstay_model::snapshot::FileError;
use backstay_model::{Scope, SettingKey, SettingName, Snapshot, Value, ValueSource};

use super::link::SHIELD;
use super::reading::{FileRow, Reading, RuleRow, ScopedRow, SettingRow};
use super::{EVERY_ROLE, faults};
use crate::secrets::Redactor;

/// The file that `ALTER SYSTEM` writes.
pub(super) const AUTO_FILE: &str = "postgresql.auto.conf";
/// The name of rules for authentication.
const RULES: SettingName = SettingName::from_static("pg_hba");
/// Facts about a session, not about the server.
const OF_THE_SESSION: [&str; 9] = [
    "application_name",
    "client_encoding",
    "in_hot_standby",
    "is_superuser",
    "role",
    "session_authorization",
    "transaction_deferrable",
    "transaction_isolation",
    "transaction_read_only",
];

/// Whether the server has read its files since the last reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loaded {
    /// It has, or nobody knows of an earlier reading: what stands in the files is what it took.
    Yes,
    /// It has not: what stands in the files now waits for a reload, so the entries of the last
    /// reading still hold.
    No,
}

/// What a reading says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Standings {
    pub(super) settings: BTreeMap<SettingKey, Standing>,
    pub(super) session_start: BTreeSet<SettingName>,
    pub(super) file_errors: Vec<FileError>,
    /// Settings whose value on the server is hidden from us by a value for our own role or database.
    pub(super) hidden: Vec<String>,
}

/// The standings in `reading`; `last` is what was known before.
pub(super) fn standings(
    reading: &Reading,
    redactor: &Redactor,
    last: Option<&Snapshot>,
    loaded: Loaded,
) -> Standings {
    let files = Files::of(reading);
    let mut found = Standings::default();
    for row in &reading.settings {
        let name = SettingName::new(&row.name);
        if OF_THE_SESSION.contains(&name.as_str()) {
            continue;
        }
        if starts_with_session(row) {
            found.session_start.insert(name.clone());
        }
        let seen = running(row, &files, &name, reading);
        if seen.hidden {
            found.hidden.push(row.name.clone());
        }
        let mut standing = Standing {
            effective: seen.text.map(|text| redactor.value(&name, &text)),
            source: seen.source,
            entry: files.entry(&name).map(|text| redactor.value(&name, text)),
            pending_restart: if row.pending_restart {
                Pending::Restart
            } else {
                Pending::No
            },
            waiting: files.waiting(row, &name, redactor).map(Box::new),
        };
        let broken = files.broken(&name) && !row.pending_restart;
        let key = SettingKey {
            scope: Scope::Instance,
            name,
        };
        // A line that the server could not use gave it nothing: what gave the value still does.
        let known = last.and_then(|last| last.settings.get(&key));
        if let Some(known) = known.filter(|k| broken && k.effective == standing.effective) {
            standing.source = known.source.clone();
        }
        found.settings.insert(key, standing);
    }
    unknown_to_the_server(&files, redactor, &mut found);
    for row in &reading.scoped {
        if let Some((key, standing)) = scoped(row, redactor) {
            found.settings.insert(key, standing);
        }
    }
    rules(
        reading.rules.as_deref().unwrap_or_default(),
        redactor,
        &mut found.settings,
    );
    found.file_errors = faults::list(reading, redactor);
    if let (Loaded::No, Some(last)) = (loaded, last) {
        hold_entries(&mut found, last);
    }
    if reading
        .rules
        .iter()
        .flatten()
        .any(|rule| rule.error.is_some())
        && let Some(last) = last
    {
        hold_rules(&mut found.settings, last);
    }
    found
}

/// The lines of the configuration files by name.
struct Files<'a> {
    readable: bool,
    winners: BTreeMap<SettingName, &'a FileRow>,
    automatic: BTreeMap<SettingName, &'a FileRow>,
}

impl<'a> Files<'a> {
    /// Later lines win.
    fn of(reading: &'a Reading) -> Self {
        let (mut winners, mut automatic) = (BTreeMap::new(), BTreeMap::new());
        for row in reading.files.iter().flatten() {
            let Some(name) = row.name.as_deref().map(SettingName::new) else {
                continue;
            };
            if row.path.ends_with(AUTO_FILE) {
                automatic.insert(name.clone(), row);
            }
            winners.insert(name, row);
        }
        Self {
            readable: reading.files.is_some(),
            winners,
            automatic,
        }
    }

    fn winner(&self, name: &SettingName) -> Option<&'a FileRow> {
        self.winners.get(name).copied()
    }

    fn broken(&self, name: &SettingName) -> bool {
        self.winner(name).is_some_and(|line| line.error.is_some())
    }

    /// The value that a restart would give to a setting that waits for one.
    fn waiting(
        &self,
        row: &SettingRow,
        name: &SettingName,
        redactor: &Redactor,
    ) -> Option<Waiting> {
        if !row.pending_restart || !self.readable {
            return None;
        }
        let Some(line) = self.winner(name) else {
            // Its last line is gone.
            let value = redactor.value(name, row.boot_val.as_deref()?);
            return Some(Waiting { value, line: None });
        };
        let text = switch(&row.vartype, line.setting.as_deref().unwrap_or_default());
        Some(Waiting {
            value: redactor.value(name, &text),
            line: Some(line.place()),
        })
    }

    fn entry(&self, name: &SettingName) -> Option<&'a str> {
        self.automatic
            .get(name)
            .map(|row| row.setting.as_deref().unwrap_or_default())
    }
}

fn line_source(row: &FileRow) -> ValueSource {
    file_source(&row.path)
}

fn file_source(path: &str) -> ValueSource {
    if path.ends_with(AUTO_FILE) {
        ValueSource::AutoFile
    } else {
        ValueSource::File {
            path: path.to_owned(),
        }
    }
}

fn starts_with_session(row: &SettingRow) -> bool {
    matches!(row.context.as_str(), "backend" | "superuser-backend")
}

/// What the server gives to sessions.
struct Running {
    text: Option<String>,
    source: ValueSource,
    hidden: bool,
}

fn running(row: &SettingRow, files: &Files<'_>, name: &SettingName, reading: &Reading) -> Running {
    let winner = files.winner(name);
    let seen = |source| Running {
        text: row.reset_val.clone(),
        source,
        hidden: false,
    };
    let by_files = || winner.map_or(ValueSource::Default, line_source);
    if row.context == "internal" {
        return seen(ValueSource::Override);
    }
    // The observer's own shield: the value behind it is the server's, and what gave it before the shield
    // still does, unless that was a file or nothing.
    let shielded = row.source == "session" && SHIELD.iter().any(|(shield, _)| *shield == row.name);
    let origin = reading
        .origins
        .get(&row.name)
        .map_or("default", String::as_str);
    let source = match (shielded, origin) {
        (true, "default" | "configuration file" | "session") => return seen(by_files()),
        (true, origin) => origin,
        (false, _) => row.source.as_str(),
    };
    match source {
        // Our own process keeps what it began with; the next session takes what the files say.
        _ if starts_with_session(row) && winner.is_some() => {
            let text = winner
                .and_then(|w| w.setting.as_deref())
                .map(|t| switch(&row.vartype, t));
            Running {
                text,
                source: by_files(),
                hidden: false,
            }
        }
        "configuration file" if starts_with_session(row) && files.readable => Running {
            text: row.boot_val.clone(),
            source: ValueSource::Default,
            hidden: false,
        },
        "default" => seen(ValueSource::Default),
        "environment variable" => seen(ValueSource::Environment),
        "configuration file" => seen(match (&row.sourcefile, winner) {
            (Some(path), _) => file_source(path),
            (None, Some(line)) => line_source(line),
            (None, None) => ValueSource::Other("configuration file".to_owned()),
        }),
        "command line" => seen(ValueSource::CommandLine),
        "override" => seen(ValueSource::Override),
        "session" | "client" | "interactive" | "database" | "user" | "database user" => {
            let text = match winner {
                Some(line) => line.setting.as_deref().map(|t| switch(&row.vartype, t)),
                None => row.boot_val.clone(),
            };
            Running {
                text,
                source: by_files(),
                hidden: true,
            }
        }
        other => seen(ValueSource::Other(other.to_owned())),
    }
}

/// A switch as the server shows it; other texts as they are.
fn switch(vartype: &str, text: &str) -> String {
    let on = ["on", "true", "yes", "1", "t", "y"]
        .iter()
        .any(|w| text.eq_ignore_ascii_case(w));
    let off = ["off", "false", "no", "0", "f", "n"]
        .iter()
        .any(|w| text.eq_ignore_ascii_case(w));
    match (vartype, on, off) {
        ("bool", true, _) => "on".to_owned(),
        ("bool", _, true) => "off".to_owned(),
        _ => text.to_owned(),
    }
}

/// Lines for settings that the server does not know or does not show to us.
fn unknown_to_the_server(files: &Files<'_>, redactor: &Redactor, found: &mut Standings) {
    for (name, row) in &files.winners {
        let key = SettingKey {
            scope: Scope::Instance,
            name: name.clone(),
        };
        let entry = files.entry(name).map(|text| redactor.value(name, text));
        let standing = Standing {
            entry,
            ..Standing::absent(line_source(row))
        };
        if !OF_THE_SESSION.contains(&name.as_str()) {
            found.settings.entry(key).or_insert(standing);
        }
    }
}

/// The key of a row of the catalogue.
pub(super) fn scoped_key(row: &ScopedRow) -> Option<(SettingKey, &str)> {
    let (name, text) = row.entry.split_once('=')?;
    let scope = match (row.role.clone(), row.database.clone()) {
        // A role that is really named like that cannot be told from every role.
        (Some(role), _) if role == EVERY_ROLE => return None,
        (Some(role), Some(database)) => Scope::RoleInDatabase { role, database },
        (Some(role), None) => Scope::Role { role },
        (None, Some(database)) => Scope::Database { database },
        (None, None) => Scope::Role {
            role: EVERY_ROLE.to_owned(),
        },
    };
    Some((
        SettingKey {
            scope,
            name: SettingName::new(name),
        },
        text,
    ))
}

fn scoped(row: &ScopedRow, redactor: &Redactor) -> Option<(SettingKey, Standing)> {
    let (key, text) = scoped_key(row)?;
    let value = redactor.value(&key.name, text);
    let source = match key.scope {
        Scope::RoleInDatabase { .. } => ValueSource::RoleInDatabase,
        Scope::Database { .. } => ValueSource::Database,
        _ => ValueSource::Role,
    };
    let standing = Standing {
        effective: Some(value.clone()),
        source,
        entry: Some(value),
        waiting: None,
        pending_restart: Pending::No,
    };
    Some((key, standing))
}

fn rules(rows: &[RuleRow], redactor: &Redactor, settings: &mut BTreeMap<SettingKey, Standing>) {
    let usable = rows.iter().filter(|row| row.error.is_none());
    for (rule, row) in (1..).zip(usable) {
        let path = row.path.clone().unwrap_or_else(|| "pg_hba.conf".to_owned());
        let standing = Standing {
            effective: Some(Value::text(rule_text(row, redactor))),
            ..Standing::absent(ValueSource::File { path })
        };
        settings.insert(
            SettingKey {
                scope: Scope::FileRule { rule },
                name: RULES,
            },
            standing,
        );
    }
}

/// `24` for `255.255.255.0`; a mask that is no prefix as it is.
fn prefix(mask: &str) -> String {
    let (bits, width) = match mask.parse() {
        Ok(IpAddr::V4(mask)) => (u128::from(mask.to_bits()) << 96, 32),
        Ok(IpAddr::V6(mask)) => (mask.to_bits(), 128),
        Err(_) => return mask.to_owned(),
    };
    let ones = bits.leading_ones();
    let whole = bits.count_ones() == ones && ones <= width;
    if whole {
        ones.to_string()
    } else {
        mask.to_owned()
    }
}

/// The rule as it would be typed, secrets of its options as short fingerprints.
fn rule_text(row: &RuleRow, redactor: &Redactor) -> String {
    let address = match (&row.address, &row.netmask) {
        (Some(address), Some(mask)) => Some(format!("{address}/{}", prefix(mask))),
        (address, _) => address.clone(),
    };
    let option = |option: &str| match option.split_once('=') {
        Some((name, secret)) if name.contains("passw") || name.contains("secret") => {
            let print = redactor.fingerprint(name, secret.as_bytes()).0;
            format!(
                "{name}=(secret {})",
                print.chars().take(8).collect::<String>()
            )
        }
        _ => option.to_owned(),
    };
    let options = row
        .options
        .as_deref()
        .unwrap_or_default()
        .split_whitespace()
        .map(option);
    [&row.kind, &row.databases, &row.roles, &address, &row.method]
        .into_iter()
        .flatten()
        .cloned()
        .chain(options)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Entries and rules that no reload has activated give way to those of the last reading.
fn hold_entries(found: &mut Standings, last: &Snapshot) {
    for (key, standing) in &mut found.settings {
        if key.scope == Scope::Instance {
            let known = last.settings.get(key);
            standing.entry = known.and_then(|known| known.entry.clone());
            // Reading pg_file_settings marks what it finds as pending in our own process, reload or not.
            standing.pending_restart = known.map_or(Pending::No, |known| known.pending_restart);
            standing.waiting = known.and_then(|known| known.waiting.clone());
            // Which file a value comes from is told from the files (a plain role is not shown it), and
            // they do not count yet.
            if let Some(known) = known.filter(|known| known.effective == standing.effective) {
                standing.source = known.source.clone();
            }
            if found.session_start.contains(&key.name)
                && let Some(known) = last.settings.get(key)
            {
                *standing = known.clone();
            }
        }
    }
    found.settings.retain(|key, standing| {
        key.scope != Scope::Instance
            || standing.effective.is_some()
            || last.settings.contains_key(key)
    });
    // What is known by its line alone stays, also while somebody empties the file to write it anew.
    for (key, known) in &last.settings {
        if key.scope == Scope::Instance && known.effective.is_none() {
            let held = found.settings.entry(key.clone());
            held.or_insert_with(|| known.clone());
        }
    }
    hold_rules(&mut found.settings, last);
}

/// Rules that the server did not take give way to those of the last reading.
fn hold_rules(settings: &mut BTreeMap<SettingKey, Standing>, last: &Snapshot) {
    settings.retain(|key, _| !matches!(key.scope, Scope::FileRule { .. }));
    let rules = last
        .settings
        .iter()
        .filter(|(key, _)| matches!(key.scope, Scope::FileRule { .. }));
    settings.extend(rules.map(|(key, standing)| (key.clone(), standing.clone())));
}

#[cfg(test)]
mod tests;
