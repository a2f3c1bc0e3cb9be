//! Entries as lines of text, for sinks, backups and other tools. A line keeps the exact bytes that
//! were hashed, so an export can be verified like the log itself.

use std::borrow::Cow;

use backstay_model::{Seq, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::chain::Hash;
use crate::entry::StoredEntry;
use crate::memory::MemoryEntries;
use crate::record::Record;

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    seq: u64,
    at: i64,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    prev: Cow<'a, str>,
    #[serde(borrow)]
    hash: Cow<'a, str>,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Deserialize)]
struct Body {
    record: Record,
}

/// A line of an export is not an entry.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Not JSON of the right shape.
    #[error("line {line} is not an exported entry")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// The decoder's words.
        source: serde_json::Error,
    },
    /// Its hashes are not hashes.
    #[error("line {line} has no valid hash")]
    BadHash {
        /// The line, from 1.
        line: usize,
    },
}

/// One entry as one line of JSON, without the line break; `None` when its body is not JSON (it is
/// damaged, and `verify` says so).
#[must_use]
pub fn line(entry: &StoredEntry) -> Option<String> {
    let body: &RawValue = serde_json::from_slice(&entry.body).ok()?;
    let line = Line {
        seq: entry.seq.0,
        at: entry.at.0,
        kind: Cow::Borrowed(&entry.kind),
        prev: entry.prev.to_string().into(),
        hash: entry.hash.to_string().into(),
        body,
    };
    serde_json::to_string(&line).ok()
}

/// Reads an export. The chain is not checked here: [`crate::verify`] does it on the result.
///
/// # Errors
/// `LineError` names the first line that is no entry.
pub fn read(text: &str) -> Result<MemoryEntries, LineError> {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    let entries: Vec<StoredEntry> = lines
        .map(|(index, line)| parse(index + 1, line))
        .collect::<Result<_, _>>()?;
    Ok(MemoryEntries::from_stored(entries))
}

fn parse(number: usize, text: &str) -> Result<StoredEntry, LineError> {
    let malformed = |source| LineError::Malformed {
        line: number,
        source,
    };
    let line: Line<'_> = serde_json::from_str(text).map_err(malformed)?;
    let hash = |hex: &str| Hash::parse(hex).ok_or(LineError::BadHash { line: number });
    let change_set = serde_json::from_str::<Body>(line.body.get()).ok();
    Ok(StoredEntry {
        seq: Seq(line.seq),
        at: Timestamp(line.at),
        kind: Cow::Owned(line.kind.into_owned()),
        change_set: change_set.and_then(|body| body.record.change_set()),
        body: line.body.get().as_bytes().to_vec(),
        prev: hash(&line.prev)?,
        hash: hash(&line.hash)?,
    })
}
