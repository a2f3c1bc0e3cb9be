//! The journal: one durable commit per tick, and the only maker of [`Recorded`].

use backstay_model::{Command, Seq, Timestamp};

use crate::chain::Head;
use crate::entry::{EncodeError, Entry, StoredEntry};
use crate::record::Record;
use crate::recorded::Recorded;
use crate::store::{Entries, EntryStore, StoreError};
use crate::verify::{Bad, Walk};

/// The journal over a store.
///
/// After the first append that did not succeed it is *stopped*: nobody knows what is on disk, so
/// nothing more is recorded and, because commands come only from here, nothing more is written to any
/// database. The way out is to open it again, which reads what is really there.
#[derive(Debug)]
pub struct Journal<S> {
    store: S,
    head: Head,
    state: State,
}

#[derive(Debug)]
enum State {
    Working,
    Stopped { why: String },
}

/// A journal could not be opened. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The chain does not hold, or an entry cannot be read.
    #[error("the journal is broken at entry {}: {}", bad.seq.0, bad.why)]
    Broken {
        /// The first bad entry.
        bad: Bad,
    },
    /// The store could not be read.
    #[error("the journal cannot be read")]
    Store {
        /// What the store says.
        source: StoreError,
    },
}

/// Records were not committed, so none of their commands may be carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// An earlier append failed. Nothing was written.
    #[error("the journal has stopped: {why}")]
    Stopped {
        /// The failure that stopped it.
        why: String,
    },
    /// A record cannot be kept. Nothing was written, and the journal goes on.
    #[error("a record cannot be kept")]
    Record {
        /// What is wrong with it.
        source: EncodeError,
    },
    /// The append failed; the journal has stopped. Effect unknown.
    #[error("the journal could not be written; no write to a database without a durable intent")]
    Store {
        /// What the store says.
        source: StoreError,
    },
}

impl<S: EntryStore> Journal<S> {
    /// Opens the journal: reads every entry and checks the chain.
    ///
    /// # Errors
    /// `OpenError::Broken` names the first bad entry.
    pub fn open(store: S) -> Result<Self, OpenError> {
        Self::open_with(store, |_| {})
    }

    /// Opens the journal and shows each entry to `visit` in order, in the same pass.
    ///
    /// # Errors
    /// `OpenError::Broken` names the first bad entry; `visit` has seen all before it.
    pub fn open_with(store: S, mut visit: impl FnMut(Entry)) -> Result<Self, OpenError> {
        let noted = store
            .noted_head()
            .map_err(|source| OpenError::Store { source })?;
        let mut walk = Walk::new(&store, noted.as_slice());
        for entry in walk.by_ref() {
            visit(entry);
        }
        let report = walk
            .finish()
            .map_err(|source| OpenError::Store { source })?;
        match report.first_bad {
            Some(bad) => Err(OpenError::Broken { bad }),
            None => Ok(Self {
                store,
                head: report.head,
                state: State::Working,
            }),
        }
    }

    /// The sequence number of the first record of the next commit; the second gets the one after.
    /// The id of a new change set is the number of its `Seen` record.
    #[must_use]
    pub const fn next_seq(&self) -> Seq {
        self.head.next()
    }

    /// The last entry.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// Whether it has stopped for good (until opened again).
    #[must_use]
    pub const fn stopped(&self) -> bool {
        matches!(self.state, State::Stopped { .. })
    }

    /// The failure that stopped it.
    #[must_use]
    pub fn why_stopped(&self) -> Option<&str> {
        match &self.state {
            State::Working => None,
            State::Stopped { why } => Some(why),
        }
    }

    /// Commits `records` in one durable step and hands out the commands of their steps, in order. No
    /// other way leads to a [`Recorded`]; to carry out a command again, record a step that says so.
    /// No records: nothing is written.
    ///
    /// # Errors
    /// `CommitError`: no command was handed out. After `CommitError::Store` the journal has stopped.
    pub fn commit(
        &mut self,
        at: Timestamp,
        records: Vec<Record>,
    ) -> Result<Vec<Recorded<Command>>, CommitError> {
        if let State::Stopped { why } = &self.state {
            return Err(CommitError::Stopped { why: why.clone() });
        }
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let entries = seal(self.head, at, &records)?;
        if let Err(source) = self.store.append(&entries) {
            self.state = State::Stopped {
                why: source.to_string(),
            };
            return Err(CommitError::Store { source });
        }
        self.head = entries.last().map_or(self.head, StoredEntry::head);
        Ok(tokens(&entries, records))
    }

    /// Every entry from `from` on, as stored.
    pub fn entries(&self, from: Seq) -> Entries<'_, S> {
        Entries::new(&self.store, from)
    }

    /// Its store, for reading.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Gives the store back, to open it again.
    pub fn into_store(self) -> S {
        self.store
    }
}

fn seal(head: Head, at: Timestamp, records: &[Record]) -> Result<Vec<StoredEntry>, CommitError> {
    let mut previous = head;
    let mut entries = Vec::with_capacity(records.len());
    for record in records {
        let entry = StoredEntry::seal(previous, at, record)
            .map_err(|source| CommitError::Record { source })?;
        previous = entry.head();
        entries.push(entry);
    }
    Ok(entries)
}

fn tokens(entries: &[StoredEntry], records: Vec<Record>) -> Vec<Recorded<Command>> {
    let numbered = entries.iter().map(|e| e.seq).zip(records);
    numbered
        .flat_map(|(seq, record)| {
            record
                .into_commands()
                .into_iter()
                .map(move |command| Recorded::new(seq, command))
        })
        .collect()
}

#[cfg(test)]
mod tests;
