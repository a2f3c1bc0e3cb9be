//! What a change can reach: the edges of the cone are fetched one level at a time, at most five round
//! trips, and ranked by the one function that ranks for every store.

use std::collections::{BTreeMap, BTreeSet};

use backstay_graph::identity::LineKey;
use backstay_graph::impact::{DEPTH_MAX, rank};
use backstay_graph::store::effective;
use backstay_graph::{EdgeFilter, EdgeId, EdgeScope, Impact, ImpactSpec, Walk};
use backstay_model::{Edge, EdgeKind, NodeKey};
use neo4rs::{BoltType, Txn};

use crate::address::Deployment;
use crate::error::NeoError;
use crate::read::{VISIBLE, scopes, visible};
use crate::rows::{self, EdgeRow};
use crate::schema::pattern;
use crate::session::Session;
use crate::uid;

/// The edges that were found, by identity: of a view of several scopes all that have the same ends.
type Found = BTreeMap<EdgeId, (EdgeScope, Edge)>;

/// What the start nodes reach.
pub(crate) async fn impact(
    session: &Session,
    deployment: &Deployment,
    (start, spec): (&[NodeKey], &ImpactSpec),
) -> Result<Vec<Impact>, NeoError> {
    let mut txn = session.begin().await?;
    let found = cone(session, &mut txn, (deployment, start, spec)).await;
    session.undo(txn).await;
    let found = found?;
    let filter = EdgeFilter::view(spec.view.clone());
    let edges = effective(found.values().map(|(s, e)| (s, e)), &filter);
    Ok(rank(edges, start, spec))
}

async fn cone(
    session: &Session,
    txn: &mut Txn,
    (deployment, start, spec): (&Deployment, &[NodeKey], &ImpactSpec),
) -> Result<Found, NeoError> {
    let mut found = Found::new();
    let mut seen: BTreeSet<NodeKey> = start.iter().cloned().collect();
    // The services of a target feel its metrics by the edges that join them to the target.
    if let Some(target) = spec.view.target() {
        let target = [NodeKey::Target(target.clone())];
        step(session, txn, (deployment, &target, spec), &mut found).await?;
    }
    // Services feel a metric that the graph knows: a start that is one must bring its edges along.
    for metric in start.iter().filter(|n| matches!(n, NodeKey::Metric(_))) {
        let filter = EdgeFilter {
            node: Some(metric.clone()),
            ..EdgeFilter::view(spec.view.clone())
        };
        let touching = visible(session, txn, (deployment, spec.at, &filter)).await?;
        found.extend(touching.into_iter().map(identified));
    }
    let mut frontier: Vec<NodeKey> = start.to_vec();
    for _ in 0..spec.depth.min(DEPTH_MAX) {
        if frontier.is_empty() {
            break;
        }
        step(session, txn, (deployment, &frontier, spec), &mut found).await?;
        let ends = found
            .values()
            .flat_map(|(_, e)| [e.from.clone(), e.to.clone()]);
        frontier = ends.filter(|n| seen.insert(n.clone())).collect();
    }
    Ok(found)
}

/// Fetches the edges over which an impact may leave `frontier`, all of them of the view.
async fn step(
    session: &Session,
    txn: &mut Txn,
    (deployment, frontier, spec): (&Deployment, &[NodeKey], &ImpactSpec),
    found: &mut Found,
) -> Result<(), NeoError> {
    // A service is left by nobody, a metric only towards a service.
    let uids = |wanted: fn(&NodeKey) -> bool| -> BoltType {
        let nodes = frontier.iter().filter(|n| wanted(n));
        nodes.map(|n| uid::node(deployment, n)).collect()
    };
    let free = uids(|n| !matches!(n, NodeKey::Metric(_) | NodeKey::Service(_)));
    let metrics = uids(|n| matches!(n, NodeKey::Metric(_)));
    let kinds = |wanted: fn(Walk) -> bool| {
        pattern(EdgeKind::ALL.into_iter().filter(|k| wanted(Walk::of(*k))))
    };
    let (along, against) = (kinds(Walk::forward), kinds(Walk::backward));
    let (columns, ends) = (rows::VERSION, rows::ENDS);
    let leaving = |label: &str| {
        format!(
            "UNWIND $uids AS u MATCH (a:Backstay {{uid: u}})-[e:{along}]->(b:Backstay{label}) \
             WHERE {VISIBLE} RETURN {ends}, {columns} \
             UNION ALL \
             UNWIND $uids AS u MATCH (b:Backstay {{uid: u}})<-[e:{against}]-(a:Backstay{label}) \
             WHERE {VISIBLE} RETURN {ends}, {columns}"
        )
    };
    for (label, uids) in [("", free), (":Service", metrics)] {
        let parameters = vec![
            ("uids", uids),
            ("at", spec.at.0.into()),
            ("scopes", scopes(&spec.view)),
        ];
        let rows: Vec<EdgeRow> = session.ask(txn, (&leaving(label), parameters)).await?;
        for row in rows {
            found.extend([identified(row.scoped()?)]);
        }
    }
    Ok(())
}

fn identified((scope, edge): (EdgeScope, Edge)) -> (EdgeId, (EdgeScope, Edge)) {
    let id = EdgeId::of(&LineKey::of(&scope, &edge), edge.valid_from);
    (id, (scope, edge))
}
