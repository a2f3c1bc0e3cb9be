//! `check`: no false alarm on what is sensible, every finding with a remedy, and bad input told.

use std::path::Path;

use serde_json::Value;

use crate::support::{Bench, Ran};

/// A configuration of `fixtures/configs`, and the host it is for.
const SENSIBLE: [(&str, &str); 4] = [
    (
        "initdb.conf",
        "--memory 2GB --cpus 1 --storage hdd --disk-free 10GB --open-files 1024 --huge-pages 0",
    ),
    (
        "small-vm.conf",
        "--memory 2GB --cpus 2 --storage ssd --disk-free 20GB --open-files 1024 --huge-pages 0",
    ),
    (
        "oltp-64gb.conf",
        "--memory 64GB --cpus 16 --storage nvme --disk-free 800GB --open-files 65536 --huge-pages 17GB",
    ),
    (
        "warehouse.conf",
        "--memory 256GB --cpus 32 --storage ssd --disk-free 4TB --open-files 65536 --huge-pages 66GB",
    ),
];
/// Recommendations that a sensible configuration may get.
const ADVICES_MAX: usize = 3;

fn config(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/configs");
    path.join(name).display().to_string()
}

fn list<'a>(report: &'a Value, name: &str) -> &'a Vec<Value> {
    report[name].as_array().unwrap()
}

#[test]
fn sensible_configurations_raise_no_alarm_in_any_version() {
    let bench = Bench::new();
    for (_, major) in backstay_catalog::pack::packs() {
        for (file, host) in SENSIBLE {
            let line = format!("check -f {} --version {major} {host} --json", config(file));
            let ran = bench.say(&line);
            assert_eq!(ran.code, 0, "{file} on {major}: {}{}", ran.out, ran.err);
            let report = ran.json();
            let broken = list(&report, "violations");
            let hard = broken.iter().filter(|v| v["severity"] != "advice");
            let hard: Vec<&Value> = hard.map(|v| &v["constraint"]).collect();
            assert!(hard.is_empty(), "{file} on {major}: {hard:?}");
            assert!(
                broken.len() <= ADVICES_MAX,
                "{file} on {major}: {broken:#?}"
            );
            let unknown = list(&report, "unknown");
            assert!(unknown.is_empty(), "{file} on {major}: {unknown:?}");
            assert!(report["rules"].as_u64().is_some_and(|n| n > 300));
        }
    }
}

const BROKEN: &str = "\
wal_level = minimal
max_wal_senders = 10
fsync = off
effective_cache_size = 200GB
random_page_cost = 1.1
pg_stat_statements.max = 10000
include 'more.conf'
";

fn broken() -> Bench {
    let bench = Bench::new();
    bench.file("postgresql.conf", BROKEN);
    bench.file("more.conf", "log_rotation_size = 1GB\nwork_memm = 4MB\n");
    bench
}

#[test]
fn a_check_as_people_see_it() {
    let ran = broken().say("check -f postgresql.conf --version 18 --memory 16GB --cpus 4");
    insta::assert_snapshot!(format!("{}{}exit {}\n", ran.out, ran.err, ran.code));
}

#[test]
fn a_check_for_a_pull_request() {
    let ran = broken().say("check -f postgresql.conf --version 18 --memory 16GB -o markdown");
    insta::assert_snapshot!(format!("{}exit {}\n", ran.out, ran.code));
}

#[test]
fn every_finding_says_what_to_do_and_where() {
    let bench = broken();
    let report = bench
        .say("check -f postgresql.conf --version 18 --memory 16GB --json")
        .json();
    let all = list(&report, "violations");
    assert_eq!(all.len(), 6, "{all:#?}");
    for finding in all {
        let remedy = finding["remedy"].as_str().unwrap();
        assert!(
            !remedy.is_empty() && !remedy.starts_with("make it hold"),
            "{finding}"
        );
        assert!(
            finding["line"].is_u64() && finding["file"].is_string(),
            "{finding}"
        );
        assert!(finding["when"].is_string());
    }
    let included = all
        .iter()
        .find(|f| f["settings"][0] == "log_rotation_size")
        .unwrap();
    assert!(included["file"].as_str().unwrap().ends_with("more.conf"));
    let log = bench
        .say("check -f postgresql.conf --version 18 -o sarif")
        .json();
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert!(
        results
            .iter()
            .any(|r| r["ruleId"] == "file.unknown_setting")
    );
}

