//! What programs parse: fields, formats, exit codes, without a server.

use crate::support::Bench;

const BIG: &str = "max_connections = 500\nshared_buffers = 8GB\nfsync = off\nwal_level = minimal\nmax_wal_senders = 10\n";

#[test]
fn simulate_has_every_promised_field() {
    let bench = Bench::new();
    let ran =
        bench.say("simulate work_mem=256MB max_connections=900 --memory 16GB --cpus 8 --json");
    let report = ran.json();
    for field in [
        "format_version",
        "risk",
        "probability_of_harm",
        "severity",
        "band",
        "verdict",
        "would_start",
        "violations",
        "affected",
        "prediction",
        "similar_changes",
        "undo",
        "factors",
        "gate",
    ] {
        assert!(report.get(field).is_some(), "no {field}");
    }
    assert_eq!(report["format_version"], "1.0");
    assert_eq!(report["verdict"], "warn");
    assert!(
        report["risk"]
            .as_f64()
            .is_some_and(|r| (0.0..=100.0).contains(&r))
    );
    let violation = &report["violations"][0];
    for field in [
        "constraint",
        "settings",
        "rule",
        "values",
        "slack",
        "confidence",
        "evidence",
    ] {
        assert!(!violation[field].is_null(), "no {field}");
    }
    let prediction = &report["prediction"][0];
    for field in ["metric", "change", "interval"] {
        assert!(prediction.get(field).is_some(), "no {field}");
    }
}

#[test]
fn the_gate_decides_the_exit_code() {
    let bench = Bench::new();
    bench.file("same.conf", "work_mem = 4MB\n");
    for (line, code) in [
        ("simulate log_rotation_age=2h", 0),
        ("simulate work_mem=4MB", 0),
        ("simulate -f same.conf", 0),
        ("simulate log_rotation_age=2h --risk-threshold 0", 3),
        // A rule of which we are sure stops it, whatever the score.
        (
            "simulate shared_buffers=32GB --memory 16GB --risk-threshold 100",
            3,
        ),
        ("simulate wal_level=minimal --risk-threshold 100", 3),
        // Nothing is known about the host: not the same as fine.
        ("simulate shared_buffers=32GB", 4),
        ("simulate shared_buffers=32GB --allow-inconclusive", 0),
        ("simulate my_extension.level=3", 4),
    ] {
        let ran = bench.say(line);
        assert_eq!(ran.code, code, "{line}\n{}{}", ran.out, ran.err);
    }
}

#[test]
fn commits_that_would_wait_for_an_unknown_standby_trip_the_gate() {
    let bench = Bench::new();
    bench.file("old.conf", "synchronous_standby_names = 's1'\n");
    let ran = bench.say("simulate synchronous_standby_names=s9 --risk-threshold 100");
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    for words in [
        "commits wait for ever unless a standby named so is attached (s9)",
        "unknown offline",
        "watch",
    ] {
        assert!(ran.out.contains(words), "no `{words}` in {}", ran.out);
    }
    assert!(!ran.out.contains("ok to apply"), "{}", ran.out);
    let other = bench.say("simulate synchronous_standby_names=s9 --current old.conf");
    assert_eq!(other.code, 3, "{}{}", other.out, other.err);
}

#[test]
fn losses_that_no_watch_sees_need_a_person() {
    let bench = Bench::new();
    bench.file("lax.conf", "fsync = off\nsynchronous_commit = off\n");
    for change in [
        "fsync=no",
        "full_page_writes=off",
        "zero_damaged_pages=on",
        "ignore_checksum_failure=on",
        "data_sync_retry=on",
        "synchronous_commit=off",
    ] {
        let ran = bench.say(&format!("simulate {change} --risk-threshold 100"));
        assert_eq!(ran.code, 3, "{change}\n{}{}", ran.out, ran.err);
        let words = "needs a person's approval; a watch cannot see this harm";
        assert!(ran.out.contains(words), "{change}\n{}", ran.out);
        assert!(!ran.out.contains("apply with a watch"), "{}", ran.out);
    }
    for back in ["fsync=on", "synchronous_commit=local"] {
        let ran = bench.say(&format!("simulate {back} --current lax.conf"));
        assert_eq!(ran.code, 0, "{back}\n{}{}", ran.out, ran.err);
    }
}

