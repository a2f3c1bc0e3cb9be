//! What is said about edges beside the packs – by history and by people – and the overlay that it
//! makes of the rules. Pure: the same sayings in the same order give the same edges.

use std::collections::{BTreeMap, BTreeSet};

use backstay_graph::identity::LineKey;
use backstay_graph::{EdgeScope, Op, Overlay};
use backstay_learn::belief::{Source, Standing, believe};
use backstay_learn::learner::{Direction, Extent};
use backstay_model::name::EngineKind;
use backstay_model::{Edge, EdgeKind, Evidence, NodeKey, TargetId, Timestamp};
use serde::{Deserialize, Serialize};

/// A confidence that moved by less is not told again.
const MOVED_MIN: f64 = 0.005;

/// An engine and its major version.
pub(crate) type Version = (EngineKind, u32);

/// The edge that something is said about; ends of symmetric kinds are sorted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct EdgeRef {
    pub(crate) from: NodeKey,
    pub(crate) to: NodeKey,
    pub(crate) kind: EdgeKind,
}

impl EdgeRef {
    pub(crate) fn new(from: NodeKey, to: NodeKey, kind: EdgeKind) -> Self {
        let (from, to) = if kind.symmetric() && to < from {
            (to, from)
        } else {
            (from, to)
        };
        Self { from, to, kind }
    }

    fn line(&self, scope: EdgeScope) -> LineKey {
        LineKey::new(scope, self.from.clone(), self.to.clone(), self.kind)
    }

    fn pair(&self) -> (NodeKey, NodeKey) {
        pair(&self.from, &self.to)
    }
}

fn pair(a: &NodeKey, b: &NodeKey) -> (NodeKey, NodeKey) {
    if b < a {
        (b.clone(), a.clone())
    } else {
        (a.clone(), b.clone())
    }
}

/// What is said about one thing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Sayings {
    evidence: Vec<Evidence>,
    /// A relation that holds, when one was found.
    rule: Option<String>,
}

/// Something said without a direction or a kind: it raises and lowers what is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Hint {
    kind: Option<EdgeKind>,
    evidence: Evidence,
}

/// Everything that was said.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Claims {
    typed: BTreeMap<Extent, BTreeMap<EdgeRef, Sayings>>,
    hints: BTreeMap<Extent, BTreeMap<(NodeKey, NodeKey), Vec<Hint>>>,
}

/// Something that is said about a dependency.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Saying {
    pub(crate) from: NodeKey,
    pub(crate) to: NodeKey,
    /// `None` when only the two nodes are known.
    pub(crate) kind: Option<EdgeKind>,
    pub(crate) direction: Direction,
    pub(crate) rule: Option<String>,
    pub(crate) extent: Extent,
    pub(crate) evidence: Evidence,
}

/// What a saying may move.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Touched {
    /// The edge that it names.
    Edge(EdgeRef),
    /// Every edge between two nodes.
    Pair(NodeKey, NodeKey),
}

/// What the overlay is computed over: rules as they stand, versions in use, targets by version.
pub(crate) struct Below<'a> {
    pub(crate) graph: &'a Overlay<'a>,
    pub(crate) versions: &'a BTreeSet<Version>,
    pub(crate) runs: &'a BTreeMap<TargetId, Version>,
    pub(crate) at: Timestamp,
}

impl Claims {
    /// Something is said; what it may move.
    pub(crate) fn say(&mut self, saying: Saying) -> Touched {
        let Saying {
            from,
            to,
            kind,
            direction,
            rule,
            extent,
            evidence,
        } = saying;
        match (kind, direction) {
            (Some(kind), Direction::Known) => {
                let about = EdgeRef::new(from, to, kind);
                let of = self.typed.entry(extent).or_default();
                let said = of.entry(about.clone()).or_default();
                said.rule = rule.or(said.rule.take());
                said.evidence.retain(|e| !replaces(&evidence, e));
                said.evidence.extend(something(evidence));
                Touched::Edge(about)
            }
            (kind, _) => {
                let (a, b) = pair(&from, &to);
                let of = self.hints.entry(extent).or_default();
                let said = of.entry((a.clone(), b.clone())).or_default();
                said.retain(|h| h.kind != kind || !replaces(&evidence, &h.evidence));
                let hint = |evidence| Hint { kind, evidence };
                said.extend(something(evidence).map(hint));
                Touched::Pair(a, b)
            }
        }
    }

