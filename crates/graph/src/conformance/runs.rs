//! Random runs: few names, so that keys collide, and times in a short range, so that versions do.

use backstay_model::name::EngineKind;
use backstay_model::{
    Author, ChangeSetId, Confidence, Edge, EdgeKind, MetricName, NodeKey, ServiceName, SettingKey,
    TargetId, Timestamp, Value,
};

use super::oracle::{Line, Oracle};
use super::{Harness, Mismatch, edge, effective_view, rules, target};
use crate::direction::KindSet;
use crate::identity::EdgeScope;
use crate::impact::{Felt, Impact, ImpactSpec};
use crate::op::{Applied, Batch, Op};
use crate::store::{EdgeFilter, GraphStore, View};
use backstay_chance::Dice;

const BATCHES: u64 = 12;
const OPS_MAX: u64 = 12;
const TIMES: u64 = 40;

pub(crate) fn random<H: Harness>(harness: &mut H, seed: u64) -> Result<(), Mismatch> {
    let mut dice = Dice::new(seed);
    let mut store = harness.create();
    let mut oracle = Oracle::default();
    let mut log: Vec<Batch> = Vec::new();
    let crash_after = dice.below(BATCHES) + 1;
    for seq in 1..=BATCHES {
        let batch = random_batch(&mut dice, seq);
        oracle.apply(&batch);
        let run = Run {
            oracle: &oracle,
            seed,
        };
        run.works("apply", store.apply(&batch))?;
        if dice.below(3) == 0 {
            let stale = dice.pick(&log).unwrap_or(&batch);
            run.works("apply a stale batch", store.apply(stale))?;
        }
        if dice.below(4) == 0 {
            store = harness.reopen(store);
        }
        log.push(batch);
        if seq == crash_after {
            // Whoever feeds it has forgotten how far it was, and begins with the first batch.
            store = harness.reopen(store);
            for old in &log {
                let again = run.works("offer the whole log again", store.apply(old))?;
                run.equal(
                    "what is there is not applied again",
                    &again,
                    &Applied::Before,
                )?;
            }
        }
        for at in [
            moment(&mut dice),
            moment(&mut dice),
            Timestamp(TIMES as i64 + 1),
        ] {
            run.compare(&store, at, &mut dice)?;
        }
    }
    let mut replayed = harness.create();
    let run = Run {
        oracle: &oracle,
        seed,
    };
    for batch in &log {
        run.works("replay", replayed.apply(batch))?;
    }
    let at = moment(&mut dice);
    run.equal(
        "replay equals live",
        &run.read(replayed.snapshot(at))?,
        &run.read(store.snapshot(at))?,
    )
}

struct Run<'o> {
    oracle: &'o Oracle,
    seed: u64,
}

