//! What the answers mean, and what to type about it. Pure but for the look at the log file.

use std::collections::BTreeMap;
use std::path::Path;

use backstay_model::decision::Mode;
use backstay_model::{MetricName, SettingName};

use super::examine::{Finding, Held, Level, Report};
use super::facts::{held, text};
use super::{CODE_RUNNING, Grantee, grants, probe_setup};
use crate::secrets::redact_text;
use crate::sql::SqlError;

/// A setting as our session has it.
pub(super) struct Seen {
    value: String,
    source: String,
    pending: Held,
}

pub(super) fn settings(rows: &[tokio_postgres::SimpleQueryRow]) -> BTreeMap<String, Seen> {
    let seen = |row: &tokio_postgres::SimpleQueryRow| Seen {
        value: text(Some(row), 1),
        source: text(Some(row), 2),
        pending: held(Some(row), 3),
    };
    rows.iter()
        .map(|row| (text(Some(row), 0), seen(row)))
        .collect()
}

pub(super) fn value<'a>(settings: &'a BTreeMap<String, Seen>, name: &str) -> Option<&'a str> {
    settings.get(name).map(|s| s.value.as_str())
}

pub(super) fn finding(level: Level, what: impl Into<String>, next: &[&str]) -> Finding {
    Finding {
        level,
        what: what.into(),
        next: next.iter().map(|n| (*n).to_owned()).collect(),
    }
}

/// The statements for rights that are missing.
pub(super) fn missing(report: &Report, major: u32) -> Result<Vec<Finding>, SqlError> {
    let grantee = Grantee {
        role: report.role.clone(),
        ..Grantee::default()
    };
    let mut found = Vec::new();
    for (mode, level, can) in [
        (Mode::Observe, Level::Warning, "see everything"),
        (Mode::Approve, Level::Note, "put settings back"),
    ] {
        let lacking: Vec<&str> = report
            .rights
            .iter()
            .filter(|r| r.mode == mode && r.held == Held::No)
            .map(|r| r.what)
            .collect();
        if lacking.is_empty() {
            continue;
        }
        let lines = grants(mode, major, &grantee)?;
        let skip = if mode == Mode::Observe {
            1
        } else {
            grants(Mode::Observe, major, &grantee)?.len()
        };
        found.push(Finding {
            level,
            what: format!("{} cannot {can}: {}", report.role, lacking.join("; ")),
            next: lines.into_iter().skip(skip).collect(),
        });
    }
    Ok(found)
}

/// More rights than are good for anybody.
pub(super) fn too_much(report: &Report, monitor: Held) -> Vec<Finding> {
    if report.superuser == Held::Yes {
        let what = format!(
            "{} is a superuser: the database does not limit what it may write",
            report.role
        );
        return vec![finding(
            Level::Note,
            what,
            &["the statements below make a role that can do less"],
        )];
    }
    let mut found = Vec::new();
    if monitor == Held::Yes {
        let what = "membership in pg_monitor shows the passwords in primary_conninfo";
        found.push(finding(
            Level::Warning,
            what,
            &["REVOKE pg_monitor FROM …; GRANT pg_read_all_stats TO …;"],
        ));
    }
    let code: Vec<&str> = report
        .parameters
        .iter()
        .map(SettingName::as_str)
        .filter(|n| CODE_RUNNING.contains(n))
        .collect();
    if !code.is_empty() {
        let what = format!(
            "{} may write settings that run code: {}",
            report.role,
            code.join(", ")
        );
        found.push(finding(
            Level::Warning,
            what,
            &["REVOKE ALTER SYSTEM ON PARAMETER … FROM …;"],
        ));
    }
    found
}

/// The light that says whether the server would start again with what is in its files.
pub(super) fn file_errors(errors: &[(String, String, String)]) -> Finding {
    let lines: Vec<String> = errors
        .iter()
        .map(|(path, line, why)| format!("{path}:{line}: {}", redact_text(why)))
        .collect();
    if lines.is_empty() {
        return finding(
            Level::Fine,
            "the server can use every line of its configuration files",
            &[],
        );
    }
    let what = "the server would not start again: lines that it cannot use".to_owned();
    Finding {
        level: Level::Alarm,
        what,
        next: lines,
    }
}

pub(super) fn masked(settings: &BTreeMap<String, Seen>) -> Vec<Finding> {
    let mut found = Vec::new();
    let names: Vec<&str> = settings
        .iter()
        .filter(|(_, s)| s.source == "command line")
        .map(|(n, _)| n.as_str())
        .collect();
    if !names.is_empty() {
        let what = format!(
            "set on the server's command line, where no file and no ALTER SYSTEM reaches: {}",
            names.join(", ")
        );
        found.push(finding(Level::Note, what, &[]));
    }
    if value(settings, "allow_alter_system") == Some("off") {
        let what = "ALTER SYSTEM is switched off (allow_alter_system): settings are put back by their owner";
        found.push(finding(Level::Warning, what, &[]));
    }
    found
}

