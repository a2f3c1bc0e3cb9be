//! A whole reading: one round trip, rows as text. Raw values live here and nowhere behind
//! [`super::standing`].

use std::collections::BTreeMap;

use backstay_engine::ReadError;
use backstay_model::change::FileLine;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use super::link::{Facts, Link, READ_MAX};
use crate::connect::within;

/// The most services that a snapshot holds; those with the most sessions stay.
const SERVICES_MAX: usize = 200;

/// A value of the running server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct SettingRow {
    pub(super) name: String,
    pub(super) reset_val: Option<String>,
    pub(super) boot_val: Option<String>,
    pub(super) source: String,
    pub(super) sourcefile: Option<String>,
    pub(super) context: String,
    pub(super) vartype: String,
    pub(super) pending_restart: bool,
}

/// A line of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct FileRow {
    pub(super) path: String,
    pub(super) line: u32,
    pub(super) name: Option<String>,
    pub(super) setting: Option<String>,
    /// Whether a reload takes it, or took it.
    pub(super) applied: bool,
    pub(super) error: Option<String>,
}

impl FileRow {
    pub(super) fn place(&self) -> FileLine {
        FileLine {
            path: self.path.clone(),
            line: self.line,
        }
    }
}

/// A value of a role or database. No role and no database means everybody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ScopedRow {
    pub(super) database: Option<String>,
    pub(super) role: Option<String>,
    /// `name=value`.
    pub(super) entry: String,
    /// When it was committed, in microseconds.
    pub(super) committed: Option<i64>,
}

/// A rule of `pg_hba.conf`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RuleRow {
    pub(super) path: Option<String>,
    pub(super) line: u32,
    pub(super) kind: Option<String>,
    pub(super) databases: Option<String>,
    pub(super) roles: Option<String>,
    pub(super) address: Option<String>,
    pub(super) netmask: Option<String>,
    pub(super) method: Option<String>,
    pub(super) options: Option<String>,
    pub(super) error: Option<String>,
}

/// An application in the sessions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ServiceRow {
    pub(super) application: String,
    pub(super) role: String,
    pub(super) database: String,
    pub(super) sessions: u32,
    /// Whether one of them has lasted for a while and is at work.
    pub(super) seasoned: bool,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Reading {
    pub(super) version: String,
    pub(super) started: i64,
    pub(super) processes_since: Option<i64>,
    /// When this connection's process last read the files, in microseconds. It does so between two
    /// messages only, so everything in one reading belongs together.
    pub(super) loaded: i64,
    pub(super) in_recovery: bool,
    pub(super) system_identifier: Option<String>,
    pub(super) settings: Vec<SettingRow>,
    /// What had given the observer's shielded parameters their values before it shielded itself.
    pub(super) origins: BTreeMap<String, String>,
    pub(super) scoped: Vec<ScopedRow>,
    /// `None` without the right.
    pub(super) files: Option<Vec<FileRow>>,
    /// `None` without the right.
    pub(super) rules: Option<Vec<RuleRow>>,
    pub(super) services: Vec<ServiceRow>,
}

impl Reading {
    /// The value of `name` as the server has it.
    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        self.settings
            .iter()
            .find(|row| row.name == name)?
            .reset_val
            .as_deref()
    }
}

const SERVER_SQL: &str = "SELECT current_setting('server_version'), \
    (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::int8, pg_is_in_recovery(), \
    CASE WHEN has_function_privilege('pg_control_system()', 'EXECUTE') \
        THEN (SELECT system_identifier::text FROM pg_control_system()) END, \
    (extract(epoch FROM pg_conf_load_time()) * 1000000)::int8, \
    (SELECT (extract(epoch FROM backend_start) * 1000000)::int8 FROM pg_stat_activity \
        WHERE backend_type = 'checkpointer')";
const SETTINGS_SQL: &str = "SELECT name, reset_val, boot_val, source, sourcefile, context, vartype, \
    pending_restart FROM pg_settings";
const FILES_SQL: &str = "SELECT sourcefile, sourceline, name, setting, applied, error FROM pg_file_settings ORDER BY seqno";
/// `file_name` came with version 16.
const RULES_SQL: &str = "SELECT to_jsonb(h) ->> 'file_name', line_number, type, \
    array_to_string(database, ','), array_to_string(user_name, ','), address, netmask, auth_method, \
    array_to_string(options, ' '), error FROM pg_hba_file_rules h";
/// Tools in which people type are no services: who makes a change must not be told as hit by it.
const SERVICES_SQL: &str = "SELECT coalesce(nullif(application_name, ''), usename, ''), usename, \
    datname, count(*), coalesce(bool_or(backend_start < clock_timestamp() - interval '2 seconds' \
    AND (state IS NULL OR state IN ('active', 'disabled') \
        OR state_change > clock_timestamp() - interval '2 seconds')), false) \
    FROM pg_stat_activity WHERE backend_type = 'client backend' \
    AND application_name NOT LIKE 'backstay/%' AND datname IS NOT NULL AND usename IS NOT NULL \
    GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3 LIMIT";

