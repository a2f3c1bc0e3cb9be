//! Where the server's log is, and what it and the catalogue say about changes.

use std::path::{Path, PathBuf};

use backstay_engine::{Notice, ReadError, Statement};
use backstay_model::{Span, Timestamp};
use tokio_postgres::SimpleQueryRow;

use super::PostgresObserver;
use super::link::{Facts, LOOK_MAX, Place};
use super::reading::Reading;
use super::standing::scoped_key;
use crate::log::tail::LogSource;
use crate::log::{Format, LogState};

/// `jsonlog` came with version 15.
const JSON_SINCE: u32 = 150_000;

fn sql(facts: &Facts) -> String {
    let json = if facts.version >= JSON_SINCE {
        "pg_current_logfile('jsonlog')"
    } else {
        "NULL"
    };
    format!(
        "SELECT {json}, pg_current_logfile('csvlog'), pg_current_logfile('stderr'), \
         (SELECT setting FROM pg_settings WHERE name = 'data_directory'), \
         current_setting('log_line_prefix'), \
         extract(epoch FROM (now() AT TIME ZONE current_setting('log_timezone')) \
            - (now() AT TIME ZONE 'UTC'))::int8"
    )
}

impl PostgresObserver {
    /// Asks where the log is now, and follows it there.
    pub(super) async fn follow_log(&mut self, now: Timestamp) -> Result<(), ReadError> {
        let link = self.link().await?;
        if link.place == Place::Elsewhere || !link.facts.current_logfile {
            let place = link.place;
            self.tailer.stop();
            let notice = if place == Place::Here {
                Vec::new()
            } else {
                vec![remote()]
            };
            self.board.replace("log", notice);
            return Ok(());
        }
        let answer = link
            .session
            .rows("the log's place", &sql(&link.facts), LOOK_MAX)
            .await;
        let rows = self.judge(answer)?;
        // Without the right to see the setting, what was learnt from the files serves.
        let known = self
            .server
            .as_deref()
            .filter(|s| s.starts_with('/'))
            .map(str::to_owned);
        match rows.first().and_then(|row| source(row, known.as_deref())) {
            Some(source) => self.tailer.follow(source),
            None => {
                self.tailer.stop();
                self.board.replace("log", vec![no_file()]);
                tracing::debug!(at = %now, "the server writes no log file");
            }
        }
        Ok(())
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

/// The best of the formats that the server writes.
fn source(row: &SimpleQueryRow, data_directory: Option<&str>) -> Option<LogSource> {
    let prefix = row.get(4).unwrap_or_default().to_owned();
    let formats = [Format::Json, Format::Csv, Format::Plain { prefix }];
    let (index, format) = (0..)
        .zip(formats)
        .find(|(index, _)| row.get(*index).is_some())?;
    let path = Path::new(row.get(index)?);
    let path = if path.is_absolute() {
        PathBuf::from(path)
    } else {
        Path::new(row.get(3).or(data_directory)?).join(path)
    };
    let ahead = row.get(5).and_then(|s| s.parse().ok()).unwrap_or(0);
    Some(LogSource {
        path,
        format,
        zone: Span::from_secs(ahead),
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