impl Run<'_> {
    fn compare(
        &self,
        store: &impl GraphStore,
        at: Timestamp,
        dice: &mut Dice,
    ) -> Result<(), Mismatch> {
        let snapshot = self.read(store.snapshot(at))?;
        self.equal(
            "the snapshot equals the oracle's",
            &snapshot,
            &self.oracle.snapshot(at),
        )?;

        let other = moment(dice);
        let diff = self.read(store.diff(at, other))?;
        let patched = diff.patch(&snapshot, other);
        self.equal(
            "diff leads from one moment to the other",
            &patched,
            &self.oracle.snapshot(other),
        )?;
        let none = self.read(store.diff(at, at))?;
        self.equal(
            "diff of a moment with itself is empty",
            &none,
            &Default::default(),
        )?;

        for view in [
            View::All,
            View::Scope(rules()),
            View::Scope(EdgeScope::Target(target())),
            View::Scope(EdgeScope::learnt(EngineKind::Postgresql, 15)),
            effective_view(),
        ] {
            let mut want = self.oracle.edges(at, &view);
            let mut got = self.read(store.edges(at, &EdgeFilter::view(view.clone())))?;
            let key = |e: &Edge| format!("{e:?}");
            got.sort_by_cached_key(key);
            want.sort_by_cached_key(key);
            self.equal("edges of a view", &got, &want)?;
            let spec = random_spec(dice, view, at);
            self.impacts(store, &spec, dice)?;
        }
        Ok(())
    }

    fn impacts(
        &self,
        store: &impl GraphStore,
        spec: &ImpactSpec,
        dice: &mut Dice,
    ) -> Result<(), Mismatch> {
        let start: Vec<NodeKey> = (0..=dice.below(2)).map(|_| random_node(dice)).collect();
        let found = self.read(store.impact(&start, spec))?;
        let got: Vec<Line> = found
            .iter()
            .map(|i| (i.score.get(), i.hops, i.node.clone()))
            .collect();
        let want = self.oracle.impact(&start, spec);
        self.equal("impact: nodes, scores, hops, order", &got, &want)?;
        let edges = self.oracle.edges(spec.at, &spec.view);
        for impact in &found {
            let witnessed = witness(impact, &start, &edges);
            self.equal(
                "impact: the witness path explains the score",
                &witnessed,
                &Ok(()),
            )?;
        }
        Ok(())
    }

    fn equal<T: PartialEq + std::fmt::Debug>(
        &self,
        check: &'static str,
        got: &T,
        want: &T,
    ) -> Result<(), Mismatch> {
        if got == want {
            return Ok(());
        }
        Err(Mismatch {
            check,
            seed: self.seed,
            detail: format!("got {got:#?}, want {want:#?}"),
        })
    }

    fn works<T, E: std::error::Error>(
        &self,
        check: &'static str,
        result: Result<T, E>,
    ) -> Result<T, Mismatch> {
        result.map_err(|error| Mismatch {
            check,
            seed: self.seed,
            detail: error.to_string(),
        })
    }

    fn read<T, E: std::error::Error>(&self, result: Result<T, E>) -> Result<T, Mismatch> {
        self.works("the store answers", result)
    }
}

/// Whether the path begins at a start node, its edges are in the view, and their product is the score.
fn witness(impact: &Impact, start: &[NodeKey], edges: &[Edge]) -> Result<(), String> {
    let hops = usize::from(impact.hops);
    if impact.path.len() != hops + 1 || impact.edges.len() != hops {
        return Err(format!(
            "{} nodes and {} edges for {hops} hops",
            impact.path.len(),
            impact.edges.len()
        ));
    }
    if !impact.path.first().is_some_and(|n| start.contains(n))
        || impact.path.last() != Some(&impact.node)
    {
        return Err(format!(
            "path {:?} does not lead from a start node",
            impact.path
        ));
    }
    let mut score = 1.0;
    for (pair, edge) in impact.path.windows(2).zip(&impact.edges) {
        let felt = edge.kind == EdgeKind::Uses && pair.last() == Some(&edge.from);
        let joins = pair.iter().all(|n| *n == edge.from || *n == edge.to);
        if !edges.contains(edge) || !(joins || felt) {
            return Err(format!("edge {edge:?} does not join {pair:?}"));
        }
        score *= edge.confidence.get() * crate::direction::attenuation(edge.kind);
    }
    // The same factors in the same order: equal to the last bit.
    if score.to_bits() == impact.score.get().to_bits() {
        Ok(())
    } else {
        Err(format!("product {score}"))
    }
}

fn moment(dice: &mut Dice) -> Timestamp {
    Timestamp(dice.below(TIMES + 2) as i64 - 1)
}

fn random_spec(dice: &mut Dice, view: View, at: Timestamp) -> ImpactSpec {
    let some: Vec<EdgeKind> = EdgeKind::ALL
        .into_iter()
        .filter(|_| dice.below(3) > 0)
        .collect();
    let mut spec = ImpactSpec::new(view, at);
    spec.kinds = if dice.below(2) == 0 {
        KindSet::ALL
    } else {
        KindSet::of(&some)
    };
    spec.depth = dice.below(7) as u8;
    spec.min_confidence = Confidence::clamped([0.0, 0.25, 0.5, 1.0][dice.below(4) as usize]);
    spec.felt = Felt::Every;
    spec
}

