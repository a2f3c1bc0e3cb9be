//! Where entries are kept: the seam, and reading through it.

use std::collections::VecDeque;

use backstay_model::{ChangeSetId, Seq};

use crate::chain::Head;
use crate::entry::{DecodeError, Entry, StoredEntry};

/// What a store's own library says.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Entries read at once when walking a log.
pub const PAGE_MAX: usize = 512;

/// A store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No space is left. Effect of a write: none.
    #[error("no space left in {what}")]
    Full {
        /// The file.
        what: String,
        /// The library's words.
        source: Cause,
    },
    /// The bytes on disk are damaged.
    #[error("{what} is damaged")]
    Corrupt {
        /// The file, and what in it.
        what: String,
        /// The library's words.
        source: Cause,
    },
    /// Somebody else holds it; trying later may work. Effect of a write: none.
    #[error("{what} is busy")]
    Busy {
        /// The file.
        what: String,
        /// The library's words.
        source: Cause,
    },
    /// It was opened for reading. Effect of a write: none.
    #[error("{what} is open for reading only")]
    ReadOnly {
        /// The file.
        what: String,
    },
    /// The entry does not follow the last one. Effect: none.
    #[error("entry {} does not follow entry {}", got.0, have.0)]
    NotNext {
        /// The last entry.
        have: Seq,
        /// The entry that was offered.
        got: Seq,
    },
    /// Reading or writing failed. Effect of a write: unknown.
    #[error("reading or writing {what} failed")]
    Io {
        /// The file.
        what: String,
        /// The library's words.
        source: Cause,
    },
}

/// Keeps entries, append-only and in order.
pub trait EntryStore: Send {
    /// Appends `entries` in one durable step: when it returns `Ok` they survive the loss of the
    /// process and of power; when it returns an error, all or none of them may be there. The first
    /// must follow the head (by number and by hash), each next one the one before.
    ///
    /// # Errors
    /// `StoreError`; the caller must not assume anything about the effect, and not append again.
    fn append(&mut self, entries: &[StoredEntry]) -> Result<(), StoreError>;

    /// At most `limit` entries from `from` on, in order; fewer only at the end of the log.
    ///
    /// # Errors
    /// `StoreError` when they cannot be read.
    fn read(&self, from: Seq, limit: usize) -> Result<Vec<StoredEntry>, StoreError>;

    /// The last entry, or `Head::EMPTY`.
    ///
    /// # Errors
    /// `StoreError` when it cannot be read.
    fn head(&self) -> Result<Head, StoreError>;

    /// The head as it was noted apart from the log after the last append, when the store keeps such a
    /// note: the log must reach at least so far.
    ///
    /// # Errors
    /// `StoreError` when the note exists and cannot be read.
    fn noted_head(&self) -> Result<Option<Head>, StoreError> {
        Ok(None)
    }

    /// What a reader of the log kept beside it, to spare the next one the same work. It can be rebuilt
    /// from the log and proves nothing: whoever takes it checks that it belongs to the log.
    ///
    /// # Errors
    /// `StoreError` when there is one and it cannot be read.
    fn checkpoint(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    /// Puts `bytes` in its place, all of them or none. Also for a log that was opened for reading: it is
    /// no part of it.
    ///
    /// # Errors
    /// `StoreError`; what was there before is there still.
    fn keep_checkpoint(&self, _bytes: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }

    /// Every entry about one change set, in order.
    ///
    /// # Errors
    /// `StoreError` when they cannot be read.
    fn of_change_set(&self, id: ChangeSetId) -> Result<Vec<StoredEntry>, StoreError>;

    /// At most `limit` change sets, the newest first, all older than `before`.
    ///
    /// # Errors
    /// `StoreError` when they cannot be read.
    fn change_sets(
        &self,
        before: Option<ChangeSetId>,
        limit: usize,
    ) -> Result<Vec<ChangeSetId>, StoreError>;
}

/// Checks that `entries` continue a log that ends with `head`; every store begins its append with it.
///
/// # Errors
/// `StoreError::NotNext` for the first one that does not.
pub fn check_next(head: Head, entries: &[StoredEntry]) -> Result<(), StoreError> {
    let mut have = head;
    for entry in entries {
        if entry.seq != have.next() || entry.prev != have.hash {
            return Err(StoreError::NotNext {
                have: have.seq,
                got: entry.seq,
            });
        }
        have = entry.head();
    }
    Ok(())
}

/// An entry could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store could not read it.
    #[error("the journal cannot be read from entry {} on", from.0)]
    Store {
        /// The first entry that is missing.
        from: Seq,
        /// What the store says.
        source: StoreError,
    },
    /// The store could read it, but it is no record.
    #[error("the journal holds an entry that cannot be used")]
    Decode {
        /// What is wrong with it.
        source: DecodeError,
    },
}

/// Walks a log page by page. Ends after the first error.
#[derive(Debug)]
pub struct Entries<'a, S: ?Sized> {
    store: &'a S,
    next: Seq,
    page: VecDeque<StoredEntry>,
    ended: Ended,
}

#[derive(Debug, PartialEq, Eq)]
enum Ended {
    No,
    Yes,
}

impl<'a, S: EntryStore + ?Sized> Entries<'a, S> {
    /// Every entry from `from` on.
    #[must_use]
    pub fn new(store: &'a S, from: Seq) -> Self {
        Self {
            store,
            next: Seq(from.0.max(1)),
            page: VecDeque::new(),
            ended: Ended::No,
        }
    }

    /// The same walk with records decoded.
    pub fn decoded(self) -> impl Iterator<Item = Result<Entry, ReadError>> + use<'a, S> {
        self.map(|entry| {
            entry?
                .decode()
                .map_err(|source| ReadError::Decode { source })
        })
    }

    fn fill(&mut self) -> Result<(), StoreError> {
        let page = match self.store.read(self.next, PAGE_MAX) {
            // One damaged entry must not hide the good ones before it on the same page.
            Err(StoreError::Corrupt { .. }) => self.store.read(self.next, 1)?,
            read => read?,
        };
        self.next = page.last().map_or(self.next, |last| Seq(last.seq.0 + 1));
        self.page = page.into();
        Ok(())
    }
}

impl<S: EntryStore + ?Sized> Iterator for Entries<'_, S> {
    type Item = Result<StoredEntry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty() && self.ended == Ended::No {
            let from = self.next;
            if let Err(source) = self.fill() {
                self.ended = Ended::Yes;
                return Some(Err(ReadError::Store { from, source }));
            }
        }
        let entry = self.page.pop_front();
        if entry.is_none() {
            self.ended = Ended::Yes;
        }
        entry.map(Ok)
    }
}
