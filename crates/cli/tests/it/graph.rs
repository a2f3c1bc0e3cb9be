//! What depends on what, why it is believed, and people's say in it.

use backstay_model::Span;
use serde_json::Value;

use crate::record::{settled, with_guard};
use crate::support::{Bench, Watched};

const EDGE: &str = "jit_above_cost -> jit";

/// Confidence of an edge as `explain` tells it.
fn confidence(bench: &Bench, edge: &str) -> f64 {
    let told = bench.run(&["explain", edge, "--json"]).json();
    told["edges"][0]["confidence"].as_f64().unwrap()
}

fn said(words: &[&str]) -> String {
    let ran = Bench::new().run(words);
    assert!(!ran.out.contains('\u{1b}'), "colour in a pipe");
    format!("{}{}exit {}\n", ran.out, ran.err, ran.code)
}

#[test]
fn why_a_dependency_is_believed() {
    let edge = "max_wal_senders requires wal_level";
    insta::assert_snapshot!(said(&["explain", edge]));
}

#[test]
fn a_dependency_of_which_nothing_is_known() {
    insta::assert_snapshot!(said(&["explain", "work_mem -> port"]));
}

#[test]
fn how_much_is_known() {
    insta::assert_snapshot!(said(&["graph", "stats"]));
}

#[test]
fn the_terms_of_every_edge_of_a_setting_sum_to_its_log_odds() {
    let bench = Bench::new();
    let csv = bench.say("graph export --of max_connections").out;
    for line in csv.lines().skip(1).take(12) {
        let fields: Vec<&str> = line.split(',').collect();
        let edge = format!("{} {} {}", fields[0], fields[2], fields[1]);
        let told = bench.run(&["explain", &edge, "--json"]).json();
        let found = &told["edges"][0];
        let terms = found["lines"].as_array().unwrap();
        let sum: f64 = terms.iter().filter_map(|l| l["log_odds"].as_f64()).sum();
        let log_odds = found["log_odds"].as_f64().unwrap();
        assert!((sum - log_odds).abs() < 1e-9, "{edge}: {sum} {log_odds}");
        let p = 1.0 / (1.0 + (-log_odds).exp());
        assert!((p - found["confidence"].as_f64().unwrap()).abs() < 1e-9);
        assert_eq!(fields[4], format!("{p:.4}"), "{edge}");
    }
}

#[test]
fn a_rule_is_told_on_the_values_of_a_file() {
    let bench = Bench::new();
    bench.file("bad.conf", "wal_level = minimal\nmax_wal_senders = 10\n");
    let edge = "max_wal_senders requires wal_level";
    let told = bench
        .run(&["explain", edge, "-f", "bad.conf", "--json"])
        .json();
    assert_eq!(told["edges"][0]["holds"], "no");
    let page = bench.run(&["explain", edge, "-f", "bad.conf"]).out;
    assert!(
        page.contains("VIOLATED") && page.contains("in the file"),
        "{page}"
    );
}

#[test]
fn a_word_without_a_record_has_nowhere_to_go() {
    let bench = Bench::new();
    let ran = bench.run(&["graph", "confirm", EDGE]);
    assert_eq!(ran.code, 6);
    assert!(ran.err.contains("E-AGENT-NO-GUARD"), "{}", ran.err);
}

#[test]
fn a_word_is_recorded_without_a_guard_and_explained() {
    let bench = settled();
    let before = confidence(&bench, EDGE);
    let line = ["graph", "reject", EDGE, "--why", "other hosts", "--json"];
    let told = bench.run(&line);
    assert_eq!(told.code, 0, "{}", told.err);
    let judged = &told.json()["judgements"][0];
    assert_eq!(judged["opinion"], "rejected");
    assert_eq!(judged["before"]["confidence"].as_f64(), Some(before));
    let after = judged["after"]["confidence"].as_f64().unwrap();
    assert!(after < before);
    assert_eq!(confidence(&bench, EDGE).to_bits(), after.to_bits());
    let page = bench.run(&["explain", EDGE]).out;
    for part in ["person", "against", "ann rejected it", "other hosts"] {
        assert!(page.contains(part), "no {part} in\n{page}");
    }
    let stats = bench.say("graph stats --json").json();
    assert_eq!(stats["rejected"][0]["from"], "jit_above_cost");
    assert!(
        stats["learnt_from_history"]
            .as_array()
            .is_some_and(Vec::is_empty)
    );
    assert_eq!(bench.say("audit verify").code, 0);
    // What is shipped stays as it is; another version was not asked about.
    assert_eq!(confidence_shipped().to_bits(), before.to_bits());
    // The last word of a person counts.
    assert_eq!(bench.run(&["graph", "confirm", EDGE]).code, 0);
    assert!(confidence(&bench, EDGE) >= before);
    assert_eq!(
        bench.say("graph stats --json").json()["rejected"],
        Value::Array(vec![])
    );
}

fn confidence_shipped() -> f64 {
    confidence(&Bench::new(), EDGE)
}

#[test]
fn a_word_goes_through_the_guard_that_runs() {
    let bench = Bench::new();
    let mut watched = Watched::story(&bench);
    let line = "graph confirm max_wal_senders requires wal_level --target shop";
    let told = with_guard(&bench, &mut watched, line);
    assert_eq!(told.code, 0, "{}", told.err);
    for part in ["confirmed", "before", "after", "shop"] {
        assert!(told.out.contains(part), "no {part} in\n{}", told.out);
    }
    // What the guard has in mind is what its journal tells everybody else.
    let page = bench.run(&["explain", "max_wal_senders requires wal_level", "--json"]);
    let read = page.json()["edges"][0]["evidence"]
        .as_array()
        .unwrap()
        .len();
    let node = backstay_model::NodeKey::setting("max_wal_senders");
    let live = watched.guard.graph();
    let scope = backstay_graph::EdgeScope::Target(backstay_model::TargetId::new("shop"));
    let mut filter = backstay_graph::EdgeFilter::view(backstay_graph::View::Scope(scope));
    filter.node = Some(node);
    let at = backstay_model::Timestamp::from_secs(1_795_456_800) + Span::from_secs(1_000);
    let edges = live.edges(at, &filter);
    assert_eq!(edges.len(), 1);
    assert_eq!(edges[0].evidence.len(), read);
    let strange = with_guard(
        &bench,
        &mut watched,
        "graph reject jit_above_cost enables jit --target elsewhere",
    );
    assert_eq!(strange.code, 2, "{}", strange.err);
}

#[test]
fn a_dependency_must_be_named_clearly() {
    let bench = settled();
    for (words, part) in [
        (
            vec!["graph", "confirm", "work_mem -> port"],
            "must be said how",
        ),
        (
            vec!["graph", "confirm", "work_mem loves port"],
            "does not name",
        ),
        (
            vec!["graph", "confirm", "no_such -> port"],
            "nothing called",
        ),
        (
            vec!["graph", "confirm", "work_mem -> work_mem"],
            "on itself",
        ),
    ] {
        let ran = bench.run(&words);
        assert_eq!(ran.code, 2, "{words:?}: {}", ran.out);
        assert!(ran.err.contains(part), "{words:?}: {}", ran.err);
    }
    let named = bench
        .run(&["graph", "confirm", "work_mem", "requires", "port", "--json"])
        .json();
    assert_eq!(named["judgements"][0]["before"], Value::Null);
    let after = &named["judgements"][0]["after"]["confidence"];
    assert!(
        after.as_f64().is_some_and(|p| p < 0.5),
        "one word is not proof"
    );
}
