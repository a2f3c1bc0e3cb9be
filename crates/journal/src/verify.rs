//! Checking a log: every link, every body, and that nothing was cut off.

use std::fmt;

use backstay_model::Seq;

use crate::chain::{Hash, Head};
use crate::entry::Entry;
use crate::store::{Entries, EntryStore, ReadError, StoreError};

/// What a check of the whole log found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Good entries, from the first one on.
    pub entries: u64,
    /// The last good entry.
    pub head: Head,
    /// The first bad entry; `None` when all is well.
    pub first_bad: Option<Bad>,
}

/// The first entry that is not as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bad {
    /// Its number.
    pub seq: Seq,
    /// What is wrong.
    pub why: Why,
}

/// What is wrong with an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// Its content does not have its hash: altered.
    Altered,
    /// It does not name the hash of the entry before: something before it was replaced.
    Unlinked,
    /// It stands where another number is due: entries are missing.
    Missing {
        /// The number that stands there.
        found: Seq,
    },
    /// The log ends before an entry that is known to have existed.
    Truncated {
        /// The entry that is known.
        known: Seq,
    },
    /// Another entry stands where a known one stood.
    Replaced,
    /// It is intact but not a record this program can read.
    Unreadable {
        /// The decoder's words.
        why: String,
    },
    /// The store cannot read it.
    Damaged {
        /// The store's words.
        why: String,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered => f.write_str("its content was altered"),
            Self::Unlinked => f.write_str("it does not follow the entry before it"),
            Self::Missing { found } => write!(f, "it is missing, entry {} stands there", found.0),
            Self::Truncated { known } => {
                write!(
                    f,
                    "it is missing, the journal is known to reach entry {}",
                    known.0
                )
            }
            Self::Replaced => f.write_str("another entry stands where a known one stood"),
            Self::Unreadable { why } => write!(f, "it cannot be used: {why}"),
            Self::Damaged { why } => write!(f, "it cannot be read: {why}"),
        }
    }
}

/// Checks the whole log of `store`, against `known` heads from elsewhere (a printed head, a mail, a
/// sink) and against the store's own note.
///
/// # Errors
/// `StoreError` when the store cannot be read at all; damage in it is part of the report.
pub fn verify<S: EntryStore + ?Sized>(store: &S, known: &[Head]) -> Result<Report, StoreError> {
    let mut known = known.to_vec();
    known.extend(store.noted_head()?);
    let mut walk = Walk::new(store, &known);
    walk.by_ref().for_each(drop);
    walk.finish()
}

/// Whether the log of `store` holds an entry with this hash, for a head that was noted without its
/// number.
///
/// # Errors
/// `ReadError` when the log cannot be read to its end.
pub fn find<S: EntryStore + ?Sized>(store: &S, hash: Hash) -> Result<Option<Head>, ReadError> {
    for entry in Entries::new(store, Seq(1)) {
        let entry = entry?;
        if entry.hash == hash {
            return Ok(Some(entry.head()));
        }
    }
    Ok(None)
}

/// A walk that yields good entries and stops at the first bad one.
#[derive(Debug)]
pub(crate) struct Walk<'a, S: ?Sized> {
    entries: Entries<'a, S>,
    known: Vec<Head>,
    head: Head,
    bad: Option<Bad>,
    failed: Option<StoreError>,
}

impl<'a, S: EntryStore + ?Sized> Walk<'a, S> {
    pub(crate) fn new(store: &'a S, known: &[Head]) -> Self {
        let known = known
            .iter()
            .copied()
            .filter(|head| *head != Head::EMPTY)
            .collect();
        let entries = Entries::new(store, Seq(1));
        Self {
            entries,
            known,
            head: Head::EMPTY,
            bad: None,
            failed: None,
        }
    }

    /// What was found, after the walk.
    pub(crate) fn finish(self) -> Result<Report, StoreError> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok(Report {
                entries: self.head.seq.0,
                head: self.head,
                first_bad: self.bad,
            }),
        }
    }

    fn step(&mut self) -> Result<Option<Entry>, Why> {
        let stored = match self.entries.next() {
            None => return self.check_end().map(|()| None),
            Some(Err(ReadError::Store {
                source: source @ StoreError::Corrupt { .. },
                ..
            })) => {
                return Err(Why::Damaged {
                    why: chain_text(&source),
                });
            }
            Some(Err(ReadError::Store { source, .. })) => {
                self.failed = Some(source);
                return Ok(None);
            }
            Some(Err(ReadError::Decode { source })) => {
                return Err(Why::Unreadable {
                    why: chain_text(&source),
                });
            }
            Some(Ok(stored)) => stored,
        };
        if stored.seq != self.head.next() {
            return Err(Why::Missing { found: stored.seq });
        }
        if stored.hash
            != stored.expected_hash(Head {
                seq: self.head.seq,
                hash: stored.prev,
            })
        {
            return Err(Why::Altered);
        }
        if stored.prev != self.head.hash {
            return Err(Why::Unlinked);
        }
        if self
            .known
            .iter()
            .any(|k| k.seq == stored.seq && k.hash != stored.hash)
        {
            return Err(Why::Replaced);
        }
        let entry = stored.decode().map_err(|e| Why::Unreadable {
            why: chain_text(&e),
        })?;
        self.head = stored.head();
        Ok(Some(entry))
    }

    fn check_end(&self) -> Result<(), Why> {
        let known = self.known.iter().map(|head| head.seq).max();
        match known {
            Some(known) if known > self.head.seq => Err(Why::Truncated { known }),
            _ => Ok(()),
        }
    }
}

impl<S: EntryStore + ?Sized> Iterator for Walk<'_, S> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        if self.bad.is_some() || self.failed.is_some() {
            return None;
        }
        self.step().unwrap_or_else(|why| {
            self.bad = Some(Bad {
                seq: self.head.next(),
                why,
            });
            None
        })
    }
}

/// An error and what caused it, in one line.
fn chain_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
