//! A PostgreSQL target, put together from the engine's parts.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use backstay_engine::{ChangeSource, ConfigReader, MetricSource, Poll, ReadError};
use backstay_engine_postgres::dialect::PostgresDialect;
use backstay_engine_postgres::dsn::{DsnError, Resolved, resolve_here};
use backstay_engine_postgres::observer::PostgresObserver;
use backstay_engine_postgres::probe::PostgresProbe;
use backstay_engine_postgres::secrets::Redactor;
use backstay_engine_postgres::write::{self, Gate, PostgresWriter};
use backstay_guard::connector::{Connector, Notices};
use backstay_journal::{Condition, Notice, Presence};
use backstay_model::metric::MetricSpec;
use backstay_model::plan::Dialect;
use backstay_model::{Sample, Snapshot, TargetId, Timestamp};
use tokio::sync::Notify;

use crate::failure::{Code, Failure};

/// A PostgreSQL target: its three connections.
#[derive(Debug)]
pub(crate) struct PostgresTarget {
    target: TargetId,
    observe: Resolved,
    control: Resolved,
    probe: Mutex<Option<PostgresProbe>>,
    key: Vec<u8>,
}

/// The connection strings of a target.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    pub(crate) observe: Resolved,
    pub(crate) probe: Resolved,
    pub(crate) control: Resolved,
}

/// Resolves a connection string as PostgreSQL's own clients do.
pub(crate) fn resolve(dsn: &str) -> Result<Resolved, Failure> {
    resolve_here(Some(dsn)).map_err(|e| dsn_failure(&e))
}

fn dsn_failure(error: &DsnError) -> Failure {
    Failure::of(Code::Dsn, error)
        .hint("postgresql://user@host:5432/database, or host=… dbname=… user=…")
}

/// A read error with its code and hints.
pub(crate) fn read_failure(error: &ReadError, address: &str) -> Failure {
    let (code, hint) = match error {
        ReadError::Unreachable { .. }
        | ReadError::Stopped { .. }
        | ReadError::Fell { .. }
        | ReadError::Timeout { .. } => (
            Code::Unreachable,
            format!("is a server listening at {address}?"),
        ),
        ReadError::LoginRefused { why } => (Code::LoginRefused, login_hint(why).to_owned()),
        ReadError::AnotherServer { .. } => (
            Code::AnotherServer,
            "give this server a target of its own".to_owned(),
        ),
        ReadError::MissingRight { grant, .. } => (Code::Right, grant.clone()),
        ReadError::Failed { .. } => (
            Code::Unreachable,
            format!("the server at {address} answers, but not as expected: its log says more"),
        ),
    };
    Failure::of(code, error).hint(hint)
}

/// What to do about a refused login, by the SQLSTATE that the server's words end with.
fn login_hint(why: &str) -> &'static str {
    let state = |code: &str| why.contains(&format!("({code})"));
    if state("3D000") {
        "name a database that is there: `psql -l` with the same host, port and user lists them"
    } else if state("28P01") || why.contains("password") {
        "give the role's password: in ~/.pgpass, in PGPASSWORD, or in the connection string"
    } else if state("28000") {
        "make the role (`backstay doctor` without a DSN prints how), or let it in by a line of pg_hba.conf"
    } else {
        "check role, password and pg_hba.conf"
    }
}

/// A condition in which a target cannot be watched: its code, and what to do.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) code: Code,
    pub(crate) hint: String,
}

/// What is wrong with a target that cannot be watched; `None` when it can.
pub(crate) fn trouble(condition: &Condition) -> Option<Trouble> {
    let (code, hint) = match condition {
        Condition::Up | Condition::Restarted { .. } => return None,
        Condition::Unreachable { .. } | Condition::TooSlow { .. } => (
            Code::Unreachable,
            "is a server listening there? `backstay doctor DSN` tries it once".to_owned(),
        ),
        Condition::LoginRefused { why } => (Code::LoginRefused, login_hint(why).to_owned()),
        Condition::AnotherServer { .. } => (
            Code::AnotherServer,
            "give this server a target of its own".to_owned(),
        ),
        Condition::MissingRight { grant, .. } => (Code::Right, grant.clone()),
        Condition::Unreadable { .. } => (
            Code::Unreachable,
            "`backstay doctor DSN` says what is missing".to_owned(),
        ),
    };
    Some(Trouble { code, hint })
}

