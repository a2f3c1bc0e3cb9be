//! Configurations in SQLite.

use backstay_journal::{SnapshotLine, SnapshotStore, StoreError};
use backstay_model::{Snapshot, SnapshotId, TargetId, Timestamp};
use rusqlite::{OptionalExtension, Row, params};

use crate::connection::Shared;
use crate::error::corrupt;

/// The configurations of a state directory.
#[derive(Debug)]
pub struct SqliteSnapshots {
    shared: Shared,
}

impl SqliteSnapshots {
    pub(crate) const fn new(shared: Shared) -> Self {
        Self { shared }
    }

    fn decode(&self, found: Option<(String, Vec<u8>)>) -> Result<Option<Snapshot>, StoreError> {
        let Some((id, body)) = found else {
            return Ok(None);
        };
        let snapshot = serde_json::from_slice(&body);
        let what = || format!("snapshot {id} in {}", self.shared.what());
        snapshot.map(Some).map_err(|source| corrupt(what(), source))
    }
}

fn line(row: &Row<'_>) -> Result<SnapshotLine, rusqlite::Error> {
    let good_at: Option<i64> = row.get(4)?;
    Ok(SnapshotLine {
        id: SnapshotId(row.get(0)?),
        target: TargetId::new(row.get_ref(1)?.as_str()?),
        first_at: Timestamp(row.get(2)?),
        last_at: Timestamp(row.get(3)?),
        good_at: good_at.map(Timestamp),
    })
}

fn id_and_body(row: &Row<'_>) -> Result<(String, Vec<u8>), rusqlite::Error> {
    Ok((row.get(0)?, row.get(1)?))
}

impl SnapshotStore for SqliteSnapshots {
    fn put(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let what = || format!("snapshot {} for {}", snapshot.id, self.shared.what());
        let body = serde_json::to_vec(snapshot).map_err(|e| corrupt(what(), e))?;
        let (id, target, at) = (
            &snapshot.id.0,
            snapshot.target.as_str(),
            snapshot.taken_at.0,
        );
        self.shared.write(|transaction| {
            let mut statement = transaction
                .prepare_cached(
                    "INSERT INTO snapshot (id, target, first_at, last_at, body)
                     VALUES (?1, ?2, ?3, ?3, ?4)
                     ON CONFLICT (id) DO UPDATE SET
                         first_at = min(first_at, excluded.first_at),
                         body = CASE WHEN excluded.last_at >= last_at THEN excluded.body ELSE body END,
                         last_at = max(last_at, excluded.last_at)",
                )
                .map_err(|e| self.shared.error(e))?;
            statement.execute(params![id, target, at, body]).map_err(|e| self.shared.error(e))?;
            Ok(())
        })
    }

    fn get(&self, id: &SnapshotId) -> Result<Option<Snapshot>, StoreError> {
        let found = self.shared.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, body FROM snapshot WHERE id = ?1")?;
            statement.query_row([&id.0], id_and_body).optional()
        })?;
        self.decode(found)
    }

    fn list(&self, target: Option<&TargetId>) -> Result<Vec<SnapshotLine>, StoreError> {
        self.shared.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, target, first_at, last_at, good_at FROM snapshot
                 WHERE ?1 IS NULL OR target = ?1 ORDER BY last_at DESC, id",
            )?;
            statement
                .query_map([target.map(TargetId::as_str)], line)?
                .collect()
        })
    }

    fn mark_good(&mut self, id: &SnapshotId, at: Timestamp) -> Result<(), StoreError> {
        self.shared.write(|transaction| {
            let sql = "UPDATE snapshot SET good_at = max(coalesce(good_at, ?2), ?2) WHERE id = ?1";
            let changed = transaction.execute(sql, params![id.0, at.0]);
            changed.map(drop).map_err(|e| self.shared.error(e))
        })
    }

    fn last_good(&self, target: &TargetId) -> Result<Option<Snapshot>, StoreError> {
        let found = self.shared.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, body FROM snapshot WHERE target = ?1 AND good_at IS NOT NULL
                 ORDER BY good_at DESC, last_at DESC LIMIT 1",
            )?;
            statement
                .query_row([target.as_str()], id_and_body)
                .optional()
        })?;
        self.decode(found)
    }
}
