//! Bad input gets a clear error: what failed, why, what to type next, a stable code, the exit code of
//! the table.

use crate::support::Bench;

/// Words, then what must come of them.
struct Case {
    line: &'static str,
    exit: i32,
    code: &'static str,
    says: &'static str,
    hint: &'static str,
}

const fn case(
    line: &'static str,
    exit: i32,
    code: &'static str,
    says: &'static str,
    hint: &'static str,
) -> Case {
    Case {
        line,
        exit,
        code,
        says,
        hint,
    }
}

/// The table of `backstay topic exit-codes`, as seen from outside.
const CASES: &[Case] = &[
    case(
        "simulate work_mm=4MB",
        2,
        "E-PLAN-UNKNOWN-SETTING",
        "did you mean work_mem?",
        "backstay explain work_mem",
    ),
    case(
        "explain io_method --version 15",
        2,
        "E-PLAN-UNKNOWN-SETTING",
        "io_method is not in postgresql 15: new in 18",
        "backstay explain io_method --version 18",
    ),
    case(
        "graph show old_snapshot_threshold --version 17",
        2,
        "E-PLAN-UNKNOWN-SETTING",
        "removed in 17",
        "backstay explain old_snapshot_threshold --version 16",
    ),
    case(
        "simulate jti=on",
        2,
        "E-PLAN-UNKNOWN-SETTING",
        "jti",
        "did you mean jit?",
    ),
    case(
        "simulate work_mem=1kB",
        2,
        "E-PLAN-BAD-VALUE",
        "outside 64kB",
        "backstay explain work_mem",
    ),
    case(
        "simulate work_mem=4XB",
        2,
        "E-PLAN-BAD-VALUE",
        "unit XB is not one of B, kB, MB, GB, TB",
        "backstay explain work_mem",
    ),
    case(
        "simulate max_connections=10MB",
        2,
        "E-PLAN-BAD-VALUE",
        "plain number",
        "backstay explain",
    ),
    case(
        "simulate wal_level=minimum",
        2,
        "E-PLAN-BAD-VALUE",
        "not one of",
        "backstay explain wal_level",
    ),
    case(
        "simulate jit=perhaps",
        2,
        "E-PLAN-BAD-VALUE",
        "not one of on, off",
        "backstay explain jit",
    ),
    case(
        "simulate block_size=4096",
        2,
        "E-PLAN-BAD-VALUE",
        "cannot be set",
        "backstay explain",
    ),
    case(
        "simulate work_mem=4MB work_mem=8MB",
        2,
        "E-PLAN-TWO-VALUES",
        "work_mem is given two values: 4MB and 8MB",
        "keep one of them",
    ),
    case(
        "simulate work_mem",
        2,
        "E-CONF-USAGE",
        "not KEY=VALUE",
        "work_mem=256MB",
    ),
    case(
        "simulate",
        2,
        "E-CONF-USAGE",
        "nothing is proposed",
        "backstay simulate work_mem=256MB",
    ),
    case(
        "simulate jit=off --memory much",
        2,
        "E-CONF-USAGE",
        "is not a size",
        "64GB",
    ),
    case(
        "simulate jit=off --storage tape",
        2,
        "E-CONF-USAGE",
        "is not a kind",
        "ssd, nvme and hdd",
    ),
    case(
        "simulate jit=off --risk-threshold 101",
        2,
        "E-CONF-USAGE",
        "not in 0–100",
        "35",
    ),
    case(
        "simulate jit=off --engine oracle",
        2,
        "E-CONF-USAGE",
        "is not an engine",
        "postgresql, mariadb and redis",
    ),
    case(
        "simulate jit=off --engine redis --version 7",
        4,
        "E-MODEL-NO-PACK",
        "no knowledge is shipped for redis 7",
        "--version 15",
    ),
    case(
        "simulate jit=off --version 9",
        4,
        "E-MODEL-NO-PACK",
        "no knowledge is shipped for postgresql 9",
        "--version 15",
    ),
    case(
        "simulate -f missing.conf",
        1,
        "E-CONF-INPUT",
        "No such file",
        "",
    ),
    case(
        "simulate -f two.conf work_mem=8MB",
        2,
        "E-PLAN-TWO-VALUES",
        "work_mem is given two values: 4MB and 8MB",
        "keep one of them",
    ),
    case(
        "simulate -f unknown.conf",
        2,
        "E-PLAN-UNKNOWN-SETTING",
        "line 2: work_memm: no such setting in postgresql 15; did you mean work_mem?",
        "explain work_mem",
    ),
    case(
        "simulate -f broken.conf",
        1,
        "E-CONF-INPUT",
        "is not a configuration file",
        "the server refuses a file",
    ),
    case(
        "simulate jit=off --current unknown.conf",
        2,
        "E-PLAN-UNKNOWN-SETTING",
        "work_memm",
        "explain work_mem",
    ),
    case(
        "simulate postgresql://a:b:c/x?y jit=off",
        2,
        "E-CONN-DSN",
        "",
        "postgresql://user@host",
    ),
    case(
        "simulate postgresql://nobody@127.0.0.1:1/x?connect_timeout=2 jit=off",
        6,
        "E-CONN-UNREACHABLE",
        "",
        "is a server listening at 127.0.0.1:1/x",
    ),
    case(
        "check postgresql://nobody@127.0.0.1:1/x?connect_timeout=2",
        6,
        "E-CONN-UNREACHABLE",
        "",
        "is a server listening",
    ),
    case(
        "check",
        2,
        "E-CONF-USAGE",
        "nothing to check",
        "backstay check -f",
    ),
    case(
        "check -f two.conf --fail-on bad",
        2,
        "E-CONF-USAGE",
        "is not a severity",
        "advice, clamp, warn, silent, reject",
    ),
    case(
        "check -f two.conf postgresql://x/y",
        2,
        "E-CONF-USAGE",
        "one of them is checked",
        "backstay check",
    ),
    case(
        "graph export --format xml",
        2,
        "E-CONF-USAGE",
        "is not a format",
        "csv, json, cypher, dot, mermaid and svg",
    ),
    case(
        "graph export --min-confidence 2",
        2,
        "E-CONF-USAGE",
        "is not in 0..=1",
        "0.5",
    ),
    case(
        "graph show shared_bufers",
        2,
        "E-PLAN-UNKNOWN-SETTING",
        "shared_bufers",
        "did you mean shared_buffers",
    ),
    case(
        "graph show work_mem --depth 9",
        2,
        "E-CONF-USAGE",
        "is not in 1–5",
        "3",
    ),
    case(
        "graph path work_mem nowhere",
        2,
        "E-PLAN-UNKNOWN-SETTING",
        "nowhere",
        "",
    ),
    case(
        "explain shared_bufers",
        2,
        "E-PLAN-UNKNOWN-SETTING",
        "shared_bufers",
        "did you mean shared_buffers",
    ),
    case(
        "explain C17",
        1,
        "E-STORE-IO",
        "no state directory or journal",
        "backstay watch",
    ),
    case(
        "detect missing.csv --changed-at 1",
        1,
        "E-CONF-INPUT",
        "No such file",
        "",
    ),
    case(
        "detect kpi.csv",
        2,
        "E-CONF-USAGE",
        "--changed-at is missing",
        "--changed-at 2026",
    ),
    case(
        "detect kpi.csv --changed-at noon",
        2,
        "E-CONF-USAGE",
        "is not a moment",
        "RFC 3339",
    ),
    case(
        "detect kpi.csv --changed-at 1 --alpha 0",
        2,
        "E-CONF-USAGE",
        "is not a chance",
        "0.05",
    ),
    case(
        "detect kpi.csv --changed-at 1 --tz Mars/Base",
        2,
        "E-CONF-USAGE",
        "is not a time zone",
        "Europe/Berlin",
    ),
    case(
        "detect kpi.csv --changed-at 1 --svg missing/kpi.svg",
        1,
        "E-CONF-INPUT",
        "No such file",
        "",
    ),
    case(
        "explain work_mem --svg work_mem.svg",
        2,
        "E-CONF-USAGE",
        "is no change set",
        "explain C17 --svg",
    ),
    case(
        "detect kpi.csv --changed-at 1 --baseline best",
        2,
        "E-CONF-USAGE",
        "is not a baseline",
        "seasonal, ets, prophet, lstm and auto",
    ),
    case(
        "detect kpi.csv --changed-at 1 --direction left",
        2,
        "E-CONF-USAGE",
        "is not a direction",
        "up",
    ),
    case(
        "detect kpi.csv --changed-at 1 --role nope=latency",
        2,
        "E-CONF-USAGE",
        "has no value column `nope`",
        "value",
    ),
    case(
        "detect kpi.csv --changed-at 1 --role value=speed",
        2,
        "E-CONF-USAGE",
        "is not a role",
        "throughput, latency",
    ),
    case(
        "detect two.csv --scores",
        2,
        "E-CONF-USAGE",
        "--scores takes one column",
        "--role COLUMN=other",
    ),
    case(
        "detect two.conf --changed-at 1",
        1,
        "E-CONF-INPUT",
        "is not a recording of metrics",
        "timestamp",
    ),
    case(
        "model eval --data kpi.csv --target value",
        2,
        "E-CONF-NOT-YET",
        "not available yet",
        "",
    ),
    case(
        "rescue --pgdata .",
        1,
        "E-CONF-INPUT",
        "is not a data directory",
        "",
    ),
    case(
        "changes list",
        1,
        "E-STORE-IO",
        "no state directory or journal",
        "backstay watch",
    ),
    case(
        "status",
        1,
        "E-STORE-IO",
        "no state directory or journal",
        "backstay watch",
    ),
    case(
        "rollback plan C1",
        1,
        "E-STORE-IO",
        "no state directory or journal",
        "backstay watch",
    ),
    case(
        "snapshot restore abc",
        2,
        "E-CONF-NOT-YET",
        "not available yet",
        "snapshot diff abc",
    ),
    case(
        "audit verify",
        1,
        "E-STORE-IO",
        "no state directory or journal",
        "",
    ),
    case(
        "audit verify two.conf",
        1,
        "E-AUDIT-BROKEN",
        "two.conf is damaged",
        "",
    ),
    case(
        "pause",
        6,
        "E-AGENT-NO-GUARD",
        "there is no state directory",
        "--state-dir",
    ),
    case(
        "config check two.toml",
        2,
        "E-CONF-FILE",
        "unknown key `policy.cooldwon`",
        "did you mean `cooldown`?",
    ),
    case(
        "config check dsn.toml",
        2,
        "E-CONF-FILE",
        "target shop:",
        "postgresql://",
    ),
    case(
        "topic weather",
        2,
        "E-CONF-USAGE",
        "no topic `weather`",
        "exit-codes",
    ),
];

