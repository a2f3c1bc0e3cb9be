//! Setting a journal aside that cannot be gone on with: kept whole, out of the next guard's way.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::checkpoint::CHECKPOINT_FILE;
use crate::directory::JOURNAL;
use crate::error::OpenError;
use crate::lock::DirectoryLock;
use crate::note::NOTE_FILE;
use crate::private::make_directory;

/// Moves the journal of `directory` into a new folder there (`journal-aside-1`, `-2`, …) and gives the
/// folder, in which it can be read as before. Metric history and the key stay. Its write-ahead log goes
/// first and the note of its head last, so that one that is stopped in between is noticed by whoever
/// opens the directory, and finished by the next call.
///
/// # Errors
/// `OpenError`: `Missing` without a journal, `Locked` while a guard works on it.
pub fn set_aside(directory: &Path) -> Result<PathBuf, OpenError> {
    let journal = directory.join(JOURNAL.name);
    let there = |path: &Path| {
        path.try_exists()
            .map_err(|source| OpenError::io(path, source))
    };
    let whole = there(&journal)?;
    if !whole && !there(&directory.join(NOTE_FILE))? {
        return Err(OpenError::Missing { path: journal });
    }
    let _lock = DirectoryLock::take(directory)?;
    let full = (1_u32..)
        .take_while(|n| folder(directory, *n).join(JOURNAL.name).exists())
        .last()
        .unwrap_or(0);
    let to = folder(directory, full + u32::from(whole));
    make_directory(&to).map_err(|source| OpenError::io(&to, source))?;
    let names = [
        "journal.db-wal",
        "journal.db-shm",
        CHECKPOINT_FILE,
        JOURNAL.name,
        NOTE_FILE,
    ];
    for name in names {
        let from = directory.join(name);
        match fs::rename(&from, to.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(OpenError::io(&from, error));
            }
            _ => {}
        }
    }
    let durable = File::open(directory).and_then(|d| d.sync_all());
    durable.map_err(|source| OpenError::io(directory, source))?;
    Ok(to)
}

fn folder(directory: &Path, n: u32) -> PathBuf {
    directory.join(format!("journal-aside-{n}"))
}
