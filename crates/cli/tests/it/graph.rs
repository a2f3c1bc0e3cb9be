//! What depends on what, why it is believed, and people's say in it.

use backstay_model::Span;
use serde_json::Value;

use crate::record::{settled, with_guard};
use crate::support::{Bench, Watched};

const README: &str = include_str!("../../../../README.md");
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
fn a_dependency_that_is_known_the_other_way_round() {
    let bench = Bench::new();
    for asked in [
        "wal_level -> max_wal_senders",
        "wal_level requires max_wal_senders",
    ] {
        let ran = bench.run(&["explain", asked]);
        assert_eq!(ran.code, 0, "{asked}: {}", ran.out);
        let told = "known the other way round: max_wal_senders requires wal_level\n";
        assert!(ran.out.starts_with(told), "{asked}: {}", ran.out);
        assert!(ran.out.contains("base rate"), "{asked}: {}", ran.out);
        assert!(!ran.out.contains("graph confirm"), "{asked}: {}", ran.out);
    }
    let line = ["explain", "wal_level -> max_wal_senders", "--json"];
    let told = bench.run(&line).json();
    assert_eq!(told["known"], false);
    assert_eq!(told["edges"], Value::Array(vec![]));
    assert_eq!(told["otherwise"][0]["from"], "max_wal_senders");
    // Of the same two, but depending in another way.
    let ran = bench.run(&["explain", "max_wal_senders overrides wal_level"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.starts_with("known in another way: "), "{}", ran.out);
}

#[test]
fn a_word_is_not_asked_for_the_wrong_way_round() {
    let bench = settled();
    for verb in ["confirm", "reject"] {
        let ran = bench.run(&["graph", verb, "wal_level -> max_wal_senders"]);
        assert_eq!(ran.code, 2, "{}", ran.out);
        let hint = format!("try:  backstay graph {verb} 'max_wal_senders requires wal_level'\n");
        assert!(ran.err.contains("the other way round"), "{}", ran.err);
        assert!(ran.err.contains(&hint), "{}", ran.err);
        assert!(!ran.err.contains("'wal_level "), "{}", ran.err);
    }
}

/// Words of a line as a shell would split them: quotes hold together, `#` begins a comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (i, part) in line.split(['\'', '"']).enumerate() {
        if i % 2 == 1 {
            words.push(part.to_owned());
            continue;
        }
        let (said, comment) = part
            .split_once('#')
            .map_or((part, false), |(s, _)| (s, true));
        words.extend(said.split_whitespace().map(str::to_owned));
        if comment {
            break;
        }
    }
    words
}

#[test]
fn the_commands_of_the_readme_name_what_exists() {
    let bench = settled();
    // Those about Neo4j are run with a server, in the tests of their own.
    let here = |l: &&str| l.starts_with("backstay graph ") && !l.contains("neo4j://");
    let lines = README.lines().filter(here);
    let mut judged = 0;
    for line in lines {
        let mut words = words(line);
        words.remove(0);
        words.retain(|w| !w.starts_with("postgresql://"));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if ["confirm", "reject"].contains(&words[1]) {
            judged += 1;
            let told = bench.run(&["explain", words[2], "--json"]).json();
            assert_eq!(told["known"], true, "{line}");
        }
        let ran = bench.run(&words);
        assert_eq!(ran.code, 0, "{line}: {}", ran.err);
    }
    assert!(judged >= 2);
}

#[test]
fn the_readme_shows_what_explain_says() {
    let edge = "max_wal_senders requires wal_level";
    let said = Bench::new().run(&["explain", edge]).out;
    let shown = format!("```\n$ backstay explain '{edge}'\n{said}```\n");
    assert!(README.contains(&shown), "README.md shows not:\n{shown}");
}

#[test]
fn a_symmetric_dependency_is_named_in_either_order() {
    let bench = settled();
    for edge in ["work_mem -> max_connections", "max_connections -> work_mem"] {
        assert_eq!(bench.run(&["explain", edge]).code, 0, "{edge}");
        let ran = bench.run(&["graph", "reject", edge, "--json"]);
        assert_eq!(ran.code, 0, "{edge}: {}", ran.err);
        let judged = &ran.json()["judgements"][0];
        assert_eq!(judged["type"], "shares_resource");
    }
    // The same word of the same person, said twice, counts once.
    let stats = bench.say("graph stats --json").json();
    assert_eq!(stats["rejected"].as_array().map(Vec::len), Some(1));
}

#[test]
fn nothing_stands_beyond_the_end_of_a_narrow_page() {
    let bench = Bench::new();
    for columns in ["50", "70", "99"] {
        for line in [
            "explain work_mem",
            "explain fsync",
            "explain max_wal_senders requires wal_level",
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            let said = bench
                .command(&words)
                .env("COLUMNS", columns)
                .output()
                .unwrap();
            let page = String::from_utf8(said.stdout).unwrap();
            let most = columns.parse::<usize>().unwrap();
            // Statements are for copying, and a word is never cut.
            let page = page.replace("\nundo\n", "\0");
            for l in page.split('\0').next().unwrap().lines() {
                let alone = l.split_whitespace().count() == 1;
                assert!(
                    alone || l.chars().count() <= most,
                    "{columns} {line}: {l}\n{page}"
                );
            }
        }
    }
    let edge = "max_wal_senders requires wal_level";
    let said = bench
        .command(&["explain", edge])
        .env("COLUMNS", "70")
        .output()
        .unwrap();
    insta::assert_snapshot!(String::from_utf8(said.stdout).unwrap());
}

#[test]
fn a_word_against_much_evidence_is_told_in_log_odds() {
    let bench = settled();
    let edge = "max_wal_senders requires wal_level";
    let told = bench.run(&["graph", "reject", edge]).out;
    for part in [
        "log-odds",
        " → +",
        "is outweighed by documentation",
        "±6.91",
    ] {
        assert!(told.contains(part), "no {part} in\n{told}");
    }
    let told = bench.run(&["graph", "reject", edge]).out;
    assert!(told.contains("was counted already"), "{told}");
    // Two digits say enough here.
    let weak = "logical_decoding_work_mem -> work_mem";
    let told = bench.run(&["graph", "reject", weak]).out;
    assert!(!told.contains("log-odds"), "{told}");
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
            vec!["graph", "reject", "work_mem -> port"],
            "nothing to reject",
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
