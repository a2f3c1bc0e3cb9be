use std::collections::BTreeMap;
use std::fmt::Write as _;

use backstay_model::name::EngineKind;

use super::*;
use crate::candidate::Candidate;
use crate::conf::parse_conf;

fn postgres() -> &'static Pack {
    crate::pack(EngineKind::Postgresql, 15).unwrap().pack
}

fn candidate(conf: &str, host: (&str, i128, &str)) -> Candidate<'static> {
    let (memory, cpus, storage) = host;
    let (lines, notes) = parse_conf(conf);
    assert_eq!(notes, []);
    let (candidate, errors) = Candidate::new(postgres())
        .with_host("memory", Quantity::parse_bytes(memory).unwrap())
        .with_host("cpus", Quantity::Count(cpus))
        .with_host("storage", Quantity::Text(storage.into()))
        .with_host("disk_free", Quantity::Bytes(500 << 30))
        .with_host("huge_pages", Quantity::Bytes(64 << 30))
        .with_host("open_files", Quantity::Count(65_536))
        .with_conf(&lines);
    assert_eq!(errors, []);
    candidate
}

fn told(report: &CheckReport<'_>) -> String {
    let mut text = String::new();
    for v in &report.violations {
        let values: Vec<_> = v.values.iter().map(|(n, q)| format!("{n}={q}")).collect();
        writeln!(
            text,
            "{} {}: {}",
            v.severity,
            v.constraint.id,
            values.join(" ")
        )
        .unwrap();
    }
    text
}

