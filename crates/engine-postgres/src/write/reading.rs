//! What stands in a target now: the files, the running values, the role and database entries.

use std::collections::BTreeMap;

use backstay_model::change::{Pending, Standing};
use backstay_model::{Scope, SettingKey, SettingName, Value, ValueSource};
use tokio_postgres::SimpleQueryRow;

use super::scalar;
use crate::observer::EVERY_ROLE;
use crate::secrets::Redactor;
use crate::sql::{Catalogue, Known};

/// The name of the file that `ALTER SYSTEM` writes.
const AUTO_FILE: &str = "/postgresql.auto.conf";

/// Every line of every configuration file, in the order in which the server reads them.
pub(super) const FILES_SQL: &str = "SELECT sourcefile, name, setting, error \
     FROM pg_catalog.pg_file_settings ORDER BY seqno";

/// Every value set for a role or a database.
pub(super) const SCOPED_SQL: &str = "SELECT d.datname, r.rolname, entry, s.setdatabase, s.setrole \
     FROM pg_catalog.pg_db_role_setting s \
     LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase \
     LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole \
     CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) entry";

/// Every value as a new session gets it.
pub(super) const RUNNING_SQL: &str = "SELECT name, reset_val, boot_val, source, sourcefile, context, \
     vartype, unit, pending_restart FROM pg_catalog.pg_settings";

/// A line of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) path: String,
    /// `None` for a line that the server cannot read.
    pub(super) name: Option<SettingName>,
    pub(super) text: String,
    /// Why the server cannot use it.
    pub(super) error: Option<String>,
}

impl Line {
    pub(super) fn automatic(&self) -> bool {
        self.path.ends_with(AUTO_FILE)
    }
}

/// A value of the running server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) text: Option<String>,
    pub(super) built_in: Option<String>,
    /// As `pg_settings.source` names it.
    pub(super) source: String,
    /// Only for roles that may see it.
    pub(super) path: Option<String>,
    pub(super) known: Known,
    pub(super) pending_restart: Pending,
}

/// Everything at one moment. Holds the raw text of secrets; lives as long as one write and is never
/// logged.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) lines: Vec<Line>,
    pub(super) running: BTreeMap<SettingName, Running>,
    pub(super) scoped: BTreeMap<SettingKey, String>,
}

/// How one key stands, and what the files would make of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stands {
    pub(super) standing: Standing,
    /// Whether the next reload moves the value.
    pub(super) reload: Reload,
}

/// Whether the files say something else than the running server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reload {
    Moves,
    Keeps,
}

impl Reading {
    /// The names that a statement may hold.
    pub(super) fn catalogue(&self) -> Catalogue {
        let known = self
            .running
            .iter()
            .map(|(n, r)| (n.clone(), r.known.clone()))
            .collect();
        Catalogue::new(known, self.lines.iter().filter_map(|l| l.name.clone()))
    }

    pub(super) fn known(&self, name: &SettingName) -> Option<&Known> {
        self.running.get(name).map(|r| &r.known)
    }

    /// The line that wins for `name`: the last one.
    pub(super) fn winner(&self, name: &SettingName) -> Option<&Line> {
        self.lines
            .iter()
            .rev()
            .find(|l| l.name.as_ref() == Some(name))
    }

    /// The line that would win if `ALTER SYSTEM` had written nothing.
    pub(super) fn winner_by_people(&self, name: &SettingName) -> Option<&Line> {
        self.lines
            .iter()
            .rev()
            .find(|l| l.name.as_ref() == Some(name) && !l.automatic())
    }

    /// How `key` stands.
    pub(super) fn stands(&self, key: &SettingKey, redactor: &Redactor) -> Stands {
        if key.scope != Scope::Instance {
            return self.scoped_stands(key, redactor);
        }
        let name = &key.name;
        let winner = self.winner(name);
        let automatic = self
            .lines
            .iter()
            .rev()
            .find(|l| l.automatic() && l.name.as_ref() == Some(name));
        let entry = automatic.map(|l| redactor.value(name, &l.text));
        let Some(running) = self.running.get(name) else {
            let absent = Standing::absent(winner.map_or(ValueSource::Default, line_source));
            return Stands {
                standing: Standing { entry, ..absent },
                reload: Reload::Keeps,
            };
        };
        let standing = Standing {
            effective: running
                .text
                .as_deref()
                .map(|text| redactor.value(name, text)),
            source: self.source(name, running),
            entry,
            waiting: None,
            pending_restart: running.pending_restart,
        };
        let files_say = winner
            .map(|l| l.text.as_str())
            .or(running.built_in.as_deref());
        let agrees = match (files_say, running.text.as_deref()) {
            (Some(a), Some(b)) => scalar::same(Some(&running.known), a, b),
            (a, b) => a == b,
        };
        Stands {
            standing,
            reload: if agrees { Reload::Keeps } else { Reload::Moves },
        }
    }

