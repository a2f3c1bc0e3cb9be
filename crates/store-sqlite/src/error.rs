//! What can go wrong, with the path and what a person can do.

use std::path::{Path, PathBuf};

use backstay_journal::StoreError;
use rusqlite::ErrorCode;

/// A state directory, or a file in it, could not be opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is none.
    #[error("there is no state directory or journal at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A newer program wrote it.
    #[error("{} has format {found}; this program reads up to {known}", path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format this program reads.
        known: u32,
    },
    /// Another process owns the directory.
    #[error("{} is in use by another process{}", path.display(), holder(pid))]
    Locked {
        /// The directory.
        path: PathBuf,
        /// Its process id, when it left one.
        pid: Option<u32>,
    },
    /// It is a SQLite file of another program.
    #[error("{} belongs to another program", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It is damaged, or no SQLite file.
    #[error("{} is damaged", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The library's words.
        source: rusqlite::Error,
    },
    /// No space is left.
    #[error("no space left for {}", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// The library's words.
        source: rusqlite::Error,
    },
    /// A setting on which durability rests could not be made.
    #[error("{} could not be opened with {pragma} = {wanted}, it has {found}", path.display())]
    NotDurable {
        /// The file.
        path: PathBuf,
        /// The setting of SQLite.
        pragma: &'static str,
        /// The value it must have.
        wanted: &'static str,
        /// The value it has.
        found: String,
    },
    /// The library failed otherwise.
    #[error("{} cannot be opened", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// The library's words.
        source: rusqlite::Error,
    },
    /// The operating system failed.
    #[error("{} cannot be used", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
}

fn holder(pid: &Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

impl OpenError {
    /// What a person can do about it, one step per line; empty when there is nothing special.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Missing { .. } => {
                vec!["start `backstay watch` once, or give the right path".into()]
            }
            Self::NewerFormat { path, .. } => vec![
                "use the version of backstay that wrote it, or a newer one".into(),
                format!("or start afresh: move {} away", path.display()),
            ],
            Self::Locked { .. } => vec![
                "one guard owns a state directory: stop the other one, or give this one its own"
                    .into(),
                "reading commands (changes, snapshot, audit) work while a guard runs".into(),
            ],
            Self::Foreign { .. } => vec!["give another directory".into()],
            Self::Corrupt { path, .. } if path.ends_with("metrics.db") => {
                vec![format!(
                    "only metric history is in it: move {} away to go on",
                    path.display()
                )]
            }
            Self::Corrupt { path, .. } => vec![
                "run `backstay audit verify` to see what can be read".into(),
                format!(
                    "restore it from a backup, or move {} away to start afresh",
                    path.display()
                ),
            ],
            Self::DiskFull { .. } => vec!["free some space and start again".into()],
            Self::NotDurable { .. } => {
                vec!["put it on a local file system that SQLite supports".into()]
            }
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                vec![
                    "the state directory is its guard's own: run as the same user (sudo -u …)"
                        .into(),
                ]
            }
            Self::Sqlite { .. } | Self::Io { .. } => Vec::new(),
        }
    }

    pub(crate) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Corrupt { path, source }
            }
            _ if full(&source) => Self::DiskFull { path, source },
            _ => Self::Sqlite { path, source },
        }
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

/// The journal crate's words for an error of SQLite in `what`.
pub(crate) fn store_error(what: &str, source: rusqlite::Error) -> StoreError {
    let what = what.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full {
            what,
            source: source.into(),
        },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Corrupt {
            what,
            source: source.into(),
        },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy {
            what,
            source: source.into(),
        },
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { what },
        None if damaged(&source) => StoreError::Corrupt {
            what,
            source: source.into(),
        },
        _ => StoreError::Io {
            what,
            source: source.into(),
        },
    }
}

/// No space: SQLite's own word for it, and its two words for shared memory that cannot grow, which is
/// how a full disk shows when a file is opened.
fn full(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_FULL, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMSIZE};
    let code = error.sqlite_error().map(|e| e.extended_code);
    code.is_some_and(|code| {
        [SQLITE_FULL, SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_SHMMAP].contains(&code)
    })
}

/// A column that does not hold what its table promises.
fn damaged(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error,
    };
    matches!(
        error,
        FromSqlConversionFailure(..)
            | IntegralValueOutOfRange(..)
            | InvalidColumnType(..)
            | Utf8Error(..)
    )
}

/// Content in `what` that SQLite could read and we cannot.
pub(crate) fn corrupt(
    what: String,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::Corrupt {
        what,
        source: source.into(),
    }
}
