//! The graph in memory: the working copy that every decision reads, and the reference of all stores.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::{Edge, NodeKey, SettingKey, TargetId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::compact::CompactGraph;
use crate::identity::{EdgeScope, LineKey, canonical};
use crate::impact::{Impact, ImpactSpec};
use crate::line::{EdgeLine, SettingLine};
use crate::op::{Applied, ApplyError, Batch, Op};
use crate::overlay::Overlay;
use crate::setting::{SettingState, SettingVersion};
use crate::store::{
    EdgeFilter, GraphDiff, GraphSnapshot, GraphStore, ReadError, SettingEntry, StoredEdge, View,
    effective,
};

/// Nodes, versions of edges and histories of settings, in memory.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Graph {
    pub(crate) applied_seq: u64,
    pub(crate) nodes: BTreeSet<NodeKey>,
    pub(crate) edges: BTreeMap<LineKey, EdgeLine>,
    pub(crate) settings: BTreeMap<(TargetId, SettingKey), SettingLine>,
}

impl Graph {
    /// A graph with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A graph of these edges, all of one scope, before the first batch.
    #[must_use]
    pub fn from_edges(scope: &EdgeScope, edges: impl IntoIterator<Item = Edge>) -> Self {
        let mut graph = Self::new();
        for edge in edges {
            graph.put(&Op::open(scope, edge));
        }
        graph
    }

    /// Applies a batch, all of it or nothing.
    ///
    /// # Errors
    /// `Gap` when a batch is missing in between, `Invalid` when an op cannot be kept.
    pub fn apply(&mut self, batch: &Batch) -> Result<Applied, ApplyError> {
        let admitted = batch.admit(self.applied_seq)?;
        if admitted == Applied::Now {
            batch.ops.iter().for_each(|op| self.put(op));
            self.applied_seq = batch.seq;
        }
        Ok(admitted)
    }

    /// Number of the last batch applied; 0 when there is none.
    #[must_use]
    pub fn applied_seq(&self) -> u64 {
        self.applied_seq
    }

    /// Every node ever known, in order.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeKey> {
        self.nodes.iter()
    }

    /// The edges visible at `at` that pass the filter, in canonical order.
    #[must_use]
    pub fn edges(&self, at: Timestamp, filter: &EdgeFilter) -> Vec<Edge> {
        edges_of(self.edges.iter(), at, filter)
    }

    /// The version of one line visible at `at`.
    #[must_use]
    pub fn edge(&self, line: &LineKey, at: Timestamp) -> Option<&Edge> {
        self.edges.get(line)?.at(at)
    }

    /// How a setting stands at `at`; `None` when nothing is set.
    #[must_use]
    pub fn setting_state(
        &self,
        target: &TargetId,
        key: &SettingKey,
        at: Timestamp,
    ) -> Option<SettingState> {
        self.settings
            .get(&(target.clone(), key.clone()))?
            .at(at)?
            .state()
    }

    /// Every entry of a setting, oldest first.
    #[must_use]
    pub fn history(&self, target: &TargetId, key: &SettingKey) -> Vec<SettingVersion> {
        let line = self.settings.get(&(target.clone(), key.clone()));
        line.map(SettingLine::all).unwrap_or_default()
    }

    /// Everything that holds at `at`.
    #[must_use]
    pub fn snapshot(&self, at: Timestamp) -> GraphSnapshot {
        snapshot_of(
            self.nodes.iter(),
            self.edges.iter(),
            self.settings.iter(),
            at,
        )
    }

    /// What is different between two moments.
    #[must_use]
    pub fn diff(&self, first: Timestamp, second: Timestamp) -> GraphDiff {
        GraphDiff::between(&self.snapshot(first), &self.snapshot(second))
    }

    /// The edges of a view at one moment, laid out for fast walking. Build it once per batch when many
    /// questions follow.
    #[must_use]
    pub fn compact(&self, view: &View, at: Timestamp) -> CompactGraph {
        CompactGraph::from_edges(
            self.edges(at, &EdgeFilter::view(view.clone())),
            view.target(),
        )
    }

    /// What a change of the start nodes can reach, ranked: score falling, hops rising, key rising.
    #[must_use]
    pub fn impact(&self, start: &[NodeKey], spec: &ImpactSpec) -> Vec<Impact> {
        self.compact(&spec.view, spec.at).impact(start, spec)
    }

    /// The best way by which a change of `a` reaches `b` within the depth of `spec`.
    #[must_use]
    pub fn path(&self, a: &NodeKey, b: &NodeKey, spec: &ImpactSpec) -> Option<Impact> {
        self.impact(std::slice::from_ref(a), spec)
            .into_iter()
            .find(|i| i.node == *b)
    }

    /// A what-if copy; this graph stays as it is.
    #[must_use]
    pub fn overlay(&self) -> Overlay<'_> {
        Overlay::new(self)
    }

    fn put(&mut self, op: &Op) {
        self.nodes.extend(op.nodes());
        match op {
            Op::UpsertNode(_) => {}
            Op::SetValue { target, key, .. } => {
                let line = self
                    .settings
                    .entry((target.clone(), key.clone()))
                    .or_default();
                set_value(line, op);
            }
            Op::OpenEdge { scope, edge } => {
                let line = self.edges.entry(LineKey::of(scope, edge)).or_default();
                line.open(canonical(edge.clone()));
            }
            Op::CloseEdge {
                scope,
                from,
                to,
                kind,
                at,
            } => {
                let key = LineKey::new(scope.clone(), from.clone(), to.clone(), *kind);
                if let Some(line) = self.edges.get_mut(&key) {
                    line.close(*at);
                }
            }
        }
    }
}

