//! Opening a state directory, as its owner or to read it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::connection::{self, FileKind, Shared};
use crate::error::OpenError;
use crate::graph::SqliteGraph;
use crate::lock::DirectoryLock;
use crate::log::SqliteLog;
use crate::metrics::SqliteMetrics;
use crate::private::make_directory;
use crate::snapshots::SqliteSnapshots;

/// Log, snapshots and graph.
pub(crate) const JOURNAL: FileKind = FileKind {
    name: "journal.db",
    application_id: 0x4253_4A31,
    format: 1,
    schema: include_str!("journal.sql"),
    before_tables: "",
    synchronous: (2, "FULL"),
    checkpoint_pages: 4_000,
    cache_kib: 2_048,
};

/// The graph, through a connection of its own: it can be rebuilt from the log, so its commits need not
/// wait for the disk. They are atomic all the same, and the next commit of the log makes them durable.
const GRAPH: FileKind = FileKind {
    synchronous: (1, "NORMAL"),
    // A burst of changes touches every target's page.
    cache_kib: 8_192,
    ..JOURNAL
};

/// Samples.
pub(crate) const METRICS: FileKind = FileKind {
    name: "metrics.db",
    application_id: 0x4253_4D31,
    format: 1,
    schema: include_str!("metrics.sql"),
    before_tables: "PRAGMA auto_vacuum = INCREMENTAL;",
    synchronous: (1, "NORMAL"),
    checkpoint_pages: 1_000,
    cache_kib: 2_048,
};

/// How large the files may become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of metric history; the oldest goes when it is reached. At least 1 MiB is used. Beside it
    /// stands at most 4 MiB of write-ahead log.
    pub metrics_bytes_max: u64,
    /// Bytes of the journal file; `None` = as the disk allows. Reaching it is like a full disk: the
    /// journal stops, and with it every write to a database.
    pub journal_bytes_max: Option<u64>,
}

/// The stores of a state directory, owned by this process as long as any of them lives.
#[derive(Debug)]
pub struct Stores {
    /// The log.
    pub log: SqliteLog,
    /// Configurations.
    pub snapshots: SqliteSnapshots,
    /// The dependency graph.
    pub graph: SqliteGraph,
    /// Samples.
    pub metrics: SqliteMetrics,
}

impl Stores {
    /// Opens `directory` as its owner; makes it (readable by its owner only) when it is not there.
    ///
    /// # Errors
    /// `OpenError`; see [`OpenError::hints`] for what a person can do.
    pub fn open(directory: &Path, limits: &Limits) -> Result<Self, OpenError> {
        make_directory(directory).map_err(|source| OpenError::io(directory, source))?;
        let lock = Arc::new(DirectoryLock::take(directory)?);
        let own = |kind: &FileKind, bytes_max: Option<u64>| {
            let path = directory.join(kind.name);
            let connection = connection::own(&path, kind)?;
            if let Some(bytes) = bytes_max {
                cap(&connection, bytes).map_err(|source| OpenError::sqlite(&path, source))?;
            }
            Ok(Shared::new(connection, &path, Some(Arc::clone(&lock))))
        };
        let journal = own(&JOURNAL, limits.journal_bytes_max)?;
        Ok(Self {
            log: SqliteLog::new(journal.clone()),
            snapshots: SqliteSnapshots::new(journal),
            graph: SqliteGraph::new(own(&GRAPH, limits.journal_bytes_max)?),
            metrics: SqliteMetrics::new(own(&METRICS, None)?, limits.metrics_bytes_max),
        })
    }
}

/// The stores of a state directory, for reading, also while a guard owns it. Whatever would write
/// says `StoreError::ReadOnly`.
#[derive(Debug)]
pub struct Readers {
    /// The log.
    pub log: SqliteLog,
    /// Configurations.
    pub snapshots: SqliteSnapshots,
    /// The dependency graph.
    pub graph: SqliteGraph,
    /// Samples; `None` when there is no such file.
    pub metrics: Option<SqliteMetrics>,
}

impl Readers {
    /// Opens `path`, a state directory or the `journal.db` in one, for reading.
    ///
    /// # Errors
    /// `OpenError`; see [`OpenError::hints`] for what a person can do.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let file = journal_file(path);
        let connection = connection::read(&file, &JOURNAL)?;
        let journal = Shared::new(connection, &file, None);
        let beside = file.with_file_name(METRICS.name);
        let metrics = match connection::read(&beside, &METRICS) {
            Ok(connection) => Some(SqliteMetrics::new(
                Shared::new(connection, &beside, None),
                0,
            )),
            Err(OpenError::Missing { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            log: SqliteLog::new(journal.clone()),
            snapshots: SqliteSnapshots::new(journal.clone()),
            graph: SqliteGraph::new(journal),
            metrics,
        })
    }
}

/// Opens only the log of `path` (a state directory or a journal file) for reading. A damaged file is
/// opened too, as long as its beginning can be read: the log then ends with `StoreError::Corrupt`.
///
/// # Errors
/// `OpenError`; see [`OpenError::hints`] for what a person can do.
pub fn read_log(path: &Path) -> Result<SqliteLog, OpenError> {
    let file = journal_file(path);
    let connection = match connection::read(&file, &JOURNAL) {
        Err(damaged @ OpenError::Corrupt { .. }) => {
            connection::salvage(&file, &JOURNAL).map_err(|_unreadable| damaged)?
        }
        read => read?,
    };
    Ok(SqliteLog::new(Shared::new(connection, &file, None)))
}

fn journal_file(path: &Path) -> PathBuf {
    if path.is_dir() {
        path.join(JOURNAL.name)
    } else {
        path.to_owned()
    }
}

fn cap(connection: &rusqlite::Connection, bytes: u64) -> Result<(), rusqlite::Error> {
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages = bytes / u64::try_from(page).unwrap_or(4_096).max(1);
    let pages = i64::try_from(pages).unwrap_or(i64::MAX);
    connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
}

#[cfg(test)]
pub(crate) mod tests;
