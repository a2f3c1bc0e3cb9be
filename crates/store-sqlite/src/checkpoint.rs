//! What a reader of the log kept beside it. A file of its own, replaced as a whole: it is derived from
//! the log, and whoever may only read the log must not need a lock to keep it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use backstay_journal::StoreError;

use crate::private;

/// Name of the file.
pub(crate) const CHECKPOINT_FILE: &str = "journal.checkpoint";
/// Bytes of the largest one that is kept or read: reading the log itself takes no memory.
const BYTES_MAX: u64 = 256 << 20;

#[derive(Debug)]
pub(crate) struct Checkpoint {
    journal: PathBuf,
    path: PathBuf,
}

impl Checkpoint {
    /// The checkpoint beside the journal at `journal`.
    pub(crate) fn beside(journal: &Path) -> Self {
        Self {
            journal: journal.to_owned(),
            path: journal.with_file_name(CHECKPOINT_FILE),
        }
    }

    /// Its bytes; `None` when there is none.
    pub(crate) fn read(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.bytes() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn bytes(&self) -> io::Result<Vec<u8>> {
        let file = File::open(&self.path)?;
        // A longer one is cut here, and found to be damaged.
        let mut bytes = Vec::with_capacity(file.metadata()?.len().min(BYTES_MAX) as usize);
        file.take(BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Replaces it.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), StoreError> {
        if bytes.len() as u64 > BYTES_MAX {
            return Err(self.failed(io::ErrorKind::FileTooLarge.into()));
        }
        let new = format!("{CHECKPOINT_FILE}.{}", std::process::id());
        let new = self.path.with_file_name(new);
        let put = self.put(&new, bytes);
        if put.is_err() {
            fs::remove_file(&new).ok();
        }
        put.map_err(|source| self.failed(source))
    }

    fn put(&self, new: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = private::open(new)?;
        // Root may read everything; what it leaves behind, the guard's own user could not.
        if file.metadata()?.uid() != fs::metadata(&self.journal)?.uid() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        file.set_len(0)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(new, &self.path)
    }

    fn failed(&self, source: io::Error) -> StoreError {
        StoreError::Io {
            what: self.path.display().to_string(),
            source: source.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_replaced_as_a_whole_and_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let journal = directory.path().join("journal.db");
        let checkpoint = Checkpoint::beside(&journal);
        assert_eq!(checkpoint.read().unwrap(), None);
        assert!(checkpoint.write(b"of no journal").is_err());
        fs::write(&journal, "").unwrap();
        checkpoint.write(b"longer than the next").unwrap();
        checkpoint.write(b"short").unwrap();
        assert_eq!(checkpoint.read().unwrap().as_deref(), Some(&b"short"[..]));
        let path = directory.path().join(CHECKPOINT_FILE);
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o600);
        let files = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(files, 2, "nothing half-written is left behind");
    }
}
