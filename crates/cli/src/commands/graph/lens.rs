//! What is known here, seen from one place: what is shipped, a live server, or a target of the state
//! directory with everything that was learnt about it.

use std::collections::BTreeMap;

use backstay_graph::export::{Told, counter_evidence};
use backstay_graph::{CompactGraph, EdgeFilter, EdgeScope, View};
use backstay_guard::knowledge::weighed;
use backstay_guard::learning::Known;
use backstay_guard::learning::register::Register;
use backstay_journal::SnapshotStore;
use backstay_learn::belief::{Belief, Standing, believe};
use backstay_learn::effect::Asked;
use backstay_model::{Confidence, Edge, EdgeKind, NodeKey, TargetId, Timestamp};
use backstay_store_sqlite::Readers;

use crate::args::{Common, Place, Subject};
use crate::commands::known::recorded;
use crate::commands::subject::{Ground, clock_now, live, offline, recorded as as_recorded};
use crate::failure::{Code, Failure};

/// The version that a command line has when none was named.
const VERSION_UNNAMED: u32 = 15;

/// What is known, from one place, at one moment.
#[derive(Debug)]
pub(crate) struct Lens {
    pub(crate) ground: Ground,
    /// The stores of the state directory, when there is a record.
    pub(crate) readers: Option<Readers>,
    /// The graph as it is here, and what led to it.
    pub(crate) known: Known,
    pub(crate) at: Timestamp,
}

impl Lens {
    /// What was asked here of effects: whether they depend on where another setting stands.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &Asked> {
        let here = (self.ground.choice.pack.engine, self.ground.major);
        let all = self.known.learning.asked().iter();
        all.filter(move |asked| asked.version == here)
    }

    /// Looks from the server behind `dsn`, from a named target, from the only one that is recorded, or
    /// at what is shipped. What was learnt here counts in each case.
    pub(crate) fn open(
        dsn: Option<&str>,
        place: &Place,
        common: &Common,
        file: Option<&std::path::Path>,
    ) -> Result<Self, Failure> {
        let (readers, mut known) = recorded(common)?;
        let record = readers.as_ref().map(|r| (r, &known.register));
        let ground = match (dsn, &place.target) {
            (Some(_), Some(target)) => return Err(two_places(target)),
            (Some(dsn), None) => at_server(dsn, (&place.subject, common), record)?,
            (None, Some(target)) => at_target(target, &place.subject, record)?,
            (None, None) => match only_target(&place.subject, record, file) {
                Some(target) => at_target(target.as_str(), &place.subject, record)?,
                None => offline(&place.subject, file)?,
            },
        };
        known.graph = ground.graph_over(known.graph)?;
        let at = clock_now();
        Ok(Self {
            ground,
            readers,
            known,
            at,
        })
    }

    /// The edges that pass the filter, each as sure as its evidence makes it now.
    pub(crate) fn edges(&self, filter: &EdgeFilter) -> Vec<Edge> {
        let all = EdgeFilter {
            min_confidence: Confidence::ZERO,
            ..filter.clone()
        };
        let edges = self.known.graph.edges(self.at, &all).into_iter();
        edges
            .map(|e| weighed(e, Some(self.at)))
            .filter(|e| filter.passes(e))
            .collect()
    }

    /// Every edge that counts here.
    pub(crate) fn every_edge(&self) -> Vec<Edge> {
        self.edges(&EdgeFilter::view(self.ground.view()))
    }

    /// The edges at a node, the surest first.
    pub(crate) fn edges_of(&self, node: &NodeKey) -> Vec<Edge> {
        let mut filter = EdgeFilter::view(self.ground.view());
        filter.node = Some(node.clone());
        let mut edges = self.edges(&filter);
        edges.sort_by(|a, b| b.confidence.get().total_cmp(&a.confidence.get()));
        edges
    }

    /// The edges that were learnt here, or about which something was learnt: the overlay, weighed now.
    pub(crate) fn learnt(&self) -> Vec<Edge> {
        let View::Effective {
            engine,
            major,
            target,
        } = self.ground.view()
        else {
            return Vec::new();
        };
        let scopes = [EdgeScope::learnt(engine, major), EdgeScope::Target(target)];
        let of = |scope| self.edges(&EdgeFilter::view(View::Scope(scope)));
        let all = scopes.into_iter().flat_map(of);
        let all = all.filter(|e| e.kind != EdgeKind::Uses);
        // What is said of the target alone lies over what is said of all.
        let lines = all.map(|e| ((e.from.clone(), e.to.clone(), e.kind), e));
        lines.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    /// The edges that count here, laid out for walking.
    pub(crate) fn compact(&self) -> CompactGraph {
        CompactGraph::from_edges(self.every_edge(), self.ground.view().target())
    }

    /// What to believe of an edge.
    pub(crate) fn belief(&self, edge: &Edge) -> Belief {
        believe(&edge.evidence, Some(self.at), Standing::Exact)
    }

    /// The edge with the interval of its confidence.
    pub(crate) fn told<'e>(&self, edge: &'e Edge) -> Told<'e> {
        if edge.kind == EdgeKind::Uses {
            return Told::bare(edge);
        }
        let belief = self.belief(edge);
        Told {
            edge,
            low: Confidence::clamped(belief.low),
            high: Confidence::clamped(belief.high),
        }
    }

    /// `0.87 [0.73–0.97]`, and how much speaks against it.
    pub(crate) fn sure(&self, edge: &Edge) -> String {
        let told = self.told(edge);
        let against = match counter_evidence(edge) {
            0 => String::new(),
            n => format!(", {n} against"),
        };
        let p = edge.confidence;
        format!("{p} [{}–{}]{against}", told.low, told.high)
    }
}

