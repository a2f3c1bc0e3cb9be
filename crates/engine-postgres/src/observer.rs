//! Noticing, reading and measuring on one long-lived connection.
//!
//! Each second one cheap look (a single round trip); everything is read only when something moved, and
//! a digest of everything is compared every ten seconds in case the cheap look is blind to it. Values
//! are `reset_val`, never `setting`: the session protects itself with plain `SET`s, which leave
//! `reset_val` following the server. What may not be read is told in notices and left out.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backstay_engine::identity::identified;
use backstay_engine::observe::EVERY_SETTING;
use backstay_engine::{
    ChangeSource, ConfigReader, MetricSource, Notice, Observation, Poll, ReadError, Statement,
    changes,
};
use backstay_model::metric::MetricSpec;
use backstay_model::name::EngineKind;
use backstay_model::snapshot::{NodeRole, Server, ServiceUse};
use backstay_model::{
    Author, Change, Sample, Scope, ServiceName, Snapshot, SnapshotId, Span, TargetId, Timestamp,
};
use tokio::sync::Notify;

use crate::connect::{Dialer, Purpose};
use crate::dsn::Resolved;
use crate::files::FileWatch;
use crate::log::Tailer;
use crate::metrics::{self, Counts, host::CpuTimes};
use crate::secrets::Redactor;

pub(crate) mod link;

mod configuration_files;
mod notices;
mod reading;
mod server_log;
mod standing;

use link::{LOOK_MAX, Link, Marks, Place};
use notices::Board;
use reading::Reading;
use standing::{Loaded, Standings};

/// How a setting for every role (`ALTER ROLE ALL SET`) shows: no role has this name unquoted, and the
/// catalogue has none at all.
pub const EVERY_ROLE: &str = "ALL";

/// How often the digest of everything is compared.
const DIGEST_EVERY: Span = Span::from_secs(10);
/// How long an unused statement is remembered: it may wait for its reload or its commit.
const STATEMENT_AGE_MAX: Span = Span::from_secs(24 * 3_600);
/// The log may be a moment behind the change that it explains: so often, so long.
const LOG_WAITS_MAX: u32 = 6;
const LOG_WAIT: Duration = Duration::from_millis(15);

/// Watches one server.
#[derive(Debug)]
pub struct PostgresObserver {
    target: TargetId,
    dialer: Dialer,
    redactor: Redactor,
    link: Option<Link>,
    /// What tells this server from another behind the same address.
    server: Option<String>,
    known: Option<Known>,
    tailer: Tailer,
    board: Board,
    files: Option<FileWatch>,
    wake: Arc<Notify>,
    measured: Option<Counts>,
    host: Option<CpuTimes>,
    log_counted_at: Option<Timestamp>,
}

/// What the last looks found.
#[derive(Debug)]
struct Known {
    snapshot: Snapshot,
    marks: Marks,
    digest: (Option<String>, Option<String>),
    digest_at: Timestamp,
    looked_at: Timestamp,
}

impl PostgresObserver {
    /// An observer of `target` at `dsn`; connects at the first look. Secrets become fingerprints by
    /// `redactor`.
    ///
    /// # Errors
    /// When the certificates to trust cannot be read.
    pub fn new(target: TargetId, dsn: &Resolved, redactor: Redactor) -> Result<Self, ReadError> {
        let wake = Arc::new(Notify::new());
        Ok(Self {
            target,
            dialer: Dialer::new(dsn, &Purpose::of("observer"))?,
            redactor,
            link: None,
            server: None,
            known: None,
            tailer: Tailer::default(),
            board: Board::default(),
            files: None,
            wake,
            measured: None,
            host: None,
            log_counted_at: None,
        })
    }

    /// Woken when a configuration file moved on this machine: a reason to look before the second is
    /// over.
    #[must_use]
    pub fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Process id of the server's side of the connection, while there is one.
    #[must_use]
    pub fn backend_pid(&self) -> Option<u32> {
        self.link.as_ref().map(|link| link.facts.pid)
    }

    /// The connection; opened if there is none.
    async fn link(&mut self) -> Result<&Link, ReadError> {
        if self.link.as_ref().is_none_or(|link| link.session.closed()) {
            self.link = None;
            let link = Link::open(&self.dialer).await?;
            self.board.replace("rights", link.facts.notices());
            self.measured = None;
            self.link = Some(link);
        }
        self.link.as_ref().ok_or_else(|| ReadError::Unreachable {
            why: "no connection".to_owned(),
        })
    }

    fn place(&self) -> Place {
        self.link
            .as_ref()
            .map_or(Place::Elsewhere, |link| link.place)
    }

