use proptest::prelude::*;

use super::host::CpuTimes;
use super::*;

fn counts(at_s: f64, values: &[(&'static str, f64)]) -> Counts {
    Counts {
        at: Timestamp((at_s * 1e6) as i64),
        values: values.iter().copied().collect(),
    }
}

fn shown(metrics: &BTreeMap<MetricName, f64>) -> String {
    metrics
        .iter()
        .map(|(n, v)| format!("{n} {v:.3}"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn counters_are_differenced_over_real_time() {
    let before = counts(
        10.0,
        &[
            ("commits", 100.0),
            ("blks_hit", 0.0),
            ("blks_read", 0.0),
            ("calls", 5.0),
            ("exec_ms", 50.0),
        ],
    );
    let now = counts(
        10.5,
        &[
            ("commits", 150.0),
            ("blks_hit", 90.0),
            ("blks_read", 10.0),
            ("calls", 15.0),
            ("exec_ms", 70.0),
            ("active", 3.0),
        ],
    );
    insta::assert_snapshot!(shown(&metrics(&now, Some(&before))), @r#"
    active_sessions 3.000
    blks_read_per_s 20.000
    commits_per_s 100.000
    hit_ratio 0.900
    statement_mean_ms 2.000
    "#);
    insta::assert_snapshot!(shown(&metrics(&now, None)), @"active_sessions 3.000");
}

#[test]
fn what_was_reset_or_cannot_be_known_is_absent() {
    let before = counts(
        10.0,
        &[
            ("commits", 100.0),
            ("databases_reset", 1.0),
            ("wal_bytes", 9.0),
            ("calls", 5.0),
            ("exec_ms", 50.0),
        ],
    );
    for now in [
        counts(
            11.0,
            &[
                ("commits", 200.0),
                ("databases_reset", 2.0),
                ("wal_bytes", 3.0),
                ("calls", 5.0),
                ("exec_ms", 50.0),
            ],
        ),
        counts(10.0, &[("commits", 200.0), ("databases_reset", 1.0)]),
        counts(100.0, &[("commits", 200.0), ("databases_reset", 1.0)]),
        counts(11.0, &[]),
    ] {
        assert_eq!(shown(&metrics(&now, Some(&before))), "");
    }
}

#[test]
fn the_host_is_read_from_proc() {
    let stat = |user: u64, idle: u64, steal: u64| {
        let text = format!(
            "cpu  {user} 0 0 {idle} 0 0 0 {steal} 99 0\ncpu0 1 1\nctxt 5\nprocs_running 3\n"
        );
        CpuTimes::parse(&text).unwrap()
    };
    let (before, now) = (stat(100, 800, 0), stat(160, 830, 10));
    insta::assert_snapshot!(shown(&now.metrics(Some(&before))), @"
    host_cpu_busy 0.600
    host_run_queue 2.000
    host_steal 0.100
    ");
    let (before, now) = (before.with_server(Some(7)), now.with_server(Some(27)));
    let others = shown(&now.metrics(Some(&before)));
    assert!(others.contains("host_cpu_others 0.400"), "{others}");
    assert_eq!(CpuTimes::parse("cpu 1 2"), None);
}

#[test]
fn what_is_not_there_is_not_asked_for() {
    let none = sql(&Facts::default());
    assert!(
        none.contains("pg_stat_bgwriter")
            && !none.contains("pg_stat_wal")
            && !none.contains("SyncRep")
    );
    let facts = Facts {
        checkpointer: true,
        wal: true,
        all_stats: true,
        sessions_fatal: true,
        statements: Some("public.pg_stat_statements(false)".into()),
        ..Facts::default()
    };
    let all = sql(&facts);
    for part in [
        "pg_stat_checkpointer",
        "pg_stat_wal",
        "SyncRep",
        "sum(sessions_fatal)",
        "public.pg_stat_statements(false)",
    ] {
        assert!(all.contains(part), "{part}");
    }
}

proptest! {
    #[test]
    fn values_are_finite_and_announced(
        before in prop::collection::vec(prop::option::of(-1e18..1e18_f64), COLUMNS.len()),
        now in prop::collection::vec(prop::option::of(-1e18..1e18_f64), COLUMNS.len()),
        at in -5.0..40.0_f64,
    ) {
        let of = |at, values: Vec<Option<f64>>| {
            let pairs: Vec<_> = COLUMNS.iter().copied().zip(values).filter_map(|(c, v)| Some((c, v?))).collect();
            counts(at, &pairs)
        };
        let names: std::collections::BTreeSet<_> = specs().into_iter().map(|s| s.name).collect();
        for (name, value) in metrics(&of(at, now), Some(&of(0.0, before))) {
            prop_assert!(value.is_finite() && names.contains(&name));
        }
    }
}
