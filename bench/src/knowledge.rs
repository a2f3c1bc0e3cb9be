//! The shipped knowledge of PostgreSQL 15 as a scene for simulations.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use backstay_catalog::candidate::Candidate;
use backstay_catalog::{Pack, Quantity, pack};
use backstay_graph::{Batch, Graph, ImpactSpec, View};
use backstay_guard::knowledge::{rules, uses};
use backstay_model::dependency::NodeKey;
use backstay_model::metric::MetricSpec;
use backstay_model::name::EngineKind;
use backstay_model::{ServiceName, SettingKey, TargetId, Timestamp};
use backstay_risk::history::Outcome;
use backstay_risk::{Costs, PastChange};
use backstay_simulate::outlook::past_change;
use backstay_simulate::{Proposed, Scene};
use backstay_store_sqlite::ingest::example_change_sets;

/// Settled changes that a report learns from.
pub const PAST: usize = 5_000;
/// Services that use the target.
const SERVICES: [&str; 4] = ["checkout", "catalogue", "reports", "mobile"];
/// What is proposed: one rule is broken by two settings together, one is harmless.
const PROPOSAL: [&str; 3] = [
    "work_mem=256MB",
    "max_connections=500",
    "log_rotation_age=2h",
];

/// Pack, graph and past of one target.
#[derive(Debug)]
pub struct Known {
    pack: &'static Pack,
    target: TargetId,
    graph: Graph,
    past: Vec<PastChange>,
}

impl Known {
    /// The pack of PostgreSQL 15 with four services and [`PAST`] settled changes.
    ///
    /// # Errors
    /// When the shipped pack cannot be loaded.
    pub fn new() -> Result<Self> {
        let pack = pack(EngineKind::Postgresql, 15)?.pack;
        let target = TargetId::new("shop");
        let began = Timestamp::default();
        let services = SERVICES.map(|s| uses(&target, ServiceName::new(s), began));
        let mut graph = Graph::new();
        graph.apply(&Batch {
            seq: 1,
            ops: rules(pack).into_iter().chain(services).collect(),
        })?;
        let past = past(pack);
        ensure!(past.len() == PAST, "the pack has no settings");
        Ok(Self {
            pack,
            target,
            graph,
            past,
        })
    }

    /// Dependencies in the pack: rules and effects.
    #[must_use]
    pub fn dependencies(&self) -> usize {
        self.pack.constraints.len() + self.pack.effects.len()
    }

    /// The graph.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Every setting of the pack as a node.
    #[must_use]
    pub fn settings(&self) -> Vec<NodeKey> {
        let names = self.pack.settings.keys();
        names.map(|n| NodeKey::Setting(n.clone())).collect()
    }

    /// An impact in the view of the target, as far as is usual.
    #[must_use]
    pub fn impact(&self) -> ImpactSpec {
        ImpactSpec::new(self.view(), Timestamp::from_secs(1))
    }

    fn view(&self) -> View {
        View::Effective {
            engine: self.pack.engine,
            major: self.pack.major,
            target: self.target.clone(),
        }
    }

    /// The scene in which [`Known::proposal`] is simulated.
    #[must_use]
    pub fn scene(&self) -> Scene<'_> {
        let outcomes = backstay_engine_postgres::specs().into_iter();
        let outcomes = outcomes.filter(|s: &MetricSpec| s.role.outcome());
        Scene {
            pack: self.pack,
            now: Candidate::new(self.pack)
                .with_host("memory", Quantity::Bytes(16 << 30))
                .with_host("cpus", Quantity::Count(8)),
            graph: &self.graph,
            view: self.view(),
            felt: outcomes.map(|s| s.name).collect(),
            services: SERVICES
                .map(|s| (ServiceName::new(s), 10))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            past: &self.past,
            costs: Costs::RELOAD,
            at: Timestamp::from_secs(i64::from(u32::MAX)),
        }
    }

    /// The first of them alone: a setting that reaches much.
    #[must_use]
    pub fn one() -> Vec<Proposed> {
        Self::proposal().into_iter().take(1).collect()
    }

    /// Three settings at once.
    #[must_use]
    pub fn proposal() -> Vec<Proposed> {
        PROPOSAL.into_iter().filter_map(Proposed::parse).collect()
    }
}

fn past(pack: &Pack) -> Vec<PastChange> {
    const OUTCOMES: [Outcome; 4] = [
        Outcome::Fine,
        Outcome::QuietlyFine,
        Outcome::Harm,
        Outcome::FalseRollback,
    ];
    let names = pack.settings.keys().cycle();
    let sets = example_change_sets(1, PAST as u64);
    let changes = sets.into_iter().flat_map(|s| s.changes);
    names
        .zip(changes)
        .zip(OUTCOMES.into_iter().cycle())
        .map(|((name, mut change), outcome)| {
            change.key = SettingKey::instance(name.as_str());
            past_change(pack, &change, change.time.best(), outcome)
        })
        .collect()
}
