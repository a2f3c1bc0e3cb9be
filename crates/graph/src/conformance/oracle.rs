//! The oracle: lists of everything, and answers by looking at all of it.

use std::collections::BTreeMap;

use backstay_model::{Confidence, Edge, EdgeKind, NodeKey, SettingKey, TargetId, Timestamp};

use crate::direction::{attenuation, passable};
use crate::identity::{EdgeScope, canonical};
use crate::impact::ImpactSpec;
use crate::op::{Batch, Op};
use crate::setting::SettingVersion;
use crate::store::{GraphSnapshot, SettingEntry, StoredEdge, View};

/// A node reached: score, hops, node. What must be equal, bit for bit.
pub(crate) type Line = (f64, u8, NodeKey);

#[derive(Clone, Debug, Default)]
pub(crate) struct Oracle {
    nodes: Vec<NodeKey>,
    versions: Vec<(EdgeScope, Edge)>,
    values: Vec<(TargetId, SettingKey, SettingVersion)>,
}

impl Oracle {
    pub(crate) fn apply(&mut self, batch: &Batch) {
        for op in &batch.ops {
            match op {
                Op::UpsertNode(node) => self.nodes.push(node.clone()),
                Op::OpenEdge { scope, edge } => self.open(scope, canonical(edge.clone())),
                Op::CloseEdge {
                    scope,
                    from,
                    to,
                    kind,
                    at,
                } => {
                    let (from, to) = if kind.symmetric() && to < from {
                        (to, from)
                    } else {
                        (from, to)
                    };
                    for (s, e) in &mut self.versions {
                        let same = s == scope && e.from == *from && e.to == *to && e.kind == *kind;
                        if same && e.valid_from <= *at && e.valid_to > *at {
                            e.valid_to = *at;
                        }
                    }
                }
                Op::SetValue {
                    target,
                    key,
                    new,
                    author,
                    at,
                    change_set,
                    ..
                } => {
                    self.nodes.push(NodeKey::Setting(key.name.clone()));
                    self.nodes.push(NodeKey::Target(target.clone()));
                    self.values
                        .retain(|(t, k, v)| (t, k, v.changed_at) != (target, key, *at));
                    let version = SettingVersion {
                        value: new.clone(),
                        author: author.clone(),
                        change_set: *change_set,
                        changed_at: *at,
                        valid_to: Timestamp::OPEN_END,
                    };
                    self.values.push((target.clone(), key.clone(), version));
                }
            }
            self.versions.retain(|(_, e)| e.valid_to > e.valid_from);
        }
    }

    fn open(&mut self, scope: &EdgeScope, mut edge: Edge) {
        self.nodes.extend([edge.from.clone(), edge.to.clone()]);
        let ends = (edge.from.clone(), edge.to.clone(), edge.kind);
        let same = |s: &EdgeScope, e: &Edge| {
            s == scope && (&e.from, &e.to, e.kind) == (&ends.0, &ends.1, ends.2)
        };
        for (s, later) in &self.versions {
            if same(s, later) && later.valid_from > edge.valid_from {
                edge.valid_to = edge.valid_to.min(later.valid_from);
            }
        }
        if edge.valid_to <= edge.valid_from {
            return;
        }
        for (s, earlier) in &mut self.versions {
            if same(s, earlier) && earlier.valid_from <= edge.valid_from {
                earlier.valid_to = earlier.valid_to.min(edge.valid_from);
            }
        }
        self.versions.push((scope.clone(), edge));
    }

    pub(crate) fn snapshot(&self, at: Timestamp) -> GraphSnapshot {
        let edges = self
            .visible(at)
            .map(|(s, e)| StoredEdge::new(s, e.clone()))
            .collect();
        let mut settings = BTreeMap::new();
        for (target, key, version) in &self.values {
            let mut later: Vec<Timestamp> = self
                .values
                .iter()
                .filter(|(t, k, v)| (t, k) == (target, key) && v.changed_at > version.changed_at)
                .map(|(_, _, v)| v.changed_at)
                .collect();
            later.sort();
            let valid_to = later.first().copied().unwrap_or(Timestamp::OPEN_END);
            if version.changed_at <= at && valid_to > at {
                let state = SettingVersion {
                    valid_to,
                    ..version.clone()
                }
                .state();
                settings.insert((target.clone(), key.clone()), state);
            }
        }
        let settings = settings.into_iter().filter_map(|((target, key), state)| {
            Some(SettingEntry {
                target,
                key,
                state: state?,
            })
        });
        GraphSnapshot::canonical(at, self.nodes.clone(), edges, settings.collect())
    }