/// A sensible configuration: nothing that the server would refuse, warn of, clamp or swallow.
fn sensible(conf: &str, host: (&str, i128, &str)) {
    let report = check(postgres(), &candidate(conf, host));
    let hard = report
        .violations
        .iter()
        .filter(|v| v.severity != Severity::Advice)
        .count();
    assert!(
        hard == 0 && report.violations.len() <= 3,
        "{}",
        told(&report)
    );
    let unknown: Vec<_> = report
        .unknown
        .iter()
        .map(|u| (&u.constraint.id, &u.missing))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

const SMALL: (&str, i128, &str) = ("8GB", 4, "ssd");

#[test]
fn the_built_in_configuration_is_sensible() {
    sensible("", SMALL);
    sensible("", ("2GB", 1, "hdd"));
}

#[test]
fn a_web_shop_is_sensible() {
    sensible(
        "
        listen_addresses = '*'
        max_connections = 200
        shared_buffers = 4GB
        effective_cache_size = 12GB
        maintenance_work_mem = 1GB
        work_mem = 10MB
        checkpoint_completion_target = 0.9
        wal_buffers = 16MB
        default_statistics_target = 100
        random_page_cost = 1.1
        effective_io_concurrency = 200
        min_wal_size = 1GB
        max_wal_size = 4GB
        max_worker_processes = 8
        max_parallel_workers_per_gather = 4
        max_parallel_workers = 8
        max_parallel_maintenance_workers = 4
        logging_collector = on
        log_filename = 'postgresql-%a.log'
        log_truncate_on_rotation = on
        log_rotation_age = 1d
        log_rotation_size = 0
        log_min_duration_statement = 250ms
        log_lock_waits = on
        log_temp_files = 10MB
        log_autovacuum_min_duration = 1s
        idle_in_transaction_session_timeout = 5min
        lock_timeout = 5s
        statement_timeout = 30s
        shared_preload_libraries = 'pg_stat_statements'
        ",
        ("16GB", 8, "ssd"),
    );
}

#[test]
fn a_warehouse_is_sensible() {
    sensible(
        "
        max_connections = 60
        shared_buffers = 32GB
        effective_cache_size = 96GB
        maintenance_work_mem = 4GB
        autovacuum_work_mem = 1GB
        work_mem = 256MB
        hash_mem_multiplier = 2.0
        huge_pages = try
        wal_compression = lz4
        checkpoint_timeout = 30min
        min_wal_size = 4GB
        max_wal_size = 64GB
        random_page_cost = 2
        effective_io_concurrency = 300
        maintenance_io_concurrency = 100
        max_worker_processes = 40
        max_parallel_workers = 32
        max_parallel_workers_per_gather = 8
        max_parallel_maintenance_workers = 8
        enable_partitionwise_join = on
        enable_partitionwise_aggregate = on
        jit_above_cost = 500000
        jit_inline_above_cost = 1000000
        jit_optimize_above_cost = 1000000
        default_statistics_target = 500
        autovacuum_max_workers = 5
        autovacuum_vacuum_cost_limit = 2000
        autovacuum_vacuum_scale_factor = 0.05
        autovacuum_analyze_scale_factor = 0.02
        track_io_timing = on
        ",
        ("128GB", 32, "nvme"),
    );
}

#[test]
fn a_replicated_payment_system_is_sensible() {
    sensible(
        "
        wal_level = logical
        max_wal_senders = 10
        max_replication_slots = 10
        wal_keep_size = 2GB
        max_slot_wal_keep_size = 50GB
        max_wal_size = 8GB
        min_wal_size = 2GB
        archive_mode = on
        archive_command = 'test ! -f /srv/archive/%f && cp %p /srv/archive/%f'
        archive_timeout = 5min
        synchronous_standby_names = 'ANY 1 (a, b)'
        synchronous_commit = remote_apply
        hot_standby_feedback = on
        primary_conninfo = 'host=10.0.0.2 user=replicator'
        primary_slot_name = 'a'
        wal_log_hints = on
        max_connections = 300
        superuser_reserved_connections = 5
        shared_buffers = 16GB
        effective_cache_size = 48GB
        work_mem = 8MB
        maintenance_work_mem = 2GB
        max_prepared_transactions = 300
        ssl = on
        ssl_cert_file = '/etc/ssl/db.crt'
        ssl_key_file = '/etc/ssl/db.key'
        ssl_ca_file = '/etc/ssl/ca.crt'
        random_page_cost = 1.1
        effective_io_concurrency = 200
        vacuum_freeze_table_age = 180000000
        log_destination = 'jsonlog'
        logging_collector = on
        log_min_duration_statement = 500ms
        log_min_duration_sample = 100ms
        log_statement_sample_rate = 0.01
        ",
        ("64GB", 16, "nvme"),
    );
}

/// One careless change each: what it violates first.
fn worst(conf: &str) -> String {
    let report = check(postgres(), &candidate(conf, SMALL));
    report.violations.first().map_or_else(String::new, |v| {
        format!("{} {}", v.severity, v.constraint.id)
    })
}

/// A change, and what it violates first.
const CARELESS: &[(&str, &str)] = &[
    ("wal_level = minimal", "reject pg.wal.senders_level"),
    ("wal_level = minimal\nmax_wal_senders = 0", ""),
    (
        "wal_level = minimal\nmax_wal_senders = 0\narchive_mode = on",
        "reject pg.wal.archive_level",
    ),
    ("archive_mode = on", "warn pg.wal.archive_target"),
    (
        "archive_command = 'cp %p /arc/%f'",
        "silent pg.wal.archive_command_mode",
    ),
    (
        "superuser_reserved_connections = 100",
        "reject pg.connections.reserved",
    ),
    (
        "max_parallel_workers = 16",
        "silent pg.workers.parallel_pool",
    ),
    (
        "synchronous_commit = remote_apply",
        "silent pg.wal.sync_commit_names",
    ),
    ("track_counts = off", "warn pg.autovacuum.track_counts"),
    (
        "vacuum_freeze_min_age = 150000000",
        "clamp pg.vacuum.freeze_min",
    ),
    ("work_mem = 4GB", "silent pg.memory.sessions"),
    ("shared_buffers = 9GB", "reject pg.memory.buffers_host"),
    (
        "log_rotation_size = 1GB",
        "silent pg.log.collector_log_rotation_size",
    ),
    (
        "log_statement_sample_rate = 0.5",
        "silent pg.log.sample_rate",
    ),
    ("min_wal_size = 2GB", "silent pg.wal.min_max"),
    (
        "lock_timeout = 30s\nstatement_timeout = 10s",
        "silent pg.timeout.lock_statement",
    ),
    (
        "default_transaction_read_only = on",
        "silent pg.statistics.read_only",
    ),
    (
        "huge_pages = on\nshared_memory_type = sysv",
        "reject pg.memory.huge_type",
    ),
    (
        "recovery_target = immediate\nrecovery_target_xid = 7",
        "reject pg.standby.targets",
    ),
    (
        "log_statement_stats = on\nlog_parser_stats = on",
        "reject pg.log.stats_parser",
    ),
    (
        "ssl = on\nssl_min_protocol_version = 'TLSv1.3'\nssl_max_protocol_version = 'TLSv1.2'",
        "reject pg.ssl.protocols_start",
    ),
    ("fsync = off", "silent pg.durability.fsync"),
    ("jit_above_cost = 10", "silent pg.jit.everything"),
    (
        "jit = off\njit_above_cost = 200000",
        "advice pg.jit.enables_jit_above_cost",
    ),
    (
        "ssl_min_protocol_version = 'TLSv1.3'\nssl_max_protocol_version = 'TLSv1.2'",
        "silent pg.ssl.protocols",
    ),
    (
        "listen_addresses = ''\nunix_socket_directories = ''",
        "reject pg.connections.reachable",
    ),
];

#[test]
fn careless_changes_are_caught() {
    for (conf, expected) in CARELESS {
        assert_eq!(worst(conf), *expected, "{conf}");
    }
}

#[test]
fn what_is_not_known_is_unknown_and_named() {
    let report = check(postgres(), &Candidate::new(postgres()));
    let found = report
        .unknown
        .iter()
        .find(|u| u.constraint.id == "pg.memory.buffers_host")
        .unwrap();
    assert_eq!(found.missing, [NodeKey::Resource("memory".into())]);
}

#[test]
fn near_ones_are_named_when_somebody_set_them() {
    let conf = "shared_buffers = 3900MB";
    let report = check(postgres(), &candidate(conf, SMALL));
    let near: Vec<_> = report
        .near
        .iter()
        .map(|v| v.constraint.id.as_str())
        .collect();
    assert!(near.contains(&"pg.memory.buffers_share"), "{near:?}");
    assert!(near.len() < 5, "{near:?}");
}

#[test]
fn only_touched_rules_are_judged_when_asked() {
    let touched = BTreeSet::from([SettingName::new("jit")]);
    let env = candidate("jit = off\njit_above_cost = 7\nfsync = off", SMALL);
    let report = check_touched(postgres(), &env, &touched);
    assert!(
        report
            .violations
            .iter()
            .all(|v| v.constraint.id.starts_with("pg.jit.")),
        "{}",
        told(&report)
    );
}

#[test]
fn secrets_are_covered() {
    let env = candidate(
        "primary_slot_name = a\nwal_receiver_create_temp_slot = on\narchive_command = 'k'",
        SMALL,
    );
    let report = check(postgres(), &env);
    let all: BTreeMap<_, _> = report
        .violations
        .iter()
        .flat_map(|v| v.values.clone())
        .collect();
    assert_eq!(
        all.get(&NodeKey::setting("archive_command")),
        Some(&Quantity::Text("(secret)".into()))
    );
}

#[test]
fn a_standby_is_judged_beside_its_primary() {
    let primary = candidate(
        "max_connections = 300\nwal_level = minimal\nmax_wal_senders = 0",
        SMALL,
    );
    let alone = candidate("max_connections = 100", SMALL);
    let of = |env: &Candidate<'_>| {
        let report = check(postgres(), env);
        assert!(report.unknown.is_empty(), "{:?}", report.unknown);
        let pair = report
            .violations
            .iter()
            .filter(|v| v.constraint.id.starts_with("pg.pair."));
        pair.map(|v| v.constraint.id.clone()).collect::<Vec<_>>()
    };
    assert!(
        of(&alone).is_empty(),
        "a server without a primary has no such rules"
    );
    let beside = alone.with_primary(&primary);
    assert_eq!(of(&beside), ["pg.pair.wal_level", "pg.pair.connections"]);
    let report = check(postgres(), &beside);
    let values = &report.violations.get(1).unwrap().values;
    let other = NodeKey::Resource("primary.max_connections".into());
    assert_eq!(values.get(&other), Some(&Quantity::Count(300)));
}

