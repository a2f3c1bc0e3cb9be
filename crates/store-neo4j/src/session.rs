//! A connection and the runtime it lives on; statements with typed rows.

use std::future::Future;
use std::panic::resume_unwind;
use std::time::Duration;

use neo4rs::{BoltMap, BoltString, BoltType, ConfigBuilder, Graph, Query, Txn};
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::address::{Address, Encryption, Password};
use crate::error::{Contact, NeoError};

/// Rows that one statement is given at most: a transaction's memory is bounded, and a plan is kept.
pub(crate) const ROWS_MAX: usize = 1_000;
/// Rows that are fetched at once.
const FETCH: usize = 2_000;
/// A statement may be silent for so long before the server counts as away.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a transaction that others were in the way of is begun.
const ATTEMPTS_MAX: u32 = 8;
/// Wait before the second attempt; doubled each time up to [`WAIT_MAX`], and of it a random part.
const WAIT_MIN: Duration = Duration::from_millis(20);
/// Longest wait between two attempts.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// A database that can be talked to from anywhere, also from within another runtime.
pub(crate) struct Session {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    graph: Graph,
    pub(crate) address: Address,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // In the background: a runtime may be dropped within another one only so.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Session {
    /// A session; nothing is sent yet.
    pub(crate) fn new(address: &Address, password: &Password) -> Result<Self, NeoError> {
        let own = |error| NeoError::of(error, address, Contact::First);
        let mut config = ConfigBuilder::default()
            .uri(address.direct())
            .user(&address.user)
            .password(password.reveal())
            .fetch_size(FETCH)
            .connection_timeout(PATIENCE)
            // One: what a failed transaction leaves behind is cleared by whatever is asked next.
            .max_connections(1);
        if let Some(database) = &address.database {
            config = config.db(database.as_str());
        }
        if let (Encryption::Verified, Some(file)) = (address.encryption, &address.authority) {
            config = config.with_client_certificate(file);
        }
        let graph = Graph::connect(config.build().map_err(own)?).map_err(own)?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| NeoError::Statement { source: e.into() })?;
        Ok(Self {
            runtime: Some(runtime),
            graph,
            address: address.clone(),
        })
    }

    /// Waits for `future`, on a thread of its own where the caller's belongs to a runtime.
    pub(crate) fn wait<T: Send>(&self, future: impl Future<Output = T> + Send) -> T {
        let Some(runtime) = &self.runtime else {
            unreachable!("the runtime goes with the session")
        };
        if Handle::try_current().is_err() {
            return runtime.block_on(future);
        }
        let waited = std::thread::scope(|s| s.spawn(|| runtime.block_on(future)).join());
        waited.unwrap_or_else(|panic| resume_unwind(panic))
    }

    pub(crate) async fn begin(&self) -> Result<Txn, NeoError> {
        let begun = self.graph.start_txn().await;
        begun.map_err(|e| NeoError::of(e, &self.address, Contact::First))
    }

    /// Takes back what a transaction did. When the server does not listen to that any more, whatever is
    /// asked next makes it forget.
    pub(crate) async fn undo(&self, txn: Txn) {
        if txn.rollback().await.is_ok() {
            return;
        }
        let next = match self.graph.start_txn().await {
            Ok(next) => next.rollback().await,
            Err(error) => Err(error),
        };
        if let Err(error) = next {
            tracing::debug!(%error, "Neo4j is gone, and what was begun with it");
        }
    }

    /// Makes a transaction durable.
    pub(crate) async fn commit(&self, txn: Txn) -> Result<(), NeoError> {
        let done = txn.commit().await;
        done.map_err(|e| match NeoError::of(e, &self.address, Contact::Later) {
            NeoError::Away { source, .. } => NeoError::Lost { source },
            other => other,
        })
    }

    /// Runs a statement in a transaction of its own, as those of a schema must be.
    pub(crate) async fn alone<T: DeserializeOwned>(
        &self,
        statement: &str,
    ) -> Result<Vec<T>, NeoError> {
        let mut txn = self.begin().await?;
        match self.ask(&mut txn, (statement, Vec::new())).await {
            Ok(rows) => {
                self.commit(txn).await?;
                Ok(rows)
            }
            Err(error) => {
                self.undo(txn).await;
                Err(error)
            }
        }
    }

    /// Runs a statement in a transaction.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        txn: &mut Txn,
        (statement, parameters): (&str, Vec<(&str, BoltType)>),
    ) -> Result<Vec<T>, NeoError> {
        let own = |e| NeoError::of(e, &self.address, Contact::Later);
        let query = Query::new(statement.to_owned()).params(parameters);
        let mut stream = txn.execute(query).await.map_err(own)?;
        let mut rows = Vec::new();
        while let Some(row) = stream.next(txn.handle()).await.map_err(own)? {
            rows.push(row.to_strict().map_err(|e| own(e.into()))?);
        }
        Ok(rows)
    }

    /// Runs a statement over `rows`, a bounded number at a time, and requires that it returns as many as
    /// `n`: a MATCH that finds nothing drops a row without a word.
    pub(crate) async fn put(
        &self,
        txn: &mut Txn,
        statement: &str,
        rows: Vec<BoltType>,
    ) -> Result<(), NeoError> {
        for chunk in rows.chunks(ROWS_MAX) {
            let parameters = vec![("rows", BoltType::from(chunk))];
            let counts: Vec<Count> = self.ask(txn, (statement, parameters)).await?;
            let done = counts.first().map_or(0, |c| c.n);
            if usize::try_from(done) != Ok(chunk.len()) {
                let first = statement.split_once("RETURN").map_or(statement, |s| s.0);
                return Err(NeoError::Altered {
                    what: format!("{done} of {} rows were found for {first}", chunk.len()),
                });
            }
        }
        Ok(())
    }
}

/// Does `work`, from its beginning again while others are in its way, with growing waits.
pub(crate) fn patiently<T>(mut work: impl FnMut() -> Result<T, NeoError>) -> Result<T, NeoError> {
    let mut attempt = 1;
    loop {
        let error = match work() {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        if !error.passes() || attempt == ATTEMPTS_MAX {
            return Err(given_up(error, attempt));
        }
        tracing::debug!(%error, attempt, "a transaction is begun anew");
        std::thread::sleep(wait_before(attempt));
        attempt += 1;
    }
}

/// A random part, at least half, of the wait after `attempt` failed attempts.
fn wait_before(attempt: u32) -> Duration {
    let whole = WAIT_MIN
        .saturating_mul(1 << attempt.saturating_sub(1).min(16))
        .min(WAIT_MAX);
    let mut byte = [0; 1];
    // Without random bytes everybody waits for the same time, which is no harm.
    let share = match getrandom::fill(&mut byte) {
        Ok(()) => f64::from(byte[0]) / 255.0,
        Err(_) => 1.0,
    };
    whole.mul_f64(0.5 + share / 2.0)
}

fn given_up(error: NeoError, attempts: u32) -> NeoError {
    match error {
        NeoError::Busy { source, .. } => NeoError::Busy { attempts, source },
        other => other,
    }
}

#[derive(serde::Deserialize)]
struct Count {
    n: i64,
}

/// A map as a parameter; what is `None` is null there.
pub(crate) fn map<const N: usize>(entries: [(&str, BoltType); N]) -> BoltType {
    let entries = entries.into_iter();
    let map: BoltMap = entries.map(|(k, v)| (BoltString::from(k), v)).collect();
    BoltType::Map(map)
}