#[test]
fn every_result_for_code_scanning_has_a_place() {
    let bench = Bench::new();
    bench.file("few.conf", "max_connections = 500\n");
    let checked = "check -f few.conf --memory 1GB --cpus 1 --disk-free 1GB --huge-pages 0 -o sarif";
    let simulated = "simulate shared_buffers=32GB --memory 16GB -o sarif";
    for (line, file) in [(checked, true), (simulated, false)] {
        let log = bench.say(line).json();
        let results = log["runs"][0]["results"].as_array().unwrap();
        assert!(!results.is_empty(), "{line}");
        for result in results {
            let place = &result["locations"][0];
            let name = &place["logicalLocations"][0]["fullyQualifiedName"];
            assert!(name.is_string(), "{line}: {result}");
            let physical = &place["physicalLocation"];
            assert_eq!(physical.is_object(), file, "{line}: {result}");
            assert_eq!(physical["region"]["startLine"].as_u64(), file.then_some(1));
        }
    }
}

#[test]
fn a_standby_is_checked_beside_its_primary() {
    let bench = Bench::new();
    bench.file("standby.conf", "max_connections = 100\n");
    bench.file(
        "primary.conf",
        "max_connections = 300\nmax_wal_senders = 20\n",
    );
    let alone = bench.say("check -f standby.conf --version 17 --memory 16GB --json");
    assert_eq!(alone.code, 0);
    assert!(
        list(&alone.json(), "unknown")
            .iter()
            .all(|u| { !u["missing"].to_string().contains("primary.") })
    );
    let beside = bench.say("check -f standby.conf --primary primary.conf --version 17 --json");
    assert_eq!(beside.code, 3);
    let report = beside.json();
    let ids: Vec<&str> = list(&report, "violations")
        .iter()
        .filter_map(|v| v["constraint"].as_str())
        .collect();
    // Replication first: it is about data.
    assert_eq!(ids, ["pg.pair.wal_senders", "pg.pair.connections"]);
    let first = &list(&report, "violations")[0];
    assert_eq!(first["values"]["primary.max_wal_senders"], "20");
    assert_eq!(first["remedy"], "set max_wal_senders to 20 or more");
}

#[test]
fn pools_in_front_are_counted_and_passwords_never_told() {
    let bench = Bench::new();
    bench.file("postgresql.conf", "max_connections = 100\n");
    bench.file(
        "pgbouncer.ini",
        "[databases]\nshop = host=h password=hunter2canary\n[pgbouncer]\nauth_file = users.txt\ndefault_pool_size = 60\n",
    );
    bench.file(
        "users.txt",
        "\"ann\" \"hunter2canary\"\n\"bob\" \"hunter2canary\"\n",
    );
    for format in ["table", "json", "markdown", "sarif"] {
        let line = format!("check -f postgresql.conf --pgbouncer pgbouncer.ini -o {format}");
        let ran = bench.say(&line);
        assert_eq!(ran.code, 3, "{}", ran.err);
        assert!(
            !ran.out.contains("canary") && !ran.err.contains("canary"),
            "{format}"
        );
        assert!(
            ran.out.contains("The pools together"),
            "{format}: {}",
            ran.out
        );
    }
    let line = "check -f postgresql.conf --pgbouncer pgbouncer.ini --pgbouncer-users 1";
    assert_eq!(bench.say(line).code, 0);
}

/// Bad input: the file, the exit code, and what is said.
const ODD: &[(&str, i32, &str)] = &[
    ("empty.conf", 0, "rules that can be judged hold"),
    ("long.conf", 3, "work_mem"),
    ("custom.conf", 0, "myapp.level is set again in line 3"),
    ("dots.conf", 3, "one dot at most"),
    ("absurd.conf", 3, "max_connections"),
    ("absurd.conf", 3, "outside"),
    ("old.conf", 3, "removed in"),
    ("missing.conf", 3, "nowhere.conf cannot be read"),
    ("missing.conf", 3, "is not there"),
    ("loop.conf", 3, "includes itself"),
    ("self.conf", 3, "includes itself"),
    ("empty-path.conf", 3, "is no path"),
    ("deep0.conf", 3, "nested too deeply"),
    ("syntax.conf", 3, "the quote is not closed"),
    ("dir.conf", 0, "set again in conf.d/b.conf, line 1"),
    ("latin.conf", 0, "no UTF-8"),
    ("nul.conf", 3, "cluster_name"),
    ("noise.bin", 1, "is not a configuration file"),
    ("huge.conf", 1, "too large for a configuration file"),
    ("many.conf", 0, "rules that can be judged hold"),
    ("conf.d", 1, "is a folder"),
    ("nothing.conf", 1, "No such file"),
];