#[test]
fn pools_in_front_must_fit() {
    let ini = "[databases]\na = host=h\nb = host=h\n[pgbouncer]\ndefault_pool_size = 40\nquery_timeout = 30\n";
    let env = |users| {
        let facts = crate::pooler::parse(ini, Some(users)).facts;
        candidate("max_connections = 100", SMALL).with_pooler(facts)
    };
    let bouncer = |users| {
        let env = env(users);
        let report = check(postgres(), &env);
        let of = report
            .violations
            .into_iter()
            .map(|v| v.constraint.id.clone());
        of.filter(|id| id.starts_with("pg.bouncer."))
            .collect::<Vec<_>>()
    };
    assert_eq!(bouncer(1), ["pg.bouncer.query_timeout"]);
    let more = bouncer(2);
    assert!(
        more.contains(&"pg.bouncer.connections".to_owned()),
        "{more:?}"
    );
    let one = env(1);
    let report = check(postgres(), &one).violations;
    let timeout = report
        .iter()
        .find(|v| v.constraint.id == "pg.bouncer.query_timeout");
    // Below the pooler's 30 s, and never so short that statements die of it.
    assert_eq!(
        timeout.unwrap().remedies,
        ["set statement_timeout to 29s or less"]
    );
}

#[test]
fn settings_of_a_library_need_the_library() {
    let max = "pg_stat_statements.max = 10000";
    assert_eq!(worst(max), "silent pg.silent.stat_statements_max");
    assert_eq!(
        worst(&format!(
            "{max}\nshared_preload_libraries = 'auto_explain, pg_stat_statements'"
        )),
        ""
    );
}

