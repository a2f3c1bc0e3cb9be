//! Samples in SQLite: the newest as rows, the rest in chunks, bounded in size.

use std::collections::BTreeMap;

use backstay_journal::{MetricStore, StoreError};
use backstay_model::{Sample, TargetId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::codec::{self, CHUNK_SAMPLES_MAX};
use crate::connection::Shared;
use crate::error::corrupt;

/// Least size that is kept to, in bytes: below it the tables themselves do not fit.
const BYTES_MIN: u64 = 1 << 20;

/// Chunks that go at once when the size is reached.
const PRUNE_CHUNKS: u32 = 16;

/// What the judge learnt, one row for each target.
const LEARNT: &str = "CREATE TABLE IF NOT EXISTS learnt (
    target TEXT PRIMARY KEY,
    body   BLOB NOT NULL
) STRICT, WITHOUT ROWID";

/// The samples of a state directory.
#[derive(Debug)]
pub struct SqliteMetrics {
    shared: Shared,
    bytes_max: u64,
    /// Targets met so far: their number, and how many samples stand as rows.
    series: BTreeMap<TargetId, Series>,
}

#[derive(Clone, Copy, Debug)]
struct Series {
    id: i64,
    rows: usize,
}

impl SqliteMetrics {
    pub(crate) fn new(shared: Shared, bytes_max: u64) -> Self {
        Self {
            shared,
            bytes_max: bytes_max.max(BYTES_MIN),
            series: BTreeMap::new(),
        }
    }

    /// Bytes of the file that hold something.
    ///
    /// # Errors
    /// `StoreError` when the file cannot be read.
    pub fn used_bytes(&self) -> Result<u64, StoreError> {
        self.shared.read(used_bytes)
    }

    fn decode(&self, target: &TargetId, body: &[u8]) -> Result<Vec<Sample>, StoreError> {
        let what = || format!("metric history of {target} in {}", self.shared.what());
        codec::decode(body).map_err(|source| corrupt(what(), source))
    }
}

fn used_bytes(connection: &Connection) -> Result<u64, rusqlite::Error> {
    let ask = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let pages = ask("page_count")? - ask("freelist_count")?;
    Ok(pages.saturating_mul(ask("page_size")?).cast_unsigned())
}

fn find_series(
    transaction: &Transaction<'_>,
    target: &TargetId,
) -> Result<Series, rusqlite::Error> {
    let name = target.as_str();
    transaction.execute("INSERT OR IGNORE INTO series (target) VALUES (?1)", [name])?;
    let id = transaction.query_row("SELECT id FROM series WHERE target = ?1", [name], |r| {
        r.get(0)
    })?;
    let rows: i64 =
        transaction.query_row("SELECT count(*) FROM head WHERE series = ?1", [id], |r| {
            r.get(0)
        })?;
    Ok(Series {
        id,
        rows: usize::try_from(rows).unwrap_or(0),
    })
}

fn insert_rows(
    transaction: &Transaction<'_>,
    series: &mut Series,
    samples: &[Sample],
) -> Result<(), rusqlite::Error> {
    let sql = "INSERT OR REPLACE INTO head (series, at, body) VALUES (?1, ?2, ?3)";
    let mut statement = transaction.prepare_cached(sql)?;
    for sample in samples {
        let body = codec::encode(std::slice::from_ref(sample));
        statement.execute(params![series.id, sample.at.0, body])?;
    }
    // An upper bound: a replaced row is counted again, which only seals a little earlier.
    series.rows += samples.len();
    Ok(())
}

fn row_bodies(connection: &Connection, series: i64) -> Result<Vec<Vec<u8>>, rusqlite::Error> {
    let sql = "SELECT body FROM head WHERE series = ?1 ORDER BY at";
    connection
        .prepare_cached(sql)?
        .query_map([series], |row| row.get(0))?
        .collect()
}

/// Moves the rows of a series into chunks.
fn seal(
    transaction: &Transaction<'_>,
    series: &mut Series,
    rows: &[Sample],
) -> Result<(), rusqlite::Error> {
    let sql =
        "INSERT INTO chunk (series, first_at, last_at, samples, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut statement = transaction.prepare_cached(sql)?;
    for part in rows.chunks(CHUNK_SAMPLES_MAX) {
        if let (Some(first), Some(last)) = (part.first(), part.last()) {
            let count = i64::try_from(part.len()).unwrap_or(0);
            let body = codec::encode(part);
            statement.execute(params![series.id, first.at.0, last.at.0, count, body])?;
        }
    }
    transaction.execute("DELETE FROM head WHERE series = ?1", [series.id])?;
    series.rows = 0;
    Ok(())
}

