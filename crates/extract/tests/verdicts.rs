//! Reviewed rules on real servers: each is violated once on every major version that has it, and the
//! server must do what the rule's severity says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "what is skipped is said")]

use backstay_catalog::expr::{Tri, eval};
use backstay_catalog::{Candidate, Pack, pack};
use backstay_model::Severity;
use backstay_model::name::EngineKind;
use backstay_scratch::postgres::{Bare, BareEnd, Binaries, DataDir};

/// A rule, and settings that violate it.
type Row = (&'static str, &'static [(&'static str, &'static str)]);

const ROWS: &[Row] = &[
    (
        "pg.wal.senders_level",
        &[("wal_level", "minimal"), ("max_wal_senders", "5")],
    ),
    (
        "pg.wal.archive_level",
        &[
            ("wal_level", "minimal"),
            ("max_wal_senders", "0"),
            ("archive_mode", "on"),
            ("archive_command", "true"),
        ],
    ),
    (
        "pg.wal.archive_one_way",
        &[
            ("archive_mode", "on"),
            ("archive_command", "true"),
            ("archive_library", "basic_archive"),
            ("basic_archive.archive_directory", "/tmp"),
        ],
    ),
    ("pg.wal.segment_min", &[("min_wal_size", "2")]),
    (
        "pg.wal.segment_max",
        &[("max_wal_size", "2"), ("min_wal_size", "32")],
    ),
    (
        "pg.connections.reserved",
        &[
            ("max_connections", "5"),
            ("superuser_reserved_connections", "5"),
            ("max_wal_senders", "1"),
        ],
    ),
    (
        "pg.silent.reserved_roles",
        &[
            ("max_connections", "8"),
            ("superuser_reserved_connections", "4"),
            ("reserved_connections", "4"),
            ("max_wal_senders", "1"),
        ],
    ),
    (
        "pg.connections.total",
        &[
            ("max_connections", "100"),
            ("max_worker_processes", "262143"),
        ],
    ),
    (
        "pg.standby.targets",
        &[
            ("recovery_target_name", "a"),
            ("recovery_target", "immediate"),
        ],
    ),
    (
        "pg.log.stats_parser",
        &[("log_statement_stats", "on"), ("log_parser_stats", "on")],
    ),
    (
        "pg.log.stats_planner",
        &[("log_statement_stats", "on"), ("log_planner_stats", "on")],
    ),
    (
        "pg.log.stats_executor",
        &[("log_statement_stats", "on"), ("log_executor_stats", "on")],
    ),
    (
        "pg.ssl.certificate",
        &[("ssl", "on"), ("ssl_cert_file", "")],
    ),
    ("pg.ssl.key", &[("ssl", "on"), ("ssl_key_file", "")]),
    (
        "pg.memory.huge_type",
        &[("huge_pages", "on"), ("shared_memory_type", "sysv")],
    ),
    (
        "pg.autovacuum.track_counts",
        &[("autovacuum", "on"), ("track_counts", "off")],
    ),
    (
        "pg.silent.summarize_level",
        &[
            ("summarize_wal", "on"),
            ("wal_level", "minimal"),
            ("max_wal_senders", "0"),
        ],
    ),
    (
        "pg.silent.worker_slots",
        &[
            ("autovacuum_max_workers", "9"),
            ("autovacuum_worker_slots", "4"),
        ],
    ),
    (
        "pg.silent.io_combine",
        &[("io_combine_limit", "128"), ("io_max_combine_limit", "16")],
    ),
    (
        "pg.silent.ring_buffers",
        &[("vacuum_buffer_usage_limit", "16777216")],
    ),
    (
        "pg.wal.min_max",
        &[("min_wal_size", "2GB"), ("max_wal_size", "1GB")],
    ),
    (
        "pg.workers.parallel_pool",
        &[
            ("max_parallel_workers", "20"),
            ("max_worker_processes", "8"),
        ],
    ),
    (
        "pg.workers.apply_pool",
        &[("max_parallel_apply_workers_per_subscription", "20")],
    ),
    (
        "pg.workers.sync_pool",
        &[("max_sync_workers_per_subscription", "20")],
    ),
    (
        "pg.memory.slru_commit_use",
        &[("commit_timestamp_buffers", "64")],
    ),
    (
        "pg.wal.sync_slots_level",
        &[("sync_replication_slots", "on")],
    ),
    (
        "pg.wal.standby_slots_level",
        &[("synchronized_standby_slots", "a")],
    ),
    (
        "pg.auth.scram_password",
        &[("scram_iterations", "5000"), ("password_encryption", "md5")],
    ),
    (
        "pg.ssl.enables_ssl_tls13_ciphers",
        &[("ssl_tls13_ciphers", "TLS_AES_256_GCM_SHA384")],
    ),
    ("pg.ssl.enables_ssl_groups", &[("ssl_groups", "X25519")]),
    (
        "pg.vacuum.freeze_min",
        &[("vacuum_freeze_min_age", "900000000")],
    ),
    (
        "pg.vacuum.freeze_table",
        &[("vacuum_freeze_table_age", "1000000000")],
    ),
    ("pg.vacuum.failsafe", &[("vacuum_failsafe_age", "1000000")]),
    (
        "pg.timeout.lock_statement",
        &[("lock_timeout", "5s"), ("statement_timeout", "1s")],
    ),
    (
        "pg.silent.statement_transaction",
        &[("statement_timeout", "5s"), ("transaction_timeout", "2s")],
    ),
    (
        "pg.autovacuum.enables_autovacuum_worker_slots",
        &[("autovacuum_worker_slots", "5"), ("autovacuum", "off")],
    ),
    (
        "pg.autovacuum.enables_autovacuum_vacuum_max_threshold",
        &[
            ("autovacuum_vacuum_max_threshold", "5000"),
            ("autovacuum", "off"),
        ],
    ),
];