    /// The ops that bring the overlay of what was touched up to date: every edge of it of which something
    /// is said, or that the rules know, in every version in use.
    pub(crate) fn about(&self, touched: &BTreeSet<Touched>, below: &Below<'_>) -> Vec<Op> {
        let mut edges = BTreeSet::new();
        for touched in touched {
            match touched {
                Touched::Edge(edge) => {
                    edges.insert(edge.clone());
                }
                Touched::Pair(a, b) => {
                    let known = |e: &EdgeRef| self.speaks_of(e) || rules_know(e, below);
                    let pair = (a.clone(), b.clone());
                    edges.extend(between(&pair).into_iter().filter(known));
                }
            }
        }
        edges.iter().flat_map(|e| self.overlay(e, below)).collect()
    }

    /// The ops that bring the whole overlay up to date: after a version came into use, or a day passed.
    pub(crate) fn all(&self, below: &Below<'_>) -> Vec<Op> {
        let typed = self.typed.values().flat_map(BTreeMap::keys);
        let mut edges: BTreeSet<EdgeRef> = typed.cloned().collect();
        let hinted = self
            .hints
            .values()
            .flat_map(BTreeMap::keys)
            .flat_map(between);
        edges.extend(hinted.filter(|e| rules_know(e, below)));
        edges.iter().flat_map(|e| self.overlay(e, below)).collect()
    }

    /// Whether something is said about this very edge.
    fn speaks_of(&self, about: &EdgeRef) -> bool {
        self.typed.values().any(|of| of.contains_key(about))
    }

    /// The overlay of one edge: for the installation in each version, then for each target of which
    /// something is said.
    fn overlay(&self, about: &EdgeRef, below: &Below<'_>) -> Vec<Op> {
        let mut ops = Vec::new();
        for version in below.versions {
            let scope = EdgeScope::learnt(version.0, version.1);
            let said = self.said(about, &common(*version));
            ops.extend(step(about, &said, (*version, scope), below));
        }
        for target in self.own(about) {
            let Some(version) = below.runs.get(target) else {
                continue;
            };
            let own = Extent::Target(target.clone());
            let scope = EdgeScope::Target(target.clone());
            // Nothing of its own, now or before: the installation's overlay is enough.
            let before = about.line(scope.clone());
            if !self.of(about, &own).any(|_| true) && below.graph.edge(&before, below.at).is_none()
            {
                continue;
            }
            let mut extents = common(*version).to_vec();
            extents.push(own);
            let said = self.said(about, &extents);
            ops.extend(step(about, &said, (*version, scope), below));
        }
        ops
    }

    /// Everything that is said about an edge for these extents.
    fn said(&self, about: &EdgeRef, extents: &[Extent]) -> Said {
        let mut said = Said::default();
        for extent in extents {
            if let Some(typed) = self.typed.get(extent).and_then(|of| of.get(about)) {
                said.typed.extend(typed.evidence.iter().cloned());
                said.rule = said.rule.or(typed.rule.clone());
            }
            let hints = self.hints.get(extent).and_then(|of| of.get(&about.pair()));
            let fitting = hints
                .into_iter()
                .flatten()
                .filter(|h| h.kind.is_none_or(|k| k == about.kind));
            said.hints.extend(fitting.map(|h| h.evidence.clone()));
        }
        said
    }

    /// What is said about an edge for one extent.
    fn of<'a>(
        &'a self,
        about: &'a EdgeRef,
        extent: &Extent,
    ) -> impl Iterator<Item = &'a Evidence> + use<'a> {
        let typed = self.typed.get(extent).and_then(|of| of.get(about));
        let hints = self.hints.get(extent).and_then(|of| of.get(&about.pair()));
        let typed = typed.into_iter().flat_map(|s| &s.evidence);
        typed.chain(hints.into_iter().flatten().map(|h| &h.evidence))
    }

    /// The targets whose own overlay this edge may be in: those of which something is or was said, and
    /// the one that it leads to, for a reading puts its services there. All others have nothing to bring
    /// up to date.
    fn own<'a>(&'a self, about: &'a EdgeRef) -> BTreeSet<&'a TargetId> {
        let typed = self.typed.iter().filter(|(_, of)| of.contains_key(about));
        let pair = about.pair();
        let hints = self.hints.iter().filter(|(_, of)| of.contains_key(&pair));
        let extents = typed.map(|(e, _)| e).chain(hints.map(|(e, _)| e));
        let said = extents.filter_map(|extent| match extent {
            Extent::Target(target) => Some(target),
            _ => None,
        });
        let used = match &about.to {
            NodeKey::Target(target) => Some(target),
            _ => None,
        };
        said.chain(used).collect()
    }
}

