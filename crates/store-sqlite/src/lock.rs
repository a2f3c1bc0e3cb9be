//! One process owns a state directory.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::OpenError;
use crate::private;

/// Name of the file that is locked.
const LOCK_FILE: &str = "LOCK";

/// Held as long as the directory is owned; the operating system lets go of it when the process ends,
/// however it ends.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    file: File,
}

impl Drop for DirectoryLock {
    /// Closing is not enough: a child that was just forked, and has not become another program yet, holds
    /// the file open too.
    fn drop(&mut self) {
        // Should that fail, the lock goes with the process.
        self.file.unlock().ok();
    }
}

impl DirectoryLock {
    /// Takes the lock of `directory`, or says who has it.
    pub(crate) fn take(directory: &Path) -> Result<Self, OpenError> {
        let path = directory.join(LOCK_FILE);
        let mut file = private::open(&path).map_err(|source| OpenError::io(&path, source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let read = file.read_to_string(&mut text);
                let pid = read.ok().and_then(|_| text.trim().parse().ok());
                return Err(OpenError::Locked {
                    path: directory.to_owned(),
                    pid,
                });
            }
            Err(TryLockError::Error(source)) => return Err(OpenError::io(&path, source)),
        }
        private::narrow(&path).map_err(|source| OpenError::io(&path, source))?;
        sign(&mut file).map_err(|source| OpenError::io(&path, source))?;
        Ok(Self { file })
    }
}

/// Leaves our process id for whoever finds the lock taken.
fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lets_go_lets_go_also_for_children_that_hold_the_file_open() {
        let folder = tempfile::tempdir().unwrap();
        let held = DirectoryLock::take(folder.path()).unwrap();
        let of_a_child = held.file.try_clone().unwrap();
        assert!(matches!(
            DirectoryLock::take(folder.path()),
            Err(OpenError::Locked { .. })
        ));
        drop(held);
        assert!(DirectoryLock::take(folder.path()).is_ok());
        drop(of_a_child);
    }
}
