//! Every query of `docs/neo4j.md` is run here, on real rules and a small fleet.

use std::collections::BTreeSet;

use backstay_catalog::pack;
use backstay_graph::store::View;
use backstay_graph::{Batch, EdgeScope, Graph, GraphStore, ImpactSpec, Op};
use backstay_guard::knowledge;
use backstay_learn::belief::{Standing, believe};
use backstay_model::change::AuthorEvidence;
use backstay_model::name::EngineKind;
use backstay_model::{
    Author, ChangeSetId, Edge, EdgeKind, NodeKey, ServiceName, SettingKey, TargetId, Timestamp,
    Value as Setting,
};
use backstay_scratch::neo4j::Access;
use backstay_store_neo4j::{Deployment, Neo4jGraph};
use serde_json::{Value, json};

use super::bed::{self, Console};

const PAGE: &str = include_str!("../../../../docs/neo4j.md");
const MINUTE: i64 = 60_000_000;
/// 2026-11-02 09:00 UTC.
const INCIDENT: i64 = 1_793_610_000_000_000;
const NOW: i64 = INCIDENT + 24 * 60 * MINUTE;

/// A query of the page by its number, and whether its parameters are explained there.
fn query(number: usize) -> String {
    let heading = format!("\n## {number}. ");
    let section = PAGE
        .split_once(&heading)
        .expect("there is such a section")
        .1;
    let section = section.split("\n## ").next().unwrap_or(section);
    let query = section.split_once("```cypher\n").expect("it has a query").1;
    let query = query.split_once("```").expect("the query ends").0;
    for (at, _) in query.match_indices('$') {
        let name = query.split_at(at + 1).1;
        let name: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
        let told = [format!("{name}: '"), format!(":param {name} => ")];
        let told = name == "deployment" || told.iter().any(|t| PAGE.contains(t));
        assert!(told, "the page does not say what ${name} is");
    }
    query.to_owned()
}

fn rules() -> EdgeScope {
    EdgeScope::rules(EngineKind::Postgresql, 15)
}

fn uses(service: &str, target: &str) -> Op {
    let since = Timestamp(INCIDENT - 999 * MINUTE);
    knowledge::uses(&TargetId::new(target), ServiceName::new(service), since)
}

/// Somebody sets a setting, so many minutes after the incident; nobody is a first observation.
fn set(target: &str, (name, value): (&str, Option<&str>), who: Option<&str>, minutes: i64) -> Op {
    Op::SetValue {
        target: TargetId::new(target),
        key: SettingKey::instance(name),
        old: who.map(|_| Setting::text("before")),
        new: value.map(Setting::text),
        author: match who {
            None => Author::Unknown,
            Some(name) => Author::Known {
                name: name.into(),
                via: AuthorEvidence::ServerLog,
            },
        },
        at: Timestamp(INCIDENT + minutes * MINUTE),
        change_set: who.map(|_| ChangeSetId(minutes.unsigned_abs())),
    }
}

/// Three servers and what people did to them.
fn fleet() -> Vec<Op> {
    let mut ops = Vec::new();
    for (target, memory) in [("shop-1", "4MB"), ("shop-2", "4MB"), ("shop-3", "8MB")] {
        ops.push(set(target, ("work_mem", Some(memory)), None, -600));
        ops.push(set(target, ("min_wal_size", Some("80MB")), None, -600));
        ops.push(set(target, ("max_wal_size", Some("1GB")), None, -600));
    }
    ops.extend([
        uses("checkout", "shop-1"),
        uses("reports", "shop-1"),
        uses("reports", "shop-2"),
        set("shop-2", ("work_mem", Some("16MB")), Some("bob"), -90),
        set("shop-1", ("work_mem", Some("256MB")), Some("ann"), -40),
        set("shop-1", ("max_wal_size", Some("64MB")), Some("ann"), -20),
        set("shop-1", ("work_mem", Some("64MB")), Some("ann"), -5),
        set("shop-1", ("work_mem", Some("4MB")), Some("ann"), 15),
        set("shop-3", ("max_wal_size", None), Some("bob"), 30),
    ]);
    ops
}

struct Fleet {
    console: Console,
    deployment: Deployment,
    memory: Graph,
}

impl Fleet {
    fn new(access: &Access) -> Self {
        let deployment = bed::own_deployment();
        let (address, password) = (bed::address(access), bed::password(access));
        let mut store = Neo4jGraph::open(&address, &password, deployment.clone()).unwrap();
        let mut memory = Graph::new();
        let pack = pack(EngineKind::Postgresql, 15).unwrap().pack;
        for (seq, ops) in [(1, knowledge::rules(pack)), (2, fleet())] {
            let batch = Batch { seq, ops };
            store.apply(&batch).unwrap();
            memory.apply(&batch).unwrap();
        }
        Self {
            console: Console::new(access),
            deployment,
            memory,
        }
    }

