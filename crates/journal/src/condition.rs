//! How a target, or Backstay's sight of it, stands.

use std::fmt;

use backstay_model::snapshot::Spoils;
use backstay_model::{ChangeSetId, MetricName, SettingName, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// How a target stands. One holds at a time; a new one ends the one before.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It answers, and it is the server that is meant.
    Up,
    /// Nobody answers at its address.
    Unreachable {
        /// The client's words, without secrets.
        why: String,
    },
    /// It answers and refuses the login.
    LoginRefused {
        /// The server's words.
        why: String,
    },
    /// Another server answers at its address.
    AnotherServer {
        /// What tells it apart, as it was found: `data directory /a`, `system identifier 7`.
        found: String,
        /// The same, as it was expected.
        expected: String,
    },
    /// It was started again; it is up.
    Restarted {
        /// When the server process was started.
        started_at: Timestamp,
        /// The version that runs now, as the server says it.
        version: String,
    },
    /// A right is missing without which it cannot be watched.
    MissingRight {
        /// What cannot be read.
        what: String,
        /// The statement that grants it.
        grant: String,
    },
    /// It does not answer within the limit.
    TooSlow {
        /// The limit in milliseconds.
        limit_ms: u64,
    },
    /// It answers, but could not be read.
    Unreadable {
        /// What was read, and the server's words.
        why: String,
    },
}

impl Condition {
    /// Its name in logs: `login_refused`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Unreachable { .. } => "unreachable",
            Self::LoginRefused { .. } => "login_refused",
            Self::AnotherServer { .. } => "another_server",
            Self::Restarted { .. } => "restarted",
            Self::MissingRight { .. } => "missing_right",
            Self::TooSlow { .. } => "too_slow",
            Self::Unreadable { .. } => "unreadable",
        }
    }

    /// Whether the target can be watched in it.
    #[must_use]
    pub const fn watchable(&self) -> bool {
        matches!(self, Self::Up | Self::Restarted { .. })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up => f.write_str("up"),
            Self::Unreachable { why } => write!(f, "the server does not answer: {why}"),
            Self::LoginRefused { why } => write!(f, "the server refused the login: {why}"),
            Self::AnotherServer { found, expected } => {
                write!(f, "another server answers: {found}, expected {expected}")
            }
            Self::Restarted {
                started_at,
                version,
            } => {
                write!(f, "restarted at {started_at}, runs {version}")
            }
            Self::MissingRight { what, grant } => {
                write!(f, "missing right to read {what}: {grant}")
            }
            Self::TooSlow { limit_ms } => write!(f, "no answer within {limit_ms} ms"),
            Self::Unreadable { why } => write!(f, "cannot be read: {why}"),
        }
    }
}

/// Whether something begins or ends to be so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// From now on.
    Begins,
    /// Until now.
    Ends,
}

/// Something that narrows what Backstay sees or may do, without stopping it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The server's log cannot be read: no authors, times and descriptions from it.
    LogUnreadable {
        /// Why not.
        why: String,
    },
    /// The server does not log statements that change configuration.
    StatementsNotLogged,
    /// The statement statistics are not installed: no latency of statements.
    NoStatStatements,
    /// There is no table for the write probe.
    NoProbeTable,
    /// The probe fails while the held connection answers.
    ProbeFails {
        /// The class of the failure and the server's words, redacted.
        why: String,
    },
    /// A part of the configuration cannot be read.
    PartUnreadable {
        /// Which part: a file, a view.
        what: String,
        /// Why not, or the statement that grants it.
        why: String,
    },
    /// The knowledge of an older major version is used.
    CarriedKnowledge {
        /// The version of the knowledge.
        known: u32,
        /// The version of the server.
        major: u32,
    },
    /// Files hold lines that the server refuses, and with which it would not start again.
    NotBootSafe {
        /// What is wrong, one line each, redacted: `postgresql.conf:12: work_mem = lots: …`.
        lines: Vec<String>,
        /// What else the server leaves out because of them.
        #[serde(default)]
        spoils: Spoils,
    },
    /// Values were edited in configuration files, and the server has not loaded them yet.
    NotLoaded {
        /// What a reload would change, one line each: `work_mem 4MB -> 8MB, postgresql.conf line 12`.
        lines: Vec<String>,
    },
    /// It does not behave as usual, though nothing is being watched.
    Unusual {
        /// What is most unusual, most first.
        metrics: Vec<MetricName>,
    },
    /// A change that stands seems to hurt, seen hours after it was made.
    LateHarm {
        /// The change set.
        change_set: ChangeSetId,
        /// What shows, and what to type.
        text: String,
    },
    /// A change touches durability; a rule reports it whatever the metrics say.
    Durability {
        /// Which change set.
        change_set: ChangeSetId,
        /// Which setting.
        setting: SettingName,
        /// One sentence for a person.
        text: String,
    },
    /// More came in than the inbox holds; the rest was not taken.
    InboxFull {
        /// How many were not taken.
        dropped: u64,
    },
    /// The clocks of host and target differ.
    ClockSkew {
        /// Target minus host.
        skew: Span,
    },
    /// A target of the configuration is not watched.
    NotWatched {
        /// Why not.
        why: String,
    },
    /// Metric history could not be stored; judging goes on from memory.
    MetricsNotStored {
        /// Why not.
        why: String,
    },
    /// The role that is to put settings back may not write.
    MayNotWrite {
        /// The role.
        role: String,
        /// What it may not do.
        missing: Vec<String>,
        /// The statements that grant it, to be run by a superuser; none where there are none.
        grants: Vec<String>,
    },
    /// Anything else a person should read.
    Other {
        /// One sentence.
        text: String,
    },
}