/// Every kind of file that one may be handed.
fn odd_files(bench: &Bench) {
    let long = "x".repeat(10_000);
    bench.file("empty.conf", "");
    bench.file(
        "long.conf",
        &format!("cluster_name = '{long}'\nwork_mem = {long}\n"),
    );
    bench.file(
        "custom.conf",
        "myapp.level = 3\nb.c = 'x'\nmyapp.level = 4\n",
    );
    bench.file("dots.conf", "a.b.c = 'x'\n");
    bench.file(
        "absurd.conf",
        "max_connections = 99999999999999999999\nwork_mem = -5\nshared_buffers = 1e400GB\n",
    );
    bench.file(
        "old.conf",
        "promote_trigger_file = 'x'\ndb_user_namespace = off\n",
    );
    bench.file(
        "missing.conf",
        "include 'nowhere.conf'\ninclude_dir 'nowhere'\ninclude_if_exists 'nowhere'\n",
    );
    bench.file("loop.conf", "jit = off\ninclude 'again.conf'\n");
    bench.file("again.conf", "include 'loop.conf'\n");
    bench.file("self.conf", "include 'self.conf'\n");
    bench.file("empty-path.conf", "include ''\n");
    bench.file("syntax.conf", "work_mem = '4MB\n= 3\njit = off\n");
    std::fs::create_dir(bench.path("conf.d")).unwrap();
    bench.file("conf.d/b.conf", "work_mem = 8MB\n");
    bench.file("conf.d/a.conf", "work_mem = 6MB\n");
    bench.file("conf.d/.hidden.conf", "nonsense = 1\n");
    bench.file("conf.d/readme.txt", "nonsense = 1\n");
    bench.file("dir.conf", "include_dir 'conf.d'\n");
    for i in 0..12 {
        bench.file(
            &format!("deep{i}.conf"),
            &format!("include 'deep{}.conf'\n", i + 1),
        );
    }
    bench.file("deep12.conf", "jit = off\n");
    std::fs::write(
        bench.path("latin.conf"),
        b"cluster_name = 'caf\xe9'\njit = off\n",
    )
    .unwrap();
    std::fs::write(
        bench.path("nul.conf"),
        b"cluster_name = 'a\0b'\nwork\0mem = 4MB\n",
    )
    .unwrap();
    let noise: Vec<u8> = (0..20_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    std::fs::write(bench.path("noise.bin"), noise).unwrap();
    std::fs::write(bench.path("huge.conf"), vec![b'#'; (16 << 20) + 1]).unwrap();
    let many: String = (0..20_000).map(|i| format!("a.s{i} = {i}\n")).collect();
    bench.file("many.conf", &many);
}

#[test]
fn bad_files_are_told_and_never_crash() {
    let bench = Bench::new();
    odd_files(&bench);
    for (file, code, says) in ODD {
        let code = *code;
        // The highest version has no setting of old.conf.
        let ran = bench.say(&format!("check -f {file} --version 18 --memory 16GB"));
        told(file, &ran, code, says);
        let ran = bench.say(&format!(
            "check -f {file} --version 18 --memory 16GB --json"
        ));
        assert_eq!(ran.code, code, "{file}: {}", ran.err);
        if code == 1 {
            assert_eq!(ran.failure()["code"], "E-CONF-INPUT", "{file}");
        } else {
            assert_eq!(ran.json()["kind"], "check", "{file}");
        }
    }
}

fn told(file: &str, ran: &Ran, code: i32, says: &str) {
    assert_eq!(ran.code, code, "{file}: {}{}", ran.out, ran.err);
    let said = format!("{}{}", ran.out, ran.err);
    assert!(said.contains(says), "{file}: no `{says}` in {said}");
    let longest = said.lines().map(str::len).max().unwrap_or(0);
    assert!(longest < 2_000, "{file}: a line of {longest} bytes");
}

#[test]
fn what_cannot_be_asked_is_told() {
    let bench = Bench::new();
    bench.file("fine.conf", "jit = off\n");
    for (line, code, says) in [
        ("check -f fine.conf --version 9", 4, "E-MODEL-NO-PACK"),
        ("check -f fine.conf --disk-free lots", 2, "is not a size"),
        ("check -f fine.conf --huge-pages few", 2, "is not a size"),
        ("check -f fine.conf --open-files many", 2, "invalid value"),
        (
            "check -f fine.conf --primary nowhere.conf",
            1,
            "No such file",
        ),
        (
            "check -f fine.conf --pgbouncer nowhere.ini",
            1,
            "No such file",
        ),
        (
            "check -f fine.conf --pgbouncer postgresql://u@127.0.0.1:1/pgbouncer",
            6,
            "E-CONN-UNREACHABLE",
        ),
    ] {
        let ran = bench.say(line);
        assert_eq!(ran.code, code, "{line}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(says), "{line}: {}", ran.err);
    }
    let newer = bench.say("check -f fine.conf --version 99 --memory 16GB");
    assert_eq!(newer.code, 0);
    assert!(
        newer.err.contains("no knowledge is shipped for version 99"),
        "{}",
        newer.err
    );
}

#[test]
fn later_files_are_stronger() {
    let bench = Bench::new();
    bench.file("postgresql.conf", "fsync = off\n");
    bench.file("postgresql.auto.conf", "fsync = on\n");
    let line = "check -f postgresql.conf -f postgresql.auto.conf --memory 16GB";
    assert_eq!(bench.say(line).code, 0);
    assert_eq!(bench.say("check -f postgresql.conf --memory 16GB").code, 3);
}

#[test]
fn no_machine_has_nothing() {
    let bench = Bench::new();
    bench.file("postgresql.conf", "work_mem = 8MB\n");
    for option in [
        "--cpus 0",
        "--cpus=-1",
        "--open-files 0",
        "--memory 0",
        "--memory=-1GB",
        "--stack-limit 0",
    ] {
        let ran = bench.say(&format!("check -f postgresql.conf {option}"));
        assert_eq!(ran.code, 2, "{option}: {}{}", ran.out, ran.err);
        let name = option.split([' ', '=']).next().unwrap();
        assert!(ran.err.contains(name), "{option}: {}", ran.err);
    }
    // A disk may be full, and huge pages need not be.
    let ran = bench.say("check -f postgresql.conf --disk-free 0 --huge-pages 0");
    assert_ne!(ran.code, 2, "{}", ran.err);
}

#[test]
fn the_stack_limit_is_told_or_assumed() {
    let bench = Bench::new();
    bench.file("postgresql.conf", "max_stack_depth = 10MB\n");
    let assumed = bench.say("check -f postgresql.conf");
    assert_eq!(assumed.code, 0, "{}{}", assumed.out, assumed.err);
    assert!(
        assumed.err.contains("the usual 8MB is assumed"),
        "{}",
        assumed.err
    );
    let told = bench.say("check -f postgresql.conf --stack-limit 8MB --json");
    assert_eq!(told.code, 3, "{}{}", told.out, told.err);
    let report = told.json();
    let found = &list(&report, "violations")[0];
    assert_eq!(found["constraint"], "pg.memory.stack");
    assert_eq!(found["severity"], "reject");
    assert_eq!(
        bench
            .say("check -f postgresql.conf --stack-limit 16MB")
            .code,
        0
    );
}

#[test]
fn a_command_that_archives_nothing_is_told() {
    let bench = Bench::new();
    bench.file(
        "postgresql.conf",
        "archive_mode = on\narchive_command = '/bin/true'\n",
    );
    let ran = bench.say("check -f postgresql.conf --json");
    assert_eq!(ran.code, 3);
    let report = ran.json();
    let found = list(&report, "violations");
    let idle = found
        .iter()
        .find(|v| v["constraint"] == "pg.wal.archive_nothing");
    let idle = idle.unwrap_or_else(|| panic!("{found:#?}"));
    assert!(idle["remedy"].as_str().unwrap().contains("copies the file"));
    bench.file(
        "postgresql.conf",
        "archive_mode = on\narchive_command = 'cp %p /arc/%f'\n",
    );
    assert_eq!(bench.say("check -f postgresql.conf").code, 0);
}
