//! The control connection: opened early, held, shielded against what it is there to undo.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backstay_engine::ReadError;
use tokio::time::Instant;
use tokio_postgres::error::Severity;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use crate::connect::{Dialer, Purpose, Session, words};
use crate::dsn::Resolved;
use crate::secrets::redact_text;

/// First key of the advisory lock that every controller takes on a target: "back" in ASCII. Never to
/// be changed: two versions with different keys would not see each other.
pub const LOCK_CLASS: i32 = 0x6261_636B;
/// Second key: "stay" in ASCII.
pub const LOCK_KEY: i32 = 0x7374_6179;

/// Name of the held connection in `pg_stat_activity` while it does not write.
const IDLE_NAME: &str = "backstay/control";
/// Longest wait for one statement. A statement that takes longer has an unknown effect.
const STATEMENT_MAX: Duration = Duration::from_secs(15);
/// Pause between two attempts to take the lock.
const LOCK_EVERY: Duration = Duration::from_millis(25);

/// Every parameter that could stop or slow our own statements, pinned where no role, database or
/// reload can reach it. Only parameters that any role may set: others would refuse the login.
const SHIELD: &[(&str, &str)] = &[
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_isolation", "read\\ committed"),
    ("synchronous_commit", "off"),
    ("jit", "off"),
    ("work_mem", "8MB"),
    ("search_path", "pg_catalog"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
];

/// Parameters that only newer versions or superusers have; set after the login, where they may fail.
/// The shielded `search_path` shows that nothing on the way swallowed the startup parameters.
const GREETING: &str = "SELECT pg_backend_pid(), \
     (SELECT source FROM pg_settings WHERE name = 'search_path'), \
     (SELECT system_identifier FROM pg_control_system()), \
     current_setting('server_version_num'), \
     (SELECT count(set_config(name, '0', false)) FROM pg_settings WHERE name = 'transaction_timeout'), \
     (SELECT count(set_config(name, '-1', false)) FROM pg_settings WHERE name = 'temp_file_limit' \
       AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))";

/// Why a statement on the control connection did not answer as it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ControlError {
    /// The server refused the statement. Effect: none.
    #[error("the server refused: {why}")]
    Refused { why: String },
    /// The connection is gone or too slow. Effect: unknown.
    #[error("the control connection was lost: {why}")]
    Lost { why: String },
    /// Something between us and the server hands our statements to different sessions. Effect: none
    /// or unknown, as for `Lost`.
    #[error("{why}")]
    Pooler { why: String },
}

/// An open control connection.
#[derive(Debug)]
pub(super) struct Control {
    session: Session,
    backend: String,
    broken: AtomicBool,
    pub(super) system: String,
    pub(super) version: u32,
}

/// Prepares control connections.
pub(super) fn dialer(dsn: &Resolved) -> Result<Dialer, ReadError> {
    let startup: Vec<String> = SHIELD
        .iter()
        .map(|(name, value)| format!("-c {name}={value}"))
        .collect();
    Dialer::new(
        dsn,
        &Purpose {
            startup: Some(startup.join(" ")),
            ..Purpose::of("control")
        },
    )
}

impl Control {
    /// Connects and makes sure that the connection is direct.
    pub(super) async fn open(dialer: &Dialer) -> Result<Self, ControlError> {
        let session = dialer.connect().await.map_err(|e| ControlError::Lost {
            why: redact_text(&e.to_string()),
        })?;
        let rows = rows(&session, GREETING).await?;
        let cell = |i: usize| {
            rows.first()
                .and_then(|r| r.get(i))
                .unwrap_or_default()
                .to_owned()
        };
        if cell(1) != "client" {
            let why = "something between Backstay and the server drops startup parameters: a pooler? \
                       Give the control connection a direct address";
            return Err(ControlError::Pooler {
                why: why.to_owned(),
            });
        }
        let version = cell(3).parse::<u32>().unwrap_or(0) / 10_000;
        let broken = AtomicBool::new(false);
        Ok(Self {
            backend: cell(0),
            system: cell(2),
            version,
            session,
            broken,
        })
    }

    /// Whether it can be used again: it is open, and no statement was left without an answer.
    pub(super) fn usable(&self) -> bool {
        !self.session.closed() && !self.broken.load(Ordering::Relaxed)
    }