#[test]
fn what_alter_system_refuses_is_not_ok_to_apply() {
    let bench = Bench::new();
    for name in ["data_directory", "config_file"] {
        let ran = bench.say(&format!("simulate {name}=/srv/x"));
        assert_eq!(ran.code, 3, "{name}\n{}{}", ran.out, ran.err);
        let words = format!("{name} cannot be set by ALTER SYSTEM");
        assert!(ran.out.contains(&words), "{}", ran.out);
    }
    let ran = bench.say("simulate hba_file=/srv/x");
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("does not start again"), "{}", ran.out);
}

#[test]
fn the_undo_of_a_restart_says_what_a_reload_cannot() {
    let bench = Bench::new();
    let ran = bench.say("simulate max_connections=300");
    for words in [
        "then restart the server: once it runs with max_connections",
        "take max_connections out of postgresql.auto.conf by hand",
    ] {
        assert!(ran.out.contains(words), "no `{words}` in {}", ran.out);
    }
    let reload = bench.say("simulate work_mem=8MB --json").json();
    assert_eq!(reload["undo"]["restart"], serde_json::json!([]));
}

#[test]
fn a_proposal_that_changes_nothing_has_no_risk() {
    let bench = Bench::new();
    let report = bench.say("simulate work_mem=4MB --json").json();
    assert_eq!(report["risk"], 0.0);
    assert_eq!(report["unchanged"][0], "work_mem");
    assert_eq!(report["undo"], serde_json::Value::Null);
}

#[test]
fn what_stands_now_decides_what_is_a_change() {
    let bench = Bench::new();
    bench.file("old.conf", "work_mem = 64MB\njit = off\n");
    bench.file("new.conf", "work_mem = 64MB\njit = on\n");
    let report = bench
        .say("simulate -f new.conf --current old.conf --json")
        .json();
    let changes = report["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0]["setting"], "jit");
    assert_eq!(changes[0]["old"], "off");
    assert_eq!(changes[0]["line"], 2);
}

#[test]
fn secrets_are_covered_everywhere() {
    let bench = Bench::new();
    let canary = "hunter2canary";
    let word = format!("primary_conninfo=host=a password={canary}");
    for format in ["table", "json", "markdown", "sarif"] {
        let ran = bench.run(&["simulate", &word, "-o", format]);
        assert!(
            !ran.out.contains(canary) && !ran.err.contains(canary),
            "{format}"
        );
    }
}

#[test]
fn check_has_every_promised_field_and_trips_by_severity() {
    let bench = Bench::new();
    bench.file("big.conf", BIG);
    let ran = bench.say("check -f big.conf --memory 16GB --cpus 4 --json");
    assert_eq!(ran.code, 3);
    let report = ran.json();
    assert_eq!(report["format_version"], "1.0");
    for list in ["violations", "near"] {
        assert!(report[list].is_array(), "no {list}");
    }
    for violation in report["violations"].as_array().unwrap() {
        for field in [
            "constraint",
            "settings",
            "rule",
            "values",
            "slack",
            "severity",
            "confidence",
            "evidence",
        ] {
            assert!(violation.get(field).is_some(), "no {field}");
        }
    }
    bench.file("fine.conf", "work_mem = 8MB\n");
    assert_eq!(bench.say("check -f fine.conf --memory 16GB").code, 0);
    // Only advice is broken here.
    bench.file("advice.conf", "max_connections = 500\n");
    let line = "check -f advice.conf --memory 64GB --cpus 4 --storage hdd";
    assert_eq!(bench.say(line).code, 0);
    assert_eq!(bench.say(&format!("{line} --fail-on advice")).code, 3);
}

#[test]
fn check_names_a_line_the_server_would_refuse() {
    let bench = Bench::new();
    bench.file("bad.conf", "jit = off\nwork_memm = 4MB\n");
    let ran = bench.say("check -f bad.conf -o sarif");
    assert_eq!(ran.code, 3);
    let log = ran.json();
    assert_eq!(log["version"], "2.1.0");
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "file.unknown_setting");
    assert_eq!(result["level"], "error");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "bad.conf");
    assert_eq!(place["region"]["startLine"], 2);
    assert!(
        result["message"]["text"]
            .as_str()
            .unwrap()
            .contains("did you mean work_mem?")
    );
}

#[test]
fn simulate_writes_sarif_at_the_line_of_the_setting() {
    let bench = Bench::new();
    bench.file("new.conf", "jit = off\nshared_buffers = 32GB\n");
    let log = bench
        .say("simulate -f new.conf --memory 16GB -o sarif")
        .json();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let host = results
        .iter()
        .find(|r| r["ruleId"] == "pg.memory.buffers_host")
        .unwrap();
    let place = &host["locations"][0]["physicalLocation"];
    assert_eq!(place["region"]["startLine"], 2);
    assert!(results.iter().any(|r| r["ruleId"] == "gate.risk"));
}

