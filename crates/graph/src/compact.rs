//! The edges of one view at one moment, laid out for walking: 16 bytes per step, evidence aside.

use std::collections::BTreeSet;

use backstay_model::{Confidence, Edge, EdgeKind, NodeKey, TargetId};

use crate::direction::{KindSet, Walk, attenuation, passable};
use crate::impact::{DEPTH_MAX, Felt, Impact, ImpactSpec};

/// One edge by the positions of its ends; see `CompactGraph::from_parts`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Part {
    /// Position of what depends.
    pub from: u32,
    /// Position of what it depends on.
    pub to: u32,
    /// How.
    pub kind: EdgeKind,
    /// How sure we are.
    pub confidence: Confidence,
}

/// One way out of a node: 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Step {
    confidence: f64,
    to: u32,
    /// Position of the edge in its low 28 bits, kind in the upper four.
    edge_and_kind: u32,
}

const EDGE_BITS: u32 = 28;

/// Most edges a compact graph can hold.
pub const EDGES_MAX: usize = 1 << EDGE_BITS;

impl Step {
    fn kind(self) -> EdgeKind {
        EdgeKind::ALL
            .get((self.edge_and_kind >> EDGE_BITS) as usize)
            .copied()
            .unwrap_or(EdgeKind::Requires)
    }

    const fn edge(self) -> u32 {
        self.edge_and_kind & ((1 << EDGE_BITS) - 1)
    }
}

/// The edges of one view at one moment. Nodes and edges are known by position; positions are in the
/// order of the keys, so that order by position is order by key.
#[derive(Clone, Debug)]
pub struct CompactGraph {
    nodes: Vec<NodeKey>,
    edges: Vec<Edge>,
    /// Steps of node `n` are `steps[offsets[n]..offsets[n + 1]]`.
    offsets: Vec<u32>,
    steps: Vec<Step>,
}

/// One node reached by a trace.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reached {
    /// Position of the node.
    pub node: u32,
    /// Score of the best way.
    pub score: f64,
    /// Edges on it.
    pub hops: u8,
    /// Position in the trace from which it was reached; `None` for a start node.
    before: Option<u32>,
    /// Position of the edge it was reached by.
    edge: u32,
}

/// Limits of a trace.
#[derive(Clone, Copy, Debug)]
pub struct TraceSpec {
    /// Over edges of these kinds.
    pub kinds: KindSet,
    /// At most this many edges; more than `DEPTH_MAX` is `DEPTH_MAX`.
    pub depth: u8,
    /// Edges below this confidence are ignored.
    pub min_confidence: Confidence,
}

impl CompactGraph {
    /// A graph of these edges. With a target, each service that uses it can be reached from every
    /// metric. More than `EDGES_MAX` edges are cut off.
    #[must_use]
    pub fn from_edges(mut edges: Vec<Edge>, target: Option<&TargetId>) -> Self {
        edges.truncate(EDGES_MAX);
        let ends = edges.iter().flat_map(|e| [&e.from, &e.to]);
        let nodes: BTreeSet<&NodeKey> = ends.collect();
        let nodes: Vec<NodeKey> = nodes.into_iter().cloned().collect();
        let position = |node: &NodeKey| nodes.binary_search(node).unwrap_or(0) as u32;
        let parts = edges.iter().map(|e| Part {
            from: position(&e.from),
            to: position(&e.to),
            kind: e.kind,
            confidence: e.confidence,
        });
        let parts: Vec<Part> = parts.collect();
        let felt = felt_steps(&nodes, &parts, target);
        let mut graph = Self::laid_out(nodes, &parts, &felt);
        graph.edges = edges;
        graph
    }

    /// A graph of bare parts, without evidence, for large graphs: `trace` works, the edges of an
    /// `impact` are left out. `nodes` must be in order and without doubles; parts that point beyond
    /// them are left out.
    #[must_use]
    pub fn from_parts(nodes: Vec<NodeKey>, parts: &[Part]) -> Self {
        Self::laid_out(nodes, parts, &[])
    }

    fn laid_out(nodes: Vec<NodeKey>, parts: &[Part], extra: &[(u32, Step)]) -> Self {
        let mut offsets = vec![0_u32; nodes.len() + 1];
        each_step(&nodes, parts, |from, _| {
            offsets[from as usize + 1] += 1;
        });
        extra
            .iter()
            .for_each(|(from, _)| offsets[*from as usize + 1] += 1);
        for i in 1..offsets.len() {
            offsets[i] += offsets[i - 1];
        }
        let total = offsets.last().copied().unwrap_or(0) as usize;
        let mut steps = vec![
            Step {
                confidence: 0.0,
                to: 0,
                edge_and_kind: 0
            };
            total
        ];
        let mut next = offsets.clone();
        let mut place = |from: u32, step: Step| {
            let slot = &mut next[from as usize];
            steps[*slot as usize] = step;
            *slot += 1;
        };
        each_step(&nodes, parts, &mut place);
        extra.iter().for_each(|(from, step)| place(*from, *step));
        Self {
            nodes,
            edges: Vec::new(),
            offsets,
            steps,
        }
    }

