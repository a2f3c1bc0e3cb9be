//! Questions to the database. What is answered is selected there, and put in order here.

use std::collections::BTreeMap;

use backstay_graph::store::{SettingEntry, effective};
use backstay_graph::{EdgeFilter, EdgeScope, GraphSnapshot, Op, SettingVersion, StoredEdge, View};
use backstay_model::{Edge, EdgeKind, NodeKey, SettingKey, TargetId, Timestamp};
use neo4rs::{BoltNull, BoltType, Txn};
use serde::Deserialize;

use crate::address::Deployment;
use crate::error::NeoError;
use crate::rows::{self, EdgeRow, SettingRow, setting_columns};
use crate::schema::pattern;
use crate::session::Session;
use crate::store::Standing;
use crate::uid::{self, Kind};
use crate::write::entered;

/// How often a long answer is begun anew because a batch came in between.
const CALM_MAX: u32 = 5;

#[derive(Deserialize)]
struct Seq {
    seq: i64,
}

#[derive(Deserialize)]
struct NodeRow {
    kind: String,
    name: String,
}

/// Number of the last batch applied; 0 when there is none.
pub(crate) async fn applied_seq(
    session: &Session,
    deployment: &Deployment,
) -> Result<u64, NeoError> {
    let mut txn = session.begin().await?;
    let seq = seq(session, &mut txn, deployment).await;
    session.undo(txn).await;
    seq
}

async fn seq(session: &Session, txn: &mut Txn, deployment: &Deployment) -> Result<u64, NeoError> {
    let statement = "OPTIONAL MATCH (m:Backstay {uid: $uid}) RETURN coalesce(m.seq, 0) AS seq";
    let parameters = vec![("uid", uid::applied(deployment).into())];
    let found: Vec<Seq> = session.ask(txn, (statement, parameters)).await?;
    Ok(found.first().map_or(0, |s| s.seq.cast_unsigned()))
}

#[derive(Deserialize)]
pub(crate) struct StandingRow {
    seq: i64,
    journal: Option<String>,
    head: Option<String>,
}

impl From<StandingRow> for Standing {
    fn from(row: StandingRow) -> Self {
        Self {
            seq: row.seq.cast_unsigned(),
            journal: row.journal,
            head: row.head,
        }
    }
}

/// How far a deployment is, and from which journal.
pub(crate) async fn standing(
    session: &Session,
    deployment: &Deployment,
) -> Result<Standing, NeoError> {
    let statement = "MATCH (m:Backstay {uid: $uid}) \
                     RETURN m.seq AS seq, m.journal AS journal, m.head AS head";
    let parameters = vec![("uid", uid::applied(deployment).into())];
    let mut txn = session.begin().await?;
    let found = session.ask(&mut txn, (statement, parameters)).await;
    session.undo(txn).await;
    let found: Vec<StandingRow> = found?;
    let row = found.into_iter().next();
    Ok(row.map(Standing::from).unwrap_or_default())
}

/// The scopes that can be part of a view; null = all of them.
pub(crate) fn scopes(view: &View) -> BoltType {
    let scopes = match view {
        View::All => return BoltType::Null(BoltNull),
        View::Scope(scope) => vec![scope.clone()],
        View::Effective {
            engine,
            major,
            target,
        } => vec![
            EdgeScope::rules(*engine, *major),
            EdgeScope::learnt(*engine, *major),
            EdgeScope::Target(target.clone()),
        ],
    };
    scopes.into_iter().map(|s| s.to_string()).collect()
}

/// What is visible at `$at` in `$scopes`.
pub(crate) const VISIBLE: &str = "e.valid_from <= $at AND e.valid_to > $at \
                                  AND ($scopes IS NULL OR e.scope IN $scopes)";

fn prefixes(deployment: &Deployment) -> BoltType {
    Kind::ENDS
        .map(|k| k.prefix(deployment))
        .into_iter()
        .collect()
}

/// The edges of a view at one moment.
pub(crate) async fn edges(
    session: &Session,
    deployment: &Deployment,
    (at, filter): (Timestamp, &EdgeFilter),
) -> Result<Vec<Edge>, NeoError> {
    let mut txn = session.begin().await?;
    let found = visible(session, &mut txn, (deployment, at, filter)).await;
    session.undo(txn).await;
    let found = found?;
    Ok(effective(found.iter().map(|(s, e)| (s, e)), filter))
}

