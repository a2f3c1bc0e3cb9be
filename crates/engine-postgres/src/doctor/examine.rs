//! Asking a server what Backstay may do there and what it can see.

use std::collections::BTreeMap;
use std::path::PathBuf;

use backstay_engine::ReadError;
use backstay_model::SettingName;
use backstay_model::decision::Mode;
use tokio_postgres::SimpleQueryRow;

use super::PARAMETER_GRANTS_SINCE;
use super::facts::{self, held, rows, text};
use super::finding::{self, Seen};
use crate::connect::Session;
use crate::sql::SqlError;

/// The examination could not be finished. Effect on the target: none.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum ExamineError {
    /// The server did not answer a question.
    #[error("the server could not be examined")]
    Read {
        /// Why not.
        source: ReadError,
    },
    /// The name of the role cannot be written as an identifier.
    #[error("the grants cannot be printed")]
    Names {
        /// Which one.
        source: SqlError,
    },
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The server's version as it says it.
    pub version: String,
    /// The role that looked.
    pub role: String,
    /// Whether that role may do everything.
    pub superuser: Held,
    /// The database it looked from.
    pub database: String,
    /// Every right, held or not, in the order of the modes.
    pub rights: Vec<Right>,
    /// Settings that this role may write (15 and later); every one for a superuser.
    pub parameters: Vec<SettingName>,
    /// Everything else worth knowing, the most urgent first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The most that the rights allow.
    #[must_use]
    pub fn allows(&self) -> Mode {
        let lacks = |mode: Mode| {
            self.rights
                .iter()
                .any(|r| r.mode == mode && r.held == Held::No)
        };
        let writes = self.superuser == Held::Yes || !self.parameters.is_empty();
        if writes && !lacks(Mode::Observe) && !lacks(Mode::Approve) {
            Mode::Auto
        } else {
            Mode::Observe
        }
    }
}

impl Report {
    fn holds(&self, right: usize) -> bool {
        self.rights.get(right).is_some_and(|r| r.held == Held::Yes)
    }
}

/// One right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// The first mode that needs it.
    pub mode: Mode,
    /// What it is for.
    pub what: &'static str,
    /// Whether the role has it.
    pub held: Held,
}

/// Whether somebody has something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It is there.
    Yes,
    /// It is not.
    No,
}

/// How urgent a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The server would not start again, or we cannot work.
    Alarm,
    /// Something is not seen or not possible.
    Warning,
    /// Good to know.
    Note,
    /// As it should be.
    Fine,
}

/// Something worth knowing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How urgent.
    pub level: Level,
    /// In one line, without secrets.
    pub what: String,
    /// What to type to change it.
    pub next: Vec<String>,
}

/// The rights in the order of [`facts::RIGHTS_SQL`].
const RIGHTS: [(Mode, &str); 6] = [
    (Mode::Observe, "metrics of all sessions (pg_read_all_stats)"),
    (
        Mode::Observe,
        "the configuration files as the server reads them (pg_file_settings)",
    ),
    (
        Mode::Observe,
        "the authentication rules (pg_hba_file_rules)",
    ),
    (Mode::Observe, "when the files were written (pg_stat_file)"),
    (Mode::Observe, "where the log is (pg_current_logfile)"),
    (
        Mode::Approve,
        "activating what was written (pg_reload_conf)",
    ),
];

/// Places in [`RIGHTS`] that other questions depend on.
const FILES: usize = 1;
const RULES: usize = 2;
const LOG: usize = 4;
/// Place of `pg_monitor` in the answer of [`facts::RIGHTS_SQL`].
const MONITOR: usize = 7;

