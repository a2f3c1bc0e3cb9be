//! The suite that every graph store passes, ours in memory and those on disk.
//!
//! Random runs from a seed against an oracle that keeps naive lists and answers every question by
//! looking at all of them. A store's own tests call [`run`] with a [`Harness`].

mod oracle;
mod runs;

pub use runs::random_batch;
#[cfg(test)]
pub(crate) use runs::random_node;

use backstay_model::name::EngineKind;
use backstay_model::{
    Author, ChangeSetId, Confidence, Edge, EdgeKind, MetricName, NodeKey, ServiceName, SettingKey,
    TargetId, Timestamp, Value,
};

use crate::identity::EdgeScope;
use crate::op::{Applied, ApplyError, Batch, Op};
use crate::setting::SettingVersion;
use crate::store::{EdgeFilter, GraphStore, View};

/// Makes stores for the suite.
pub trait Harness {
    /// The store under test.
    type Store: GraphStore;

    /// A new, empty store.
    fn create(&mut self) -> Self::Store;

    /// The same store after it was closed and opened again. What lives in memory only gives it back.
    fn reopen(&mut self, store: Self::Store) -> Self::Store {
        store
    }
}

/// A store does not do what it must.
#[derive(Debug, thiserror::Error)]
#[error("graph store breaks \"{check}\" (seed {seed}): {detail}")]
pub struct Mismatch {
    /// The property.
    pub check: &'static str,
    /// Seed of the run, 0 where there is none.
    pub seed: u64,
    /// What was seen.
    pub detail: String,
}

/// Runs the whole suite, the random part once for each seed.
///
/// # Errors
/// The first property that does not hold.
pub fn run<H: Harness>(
    harness: &mut H,
    seeds: impl IntoIterator<Item = u64>,
) -> Result<(), Mismatch> {
    batches_are_gapless_and_exact(harness)?;
    edges_are_visible_half_open(harness)?;
    texts_and_numbers_come_back_unchanged(harness)?;
    an_overlay_wins_and_mutes(harness)?;
    absence_is_one_state(harness)?;
    whole_numbers_keep_every_bit(harness)?;
    for seed in seeds {
        runs::random(harness, seed)?;
    }
    Ok(())
}

fn expect<T: PartialEq + std::fmt::Debug>(
    check: &'static str,
    got: &T,
    want: &T,
) -> Result<(), Mismatch> {
    if got == want {
        return Ok(());
    }
    Err(Mismatch {
        check,
        seed: 0,
        detail: format!("got {got:?}, want {want:?}"),
    })
}

fn works<T, E: std::error::Error>(
    check: &'static str,
    result: Result<T, E>,
) -> Result<T, Mismatch> {
    result.map_err(|error| Mismatch {
        check,
        seed: 0,
        detail: error.to_string(),
    })
}

pub(crate) fn rules() -> EdgeScope {
    EdgeScope::rules(EngineKind::Postgresql, 15)
}

pub(crate) fn target() -> TargetId {
    TargetId::new("shop-1")
}

pub(crate) fn effective_view() -> View {
    View::Effective {
        engine: EngineKind::Postgresql,
        major: 15,
        target: target(),
    }
}

pub(crate) fn edge(from: &str, to: &str, kind: EdgeKind, from_at: i64, to_at: i64) -> Edge {
    let evidence = backstay_model::Evidence {
        kind: backstay_model::dependency::EvidenceKind::Review,
        anchor: format!("{from}#{to}"),
        log_lr: 0.1,
        observed_at: None,
    };
    Edge {
        from: NodeKey::setting(from),
        to: NodeKey::setting(to),
        kind,
        confidence: Confidence::clamped(0.9),
        constraint: Some(format!("pg.{from}.{to}")),
        rule: None,
        evidence: vec![evidence],
        valid_from: Timestamp(from_at),
        valid_to: Timestamp(to_at),
    }
}

pub(crate) fn set(name: &str, value: Option<Value>, at: i64) -> Op {
    Op::SetValue {
        target: target(),
        key: SettingKey::instance(name),
        old: None,
        new: value,
        author: Author::Unknown,
        at: Timestamp(at),
        change_set: Some(ChangeSetId(at.unsigned_abs())),
    }
}