    /// Runs `sql` and gives its rows, within the limit for one statement.
    pub(super) async fn rows(&self, sql: &str) -> Result<Vec<SimpleQueryRow>, ControlError> {
        let answer = rows(&self.session, sql).await;
        if matches!(answer, Err(ControlError::Lost { .. })) {
            self.broken.store(true, Ordering::Relaxed);
        }
        answer
    }

    /// Takes the lock, trying until `until`, for the write named `intent`. One lock for the whole
    /// cluster: advisory locks are scoped to a database, so a holder in another database is looked
    /// for after taking ours. `None` when another controller held on to it.
    pub(super) async fn lock(
        &self,
        intent: &str,
        until: Instant,
    ) -> Result<Option<Locked>, ControlError> {
        let take = format!(
            "SELECT set_config('backstay.intent', '{intent}', false), \
             set_config('application_name', 'backstay/{intent}', false); \
             SELECT pg_try_advisory_lock({LOCK_CLASS}, {LOCK_KEY}), pg_backend_pid()"
        );
        let others = format!(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 \
             AND classid::int8 = {LOCK_CLASS} AND objid::int8 = {LOCK_KEY} AND pid <> pg_backend_pid()"
        );
        loop {
            let taken = self.rows(&take).await?;
            let got = taken.last().and_then(|r| r.get(0)) == Some("t");
            if got {
                let alone = self.rows(&others).await?.first().and_then(|r| r.get(0)) == Some("0");
                let locked = Locked {
                    intent: intent.to_owned(),
                };
                self.same_session(&locked).await?;
                if alone {
                    return Ok(Some(locked));
                }
                self.unlock(locked).await?;
            }
            if Instant::now() + LOCK_EVERY > until {
                let name = format!("SELECT set_config('application_name', '{IDLE_NAME}', false)");
                self.rows(&name).await?;
                return Ok(None);
            }
            tokio::time::sleep(LOCK_EVERY).await;
        }
    }

    /// Whether statements still reach the session that took the lock.
    pub(super) async fn same_session(&self, locked: &Locked) -> Result<(), ControlError> {
        let rows = self
            .rows("SELECT pg_backend_pid(), current_setting('backstay.intent', true)")
            .await?;
        let cell = |i: usize| rows.first().and_then(|r| r.get(i)).unwrap_or_default();
        if cell(0) == self.backend && cell(1) == locked.intent {
            return Ok(());
        }
        let why = "statements of one connection reach different sessions: a pooler in transaction mode is \
                   in between. Give the control connection a direct address";
        Err(ControlError::Pooler {
            why: why.to_owned(),
        })
    }

    /// Gives the lock back.
    pub(super) async fn unlock(&self, locked: Locked) -> Result<(), ControlError> {
        self.same_session(&locked).await?;
        let sql = format!(
            "SELECT set_config('application_name', '{IDLE_NAME}', false), \
             pg_advisory_unlock({LOCK_CLASS}, {LOCK_KEY})"
        );
        let rows = self.rows(&sql).await?;
        if rows.first().and_then(|r| r.get(1)) == Some("t") {
            return Ok(());
        }
        Err(ControlError::Lost {
            why: "the lock was not held any more".to_owned(),
        })
    }
}

/// The lock is held, under this intent's name.
#[derive(Debug)]
#[must_use = "the lock is to be given back"]
pub(super) struct Locked {
    intent: String,
}

pub(super) async fn rows(
    session: &Session,
    sql: &str,
) -> Result<Vec<SimpleQueryRow>, ControlError> {
    let answer = tokio::time::timeout(STATEMENT_MAX, session.client().simple_query(sql)).await;
    let Ok(answer) = answer else {
        let why = format!("no answer within {} s", STATEMENT_MAX.as_secs());
        return Err(ControlError::Lost { why });
    };
    match answer {
        Ok(messages) => Ok(messages
            .into_iter()
            .filter_map(|m| {
                if let SimpleQueryMessage::Row(row) = m {
                    Some(row)
                } else {
                    None
                }
            })
            .collect()),
        Err(error) => Err(control_error(&error)),
    }
}

/// A server's error refuses the statement, unless it ends the session.
fn control_error(error: &tokio_postgres::Error) -> ControlError {
    let why = redact_text(&words(error));
    let fatal = error.as_db_error().is_none_or(|e| {
        let class = e.code().code();
        // class 57 is the operator's hand (shutdown, cancel), class 08 the connection
        e.parsed_severity() != Some(Severity::Error)
            || class.starts_with("57")
            || class.starts_with("08")
    });
    if fatal {
        ControlError::Lost { why }
    } else {
        ControlError::Refused { why }
    }
}
