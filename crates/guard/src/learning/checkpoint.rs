//! A checkpoint: what is known up to one entry of a journal, kept beside it, so that whoever needs to
//! know it again reads only what came since.
//!
//! It is worth nothing without its journal. It names the entry up to which it goes by number and hash,
//! and counts only while that entry stands there, as it was written; it holds what [`Known::enter`] made
//! of the entries, and only for a program that would make the same of them today. Whatever else is found
//! is left alone, and the journal read from its beginning.

use std::sync::LazyLock;

use backstay_catalog::pack::texts;
use backstay_journal::{EntryStore, Head, StoreError};
use backstay_model::Seq;
use sha2::{Digest, Sha256};

use super::Known;

/// Raised whenever the same entries make something else than before, or it is written down otherwise.
const FORMAT: u32 = 2;
/// Entries since the last checkpoint from which a new one is worth its while: they take longer to learn
/// from anew than a checkpoint takes to be read.
const WORTH_IT: u64 = 5_000;
/// First word of every checkpoint.
const WORD: &str = "backstay-checkpoint";
/// Longest first line.
const LINE_MAX: usize = 512;

/// Why a checkpoint was left alone.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Another version of the program wrote it, or one with other packs.
    #[error("the checkpoint is of another version of Backstay")]
    OtherProgram,
    /// The entry that it names is not in this journal, or not as it was.
    #[error("the checkpoint does not belong to this journal: no entry {} as it knows it", .0.seq.0)]
    OtherJournal(Head),
    /// It is not whole, or not as it was written.
    #[error("the checkpoint is damaged: {0}")]
    Damaged(String),
    /// It cannot be read.
    #[error("the checkpoint cannot be read: {0}")]
    Store(StoreError),
}

/// What is known at an entry of a journal.
#[derive(Debug)]
pub struct Kept {
    /// The entry.
    pub head: Head,
    /// What is known there.
    pub known: Known,
}

impl Kept {
    /// What is known before the first entry.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            head: Head::EMPTY,
            known: Known::new(),
        }
    }

    /// What the checkpoint beside the log of `store` says, as far as it can be believed; else nothing.
    /// What is wrong with a damaged one goes to `tell`.
    pub fn of<S: EntryStore + ?Sized>(store: &S, tell: impl FnOnce(&Unusable)) -> Self {
        match Self::read(store) {
            Ok(Some(kept)) => {
                tracing::debug!(seq = kept.head.seq.0, "going on from a checkpoint");
                return kept;
            }
            Ok(None) => {}
            Err(why @ (Unusable::Damaged(_) | Unusable::Store(_))) => tell(&why),
            Err(why) => tracing::debug!(%why, "the journal is read from its beginning instead"),
        }
        Self::nothing()
    }

    /// The checkpoint beside the log of `store`; `None` when there is none.
    ///
    /// # Errors
    /// `Unusable` says why it must be left alone.
    pub fn read<S: EntryStore + ?Sized>(store: &S) -> Result<Option<Self>, Unusable> {
        let Some(bytes) = store.checkpoint().map_err(Unusable::Store)? else {
            return Ok(None);
        };
        let (head, body) = opened(&bytes)?;
        if !stands(store, head).map_err(Unusable::Store)? {
            return Err(Unusable::OtherJournal(head));
        }
        let known: Known =
            rmp_serde::from_slice(body).map_err(|e| Unusable::Damaged(e.to_string()))?;
        if known.graph.applied_seq() != head.seq.0 {
            return Err(Unusable::Damaged("it is not where it says".into()));
        }
        Ok(Some(Self { head, known }))
    }
}

/// Keeps what is known at `head` beside the log, when enough was read since `before`, the entry of the
/// last checkpoint. That it cannot be kept harms nobody: the next reader takes longer.
pub fn keep<S: EntryStore + ?Sized>(store: &S, before: Seq, (head, known): (Head, &Known)) {
    if head.seq.0.saturating_sub(before.0) < WORTH_IT || known.graph.applied_seq() != head.seq.0 {
        return;
    }
    let written = sealed(head, known).map_err(|e| e.to_string());
    let kept = written.and_then(|bytes| {
        let size = bytes.len();
        let done = store.keep_checkpoint(&bytes);
        done.map(|()| size).map_err(|e| e.to_string())
    });
    match kept {
        Ok(bytes) => tracing::debug!(seq = head.seq.0, bytes, "a checkpoint was kept"),
        Err(why) => tracing::debug!(%why, "no checkpoint was kept"),
    }
}

/// Whether `head` is an entry of the log, and says what was written under its hash.
fn stands<S: EntryStore + ?Sized>(store: &S, head: Head) -> Result<bool, StoreError> {
    let found = store.read(head.seq, 1)?;
    Ok(found.first().is_some_and(|entry| {
        let before = Head {
            seq: Seq(head.seq.0.saturating_sub(1)),
            hash: entry.prev,
        };
        entry.head() == head && entry.follows(before)
    }))
}

/// The bytes of a checkpoint: one line that says what it is, then the rest.
fn sealed(head: Head, known: &Known) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    let body = rmp_serde::to_vec_named(known)?;
    let mut bytes = format!("{} {head} {}\n", *MAKER, digest(&body)).into_bytes();
    bytes.extend(body);
    Ok(bytes)
}

/// Where it goes to, and its body, proven to be as it was written by a program like this one.
fn opened(bytes: &[u8]) -> Result<(Head, &[u8]), Unusable> {
    let damaged = |why: &str| Unusable::Damaged(why.to_owned());
    let line = bytes.iter().take(LINE_MAX).position(|b| *b == b'\n');
    let (line, body) = bytes.split_at(line.ok_or_else(|| damaged("no first line"))?);
    let body = body.get(1..).unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(|_| damaged("no first line"))?;
    let Some(rest) = line.strip_prefix(MAKER.as_str()) else {
        return Err(match line.starts_with(WORD) {
            true => Unusable::OtherProgram,
            false => damaged("no first line"),
        });
    };
    let (head, sum) = rest.trim().split_once(' ').unwrap_or_default();
    let head = Head::parse(head).ok_or_else(|| damaged("no entry is named"))?;
    if digest(body) != sum {
        return Err(damaged("its content is not what was written"));
    }
    Ok((head, body))
}

/// What a program must have in common with the one that wrote a checkpoint: form, version, packs.
static MAKER: LazyLock<String> = LazyLock::new(|| {
    let mut packs = Sha256::new();
    for text in texts() {
        packs.update((text.len() as u64).to_be_bytes());
        packs.update(text);
    }
    let version = env!("CARGO_PKG_VERSION");
    format!("{WORD} {FORMAT} {version} {}", hex(&packs.finalize()))
});

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
