//! A fleet with a history in which two settings were changed together on purpose: what its journal
//! teaches, live and read again.

use std::collections::BTreeMap;

use backstay_graph::{EdgeFilter, EdgeScope, KindSet, View};
use backstay_guard::learning::Known;
use backstay_journal::store::Entries;
use backstay_journal::{Journal, MemoryEntries, MemorySnapshots, Record};
use backstay_learn::belief::{Group, Standing, believe};
use backstay_model::change::{
    Author, AuthorEvidence, ChangeTime, Origin, Pending, Standing as Stand, TakesEffect,
};
use backstay_model::name::EngineKind;
use backstay_model::snapshot::{NodeRole, Server};
use backstay_model::{
    Change, ChangeSet, ChangeSetId, Edge, EdgeKind, NodeKey, Seq, SettingKey, SnapshotId, TargetId,
    Timestamp, Value, ValueSource,
};

const DAY: i64 = 86_400;
const BEGIN: i64 = 1_800_000_000;
const MAJOR: u32 = 15;

/// What happens on the fleet: when, where, by whom, which settings.
type Deed = (i64, u32, u32, Vec<String>);

/// A fleet, its journal, and what is known of it.
struct Fleet {
    journal: Journal<MemoryEntries>,
    entries: MemoryEntries,
    known: Known,
    values: BTreeMap<(u32, String), u32>,
}

impl Fleet {
    fn new() -> Self {
        let entries = MemoryEntries::new();
        Self {
            journal: Journal::open(entries.clone()).unwrap(),
            entries,
            known: Known::new(),
            values: BTreeMap::new(),
        }
    }

    fn record(&mut self, at: i64, record: Record) {
        let (seq, at) = (self.journal.next_seq().0, Timestamp::from_secs(BEGIN + at));
        drop(
            self.known
                .enter((seq, at), &record, &MemorySnapshots::new()),
        );
        drop(self.journal.commit(at, vec![record]).unwrap());
    }

    fn server(&mut self, target: u32) {
        let server = Server {
            engine: EngineKind::Postgresql,
            version: format!("{MAJOR}.18"),
            started_at: Timestamp::from_secs(BEGIN),
            processes_since: None,
            system_identifier: None,
            data_directory: format!("/data/{target}"),
            role: NodeRole::Primary,
        };
        self.record(
            0,
            Record::Baseline {
                target: name(target),
                snapshot: SnapshotId("none".into()),
                server,
            },
        );
    }

    fn deed(&mut self, (at, target, actor, settings): &Deed) {
        let changes = settings.iter().map(|setting| {
            let value = self.values.entry((*target, setting.clone())).or_default();
            *value += 1;
            let stand = |n: u32| Stand {
                effective: Some(Value::text(n.to_string())),
                source: ValueSource::AutoFile,
                entry: Some(Value::text(n.to_string())),
                waiting: None,
                pending_restart: Pending::No,
            };
            let moment = Timestamp::from_secs(BEGIN + at);
            Change {
                key: SettingKey::instance(setting),
                old: stand(*value * 10),
                new: stand(*value * 10 + 10),
                time: ChangeTime {
                    not_before: moment,
                    not_after: moment,
                    exact: Some(moment),
                },
                author: Author::Known {
                    name: format!("actor-{actor}"),
                    via: AuthorEvidence::ServerLog,
                },
                description: None,
                application: None,
                origin: Origin::Observed,
                takes_effect: TakesEffect::Now,
            }
        });
        let change_set = ChangeSet {
            id: ChangeSetId(self.journal.next_seq().0),
            target: name(*target),
            changes: changes.collect(),
        };
        let snapshot = None;
        self.record(
            *at,
            Record::Seen {
                change_set,
                snapshot,
            },
        );
    }

    fn edges(&self, scope: EdgeScope) -> Vec<Edge> {
        let mut filter = EdgeFilter::view(View::Scope(scope));
        filter.kinds = KindSet::structural();
        let now = Timestamp::from_secs(BEGIN + 100 * DAY);
        self.known.graph.edges(now, &filter)
    }

    fn rules(&self) -> Vec<Edge> {
        self.edges(EdgeScope::rules(EngineKind::Postgresql, MAJOR))
    }

    fn learnt(&self) -> Vec<Edge> {
        self.edges(EdgeScope::learnt(EngineKind::Postgresql, MAJOR))
    }
}

fn name(target: u32) -> TargetId {
    TargetId::new(&format!("db-{target}"))
}

/// Numbers that look random and are the same at every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(n)).unwrap_or(0)
    }
}