    /// Every node, in order.
    #[must_use]
    pub fn nodes(&self) -> &[NodeKey] {
        &self.nodes
    }

    /// Number of ways that can be walked; a symmetric edge counts twice.
    #[must_use]
    pub fn step_count(&self) -> usize {
        self.steps.len()
    }

    /// Position of a node.
    #[must_use]
    pub fn position(&self, node: &NodeKey) -> Option<u32> {
        self.nodes.binary_search(node).ok().map(|i| i as u32)
    }

    /// What the start nodes reach: every node with its best way, in order of first hops. A node can
    /// be there twice: once reached in few hops, and again, later, over more hops with a better score.
    #[must_use]
    pub fn trace(&self, start: &[u32], spec: &TraceSpec) -> Vec<Reached> {
        self.trace_passing(start, spec, |_, _| true)
    }

    fn trace_passing(
        &self,
        start: &[u32],
        spec: &TraceSpec,
        passes: impl Fn(u32, Step) -> bool,
    ) -> Vec<Reached> {
        let mut start: Vec<u32> = start
            .iter()
            .copied()
            .filter(|n| (*n as usize) < self.nodes.len())
            .collect();
        start.sort_unstable();
        start.dedup();
        let begin = |node| Reached {
            node,
            score: 1.0,
            hops: 0,
            before: None,
            edge: 0,
        };
        let mut found: Vec<Reached> = start.into_iter().map(begin).collect();
        // Best score so far of each node found, in the order of nodes.
        let mut settled: Vec<(u32, f64)> = found.iter().map(|r| (r.node, r.score)).collect();
        let mut level = 0..found.len();
        for hops in 1..=spec.depth.min(DEPTH_MAX) {
            let mut next = Vec::new();
            for before in level {
                let Some(here) = found.get(before).copied() else {
                    continue;
                };
                for step in self.steps_of(here.node) {
                    let kind = step.kind();
                    if step.confidence < spec.min_confidence.get()
                        || !spec.kinds.contains(kind)
                        || !passes(here.node, *step)
                    {
                        continue;
                    }
                    let score = here.score * (step.confidence * attenuation(kind));
                    let before = Some(before as u32);
                    next.push(Reached {
                        node: step.to,
                        score,
                        hops,
                        before,
                        edge: step.edge(),
                    });
                }
            }
            // Equal scores: the smaller node before, then the smaller edge, is the witness.
            next.sort_unstable_by(|a, b| {
                a.node
                    .cmp(&b.node)
                    .then(b.score.total_cmp(&a.score))
                    .then(a.before.cmp(&b.before))
                    .then(a.edge.cmp(&b.edge))
            });
            next.dedup_by_key(|r| r.node);
            settled = keep_better(&settled, &mut next);
            level = found.len()..found.len() + next.len();
            found.append(&mut next);
        }
        found
    }

    fn steps_of(&self, node: u32) -> &[Step] {
        let (a, b) = (self.offsets[node as usize], self.offsets[node as usize + 1]);
        &self.steps[a as usize..b as usize]
    }

