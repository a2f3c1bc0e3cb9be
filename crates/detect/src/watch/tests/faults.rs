use super::story;
use crate::testing::bed::State;

/// Rows of the measured fault suite (design, databases.md section 14) as states during the fault,
/// the words of the trigger, and the seconds within which it must be seen.
fn rows() -> Vec<(&'static str, State, &'static str, i64)> {
    let good = State::good;
    vec![
        (
            "missing standby",
            good().with(|s| {
                (s.commits, s.writes, s.reads) = (160.0, 0.0, 2000.0);
                (s.statement_ms, s.write_hangs, s.waiting, s.active) = (None, true, 2.0, 4.0);
            }),
            "hang",
            5,
        ),
        (
            "read only",
            good().with(|s| {
                (s.commits, s.writes, s.rollbacks, s.log_errors) = (150.0, 0.0, 14.0, 14.0);
                (s.write_error, s.active) = (Some(("25006", 1.0)), 1.0);
            }),
            "errors",
            5,
        ),
        (
            "jit costs 0",
            good().work(0.0016).with(|s| {
                (s.statement_ms, s.read_ms, s.active) = (Some(600.0), 289.0, 5.0);
            }),
            "any",
            6,
        ),
        (
            "no index scans",
            good().work(0.011).with(|s| {
                (s.statement_ms, s.read_ms, s.active) = (Some(300.0), 225.0, 5.0);
            }),
            "any",
            6,
        ),
        (
            "serializable",
            good().work(0.42).with(|s| {
                (s.rollbacks, s.log_errors, s.log_bytes) = (798.0, 798.0, 1.5e6);
            }),
            "any",
            6,
        ),
        (
            "log all",
            good().work(0.37).with(|s| {
                (s.log_bytes, s.statement_ms) = (5.5e6, Some(2.2));
            }),
            "ratio",
            8,
        ),
    ]
}

/// The rows of timeouts that are far too short.
fn timeouts() -> Vec<(&'static str, State, &'static str, i64)> {
    let good = State::good;
    vec![
        (
            "statement timeout 1 ms",
            good().with(|s| {
                (s.log_errors, s.rollbacks, s.statement_ms) = (15.0, 15.0, Some(0.3));
                (s.read_error, s.write_error) = (Some(("57014", 0.8)), Some(("57014", 0.8)));
            }),
            "errors",
            6,
        ),
        (
            "statement timeout 1 ms, clients that come back slowly",
            good().with(|s| {
                (s.commits, s.writes, s.reads) = (8.0, 0.0, 200.0);
                (s.log_errors, s.rollbacks, s.active) = (2.5, 2.5, 0.2);
            }),
            "any",
            8,
        ),
        (
            "lock timeout 1 ms",
            good().with(|s| (s.log_errors, s.rollbacks) = (4.7, 4.7)),
            "errors",
            12,
        ),
    ]
}

#[test]
fn measured_faults_are_seen_in_time() {
    for (name, during, by, within) in rows().into_iter().chain(timeouts()) {
        let mut delays = Vec::new();
        for seed in 0..60 {
            let state = |_| during.clone();
            let end = story(seed, &state).play();
            delays.push(end.hurt_after.unwrap_or(99));
            let words = format!("{:?}", end.last.kind).to_lowercase();
            let told = end.last.findings.iter().filter(|f| f.after.is_some());
            let mut metrics: Vec<&str> = told.map(|f| f.metric.as_str()).collect();
            let count = metrics.len();
            metrics.sort_unstable();
            metrics.dedup();
            assert_eq!(
                metrics.len(),
                count,
                "{name} {seed}: a metric is told twice"
            );
            if seed == 0 {
                println!(
                    "{name}: {words} {:?} {}",
                    end.hurt_after,
                    end.last.findings.first().map_or("", |f| f.text.as_str())
                );
            }
            assert!(
                by == "any" || words.contains(by) || end.hurt_after.is_none(),
                "{name} {seed}: {words}"
            );
        }
        delays.sort_unstable();
        println!(
            "{name}: median {} p95 {} worst {}",
            delays[30], delays[57], delays[59]
        );
        assert!(delays[57] <= within, "{name}: {delays:?}");
    }
}
