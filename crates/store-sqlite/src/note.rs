//! The head of the log, noted apart from it after every commit. The log is synchronised before its
//! note is written, so a log that ends before the note has lost entries that were acknowledged.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use backstay_journal::{Head, StoreError};

use crate::private;

/// Name of the file.
pub(crate) const NOTE_FILE: &str = "journal.head";

#[derive(Debug)]
pub(crate) struct HeadNote {
    path: PathBuf,
    file: Option<File>,
}

impl HeadNote {
    /// The note beside the journal at `journal`.
    pub(crate) fn beside(journal: &Path) -> Self {
        Self {
            path: journal.with_file_name(NOTE_FILE),
            file: None,
        }
    }

    /// The noted head. A note that is not one (cut by a loss of power) says nothing.
    pub(crate) fn read(&self) -> Result<Option<Head>, StoreError> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => Ok(twice(&text).and_then(Head::parse)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            // Bytes that are no text are no note.
            Err(e) if e.kind() == std::io::ErrorKind::InvalidData => Ok(None),
            Err(source) => Err(StoreError::Io {
                what: self.path.display().to_string(),
                source: source.into(),
            }),
        }
    }

    /// Notes `head`. An error leaves an older note, which only sees less: the log itself is safe.
    pub(crate) fn write(&mut self, head: Head) -> std::io::Result<()> {
        if self.file.is_none() {
            let file = private::open(&self.path)?;
            private::narrow(&self.path)?;
            self.file = Some(file);
        }
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(0))?;
            // Of fixed width, so that the new note covers the old one wholly.
            let line = format!("{:020}:{}\n", head.seq.0, head.hash);
            file.write_all(line.repeat(2).as_bytes())?;
        }
        Ok(())
    }
}

/// The line that stands there twice; a note read while it is written has two different ones.
fn twice(text: &str) -> Option<&str> {
    let (first, second) = text.split_once('\n')?;
    (second.strip_suffix('\n') == Some(first)).then_some(first)
}