/// What a start came to, in the words of severities.
fn said(bare: &Bare, row: &Row) -> &'static str {
    let names: Vec<&str> = row.1.iter().map(|(name, _)| *name).collect();
    let about = |text: &str| names.iter().any(|name| text.contains(name));
    let logged = bare
        .said
        .iter()
        .any(|l| l.serious() && about(&format!("{} {} {}", l.message, l.detail, l.hint)));
    match bare.end {
        BareEnd::Fell => "rejected",
        _ if logged => "logged",
        _ => "silent",
    }
}

fn wanted(severity: Severity) -> &'static str {
    match severity {
        Severity::Reject => "rejected",
        Severity::Warn => "logged",
        Severity::Silent | Severity::Clamp | Severity::Advice => "silent",
    }
}

fn conf(row: &Row) -> String {
    let line = |(name, value): &(&str, &str)| format!("{name} = '{value}'\n");
    row.1.iter().map(line).collect()
}

fn violated(pack: &Pack, row: &Row) -> Tri {
    let mut candidate = Candidate::new(pack);
    for (name, value) in row.1 {
        candidate
            .assign(name, value)
            .unwrap_or_else(|e| panic!("{}: {e}", row.0));
    }
    let rule = pack
        .rule(row.0)
        .unwrap_or_else(|| panic!("{} has no rule", row.0));
    eval(rule, &candidate)
}

/// Every row on one major version.
async fn rules_on(major: u32) {
    let Some(binaries) = Binaries::pinned(major).or_else(|| Binaries::find_major(major).ok())
    else {
        eprintln!(
            "SKIPPED: verdicts of PostgreSQL {major}: no server programs; `cargo xtask setup` installs them"
        );
        return;
    };
    let pack = pack(EngineKind::Postgresql, major).unwrap().pack;
    let dir = DataDir::create(&binaries).unwrap();
    let calm = dir.bare_start("").await.unwrap();
    assert_eq!(calm.end, BareEnd::Stood, "{major}: {:?}", calm.said);
    let mut wrong = Vec::new();
    for row in ROWS {
        let Some(constraint) = pack.constraint(row.0) else {
            continue;
        };
        assert_eq!(violated(pack, row), Tri::False, "{major}: {}", row.0);
        let bare = dir.bare_start(&conf(row)).await.unwrap();
        let (found, wanted) = (said(&bare, row), wanted(constraint.severity));
        if found != wanted {
            let lines: Vec<&str> = bare.said.iter().map(|l| l.message.as_str()).collect();
            wrong.push(format!(
                "{}: {found}, not {wanted}: {}",
                row.0,
                lines.join(" | ")
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "PostgreSQL {major}:\n{}",
        wrong.join("\n")
    );
}

#[tokio::test]
async fn reviewed_rules_on_14() {
    rules_on(14).await;
}

#[tokio::test]
async fn reviewed_rules_on_15() {
    rules_on(15).await;
}

#[tokio::test]
async fn reviewed_rules_on_16() {
    rules_on(16).await;
}

#[tokio::test]
async fn reviewed_rules_on_17() {
    rules_on(17).await;
}

#[tokio::test]
async fn reviewed_rules_on_18() {
    rules_on(18).await;
}

#[test]
fn every_row_is_about_a_rule_of_some_version() {
    let packs: Vec<&Pack> = (14..=18)
        .map(|major| pack(EngineKind::Postgresql, major).unwrap().pack)
        .collect();
    for (id, _) in ROWS {
        assert!(packs.iter().any(|p| p.constraint(id).is_some()), "{id}");
    }
}