fn bench() -> Bench {
    let bench = Bench::new();
    bench.file("two.conf", "work_mem = 4MB\n");
    bench.file("unknown.conf", "jit = off\nwork_memm = 4MB\n");
    bench.file("broken.conf", "work_mem = '4MB\n");
    bench.file("kpi.csv", "timestamp,value\n1,2\n2,3\n");
    bench.file("two.csv", "timestamp,a,b\n1,2,3\n2,3,4\n");
    bench.file(
        "two.toml",
        "[policy]\ncooldwon = \"5m\"\n[[target]]\nname = \"shop\"\ndsn = \"postgresql://h/d\"\n",
    );
    bench.file(
        "dsn.toml",
        "[[target]]\nname = \"shop\"\ndsn = \"postgresql://a:b:c/x?y\"\n",
    );
    bench
}

#[test]
fn every_bad_input_is_told_with_reason_hint_and_code() {
    let bench = bench();
    for case in CASES {
        let ran = bench.say(case.line);
        let said = &ran.err;
        assert_eq!(ran.code, case.exit, "{}: {said}", case.line);
        assert!(said.starts_with("error: "), "{}: {said}", case.line);
        for part in [case.code, case.says, case.hint] {
            assert!(said.contains(part), "{}: no `{part}` in {said}", case.line);
        }
        assert!(!said.contains('\u{1b}'), "{}: colour in a pipe", case.line);
        assert_eq!(ran.out, "", "{}: data beside a failure", case.line);
    }
    // Nothing was made on the way, least of all a state directory.
    assert!(!bench.state().exists());
}