fn batches_are_gapless_and_exact<H: Harness>(harness: &mut H) -> Result<(), Mismatch> {
    const CHECK: &str = "batches are gapless and exact";
    let mut store = harness.create();
    let open = edge("a", "b", EdgeKind::Requires, 1, i64::MAX);
    let first = Batch {
        seq: 1,
        ops: vec![Op::open(&rules(), open.clone())],
    };
    expect(CHECK, &works(CHECK, store.applied_seq())?, &0)?;
    expect(CHECK, &works(CHECK, store.apply(&first))?, &Applied::Now)?;
    let before = works(CHECK, store.snapshot(Timestamp(5)))?;
    expect(CHECK, &works(CHECK, store.apply(&first))?, &Applied::Before)?;

    let late = Batch {
        seq: 3,
        ops: vec![set("a", Some(Value::text("1")), 2)],
    };
    match store.apply(&late) {
        Err(ApplyError::Gap { have: 1, got: 3 }) => {}
        other => {
            return expect(
                CHECK,
                &format!("{other:?}"),
                &"Gap { have: 1, got: 3 }".into(),
            );
        }
    }
    let bad = Edge {
        evidence: Vec::new(),
        ..open
    };
    let ops = vec![set("a", Some(Value::text("1")), 2), Op::open(&rules(), bad)];
    match store.apply(&Batch { seq: 2, ops }) {
        Err(ApplyError::Invalid {
            seq: 2, index: 1, ..
        }) => {}
        other => return expect(CHECK, &format!("{other:?}"), &"Invalid at index 1".into()),
    }
    let mut store = harness.reopen(store);
    expect(CHECK, &works(CHECK, store.applied_seq())?, &1)?;
    expect(CHECK, &works(CHECK, store.snapshot(Timestamp(5)))?, &before)?;
    let empty = Batch {
        seq: 2,
        ops: Vec::new(),
    };
    expect(CHECK, &works(CHECK, store.apply(&empty))?, &Applied::Now)?;
    expect(CHECK, &works(CHECK, store.applied_seq())?, &2)
}

fn edges_are_visible_half_open<H: Harness>(harness: &mut H) -> Result<(), Mismatch> {
    const CHECK: &str = "edges are visible from valid_from to before valid_to";
    let mut store = harness.create();
    let version = edge("a", "b", EdgeKind::BoundedBy, 100, 200);
    let ops = vec![
        Op::open(&rules(), version.clone()),
        Op::open(&rules(), edge("c", "d", EdgeKind::Requires, 100, 100)),
        Op::open(
            &rules(),
            edge("min", "max", EdgeKind::Requires, i64::MIN, i64::MAX),
        ),
    ];
    works(CHECK, store.apply(&Batch { seq: 1, ops }))?;
    let store = harness.reopen(store);
    let filter = EdgeFilter {
        node: Some(NodeKey::setting("b")),
        ..EdgeFilter::view(View::Scope(rules()))
    };
    for (at, want) in [(99, 0), (100, 1), (101, 1), (199, 1), (200, 0), (201, 0)] {
        let seen = works(CHECK, store.edges(Timestamp(at), &filter))?;
        expect(CHECK, &(at, seen.len()), &(at, want))?;
        expect(CHECK, &seen.iter().all(|e| *e == version), &true)?;
    }
    for (at, want) in [(i64::MIN, 1), (100, 2), (i64::MAX - 1, 1), (i64::MAX, 0)] {
        let seen = works(
            CHECK,
            store.edges(Timestamp(at), &EdgeFilter::view(View::All)),
        )?;
        expect(CHECK, &(at, seen.len()), &(at, want))?;
    }
    Ok(())
}

fn texts_and_numbers_come_back_unchanged<H: Harness>(harness: &mut H) -> Result<(), Mismatch> {
    const CHECK: &str = "texts and numbers come back unchanged";
    let texts = [
        "caf\u{e9}",
        "cafe\u{301}",
        "🦀",
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
        "it's",
        "\"q\"",
        "`b`",
        "a\\b",
        "x\ny",
        "",
    ];
    let long = "x".repeat(64 * 1024);
    let mut store = harness.create();
    let mut ops = Vec::new();
    for (i, text) in texts.iter().copied().chain([long.as_str()]).enumerate() {
        let mut version = edge("a", "b", EdgeKind::Requires, i64::MIN, i64::MAX);
        version.from = NodeKey::Metric(MetricName::new(text));
        version.to = NodeKey::Service(ServiceName::new(text));
        version.rule = Some(text.to_owned());
        version.evidence[0].anchor = text.to_owned();
        version.evidence[0].log_lr = [0.1, 5e-324, -1e308, 9_007_199_254_740_993.0][i % 4];
        version.confidence = Confidence::clamped([0.1, 5e-324, 1.0, 1.0 / 3.0][i % 4]);
        ops.push(Op::open(&EdgeScope::Target(TargetId::new(text)), version));
        ops.push(Op::UpsertNode(NodeKey::Resource(text.to_owned())));
        ops.push(set(&format!("s{i}"), Some(Value::text(text)), -7));
    }
    let batch = Batch { seq: 1, ops };
    works(CHECK, store.apply(&batch))?;
    let store = harness.reopen(store);
    let mut want = oracle::Oracle::default();
    want.apply(&batch);
    expect(
        CHECK,
        &works(CHECK, store.snapshot(Timestamp(0)))?,
        &want.snapshot(Timestamp(0)),
    )
}

