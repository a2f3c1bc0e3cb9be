use std::collections::{BTreeMap, BTreeSet};

use backstay_catalog::{Quantity, pack};
use backstay_graph::{EdgeScope, Graph, View};
use backstay_model::name::EngineKind;
use backstay_model::{ServiceName, Timestamp};
use backstay_risk::Costs;

use super::*;

fn scene_on(graph: &Graph) -> Scene<'_> {
    let pack = pack(EngineKind::Postgresql, 15).unwrap().pack;
    Scene {
        pack,
        now: Candidate::new(pack).with_host("memory", Quantity::parse_bytes("16GB").unwrap()),
        graph,
        view: View::Scope(EdgeScope::rules(EngineKind::Postgresql, 15)),
        felt: BTreeSet::new(),
        services: BTreeMap::from([(ServiceName::new("shop"), 10)]),
        past: &[],
        costs: Costs::RELOAD,
        at: Timestamp::from_secs(0),
    }
}

fn check(proposal: &[&str]) -> String {
    let graph = Graph::new();
    let proposal: Vec<_> = proposal
        .iter()
        .map(|p| Proposed::parse(p).unwrap())
        .collect();
    match report(&scene_on(&graph), &proposal) {
        Err(error) => match std::error::Error::source(&error) {
            Some(source) => format!("error: {error}: {source}"),
            None => format!("error: {error}"),
        },
        Ok(report) => {
            let lines: String = report
                .lines
                .iter()
                .map(|l| {
                    format!(
                        "{} {:?} -> {:?} {:?}\n",
                        l.key, l.old, l.new, l.takes_effect
                    )
                })
                .collect();
            let broken: String = report
                .violations
                .iter()
                .map(|b| format!("{:?} {}\n", b.by, b.violation.severity))
                .collect();
            format!(
                "{lines}{broken}{} start {:?}",
                report.ruling.word(),
                report.would_start
            )
        }
    }
}

#[test]
fn a_harmless_change_is_ok_and_the_server_would_start() {
    insta::assert_snapshot!(check(&["work_mem=8MB"]), @r#"
    work_mem Some("4MB") -> Some("8MB") Now
    ok start Yes
    "#);
}

#[test]
fn a_setting_that_breaks_the_start_is_blocked() {
    let told = check(&["wal_level=minimal"]);
    assert!(told.contains("Proposal reject"), "{told}");
    assert!(told.ends_with("block start No"), "{told}");
}

#[test]
fn a_certain_outage_is_blocked_however_small_its_score() {
    for proposal in ["statement_timeout=1ms", "default_transaction_read_only=on"] {
        let told = check(&[proposal]);
        assert!(told.ends_with("block start Yes"), "{told}");
    }
}

#[test]
fn bad_values_are_refused_with_a_reason() {
    for bad in [
        "work_mme=8MB",
        "work_mem=8XB",
        "work_mem=1kB",
        "max_connections=-1",
        "wal_level=full",
    ] {
        let told = check(&[bad]);
        assert!(told.starts_with("error: "), "{bad}: {told}");
    }
    assert!(check(&["work_mem=8MB", "work_mem=9MB"]).contains("two values"));
}

#[test]
fn the_graph_is_the_same_after_a_simulation() {
    let graph = Graph::new();
    let before = graph.snapshot(Timestamp::from_secs(0));
    let proposal = [Proposed::parse("work_mem=1GB").unwrap()];
    report(&scene_on(&graph), &proposal).unwrap();
    assert_eq!(graph.snapshot(Timestamp::from_secs(0)), before);
}
