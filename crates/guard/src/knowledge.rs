//! What the graph learns from each record, and what is known about a change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use backstay_catalog::candidate::{At, Candidate};
use backstay_catalog::{Pack, PackChoice, pack};
use backstay_graph::{Batch, EdgeFilter, EdgeScope, Graph, Op, View};
use backstay_journal::{Record, SnapshotStore};
use backstay_learn::belief::{PRIOR, Standing, score};
use backstay_model::confidence::Confidence;
use backstay_model::dependency::{Edge, EdgeKind, Evidence, EvidenceKind};
use backstay_model::name::EngineKind;
use backstay_model::snapshot::{Server, Snapshot};
use backstay_model::{Author, Change, NodeKey, ServiceName, TargetId, Timestamp, ValueSource};
use backstay_risk::history::Outcome;
use backstay_risk::{Costs, PastChange};
use backstay_simulate::Scene;

use crate::books::Feed;
use crate::case::Case;
use crate::desk::Desk;
use crate::learning::Known;

/// Batches that may wait for the graph store; beyond it the newest are not kept in memory, and the
/// store is brought up to date from the journal at the next start.
const WAITING_MAX: usize = 65_536;
/// Log-likelihood ratio of a session seen: its service certainly uses the target.
const SEEN_LOG_LR: f64 = 9.0;

/// The knowledge for a server: its own pack, or the nearest older one.
pub(crate) fn knowledge(server: &Server) -> Option<PackChoice> {
    pack(server.engine, server.major()).ok()
}

/// Enters a record into what is known: the working graph, and what it teaches. Every record has a batch
/// with its own sequence number, most of them empty, so that a graph is as far as the journal when the
/// numbers are equal. The batch that was entered comes back, for the graph store.
///
/// The one way by which knowledge grows, live and at a rebuild: nothing but the record, its number and
/// its moment counts, so both give the same.
pub(crate) fn enter<S: SnapshotStore>(
    known: &mut Known,
    (seq, at): (u64, Timestamp),
    record: &Record,
    snapshots: &S,
) -> Batch {
    let read = match record {
        Record::Baseline { snapshot, .. } => snapshots.get(snapshot).ok().flatten(),
        _ => None,
    };
    let Known {
        graph,
        learning,
        register,
    } = known;
    register.enter(at, record);
    let mut ops = means(graph, record, read.as_ref());
    let taught = {
        let mut then = graph.overlay();
        // Only edges count here; histories of values are long.
        let edges = |op: &&Op| matches!(op, Op::OpenEdge { .. } | Op::CloseEdge { .. });
        ops.iter().filter(edges).for_each(|op| then.put(op));
        learning.take_in(at, record, read.as_ref(), &then)
    };
    ops.extend(taught);
    let mut batch = Batch { seq, ops };
    if let Err(error) = graph.apply(&batch) {
        // What cannot be kept is left out: the numbers must go on, or nothing is kept after it.
        tracing::error!(%error, seq, "the graph cannot hold what a record says");
        batch.ops.clear();
        if let Err(error) = graph.apply(&batch) {
            tracing::error!(%error, seq, "the working graph is not where the journal is");
        }
    }
    batch
}

/// What a record means for the graph as it stands.
fn means(graph: &Graph, record: &Record, read: Option<&Snapshot>) -> Vec<Op> {
    match record {
        Record::Baseline { target, server, .. } => baseline(graph, target, server, read),
        Record::Seen { change_set, .. } => change_set
            .changes
            .iter()
            .map(|c| set_value(&change_set.target, c, Some(change_set.id)))
            .collect(),
        _ => Vec::new(),
    }
}

/// A whole reading of a target: what the graph lacks of the rules of its version, of the values that
/// somebody set, and of the services that use it.
fn baseline(
    graph: &Graph,
    target: &TargetId,
    server: &Server,
    snapshot: Option<&Snapshot>,
) -> Vec<Op> {
    let mut ops = vec![Op::UpsertNode(NodeKey::Target(target.clone()))];
    let version = (server.engine, server.major());
    if let Some(choice) = knowledge(server).filter(|_| !has_rules(graph, version)) {
        ops.extend(rules_in(choice.pack, server.major()));
    }
    let Some(snapshot) = snapshot else { return ops };
    let at = snapshot.taken_at;
    for (key, standing) in &snapshot.settings {
        let known = graph.setting_state(target, key, at);
        let moved = known.is_none_or(|state| Some(&state.value) != standing.effective.as_ref());
        if moved && standing.source != ValueSource::Default {
            ops.push(Op::SetValue {
                target: target.clone(),
                key: key.clone(),
                old: None,
                new: standing.effective.clone(),
                author: Author::Unknown,
                at,
                change_set: None,
            });
        }
    }
    let known = users(graph, target, at);
    let mut services: Vec<_> = snapshot.services.iter().map(|s| &s.service).collect();
    services.sort();
    services.dedup();
    let new = services
        .into_iter()
        .filter(|s| !known.contains(&NodeKey::Service((*s).clone())));
    ops.extend(new.map(|s| uses(target, s.clone(), at)));
    ops
}

