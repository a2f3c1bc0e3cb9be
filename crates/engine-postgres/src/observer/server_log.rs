//! Where the server's log is, and what it and the catalogue say about changes.

use std::path::Path;

use backstay_engine::observe::EVERY_SETTING;
use backstay_engine::{Notice, Statement};
use backstay_model::{Author, Change, Scope, Span, Timestamp};

use super::PostgresObserver;
use super::link::{LogPlace, Place};
use super::reading::Reading;
use super::standing::scoped_key;
use crate::log::tail::LogSource;
use crate::log::{Format, LogState};

/// How long an unused statement is remembered: it may wait for its reload or its commit.
const STATEMENT_AGE_MAX: Span = Span::from_secs(24 * 3_600);

impl PostgresObserver {
    /// Follows the log where it is now.
    pub(super) fn follow_log(&mut self, place: &LogPlace) {
        let Some(link) = &self.link else { return };
        if link.place == Place::Elsewhere || !link.facts.current_logfile {
            let notice = if link.place == Place::Here {
                Vec::new()
            } else {
                vec![remote()]
            };
            self.tailer.stop();
            self.board.replace("log", notice);
            return;
        }
        match source(place, self.directory.as_deref()) {
            Some(source) => self.tailer.follow(source),
            None => {
                self.tailer.stop();
                self.board.replace("log", vec![no_file()]);
            }
        }
    }

    /// Reads what was appended to the log.
    pub(super) fn read_log(&mut self) {
        if !self.tailer.following() {
            return;
        }
        let notices = match self.tailer.read() {
            LogState::Reading => Vec::new(),
            LogState::Off(notice) => vec![notice],
        };
        self.board.replace("log", notices);
    }

    /// The statements that may explain something: from the log, and the commit times of the catalogue.
    pub(super) fn statements(&self, reading: &Reading) -> Vec<Statement> {
        let committed = reading.scoped.iter().filter_map(|row| {
            let (key, _) = scoped_key(row)?;
            Some(Statement {
                at: Some(Timestamp(row.committed?)),
                role: None,
                application: None,
                keys: vec![key],
                description: None,
            })
        });
        self.tailer
            .statements()
            .into_iter()
            .chain(committed)
            .collect()
    }
}

/// Whether a change without an author may still be explained by a line of the log that is on its way.
pub(super) fn may_be_said(change: &Change) -> bool {
    let by_statement =
        change.old.entry != change.new.entry && !matches!(change.key.scope, Scope::FileRule { .. });
    by_statement && change.author == Author::Unknown
}

/// Whether a statement may still explain something: it has not yet, and it is not too old.
pub(super) fn wanted(statement: &Statement, found: &[Change], now: Timestamp) -> bool {
    let explains = |change: &Change| {
        statement.keys.iter().any(|key| {
            *key == change.key || (key.scope == change.key.scope && key.name == EVERY_SETTING)
        })
    };
    let young = statement
        .at
        .is_none_or(|at| now.since(at) < STATEMENT_AGE_MAX);
    young && !found.iter().any(explains)
}

/// The best of the formats that the server writes; a path may be relative to the data directory.
fn source(place: &LogPlace, directory: Option<&str>) -> Option<LogSource> {
    let plain = Format::Plain {
        prefix: place.prefix.clone(),
    };
    let formats = [
        (&place.json, Format::Json),
        (&place.csv, Format::Csv),
        (&place.plain, plain),
    ];
    let (path, format) = formats
        .into_iter()
        .find_map(|(path, f)| Some((path.as_ref()?, f)))?;
    let path = match Path::new(path) {
        path if path.is_absolute() => path.to_owned(),
        path => Path::new(directory?).join(path),
    };
    Some(LogSource {
        path,
        format,
        zone: Span::from_secs(place.ahead_s),
    })
}

fn remote() -> Notice {
    Notice {
        what: "the server is on another machine".to_owned(),
        effect: "its log and its host's load are not read: authors and reasons of changes stay \
                 unknown"
            .to_owned(),
        remedy: None,
    }
}

fn no_file() -> Notice {
    Notice {
        what: "the server writes no log file that it tells of".to_owned(),
        effect: "authors and reasons of changes, and errors per second, stay unknown".to_owned(),
        remedy: Some(
            "ALTER SYSTEM SET logging_collector = on; ALTER SYSTEM SET log_destination = 'jsonlog'; \
             and a restart"
                .to_owned(),
        ),
    }
}