/// Examines the server behind `session`.
///
/// # Errors
/// When a question stays without an answer; missing rights are no error but part of the report.
pub async fn examine(session: &Session) -> Result<Report, ExamineError> {
    let me = ask(session, "the role", facts::SELF_SQL).await?;
    let me = me.first();
    let major: u32 = text(me, 0).parse().unwrap_or(0);
    let rights = ask(session, "the rights", facts::RIGHTS_SQL).await?;
    let rights = rights.first();
    let named = |(i, (mode, what)): (usize, &(Mode, &'static str))| Right {
        mode: *mode,
        what,
        held: held(rights, i),
    };
    let mut report = Report {
        version: text(me, 1),
        role: text(me, 2),
        superuser: held(me, 4),
        database: text(me, 3),
        rights: RIGHTS.iter().enumerate().map(named).collect(),
        parameters: parameters(session, major).await?,
        findings: Vec::new(),
    };
    let settings = finding::settings(&ask(session, "the settings", facts::SETTINGS_SQL).await?);
    let own = ask(session, "our own settings", facts::OWN_SQL).await?;
    let objects = ask(session, "the objects", facts::OBJECTS_SQL).await?;
    let objects = objects.first();
    let mut findings =
        finding::missing(&report, major).map_err(|source| ExamineError::Names { source })?;
    findings.extend(finding::too_much(&report, held(rights, MONITOR)));
    findings.extend(boot_safe(session, &report).await?);
    findings.extend(finding::masked(&settings));
    findings.extend(finding::waiting(&settings));
    let own_setting = |r| finding::own_setting(&text(Some(r), 0), &text(Some(r), 1), &report);
    findings.extend(own.iter().map(own_setting));
    findings.extend(finding::authors(&settings));
    if report.holds(LOG) {
        findings.push(log_file(session, &settings).await?);
    }
    findings.extend(finding::blind_spots(held(objects, 0), held(objects, 1)));
    findings.sort_by_key(|f| f.level);
    report.findings = findings;
    Ok(report)
}

async fn ask(
    session: &Session,
    what: &str,
    sql: &str,
) -> Result<Vec<SimpleQueryRow>, ExamineError> {
    rows(session, what, sql)
        .await
        .map_err(|source| ExamineError::Read { source })
}

async fn parameters(session: &Session, major: u32) -> Result<Vec<SettingName>, ExamineError> {
    if major < PARAMETER_GRANTS_SINCE {
        return Ok(Vec::new());
    }
    let names = ask(session, "the granted settings", facts::PARAMETERS_SQL).await?;
    Ok(names
        .iter()
        .filter_map(|r| r.get(0))
        .map(SettingName::new)
        .collect())
}

/// Whether the server would start again with what stands in its files, as far as we may look.
async fn boot_safe(session: &Session, report: &Report) -> Result<Vec<Finding>, ExamineError> {
    let mut lines = Vec::new();
    if report.holds(FILES) {
        let errors = ask(session, "file errors", facts::FILE_ERRORS_SQL).await?;
        let line = |r| (text(Some(r), 0), text(Some(r), 1), text(Some(r), 2));
        lines.extend(errors.iter().map(line));
    }
    if report.holds(RULES) {
        let errors = ask(session, "rule errors", facts::HBA_ERRORS_SQL).await?;
        let line = |r| ("pg_hba.conf".to_owned(), text(Some(r), 0), text(Some(r), 1));
        lines.extend(errors.iter().map(line));
    }
    let looked = report.holds(FILES) || report.holds(RULES);
    Ok(looked
        .then(|| finding::file_errors(&lines))
        .into_iter()
        .collect())
}

/// Whether the log can be read from this machine.
async fn log_file(
    session: &Session,
    settings: &BTreeMap<String, Seen>,
) -> Result<Finding, ExamineError> {
    let read = |source| ExamineError::Read { source };
    let current = rows(session, "the log's place", facts::LOG_SQL)
        .await
        .map_err(read)?;
    let Some(current) = current.first().and_then(|r| r.get(0)).map(PathBuf::from) else {
        return Ok(finding::finding(
            Level::Warning,
            "the server has no log file of its own",
            &[],
        ));
    };
    let mut directory = finding::value(settings, "data_directory").map(PathBuf::from);
    if directory.is_none() && current.is_relative() {
        // hidden from plain roles; without the right to read the files it stays unknown
        let found = rows(session, "the data directory", facts::DATA_DIRECTORY_SQL)
            .await
            .unwrap_or_default();
        directory = found.first().and_then(|r| r.get(0)).map(PathBuf::from);
    }
    let path = directory.map_or_else(|| current.clone(), |d| d.join(&current));
    Ok(finding::readable(&path))
}
