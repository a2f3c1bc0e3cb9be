//! What a place that keeps a graph must be able to do. No query language leaks through here.

use std::collections::BTreeMap;

use backstay_model::name::EngineKind;
use backstay_model::{Confidence, Edge, NodeKey, SettingKey, TargetId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::direction::KindSet;
use crate::identity::{EdgeId, EdgeScope, LineKey};
use crate::impact::{self, Impact, ImpactSpec};
use crate::op::{Applied, ApplyError, Batch};
use crate::setting::{SettingState, SettingVersion};

/// Which scopes a question is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// Every edge of every scope.
    All,
    /// The edges of one scope.
    Scope(EdgeScope),
    /// What holds for one target: the rules of its engine and version, over them what the installation
    /// learnt, over that the target's own overlay; of edges of the same ends and kind the uppermost
    /// wins. Edges of confidence zero are not part of it.
    Effective {
        /// The engine.
        engine: EngineKind,
        /// Its major version.
        major: u32,
        /// The target.
        target: TargetId,
    },
}

impl View {
    /// Whether edges of `scope` can be part of this view.
    #[must_use]
    pub fn covers(&self, scope: &EdgeScope) -> bool {
        match (self, scope) {
            (Self::All, _) => true,
            (Self::Scope(wanted), _) => wanted == scope,
            (
                Self::Effective { engine, major, .. },
                EdgeScope::Rules {
                    engine: e,
                    major: m,
                }
                | EdgeScope::Learnt {
                    engine: e,
                    major: m,
                },
            ) => engine == e && major == m,
            (Self::Effective { target, .. }, EdgeScope::Target(t)) => target == t,
        }
    }

    /// The target whose services feel its metrics in this view.
    #[must_use]
    pub fn target(&self) -> Option<&TargetId> {
        match self {
            Self::Effective { target, .. } | Self::Scope(EdgeScope::Target(target)) => Some(target),
            Self::All | Self::Scope(EdgeScope::Rules { .. } | EdgeScope::Learnt { .. }) => None,
        }
    }
}

/// Which edges are wanted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct EdgeFilter {
    /// Of which scopes.
    pub view: View,
    /// Of which kinds.
    pub kinds: KindSet,
    /// At least this sure, inclusive.
    pub min_confidence: Confidence,
    /// Touching this node at either end; `None` = any.
    pub node: Option<NodeKey>,
}

impl EdgeFilter {
    /// Every edge of a view.
    #[must_use]
    pub const fn view(view: View) -> Self {
        Self {
            view,
            kinds: KindSet::ALL,
            min_confidence: Confidence::ZERO,
            node: None,
        }
    }

    /// Whether the filter lets `edge` pass, its scope aside.
    #[must_use]
    pub fn passes(&self, edge: &Edge) -> bool {
        self.kinds.contains(edge.kind)
            && edge.confidence >= self.min_confidence
            && self
                .node
                .as_ref()
                .is_none_or(|n| *n == edge.from || *n == edge.to)
    }
}

/// A version of an edge as it is kept.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StoredEdge {
    /// Its identity.
    pub id: EdgeId,
    /// Where it belongs.
    pub scope: EdgeScope,
    /// The version, in canonical form.
    pub edge: Edge,
}

impl StoredEdge {
    /// `edge` as it is kept in `scope`.
    #[must_use]
    pub fn new(scope: &EdgeScope, edge: Edge) -> Self {
        let edge = crate::identity::canonical(edge);
        let id = EdgeId::of(&LineKey::of(scope, &edge), edge.valid_from);
        Self {
            id,
            scope: scope.clone(),
            edge,
        }
    }

    fn line(&self) -> LineKey {
        LineKey::of(&self.scope, &self.edge)
    }
}

/// How a setting of a target stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SettingEntry {
    /// The target.
    pub target: TargetId,
    /// The setting.
    pub key: SettingKey,
    /// How it stands.
    pub state: SettingState,
}