fn scoped_sql(facts: &Facts) -> String {
    let committed = if facts.commit_times {
        "(extract(epoch FROM pg_xact_commit_timestamp(s.xmin)) * 1000000)::int8"
    } else {
        "NULL"
    };
    format!(
        "SELECT d.datname, r.rolname, e, {committed} FROM pg_db_role_setting s \
         LEFT JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole \
         CROSS JOIN LATERAL unnest(s.setconfig) e \
         WHERE (d.oid IS NOT NULL OR s.setdatabase = 0) AND (r.oid IS NOT NULL OR s.setrole = 0)"
    )
}

/// Reads everything.
pub(super) async fn read(link: &Link) -> Result<Reading, ReadError> {
    let facts = &link.facts;
    let mut sql = vec![
        SERVER_SQL.to_owned(),
        SETTINGS_SQL.to_owned(),
        scoped_sql(facts),
    ];
    sql.push(format!("{SERVICES_SQL} {SERVICES_MAX}"));
    if facts.file_settings {
        sql.push(FILES_SQL.to_owned());
    }
    if facts.hba_rules {
        sql.push(RULES_SQL.to_owned());
    }
    let sql = sql.join(";\n");
    let answer = link.session.client().simple_query(&sql);
    let mut results =
        by_statement(within(READ_MAX, "the configuration", answer).await?).into_iter();
    let mut next = || results.next().unwrap_or_default();
    let server = next();
    let server = |index: usize| server.first().and_then(|row| row.get(index));
    Ok(Reading {
        version: server(0).map(short_version).unwrap_or_default(),
        started: server(1).and_then(|t| t.parse().ok()).unwrap_or_default(),
        loaded: server(4).and_then(|t| t.parse().ok()).unwrap_or_default(),
        processes_since: server(5).and_then(|t| t.parse().ok()),
        in_recovery: server(2) == Some("t"),
        system_identifier: server(3).map(str::to_owned),
        origins: link.origins.clone(),
        settings: next().iter().map(setting).collect(),
        scoped: next().iter().map(scoped).collect(),
        services: next().iter().map(service).collect(),
        files: facts
            .file_settings
            .then(|| next().iter().map(file).collect()),
        rules: facts.hba_rules.then(|| next().iter().map(rule).collect()),
    })
}

/// `15.18` out of `15.18 (Debian …)`.
fn short_version(text: &str) -> String {
    text.split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// The rows of each statement.
fn by_statement(messages: Vec<SimpleQueryMessage>) -> Vec<Vec<SimpleQueryRow>> {
    let mut all = Vec::new();
    let mut rows = Vec::new();
    for message in messages {
        match message {
            SimpleQueryMessage::Row(row) => rows.push(row),
            SimpleQueryMessage::CommandComplete(_) => all.push(std::mem::take(&mut rows)),
            _ => {}
        }
    }
    all
}

fn some(row: &SimpleQueryRow, index: usize) -> Option<String> {
    row.get(index).map(str::to_owned)
}

fn text(row: &SimpleQueryRow, index: usize) -> String {
    some(row, index).unwrap_or_default()
}

fn number(row: &SimpleQueryRow, index: usize) -> u32 {
    row.get(index).and_then(|t| t.parse().ok()).unwrap_or(0)
}

fn setting(row: &SimpleQueryRow) -> SettingRow {
    SettingRow {
        name: text(row, 0),
        reset_val: some(row, 1),
        boot_val: some(row, 2),
        source: text(row, 3),
        sourcefile: some(row, 4),
        context: text(row, 5),
        vartype: text(row, 6),
        pending_restart: row.get(7) == Some("t"),
    }
}

fn file(row: &SimpleQueryRow) -> FileRow {
    FileRow {
        path: text(row, 0),
        line: number(row, 1),
        name: some(row, 2),
        setting: some(row, 3),
        applied: row.get(4) == Some("t"),
        error: some(row, 5),
    }
}

fn scoped(row: &SimpleQueryRow) -> ScopedRow {
    ScopedRow {
        database: some(row, 0),
        role: some(row, 1),
        entry: text(row, 2),
        committed: row.get(3).and_then(|t| t.parse().ok()),
    }
}

fn rule(row: &SimpleQueryRow) -> RuleRow {
    RuleRow {
        path: some(row, 0),
        line: number(row, 1),
        kind: some(row, 2),
        databases: some(row, 3),
        roles: some(row, 4),
        address: some(row, 5),
        netmask: some(row, 6),
        method: some(row, 7),
        options: some(row, 8),
        error: some(row, 9),
    }
}

fn service(row: &SimpleQueryRow) -> ServiceRow {
    ServiceRow {
        application: text(row, 0),
        role: text(row, 1),
        database: text(row, 2),
        sessions: number(row, 3),
        seasoned: row.get(4) == Some("t"),
    }
}