pub(super) fn waiting(settings: &BTreeMap<String, Seen>) -> Option<Finding> {
    let names: Vec<&str> = settings
        .iter()
        .filter(|(_, s)| s.pending == Held::Yes)
        .map(|(n, _)| n.as_str())
        .collect();
    let what = format!(
        "changed in the files and waiting for a restart: {}",
        names.join(", ")
    );
    (!names.is_empty()).then(|| finding(Level::Warning, what, &[]))
}

/// A setting of our own role or database.
pub(super) fn own_setting(name: &str, place: &str, report: &Report) -> Finding {
    let shown = |text: &str| crate::sql::identifier(text).unwrap_or_else(|_| "…".to_owned());
    let (role, database) = (shown(&report.role), shown(&report.database));
    let setting = shown(name);
    let next = match place {
        "database" => format!(
            "ALTER DATABASE {database} RESET {setting}; or let Backstay use another database"
        ),
        "role" => format!("ALTER ROLE {role} RESET {setting};"),
        _ => format!("ALTER ROLE {role} IN DATABASE {database} RESET {setting};"),
    };
    let what =
        format!("{name} is set for our own {place}: the server's value is hidden from Backstay");
    Finding {
        level: Level::Warning,
        what,
        next: vec![next],
    }
}

/// Whether changes can be put to a name and a moment.
pub(super) fn authors(settings: &BTreeMap<String, Seen>) -> Vec<Finding> {
    let mut found = Vec::new();
    match value(settings, "log_statement") {
        Some("ddl" | "mod" | "all") => {
            found.push(finding(
                Level::Fine,
                "the log names who ran ALTER SYSTEM, ALTER ROLE and ALTER DATABASE",
                &[],
            ));
        }
        _ => found.push(finding(
            Level::Warning,
            "authors stay unknown: the log does not hold configuration statements (log_statement)",
            &[
                "ALTER SYSTEM SET log_statement = 'ddl';",
                "SELECT pg_reload_conf();",
            ],
        )),
    }
    let destination = value(settings, "log_destination").unwrap_or_default();
    if value(settings, "logging_collector") == Some("off") {
        let what = "the server does not write its log to files itself (logging_collector): no authors from the log";
        found.push(finding(
            Level::Warning,
            what,
            &["ALTER SYSTEM SET logging_collector = 'on'; -- needs a restart"],
        ));
    } else if !destination.contains("jsonlog") {
        let what = format!(
            "the log is written as {destination}; jsonlog (15 and later) names role, application and reason"
        );
        found.push(finding(
            Level::Note,
            what,
            &[
                "ALTER SYSTEM SET log_destination = 'jsonlog';",
                "SELECT pg_reload_conf();",
            ],
        ));
    }
    if value(settings, "track_commit_timestamp") == Some("off") {
        let what = "the moment of ALTER ROLE and ALTER DATABASE is known to a second only (track_commit_timestamp)";
        found.push(finding(
            Level::Note,
            what,
            &["ALTER SYSTEM SET track_commit_timestamp = 'on'; -- needs a restart"],
        ));
    }
    found
}

pub(super) fn readable(path: &Path) -> Finding {
    match std::fs::File::open(path) {
        Ok(_) => finding(
            Level::Fine,
            format!("the log can be read: {}", path.display()),
            &[],
        ),
        Err(why) => {
            let what = format!(
                "the log cannot be read from here: {} ({why})",
                path.display()
            );
            finding(
                Level::Warning,
                what,
                &["run Backstay on the server's machine, in the group that may read the log"],
            )
        }
    }
}

pub(super) fn blind_spots(statements: Held, probe: Held) -> Vec<Finding> {
    let mut found = Vec::new();
    if statements == Held::No {
        let metric = MetricName::from_static("statement_mean_ms");
        let what = format!("no {metric}: pg_stat_statements is not installed in this database");
        found.push(finding(
            Level::Note,
            what,
            &["CREATE EXTENSION pg_stat_statements; -- after preloading it"],
        ));
    }
    if probe == Held::No {
        let next = probe_setup("backstay").unwrap_or_default();
        let what =
            "new sessions and writes are not probed: there is no table backstay.probe".to_owned();
        found.push(Finding {
            level: Level::Warning,
            what,
            next,
        });
    }
    found
}