/// Everything that holds at one moment, in canonical order: equal graphs have equal snapshots.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct GraphSnapshot {
    /// The moment.
    pub at: Timestamp,
    /// Every node ever known, in order.
    pub nodes: Vec<NodeKey>,
    /// The edges visible at `at`, in the order of scope, ends, kind.
    pub edges: Vec<StoredEdge>,
    /// The settings that have a value at `at`, in the order of target and key.
    pub settings: Vec<SettingEntry>,
}

impl GraphSnapshot {
    /// A snapshot of these parts, put in canonical order.
    #[must_use]
    pub fn canonical(
        at: Timestamp,
        mut nodes: Vec<NodeKey>,
        mut edges: Vec<StoredEdge>,
        mut settings: Vec<SettingEntry>,
    ) -> Self {
        nodes.sort();
        nodes.dedup();
        edges.sort_by_cached_key(StoredEdge::line);
        settings.sort_by(|a, b| (&a.target, &a.key).cmp(&(&b.target, &b.key)));
        Self {
            at,
            nodes,
            edges,
            settings,
        }
    }
}

/// One setting that stands differently.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SettingDiff {
    /// The target.
    pub target: TargetId,
    /// The setting.
    pub key: SettingKey,
    /// How it stood.
    pub before: Option<SettingState>,
    /// How it stands.
    pub after: Option<SettingState>,
}

/// What is different between two moments, in canonical order.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct GraphDiff {
    /// Versions of edges visible only at the first.
    pub closed: Vec<StoredEdge>,
    /// Versions of edges visible only at the second.
    pub opened: Vec<StoredEdge>,
    /// Settings that stand differently.
    pub settings: Vec<SettingDiff>,
}

impl GraphDiff {
    /// What leads from `a` to `b`.
    #[must_use]
    pub fn between(a: &GraphSnapshot, b: &GraphSnapshot) -> Self {
        let only = |x: &GraphSnapshot, y: &GraphSnapshot| {
            let there: BTreeMap<EdgeId, &StoredEdge> = y.edges.iter().map(|e| (e.id, e)).collect();
            let new = |e: &&StoredEdge| there.get(&e.id) != Some(e);
            x.edges.iter().filter(new).cloned().collect::<Vec<_>>()
        };
        let mut settings = BTreeMap::new();
        for entry in &a.settings {
            settings.insert((&entry.target, &entry.key), (Some(&entry.state), None));
        }
        for entry in &b.settings {
            settings
                .entry((&entry.target, &entry.key))
                .or_insert((None, None))
                .1 = Some(&entry.state);
        }
        let settings = settings
            .into_iter()
            .filter(|(_, (before, after))| before != after);
        let settings = settings.map(|((target, key), (before, after))| SettingDiff {
            target: target.clone(),
            key: key.clone(),
            before: before.cloned(),
            after: after.cloned(),
        });
        Self {
            closed: only(a, b),
            opened: only(b, a),
            settings: settings.collect(),
        }
    }

    /// The snapshot at `at` that this diff makes of `a`. Nodes are not temporal and stay.
    #[must_use]
    pub fn patch(&self, a: &GraphSnapshot, at: Timestamp) -> GraphSnapshot {
        let mut edges: BTreeMap<EdgeId, StoredEdge> =
            a.edges.iter().map(|e| (e.id, e.clone())).collect();
        for gone in &self.closed {
            edges.remove(&gone.id);
        }
        edges.extend(self.opened.iter().map(|e| (e.id, e.clone())));
        let mut settings: BTreeMap<_, _> = a
            .settings
            .iter()
            .map(|e| ((e.target.clone(), e.key.clone()), Some(e.state.clone())))
            .collect();
        for diff in &self.settings {
            settings.insert((diff.target.clone(), diff.key.clone()), diff.after.clone());
        }
        let settings = settings.into_iter().filter_map(|((target, key), state)| {
            Some(SettingEntry {
                target,
                key,
                state: state?,
            })
        });
        let edges = edges.into_values().collect();
        GraphSnapshot::canonical(at, a.nodes.clone(), edges, settings.collect())
    }
}

