//! Entries, and the bytes they are kept as.

use std::borrow::Cow;

use backstay_model::{ChangeSetId, Seq, Timestamp};
use serde::{Deserialize, Serialize};

use crate::chain::{Hash, Head, link};
use crate::record::Record;

/// Version of the encoding of bodies that this program writes.
pub const FORMAT: u32 = 1;

/// Largest body of one entry in bytes. Snapshots are not in the log; nothing comes near it.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// An entry of the journal.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// Its place: the only order that counts.
    pub seq: Seq,
    /// When it was recorded, by the host's clock. Data only.
    pub at: Timestamp,
    /// What happened.
    pub record: Record,
    /// Hash of the entry before.
    pub prev: Hash,
    /// Its own hash.
    pub hash: Hash,
}

/// An entry as a store keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredEntry {
    /// Its place.
    pub seq: Seq,
    /// When it was recorded.
    pub at: Timestamp,
    /// Kind of its record.
    pub kind: Cow<'static, str>,
    /// The change set it is about: a key for looking up, not part of the hash (the body says it too).
    pub change_set: Option<ChangeSetId>,
    /// The record in canonical bytes: JSON with the fields in order of declaration, no white space.
    pub body: Vec<u8>,
    /// Hash of the entry before.
    pub prev: Hash,
    /// Its own hash.
    pub hash: Hash,
}

/// A record cannot be kept so that it would come back equal. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// It does not come back equal: a number that is not finite, most likely.
    #[error(
        "a record of kind {kind} does not come back as it was, likely a number that is not finite"
    )]
    NotFaithful {
        /// Kind of the record.
        kind: &'static str,
    },
    /// It is larger than an entry may be.
    #[error("a record of kind {kind} has {bytes} bytes, more than {BODY_BYTES_MAX}")]
    TooLarge {
        /// Kind of the record.
        kind: &'static str,
        /// Its size.
        bytes: usize,
    },
}

/// A stored entry cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A newer program wrote it.
    #[error("entry {} has format {found}; this program reads up to {FORMAT}", seq.0)]
    NewerFormat {
        /// The entry.
        seq: Seq,
        /// Its format.
        found: u32,
    },
    /// Its bytes are not a record.
    #[error("entry {} is not readable", seq.0)]
    Malformed {
        /// The entry.
        seq: Seq,
        /// What the decoder says.
        source: serde_json::Error,
    },
    /// Kind or change set stand differently beside the body than in it.
    #[error("entry {} is labelled {label}, its body is {kind}", seq.0)]
    Mislabelled {
        /// The entry.
        seq: Seq,
        /// What stands beside the body.
        label: String,
        /// What the body says.
        kind: String,
    },
}

#[derive(Serialize)]
struct Outgoing<'a> {
    v: u32,
    record: &'a Record,
}

#[derive(Deserialize)]
struct Incoming {
    record: Record,
}

#[derive(Deserialize)]
struct VersionOnly {
    v: u32,
}

impl StoredEntry {
    /// Encodes `record` as the entry after `previous`. What comes back is proven to be what went in.
    ///
    /// # Errors
    /// `EncodeError`; nothing was written anywhere.
    pub(crate) fn seal(
        previous: Head,
        at: Timestamp,
        record: &Record,
    ) -> Result<Self, EncodeError> {
        let kind = record.kind();
        let encoded = serde_json::to_vec(&Outgoing { v: FORMAT, record });
        let Ok(body) = encoded else {
            return Err(EncodeError::NotFaithful { kind });
        };
        if body.len() > BODY_BYTES_MAX {
            return Err(EncodeError::TooLarge {
                kind,
                bytes: body.len(),
            });
        }
        // JSON has no infinities: they would be written as null and stop every later replay.
        let back: Result<Incoming, _> = serde_json::from_slice(&body);
        if back.map_or(true, |b| b.record != *record) {
            return Err(EncodeError::NotFaithful { kind });
        }
        let hash = link(previous, at, kind, &body);
        Ok(Self {
            seq: previous.next(),
            at,
            kind: Cow::Borrowed(kind),
            change_set: record.change_set(),
            body,
            prev: previous.hash,
            hash,
        })
    }

    /// Its place and hash.
    #[must_use]
    pub const fn head(&self) -> Head {
        Head {
            seq: self.seq,
            hash: self.hash,
        }
    }

    /// Whether it is as it was written and was written right after `before`.
    #[must_use]
    pub fn follows(&self, before: Head) -> bool {
        self.seq == before.next()
            && self.prev == before.hash
            && self.hash == self.expected_hash(before)
    }

    /// The hash that belongs to its content as it stands after `previous`.
    pub(crate) fn expected_hash(&self, previous: Head) -> Hash {
        link(previous, self.at, &self.kind, &self.body)
    }

    /// Reads the record. Says nothing about the chain.
    ///
    /// # Errors
    /// `DecodeError` when the bytes are not a record of a format this program reads.
    pub fn decode(&self) -> Result<Entry, DecodeError> {
        let seq = self.seq;
        let incoming: Incoming = serde_json::from_slice(&self.body).map_err(|source| {
            match serde_json::from_slice::<VersionOnly>(&self.body) {
                Ok(VersionOnly { v }) if v > FORMAT => DecodeError::NewerFormat { seq, found: v },
                _ => DecodeError::Malformed { seq, source },
            }
        })?;
        let record = incoming.record;
        if record.kind() != self.kind || record.change_set() != self.change_set {
            return Err(DecodeError::Mislabelled {
                seq,
                label: label(&self.kind, self.change_set),
                kind: label(record.kind(), record.change_set()),
            });
        }
        Ok(Entry {
            seq,
            at: self.at,
            record,
            prev: self.prev,
            hash: self.hash,
        })
    }
}

/// `seen` or `seen C17`.
fn label(kind: &str, change_set: Option<ChangeSetId>) -> String {
    change_set.map_or_else(|| kind.to_owned(), |id| format!("{kind} {id}"))
}

#[cfg(test)]
mod tests;
