//! What a change can reach: its specification, its answer, and the one function that ranks.

use std::collections::BTreeSet;

use backstay_model::{Confidence, Edge, MetricName, NodeKey, Timestamp};
use serde::{Deserialize, Serialize};

use crate::compact::CompactGraph;
use crate::direction::KindSet;
use crate::store::View;

/// How far an impact is followed when nothing else is said, in edges.
pub const DEPTH_DEFAULT: u8 = 3;
/// No impact is followed further than this, in edges.
pub const DEPTH_MAX: u8 = 5;

/// Which metrics of a target its services feel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Felt {
    /// All of them.
    Every,
    /// Only these, for instance the outcomes.
    Only(BTreeSet<MetricName>),
}

impl Felt {
    /// Whether services feel `metric`.
    #[must_use]
    pub fn contains(&self, metric: &MetricName) -> bool {
        match self {
            Self::Every => true,
            Self::Only(metrics) => metrics.contains(metric),
        }
    }
}

/// How an impact is followed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ImpactSpec {
    /// In which view. When it names a target, the services that use the target feel its metrics.
    pub view: View,
    /// As of which moment.
    pub at: Timestamp,
    /// Over edges of which kinds.
    pub kinds: KindSet,
    /// At most this many edges; more than `DEPTH_MAX` is `DEPTH_MAX`.
    pub depth: u8,
    /// Edges below this confidence are ignored; inclusive.
    pub min_confidence: Confidence,
    /// Which metrics services feel.
    pub felt: Felt,
}

impl ImpactSpec {
    /// Every kind, the default depth, every edge.
    #[must_use]
    pub const fn new(view: View, at: Timestamp) -> Self {
        Self {
            view,
            at,
            kinds: KindSet::ALL,
            depth: DEPTH_DEFAULT,
            min_confidence: Confidence::ZERO,
            felt: Felt::Every,
        }
    }
}

/// One node that a change can reach.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Impact {
    /// The node.
    pub node: NodeKey,
    /// Largest product, over all ways of at most the asked depth, of the confidences of the edges and
    /// the shares that pass them.
    pub score: Confidence,
    /// Edges on the witness path.
    pub hops: u8,
    /// One best way: from a start node to `node`.
    pub path: Vec<NodeKey>,
    /// The edges between the nodes of `path`, one fewer. A service is reached from a metric by the
    /// edge that says it uses the target.
    pub edges: Vec<Edge>,
}

/// What a change of the start nodes can reach over these edges (of one view at one moment), ranked:
/// score falling, hops rising, node rising. Start nodes are not in the answer.
///
/// `best[0][start] = 1`, `best[d][v] = max over (u -> v) of best[d-1][u] * share(edge)`, `d <= depth`
/// (storage.md, section 4). A shortest-path search on logarithms would be wrong here: with a bound on
/// the depth, the best way to a node on the path may be too long to continue.
#[must_use]
pub fn rank(edges: Vec<Edge>, start: &[NodeKey], spec: &ImpactSpec) -> Vec<Impact> {
    CompactGraph::from_edges(edges, spec.view.target()).impact(start, spec)
}
