//! The hash chain: each entry seals itself and everything before it.

use std::fmt;

use backstay_model::{Seq, Timestamp};
use sha2::{Digest, Sha256};

/// Separates our hashes from every other use of SHA-256.
const DOMAIN: &[u8] = b"backstay journal entry 1\0";

/// SHA-256 of an entry and, through the previous one, of everything before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What stands before the first entry.
    pub const GENESIS: Hash = Hash([0; 32]);

    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn parse(hex: &str) -> Option<Self> {
        let digits = hex.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let text = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(text, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// Reads 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The last entry of a journal: whoever knows it can tell whether the journal was altered or cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Its sequence number; 0 when there is no entry.
    pub seq: Seq,
    /// Its hash; `Hash::GENESIS` when there is no entry.
    pub hash: Hash,
}

impl Head {
    /// The head of a journal without entries.
    pub const EMPTY: Head = Head {
        seq: Seq(0),
        hash: Hash::GENESIS,
    };

    /// The number the next entry gets.
    #[must_use]
    pub const fn next(self) -> Seq {
        Seq(self.seq.0 + 1)
    }

    /// Reads the form that `Display` writes: `17:9f86…`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (seq, hash) = text.trim().split_once(':')?;
        Some(Self {
            seq: Seq(seq.parse().ok()?),
            hash: Hash::parse(hash)?,
        })
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq.0, self.hash)
    }
}

/// The hash of an entry: SHA-256 over domain, sequence, time, previous hash, kind and body. The kind
/// is preceded by its length, so no two entries have the same input.
#[must_use]
pub(crate) fn link(previous: Head, at: Timestamp, kind: &str, body: &[u8]) -> Hash {
    let mut sha = Sha256::new();
    sha.update(DOMAIN);
    sha.update(previous.next().0.to_be_bytes());
    sha.update(at.0.to_be_bytes());
    sha.update(previous.hash.0);
    sha.update((kind.len() as u64).to_be_bytes());
    sha.update(kind.as_bytes());
    sha.update(body);
    Hash(sha.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_read_what_they_write() {
        let head = Head {
            seq: Seq(17),
            hash: link(Head::EMPTY, Timestamp(1), "step", b"{}"),
        };
        assert_eq!(Head::parse(&head.to_string()), Some(head));
        assert_eq!(Head::parse("17"), None);
        assert_eq!(Head::parse("17:zz"), None);
        assert_eq!(Hash::parse(&"é".repeat(32)), None);
    }

    #[test]
    fn every_part_counts() {
        let base = link(Head::EMPTY, Timestamp(1), "step", b"{}");
        let next = Head {
            seq: Seq(1),
            hash: Hash::GENESIS,
        };
        for other in [
            link(next, Timestamp(1), "step", b"{}"),
            link(Head::EMPTY, Timestamp(2), "step", b"{}"),
            link(Head::EMPTY, Timestamp(1), "ste", b"p{}"),
            link(Head::EMPTY, Timestamp(1), "step", b"{ }"),
        ] {
            assert_ne!(base, other);
        }
    }
}