    /// Gives the connection up after an error that leaves its state unknown.
    fn judge<T>(&mut self, answer: Result<T, ReadError>) -> Result<T, ReadError> {
        if let Err(error) = &answer
            && !matches!(error, ReadError::MissingRight { .. })
        {
            self.link = None;
        }
        answer
    }

    /// Everything, as a snapshot.
    async fn read(&mut self, now: Timestamp) -> Result<Seen, ReadError> {
        let reading = {
            let link = self.link().await?;
            reading::read(link).await
        };
        let reading = self.judge(reading)?;
        let server = self.server(&reading);
        match &self.server {
            Some(expected) if *expected != server.data_directory => {
                self.link = None;
                return Err(ReadError::AnotherServer {
                    found: server.data_directory,
                    expected: expected.clone(),
                });
            }
            _ => self.server = Some(server.data_directory.clone()),
        }
        let last = self.known.as_ref().map(|known| &known.snapshot);
        let same_load = |known: &Known| {
            known.marks.loaded == reading.loaded && known.marks.started == reading.started
        };
        let unloaded = self.known.as_ref().is_some_and(same_load);
        let loaded = if unloaded { Loaded::No } else { Loaded::Yes };
        let found = standing::standings(&reading, &self.redactor, last, loaded);
        self.board.replace("hidden", notices::hidden(&found.hidden));
        self.board
            .replace("statements", notices::statements_logged(&reading));
        let place = self.place();
        let files = configuration_files::list(&reading, &self.redactor, place);
        let Standings {
            settings,
            session_start,
            file_errors,
            ..
        } = found;
        let snapshot = identified(Snapshot {
            id: SnapshotId(String::new()),
            target: self.target.clone(),
            taken_at: now,
            server,
            settings,
            files,
            file_errors,
            services: services(&reading),
        });
        Ok(Seen {
            snapshot,
            session_start,
            reading,
            place,
        })
    }

    fn server(&self, reading: &Reading) -> Server {
        let directory = reading.setting("data_directory").map(str::to_owned);
        let of_auto_file = || configuration_files::data_directory(reading);
        let identifier = || {
            let known = reading.system_identifier.as_deref();
            format!("system identifier {}", known.unwrap_or("unknown"))
        };
        // What told the server the first time tells it again: rights may come and go.
        let candidates = [directory, of_auto_file(), Some(identifier())];
        let same = |c: &&Option<String>| c.is_some() && **c == self.server;
        let chosen = candidates
            .iter()
            .find(same)
            .or_else(|| candidates.iter().find(|c| c.is_some()));
        Server {
            engine: EngineKind::Postgresql,
            version: reading.version.clone(),
            started_at: Timestamp(reading.started),
            data_directory: chosen.cloned().flatten().unwrap_or_default(),
            role: if reading.in_recovery {
                NodeRole::Standby
            } else {
                NodeRole::Primary
            },
        }
    }

    /// Whether everything has to be read, and what was found on the way.
    async fn look(&mut self, now: Timestamp) -> Result<Look, ReadError> {
        let hurried = self.files.as_ref().is_some_and(FileWatch::take);
        let due = |known: &Known| hurried || now.since(known.digest_at) >= DIGEST_EVERY;
        let due = self.known.as_ref().is_none_or(due);
        let marks = {
            let link = self.link().await?;
            link.marks().await
        };
        let marks = self.judge(marks)?;
        let moved = self.known.as_ref().is_none_or(|known| known.marks != marks);
        let digest = if due || moved {
            Some(self.digest(now).await?)
        } else {
            None
        };
        let Some(known) = self.known.as_mut() else {
            return Ok(Look {
                marks,
                digest: digest.unwrap_or_default(),
                moved: true,
            });
        };
        let other = digest
            .as_ref()
            .is_some_and(|digest| *digest != known.digest);
        if digest.is_some() {
            known.digest_at = now;
        }
        let digest = digest.unwrap_or_else(|| known.digest.clone());
        Ok(Look {
            marks,
            digest,
            moved: moved || other,
        })
    }

    async fn digest(
        &mut self,
        now: Timestamp,
    ) -> Result<(Option<String>, Option<String>), ReadError> {
        let digest = {
            let link = self.link().await?;
            link.digest().await
        };
        let digest = self.judge(digest)?;
        if self.known.is_some() {
            self.follow_log(now).await?;
        }
        Ok(digest)
    }