impl Notice {
    /// What is told when it is so no longer.
    #[must_use]
    pub fn over(&self) -> String {
        match self {
            Self::NotBootSafe { .. } => {
                "mended: the server can use every line of its configuration files".to_owned()
            }
            Self::MayNotWrite { role, .. } => format!("{role} may put settings back now"),
            Self::Unusual { metrics } => format!("as usual again: {}", names_of(metrics)),
            other => format!("no longer so: {other}"),
        }
    }
}

/// Lines of files that a notice names; the record has them all.
const LINES_TOLD_MAX: usize = 8;

fn first_of(lines: &[String]) -> String {
    let told: Vec<&str> = lines
        .iter()
        .take(LINES_TOLD_MAX)
        .map(String::as_str)
        .collect();
    match lines.len().saturating_sub(LINES_TOLD_MAX) {
        0 => told.join("; "),
        more => format!("{}; and {more} more", told.join("; ")),
    }
}

fn names_of(metrics: &[MetricName]) -> String {
    let names: Vec<&str> = metrics.iter().map(MetricName::as_str).collect();
    names.join(", ")
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LogUnreadable { why } => {
                write!(
                    f,
                    "the server's log cannot be read, so authors stay unknown: {why}"
                )
            }
            Self::StatementsNotLogged => {
                f.write_str("log_statement is not ddl or higher, so authors stay unknown")
            }
            Self::NoStatStatements => f.write_str(
                "pg_stat_statements is not installed, so statement latency is not measured",
            ),
            Self::NoProbeTable => f.write_str("there is no probe table, so writes are not probed"),
            Self::ProbeFails { why } => write!(f, "the probe fails: {why}"),
            Self::PartUnreadable { what, why } => write!(f, "{what} cannot be read: {why}"),
            Self::CarriedKnowledge { known, major } => {
                write!(
                    f,
                    "the knowledge of version {known} is used for version {major}"
                )
            }
            Self::NotBootSafe { lines, spoils } => {
                let rest = match spoils {
                    Spoils::Line => "",
                    Spoils::All => ", and takes nothing else that was edited there",
                };
                let lines = first_of(lines);
                write!(
                    f,
                    "the server refuses these lines{rest}, and would not start again with them: {lines}"
                )
            }
            Self::NotLoaded { lines } => {
                write!(f, "edited, not loaded yet: {}", first_of(lines))
            }
            Self::Unusual { metrics } => {
                write!(f, "not as usual: {}", names_of(metrics))
            }
            Self::LateHarm { change_set, text }
            | Self::Durability {
                change_set, text, ..
            } => write!(f, "{change_set}: {text}"),
            Self::InboxFull { dropped } => {
                write!(f, "the inbox was full, {dropped} readings were not taken")
            }
            Self::ClockSkew { skew } => write!(f, "the clocks of host and target differ by {skew}"),
            Self::NotWatched { why } => write!(f, "not watched: {why}"),
            Self::MetricsNotStored { why } => write!(f, "metric history is not stored: {why}"),
            Self::MayNotWrite { role, missing, .. } => write!(
                f,
                "nothing is put back here: {role} may not {}; what hurts is held for a person",
                missing.join(" and may not ")
            ),
            Self::Other { text } => f.write_str(text),
        }
    }
}
