//! What is known beside the packs: the graph with everything that the journal says, and what the
//! installation's own history and its people teach about dependencies.
//!
//! Knowledge follows from the journal alone: [`Known::enter`] is called with each record in order, by
//! the guard as it records and by everybody who reads the journal again, and gives the same.

pub mod checkpoint;
pub mod register;

mod claims;
mod near;
mod observe;

use std::collections::{BTreeMap, BTreeSet};

use backstay_catalog::pack;
use backstay_catalog::pack::packs;
use backstay_graph::direction::attenuation;
use backstay_graph::{Batch, Graph, Impact, Op, Overlay};
use backstay_journal::{Record, SnapshotStore};
use backstay_learn::belief::{Standing, believe};
use backstay_learn::effect::Asked;
use backstay_learn::learner::{Config, Effect, Extent, Learner, Learnt};
use backstay_learn::mining::Tally;
use backstay_model::dependency::EvidenceKind;
use backstay_model::name::EngineKind;
use backstay_model::snapshot::Server;
use backstay_model::{
    Constraint, Edge, EdgeKind, MetricName, NodeKey, SettingName, Snapshot, Span, TargetId,
    Timestamp, WorkClass,
};
use serde::{Deserialize, Serialize};

use self::claims::{Below, Claims, Saying, Touched, Version};
use self::near::Near;
use self::observe::Reporter;
use self::register::Register;
use crate::knowledge;

/// What fades is weighed again after this time, when something is recorded.
const WEIGHED_EVERY: Span = Span::from_secs(86_400);
/// Whether settings change what others do is asked again after this time, when something is recorded.
const ASKED_EVERY: Span = Span::from_secs(86_400);

/// For how much a way through the graph is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// As sure as it is.
    AsItIs,
    /// As sure as it is at least: by the lower ends of the intervals (dependencies.md, 12.7).
    AtLeast,
}

/// How surely an impact arrives at least: the product over its way of the lower ends of the intervals
/// of the confidences, and the shares that pass. What was seen rather than believed counts in full.
pub(crate) fn at_least(impact: &Impact, at: Timestamp) -> f64 {
    let low = |e: &Edge| match e.kind {
        EdgeKind::Uses => e.confidence.get(),
        _ => believe(&e.evidence, Some(at), Standing::Exact).low,
    };
    let of = |e: &Edge| low(e) * attenuation(e.kind);
    impact.edges.iter().map(of).product()
}

/// The graph, what was learnt, and of whom something is recorded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Known {
    /// Rules, values through time, and the overlay of what was learnt.
    pub graph: Graph,
    /// What led to the overlay.
    pub learning: Learning,
    /// Targets, and who moved which setting last.
    pub register: Register,
}

impl Known {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the record `seq`, which was made at `at`; to be called for each record in order. The
    /// batch for a graph store comes back.
    pub fn enter<S: SnapshotStore>(
        &mut self,
        (seq, at): (u64, Timestamp),
        record: &Record,
        snapshots: &S,
    ) -> Batch {
        knowledge::enter(self, (seq, at), record, snapshots)
    }
}

/// What the records taught so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Learning {
    reporter: Reporter,
    learner: Learner,
    claims: Claims,
    effects: BTreeMap<(SettingName, MetricName, WorkClass, Extent), Effect>,
    /// Versions of servers that were read, and which target runs which.
    versions: BTreeSet<Version>,
    runs: BTreeMap<TargetId, Version>,
    /// When everything was weighed last.
    weighed_at: Timestamp,
    /// When it was asked last whether settings change what others do.
    asked_at: Timestamp,
}

impl Default for Learning {
    fn default() -> Self {
        let config = Config {
            probed: probed(),
            ..Config::default()
        };
        Self {
            reporter: Reporter::default(),
            learner: Learner::new(config),
            claims: Claims::default(),
            effects: BTreeMap::new(),
            versions: BTreeSet::new(),
            runs: BTreeMap::new(),
            weighed_at: Timestamp::default(),
            asked_at: Timestamp::default(),
        }
    }
}

