//! How things stand: which guard watches what, what an earlier one left, and a target that never answers.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::record::settled;
use crate::support::{Bench, Watched};

#[test]
fn a_later_guard_tells_what_only_an_earlier_one_watched() {
    let bench = settled();
    let alone = bench.say("status");
    insta::assert_snapshot!("the_guard_is_gone", alone.out);
    let later = Watched::nothing(&bench);
    let page = bench.say("status").out;
    insta::assert_snapshot!("a_later_guard", page);
    insta::assert_snapshot!("a_later_guard_and_all", bench.say("status --all").out);
    let status = bench.say("status --json").json();
    let target = &status["targets"][0];
    assert_eq!(target["watched"], false);
    assert!(target["not_watched_since"].is_string(), "{target}");
    drop(later);
}

#[test]
fn a_restart_is_told_as_what_it_was() {
    let bench = Bench::new();
    let watched = Watched::restarted(&bench);
    let page = bench.say("status").out;
    assert!(page.contains("up, restarted 20"), "{page}");
    let status = bench.say("status --json").json();
    assert_eq!(status["targets"][0]["condition"], "up");
    assert!(status["targets"][0]["restarted_at"].is_string());
    drop(watched);
    // The next guard has not heard of the target yet, so it does not repeat what the last one heard.
    let next = Watched::begin(&bench);
    let page = bench.say("status").out;
    assert!(page.contains("nothing heard of it yet"), "{page}");
    assert!(!page.contains("restarted"), "{page}");
    drop(next);
}

#[test]
fn a_target_that_never_answers_is_told_with_code_next_try_and_hint() {
    let bench = Bench::new();
    let ran = bench.say("watch postgresql://x@127.0.0.1:1/none --duration 2s");
    assert_eq!(ran.code, 6, "{}", ran.err);
    assert!(ran.err.contains("none was never read"), "{}", ran.err);
    for part in [
        "target     the server does not answer",
        "code: E-CONN-UNREACHABLE",
        "try: is a server listening there?",
        "waiting    1 attempt without success; the next in 0.5 s",
        "waiting    2 attempts without success; the next in 1.0 s",
    ] {
        assert!(ran.out.contains(part), "no {part} in\n{}", ran.out);
    }
    assert!(!ran.out.contains("learning"), "{}", ran.out);

    let mode = |name: &str| {
        let path = bench.state().join(name);
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(""), 0o700);
    for name in ["journal.db", "metrics.db", "journal.head", "LOCK", "key"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
}

#[test]
fn the_stream_of_the_demo_is_json_throughout() {
    let bench = Bench::new();
    let ran = bench.say("demo --simulated --json");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.err, "");
    let documents: Vec<serde_json::Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    assert!(documents.iter().all(|d| d["format_version"] == "1.0"));
    assert_eq!(documents[0]["simulated"], true);
    let at = |kind: &str| documents.iter().rposition(|d| d["kind"] == kind).unwrap();
    let forecast = &documents[at("simulation")];
    assert!(at("simulation") < at("change_seen"));
    assert_eq!(
        forecast["changes"][0]["setting"],
        "default_transaction_read_only"
    );
    assert!(forecast["risk"].is_number() && forecast["prediction"].is_array());
}

#[test]
fn a_simulated_demo_says_so_first_and_last() {
    let told = Bench::new().say("demo --simulated").out;
    let first: String = told.lines().take(3).collect();
    assert!(first.contains("simulated: no server is started"), "{told}");
    assert!(told.contains("all of it was simulated"), "{told}");
}
