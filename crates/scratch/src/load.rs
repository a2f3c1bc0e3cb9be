//! A steady load: the tables of a small bank, and the services that work on them.
//!
//! Four services use the bank as role `app`: `checkout` writes (a TPC-B like transaction), `catalogue`
//! reads single rows, `reports` sorts and joins, `mobile` writes with a new connection each time. Each
//! is paced: work falls due at fixed moments whether or not the server keeps up, so that throughput is
//! steady while the server is well and drops at once when it is not.

mod bank;
mod client;
mod counts;
mod mix;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_postgres::Config;

pub use bank::{PrepareError, prepare};
pub use counts::{ClassCounts, Counts};
pub use mix::{Class, Mix, Pace, Work};

use client::Client;
use counts::Counter;

/// The connection string for a load cannot be read. Nothing was started.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the connection string of the load")]
pub struct DsnError {
    /// Why.
    #[from]
    source: tokio_postgres::Error,
}

/// Starts loads.
#[derive(Debug)]
pub struct Load;

/// A running load; it stops when it is dropped.
#[derive(Debug)]
pub struct LoadHandle {
    clients: JoinSet<()>,
    counters: Vec<Arc<Counter>>,
}

impl Load {
    /// Starts the clients of `mix` on the database of `dsn`, which [`prepare`] has made. Clients that
    /// cannot connect go on trying; that shows in the counts.
    ///
    /// # Errors
    /// `DsnError` when `dsn` cannot be read.
    pub fn start(dsn: &str, mix: &Mix) -> Result<LoadHandle, DsnError> {
        let config: Config = dsn.parse()?;
        let mut clients = JoinSet::new();
        let mut counters = Vec::new();
        let mut seed = 0;
        for class in &mix.classes {
            let counter = Arc::new(Counter::new(class.clone()));
            for _ in 0..class.connections {
                seed += 1;
                let mut config = config.clone();
                config
                    .application_name(&class.service)
                    .connect_timeout(CONNECT_WITHIN);
                clients.spawn(Client::new(config, counter.clone(), seed).run());
            }
            counters.push(counter);
        }
        Ok(LoadHandle { clients, counters })
    }
}

/// Pause between two looks at a load that begins.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a client waits for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

impl LoadHandle {
    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            classes: self.counters.iter().map(|c| c.read()).collect(),
        }
    }

    /// Ready once every service has completed some work, so that each of them can be seen. Never ready
    /// while one of them fails: bound it.
    pub async fn under_way(&self) {
        while self.counts().classes.iter().any(|c| c.completed == 0) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Ends every client, also those that hang, and gives the last counts.
    pub async fn stop(mut self) -> Counts {
        self.clients.shutdown().await;
        self.counts()
    }
}