    fn ask(&self, number: usize, setting: &str) -> Vec<Value> {
        let parameters = [
            ("deployment", self.deployment.as_str().into()),
            ("target", "shop-1".into()),
            ("setting", setting.into()),
            ("rules", rules().to_string().into()),
            ("now", NOW.into()),
            ("incident", INCIDENT.into()),
        ];
        self.console.ask(&query(number), &parameters)
    }

    /// The rule edges that hold now.
    fn edges(&self) -> Vec<Edge> {
        let filter = backstay_graph::EdgeFilter::view(View::Scope(rules()));
        self.memory.edges(Timestamp(NOW), &filter)
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// What the page promises of the first query is what the graph in memory answers.
fn impact(fleet: &Fleet) {
    for setting in ["max_connections", "wal_level", "shared_buffers", "work_mem"] {
        let spec = ImpactSpec::new(View::Scope(rules()), Timestamp(NOW));
        let want = fleet.memory.impact(&[NodeKey::setting(setting)], &spec);
        let rows = fleet.ask(1, setting);
        assert_eq!(rows.len(), want.len().min(25), "{setting}");
        assert!(!rows.is_empty(), "{setting} reaches something");
        for (row, best) in rows.iter().zip(&want) {
            let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
            assert!(close(number(&row["score"]), best.score.get()), "{row}");
            let node = want.iter().find(|i| row["name"] == i.node.name());
            let node = node.expect("it is reached");
            assert!(close(number(&row["score"]), node.score.get()), "{row}");
            assert_eq!(row["hops"], node.hops, "{row}");
        }
    }
}

fn changes_before_the_incident(fleet: &Fleet) {
    let rows = fleet.ask(2, "");
    let metrics = |setting: &str| -> BTreeSet<String> {
        let edges = fleet.edges().into_iter();
        let felt = edges.filter(|e| e.kind == EdgeKind::Affects);
        let felt = felt.filter(|e| e.from == NodeKey::setting(setting));
        felt.map(|e| e.to.name().to_owned()).collect()
    };
    assert!(!metrics("work_mem").is_empty());
    let told: Vec<Value> = rows
        .iter()
        .map(|r| {
            json!([
                r["at"],
                r["target"],
                r["name"],
                r["before"],
                r["after"],
                r["author"]
            ])
        })
        .collect();
    let at = |minutes: i64| INCIDENT + minutes * MINUTE;
    assert_eq!(
        told,
        [
            json!([at(-5), "shop-1", "work_mem", "before", "64MB", "ann"]),
            json!([at(-20), "shop-1", "max_wal_size", "before", "64MB", "ann"]),
            json!([at(-40), "shop-1", "work_mem", "before", "256MB", "ann"]),
        ]
    );
    for row in &rows {
        let words = |column: &str| -> BTreeSet<String> {
            let list = row[column].as_array().unwrap().iter();
            list.map(|v| v.as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(words("metrics"), metrics(row["name"].as_str().unwrap()));
        let felt: Vec<String> = words("services").into_iter().collect();
        assert_eq!(felt, ["checkout", "reports"]);
    }
}

fn violated_rules(fleet: &Fleet) {
    let rows = fleet.ask(3, "");
    let told: Vec<Value> = rows
        .iter()
        .map(|r| json!([r["target"], r["rule"], r["left"], r["right"]]))
        .collect();
    let rule = "min_wal_size <= max_wal_size";
    assert_eq!(told, [json!(["shop-1", rule, "80MB", "64MB"])]);
}

fn least_certain(fleet: &Fleet) {
    let rows = fleet.ask(4, "");
    assert_eq!(rows.len(), 10);
    let mut widths: Vec<f64> = fleet
        .edges()
        .iter()
        .map(|e| {
            let belief = believe(&e.evidence, None, Standing::Exact);
            belief.high - belief.low
        })
        .collect();
    widths.sort_by(|a, b| b.total_cmp(a));
    for (row, width) in rows.iter().zip(widths) {
        let shown = number(&row["high"]) - number(&row["low"]);
        assert!((shown - width).abs() < 1e-9, "{row}: {width}");
        assert!(!row["evidence"].as_array().unwrap().is_empty());
    }
}

fn who_changes_what(fleet: &Fleet) {
    let told: Vec<Value> = fleet
        .ask(5, "")
        .iter()
        .map(|r| json!([r["author"], r["name"], r["changes"], r["targets"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!(["ann", "work_mem", 3, 1]),
            json!(["ann", "max_wal_size", 1, 1]),
            json!(["bob", "max_wal_size", 1, 1]),
            json!(["bob", "work_mem", 1, 1]),
        ]
    );
}

fn services_behind(fleet: &Fleet) {
    let mut rows = fleet.ask(6, "work_mem");
    for row in &mut rows {
        let list = row["where"].as_array_mut().unwrap();
        list.sort_by_key(ToString::to_string);
    }
    assert_eq!(
        rows,
        [
            json!({"service": "checkout", "where": ["shop-1: 4MB"]}),
            json!({"service": "reports", "where": ["shop-1: 4MB", "shop-2: 16MB"]}),
        ]
    );
    assert!(fleet.ask(6, "fsync").is_empty());
}

fn conflicts(fleet: &Fleet) {
    let rival = |e: &Edge| matches!(e.kind, EdgeKind::ConflictsWith | EdgeKind::SharesResource);
    let edges = fleet.edges();
    let ends = edges.iter().filter(|e| rival(e)).map(|e| e.from.clone());
    let asked: BTreeSet<NodeKey> = ends.take(5).collect();
    assert!(!asked.is_empty(), "there are conflicts among the rules");
    for node in asked {
        let touching = edges.iter().filter(|e| rival(e));
        let touching = touching.filter(|e| e.from == node || e.to == node);
        let mut want: Vec<(String, f64)> = touching
            .map(|e| {
                let other = if e.from == node { &e.to } else { &e.from };
                (other.name().to_owned(), e.confidence.get())
            })
            .collect();
        want.sort_by(|(a, p), (b, q)| q.total_cmp(p).then_with(|| a.cmp(b)));
        let rows = fleet.ask(7, node.name()).into_iter();
        let rows: Vec<(String, f64)> = rows
            .map(|r| {
                (
                    r["other"].as_str().unwrap().to_owned(),
                    number(&r["confidence"]),
                )
            })
            .collect();
        assert_eq!(rows, want, "{node:?}");
    }
}

fn what_stood(fleet: &Fleet) {
    let at = |minutes: i64| INCIDENT + minutes * MINUTE;
    let row = |setting: &str, value: &str, author: &str, since: i64| json!({"setting": setting, "value": value, "author": author, "since": at(since)});
    assert_eq!(
        fleet.ask(8, ""),
        [
            row("max_wal_size", "64MB", "ann", -20),
            row("min_wal_size", "80MB", "unknown", -600),
            row("work_mem", "64MB", "ann", -5),
        ]
    );
}

fn differing(fleet: &Fleet) {
    assert_eq!(
        fleet.ask(9, ""),
        [
            json!({"name": "work_mem", "values": ["16MB: shop-2", "4MB: shop-1", "8MB: shop-3"]}),
            json!({"name": "max_wal_size", "values": ["1GB: shop-2", "64MB: shop-1"]}),
        ]
    );
}

fn most_depended_upon(fleet: &Fleet) {
    let rows = fleet.ask(10, "");
    assert_eq!(rows.len(), 10);
    for row in rows {
        let node = NodeKey::setting(row["name"].as_str().unwrap());
        let directed = [
            EdgeKind::Requires,
            EdgeKind::BoundedBy,
            EdgeKind::Enables,
            EdgeKind::Overrides,
            EdgeKind::ScalesWith,
        ];
        let edges = fleet.edges().into_iter();
        let coming = edges.filter(|e| e.to == node && directed.contains(&e.kind));
        let sure = coming.filter(|e| e.confidence.get() >= 0.5);
        let dependants: BTreeSet<NodeKey> = sure.map(|e| e.from).collect();
        assert_eq!(row["dependants"], dependants.len(), "{row}");
        let changes = match node.name() {
            "work_mem" => 4,
            "max_wal_size" => 2,
            _ => 0,
        };
        assert_eq!(row["changes"], changes, "{row}");
    }
}

#[test]
fn every_query_of_the_manual_answers_as_it_says() {
    let Some(access) = bed::shared("every_query_of_the_manual_answers_as_it_says") else {
        return;
    };
    let fleet = Fleet::new(&access);
    impact(&fleet);
    changes_before_the_incident(&fleet);
    violated_rules(&fleet);
    least_certain(&fleet);
    who_changes_what(&fleet);
    services_behind(&fleet);
    conflicts(&fleet);
    what_stood(&fleet);
    differing(&fleet);
    most_depended_upon(&fleet);
}

#[test]
fn the_manual_has_ten_queries_that_only_read() {
    let blocks = PAGE.matches("```cypher\n").count();
    assert_eq!(blocks, 10);
    for number in 1..=10 {
        let query = query(number);
        for word in ["CREATE", "MERGE", " SET ", "DELETE", "REMOVE", "CALL"] {
            assert!(!query.contains(word), "query {number} has {word}");
        }
        assert!(
            query.contains("$deployment"),
            "query {number} is of all deployments"
        );
    }
}