impl Learning {
    /// The version that a target was last seen to run.
    #[must_use]
    pub fn version_of(&self, target: &TargetId) -> Option<(EngineKind, u32)> {
        self.runs.get(target).copied()
    }

    /// What the settings here were measured to do to metrics, in the order of their names.
    pub fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.effects.values()
    }

    /// Whether one setting changes what another does to a metric: what was asked in the last night that
    /// something new was measured, and the answers.
    #[must_use]
    pub fn asked(&self) -> &[Asked] {
        self.learner.asked()
    }

    /// What mining has seen, in numbers.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.learner.tally()
    }

    /// What a record teaches, as ops on the overlay of `then`, the graph with what the record itself
    /// means.
    pub(crate) fn take_in(
        &mut self,
        at: Timestamp,
        record: &Record,
        read: Option<&Snapshot>,
        then: &Overlay<'_>,
    ) -> Vec<Op> {
        let mut touched: BTreeSet<Touched> = BTreeSet::new();
        for observation in self.reporter.report(at, record, read, &self.runs) {
            for learnt in self.learner.observe(&observation) {
                touched.extend(self.heed(learnt));
            }
        }
        let news = match record {
            Record::Baseline { target, server, .. } => self.runs_now(target, server),
            _ => News::No,
        };
        if at.since(self.asked_at) >= ASKED_EVERY {
            self.asked_at = at;
            let mut near = Near::new(then, at);
            self.learner.ask(|version, name| near.of(version, name));
        }
        let below = Below {
            graph: then,
            versions: &self.versions,
            runs: &self.runs,
            at,
        };
        if news == News::Yes || at.since(self.weighed_at) >= WEIGHED_EVERY {
            self.weighed_at = at;
            return self.claims.all(&below);
        }
        self.claims.about(&touched, &below)
    }

    /// Takes what was learnt to heart; what may be different now.
    fn heed(&mut self, learnt: Learnt) -> Option<Touched> {
        match learnt {
            Learnt::Evidence {
                from,
                to,
                kind,
                direction,
                rule,
                extent,
                evidence,
            } => Some(self.claims.say(Saying {
                from,
                to,
                kind,
                direction,
                rule,
                extent,
                evidence,
            })),
            Learnt::Effect(effect) => {
                let (setting, metric) = (effect.setting.clone(), effect.metric.clone());
                let key = (setting, metric, effect.work, effect.extent.clone());
                // No change to rest on takes back what was said.
                match effect.n {
                    0 => self.effects.remove(&key),
                    _ => self.effects.insert(key, effect),
                };
                None
            }
        }
    }

    /// Notes which version a target runs.
    fn runs_now(&mut self, target: &TargetId, server: &Server) -> News {
        let version = (server.engine, server.major());
        let before = self.runs.insert(target.clone(), version);
        let new = self.versions.insert(version);
        match new || before != Some(version) {
            true => News::Yes,
            false => News::No,
        }
    }
}

/// Whether something was not known before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    Yes,
    No,
}

/// Pairs of which a probe of the newest pack knows that the first is derived from the second: one target
/// that shows the same is then enough.
fn probed() -> BTreeSet<(SettingName, SettingName)> {
    let newest = packs().filter(|(engine, _)| *engine == EngineKind::Postgresql);
    let newest = newest.max_by_key(|(_, major)| *major);
    let choice = newest.and_then(|(engine, major)| pack(engine, major).ok());
    let by_probe = |c: &&Constraint| c.evidence.iter().any(|e| e.kind == EvidenceKind::Probe);
    let constraints = choice.iter().flat_map(|c| &c.pack.constraints);
    constraints
        .filter(by_probe)
        .flat_map(|c| {
            let others = c.others.iter().filter_map(|n| match n {
                NodeKey::Setting(name) => Some(name.clone()),
                _ => None,
            });
            others
                .map(|other| (c.subject.clone(), other))
                .collect::<Vec<_>>()
        })
        .collect()
}