/// The extents that speak for every target of a version.
fn common((engine, major): Version) -> [Extent; 3] {
    [
        Extent::Installation,
        Extent::Engine(engine),
        Extent::Version(engine, major),
    ]
}

/// What is said about one edge, in one place.
#[derive(Debug, Default)]
struct Said {
    typed: Vec<Evidence>,
    hints: Vec<Evidence>,
    rule: Option<String>,
}

/// Opens the edge in a scope when it is another one than before, closes it when nothing is left.
fn step(
    about: &EdgeRef,
    said: &Said,
    ((engine, major), scope): (Version, EdgeScope),
    below: &Below<'_>,
) -> Option<Op> {
    let rule = about.line(EdgeScope::rules(engine, major));
    let base = below.graph.edge(&rule, below.at);
    let line = about.line(scope.clone());
    let before = below.graph.edge(&line, below.at);
    match (compose(about, said, base, below.at), before) {
        (Some(new), Some(old)) if same(&new, old) => None,
        (Some(new), _) => Some(Op::open(&scope, new)),
        (None, Some(_)) => Some(Op::close(line, below.at)),
        (None, None) => None,
    }
}

/// The edge with everything that is said about it; `None` when there is nothing to say, or nothing to
/// say it about: a hint alone, and what was merely changed together, never make an edge.
fn compose(about: &EdgeRef, said: &Said, base: Option<&Edge>, at: Timestamp) -> Option<Edge> {
    if said.typed.is_empty() && said.hints.is_empty() {
        return None;
    }
    let mut evidence = base.map(|b| b.evidence.clone()).unwrap_or_default();
    evidence.extend(said.typed.iter().chain(&said.hints).cloned());
    let belief = believe(&evidence, Some(at), Standing::Exact);
    let by_person = said.typed.iter().any(|e| Source::of(e) == Source::Person);
    let by_more = said.typed.iter().any(|e| Source::of(e) != Source::CoChange);
    if base.is_none() && !(by_person || by_more && belief.shows()) {
        return None;
    }
    let rule = base.and_then(|b| b.rule.clone());
    Some(Edge {
        from: about.from.clone(),
        to: about.to.clone(),
        kind: about.kind,
        confidence: belief.confidence,
        constraint: base.and_then(|b| b.constraint.clone()),
        rule: rule.or_else(|| said.rule.clone()),
        evidence,
        valid_from: at,
        valid_to: Timestamp::OPEN_END,
    })
}

/// Every edge that there can be between two nodes.
fn between((a, b): &(NodeKey, NodeKey)) -> BTreeSet<EdgeRef> {
    let ways = |kind| [(a, b, kind), (b, a, kind)];
    let all = EdgeKind::ALL.into_iter().flat_map(ways);
    all.map(|(from, to, kind)| EdgeRef::new(from.clone(), to.clone(), kind))
        .collect()
}

/// Whether the rules know the edge in a version in use.
fn rules_know(about: &EdgeRef, below: &Below<'_>) -> bool {
    below.versions.iter().any(|(engine, major)| {
        let line = about.line(EdgeScope::rules(*engine, *major));
        below.graph.edge(&line, below.at).is_some()
    })
}

/// Whether nobody would see a difference.
fn same(new: &Edge, old: &Edge) -> bool {
    new.evidence == old.evidence && (new.confidence.get() - old.confidence.get()).abs() < MOVED_MIN
}

/// Whether a new piece of evidence takes the place of an older one: of the same kind with the same first
/// word of its anchor; people and incidents stand beside each other.
fn replaces(new: &Evidence, old: &Evidence) -> bool {
    let word = |e: &Evidence| e.anchor.split(':').next().unwrap_or_default().to_owned();
    let many = matches!(Source::of(new), Source::Person | Source::Fix);
    new.kind == old.kind && word(new) == word(old) && (!many || new.anchor == old.anchor)
}

/// Nothing, when a ratio of one takes back what was said.
fn something(evidence: Evidence) -> Option<Evidence> {
    (evidence.log_lr != 0.0).then_some(evidence)
}

#[cfg(test)]
mod tests;