/// Puts the entry of a `SetValue` into its line; other ops change nothing.
pub(crate) fn set_value(line: &mut SettingLine, op: &Op) {
    if let Op::SetValue {
        new,
        author,
        at,
        change_set,
        ..
    } = op
    {
        line.set(SettingVersion {
            value: new.clone(),
            author: author.clone(),
            change_set: *change_set,
            changed_at: *at,
            valid_to: Timestamp::OPEN_END,
        });
    }
}

/// The edges of these lines visible at `at` that pass the filter, in canonical order.
pub(crate) fn edges_of<'a>(
    lines: impl Iterator<Item = (&'a LineKey, &'a EdgeLine)>,
    at: Timestamp,
    filter: &EdgeFilter,
) -> Vec<Edge> {
    effective(
        lines.filter_map(|(key, line)| Some((&key.scope, line.at(at)?))),
        filter,
    )
}

/// Everything in these lines that holds at `at`.
pub(crate) fn snapshot_of<'a>(
    nodes: impl Iterator<Item = &'a NodeKey>,
    edges: impl Iterator<Item = (&'a LineKey, &'a EdgeLine)>,
    settings: impl Iterator<Item = (&'a (TargetId, SettingKey), &'a SettingLine)>,
    at: Timestamp,
) -> GraphSnapshot {
    let edges =
        edges.filter_map(|(key, line)| Some(StoredEdge::new(&key.scope, line.at(at)?.clone())));
    let settings = settings.filter_map(|((target, key), line)| {
        let state = line.at(at)?.state()?;
        Some(SettingEntry {
            target: target.clone(),
            key: key.clone(),
            state,
        })
    });
    GraphSnapshot::canonical(
        at,
        nodes.cloned().collect(),
        edges.collect(),
        settings.collect(),
    )
}

impl GraphStore for Graph {
    fn apply(&mut self, batch: &Batch) -> Result<Applied, ApplyError> {
        Self::apply(self, batch)
    }

    fn applied_seq(&self) -> Result<u64, ReadError> {
        Ok(self.applied_seq)
    }

    fn edges(&self, at: Timestamp, filter: &EdgeFilter) -> Result<Vec<Edge>, ReadError> {
        Ok(Self::edges(self, at, filter))
    }

    fn snapshot(&self, at: Timestamp) -> Result<GraphSnapshot, ReadError> {
        Ok(Self::snapshot(self, at))
    }

    fn setting_state(
        &self,
        target: &TargetId,
        key: &SettingKey,
        at: Timestamp,
    ) -> Result<Option<SettingState>, ReadError> {
        Ok(Self::setting_state(self, target, key, at))
    }

    fn history(
        &self,
        target: &TargetId,
        key: &SettingKey,
    ) -> Result<Vec<SettingVersion>, ReadError> {
        Ok(Self::history(self, target, key))
    }
}

#[cfg(test)]
mod tests;