#[test]
fn the_graph_is_exported_in_every_format() {
    let bench = Bench::new();
    let csv = bench.say("graph export").out;
    assert_eq!(
        csv.lines().next(),
        Some("from,to,type,rule,confidence,lo,hi,evidence_ids")
    );
    assert!(csv.lines().count() > 300);
    assert!(!csv.contains(",affects,") && !csv.contains(",uses,"));
    let all = bench.say("graph export --effects").out;
    assert!(all.lines().count() > csv.lines().count() + 500);
    let cone = bench.say("graph export --of work_mem").out;
    assert!((2..csv.lines().count()).contains(&cone.lines().count()));
    let picture = bench.say("graph export --of work_mem --format svg");
    assert!(picture.out.starts_with("<svg"), "{}", picture.err);
    assert_eq!(bench.say("graph export --format svg").code, 2);
    let sure = bench.say("graph export --min-confidence 0.9").out;
    assert!(sure.lines().count() < csv.lines().count());
    let json = bench.say("graph export --format json").json();
    assert_eq!(json["format_version"], "1.0");
    let edge = &json["edges"][0];
    assert!(edge["evidence"][0]["kind"].is_string());
    let (low, p, high) = (
        &edge["interval"][0],
        &edge["confidence"],
        &edge["interval"][1],
    );
    assert!(low.as_f64() <= p.as_f64() && p.as_f64() <= high.as_f64());
    assert_eq!(
        bench.say("graph export --json").json()["edges"],
        json["edges"]
    );
    for (format, beginning) in [
        ("cypher", "MERGE (:"),
        ("dot", "digraph backstay {"),
        ("mermaid", "flowchart LR"),
    ] {
        let text = bench.say(&format!("graph export --format {format}")).out;
        assert!(text.starts_with(beginning), "{format}");
    }
}

#[test]
fn a_picture_is_written_where_it_is_asked_for() {
    let bench = Bench::new();
    let ran = bench.say("graph show work_mem --svg cone.svg");
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    let svg = std::fs::read_to_string(bench.path("cone.svg")).unwrap();
    assert!(svg.contains("<svg") && svg.contains("work_mem"));
}

fn recording(rows: usize, worse_from: usize) -> String {
    let mut text = String::from("timestamp,latency_ms,rps\n");
    for i in 0..rows {
        // Noise that every run has the same.
        let noise = ((i * 7_919) % 101) as f64 / 101.0 - 0.5;
        let latency = 10.0 + noise + if i >= worse_from { 8.0 } else { 0.0 };
        let epoch = 1_795_456_800 + i * 10;
        text.push_str(&format!(
            "{epoch},{latency:.3},{:.2}\n",
            100.0 + 4.0 * noise
        ));
    }
    text
}

#[test]
fn detect_gives_every_promised_field() {
    let bench = Bench::new();
    bench.file("hurt.csv", &recording(1_200, 1_000));
    bench.file("calm.csv", &recording(1_200, 9_999));
    let roles = "--role latency_ms=latency --role rps=demand --json";
    let hurt = bench
        .say(&format!("detect hurt.csv --changed-at 1795466800 {roles}"))
        .json();
    for field in [
        "format_version",
        "verdict",
        "p_value",
        "score",
        "alarm_at",
        "effect",
        "baseline",
        "per_metric",
    ] {
        assert!(hurt.get(field).is_some(), "no {field}");
    }
    assert_eq!(hurt["verdict"], "hurt");
    assert_eq!(hurt["per_metric"]["latency_ms"]["role"], "latency");
    assert!(hurt["effect"].as_f64().unwrap() > 0.5);
    let at = hurt["alarm_at"].as_str().unwrap();
    assert!(at >= "2026-11-23T20:46:40Z", "{at}");
    let calm = bench
        .say(&format!(
            "detect calm.csv --changed-at 2026-11-23T20:46:40Z {roles}"
        ))
        .json();
    assert_ne!(calm["verdict"], "hurt");
    assert_eq!(calm["alarm_at"], serde_json::Value::Null);
    assert!(hurt["score"].as_f64() > calm["score"].as_f64());
}