/// Lets the oldest chunks go until the size is kept, and gives their pages back.
fn prune(transaction: &Transaction<'_>, bytes_max: u64) -> Result<(), rusqlite::Error> {
    while used_bytes(transaction)? > bytes_max {
        let sql =
            "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk ORDER BY last_at, id LIMIT ?1)";
        if transaction.prepare_cached(sql)?.execute([PRUNE_CHUNKS])? == 0 {
            break;
        }
    }
    let mut vacuum = transaction.prepare("PRAGMA incremental_vacuum")?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

impl MetricStore for SqliteMetrics {
    fn append(&mut self, target: &TargetId, samples: &[Sample]) -> Result<(), StoreError> {
        if samples.is_empty() {
            return Ok(());
        }
        let (known, bytes_max) = (self.series.get(target).copied(), self.bytes_max);
        let shared = &self.shared;
        let failed = |source| shared.error(source);
        let series = shared.write(|transaction| {
            let found = known.map_or_else(|| find_series(transaction, target), Ok);
            let mut series = found.map_err(failed)?;
            insert_rows(transaction, &mut series, samples).map_err(failed)?;
            if series.rows >= CHUNK_SAMPLES_MAX {
                let mut rows = Vec::with_capacity(series.rows);
                for body in row_bodies(transaction, series.id).map_err(failed)? {
                    rows.extend(self.decode(target, &body)?);
                }
                seal(transaction, &mut series, &rows).map_err(failed)?;
                prune(transaction, bytes_max).map_err(failed)?;
            }
            Ok::<_, StoreError>(series)
        })?;
        self.series.insert(target.clone(), series);
        Ok(())
    }

    fn range(
        &self,
        target: &TargetId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Sample>, StoreError> {
        let bodies = self
            .shared
            .read(|connection| bodies_between(connection, target, from, to))?;
        let mut found = BTreeMap::new();
        for body in bodies {
            for sample in self.decode(target, &body)? {
                if (from..to).contains(&sample.at) {
                    found.insert(sample.at, sample);
                }
            }
        }
        Ok(found.into_values().collect())
    }

    fn keep_learnt(&mut self, target: &TargetId, learnt: &[u8]) -> Result<(), StoreError> {
        let shared = &self.shared;
        shared.write(|transaction| {
            // Files of earlier versions do not have it.
            let kept = transaction.execute_batch(LEARNT).and_then(|()| {
                let sql = "INSERT OR REPLACE INTO learnt (target, body) VALUES (?1, ?2)";
                transaction.execute(sql, params![target.as_str(), learnt])
            });
            kept.map(drop).map_err(|source| shared.error(source))
        })
    }

    fn learnt(&self, target: &TargetId) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared.read(|connection| {
            let there = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'learnt'";
            if !connection.prepare_cached(there)?.exists([])? {
                return Ok(None);
            }
            let sql = "SELECT body FROM learnt WHERE target = ?1";
            let row = |row: &Row<'_>| row.get(0);
            connection.query_row(sql, [target.as_str()], row).optional()
        })
    }

    fn targets(&self) -> Result<Vec<TargetId>, StoreError> {
        self.shared.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT target FROM series WHERE id IN (SELECT series FROM head)
                     OR id IN (SELECT series FROM chunk) ORDER BY target",
            )?;
            let name = |row: &Row<'_>| Ok(TargetId::new(row.get_ref(0)?.as_str()?));
            statement.query_map([], name)?.collect()
        })
    }
}

/// Chunks in the order they were sealed, then rows: where two hold one moment, the later wins.
fn bodies_between(
    connection: &Connection,
    target: &TargetId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Vec<u8>>, rusqlite::Error> {
    let connection = connection.unchecked_transaction()?;
    let sql = "SELECT id FROM series WHERE target = ?1";
    let id = connection
        .query_row(sql, [target.as_str()], |row| row.get::<_, i64>(0))
        .optional()?;
    let Some(id) = id else { return Ok(Vec::new()) };
    let mut chunks = connection.prepare_cached(
        "SELECT body FROM chunk WHERE series = ?1 AND first_at < ?3 AND last_at >= ?2 ORDER BY id",
    )?;
    let body = |row: &Row<'_>| row.get::<_, Vec<u8>>(0);
    let mut bodies: Vec<_> = chunks
        .query_map([id, from.0, to.0], body)?
        .collect::<Result<_, _>>()?;
    let mut rows = connection
        .prepare_cached("SELECT body FROM head WHERE series = ?1 AND at >= ?2 AND at < ?3")?;
    for row in rows.query_map([id, from.0, to.0], body)? {
        bodies.push(row?);
    }
    Ok(bodies)
}

#[cfg(test)]
mod tests;