/// The edges of every scope of a view that are visible at one moment, and touch its node if one is named.
pub(crate) async fn visible(
    session: &Session,
    txn: &mut Txn,
    (deployment, at, filter): (&Deployment, Timestamp, &EdgeFilter),
) -> Result<Vec<(EdgeScope, Edge)>, NeoError> {
    let types = pattern(EdgeKind::ALL);
    let (columns, ends) = (rows::VERSION, rows::ENDS);
    let mut parameters = vec![("at", at.0.into()), ("scopes", scopes(&filter.view))];
    let statement = match &filter.node {
        // Of a loop both directions are the same relationship: it comes once.
        Some(node) => {
            parameters.push(("uid", uid::node(deployment, node).into()));
            format!(
                "MATCH (n:Backstay {{uid: $uid}})-[e:{types}]-() WHERE {VISIBLE} \
                 WITH DISTINCT e, startNode(e) AS a, endNode(e) AS b RETURN {ends}, {columns}"
            )
        }
        None => {
            parameters.push(("prefixes", prefixes(deployment)));
            format!(
                "UNWIND $prefixes AS p MATCH (a:Backstay) WHERE a.uid STARTS WITH p \
                 MATCH (a)-[e:{types}]->(b) WHERE {VISIBLE} RETURN {ends}, {columns}"
            )
        }
    };
    let found: Vec<EdgeRow> = session.ask(txn, (&statement, parameters)).await?;
    found.into_iter().map(EdgeRow::scoped).collect()
}

/// Everything that holds at one moment. Between its parts no batch has come in.
pub(crate) async fn snapshot(
    session: &Session,
    deployment: &Deployment,
    at: Timestamp,
) -> Result<GraphSnapshot, NeoError> {
    for _ in 0..CALM_MAX {
        let mut txn = session.begin().await?;
        let parts = parts(session, &mut txn, (deployment, at)).await;
        session.undo(txn).await;
        if let Some(snapshot) = parts? {
            return Ok(snapshot);
        }
    }
    Err(restless())
}

fn restless() -> NeoError {
    NeoError::Busy {
        attempts: CALM_MAX,
        source: "batches come in faster than the graph can be read".into(),
    }
}

/// The parts of a snapshot; `None` when a batch came in between.
async fn parts(
    session: &Session,
    txn: &mut Txn,
    (deployment, at): (&Deployment, Timestamp),
) -> Result<Option<GraphSnapshot>, NeoError> {
    let before = seq(session, txn, deployment).await?;
    let nodes = nodes(session, txn, deployment).await?;
    let all = EdgeFilter::view(View::All);
    let edges = visible(session, txn, (deployment, at, &all)).await?;
    let edges = edges.into_iter().map(|(s, e)| StoredEdge::new(&s, e));
    let settings = settings_at(session, txn, (deployment, at)).await?;
    if seq(session, txn, deployment).await? != before {
        return Ok(None);
    }
    Ok(Some(GraphSnapshot::canonical(
        at,
        nodes,
        edges.collect(),
        settings,
    )))
}

async fn nodes(
    session: &Session,
    txn: &mut Txn,
    deployment: &Deployment,
) -> Result<Vec<NodeKey>, NeoError> {
    let statement = "UNWIND $prefixes AS p MATCH (n:Backstay) WHERE n.uid STARTS WITH p \
                     RETURN n.kind AS kind, n.name AS name";
    let parameters = vec![("prefixes", prefixes(deployment))];
    let found: Vec<NodeRow> = session.ask(txn, (statement, parameters)).await?;
    let nodes = found.iter().map(|row| rows::node(&row.kind, &row.name));
    nodes.collect()
}