#[test]
fn detect_scores_every_row_without_looking_ahead() {
    let bench = Bench::new();
    bench.file("long.csv", &recording(600, 500));
    bench.file("short.csv", &recording(400, 500));
    let scores = |file: &str| {
        bench
            .say(&format!("detect {file} --scores --role latency_ms=latency"))
            .out
    };
    let (long, short) = (scores("long.csv"), scores("short.csv"));
    assert_eq!(long.lines().next(), Some("timestamp,value,anomaly_score"));
    assert_eq!(long.lines().count(), 601);
    assert!(
        long.starts_with(short.trim_end()),
        "later rows changed earlier scores"
    );
    let score = |line: &str| line.rsplit(',').next().unwrap().parse::<f64>().unwrap();
    assert!(
        long.lines()
            .skip(1)
            .all(|l| (0.0..=1.0).contains(&score(l)))
    );
    assert!(long.lines().nth(501).map(score).unwrap() > 0.99);
}

#[test]
fn settings_are_explained_for_programs() {
    let bench = Bench::new();
    let sheet = bench.say("explain work_mem --json").json();
    for field in [
        "summary",
        "unit",
        "min",
        "max",
        "default",
        "context",
        "class",
        "masked_by",
        "dependencies",
        "effects",
        "undo",
        "here",
        "changes",
    ] {
        assert!(sheet.get(field).is_some(), "no {field}");
    }
    assert_eq!(sheet["default"], "4MB");
    assert_eq!(sheet["class"], "reloadable");
}

#[test]
fn a_configuration_file_is_checked_whole() {
    let bench = Bench::new();
    bench.file(
        "good.toml",
        "[[target]]\nname = \"shop\"\ndsn = \"postgresql://backstay@db1/shop\"\nmode = \"auto\"\n",
    );
    let ran = bench.say("config check good.toml");
    assert_eq!(ran.code, 0);
    assert_eq!(
        ran.out,
        "good.toml is fine: 1 target\n  shop  auto  db1:5432/shop\n"
    );
}

#[test]
fn a_newer_version_gets_the_older_knowledge_and_is_told_so() {
    let bench = Bench::new();
    let ran = bench.say("simulate log_rotation_age=2h --version 99");
    assert_eq!(ran.code, 0);
    assert!(
        ran.err
            .contains("no knowledge is shipped for version 99; that of 18 is used"),
        "{}",
        ran.err
    );
}

#[test]
fn a_text_that_only_the_server_can_judge_is_not_ok_to_apply() {
    let bench = Bench::new();
    let ran = bench.say("simulate shared_preload_libraries=timescaledb --memory 16GB --json");
    assert_eq!(ran.code, 4, "{}", ran.err);
    let report = ran.json();
    assert_eq!(report["would_start"], "unknown");
    assert_eq!(report["gate"], "inconclusive");
    assert_eq!(
        report["undecided"][0]["setting"],
        "shared_preload_libraries"
    );
    assert_eq!(
        report["undecided"][0]["why"],
        "whether the library timescaledb is installed"
    );
    let ran =
        bench.say("simulate shared_preload_libraries=pg_stat_statements --memory 16GB --json");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.json()["undecided"].as_array().map(Vec::len), Some(0));
    // A line of a file may hold what ALTER SYSTEM does not take.
    let ran = bench.run(&["simulate", "log_line_prefix=a\nb"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("line break"), "{}", ran.err);
}

#[test]
fn texts_of_a_file_are_judged_where_they_stand() {
    let bench = Bench::new();
    bench.file(
        "postgresql.conf",
        "datestyle = 'iso, sql'\nsearch_path = 'a b'\nsearch_path = 'public'\nlc_messages = 'en_US.UTF-8'\n\
         log_line_prefix = 'a\\nb'\ntimezone = 'Europe/Berln'\nlog_timezone = 'Nowhere'\n",
    );
    let ran = bench.say("check -f postgresql.conf --memory 16GB --json");
    assert_eq!(ran.code, 3, "{}", ran.err);
    let report = ran.json();
    let refused = report["violations"].as_array().unwrap().iter();
    let refused = refused.filter(|v| v["constraint"] == "file.bad_value");
    let lines: Vec<&serde_json::Value> = refused.map(|v| &v["line"]).collect();
    assert_eq!(lines, [1, 7]);
    let open = report["undecided"].as_array().unwrap().iter();
    let open: Vec<String> = open
        .map(|o| format!("{} {}", o["line"], o["why"]))
        .collect();
    assert_eq!(
        open,
        [
            "4 \"whether the server's host has this locale\"",
            "6 \"no time zone of this name is known here; did you mean Europe/Berlin?\"",
        ]
    );
    insta::assert_snapshot!(bench.say("check -f postgresql.conf --memory 16GB").out);
}
