//! The graph in SQLite: the same answers as the graph in memory, from tables that outlive it.

use std::collections::BTreeSet;

use backstay_graph::store::{SettingEntry, effective};
use backstay_graph::{
    Applied, ApplyError, Batch, EdgeFilter, EdgeId, EdgeScope, GraphSnapshot, GraphStore, Op,
    ReadError, SettingVersion, identity,
};
use backstay_journal::StoreError;
use backstay_model::{Edge, NodeKey, Seq, SettingKey, TargetId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::connection::Shared;
use crate::graph_rows::{self, EDGE_COLUMNS, VERSION_COLUMNS, json, node_text};

/// Most nodes remembered as already stored, so that a burst of changes does not store them again.
const KNOWN_NODES_MAX: usize = 65_536;

/// The dependency graph of a state directory. `applied_seq` moves in the same transaction as the
/// batch, so after a crash a replay of the log goes on exactly where it stopped. A loss of power may
/// cost the batches since the last commit of the log; what is left is whole, and `applied_seq` says
/// how far it goes.
#[derive(Debug)]
pub struct SqliteGraph {
    shared: Shared,
    known: BTreeSet<NodeKey>,
}

impl SqliteGraph {
    pub(crate) const fn new(shared: Shared) -> Self {
        Self {
            shared,
            known: BTreeSet::new(),
        }
    }

    /// Applies a batch and notes, in the same transaction, that it holds the log up to `through`. After
    /// a crash [`crate::ingest::catch_up`] goes on from there.
    ///
    /// # Errors
    /// As [`GraphStore::apply`].
    pub fn apply_through(&mut self, batch: &Batch, through: Seq) -> Result<Applied, ApplyError> {
        self.put(batch, Some(through))
    }

    /// Replaces the graph by what `ops` make of an empty one, as of batch `seq`: a copy of another store,
    /// or nothing, which is then made anew from the log.
    ///
    /// # Errors
    /// `ApplyError::Store`; the graph is as it was.
    pub fn restore(&mut self, ops: &[Op], seq: u64) -> Result<(), ApplyError> {
        let shared = &self.shared;
        let restored = shared.write(|transaction| restore(transaction, ops, seq));
        restored.map_err(|failure| refused(shared, failure))?;
        self.known.clear();
        Ok(())
    }

    /// The last entry of the log that is in the graph, by [`Self::apply_through`]; 0 when none is.
    ///
    /// # Errors
    /// `ReadError` when it cannot be read.
    pub fn through(&self) -> Result<Seq, ReadError> {
        self.read(|connection| position(connection, LOG_STREAM))
            .map(Seq)
    }

    fn put(&mut self, batch: &Batch, through: Option<Seq>) -> Result<Applied, ApplyError> {
        let (shared, known) = (&self.shared, &self.known);
        let result = shared.write(|transaction| apply(transaction, batch, through, known));
        let (admitted, fresh) = result.map_err(|failure| refused(shared, failure))?;
        if self.known.len() + fresh.len() > KNOWN_NODES_MAX {
            self.known.clear();
        }
        self.known.extend(fresh);
        Ok(admitted)
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, ReadError> {
        self.shared.read(read).map_err(|error| match error {
            StoreError::Corrupt { what, source } => ReadError::Corrupt {
                what: format!("{what}: {source}"),
            },
            other => ReadError::Unavailable {
                source: Box::new(other),
            },
        })
    }
}

/// What can go wrong inside the transaction of a batch.
enum Failure {
    Sqlite(rusqlite::Error),
    Store(StoreError),
    Refused(ApplyError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Streams of the table of positions: batches, and entries of the log that are in them.
const BATCH_STREAM: i64 = 0;
const LOG_STREAM: i64 = 1;

fn position(connection: &Connection, stream: i64) -> Result<u64, rusqlite::Error> {
    let mut statement = connection.prepare_cached("SELECT seq FROM applied WHERE stream = ?1")?;
    let seq: Option<i64> = statement.query_row([stream], |row| row.get(0)).optional()?;
    Ok(seq.unwrap_or(0).cast_unsigned())
}

/// Puts one batch, and remembers the nodes that are now stored.
struct Putter<'a> {
    transaction: &'a Transaction<'a>,
    seq: i64,
    known: &'a BTreeSet<NodeKey>,
    fresh: BTreeSet<NodeKey>,
}

impl Putter<'_> {
    fn put(&mut self, op: &Op) -> Result<(), rusqlite::Error> {
        for node in op.nodes() {
            self.node(node)?;
        }
        match op {
            Op::UpsertNode(_) => Ok(()),
            Op::SetValue { .. } => self.set(op),
            Op::OpenEdge { scope, edge } => self.open(scope, identity::canonical(edge.clone())),
            Op::CloseEdge {
                scope,
                from,
                to,
                kind,
                at,
            } => {
                let line = identity::LineKey::new(scope.clone(), from.clone(), to.clone(), *kind);
                self.close(&line, *at)
            }
        }
    }

    fn node(&mut self, node: NodeKey) -> Result<(), rusqlite::Error> {
        if self.known.contains(&node) || self.fresh.contains(&node) {
            return Ok(());
        }
        let sql = "INSERT OR IGNORE INTO node (kind, name) VALUES (?1, ?2)";
        self.transaction
            .prepare_cached(sql)?
            .execute([node.kind(), node.name()])?;
        self.fresh.insert(node);
        Ok(())
    }

    fn set(&self, op: &Op) -> Result<(), rusqlite::Error> {
        let Op::SetValue {
            target,
            key,
            new,
            author,
            at,
            change_set,
            ..
        } = op
        else {
            return Ok(());
        };
        let mut statement = self.transaction.prepare_cached(
            "INSERT OR REPLACE INTO setting
                 (target, name, place, changed_at, value, author, change_set, seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        statement.execute(params![
            target.as_str(),
            key.name.as_str(),
            json(&key.scope)?,
            at.0,
            new.as_ref().map(json).transpose()?,
            json(author)?,
            change_set.map(|id| id.0.cast_signed()),
            self.seq,
        ])?;
        Ok(())
    }

    /// `Op::OpenEdge`: see there what becomes of its neighbours in the line.
    fn open(&self, scope: &EdgeScope, edge: Edge) -> Result<(), rusqlite::Error> {
        let line = identity::LineKey::of(scope, &edge);
        let (scope, src, dst) = (
            scope.to_string(),
            node_text(&line.from),
            node_text(&line.to),
        );
        let (kind, from) = (edge.kind.word(), edge.valid_from.0);
        let sql = "SELECT min(valid_from) FROM edge
                   WHERE scope = ?1 AND src = ?2 AND dst = ?3 AND kind = ?4 AND valid_from > ?5";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let next: Option<i64> =
            statement.query_row(params![scope, src, dst, kind, from], |row| row.get(0))?;
        let to = edge.valid_to.0.min(next.unwrap_or(i64::MAX));
        if to <= from {
            return Ok(());
        }
        let sql = "UPDATE edge SET valid_to = ?5
                   WHERE scope = ?1 AND src = ?2 AND dst = ?3 AND kind = ?4
                     AND valid_from < ?5 AND valid_to > ?5";
        self.transaction
            .prepare_cached(sql)?
            .execute(params![scope, src, dst, kind, from])?;
        let mut statement = self.transaction.prepare_cached(
            "INSERT OR REPLACE INTO edge
                 (edge_id, scope, src, dst, kind, confidence, constraint_id, rule, evidence,
                  valid_from, valid_to, seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        let id = EdgeId::of(&line, edge.valid_from);
        let evidence = json(&edge.evidence)?;
        let (confidence, constraint, rule) = (edge.confidence.get(), &edge.constraint, &edge.rule);
        statement.execute(params![
            id.0, scope, src, dst, kind, confidence, constraint, rule, evidence, from, to, self.seq
        ])?;
        Ok(())
    }

    /// `Op::CloseEdge`: the version that begins at `at` goes, else the visible one ends there.
    fn close(&self, line: &identity::LineKey, at: Timestamp) -> Result<(), rusqlite::Error> {
        let (scope, src, dst) = (
            line.scope.to_string(),
            node_text(&line.from),
            node_text(&line.to),
        );
        let kind = line.kind.word();
        let sql = "DELETE FROM edge
                   WHERE scope = ?1 AND src = ?2 AND dst = ?3 AND kind = ?4 AND valid_from = ?5";
        let mut statement = self.transaction.prepare_cached(sql)?;
        if statement.execute(params![scope, src, dst, kind, at.0])? > 0 {
            return Ok(());
        }
        let sql = "UPDATE edge SET valid_to = ?5
                   WHERE scope = ?1 AND src = ?2 AND dst = ?3 AND kind = ?4
                     AND valid_from < ?5 AND valid_to > ?5";
        self.transaction
            .prepare_cached(sql)?
            .execute(params![scope, src, dst, kind, at.0])?;
        Ok(())
    }

    fn move_to(&self, stream: i64, seq: i64) -> Result<(), rusqlite::Error> {
        let sql = "INSERT INTO applied (stream, seq) VALUES (?1, ?2)
                   ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq";
        self.transaction
            .prepare_cached(sql)?
            .execute([stream, seq])
            .map(drop)
    }
}

type Admitted = (Applied, BTreeSet<NodeKey>);

fn apply(
    transaction: &Transaction<'_>,
    batch: &Batch,
    through: Option<Seq>,
    known: &BTreeSet<NodeKey>,
) -> Result<Admitted, Failure> {
    let have = position(transaction, BATCH_STREAM)?;
    let admitted = batch.admit(have).map_err(Failure::Refused)?;
    if admitted == Applied::Before {
        return Ok((admitted, BTreeSet::new()));
    }
    let fresh = BTreeSet::new();
    let mut putter = Putter {
        transaction,
        seq: batch.seq.cast_signed(),
        known,
        fresh,
    };
    for op in &batch.ops {
        putter.put(op)?;
    }
    putter.move_to(BATCH_STREAM, putter.seq)?;
    if let Some(through) = through {
        putter.move_to(LOG_STREAM, through.0.cast_signed())?;
    }
    Ok((admitted, putter.fresh))
}

/// Why ops were not applied, as those who gave them are told.
fn refused(shared: &Shared, failure: Failure) -> ApplyError {
    let source = match failure {
        Failure::Refused(error) => return error,
        Failure::Store(error) => error,
        Failure::Sqlite(error) => shared.error(error),
    };
    ApplyError::Store {
        source: Box::new(source),
    }
}

fn restore(transaction: &Transaction<'_>, ops: &[Op], seq: u64) -> Result<(), Failure> {
    for table in ["node", "edge", "setting", "applied"] {
        transaction.execute(&format!("DELETE FROM {table}"), [])?;
    }
    let mut putter = Putter {
        transaction,
        seq: seq.cast_signed(),
        known: &BTreeSet::new(),
        fresh: BTreeSet::new(),
    };
    for op in ops {
        putter.put(op)?;
    }
    Ok(putter.move_to(BATCH_STREAM, putter.seq)?)
}

impl GraphStore for SqliteGraph {
    fn apply(&mut self, batch: &Batch) -> Result<Applied, ApplyError> {
        self.put(batch, None)
    }

    fn applied_seq(&self) -> Result<u64, ReadError> {
        self.read(|connection| position(connection, BATCH_STREAM))
    }

    fn edges(&self, at: Timestamp, filter: &EdgeFilter) -> Result<Vec<Edge>, ReadError> {
        let visible: Vec<(EdgeScope, Edge)> = self.read(|connection| {
            let sql =
                format!("SELECT {EDGE_COLUMNS} FROM edge WHERE valid_to > ?1 AND valid_from <= ?1");
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_map([at.0], graph_rows::edge)?.collect()
        })?;
        Ok(effective(
            visible.iter().map(|(scope, edge)| (scope, edge)),
            filter,
        ))
    }

    fn snapshot(&self, at: Timestamp) -> Result<GraphSnapshot, ReadError> {
        self.read(|connection| {
            // One read transaction, so that the three parts belong together.
            let connection = connection.unchecked_transaction()?;
            let mut statement = connection.prepare_cached("SELECT kind, name FROM node")?;
            let nodes = statement.query_map([], |row| {
                graph_rows::node(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?, 0)
            })?;
            let nodes = nodes.collect::<Result<Vec<_>, _>>()?;
            let sql =
                format!("SELECT {EDGE_COLUMNS} FROM edge WHERE valid_to > ?1 AND valid_from <= ?1");
            let mut statement = connection.prepare_cached(&sql)?;
            let edges = statement.query_map([at.0], graph_rows::stored_edge)?;
            let edges = edges.collect::<Result<Vec<_>, _>>()?;
            let settings = settings_at(&connection, at)?;
            Ok(GraphSnapshot::canonical(at, nodes, edges, settings))
        })
    }

    fn history(
        &self,
        target: &TargetId,
        key: &SettingKey,
    ) -> Result<Vec<SettingVersion>, ReadError> {
        let versions = self.read(|connection| {
            let sql = format!(
                "SELECT {VERSION_COLUMNS} FROM (
                     SELECT value, author, change_set, changed_at,
                            lead(changed_at) OVER (ORDER BY changed_at) AS valid_to
                     FROM setting WHERE target = ?1 AND name = ?2 AND place = ?3
                 ) ORDER BY changed_at"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let wanted = params![target.as_str(), key.name.as_str(), json(&key.scope)?];
            let versions = statement.query_map(wanted, |row| graph_rows::version(row, 0))?;
            versions.collect::<Result<Vec<_>, _>>()
        })?;
        Ok(versions
            .into_iter()
            .filter(|v| v.valid_to > v.changed_at)
            .collect())
    }
}

fn settings_at(
    connection: &Connection,
    at: Timestamp,
) -> Result<Vec<SettingEntry>, rusqlite::Error> {
    let sql = format!(
        "SELECT target, name, place, {VERSION_COLUMNS} FROM (
             SELECT *, lead(changed_at) OVER
                 (PARTITION BY target, name, place ORDER BY changed_at) AS valid_to
             FROM setting
         ) WHERE changed_at <= ?1 AND coalesce(valid_to, {open}) > ?1",
        open = i64::MAX
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([at.0], |row| {
        let target = TargetId::new(row.get_ref(0)?.as_str()?);
        Ok((
            target,
            graph_rows::setting_key(row, 1)?,
            graph_rows::version(row, 3)?,
        ))
    })?;
    let mut entries = Vec::new();
    for row in rows {
        let (target, key, version) = row?;
        entries.extend(
            version
                .state()
                .map(|state| SettingEntry { target, key, state }),
        );
    }
    Ok(entries)
}

#[cfg(test)]
mod tests;
