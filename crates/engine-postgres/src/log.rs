//! The server's log: who ran which configuration statement, when and why; how many errors a second.
//!
//! Three formats (`jsonlog`, `csvlog`, `stderr` with its prefix) become [`LogLine`]s by pure parsers;
//! [`statement`] finds the configuration statements in them; [`Tailer`] reads what was appended. The
//! log is an accelerator and the only source of authors, never the truth about values.

use backstay_model::{Span, Timestamp};

pub mod csv;
pub mod json;
pub mod prefix;
pub mod statement;
pub mod tail;

mod time;

pub use tail::{LogState, Tailer};

#[cfg(test)]
mod tests;

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogLine {
    /// When it was written.
    pub at: Option<Timestamp>,
    /// Process that wrote it.
    pub pid: Option<u32>,
    /// Role of its session.
    pub role: Option<String>,
    /// Database of its session.
    pub database: Option<String>,
    /// Application name of its session.
    pub application: Option<String>,
    /// SQLSTATE; `00000` when nothing went wrong.
    pub sqlstate: Option<String>,
    /// `LOG`, `ERROR`, `FATAL`, …
    pub severity: String,
    /// The message, without passwords. Kept only for errors and what may touch configuration; empty
    /// otherwise, because the rest of the log is none of our business.
    pub message: String,
    /// The statement that an error stopped, without passwords.
    pub failed: Option<String>,
}

impl LogLine {
    /// The SQL text of a logged statement (`statement: …`, `execute name: …`), `None` when it is
    /// another kind of entry.
    #[must_use]
    pub fn sql(&self) -> Option<&str> {
        let mut rest = self.message.as_str();
        if let Some(after) = rest.strip_prefix("duration: ") {
            rest = after.split_once("  ")?.1;
        }
        if let Some(sql) = rest.strip_prefix("statement: ") {
            return Some(sql);
        }
        let named = rest.strip_prefix("execute ")?;
        named.split_once(": ").map(|(_, sql)| sql)
    }

    /// Whether it is an error that a client got.
    #[must_use]
    pub fn error(&self) -> bool {
        matches!(self.severity.as_str(), "ERROR" | "FATAL" | "PANIC")
    }
}

/// A format of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line (15 and later).
    Json,
    /// Comma-separated values.
    Csv,
    /// Plain text whose lines begin with `log_line_prefix`.
    Plain {
        /// The setting `log_line_prefix`.
        prefix: String,
    },
}

/// Parses log text piece by piece.
#[derive(Debug, Clone)]
pub struct Parser {
    format: Format,
    zone: Span,
    rest: String,
}

/// The longest entry that is kept while its end is not there yet, in bytes; longer ones are dropped.
const ENTRY_BYTES_MAX: usize = 1 << 20;

impl Parser {
    /// A parser for `format`; `zone` is how far the log's time zone is ahead of UTC, used where an
    /// entry names its zone by letters only.
    #[must_use]
    pub const fn new(format: Format, zone: Span) -> Self {
        Self {
            format,
            zone,
            rest: String::new(),
        }
    }

    /// The format.
    #[must_use]
    pub const fn format(&self) -> &Format {
        &self.format
    }

    /// The entries that are complete with `text`. What is incomplete is kept for the next piece; what
    /// is no entry is left out.
    pub fn push(&mut self, text: &str) -> Vec<LogLine> {
        self.rest.push_str(text);
        let (entries, used) = match &self.format {
            Format::Json => json::entries(&self.rest, self.zone),
            Format::Csv => csv::entries(&self.rest, self.zone),
            Format::Plain { prefix } => prefix::entries(&self.rest, prefix, self.zone),
        };
        self.rest.drain(..used);
        if self.rest.len() > ENTRY_BYTES_MAX {
            self.rest.clear();
        }
        entries.into_iter().map(redacted).collect()
    }

    /// The entry that is still open: a plain entry ends only where the next begins, so at the end of
    /// what was written it is taken as it stands.
    pub fn flush(&mut self) -> Vec<LogLine> {
        match &self.format {
            Format::Plain { .. } if self.rest.ends_with('\n') => {
                self.rest.push('\u{0}');
                let entries = self.push("");
                self.rest.clear();
                entries
            }
            _ => Vec::new(),
        }
    }
}

/// Passwords out of everything that is kept, and everything else out.
fn redacted(mut line: LogLine) -> LogLine {
    let configuration =
        line.message.starts_with("parameter \"") || line.sql().is_some_and(statement::relevant);
    if !line.error() && !configuration {
        line.message.clear();
        line.failed = None;
        return line;
    }
    line.message = crate::secrets::redact_text(&line.message);
    line.failed = line.failed.map(|text| crate::secrets::redact_text(&text));
    line
}