    /// Reads everything and pairs it with what is known.
    async fn observe(&mut self, now: Timestamp, look: Look) -> Result<Poll, ReadError> {
        let seen = self.read(now).await?;
        if self.known.is_none() {
            self.follow_log(now).await?;
        }
        self.cover_files(&seen);
        self.read_log();
        let mut observation = Observation {
            statements: self.statements(&seen.reading),
            session_start: seen.session_start,
            unmoved_at: self.known.as_ref().map(|known| known.looked_at),
            snapshot: seen.snapshot,
        };
        let before = self.known.take();
        let mut found = Vec::new();
        if let Some(before) = &before {
            found = changes(&before.snapshot, &observation);
            for _ in 0..LOG_WAITS_MAX {
                if !self.tailer.following() || found.iter().all(|change| !may_be_said(change)) {
                    break;
                }
                tokio::time::sleep(LOG_WAIT).await;
                self.read_log();
                observation.statements = self.statements(&seen.reading);
                found = changes(&before.snapshot, &observation);
            }
        }
        self.tailer.keep(|statement| wanted(statement, &found, now));
        let same = before.as_ref().is_some_and(|before| {
            before.snapshot.id == observation.snapshot.id
                && before.snapshot.server == observation.snapshot.server
        });
        self.known = Some(Known {
            snapshot: observation.snapshot.clone(),
            marks: look.marks.at(seen.reading.loaded, seen.reading.started),
            digest: look.digest,
            digest_at: now,
            looked_at: now,
        });
        if same {
            Ok(Poll::Quiet)
        } else {
            Ok(Poll::Moved(Box::new(observation)))
        }
    }

    fn cover_files(&mut self, seen: &Seen) {
        if seen.place == Place::Elsewhere {
            self.files = None;
            return;
        }
        if self.files.is_none() {
            match FileWatch::new(Arc::clone(&self.wake)) {
                Ok(watch) => self.files = Some(watch),
                Err(error) => tracing::debug!(%error, "files are looked at each second only"),
            }
        }
        if let Some(watch) = self.files.as_mut() {
            watch.cover(seen.snapshot.files.iter().map(|file| Path::new(&file.path)));
        }
    }
}

/// A whole reading, digested.
struct Seen {
    snapshot: Snapshot,
    session_start: BTreeSet<backstay_model::SettingName>,
    reading: Reading,
    place: Place,
}

/// A cheap look.
struct Look {
    marks: Marks,
    digest: (Option<String>, Option<String>),
    moved: bool,
}

/// Whether a change without an author may still be explained by a line of the log that is on its way.
fn may_be_said(change: &Change) -> bool {
    let by_statement =
        change.old.entry != change.new.entry && !matches!(change.key.scope, Scope::FileRule { .. });
    by_statement && change.author == Author::Unknown
}

/// Whether a statement may still explain something: it has not yet, and it is not too old.
fn wanted(statement: &Statement, found: &[Change], now: Timestamp) -> bool {
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

fn services(reading: &Reading) -> Vec<ServiceUse> {
    let used = |row: &reading::ServiceRow| ServiceUse {
        service: ServiceName::new(&row.application),
        role: row.role.clone(),
        database: row.database.clone(),
        sessions: row.sessions,
    };
    let mut all: Vec<ServiceUse> = reading.services.iter().map(used).collect();
    all.sort();
    all
}

impl ConfigReader for PostgresObserver {
    async fn snapshot(&mut self, now: Timestamp) -> Result<Snapshot, ReadError> {
        Ok(self.read(now).await?.snapshot)
    }
}

impl ChangeSource for PostgresObserver {
    async fn poll(&mut self, now: Timestamp) -> Result<Poll, ReadError> {
        let look = self.look(now).await?;
        if look.moved {
            return self.observe(now, look).await;
        }
        self.read_log();
        if let Some(known) = self.known.as_mut() {
            known.looked_at = now;
        }
        Ok(Poll::Quiet)
    }

    fn notices(&mut self) -> Vec<Notice> {
        self.board.take()
    }
}

impl MetricSource for PostgresObserver {
    fn specs(&self) -> Vec<MetricSpec> {
        metrics::specs()
    }

    async fn sample(&mut self, now: Timestamp) -> Result<Sample, ReadError> {
        let answer = {
            let link = self.link().await?;
            let row = link.session.client().query_one(&link.metrics, &[]);
            crate::connect::within(LOOK_MAX, "the server's counters", row).await
        };
        let counts = Counts::of(&self.judge(answer)?, now);
        let mut sample = Sample {
            at: now,
            metrics: metrics::metrics(&counts, self.measured.as_ref()),
            ..Sample::default()
        };
        self.measured = Some(counts);
        if self.place() == Place::Here
            && let Some(times) = CpuTimes::read()
        {
            sample.metrics.extend(times.metrics(self.host.as_ref()));
            self.host = Some(times);
        }
        self.read_log();
        if let Some(counts) = self.tailer.counts() {
            if let Some(last) = self.log_counted_at {
                sample
                    .metrics
                    .extend(metrics::of_log(counts, now.since(last)));
            }
            self.log_counted_at = Some(now);
        } else {
            self.log_counted_at = None;
        }
        Ok(sample)
    }
}