fn an_overlay_wins_and_mutes<H: Harness>(harness: &mut H) -> Result<(), Mismatch> {
    const CHECK: &str = "an overlay edge wins over the rule, and mutes it with confidence zero";
    let mut store = harness.create();
    let rule = edge("a", "b", EdgeKind::Requires, 0, i64::MAX);
    let own = Edge {
        confidence: Confidence::clamped(0.4),
        valid_from: Timestamp(10),
        ..rule.clone()
    };
    let mute = Edge {
        confidence: Confidence::ZERO,
        valid_from: Timestamp(20),
        ..rule.clone()
    };
    let mine = EdgeScope::Target(target());
    let ops = vec![
        Op::open(&rules(), rule.clone()),
        Op::open(&mine, own.clone()),
        Op::open(&mine, mute),
        Op::close(crate::identity::LineKey::of(&mine, &rule), Timestamp(30)),
    ];
    works(CHECK, store.apply(&Batch { seq: 1, ops }))?;
    let ended = Edge {
        valid_to: Timestamp(20),
        ..own
    };
    for (at, want) in [
        (5, vec![rule.clone()]),
        (10, vec![ended]),
        (20, vec![]),
        (30, vec![rule.clone()]),
    ] {
        let seen = works(
            CHECK,
            store.edges(Timestamp(at), &EdgeFilter::view(effective_view())),
        )?;
        expect(CHECK, &seen, &want)?;
    }
    let other = View::Effective {
        engine: EngineKind::Postgresql,
        major: 16,
        target: target(),
    };
    let seen = works(CHECK, store.edges(Timestamp(5), &EdgeFilter::view(other)))?;
    expect(CHECK, &seen, &Vec::new())
}

fn absence_is_one_state<H: Harness>(harness: &mut H) -> Result<(), Mismatch> {
    const CHECK: &str = "no value and never set are one state; the history keeps both";
    let mut store = harness.create();
    let value = Value::text("64MB");
    let ops = vec![
        set("a", Some(value.clone()), 30),
        set("a", None, 20),
        set("a", Some(Value::text("")), 10),
        set("a", Some(Value::text("4MB")), 10),
    ];
    works(CHECK, store.apply(&Batch { seq: 1, ops }))?;
    let store = harness.reopen(store);
    let key = SettingKey::instance("a");
    for (at, want) in [
        (9, None),
        (10, Some("4MB")),
        (20, None),
        (29, None),
        (30, Some("64MB")),
    ] {
        let state = works(CHECK, store.setting_state(&target(), &key, Timestamp(at)))?;
        let text = state
            .as_ref()
            .and_then(|s| s.value.as_text())
            .map(str::to_owned);
        expect(CHECK, &(at, text), &(at, want.map(str::to_owned)))?;
    }
    let snapshot = works(CHECK, store.snapshot(Timestamp(20)))?;
    expect(CHECK, &snapshot.settings.len(), &0)?;
    let history = works(CHECK, store.history(&target(), &key))?;
    let said = |v: &SettingVersion| (v.changed_at.0, v.valid_to.0, v.value.is_some());
    let got: Vec<_> = history.iter().map(said).collect();
    expect(
        CHECK,
        &got,
        &vec![(10, 20, true), (20, 30, false), (30, i64::MAX, true)],
    )
}

/// Moments and identities up to the ends of their range; 2^53 + 1 is the first that a float cannot hold.
fn whole_numbers_keep_every_bit<H: Harness>(harness: &mut H) -> Result<(), Mismatch> {
    const CHECK: &str = "whole numbers keep every bit";
    const ODD: i64 = (1 << 53) + 1;
    let moments = [i64::MIN, -ODD, -1, 0, 1, ODD, i64::MAX - 1];
    let mut store = harness.create();
    let mut ops = Vec::new();
    for (i, at) in moments.into_iter().enumerate() {
        let mut version = edge("a", "b", EdgeKind::Requires, at, i64::MAX);
        version.evidence[0].observed_at = Some(Timestamp(at));
        ops.push(Op::open(&rules(), version));
        let mut value = set("a", Some(Value::text(i.to_string())), at);
        if let Op::SetValue { change_set, .. } = &mut value {
            *change_set = Some(ChangeSetId(u64::MAX - i as u64));
        }
        ops.push(value);
    }
    let batch = Batch { seq: 1, ops };
    works(CHECK, store.apply(&batch))?;
    let store = harness.reopen(store);
    let mut want = oracle::Oracle::default();
    want.apply(&batch);
    for at in moments.map(Timestamp) {
        expect(
            CHECK,
            &works(CHECK, store.snapshot(at))?,
            &want.snapshot(at),
        )?;
    }
    let last = Timestamp(i64::MAX);
    expect(
        CHECK,
        &works(CHECK, store.snapshot(last))?,
        &want.snapshot(last),
    )
}

#[cfg(test)]
mod tests;
