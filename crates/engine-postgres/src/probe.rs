//! Looking at the server as a new client does: connect, read one row, update one.
//!
//! Changes for roles, databases and `pg_hba.conf` strike only new sessions, and the worst faults hang
//! instead of failing; both are seen here and nowhere else. The probe logs in as an ordinary role with
//! its own connection string, uses no protection, and is never longer than its limit.

use std::time::Duration;

use backstay_engine::{Probe, ReadError};
use backstay_model::Timestamp;
use backstay_model::sample::{ProbeReading, ProbeStep};
use tokio::time::{Instant, timeout_at};

use crate::connect::{Dialer, Purpose, Session, words};
use crate::dsn::Resolved;
use crate::secrets::redact_text;

/// Longest time for the whole probe.
pub const LIMIT: Duration = Duration::from_millis(2_000);
/// Creates the table that the probe updates; `{role}` is the role it logs in as.
pub const CREATE_TABLE: &str = "CREATE SCHEMA IF NOT EXISTS backstay; \
    CREATE TABLE IF NOT EXISTS backstay.probe (id int PRIMARY KEY, touched_at timestamptz NOT NULL); \
    INSERT INTO backstay.probe VALUES (1, now()) ON CONFLICT DO NOTHING; \
    GRANT USAGE ON SCHEMA backstay TO {role}; GRANT SELECT, UPDATE ON backstay.probe TO {role};";

/// Looked for now and again, because a statement against a missing table is an error in the log.
const FIND_TABLE: &str = "SELECT CASE WHEN pg_catalog.has_schema_privilege('backstay', 'USAGE') \
    AND pg_catalog.has_table_privilege('backstay.probe', 'SELECT, UPDATE') THEN 1 END \
    FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid \
    WHERE n.nspname = 'backstay' AND c.relname = 'probe'";
const READ_TABLE: &str = "SELECT touched_at FROM backstay.probe WHERE id = 1";
const READ_CATALOGUE: &str =
    "SELECT datname FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
const WRITE_TABLE: &str = "UPDATE backstay.probe SET touched_at = pg_catalog.now() WHERE id = 1";
/// Probes between two looks for a table that was not there.
const LOOK_EVERY: u32 = 60;

/// Whether there is a table to write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    There,
    /// Looked for again after so many probes.
    Absent(u32),
}

/// Probes one server as one role.
#[derive(Debug)]
pub struct PostgresProbe {
    dialer: Dialer,
    role: String,
    table: Table,
}

impl PostgresProbe {
    /// A probe of the server at `dsn`, whose role should be like an application's.
    ///
    /// # Errors
    /// When the certificates to trust cannot be read.
    pub fn new(dsn: &Resolved) -> Result<Self, ReadError> {
        let purpose = Purpose {
            limit: LIMIT,
            ..Purpose::of("probe")
        };
        let dialer = Dialer::new(dsn, &purpose)?;
        Ok(Self {
            dialer,
            role: dsn.user.clone(),
            table: Table::Absent(0),
        })
    }

    /// Looks for the table when its time has come. An answer that fails changes nothing: reading will
    /// say why.
    async fn find_table(&mut self, session: &Session, until: Instant) {
        match &mut self.table {
            Table::There => {}
            Table::Absent(0) => {
                let answer = timeout_at(until, session.client().simple_query(FIND_TABLE)).await;
                self.table = match answer {
                    Ok(Ok(messages)) if found(&messages) => Table::There,
                    _ => Table::Absent(LOOK_EVERY),
                };
            }
            Table::Absent(left) => *left -= 1,
        }
    }

    async fn steps(&mut self, until: Instant) -> [ProbeStep; 3] {
        let (connect, session) = timed(until, self.dialer.open()).await;
        let Some(session) = session else {
            return [connect, ProbeStep::Skipped, ProbeStep::Skipped];
        };
        self.find_table(&session, until).await;
        let there = self.table == Table::There;
        let read = if there { READ_TABLE } else { READ_CATALOGUE };
        let (read, answered) = timed(until, session.client().simple_query(read)).await;
        let write = match (answered, there) {
            (Some(_), true) => {
                timed(until, session.client().simple_query(WRITE_TABLE))
                    .await
                    .0
            }
            _ => ProbeStep::Skipped,
        };
        if gone(&read) || gone(&write) {
            self.table = Table::Absent(0);
        }
        if matches!(read, ProbeStep::Hung { .. }) || matches!(write, ProbeStep::Hung { .. }) {
            session.abandon(&self.dialer);
        } else if timeout_at(until, session.close()).await.is_err() {
            tracing::debug!("the probe's connection was not closed in time");
        }
        [connect, read, write]
    }
}

impl Probe for PostgresProbe {
    async fn probe(&mut self, now: Timestamp) -> ProbeReading {
        let [connect, read, write] = self.steps(Instant::now() + LIMIT).await;
        ProbeReading {
            at: now,
            role: self.role.clone(),
            connect,
            read,
            write,
        }
    }
}

/// How long `answer` took, and what it is, if it came in time.
async fn timed<T>(
    until: Instant,
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> (ProbeStep, Option<T>) {
    let begun = Instant::now();
    match timeout_at(until, answer).await {
        Ok(Ok(value)) => (
            ProbeStep::Done {
                ms: begun.elapsed().as_secs_f64() * 1e3,
            },
            Some(value),
        ),
        Ok(Err(error)) => (failed(&error), None),
        Err(_) => (
            ProbeStep::Hung {
                limit_ms: LIMIT.as_secs_f64() * 1e3,
            },
            None,
        ),
    }
}

fn failed(error: &tokio_postgres::Error) -> ProbeStep {
    let class = error
        .code()
        .map_or("io", tokio_postgres::error::SqlState::code);
    ProbeStep::Failed {
        class: class.to_owned(),
        message: redact_text(&words(error)),
    }
}

/// Whether the table is not what it was: gone, or no longer ours to use.
fn gone(step: &ProbeStep) -> bool {
    let classes = ["42P01", "3F000", "42501", "42703"];
    matches!(step, ProbeStep::Failed { class, .. } if classes.contains(&class.as_str()))
}

/// Whether the answer is one row that holds something.
fn found(messages: &[tokio_postgres::SimpleQueryMessage]) -> bool {
    messages.iter().any(|message| {
        matches!(message, tokio_postgres::SimpleQueryMessage::Row(row) if row.get(0).is_some())
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::dsn::{DiskFiles, resolve};

    fn probe_at(port: u16) -> PostgresProbe {
        let text = format!("host=127.0.0.1 port={port} user=ann sslmode=disable");
        PostgresProbe::new(&resolve(Some(&text), &BTreeMap::new(), &DiskFiles).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn nobody_at_the_address_is_a_failure_of_connecting() {
        let port = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        };
        let reading = probe_at(port).probe(Timestamp(7)).await;
        assert_eq!((reading.at, reading.role.as_str()), (Timestamp(7), "ann"));
        assert!(matches!(&reading.connect, ProbeStep::Failed { class, .. } if class == "io"));
        assert_eq!(
            (&reading.read, &reading.write),
            (&ProbeStep::Skipped, &ProbeStep::Skipped)
        );
    }

    #[tokio::test]
    async fn silence_is_a_hang_of_just_the_limit() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let begun = Instant::now();
        let reading = probe_at(silent.local_addr().unwrap().port())
            .probe(Timestamp(7))
            .await;
        assert_eq!(reading.connect, ProbeStep::Hung { limit_ms: 2_000.0 });
        assert!(begun.elapsed() < LIMIT + Duration::from_millis(500));
    }
}