impl PostgresTarget {
    pub(crate) fn new(target: TargetId, at: Addresses, key: Vec<u8>) -> Result<Self, Failure> {
        let probe =
            PostgresProbe::new(&at.probe).map_err(|e| read_failure(&e, &at.probe.address()))?;
        Ok(Self {
            target,
            observe: at.observe,
            control: at.control,
            probe: Mutex::new(Some(probe)),
            key,
        })
    }

    fn redactor(&self) -> Redactor {
        Redactor::new(&self.key, &self.target)
    }
}

impl Connector for PostgresTarget {
    type Observer = Sight;
    type Probe = PostgresProbe;
    type Writer = PostgresWriter;

    async fn observer(&self) -> Result<Sight, ReadError> {
        PostgresObserver::new(self.target.clone(), &self.observe, self.redactor()).map(Sight)
    }

    fn probe(&self) -> PostgresProbe {
        let held = self
            .probe
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        held.expect("a target's probe is taken once, by its one probing task")
    }

    async fn writer(&self, paused: Arc<AtomicBool>) -> Result<PostgresWriter, ReadError> {
        let gate = Arc::new(move || {
            if paused.load(Ordering::SeqCst) {
                Gate::Closed
            } else {
                Gate::Open
            }
        });
        let mut writer = PostgresWriter::new(&self.control, self.redactor(), gate)?;
        writer.hold().await?;
        Ok(writer)
    }

    async fn hold(writer: &mut PostgresWriter) -> Result<(), ReadError> {
        writer.hold().await
    }

    async fn doubts(writer: &mut PostgresWriter) -> Option<(Notice, Presence)> {
        let (lack, presence) = match writer.news_of_rights().await? {
            write::News::Lacks(lack) => (lack, Presence::Begins),
            write::News::Granted(lack) => (lack, Presence::Ends),
        };
        let notice = Notice::MayNotWrite {
            role: lack.role,
            missing: lack.missing.into_iter().map(str::to_owned).collect(),
            grants: lack.grants,
        };
        Some((notice, presence))
    }

    fn wake(observer: &Sight) -> Option<Arc<Notify>> {
        Some(observer.0.wake())
    }

    fn dialect(&self) -> Box<dyn Dialect + Send> {
        Box::new(PostgresDialect)
    }
}

/// The engine's observer, with its notices in the journal's words.
#[derive(Debug)]
pub(crate) struct Sight(PostgresObserver);

impl ChangeSource for Sight {
    fn poll(&mut self, now: Timestamp) -> impl Future<Output = Result<Poll, ReadError>> + Send {
        self.0.poll(now)
    }
}

impl ConfigReader for Sight {
    fn snapshot(
        &mut self,
        now: Timestamp,
    ) -> impl Future<Output = Result<Snapshot, ReadError>> + Send {
        self.0.snapshot(now)
    }
}

impl MetricSource for Sight {
    fn specs(&self) -> Vec<MetricSpec> {
        self.0.specs()
    }

    fn sample(&mut self, now: Timestamp) -> impl Future<Output = Result<Sample, ReadError>> + Send {
        self.0.sample(now)
    }
}

impl Notices for Sight {
    fn take_notices(&mut self) -> Vec<(Notice, Presence)> {
        let told = |presence| {
            move |notice: backstay_engine::Notice| {
                let remedy = notice.remedy.map(|r| format!("; {r}")).unwrap_or_default();
                let text = format!("{}: {}{remedy}", notice.what, notice.effect);
                (Notice::Other { text }, presence)
            }
        };
        let mended = self.0.mended().into_iter().map(told(Presence::Ends));
        let fresh = self.0.notices().into_iter().map(told(Presence::Begins));
        // The mended first: what is so again stays.
        mended.chain(fresh).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_never_sends_back_to_the_command_that_gave_it() {
        let refused = |why: &str| {
            let error = ReadError::LoginRefused { why: why.into() };
            read_failure(&error, "db1:5432/shop").hints.join("; ")
        };
        let database = refused("database \"nosuch\" does not exist (3D000)");
        assert!(database.contains("psql -l"), "{database}");
        let password = refused("password authentication failed for user \"x\" (28P01)");
        assert!(password.contains(".pgpass"), "{password}");
        let role = refused("role \"x\" does not exist (28000)");
        assert!(role.contains("pg_hba.conf"), "{role}");
        let unread = ReadError::Failed {
            what: "settings".into(),
            why: "out of memory".into(),
        };
        let unread = read_failure(&unread, "db1:5432/shop").hints.join("; ");
        for hint in [database, password, role, unread] {
            assert!(!hint.contains("doctor DSN"), "{hint}");
        }
    }
}
