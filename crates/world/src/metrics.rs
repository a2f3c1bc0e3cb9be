//! What the observer measures of a simulated second, under the same names as on a real server.

use std::collections::BTreeMap;

use backstay_model::MetricName;
use backstay_model::metric::MetricSpec;

use crate::load::{CORES, Done};
use backstay_chance::Dice;

/// Every metric that the simulated engine can measure: those of PostgreSQL, but for what only a real host
/// tells.
#[must_use]
pub fn specs() -> Vec<MetricSpec> {
    let mut specs = backstay_engine::metric::postgresql();
    specs.retain(|spec| spec.name.as_str() != "host_cpu_others");
    specs
}

/// A second as a whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Second<'a> {
    pub(crate) done: &'a [Done],
    pub(crate) sessions: f64,
    pub(crate) max_connections: f64,
    pub(crate) cores_used: f64,
    pub(crate) stolen: f64,
    /// Factor on blocks read, and buffers that checkpoints write.
    pub(crate) blocks: f64,
    pub(crate) checkpoints: f64,
    /// Whether what waits for a lock waits for somebody who is idle.
    pub(crate) kept: bool,
}

/// The metrics of a second, with the noise of counting.
pub(crate) fn measured(second: &Second<'_>, dice: &mut Dice) -> BTreeMap<MetricName, f64> {
    let sum = |part: fn(&Done) -> f64| second.done.iter().map(part).sum::<f64>();
    let commits = wobble(dice, sum(|d| d.commits), 0.015);
    let answered: f64 = sum(|d| d.commits * d.mean_ms);
    let mean_ms = wobble(dice, answered / sum(|d| d.commits).max(1e-9), 0.04);
    let rows = (
        wobble(dice, sum(|d| d.rows.0), 0.02),
        wobble(dice, sum(|d| d.rows.1), 0.02),
    );
    let blocks = wobble(dice, rows.0 * 0.01 * second.blocks, 0.15);
    let busy = ((second.cores_used + second.stolen) / CORES).min(1.0);
    let host = wobble(dice, busy, 0.03).min(1.0);
    let wal = wobble(dice, rows.1 * 320.0, 0.08);
    let buffers = wobble(dice, second.checkpoints, 0.2);
    let log_bytes = wobble(dice, sum(|d| d.bytes.0) + 400.0, 0.1);
    let temp_bytes = wobble(dice, sum(|d| d.bytes.1), 0.1);
    let steal = (second.stolen / CORES * 0.5 + 0.004 * dice.unit()).min(1.0);
    let failures = dice.count(sum(|d| d.failures));
    let refused = dice.count(sum(|d| d.refused));
    let in_flight = dice
        .count(sum(|d| d.in_flight - d.stuck - d.blocked))
        .min(second.sessions);
    let stuck = sum(|d| d.stuck).round();
    let blocked = sum(|d| d.blocked).round();
    let active = (in_flight + stuck + blocked).min(second.sessions);
    let waiting = dice.count(0.1 * in_flight) + stuck + blocked;
    let queue = wobble(dice, second.cores_used + 1.5 * second.stolen, 0.2);
    let mut metrics: BTreeMap<MetricName, f64> = [
        ("commits_per_s", commits),
        ("writes_per_s", rows.1),
        ("reads_per_s", rows.0),
        ("rollbacks_per_s", failures),
        ("deadlocks_per_s", 0.0),
        ("log_errors_per_s", failures + refused),
        ("sessions_fatal_per_s", refused),
        ("active_sessions", active),
        ("sessions", second.sessions),
        ("waiting_sessions", waiting.min(active)),
        ("lock_waits", dice.count(0.02 * in_flight) + blocked),
        (
            "foreign_lock_waits",
            if second.kept { blocked } else { 0.0 },
        ),
        ("sync_rep_waits", stuck),
        (
            "connections_used",
            second.sessions / second.max_connections.max(1.0),
        ),
        ("temp_bytes_per_s", temp_bytes),
        ("blks_read_per_s", blocks),
        ("hit_ratio", 1.0 - (blocks / (rows.0 * 3.0 + 1.0)).min(1.0)),
        ("wal_bytes_per_s", wal),
        ("checkpoint_buffers_per_s", buffers),
        ("log_bytes_per_s", log_bytes),
        ("host_cpu_busy", host),
        ("host_steal", steal),
        ("host_run_queue", queue),
    ]
    .into_iter()
    .map(|(name, value)| (MetricName::from_static(name), value))
    .collect();
    // Nothing ended: there is no mean, which is not a mean of zero.
    if commits >= 1.0 {
        metrics.insert(MetricName::from_static("statement_mean_ms"), mean_ms);
    }
    metrics
}

fn wobble(dice: &mut Dice, value: f64, share: f64) -> f64 {
    value * (share * dice.normal()).exp()
}
