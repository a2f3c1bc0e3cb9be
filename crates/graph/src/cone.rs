//! The impact cone of changed settings: what they reach, ready to be drawn or told.

mod layout;
mod svg;
mod tree;

use std::collections::BTreeMap;

use backstay_model::{Confidence, Edge, EdgeKind, NodeKey};

use crate::compact::CompactGraph;
use crate::direction::Walk;
use crate::export::{Told, counter_evidence};
use crate::impact::{Impact, ImpactSpec};

pub use svg::{escaped, svg};
pub use tree::tree;

/// Most nodes a cone shows before it collapses the weakest ones into groups.
pub const NODES_MAX: usize = 80;
/// Most edges beside those of the best paths.
const EXTRA_EDGES_MAX: usize = 40;
/// Most edges that lead into a group.
const GROUP_EDGES_MAX: usize = 3;

/// A setting that changed, and how.
#[derive(Clone, PartialEq, Debug)]
pub struct Changed {
    /// The setting.
    pub node: NodeKey,
    /// Its old value, for a person.
    pub old: String,
    /// Its new value, for a person; empty when it is only looked at.
    pub new: String,
}

impl Changed {
    /// The setting `name` went from `old` to `new`.
    #[must_use]
    pub fn setting(name: &str, old: &str, new: &str) -> Self {
        Self {
            node: NodeKey::setting(name),
            old: old.to_owned(),
            new: new.to_owned(),
        }
    }

    /// Both values with an arrow between them, or the one there is.
    pub(crate) fn values(&self, arrow: &str) -> String {
        if self.new.is_empty() {
            self.old.clone()
        } else {
            format!("{} {arrow} {}", self.old, self.new)
        }
    }
}

/// How a badge is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// Something got worse.
    Worse,
    /// Something got better.
    Better,
    /// Neither.
    Neutral,
}

/// A short text on a node, such as `+240 %`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Badge {
    /// The text.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
}

/// What a node of a cone stands for.
#[derive(Clone, PartialEq, Debug)]
pub enum Role {
    /// A setting that changed.
    Changed(Changed),
    /// Something that is reached.
    Reached(NodeKey),
    /// Weaker things of one kind, collapsed.
    Group {
        /// What they are, in one word.
        kind: &'static str,
        /// How many there are.
        count: usize,
    },
}

/// A node of a cone.
#[derive(Clone, PartialEq, Debug)]
pub struct ConeNode {
    /// What it stands for.
    pub role: Role,
    /// Score of its best path; one for a changed setting; the best of a group.
    pub score: Confidence,
    /// Edges on that path.
    pub hops: u8,
    /// A short text on it.
    pub badge: Option<Badge>,
}

impl ConeNode {
    /// What kind of node it is, in one word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.role {
            Role::Changed(changed) => changed.node.kind(),
            Role::Reached(node) => node.kind(),
            Role::Group { kind, .. } => kind,
        }
    }

    /// The name that is shown.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.role {
            Role::Changed(changed) => changed.node.name().to_owned(),
            Role::Reached(node) => node.name().to_owned(),
            Role::Group { kind, count: 1 } => format!("+1 {kind}"),
            Role::Group { kind, count } => format!("+{count} {kind}s"),
        }
    }

    fn key(&self) -> Option<&NodeKey> {
        match &self.role {
            Role::Changed(changed) => Some(&changed.node),
            Role::Reached(node) => Some(node),
            Role::Group { .. } => None,
        }
    }
}

/// Whether an edge is part of a best path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    /// It is the last edge of the best path to the node it leads to.
    BestPath,
    /// It is another way.
    Beside,
}

/// An edge of a cone, in the direction of the impact.
#[derive(Clone, PartialEq, Debug)]
pub struct ConeEdge {
    /// Position of the node the impact comes from.
    pub from: usize,
    /// Position of the node it reaches.
    pub to: usize,
    /// How they depend.
    pub kind: EdgeKind,
    /// How sure we are of the edge.
    pub confidence: Confidence,
    /// Whether it is part of a best path.
    pub part: Part,
    /// Why not to take the confidence at its word, where that is known.
    pub doubt: Option<Doubt>,
}

