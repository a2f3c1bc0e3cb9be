//! Connections to our files: pragmas set and read back, formats checked, tables made.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backstay_journal::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::error::{OpenError, store_error};
use crate::lock::DirectoryLock;
use crate::private;

/// Prepared statements kept per connection; more than we have.
const STATEMENTS_MAX: usize = 64;

/// One of our files: what it is called, which tables it has, how durable it is.
#[derive(Debug)]
pub(crate) struct FileKind {
    pub(crate) name: &'static str,
    /// Tells our files from other SQLite files, and from each other.
    pub(crate) application_id: i32,
    /// Version of the tables that this program makes and reads.
    pub(crate) format: u32,
    pub(crate) schema: &'static str,
    /// Set before the first table is made.
    pub(crate) before_tables: &'static str,
    /// `FULL` (2) or `NORMAL` (1), by SQLite's number and name.
    pub(crate) synchronous: (i64, &'static str),
    /// Pages in the write-ahead log before they are moved into the file.
    pub(crate) checkpoint_pages: u32,
    /// KiB of pages kept in memory; only what is touched is used.
    pub(crate) cache_kib: i32,
}

/// Whether a file is opened to be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    Own,
    Read,
}

/// A connection that several stores share, and the lock that goes with it.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    connection: Arc<Mutex<Connection>>,
    path: Arc<PathBuf>,
    access: Access,
    _lock: Option<Arc<DirectoryLock>>,
}

impl Shared {
    pub(crate) fn new(
        connection: Connection,
        path: &Path,
        lock: Option<Arc<DirectoryLock>>,
    ) -> Self {
        let access = if lock.is_some() {
            Access::Own
        } else {
            Access::Read
        };
        let connection = Arc::new(Mutex::new(connection));
        Self {
            connection,
            path: Arc::new(path.to_owned()),
            access,
            _lock: lock,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, for messages.
    pub(crate) fn what(&self) -> String {
        self.path.display().to_string()
    }

    pub(crate) fn error(&self, source: rusqlite::Error) -> StoreError {
        store_error(&self.what(), source)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic inside a transaction rolled it back, so the connection is sound.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `read` on the connection.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        read(&self.lock()).map_err(|source| self.error(source))
    }

    /// Runs `write` in one transaction, committed when it succeeds and undone when it does not.
    pub(crate) fn write<T, E: From<StoreError>>(
        &self,
        write: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.access == Access::Read {
            return Err(StoreError::ReadOnly { what: self.what() }.into());
        }
        let mut connection = self.lock();
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|source| self.error(source))?;
        let result = write(&transaction)?;
        transaction.commit().map_err(|source| self.error(source))?;
        Ok(result)
    }
}

/// Opens `path` as its owner: makes it when it is not there.
pub(crate) fn own(path: &Path, kind: &FileKind) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::sqlite(path, source);
    // SQLite would make the file for everybody to read; those beside it get the mode of this one.
    private::open(path).map_err(|source| OpenError::io(path, source))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    let state = check_format(&connection, path, kind)?;
    for ours in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        private::narrow(&ours).map_err(|source| OpenError::io(&ours, source))?;
    }
    common_pragmas(&connection).map_err(failed)?;
    if state == FileState::Empty {
        connection
            .execute_batch(kind.before_tables)
            .map_err(failed)?;
    }
    demand(&connection, path, ("journal_mode", "wal", "wal"))?;
    let (number, name) = kind.synchronous;
    connection
        .pragma_update(None, "synchronous", name)
        .map_err(failed)?;
    let found: i64 = connection
        .pragma_query_value(None, "synchronous", |r| r.get(0))
        .map_err(failed)?;
    if found != number {
        let (path, found) = (path.to_owned(), found.to_string());
        return Err(OpenError::NotDurable {
            path,
            pragma: "synchronous",
            wanted: name,
            found,
        });
    }
    connection
        .pragma_update(None, "wal_autocheckpoint", kind.checkpoint_pages)
        .map_err(failed)?;
    connection
        .pragma_update(None, "cache_size", -kind.cache_kib)
        .map_err(failed)?;
    if state == FileState::Empty {
        make_tables(&connection, kind).map_err(failed)?;
    }
    Ok(connection)
}

