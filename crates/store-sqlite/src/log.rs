//! The log in SQLite.

use std::borrow::Cow;

use backstay_journal::store::check_next;
use backstay_journal::{EntryStore, Hash, Head, StoreError, StoredEntry};
use backstay_model::{ChangeSetId, Seq, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::checkpoint::Checkpoint;
use crate::connection::Shared;
use crate::note::HeadNote;

/// The log of a state directory.
#[derive(Debug)]
pub struct SqliteLog {
    shared: Shared,
    note: HeadNote,
    checkpoint: Checkpoint,
}

impl SqliteLog {
    pub(crate) fn new(shared: Shared) -> Self {
        let note = HeadNote::beside(shared.path());
        let checkpoint = Checkpoint::beside(shared.path());
        Self {
            shared,
            note,
            checkpoint,
        }
    }

    /// What SQLite's own check of the whole file finds; empty when all is well.
    ///
    /// # Errors
    /// `StoreError` when the file cannot be read at all.
    pub fn integrity(&self) -> Result<Vec<String>, StoreError> {
        self.shared.read(|connection| {
            let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
            let lines: Vec<String> = statement
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            Ok(if lines == ["ok"] { Vec::new() } else { lines })
        })
    }
}

const COLUMNS: &str = "seq, recorded_at, kind, change_set, body, prev_hash, hash";

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row<'_>, index: usize) -> Result<u64, rusqlite::Error> {
    let value: i64 = row.get(index)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, value))
}

fn hash(row: &Row<'_>, index: usize) -> Result<Hash, rusqlite::Error> {
    let bytes: Vec<u8> = row.get(index)?;
    Hash::from_bytes(&bytes).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(index, Type::Blob, "a hash has 32 bytes".into())
    })
}

/// The word of a kind, without an allocation for the ones we know.
fn kind(word: &str) -> Cow<'static, str> {
    const KNOWN: [&str; 13] = [
        "step",
        "seen",
        "condition",
        "notice",
        "predicted",
        "known_good",
        "reported",
        "operator",
        "baseline",
        "started",
        "stopped",
        "paused",
        "resumed",
    ];
    let known = KNOWN.into_iter().find(|known| *known == word);
    known.map_or_else(|| Cow::Owned(word.to_owned()), Cow::Borrowed)
}

fn entry(row: &Row<'_>) -> Result<StoredEntry, rusqlite::Error> {
    let change_set: Option<i64> = row.get(3)?;
    let change_set = change_set.map(|_| unsigned(row, 3)).transpose()?;
    Ok(StoredEntry {
        seq: Seq(unsigned(row, 0)?),
        at: Timestamp(row.get(1)?),
        kind: kind(row.get_ref(2)?.as_str()?),
        change_set: change_set.map(ChangeSetId),
        body: row.get(4)?,
        prev: hash(row, 5)?,
        hash: hash(row, 6)?,
    })
}

fn head(connection: &Connection) -> Result<Head, rusqlite::Error> {
    let mut last =
        connection.prepare_cached("SELECT seq, hash FROM log ORDER BY seq DESC LIMIT 1")?;
    let found = last.query_row([], |row| {
        Ok(Head {
            seq: Seq(unsigned(row, 0)?),
            hash: hash(row, 1)?,
        })
    });
    Ok(found.optional()?.unwrap_or(Head::EMPTY))
}

fn insert(transaction: &Transaction<'_>, entries: &[StoredEntry]) -> Result<(), rusqlite::Error> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO log (seq, recorded_at, kind, change_set, body, prev_hash, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for entry in entries {
        statement.execute(params![
            number(entry.seq.0),
            entry.at.0,
            entry.kind,
            entry.change_set.map(|id| number(id.0)),
            entry.body,
            entry.prev.0,
            entry.hash.0,
        ])?;
    }
    Ok(())
}

impl EntryStore for SqliteLog {
    fn append(&mut self, entries: &[StoredEntry]) -> Result<(), StoreError> {
        let Some(last) = entries.last() else {
            return Ok(());
        };
        let shared = &self.shared;
        shared.write(|transaction| {
            check_next(head(transaction).map_err(|e| shared.error(e))?, entries)?;
            insert(transaction, entries).map_err(|e| shared.error(e))
        })?;
        // The entries are safe; a note that cannot be written only says less later.
        self.note.write(last.head()).ok();
        Ok(())
    }

    fn read(&self, from: Seq, limit: usize) -> Result<Vec<StoredEntry>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.shared.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM log WHERE seq >= ?1 ORDER BY seq LIMIT ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            statement
                .query_map([number(from.0), limit], entry)?
                .collect()
        })
    }

    fn head(&self) -> Result<Head, StoreError> {
        self.shared.read(head)
    }

    fn noted_head(&self) -> Result<Option<Head>, StoreError> {
        self.note.read()
    }

    fn checkpoint(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.checkpoint.read()
    }

    fn keep_checkpoint(&self, bytes: &[u8]) -> Result<(), StoreError> {
        self.checkpoint.write(bytes)
    }

    fn of_change_set(&self, id: ChangeSetId) -> Result<Vec<StoredEntry>, StoreError> {
        self.shared.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM log WHERE change_set = ?1 ORDER BY seq");
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_map([number(id.0)], entry)?.collect()
        })
    }

    fn change_sets(
        &self,
        before: Option<ChangeSetId>,
        limit: usize,
    ) -> Result<Vec<ChangeSetId>, StoreError> {
        let before = before.map_or(i64::MAX, |id| number(id.0));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.shared.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT change_set FROM log WHERE change_set < ?1
                 ORDER BY change_set DESC LIMIT ?2",
            )?;
            let ids =
                statement.query_map([before, limit], |row| Ok(ChangeSetId(unsigned(row, 0)?)))?;
            ids.collect()
        })
    }
}