/// Why a graph could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store did not answer; the same question may succeed later.
    #[error("the graph store does not answer")]
    Unavailable {
        /// Its own words.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is kept cannot be understood.
    #[error("the graph store holds something that is not a graph: {what}")]
    Corrupt {
        /// What was found.
        what: String,
    },
}

/// A place that keeps a graph. The journal is the authority; every such place can be rebuilt from it.
///
/// Visible at `t` is what has `valid_from <= t` and `valid_to > t`. All answers are in canonical
/// order, sorted by us and never by the store.
pub trait GraphStore {
    /// Applies a batch, all of it or nothing. Implementations begin with [`Batch::admit`].
    ///
    /// # Errors
    /// `Gap` and `Invalid` leave the store unchanged; after `Store` ask `applied_seq`.
    fn apply(&mut self, batch: &Batch) -> Result<Applied, ApplyError>;

    /// Number of the last batch applied; 0 when there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn applied_seq(&self) -> Result<u64, ReadError>;

    /// The edges visible at `at` that pass the filter, in the order of ends, kind, scope. For an
    /// effective view use [`effective`].
    ///
    /// # Errors
    /// When the store cannot be read.
    fn edges(&self, at: Timestamp, filter: &EdgeFilter) -> Result<Vec<Edge>, ReadError>;

    /// Everything that holds at `at`.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn snapshot(&self, at: Timestamp) -> Result<GraphSnapshot, ReadError>;

    /// How a setting stands at `at`; `None` when nothing is set.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn setting_state(
        &self,
        target: &TargetId,
        key: &SettingKey,
        at: Timestamp,
    ) -> Result<Option<SettingState>, ReadError> {
        let visible = self.history(target, key)?.into_iter().rev();
        let mut visible = visible.filter(|v| v.changed_at <= at && v.valid_to > at);
        Ok(visible.next().and_then(SettingVersion::state))
    }

    /// Every entry of a setting, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn history(
        &self,
        target: &TargetId,
        key: &SettingKey,
    ) -> Result<Vec<SettingVersion>, ReadError>;

    /// What a change of the start nodes can reach, ranked. One function ranks for every store.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn impact(&self, start: &[NodeKey], spec: &ImpactSpec) -> Result<Vec<Impact>, ReadError> {
        let edges = self.edges(spec.at, &EdgeFilter::view(spec.view.clone()))?;
        Ok(impact::rank(edges, start, spec))
    }

    /// What is different between two moments.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn diff(&self, first: Timestamp, second: Timestamp) -> Result<GraphDiff, ReadError> {
        Ok(GraphDiff::between(
            &self.snapshot(first)?,
            &self.snapshot(second)?,
        ))
    }
}

/// From the edges visible at one moment (any scopes) to those of a filter, overlays over rules, in
/// the order every store answers in. A store needs only to select by time, and may select by
/// [`View::covers`].
#[must_use]
pub fn effective<'a>(
    visible: impl IntoIterator<Item = (&'a EdgeScope, &'a Edge)>,
    filter: &EdgeFilter,
) -> Vec<Edge> {
    let mut found: Vec<(&EdgeScope, &Edge)> = visible
        .into_iter()
        .filter(|(scope, edge)| {
            filter.view.covers(scope)
                && filter
                    .node
                    .as_ref()
                    .is_none_or(|n| *n == edge.from || *n == edge.to)
        })
        .collect();
    found.sort_by(|(s, a), (t, b)| (&a.from, &a.to, a.kind, s).cmp(&(&b.from, &b.to, b.kind, t)));
    if matches!(filter.view, View::Effective { .. }) {
        // Rules sort before what is learnt, and that before the target: the last of equals wins.
        let same = |a: &Edge, b: &Edge| (&a.from, &a.to, a.kind) == (&b.from, &b.to, b.kind);
        found = found
            .chunk_by(|(_, a), (_, b)| same(a, b))
            .filter_map(|group| group.last().copied())
            .filter(|(_, e)| e.confidence > Confidence::ZERO)
            .collect();
    }
    found
        .into_iter()
        .filter(|(_, e)| filter.passes(e))
        .map(|(_, e)| e.clone())
        .collect()
}