fn has_rules(graph: &Graph, (engine, major): (EngineKind, u32)) -> bool {
    let view = View::Scope(EdgeScope::rules(engine, major));
    let from_the_start = Timestamp(0);
    !graph
        .edges(from_the_start, &EdgeFilter::view(view))
        .is_empty()
}

/// The services that the graph knows to use `target`.
fn users(graph: &Graph, target: &TargetId, at: Timestamp) -> BTreeSet<NodeKey> {
    let filter = EdgeFilter {
        node: Some(NodeKey::Target(target.clone())),
        ..EdgeFilter::view(View::Scope(EdgeScope::Target(target.clone())))
    };
    let edges = graph.edges(at, &filter).into_iter();
    edges.map(|edge| edge.from).collect()
}

/// The rule graph of a pack: projected constraints, and its effect seeds.
#[must_use]
pub fn rules(pack: &Pack) -> Vec<Op> {
    rules_in(pack, pack.major)
}

/// The rule graph of a pack for the version `major`, which may be newer than the pack: what is carried
/// over is surer of nothing than its halved evidence, and must not pass for the rules of its own
/// version.
#[must_use]
pub fn rules_in(pack: &Pack, major: u32) -> Vec<Op> {
    let scope = EdgeScope::rules(pack.engine, major);
    let nodes = pack
        .settings
        .keys()
        .map(|name| Op::UpsertNode(NodeKey::Setting(name.clone())));
    let edges = backstay_graph::project(&pack.constraints)
        .into_iter()
        .chain(pack.effects.iter().map(effect));
    nodes
        .chain(edges.map(|edge| Op::open(&scope, weighed(edge, None))))
        .collect()
}

/// The edge with the confidence that its evidence gives at `at` (without a moment, nothing has faded).
/// That a service uses a target is seen, not believed.
#[must_use]
pub fn weighed(mut edge: Edge, at: Option<Timestamp>) -> Edge {
    if edge.kind != EdgeKind::Uses {
        edge.confidence = score(&edge.evidence, at, Standing::Exact);
    }
    edge
}

fn effect(effect: &backstay_catalog::Effect) -> Edge {
    let p = effect.confidence.get().clamp(0.001, 0.999);
    Edge {
        from: NodeKey::Setting(effect.setting.clone()),
        to: NodeKey::Metric(effect.metric.clone()),
        kind: EdgeKind::Affects,
        confidence: effect.confidence,
        constraint: None,
        rule: None,
        evidence: vec![Evidence {
            kind: EvidenceKind::Review,
            anchor: effect.mechanism.clone(),
            log_lr: (p / (1.0 - p)).ln() - PRIOR,
            observed_at: None,
        }],
        valid_from: Timestamp(0),
        valid_to: Timestamp::OPEN_END,
    }
}

/// `service` uses `target`: its sessions were seen there since `at`.
#[must_use]
pub fn uses(target: &TargetId, service: ServiceName, at: Timestamp) -> Op {
    let edge = Edge {
        from: NodeKey::Service(service),
        to: NodeKey::Target(target.clone()),
        kind: EdgeKind::Uses,
        confidence: Confidence::ONE,
        constraint: None,
        rule: None,
        evidence: vec![Evidence {
            kind: EvidenceKind::History,
            anchor: "sessions".into(),
            log_lr: SEEN_LOG_LR,
            observed_at: None,
        }],
        valid_from: at,
        valid_to: Timestamp::OPEN_END,
    };
    Op::open(&EdgeScope::Target(target.clone()), edge)
}

fn set_value(
    target: &TargetId,
    change: &Change,
    change_set: Option<backstay_model::ChangeSetId>,
) -> Op {
    Op::SetValue {
        target: target.clone(),
        key: change.key.clone(),
        old: change.old.effective.clone(),
        new: change.new.effective.clone(),
        author: change.author.clone(),
        at: change.time.best(),
        change_set,
    }
}

/// The graph store and the batches it has not taken yet.
#[derive(Debug)]
pub(crate) struct Ledger<G> {
    store: G,
    waiting: VecDeque<Batch>,
    health: Health,
}

