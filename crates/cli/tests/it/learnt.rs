//! What `explain` and `graph stats` tell of effects that depend on other settings, from the record of months.

use backstay_journal::{Journal, SnapshotStore};
use backstay_store_sqlite::{Limits, Stores};
use backstay_world::annals::{Habit, annals};
use serde_json::Value;

use crate::support::Bench;

/// A state directory with the record.
fn recorded(habit: Habit) -> Bench {
    let bench = Bench::new();
    let limits = Limits {
        metrics_bytes_max: 16 << 20,
        journal_bytes_max: None,
    };
    let mut stores = Stores::open(&bench.state(), &limits).unwrap();
    let (pages, snapshots) = annals(habit, 7);
    for snapshot in &snapshots {
        stores.snapshots.put(snapshot).unwrap();
    }
    let mut journal = Journal::open(stores.log).unwrap();
    for (at, records) in pages {
        drop(journal.commit(at, records).unwrap());
    }
    bench
}

/// What stands under a heading of the page on a setting.
fn under(bench: &Bench, setting: &str, head: &str) -> String {
    let page = bench.run(&["explain", setting]).out;
    let from = page.lines().skip_while(|line| *line != head);
    let section: Vec<&str> = from.take_while(|line| !line.is_empty()).collect();
    section.join("\n")
}

/// The only question about a setting, as JSON has it.
fn asked(bench: &Bench, setting: &str, key: &str) -> Value {
    let told = bench.run(&["explain", setting, "--json"]).json();
    let all = told[key].as_array().unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

#[test]
fn an_effect_that_depends_on_another_setting_is_told_from_both_sides() {
    let bench = recorded(Habit::TwoKindsOfWork);
    let head = "what it does depends on others";
    insta::assert_snapshot!(under(&bench, "work_mem", head));
    let head = "it changes what others do";
    insta::assert_snapshot!(under(&bench, "hash_mem_multiplier", head));
    let told = asked(&bench, "work_mem", "effect_modified_by");
    assert_eq!(
        told,
        asked(&bench, "hash_mem_multiplier", "modifies_effect_of")
    );
    assert_eq!(told["answer"], "seen");
    assert_eq!(told["by_work"][0]["work"], "oltp-read");
    let stats = bench.say("graph stats --json").json();
    assert_eq!(
        stats["modified_effects"]["seen"][0]["under"],
        "hash_mem_multiplier"
    );
    // It is told of the edge between the two as well, and makes none.
    let edge = "hash_mem_multiplier -> work_mem";
    let page = bench.run(&["explain", edge]).out;
    assert!(
        page.contains("work_mem's effect on temp_bytes_per_s is larger"),
        "{page}"
    );
    let edges = bench.run(&["explain", edge, "--json"]).json()["edges"].clone();
    let sources = edges[0]["evidence"].as_array().unwrap();
    assert!(
        sources.iter().all(|e| e["kind"] != "history"),
        "{sources:?}"
    );
    let export = bench.say("graph export --format csv").out;
    let between = |l: &&str| l.contains("work_mem") && l.contains("hash_mem_multiplier");
    assert!(
        export
            .lines()
            .filter(between)
            .all(|l| !l.contains("affects"))
    );
}

#[test]
fn effects_are_told_by_the_kind_of_work() {
    let measured = |habit| {
        let page = recorded(habit).run(&["explain", "work_mem"]).out;
        let line = page.lines().find(|l| l.contains("measured")).unwrap();
        let told = line.split("; ").filter(|part| part.contains("measured"));
        told.map(str::trim).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(measured(Habit::TwoKindsOfWork));
    insta::assert_snapshot!(measured(Habit::Untold));
}

#[test]
fn what_could_not_be_answered_is_told_calmly() {
    for (habit, answer) in [
        (Habit::OneKindOfWork, "too_few_changes"),
        (Habit::Tuner, "moved_together"),
    ] {
        let bench = recorded(habit);
        let told = asked(&bench, "work_mem", "effect_modified_by");
        assert_eq!(told["answer"], answer);
        let page = bench.run(&["explain", "work_mem"]).out;
        let line = page.lines().find(|l| l.contains("asked whether")).unwrap();
        insta::assert_snapshot!(answer, line);
    }
}

#[test]
fn nothing_is_said_where_nothing_was_asked() {
    let bench = recorded(Habit::Untold);
    let page = bench.run(&["explain", "work_mem"]).out;
    assert!(!page.contains("depends on others"), "{page}");
    let stats = bench.say("graph stats").out;
    assert!(stats.contains("no effect was asked about yet"), "{stats}");
}