#[test]
fn every_remedy_is_one_that_helps() {
    let of = |conf: &str, id: &str| {
        let env = candidate(conf, SMALL);
        let report = check(postgres(), &env);
        let found = report.violations.iter().find(|v| v.constraint.id == id);
        found.map_or_else(|| format!("{id} holds"), |v| v.remedies.join(", or "))
    };
    let all = [
        ("wal_level = minimal", "pg.wal.senders_level"),
        ("shared_buffers = 9GB", "pg.memory.buffers_host"),
        ("work_mem = 1GB", "pg.memory.sessions"),
        ("max_parallel_workers = 16", "pg.workers.parallel_pool"),
        ("fsync = off", "pg.durability.fsync"),
        ("archive_command = 'x'", "pg.wal.archive_command_mode"),
        ("archive_mode = on", "pg.wal.archive_target"),
        (
            "lock_timeout = 30s\nstatement_timeout = 10s",
            "pg.timeout.lock_statement",
        ),
        (
            "pg_stat_statements.max = 9",
            "pg.silent.stat_statements_max",
        ),
        (
            "recovery_target = immediate\nrecovery_target_xid = 7",
            "pg.standby.targets",
        ),
        ("vacuum_freeze_min_age = 150000000", "pg.vacuum.freeze_min"),
        (
            "hot_standby_feedback = on\nwal_receiver_status_interval = 0",
            "pg.standby.feedback_interval",
        ),
        (
            "max_wal_size = 64MB\nmin_wal_size = 64MB\ncheckpoint_timeout = 30min",
            "pg.checkpoint.size_time",
        ),
        ("random_page_cost = 0.5", "pg.planner.random_seq"),
        (
            "enable_nestloop = off\nenable_hashjoin = off\nenable_mergejoin = off",
            "pg.planner.joins",
        ),
    ]
    .map(|(conf, id)| format!("{}: {}", conf.replace('\n', "; "), of(conf, id)));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn remedies_are_never_missing_for_plain_rules() {
    for (conf, expected) in CARELESS.iter().filter(|(_, e)| !e.is_empty()) {
        let env = candidate(conf, SMALL);
        let report = check(postgres(), &env);
        let first = report.violations.first().unwrap();
        assert!(!first.remedies.is_empty(), "{conf}: {expected}");
    }
}

#[test]
fn a_remedy_never_breaks_a_graver_rule() {
    let env = candidate("shared_buffers = 9GB", ("64GB", 4, "ssd"))
        .with_host("huge_pages", Quantity::Bytes(0));
    let report = check(postgres(), &env);
    let huge = report
        .violations
        .iter()
        .find(|v| v.constraint.id == "pg.host.huge_try")
        .unwrap();
    // With huge_pages on this server would not start at all.
    let rule = postgres().rule("pg.host.huge_try").unwrap();
    let computed = remedy::remedies(postgres(), huge.constraint, rule, &env);
    assert_eq!(computed, ["set huge_pages to off"]);
    // What people would do moves no setting, and is told instead.
    assert!(huge.remedies[0].contains("vm.nr_hugepages"), "{huge:?}");
}

#[test]
fn remedies_are_round_and_turn_nothing_off_first() {
    let pack = crate::pack(EngineKind::Postgresql, 17).unwrap().pack;
    let (lines, _) = parse_conf("statement_timeout = 10s\ntransaction_timeout = 5s");
    let (env, errors) = Candidate::new(pack).with_conf(&lines);
    assert_eq!(errors, []);
    let report = check(pack, &env);
    let ended = |v: &&Violation<'_>| v.constraint.id == "pg.silent.statement_transaction";
    let found = report.violations.iter().find(ended).unwrap();
    assert_eq!(
        found.remedies,
        [
            "set statement_timeout to 4s or less",
            "set transaction_timeout to 11s or more"
        ]
    );
}

/// "0 or more" would leave the two that are wrong as they are.
#[test]
fn a_remedy_never_includes_what_stands_now() {
    let small = candidate(
        "maintenance_work_mem = 16MB\nmax_parallel_maintenance_workers = 2",
        SMALL,
    );
    let report = check(postgres(), &small);
    let id = "pg.workers.maintenance_memory";
    let found = report.violations.iter().find(|v| v.constraint.id == id);
    assert_eq!(
        found.unwrap().remedies,
        [
            "set max_parallel_maintenance_workers to 0",
            "set maintenance_work_mem to 25MB or more"
        ]
    );
}

#[test]
fn values_that_stand_close_on_purpose_are_not_near() {
    let report = check(postgres(), &candidate("random_page_cost = 1.1", SMALL));
    let close = report.near.iter().map(|v| v.constraint.id.as_str());
    assert!(!close.into_iter().any(|id| id == "pg.planner.random_seq"));
    let report = check(postgres(), &candidate("random_page_cost = 0.9", SMALL));
    assert!(told(&report).contains("pg.planner.random_seq"));
}

#[test]
fn the_lock_table_is_weighed_against_memory() {
    let locks = |conf: &str| {
        let report = check(postgres(), &candidate(conf, ("16GB", 4, "ssd")));
        let of = report.violations.iter().map(|v| v.constraint.id.clone());
        of.filter(|id| id.starts_with("pg.memory.locks_"))
            .collect::<Vec<_>>()
    };
    assert_eq!(locks("max_locks_per_transaction = 1024"), [""; 0]);
    // 10,000 x 1,000 x 388 bytes = 3.6 GB: more than a tenth, less than all.
    let many = "max_locks_per_transaction = 10000\nmax_connections = 1000";
    assert_eq!(locks(many), ["pg.memory.locks_share"]);
    let beyond = "max_locks_per_transaction = 50000\nmax_connections = 1000";
    assert_eq!(
        locks(beyond),
        ["pg.memory.locks_host", "pg.memory.locks_share"]
    );
}

#[test]
fn protocols_are_told_once_and_mended_by_the_nearest_word() {
    for (conf, id, remedies) in [
        (
            "ssl = on\nssl_min_protocol_version = 'TLSv1.3'\nssl_max_protocol_version = 'TLSv1.2'",
            "pg.ssl.protocols_start",
            [
                "set ssl_min_protocol_version to TLSv1.2",
                "set ssl_max_protocol_version to TLSv1.3",
            ],
        ),
        (
            "ssl_min_protocol_version = 'TLSv1.3'\nssl_max_protocol_version = 'TLSv1'",
            "pg.ssl.protocols",
            [
                "set ssl_min_protocol_version to TLSv1",
                "set ssl_max_protocol_version to TLSv1.3",
            ],
        ),
    ] {
        let env = candidate(conf, SMALL);
        let report = check(postgres(), &env);
        let about = |v: &&Violation<'_>| v.constraint.id.starts_with("pg.ssl.protocols");
        let told: Vec<_> = report.violations.iter().filter(about).collect();
        let ids: Vec<_> = told.iter().map(|v| v.constraint.id.as_str()).collect();
        assert_eq!(ids, [id], "{conf}");
        assert_eq!(told.first().unwrap().remedies, remedies, "{conf}");
    }
}

#[test]
fn an_empty_word_is_written_with_quotes() {
    let conf = "ssl_tls13_ciphers = 'a'\nssl_max_protocol_version = 'TLSv1.2'";
    let pack = crate::pack(EngineKind::Postgresql, 18).unwrap().pack;
    let (lines, _) = parse_conf(conf);
    let (env, errors) = Candidate::new(pack).with_conf(&lines);
    assert_eq!(errors, []);
    let report = check(pack, &env);
    for remedy in report.violations.iter().flat_map(|v| &v.remedies) {
        assert!(
            !remedy.ends_with("to ") && !remedy.contains("to  "),
            "{remedy}"
        );
    }
}

#[test]
fn the_stack_is_measured_by_the_limit_or_the_usual_one() {
    let mb = |n: i128| Quantity::Bytes(n << 20);
    for (conf, limit, remedies) in [
        ("max_stack_depth = 7680kB", None, None),
        (
            "max_stack_depth = 7681kB",
            None,
            Some("set max_stack_depth to 7680kB or less"),
        ),
        (
            "max_stack_depth = 1GB",
            None,
            Some("set max_stack_depth to 7680kB or less"),
        ),
        ("max_stack_depth = 7681kB", Some(mb(16)), None),
        ("max_stack_depth = 3584kB", Some(mb(4)), None),
        (
            "max_stack_depth = 4MB",
            Some(mb(4)),
            Some("set max_stack_depth to 3584kB or less"),
        ),
    ] {
        let env = candidate(conf, SMALL);
        let env = match limit {
            Some(limit) => env.with_host("stack", limit),
            None => env,
        };
        let report = check(postgres(), &env);
        let stack = |v: &&Violation<'_>| v.constraint.id == "pg.memory.stack";
        let found = report.violations.iter().find(stack);
        assert_eq!(
            found.map(|v| v.remedies.join(", ")).as_deref(),
            remedies,
            "{conf}"
        );
        let sure = if env.assumed("stack") {
            Severity::Advice
        } else {
            Severity::Reject
        };
        assert!(found.is_none_or(|v| v.severity == sure), "{conf}");
    }
}