/// How far the confidence of an edge can be trusted.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Doubt {
    /// Lower end of the 90 % interval of the confidence.
    pub low: Confidence,
    /// Upper end of it.
    pub high: Confidence,
    /// Pieces of evidence against the edge.
    pub against: usize,
}

impl std::fmt::Display for Doubt {
    /// `[0.73–0.97]`, `[0.02–0.21], 1 against`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}–{}]", self.low, self.high)?;
        match self.against {
            0 => Ok(()),
            n => write!(f, ", {n} against"),
        }
    }
}

/// What changed settings reach. Every edge leads to a service, which nothing leaves, or to a node that
/// stands later, so there is no cycle.
#[derive(Clone, PartialEq, Debug)]
pub struct Cone {
    /// Its nodes: the changed ones first, then by rank, groups last.
    pub nodes: Vec<ConeNode>,
    /// Its edges, in the order of their ends.
    pub edges: Vec<ConeEdge>,
}

impl Cone {
    /// The cone of these changes in `graph`, at most `nodes_max` nodes (groups aside).
    #[must_use]
    pub fn of(
        graph: &CompactGraph,
        changes: &[Changed],
        spec: &ImpactSpec,
        nodes_max: usize,
    ) -> Self {
        let start: Vec<NodeKey> = changes.iter().map(|c| c.node.clone()).collect();
        let impacts = graph.impact(&start, spec);
        // A node is ranked behind those on its best path, so a cut never leaves one without them.
        let shown = impacts.len().min(nodes_max.saturating_sub(changes.len()));
        let (kept, dropped) = impacts.split_at(shown);
        let changed = changes.iter().map(|c| ConeNode {
            role: Role::Changed(c.clone()),
            score: Confidence::ONE,
            hops: 0,
            badge: None,
        });
        let reached = kept.iter().map(|i| ConeNode {
            role: Role::Reached(i.node.clone()),
            score: i.score,
            hops: i.hops,
            badge: None,
        });
        let mut cone = Self {
            nodes: changed.chain(reached).collect(),
            edges: Vec::new(),
        };
        cone.join(graph, kept, spec);
        cone.collapse(dropped);
        cone.edges.sort_by_key(|e| (e.from, e.to, e.part, e.kind));
        cone
    }

    /// The cone with a badge on the node of that metric; unchanged when it is not part of it.
    #[must_use]
    pub fn with_badge(mut self, node: &NodeKey, badge: Badge) -> Self {
        for found in self.nodes.iter_mut().filter(|n| n.key() == Some(node)) {
            found.badge = Some(badge.clone());
        }
        self
    }