#[test]
fn the_same_failures_are_documents_for_programs() {
    let bench = bench();
    for case in CASES {
        let ran = bench.say(&format!("{} --json", case.line));
        let failure = ran.failure();
        assert_eq!(failure["format_version"], "1.0", "{}", case.line);
        assert_eq!(failure["kind"], "error", "{}", case.line);
        assert_eq!(failure["code"], case.code, "{}", case.line);
        assert_eq!(failure["exit_code"], case.exit, "{}", case.line);
        assert_eq!(ran.code, case.exit, "{}", case.line);
    }
}

#[test]
fn a_format_that_a_command_does_not_write_is_refused() {
    let bench = Bench::new();
    for (line, word) in [
        ("status -o sarif", "sarif"),
        ("explain work_mem -o markdown", "markdown"),
    ] {
        let ran = bench.say(line);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{line}");
        let told = format!("does not write {word}");
        for part in ["E-CONF-USAGE", &told, "-o json"] {
            assert!(ran.err.contains(part), "{line}: no `{part}` in {}", ran.err);
        }
    }
}

#[test]
fn words_that_are_no_command_are_a_usage_error() {
    let bench = Bench::new();
    for line in ["fly", "simulate --nope", "graph", "audit verify a b"] {
        assert_eq!(bench.say(line).code, 2, "{line}");
    }
}

#[test]
fn all_bad_lines_of_a_file_are_told_at_once() {
    let bench = Bench::new();
    bench.file("bad.conf", "work_memm = 4MB\nwork_mem = 4XB\n");
    let ran = bench.say("simulate -f bad.conf");
    insta::assert_snapshot!(ran.err);
}

#[test]
fn rescue_says_what_to_do_by_hand() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("pg")).unwrap();
    bench.file("pg/PG_VERSION", "15\n");
    let ran = bench.say("rescue --pgdata pg");
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.err);
}
