//! Books on disk, as the product keeps them, in a folder that goes away.

use std::path::Path;

use anyhow::{Context, Result};
use backstay_guard::books::{Books, Shelf};
use backstay_journal::Journal;
use backstay_model::Timestamp;
use backstay_store_sqlite::{
    Limits, SqliteGraph, SqliteLog, SqliteMetrics, SqliteSnapshots, Stores, ingest,
};
use tempfile::TempDir;

/// Changes in one durable batch.
pub const BATCH: u64 = 1_000;
/// Entries in the log that is checked.
pub const ENTRIES: u64 = 20_000;

/// Books in SQLite.
#[derive(Debug)]
pub struct OnDisk;

impl Books for OnDisk {
    type Entries = SqliteLog;
    type Snapshots = SqliteSnapshots;
    type Metrics = SqliteMetrics;
    type Graph = SqliteGraph;
}

/// A folder beside this program, so that it is on the disk that holds the build and not on a file
/// system in memory, where "durable" costs nothing.
///
/// # Errors
/// When no folder can be made there.
pub fn folder() -> Result<TempDir> {
    let program = std::env::current_exe().context("asking where this program is")?;
    let beside = program
        .parent()
        .context("this program stands in no folder")?;
    TempDir::with_prefix_in("bench-state-", beside).context("making a folder for the books")
}

/// The stores of a state directory with the product's limits.
///
/// # Errors
/// When they cannot be opened.
pub fn stores(directory: &Path) -> Result<Stores> {
    let limits = Limits {
        metrics_bytes_max: 256 << 20,
        journal_bytes_max: None,
    };
    Ok(Stores::open(directory, &limits)?)
}

/// The same as a guard's shelf.
///
/// # Errors
/// When they cannot be opened.
pub fn shelf(directory: &Path) -> Result<Shelf<OnDisk>> {
    let stores = stores(directory)?;
    Ok(Shelf {
        entries: stores.log,
        snapshots: stores.snapshots,
        metrics: stores.metrics,
        graph: stores.graph,
    })
}

/// Journal and graph that take in changes.
#[derive(Debug)]
pub struct Intake {
    journal: Journal<SqliteLog>,
    graph: SqliteGraph,
}

impl Intake {
    /// An empty one in `directory`.
    ///
    /// # Errors
    /// When the books cannot be opened.
    pub fn open(directory: &Path) -> Result<Self> {
        let stores = stores(directory)?;
        Ok(Self {
            journal: Journal::open(stores.log)?,
            graph: stores.graph,
        })
    }

    /// Change sets of one change each, the next ones.
    #[must_use]
    pub fn next_batch(&self) -> Vec<backstay_model::ChangeSet> {
        ingest::example_change_sets(self.journal.next_seq().0, BATCH)
    }

    /// Takes them in: one durable commit of the log with its hash chain, then the graph.
    ///
    /// # Errors
    /// When the books refuse.
    pub fn take(&mut self, batch: Vec<backstay_model::ChangeSet>) -> Result<()> {
        Ok(ingest::ingest(
            &mut self.journal,
            &mut self.graph,
            Timestamp(0),
            batch,
        )?)
    }

    /// The log.
    #[must_use]
    pub const fn log(&self) -> &SqliteLog {
        self.journal.store()
    }
}