    /// The cone with the interval of each edge that is among `edges`, and what speaks against it.
    #[must_use]
    pub fn with_doubts(mut self, edges: &[Told<'_>]) -> Self {
        let mut known = BTreeMap::new();
        for told in edges {
            let doubt = Doubt {
                low: told.low,
                high: told.high,
                against: counter_evidence(told.edge),
            };
            let Edge { from, to, kind, .. } = told.edge;
            known.insert((from, to, *kind), doubt);
        }
        for i in 0..self.edges.len() {
            let edge = &self.edges[i];
            let ends = (self.nodes[edge.from].key(), self.nodes[edge.to].key());
            let (Some(a), Some(b)) = ends else { continue };
            // An impact walks along the arrow, or against it.
            let walk = Walk::of(edge.kind);
            let ways = [(walk.forward(), (a, b)), (walk.backward(), (b, a))];
            let mut ways = ways.into_iter().filter(|(open, _)| *open);
            let doubt = ways.find_map(|(_, (a, b))| known.get(&(a, b, edge.kind)).copied());
            self.edges[i].doubt = doubt;
        }
        self
    }

    /// Number of reached nodes of a kind, those in groups counted.
    #[must_use]
    pub fn count(&self, kind: &str) -> usize {
        let of = |node: &ConeNode| match node.role {
            Role::Changed(_) => 0,
            Role::Reached(_) => 1,
            Role::Group { count, .. } => count,
        };
        self.nodes.iter().filter(|n| n.kind() == kind).map(of).sum()
    }

    /// The edges between the nodes: those of the best paths, and the strongest others.
    fn join(&mut self, graph: &CompactGraph, kept: &[Impact], spec: &ImpactSpec) {
        let place = self.places();
        let mut extra: Vec<ConeEdge> = Vec::new();
        for (from, node) in self.nodes.iter().enumerate() {
            let Some(key) = node.key() else { continue };
            for (there, kind, confidence) in graph.ways_from(key, spec) {
                let Some(to) = place.get(there).copied() else {
                    continue;
                };
                let later = to > from || matches!(there, NodeKey::Service(_));
                if later && self.nodes[to].hops > node.hops {
                    extra.push(ConeEdge {
                        from,
                        to,
                        kind,
                        confidence,
                        part: Part::Beside,
                        doubt: None,
                    });
                }
            }
        }
        for impact in kept {
            let before = impact.path.iter().rev().nth(1).and_then(|n| place.get(n));
            let (Some(from), Some(to)) = (before, place.get(&impact.node)) else {
                continue;
            };
            let Some(edge) = impact.edges.last() else {
                continue;
            };
            let (from, to) = (*from, *to);
            extra.retain(|e| (e.from, e.to, e.kind) != (from, to, edge.kind));
            let (kind, confidence) = (edge.kind, edge.confidence);
            self.edges.push(ConeEdge {
                from,
                to,
                kind,
                confidence,
                part: Part::BestPath,
                doubt: None,
            });
        }
        let strength = |e: &ConeEdge| self.nodes[e.from].score.and(e.confidence).get();
        extra.sort_by(|a, b| {
            strength(b)
                .total_cmp(&strength(a))
                .then((a.from, a.to).cmp(&(b.from, b.to)))
        });
        extra.truncate(EXTRA_EDGES_MAX);
        self.edges.extend(extra);
    }

    /// One node for each kind of what is not shown, with the strongest ways into it.
    fn collapse(&mut self, dropped: &[Impact]) {
        let place = self.places();
        let mut groups: BTreeMap<&'static str, Vec<&Impact>> = BTreeMap::new();
        for impact in dropped {
            groups.entry(impact.node.kind()).or_default().push(impact);
        }
        for (kind, members) in groups {
            let mut ways: BTreeMap<usize, ConeEdge> = BTreeMap::new();
            for impact in &members {
                let entry = impact
                    .path
                    .windows(2)
                    .zip(&impact.edges)
                    .rev()
                    .find_map(|(pair, edge)| Some((*place.get(pair.first()?)?, edge)));
                let Some((from, edge)) = entry else { continue };
                let (kind, confidence) = (edge.kind, edge.confidence);
                let to = self.nodes.len();
                let way = ConeEdge {
                    from,
                    to,
                    kind,
                    confidence,
                    part: Part::Beside,
                    doubt: None,
                };
                ways.entry(from).or_insert(way);
            }
            let from_hops = |e: &ConeEdge| self.nodes[e.from].hops;
            let hops = ways.values().map(|e| from_hops(e) + 1).max().unwrap_or(1);
            let score = members.first().map_or(Confidence::ZERO, |i| i.score);
            let mut ways: Vec<ConeEdge> = ways.into_values().collect();
            ways.sort_by(|a, b| b.confidence.get().total_cmp(&a.confidence.get()));
            self.edges.extend(ways.into_iter().take(GROUP_EDGES_MAX));
            let role = Role::Group {
                kind,
                count: members.len(),
            };
            self.nodes.push(ConeNode {
                role,
                score,
                hops,
                badge: None,
            });
        }
    }

    fn places(&self) -> BTreeMap<NodeKey, usize> {
        let key = |(i, node): (usize, &ConeNode)| Some((node.key()?.clone(), i));
        self.nodes.iter().enumerate().filter_map(key).collect()
    }
}

#[cfg(test)]
mod tests;