    fn scoped_stands(&self, key: &SettingKey, redactor: &Redactor) -> Stands {
        let entry = self
            .scoped
            .get(key)
            .map(|text| redactor.value(&key.name, text));
        let source = match key.scope {
            Scope::Database { .. } => ValueSource::Database,
            Scope::RoleInDatabase { .. } => ValueSource::RoleInDatabase,
            _ => ValueSource::Role,
        };
        let pending_restart = Pending::No;
        let standing = Standing {
            effective: entry.clone(),
            source,
            entry,
            waiting: None,
            pending_restart,
        };
        Stands {
            standing,
            reload: Reload::Keeps,
        }
    }

    /// Why the server's value of `name` is not seen: it is set for our own role, database or
    /// connection, and that says nothing about other sessions.
    pub(super) fn hidden(&self, name: &SettingName) -> Option<String> {
        let place = match self.running.get(name)?.source.as_str() {
            "database" => "database",
            "user" | "database user" => "role",
            "client" => "connection",
            _ => return None,
        };
        Some(format!(
            "{name} is set for our own {place}, which hides the server's value from us; `backstay \
             doctor` says how to take that away"
        ))
    }

    /// What gives a running value. A value that our own session set hides its source; it is then told
    /// from the files.
    fn source(&self, name: &SettingName, running: &Running) -> ValueSource {
        match running.source.as_str() {
            "default" => ValueSource::Default,
            "environment variable" => ValueSource::Environment,
            "configuration file" => match (&running.path, self.winner(name)) {
                (Some(path), _) if path.ends_with(AUTO_FILE) => ValueSource::AutoFile,
                (Some(path), _) => ValueSource::File { path: path.clone() },
                (None, Some(line)) => line_source(line),
                (None, None) => ValueSource::Other("configuration file".to_owned()),
            },
            "command line" => ValueSource::CommandLine,
            "database" => ValueSource::Database,
            "user" => ValueSource::Role,
            "database user" => ValueSource::RoleInDatabase,
            "override" => ValueSource::Override,
            "session" | "client" | "interactive" => self.hidden_source(name, running),
            other => ValueSource::Other(other.to_owned()),
        }
    }

    fn hidden_source(&self, name: &SettingName, running: &Running) -> ValueSource {
        let is = |text: &str| {
            running
                .text
                .as_deref()
                .is_some_and(|r| scalar::same(Some(&running.known), text, r))
        };
        match self.winner(name) {
            Some(line) if is(&line.text) => line_source(line),
            None if running.built_in.as_deref().is_some_and(is) => ValueSource::Default,
            _ => ValueSource::Session,
        }
    }

    /// Whether two values of `name` are one value to the server.
    pub(super) fn same(&self, name: &SettingName, a: Option<&Value>, b: Option<&Value>) -> bool {
        match (a, b) {
            (Some(Value::Text(a)), Some(Value::Text(b))) => {
                scalar::same(self.known(name), a.as_str(), b.as_str())
            }
            (a, b) => a == b,
        }
    }
}

fn line_source(line: &Line) -> ValueSource {
    if line.automatic() {
        ValueSource::AutoFile
    } else {
        ValueSource::File {
            path: line.path.clone(),
        }
    }
}

/// One row of [`FILES_SQL`].
pub(super) fn line(row: &SimpleQueryRow) -> Line {
    let text = |i: usize| row.get(i).map(str::to_owned);
    Line {
        path: text(0).unwrap_or_default(),
        name: row.get(1).map(SettingName::new),
        text: text(2).unwrap_or_default(),
        error: text(3),
    }
}

/// One row of [`SCOPED_SQL`]; `None` for entries of roles or databases that are gone.
pub(super) fn scoped(row: &SimpleQueryRow) -> Option<(SettingKey, String)> {
    let text = |i: usize| row.get(i).map(str::to_owned);
    let (name, value) = row.get(2)?.split_once('=')?;
    let set = |i: usize| row.get(i).is_some_and(|oid| oid != "0");
    let scope = match (set(3), set(4)) {
        (true, false) => Scope::Database { database: text(0)? },
        (true, true) => Scope::RoleInDatabase {
            role: text(1)?,
            database: text(0)?,
        },
        // one name for every role; a role that bears it is not written to
        (false, true) => Scope::Role {
            role: text(1).filter(|role| role != EVERY_ROLE)?,
        },
        (false, false) => Scope::Role {
            role: EVERY_ROLE.to_owned(),
        },
    };
    Some((
        SettingKey {
            scope,
            name: SettingName::new(name),
        },
        value.to_owned(),
    ))
}

/// One row of [`RUNNING_SQL`].
pub(super) fn running(row: &SimpleQueryRow) -> Option<(SettingName, Running)> {
    let text = |i: usize| row.get(i).map(str::to_owned);
    let known = Known {
        kind: text(6)?,
        unit: text(7),
        context: text(5)?,
    };
    let pending_restart = if row.get(8) == Some("t") {
        Pending::Restart
    } else {
        Pending::No
    };
    let running = Running {
        text: text(1),
        built_in: text(2),
        source: text(3)?,
        path: text(4),
        known,
        pending_restart,
    };
    Some((SettingName::new(row.get(0)?), running))
}