    /// What a change of the start nodes can reach, ranked: score falling, hops rising, key rising.
    /// The view and moment of `spec` are those this graph was made for.
    #[must_use]
    pub fn impact(&self, start: &[NodeKey], spec: &ImpactSpec) -> Vec<Impact> {
        let from: Vec<u32> = start.iter().filter_map(|n| self.position(n)).collect();
        let limits = TraceSpec {
            kinds: spec.kinds,
            depth: spec.depth,
            min_confidence: spec.min_confidence,
        };
        let found = match &spec.felt {
            Felt::Every => self.trace(&from, &limits),
            Felt::Only(_) => self.trace_passing(&from, &limits, |here, step| {
                match (&self.nodes[here as usize], &self.nodes[step.to as usize]) {
                    (NodeKey::Metric(metric), NodeKey::Service(_)) => spec.felt.contains(metric),
                    _ => true,
                }
            }),
        };
        let mut best: Vec<&Reached> = found
            .iter()
            .filter(|r| r.hops > 0 && r.score > 0.0)
            .collect();
        // A later entry of a node is the better one.
        best.sort_by(|a, b| a.node.cmp(&b.node).then(b.hops.cmp(&a.hops)));
        best.dedup_by_key(|r| r.node);
        best.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then(a.hops.cmp(&b.hops))
                .then(a.node.cmp(&b.node))
        });
        best.into_iter().map(|r| self.told(&found, *r)).collect()
    }

    /// The ways an impact can take from `node`: where to, over which kind, how sure.
    pub(crate) fn ways_from<'a>(
        &'a self,
        node: &NodeKey,
        spec: &'a ImpactSpec,
    ) -> impl Iterator<Item = (&'a NodeKey, EdgeKind, Confidence)> {
        let here = self.position(node);
        let steps = here.map(|n| self.steps_of(n)).unwrap_or_default().iter();
        let felt = move |step: &&Step| match (
            here.map(|n| &self.nodes[n as usize]),
            &self.nodes[step.to as usize],
        ) {
            (Some(NodeKey::Metric(metric)), NodeKey::Service(_)) => spec.felt.contains(metric),
            _ => true,
        };
        steps
            .filter(|s| s.confidence >= spec.min_confidence.get() && spec.kinds.contains(s.kind()))
            .filter(felt)
            .map(|s| {
                (
                    &self.nodes[s.to as usize],
                    s.kind(),
                    Confidence::clamped(s.confidence),
                )
            })
    }

    /// A reached node with its witness path.
    fn told(&self, found: &[Reached], reached: Reached) -> Impact {
        let mut path = vec![self.nodes[reached.node as usize].clone()];
        let mut edges = Vec::new();
        let mut here = reached;
        while let Some(before) = here.before.and_then(|b| found.get(b as usize)) {
            edges.extend(self.edges.get(here.edge as usize).cloned());
            path.push(self.nodes[before.node as usize].clone());
            here = *before;
        }
        path.reverse();
        edges.reverse();
        let node = self.nodes[reached.node as usize].clone();
        Impact {
            node,
            score: Confidence::clamped(reached.score),
            hops: reached.hops,
            path,
            edges,
        }
    }
}

/// Calls `place` for every step that the parts allow, in the order of the parts.
fn each_step(nodes: &[NodeKey], parts: &[Part], mut place: impl FnMut(u32, Step)) {
    for (edge, part) in parts.iter().enumerate().take(EDGES_MAX) {
        let ends = (nodes.get(part.from as usize), nodes.get(part.to as usize));
        let (Some(from), Some(to)) = ends else {
            continue;
        };
        let walk = Walk::of(part.kind);
        if walk.forward() && passable(part.kind, from, to) {
            place(part.from, step(edge, part, part.to));
        }
        if walk.backward() && passable(part.kind, to, from) {
            place(part.to, step(edge, part, part.from));
        }
    }
}

fn step(edge: usize, part: &Part, to: u32) -> Step {
    let edge_and_kind = (part.kind as u32) << EDGE_BITS | edge as u32;
    Step {
        confidence: part.confidence.get(),
        to,
        edge_and_kind,
    }
}

/// A service that uses the target feels each of its metrics.
fn felt_steps(nodes: &[NodeKey], parts: &[Part], target: Option<&TargetId>) -> Vec<(u32, Step)> {
    let Some(target) = target else {
        return Vec::new();
    };
    let uses = parts.iter().enumerate().filter(|(_, p)| {
        p.kind == EdgeKind::Uses
            && matches!(&nodes[p.from as usize], NodeKey::Service(_))
            && matches!(&nodes[p.to as usize], NodeKey::Target(t) if t == target)
    });
    let metrics = || {
        (0..)
            .zip(nodes)
            .filter(|(_, n)| matches!(n, NodeKey::Metric(_)))
    };
    uses.flat_map(|(edge, part)| metrics().map(move |(m, _)| (m, step(edge, part, part.from))))
        .collect()
}

/// Drops from `next` what is no better than what is settled (both in the order of nodes), and gives
/// the new best scores.
fn keep_better(settled: &[(u32, f64)], next: &mut Vec<Reached>) -> Vec<(u32, f64)> {
    let mut old = settled.iter().copied().peekable();
    let mut merged = Vec::with_capacity(settled.len() + next.len());
    next.retain(|r| {
        while let Some(smaller) = old.next_if(|(node, _)| *node < r.node) {
            merged.push(smaller);
        }
        match old.next_if(|(node, _)| *node == r.node) {
            Some((node, score)) if score >= r.score => {
                merged.push((node, score));
                false
            }
            _ => {
                merged.push((r.node, r.score));
                true
            }
        }
    });
    merged.extend(old);
    merged
}