/// Whether the graph store takes what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Good,
    Ill,
}

impl<G: Feed> Ledger<G> {
    pub(crate) const fn new(store: G) -> Self {
        Self {
            store,
            waiting: VecDeque::new(),
            health: Health::Good,
        }
    }

    /// How many batches wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How far the store is; 0 when it cannot say, and then it is offered everything again.
    pub(crate) fn applied(&self) -> u64 {
        self.store.applied_seq().unwrap_or(0)
    }

    pub(crate) fn line_up(&mut self, batch: Batch) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(batch);
        } else {
            tracing::debug!(
                seq = batch.seq,
                "the graph store is too far behind; it catches up at the next start"
            );
        }
    }

    /// Hands the store what it lacks; what fails stays in line.
    pub(crate) fn catch_up(&mut self) {
        while let Some(batch) = self.waiting.front() {
            if let Err(error) = self.store.apply(batch) {
                if std::mem::replace(&mut self.health, Health::Ill) == Health::Good {
                    tracing::warn!(%error, seq = batch.seq, "the graph store did not take a batch");
                }
                return;
            }
            self.health = Health::Good;
            self.waiting.pop_front();
        }
    }
}

/// The scene of a change that is live on `desk`: the configuration before it, the graph, the services.
pub(crate) fn scene<'a>(
    desk: &Desk,
    before: &'a Snapshot,
    choice: PackChoice,
    known: (&'a Graph, &'a [PastChange]),
    at: Timestamp,
) -> Scene<'a> {
    let (graph, past) = known;
    let (now, _unreadable) = Candidate::new(choice.pack).with_snapshot(before, At::Now);
    Scene {
        pack: choice.pack,
        now,
        graph,
        view: View::Effective {
            engine: choice.pack.engine,
            major: before.server.major(),
            target: desk.target.clone(),
        },
        felt: desk
            .specs
            .iter()
            .filter(|s| s.role.outcome())
            .map(|s| s.name.clone())
            .collect(),
        services: desk.service_weights(),
        past,
        costs: Costs::RELOAD,
        at,
    }
}

/// Settled change sets as cases to learn from.
#[must_use]
pub fn past<'a>(pack: &Pack, cases: impl Iterator<Item = &'a Case>) -> Vec<PastChange> {
    let mut past = Vec::new();
    for case in cases {
        let Some(outcome) = outcome(case) else {
            continue;
        };
        let at = case.moments.moved_at;
        past.extend(
            case.change_set
                .changes
                .iter()
                .map(|c| backstay_simulate::outlook::past_change(pack, c, at, outcome)),
        );
    }
    past
}

/// How a case ended; `None` while it has not, or when nothing can be learnt from it.
fn outcome(case: &Case) -> Option<Outcome> {
    use backstay_lifecycle::State;
    use backstay_lifecycle::state::Keeper;
    use backstay_model::verdict::Recovery;
    match &case.state {
        // What was not judged harmful, or not alone, was not shown to hurt by going away.
        State::RolledBack {
            recovered: Recovery::Yes,
            ..
        } if case.blamed() => Some(Outcome::Harm),
        State::RolledBack {
            recovered: Recovery::No,
            ..
        } => Some(Outcome::FalseRollback),
        State::Kept {
            by: Keeper::Operator { .. },
            ..
        } => Some(Outcome::Fine),
        State::Kept {
            by: Keeper::Verdict(_),
            ..
        } => Some(Outcome::QuietlyFine),
        _ => None,
    }
}

/// The configuration of `snapshot` with the changes of `case` taken back: what stood before.
pub(crate) fn before(snapshot: &Snapshot, case: &Case) -> Snapshot {
    let mut before = snapshot.clone();
    let old: BTreeMap<_, _> = case
        .change_set
        .changes
        .iter()
        .map(|c| (c.key.clone(), c.old.clone()))
        .collect();
    before.settings.extend(old);
    before
}

/// A configuration of which nothing is known.
pub(crate) fn empty_snapshot(target: &TargetId) -> Snapshot {
    Snapshot {
        id: backstay_model::SnapshotId("unread".into()),
        target: target.clone(),
        taken_at: Timestamp(0),
        server: Server {
            engine: EngineKind::Postgresql,
            version: String::new(),
            started_at: Timestamp(0),
            processes_since: None,
            system_identifier: None,
            data_directory: String::new(),
            role: backstay_model::snapshot::NodeRole::Primary,
        },
        settings: BTreeMap::new(),
        files: Vec::new(),
        unloaded: Vec::new(),
        file_errors: Vec::new(),
        services: Vec::new(),
    }
}
