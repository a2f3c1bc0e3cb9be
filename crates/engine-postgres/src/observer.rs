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
use backstay_engine::{
    ChangeSource, ConfigReader, MetricSource, Notice, Observation, Poll, ReadError, changes,
};
use backstay_model::metric::MetricSpec;
use backstay_model::{Sample, Snapshot, SnapshotId, Span, TargetId, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::connect::{Dialer, Purpose};
use crate::dsn::Resolved;
use crate::files::FileWatch;
use crate::log::Tailer;
use crate::metrics::{self, Counts, host::CpuTimes};
use crate::secrets::Redactor;

pub(crate) mod link;

mod configuration_files;
mod faults;
mod guards;
mod identity;
mod notices;
mod queue;
mod reading;
mod server_log;
pub(crate) mod services;
mod standing;
mod unloaded;
mod whole;

use guards::Guards;
pub use guards::WATCH_CLASS;
use identity::Identity;
use link::{Digest, LOOK_MAX, Link, LogPlace, Marks, Place};
use notices::Board;
use reading::Reading;
use server_log::{may_be_said, wanted};
use services::Services;
use standing::{Loaded, Standings};
use unloaded::Waits;

/// How a setting for every role (`ALTER ROLE ALL SET`) shows: no role has this name unquoted, and the
/// catalogue has none at all.
pub const EVERY_ROLE: &str = "ALL";

/// How often the digest of everything is compared.
const DIGEST_EVERY: Span = Span::from_secs(10);
/// After so many answers in a row that did not come in time the connection is given up.
const TIMEOUTS_MAX: u32 = 15;
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
    condition: Condition,
    /// Its data directory, if it is known; relative paths begin there.
    directory: Option<String>,
    identity: Option<Identity>,
    known: Option<Known>,
    tailer: Tailer,
    board: Board,
    files: Option<FileWatch>,
    wake: Arc<Notify>,
    measured: Option<Counts>,
    host: Option<CpuTimes>,
    log_counted_at: Option<Timestamp>,
    services: Services,
    guards: Guards,
}

/// What the last answer says about the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// It answers.
    Good,
    /// So many answers in a row did not come in time.
    Late(u32),
    /// The server refused what it used to answer: rights or views are not what they were.
    Odd,
}

/// What the last looks found.
#[derive(Debug)]
struct Known {
    snapshot: Snapshot,
    marks: Marks,
    digest: Digest,
    digest_at: Timestamp,
    looked_at: Timestamp,
    waits: Waits,
    /// By a session that is gone: what ended it may show in a whole reading only.
    by_another: bool,
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
            condition: Condition::Good,
            directory: None,
            identity: None,
            known: None,
            tailer: Tailer::default(),
            board: Board::default(),
            files: None,
            wake,
            measured: None,
            host: None,
            log_counted_at: None,
            services: Services::default(),
            guards: Guards::default(),
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

    /// The connection; opened if there is none. One that gave an odd answer is replaced if a new one
    /// can be had: an open connection is worth keeping when new ones are refused.
    async fn link(&mut self) -> Result<&Link, ReadError> {
        let closed = self.link.as_ref().is_none_or(|link| link.session.closed());
        if closed
            && let Some(link) = self.link.take()
            && let Some(farewell) = link.session.farewell()
        {
            // Told before the next connection: a restart may be over by now.
            return Err(farewell.clone());
        }
        if closed || self.condition == Condition::Odd {
            match Link::open(&self.dialer).await {
                Ok(link) => {
                    self.board.replace("rights", link.facts.notices());
                    self.measured = None;
                    self.link = Some(link);
                    if let Some(known) = &mut self.known {
                        known.by_another = true;
                    }
                }
                Err(error) if closed => return Err(error),
                Err(error) => tracing::debug!(%error, "the open connection is kept"),
            }
            self.condition = Condition::Good;
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

    /// Notes what an answer says about the connection. Answers that are late still come in order, so a
    /// connection that only waits is kept, for a while.
    fn judge<T>(&mut self, answer: Result<T, ReadError>) -> Result<T, ReadError> {
        self.condition = match (&answer, self.condition) {
            (Ok(_), _) => Condition::Good,
            (Err(ReadError::Timeout { .. }), Condition::Late(times)) if times >= TIMEOUTS_MAX => {
                self.link = None;
                Condition::Good
            }
            (Err(ReadError::Timeout { .. }), Condition::Late(times)) => Condition::Late(times + 1),
            (Err(ReadError::Timeout { .. }), _) => Condition::Late(1),
            (Err(_), _) => Condition::Odd,
        };
        let ended = self
            .link
            .take_if(|link| answer.is_err() && link.session.farewell().is_some());
        let farewell = ended.as_ref().and_then(|link| link.session.farewell());
        farewell.map_or(answer, |farewell| Err(farewell.clone()))
    }

    /// Everything, as a snapshot.
    async fn read(&mut self, now: Timestamp) -> Result<Seen, ReadError> {
        let reading = reading::read(self.link().await?).await;
        let reading = self.judge(reading)?;
        self.recognise(&reading)?;
        let server = self.server(&reading);
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
        let lines = unloaded::Files::of(&reading, &self.redactor);
        let waits = match &self.known {
            Some(known) if loaded == Loaded::No => known.waits.edited(lines, now),
            Some(known) => known.waits.reloaded(lines),
            None => Waits::begun(lines),
        };
        self.services.count(&reading.services, now);
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
            unloaded: waits.told(),
            file_errors,
            services: self.services.list(),
        });
        Ok(Seen {
            snapshot,
            session_start,
            reading,
            place,
            waits,
        })
    }

