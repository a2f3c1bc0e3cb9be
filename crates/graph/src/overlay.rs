//! What-if: a graph with changes on top that never touch the graph below.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::{Edge, NodeKey, SettingKey, TargetId, Timestamp};

use crate::compact::CompactGraph;
use crate::identity::{LineKey, canonical};
use crate::impact::{Impact, ImpactSpec};
use crate::line::{EdgeLine, SettingLine};
use crate::memory::{Graph, edges_of, set_value, snapshot_of};
use crate::op::Op;
use crate::setting::{SettingState, SettingVersion};
use crate::store::{EdgeFilter, GraphSnapshot};

/// A what-if copy of a graph. A line is copied when it is first written to; all else is read from the
/// graph below.
#[derive(Clone, Debug)]
pub struct Overlay<'a> {
    base: &'a Graph,
    nodes: BTreeSet<NodeKey>,
    edges: BTreeMap<LineKey, EdgeLine>,
    settings: BTreeMap<(TargetId, SettingKey), SettingLine>,
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(base: &'a Graph) -> Self {
        Self {
            base,
            nodes: BTreeSet::new(),
            edges: BTreeMap::new(),
            settings: BTreeMap::new(),
        }
    }

    /// The graph below.
    #[must_use]
    pub const fn base(&self) -> &'a Graph {
        self.base
    }

    /// Does one thing to the copy.
    pub fn put(&mut self, op: &Op) {
        self.nodes.extend(op.nodes());
        match op {
            Op::UpsertNode(_) => {}
            Op::SetValue { target, key, .. } => {
                let key = (target.clone(), key.clone());
                let below = || self.base.settings.get(&key).cloned().unwrap_or_default();
                set_value(self.settings.entry(key.clone()).or_insert_with(below), op);
            }
            Op::OpenEdge { scope, edge } => {
                self.line(LineKey::of(scope, edge))
                    .open(canonical(edge.clone()));
            }
            Op::CloseEdge {
                scope,
                from,
                to,
                kind,
                at,
            } => {
                self.line(LineKey::new(scope.clone(), from.clone(), to.clone(), *kind))
                    .close(*at);
            }
        }
    }

    /// The edges visible at `at` that pass the filter, in canonical order.
    #[must_use]
    pub fn edges(&self, at: Timestamp, filter: &EdgeFilter) -> Vec<Edge> {
        edges_of(over(&self.base.edges, &self.edges), at, filter)
    }

    /// The version of one line visible at `at`.
    #[must_use]
    pub fn edge(&self, line: &LineKey, at: Timestamp) -> Option<&Edge> {
        match self.edges.get(line) {
            Some(own) => own.at(at),
            None => self.base.edge(line, at),
        }
    }

    /// Every version of one line, oldest first.
    #[must_use]
    pub fn versions(&self, line: &LineKey) -> Vec<Edge> {
        let own = self.edges.get(line).or_else(|| self.base.edges.get(line));
        own.map(|l| l.all().cloned().collect()).unwrap_or_default()
    }

    /// Every entry of a setting, oldest first.
    #[must_use]
    pub fn history(&self, target: &TargetId, key: &SettingKey) -> Vec<SettingVersion> {
        let key = (target.clone(), key.clone());
        let own = self.settings.get(&key);
        let line = own.or_else(|| self.base.settings.get(&key));
        line.map(SettingLine::all).unwrap_or_default()
    }

    /// How a setting stands at `at`; `None` when nothing is set.
    #[must_use]
    pub fn setting_state(
        &self,
        target: &TargetId,
        key: &SettingKey,
        at: Timestamp,
    ) -> Option<SettingState> {
        let key = (target.clone(), key.clone());
        self.settings
            .get(&key)
            .or_else(|| self.base.settings.get(&key))?
            .at(at)?
            .state()
    }

    /// Everything that holds at `at`.
    #[must_use]
    pub fn snapshot(&self, at: Timestamp) -> GraphSnapshot {
        let nodes = self.base.nodes.union(&self.nodes);
        let edges = over(&self.base.edges, &self.edges);
        snapshot_of(nodes, edges, over(&self.base.settings, &self.settings), at)
    }

    /// What a change of the start nodes can reach in the copy, ranked.
    #[must_use]
    pub fn impact(&self, start: &[NodeKey], spec: &ImpactSpec) -> Vec<Impact> {
        let edges = self.edges(spec.at, &EdgeFilter::view(spec.view.clone()));
        CompactGraph::from_edges(edges, spec.view.target()).impact(start, spec)
    }

    fn line(&mut self, key: LineKey) -> &mut EdgeLine {
        let below = self.base.edges.get(&key);
        self.edges
            .entry(key)
            .or_insert_with(|| below.cloned().unwrap_or_default())
    }
}

/// The entries of both maps; where a key is in both, the upper one.
fn over<'m, K: Ord, V>(
    below: &'m BTreeMap<K, V>,
    above: &'m BTreeMap<K, V>,
) -> impl Iterator<Item = (&'m K, &'m V)> {
    below
        .iter()
        .filter(|(key, _)| !above.contains_key(*key))
        .chain(above)
}