async fn settings_at(
    session: &Session,
    txn: &mut Txn,
    (deployment, at): (&Deployment, Timestamp),
) -> Result<Vec<SettingEntry>, NeoError> {
    let now = format!(
        "MATCH (n:Backstay) WHERE n.uid STARTS WITH $prefix AND n.changed_at <= $at RETURN {}",
        setting_columns("changed_at")
    );
    let then = format!(
        "MATCH (n:Backstay) WHERE n.uid STARTS WITH $prefix AND n.at <= $at AND n.valid_to > $at \
         RETURN {}",
        setting_columns("at")
    );
    let mut entries = BTreeMap::new();
    for (statement, kind) in [(now, Kind::Setting), (then, Kind::Change)] {
        let parameters = vec![
            ("prefix", kind.prefix(deployment).into()),
            ("at", at.0.into()),
        ];
        let found: Vec<SettingRow> = session.ask(txn, (&statement, parameters)).await?;
        for row in found {
            let (place, version) = row.entry()?;
            if version.valid_to > at {
                entries.insert(place, version);
            }
        }
    }
    let entries = entries.into_iter().filter_map(|((target, key), version)| {
        let state = version.state()?;
        Some(SettingEntry { target, key, state })
    });
    Ok(entries.collect())
}

/// Every entry of a setting, oldest first.
pub(crate) async fn history(
    session: &Session,
    deployment: &Deployment,
    place: &(TargetId, SettingKey),
) -> Result<Vec<SettingVersion>, NeoError> {
    let mut txn = session.begin().await?;
    let found = entries(session, &mut txn, uid::setting(deployment, place)).await;
    session.undo(txn).await;
    Ok(found?.into_values().collect())
}

async fn entries(
    session: &Session,
    txn: &mut Txn,
    uid: String,
) -> Result<BTreeMap<Timestamp, SettingVersion>, NeoError> {
    let latest = format!(
        "MATCH (n:Backstay {{uid: $uid}}) RETURN {}",
        setting_columns("changed_at")
    );
    let changes = format!(
        "MATCH (n:Change)-[:CHANGED]->(:Backstay {{uid: $uid}}) RETURN {}",
        setting_columns("at")
    );
    let mut found = BTreeMap::new();
    for statement in [latest, changes] {
        let parameters = vec![("uid", uid.as_str().into())];
        let some: Vec<SettingRow> = session.ask(txn, (&statement, parameters)).await?;
        for row in some {
            let (_, version) = row.entry()?;
            found.insert(version.changed_at, version);
        }
    }
    Ok(found)
}

/// Everything as ops, nodes first, then each line and each setting from its beginning, and the number of
/// the last batch.
pub(crate) async fn everything(
    session: &Session,
    deployment: &Deployment,
) -> Result<(Vec<Op>, u64), NeoError> {
    for _ in 0..CALM_MAX {
        let mut txn = session.begin().await?;
        let ops = all_ops(session, &mut txn, deployment).await;
        session.undo(txn).await;
        if let Some(found) = ops? {
            return Ok(found);
        }
    }
    Err(restless())
}

async fn all_ops(
    session: &Session,
    txn: &mut Txn,
    deployment: &Deployment,
) -> Result<Option<(Vec<Op>, u64)>, NeoError> {
    let before = seq(session, txn, deployment).await?;
    let nodes = nodes(session, txn, deployment).await?;
    let mut ops: Vec<Op> = nodes.into_iter().map(Op::UpsertNode).collect();
    let statement = format!(
        "UNWIND $prefixes AS p MATCH (a:Backstay) WHERE a.uid STARTS WITH p \
         MATCH (a)-[e:{}]->(b) RETURN {}, {} ORDER BY e.valid_from",
        pattern(EdgeKind::ALL),
        rows::ENDS,
        rows::VERSION
    );
    let parameters = vec![("prefixes", prefixes(deployment))];
    let found: Vec<EdgeRow> = session.ask(txn, (&statement, parameters)).await?;
    for row in found {
        let (scope, edge) = row.scoped()?;
        ops.push(Op::open(&scope, edge));
    }
    for (kind, at) in [(Kind::Change, "at"), (Kind::Setting, "changed_at")] {
        let statement = format!(
            "MATCH (n:Backstay) WHERE n.uid STARTS WITH $prefix RETURN {}",
            setting_columns(at)
        );
        let parameters = vec![("prefix", kind.prefix(deployment).into())];
        let found: Vec<SettingRow> = session.ask(txn, (&statement, parameters)).await?;
        for row in found {
            let (place, version) = row.entry()?;
            ops.push(entered(&place, &version));
        }
    }
    let after = seq(session, txn, deployment).await?;
    Ok((after == before).then_some((ops, before)))
}