    /// Whether everything has to be read, and what was found on the way.
    async fn look(&mut self, now: Timestamp) -> Result<Look, ReadError> {
        let hurried = self.files.as_ref().is_some_and(FileWatch::take);
        let due = |known: &Known| hurried || now.since(known.digest_at) >= DIGEST_EVERY;
        let due = self.known.as_ref().is_none_or(due);
        let marks = self.link().await?.marks().await;
        let marks = self.judge(marks)?;
        let news = |known: &Known| {
            known.by_another
                || known.marks != marks
                || known.waits.due(now)
                || self.services.news(&known.snapshot.services)
        };
        let moved = self.known.as_ref().is_none_or(news);
        let (digest, log) = if due || moved {
            let answer = self.link().await?.digest().await;
            let (digest, log) = self.judge(answer)?;
            (Some(digest), Some(log))
        } else {
            (None, None)
        };
        self.look_for_guards(now).await?;
        let Some(known) = self.known.as_mut() else {
            return Ok(Look {
                marks,
                digest: digest.unwrap_or_default(),
                log,
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
        if let Some(log) = &log {
            self.follow_log(log);
        }
        Ok(Look {
            marks,
            digest,
            log,
            moved: moved || other,
        })
    }

    async fn look_for_guards(&mut self, now: Timestamp) -> Result<(), ReadError> {
        if self.guards.due(now) {
            let others = self.link().await?.others().await;
            let others = self.judge(others)?;
            self.board.replace("guards", self.guards.see(&others, now));
        }
        Ok(())
    }

    /// Reads everything and pairs it with what is known; the look was begun at `now`, which was `begun`.
    async fn observe(
        &mut self,
        (now, begun): (Timestamp, Instant),
        look: Look,
    ) -> Result<Poll, ReadError> {
        let seen = self.read_whole(now).await?;
        let took = Span(i64::try_from(begun.elapsed().as_micros()).unwrap_or(i64::MAX));
        if let Some(log) = look.log.as_ref().filter(|_| self.known.is_none()) {
            self.follow_log(log);
        }
        self.cover_files(&seen);
        self.read_log();
        let mut observation = Observation {
            statements: self.statements(&seen.reading),
            session_start: seen.session_start,
            unmoved_at: self.known.as_ref().map(|known| known.looked_at),
            complete_at: Some(now + took),
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
                && !self.services.news(&before.snapshot.services)
        });
        self.known = Some(Known {
            snapshot: observation.snapshot.clone(),
            marks: look.marks.at(seen.reading.loaded, seen.reading.started),
            digest: look.digest,
            digest_at: now,
            looked_at: now,
            waits: seen.waits,
            by_another: false,
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
    waits: Waits,
}

/// A cheap look.
struct Look {
    marks: Marks,
    digest: Digest,
    log: Option<LogPlace>,
    moved: bool,
}

impl ConfigReader for PostgresObserver {
    async fn snapshot(&mut self, now: Timestamp) -> Result<Snapshot, ReadError> {
        Ok(self.read(now).await?.snapshot)
    }
}

impl ChangeSource for PostgresObserver {
    async fn poll(&mut self, now: Timestamp) -> Result<Poll, ReadError> {
        let begun = Instant::now();
        let look = self.look(now).await?;
        if look.moved {
            return self.observe((now, begun), look).await;
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

    fn mended(&mut self) -> Vec<Notice> {
        self.board.take_mended()
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
        let row = self.judge(answer)?;
        let at_work: Option<&str> = row.get(metrics::AT_WORK);
        self.services
            .see(&services::at_work(at_work.unwrap_or_default()), now);
        let counts = Counts::of(&row, now);
        let mut sample = Sample {
            at: now,
            metrics: metrics::metrics(&counts, self.measured.as_ref()),
            ..Sample::default()
        };
        if let Some((count, holders)) = self.stands_behind(&counts, now).await {
            sample.metrics.extend([metrics::of_queue(count)]);
            sample.holders = holders;
        }
        self.measured = Some(counts);
        if self.place() == Place::Here
            && let Some(times) = self.backend_pid().and_then(CpuTimes::read)
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