fn two_places(target: &str) -> Failure {
    Failure::new(
        Code::Usage,
        format!("a server and --target {target} were named: it is one of them"),
    )
    .hint("leave out one of the two")
}

/// The stores of a record, and of whom it says something.
type Record<'a> = (&'a Readers, &'a Register);

/// The target of the record that is meant when nothing is said: the only one, unless a file or another
/// version is asked about.
fn only_target<'b>(
    subject: &Subject,
    record: Option<Record<'b>>,
    file: Option<&std::path::Path>,
) -> Option<&'b TargetId> {
    let (_, register) = record?;
    let mut targets = register.targets().iter();
    let (Some((target, site)), None) = (targets.next(), targets.next()) else {
        return None;
    };
    let runs = site.server.as_ref()?.major();
    let other = subject.version != VERSION_UNNAMED && subject.version != runs;
    (file.is_none() && !other).then_some(target)
}

/// A target as it was recorded last.
fn at_target(name: &str, subject: &Subject, record: Option<Record<'_>>) -> Result<Ground, Failure> {
    let Some((readers, register)) = record else {
        return Err(Failure::new(
            Code::Unknown,
            format!("no target {name}: nothing is recorded"),
        )
        .hint("give --state-dir the directory of the guard that watches it"));
    };
    let target = TargetId::new(name);
    let site = register.targets().get(&target).ok_or_else(|| {
        let known: Vec<&str> = register.targets().keys().map(TargetId::as_str).collect();
        Failure::new(Code::Unknown, format!("no target {name} is recorded"))
            .hint(format!("recorded are {}", known.join(", ")))
    })?;
    let failed = |e| Failure::of(Code::Store, &e);
    let snapshot = readers.snapshots.latest(&target).map_err(failed)?;
    let snapshot = snapshot.ok_or_else(|| {
        Failure::new(
            Code::Unknown,
            format!("no configuration of {name} is recorded yet"),
        )
        .hint("backstay status")
    })?;
    let address = site.watched.as_ref().map_or(name, |w| &w.address);
    as_recorded(snapshot, address, subject)
}

/// A live server; when a guard watches it, it goes by the name that it has there.
fn at_server(
    dsn: &str,
    (subject, common): (&Subject, &Common),
    record: Option<Record<'_>>,
) -> Result<Ground, Failure> {
    let mut ground = live(dsn, subject, common)?;
    let mut targets = record.iter().flat_map(|(_, register)| register.targets());
    let named = targets.find(|(_, site)| {
        let watched = site.watched.as_ref().map(|w| w.address.as_str());
        watched.is_some() && watched == ground.live.as_ref().map(|l| l.address.as_str())
    });
    if let (Some((target, _)), Some(live)) = (named, &mut ground.live) {
        live.snapshot.target = target.clone();
    }
    Ok(ground)
}