/// Opens a damaged file to read what is left of it. SQLite opens a file that is shorter than it says
/// of itself only for who may write its tables; the connection cannot write at all.
pub(crate) fn salvage(path: &Path, kind: &FileKind) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::sqlite(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection
        .pragma_update(None, "writable_schema", "ON")
        .map_err(failed)?;
    check_format(&connection, path, kind)?;
    common_pragmas(&connection).map_err(failed)?;
    Ok(connection)
}

/// Opens `path` for reading, also while its owner writes.
pub(crate) fn read(path: &Path, kind: &FileKind) -> Result<Connection, OpenError> {
    // A directory of somebody else is not the same as one without a journal.
    let there = path.try_exists();
    if !there.map_err(|source| OpenError::io(path, source))? {
        return Err(OpenError::Missing {
            path: path.to_owned(),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags)
        .map_err(|source| OpenError::sqlite(path, source))
        .and_then(|connection| Ok((check_format(&connection, path, kind)?, connection)));
    let (state, connection) = match opened {
        Err(OpenError::Sqlite { source, .. })
            if unwritable(&source) && !beside(path, "-wal").exists() =>
        {
            immutable(path, kind)?
        }
        opened => opened?,
    };
    match state {
        FileState::Ours => {}
        FileState::Empty => {
            return Err(OpenError::Missing {
                path: path.to_owned(),
            });
        }
    }
    common_pragmas(&connection).map_err(|source| OpenError::sqlite(path, source))?;
    Ok(connection)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// A directory in which SQLite cannot make the files that readers share: a backup on a read-only disk.
fn unwritable(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
    )
}

/// Opens a file that nobody can be writing.
fn immutable(path: &Path, kind: &FileKind) -> Result<(FileState, Connection), OpenError> {
    let escaped: String = path
        .to_string_lossy()
        .chars()
        .map(|c| match c {
            '%' => "%25".to_owned(),
            '?' => "%3f".to_owned(),
            '#' => "%23".to_owned(),
            other => other.to_string(),
        })
        .collect();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)
        .map_err(|source| OpenError::sqlite(path, source))?;
    Ok((check_format(&connection, path, kind)?, connection))
}

fn common_pragmas(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    // Without it REPLACE deletes rows past the triggers that forbid deleting.
    connection.pragma_update(None, "recursive_triggers", "ON")
}

fn demand(
    connection: &Connection,
    path: &Path,
    (pragma, value, wanted): (&'static str, &str, &'static str),
) -> Result<(), OpenError> {
    let found: String = connection
        .pragma_update_and_check(None, pragma, value, |row| row.get(0))
        .map_err(|source| OpenError::sqlite(path, source))?;
    if found == wanted {
        return Ok(());
    }
    Err(OpenError::NotDurable {
        path: path.to_owned(),
        pragma,
        wanted,
        found,
    })
}

#[derive(PartialEq, Eq)]
enum FileState {
    Empty,
    Ours,
}

/// Reads who wrote the file, before anything is changed in it.
fn check_format(
    connection: &Connection,
    path: &Path,
    kind: &FileKind,
) -> Result<FileState, OpenError> {
    let ask = |sql: &str| -> Result<i64, OpenError> {
        let answer = connection.query_row(sql, [], |row| row.get(0));
        answer.map_err(|source| OpenError::sqlite(path, source))
    };
    let application = ask("PRAGMA application_id")?;
    let format = ask("PRAGMA user_version")?;
    let tables = ask("SELECT count(*) FROM sqlite_schema")?;
    if application == 0 && format == 0 && tables == 0 {
        return Ok(FileState::Empty);
    }
    if application != i64::from(kind.application_id) {
        return Err(OpenError::Foreign {
            path: path.to_owned(),
        });
    }
    let found = u32::try_from(format).unwrap_or(u32::MAX);
    if found > kind.format {
        return Err(OpenError::NewerFormat {
            path: path.to_owned(),
            found,
            known: kind.format,
        });
    }
    Ok(FileState::Ours)
}

/// All tables and both marks in one transaction: a file is ours wholly or not at all.
fn make_tables(connection: &Connection, kind: &FileKind) -> Result<(), rusqlite::Error> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE;\n{}\nPRAGMA application_id = {};\nPRAGMA user_version = {};\nCOMMIT;",
        kind.schema, kind.application_id, kind.format
    ))
}