/// Names that collide: upper and lower case, composed and not, beyond the basic plane.
pub(crate) fn random_node(dice: &mut Dice) -> NodeKey {
    const NAMES: [&str; 7] = ["a", "b", "c", "caf\u{e9}", "cafe\u{301}", "🦀", "it's"];
    let name = dice.pick(&NAMES).copied().unwrap_or("a");
    match dice.below(10) {
        0 => NodeKey::Metric(MetricName::new(name)),
        1 => NodeKey::Resource("memory".into()),
        2 => NodeKey::Service(ServiceName::new(name)),
        3 => NodeKey::Target(target()),
        _ => NodeKey::setting(name),
    }
}

/// A batch of up to a dozen ops on few names and moments (0 to 40 µs), for runs of a store's own.
pub fn random_batch(dice: &mut Dice, seq: u64) -> Batch {
    let ops = (0..dice.below(OPS_MAX + 1))
        .map(|_| random_op(dice))
        .collect();
    Batch { seq, ops }
}

fn random_scope(dice: &mut Dice) -> EdgeScope {
    match dice.below(8) {
        0 | 1 => EdgeScope::Target(target()),
        2 => EdgeScope::rules(EngineKind::Postgresql, 16),
        3 | 4 => EdgeScope::learnt(EngineKind::Postgresql, 15),
        _ => rules(),
    }
}

fn random_op(dice: &mut Dice) -> Op {
    let kind = dice
        .pick(&EdgeKind::ALL)
        .copied()
        .unwrap_or(EdgeKind::Requires);
    match dice.below(10) {
        0 => Op::UpsertNode(random_node(dice)),
        1 | 2 => Op::CloseEdge {
            scope: random_scope(dice),
            from: random_node(dice),
            to: random_node(dice),
            kind,
            at: moment(dice),
        },
        3 => random_value(dice),
        _ => {
            let begin = moment(dice);
            let end = if dice.below(2) == 0 {
                Timestamp::OPEN_END
            } else {
                moment(dice)
            };
            let mut version = edge("x", "y", kind, begin.0, end.0);
            (version.from, version.to) = random_ends(dice, kind);
            version.confidence =
                Confidence::clamped([0.0, 0.25, 0.3, 0.5, 0.9, 1.0][dice.below(6) as usize]);
            version.rule =
                (dice.below(2) == 0).then(|| format!("{} < {}", version.from, version.to));
            Op::OpenEdge {
                scope: random_scope(dice),
                edge: version,
            }
        }
    }
}

/// Mostly ends that make sense for the kind, so that impacts get far; sometimes any.
fn random_ends(dice: &mut Dice, kind: EdgeKind) -> (NodeKey, NodeKey) {
    let setting = |dice: &mut Dice| {
        NodeKey::setting(dice.pick(&["a", "b", "c", "d"]).copied().unwrap_or("a"))
    };
    match (dice.below(4), kind) {
        (0, _) => (random_node(dice), random_node(dice)),
        (_, EdgeKind::Affects) => (setting(dice), NodeKey::Metric(MetricName::new("m"))),
        (_, EdgeKind::Uses) => (
            NodeKey::Service(ServiceName::new("web")),
            NodeKey::Target(target()),
        ),
        _ => (setting(dice), setting(dice)),
    }
}

fn random_value(dice: &mut Dice) -> Op {
    let new = match dice.below(4) {
        0 => None,
        1 => Some(Value::Secret(backstay_model::value::Fingerprint(
            "ab12".into(),
        ))),
        n => Some(Value::text(format!("{n}MB"))),
    };
    let target = if dice.below(3) == 0 {
        TargetId::new("other")
    } else {
        target()
    };
    let via = backstay_model::change::AuthorEvidence::ServerLog;
    let known = Author::Known {
        name: "ann".into(),
        via,
    };
    Op::SetValue {
        target,
        key: SettingKey::instance(dice.pick(&["a", "b"]).copied().unwrap_or("a")),
        old: None,
        new,
        author: if dice.below(2) == 0 {
            Author::Unknown
        } else {
            known
        },
        at: moment(dice),
        change_set: (dice.below(2) == 0).then(|| ChangeSetId(dice.below(9))),
    }
}