    fn visible(&self, at: Timestamp) -> impl Iterator<Item = &(EdgeScope, Edge)> {
        self.versions
            .iter()
            .filter(move |(_, e)| e.valid_from <= at && e.valid_to > at)
    }

    /// The edges of a view at one moment, in no order.
    pub(crate) fn edges(&self, at: Timestamp, view: &View) -> Vec<Edge> {
        let View::Effective {
            engine,
            major,
            target,
        } = view
        else {
            return self
                .visible(at)
                .filter(|(s, _)| view.covers(s))
                .map(|(_, e)| e.clone())
                .collect();
        };
        let same = |a: &Edge, b: &Edge| (&a.from, &a.to, a.kind) == (&b.from, &b.to, b.kind);
        let mut found: Vec<&Edge> = Vec::new();
        for upper_first in [
            EdgeScope::Target(target.clone()),
            EdgeScope::learnt(*engine, *major),
            EdgeScope::rules(*engine, *major),
        ] {
            let here = self.visible(at).filter(|(s, _)| *s == upper_first);
            let below: Vec<&Edge> = here
                .map(|(_, e)| e)
                .filter(|e| !found.iter().any(|o| same(o, e)))
                .collect();
            found.extend(below);
        }
        found
            .into_iter()
            .filter(|e| e.confidence.get() > 0.0)
            .cloned()
            .collect()
    }

    /// What the start nodes reach: every walk is tried, one edge at a time.
    pub(crate) fn impact(&self, start: &[NodeKey], spec: &ImpactSpec) -> Vec<Line> {
        let edges = self.edges(spec.at, &spec.view);
        let steps = all_steps(&edges, spec);
        let mut best: BTreeMap<NodeKey, (f64, u8)> = BTreeMap::new();
        let mut level: BTreeMap<NodeKey, f64> = BTreeMap::new();
        for node in start
            .iter()
            .filter(|n| edges.iter().any(|e| e.from == **n || e.to == **n))
        {
            level.insert(node.clone(), 1.0);
        }
        for hops in 1..=spec.depth.min(5) {
            let mut next: BTreeMap<NodeKey, f64> = BTreeMap::new();
            for (from, to, share) in &steps {
                let Some(score) = level.get(from).map(|s| s * share) else {
                    continue;
                };
                let kept = next.entry(to.clone()).or_insert(score);
                *kept = kept.max(score);
            }
            for (node, score) in &next {
                let kept = best.entry(node.clone()).or_insert((*score, hops));
                if *score > kept.0 {
                    *kept = (*score, hops);
                }
            }
            level = next;
        }
        let found = best
            .into_iter()
            .filter(|(n, (s, _))| !start.contains(n) && *s > 0.0);
        let mut found: Vec<Line> = found
            .map(|(node, (score, hops))| (score, hops, node))
            .collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        found
    }
}

/// Every step that may be made, with the share that passes. The direction table is written out again,
/// so that a slip in the one that counts is seen.
fn all_steps(edges: &[Edge], spec: &ImpactSpec) -> Vec<(NodeKey, NodeKey, f64)> {
    let mut steps = Vec::new();
    let ends = edges.iter().flat_map(|e| [&e.from, &e.to]);
    let metrics: Vec<&NodeKey> = ends.filter(|n| matches!(n, NodeKey::Metric(_))).collect();
    for edge in edges {
        let wanted = edge.confidence >= spec.min_confidence && spec.kinds.contains(edge.kind);
        if !wanted || edge.confidence <= Confidence::ZERO {
            continue;
        }
        let share = edge.confidence.get() * attenuation(edge.kind);
        let (along, against) = match edge.kind {
            EdgeKind::Affects => (true, false),
            EdgeKind::ConflictsWith | EdgeKind::SharesResource => (true, true),
            _ => (false, true),
        };
        let along = along.then_some((&edge.from, &edge.to));
        let against = against.then_some((&edge.to, &edge.from));
        let ways = along.into_iter().chain(against);
        for (a, b) in ways {
            if passable(edge.kind, a, b) {
                steps.push((a.clone(), b.clone(), share));
            }
        }
        let target = spec.view.target().cloned().map(NodeKey::Target);
        let service = matches!(edge.from, NodeKey::Service(_));
        if edge.kind == EdgeKind::Uses && service && target.as_ref() == Some(&edge.to) {
            steps.extend(
                metrics
                    .iter()
                    .map(|m| ((*m).clone(), edge.from.clone(), share)),
            );
        }
    }
    steps
}