/// A month of unrelated changes of `noise`, and in it six decisions of four people that change each of
/// `pairs` together, in this order.
fn history(noise: &[String], pairs: &[[String; 2]]) -> Vec<Deed> {
    let mut dice = Dice(7);
    let mut deeds: Vec<Deed> = (0..700)
        .map(|n| {
            let at = n * 40 * DAY / 700;
            let setting =
                noise[dice.below(u32::try_from(noise.len()).unwrap_or(1)) as usize].clone();
            (at, dice.below(8), dice.below(6), vec![setting])
        })
        .collect();
    for n in 0..8_u32 {
        for (k, pair) in (0..).zip(pairs) {
            let at = i64::from(n) * 4 * DAY + 1_000 + k * 7_200;
            deeds.push((at, n % 5, n % 4, pair.to_vec()));
        }
    }
    deeds.push((42 * DAY, 0, 0, vec![noise[0].clone()]));
    deeds.sort();
    deeds
}

fn text(node: &NodeKey) -> String {
    node.name().to_owned()
}

/// A candidate that the pack half believes, and settings that it ties to nothing at all.
fn pick(fleet: &Fleet) -> (Edge, Vec<String>) {
    let rules = fleet.rules();
    let own = |e: &&Edge| {
        let both = [&e.from, &e.to]
            .iter()
            .all(|n| matches!(n, NodeKey::Setting(_)));
        both && (0.3..0.85).contains(&e.confidence.get()) && e.kind != EdgeKind::Affects
    };
    let alone = |e: &&Edge| {
        let same = |o: &&Edge| {
            [&o.from, &o.to]
                .iter()
                .all(|n| **n == e.from || **n == e.to)
        };
        rules.iter().filter(same).count() == 1
    };
    let edge = rules.iter().filter(own).find(alone).unwrap().clone();
    let tied: Vec<&str> = rules
        .iter()
        .flat_map(|e| [e.from.name(), e.to.name()])
        .collect();
    let nodes = fleet.known.graph.nodes();
    let free = nodes.filter(|n| matches!(n, NodeKey::Setting(_)) && !tied.contains(&n.name()));
    (edge, free.map(text).take(44).collect())
}

#[test]
fn what_is_changed_together_raises_a_candidate_and_never_makes_an_edge() {
    let mut fleet = Fleet::new();
    (0..8).for_each(|target| fleet.server(target));
    let (candidate, free) = pick(&fleet);
    let (unknown, noise) = free.split_at(2);
    let planted = [text(&candidate.to), text(&candidate.from)];
    let strangers = [unknown[0].clone(), unknown[1].clone()];
    let rules = fleet.rules();
    assert!(fleet.learnt().is_empty());
    for deed in history(noise, &[planted, strangers.clone()]) {
        fleet.deed(&deed);
    }
    assert_eq!(fleet.rules(), rules, "a rule was written");

    let tally = fleet.known.learning.tally();
    assert!(tally.decisions > 600, "{tally:?}");
    let learnt = fleet.learnt();
    let same =
        |e: &&Edge| (&e.from, &e.to, e.kind) == (&candidate.from, &candidate.to, candidate.kind);
    let raised = learnt.iter().find(same).expect("the planted pair is seen");
    let fresh: Vec<_> = raised
        .evidence
        .iter()
        .filter(|e| !candidate.evidence.contains(e))
        .collect();
    assert_eq!(fresh.len(), 1, "{fresh:?}");
    assert!(
        fresh[0]
            .anchor
            .starts_with("co_change:8 decisions by 4 actors"),
        "{fresh:?}"
    );
    let gain = raised.confidence.get() - candidate.confidence.get();
    assert!(
        gain > 0.05,
        "{} to {}",
        candidate.confidence,
        raised.confidence
    );
    let belief = believe(&raised.evidence, None, Standing::Exact);
    assert!(
        belief
            .lines
            .iter()
            .any(|l| l.group == Group::History && l.log_odds > 0.0)
    );

    // Changed together just as often, and nothing else says so.
    let made = |e: &&Edge| {
        [&e.from, &e.to]
            .iter()
            .all(|n| strangers.contains(&text(n)))
    };
    assert_eq!(learnt.iter().find(made), None);
    let nothing_new = learnt.iter().all(|e| {
        rules
            .iter()
            .any(|r| (&r.from, &r.to, r.kind) == (&e.from, &e.to, e.kind))
    });
    assert!(nothing_new, "co-change made an edge: {learnt:?}");

    // Whoever reads the journal again knows the same, bit by bit.
    let mut read = Known::new();
    for entry in Entries::new(&fleet.entries, Seq(1)).decoded() {
        let entry = entry.unwrap();
        drop(read.enter(
            (entry.seq.0, entry.at),
            &entry.record,
            &MemorySnapshots::new(),
        ));
    }
    assert_eq!(read.graph, fleet.known.graph);
    assert_eq!(read.learning, fleet.known.learning);
}
