//! What is measured each second, and how.
//!
//! One prepared statement, one round trip, one row of numbers. Counters are differenced over the real
//! time between two samples; a counter that was reset, or a fact that cannot be read, makes its metric
//! absent, never zero. Backstay's own sessions are not counted as load.

use std::collections::BTreeMap;

use backstay_model::metric::MetricSpec;
use backstay_model::{MetricName, Span, Timestamp};
use tokio_postgres::Row;

use crate::log::tail::LogCounts;
use crate::observer::link::Facts;
use crate::observer::services::at_work_sql;

pub mod host;

#[cfg(test)]
mod tests;

/// Two samples farther apart than this are not differenced: the mean over so long a time says nothing
/// about a second.
const GAP_MAX: Span = Span::from_secs(30);

/// Every metric that this engine can measure, and how to judge each.
#[must_use]
pub fn specs() -> Vec<MetricSpec> {
    backstay_engine::metric::postgresql()
}

/// Columns of the statement, in order.
const COLUMNS: [&str; 23] = [
    "commits",
    "rollbacks",
    "reads",
    "writes",
    "blks_read",
    "blks_hit",
    "temp_bytes",
    "deadlocks",
    "sessions_fatal",
    "databases_reset",
    "sessions",
    "active",
    "waiting",
    "lock_waits",
    "long_lock_waits",
    "sync_rep_waits",
    "connections_used",
    "wal_bytes",
    "wal_reset",
    "checkpoint_buffers",
    "checkpoint_reset",
    "exec_ms",
    "calls",
];

/// The column behind the numbers: the applications at work.
pub(crate) const AT_WORK: usize = COLUMNS.len();

/// The statement that measures everything this server has and this role may see. One row: the numbers,
/// and who is at work.
pub(crate) fn sql(facts: &Facts) -> String {
    let fatal = if facts.sessions_fatal {
        "sum(sessions_fatal)"
    } else {
        "NULL"
    };
    let own = "application_name LIKE 'backstay/%'";
    // Without the right the columns are null, and "nobody is active" would be a lie.
    let activity = |condition: &str| match facts.all_stats {
        true => format!("count(*) FILTER (WHERE NOT {own} AND {condition})"),
        false => "NULL".to_owned(),
    };
    let (active, waiting) = (
        activity("state = 'active'"),
        activity("state = 'active' AND wait_event IS NOT NULL AND wait_event_type <> 'Client'"),
    );
    let lock = activity("state = 'active' AND wait_event_type = 'Lock'");
    // Backstay's own probe among them: when only it waits, that is asked about too.
    let long = match facts.all_stats {
        true => {
            "count(*) FILTER (WHERE state = 'active' AND wait_event_type = 'Lock' \
             AND query_start < clock_timestamp() - interval '1 second')"
        }
        false => "NULL",
    };
    let sync = activity("wait_event = 'SyncRep'");
    let all = activity("true");
    let wal = if facts.wal {
        "SELECT wal_bytes, extract(epoch FROM stats_reset) FROM pg_stat_wal"
    } else {
        "SELECT NULL, NULL"
    };
    let checkpoint = if facts.checkpointer {
        "SELECT buffers_written, extract(epoch FROM stats_reset) FROM pg_stat_checkpointer"
    } else {
        "SELECT buffers_checkpoint, extract(epoch FROM stats_reset) FROM pg_stat_bgwriter"
    };
    let statements = match &facts.statements {
        Some(function) => format!(
            "SELECT sum(total_exec_time), sum(calls) FROM {function} \
             WHERE userid <> (SELECT oid FROM pg_roles WHERE rolname = current_user)"
        ),
        None => "SELECT NULL, NULL".to_owned(),
    };
    let columns: Vec<String> = COLUMNS.iter().map(|c| format!("{c}::float8")).collect();
    format!(
        "SELECT {columns}, {at_work} FROM \
         (SELECT sum(xact_commit), sum(xact_rollback), sum(tup_returned + tup_fetched), \
            sum(tup_inserted + tup_updated + tup_deleted), sum(blks_read), sum(blks_hit), \
            sum(temp_bytes), sum(deadlocks), {fatal}, max(extract(epoch FROM stats_reset)) \
            FROM pg_stat_database WHERE datname NOT IN ('template0', 'template1')) \
            d(commits, rollbacks, reads, writes, blks_read, blks_hit, temp_bytes, deadlocks, \
            sessions_fatal, databases_reset), \
         (SELECT {all}, {active}, {waiting}, {lock}, {long}, {sync}, \
            count(*)::float8 / current_setting('max_connections')::float8 \
            FROM pg_stat_get_activity(NULL) WHERE backend_type = 'client backend') \
            a(sessions, active, waiting, lock_waits, long_lock_waits, sync_rep_waits, connections_used), \
         ({wal}) w(wal_bytes, wal_reset), ({checkpoint}) c(checkpoint_buffers, checkpoint_reset), \
         ({statements}) s(exec_ms, calls)",
        columns = columns.join(", "),
        at_work = at_work_sql(),
    )
}

/// What the server counts, at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Counts {
    /// When it was read.
    pub(crate) at: Timestamp,
    values: BTreeMap<&'static str, f64>,
}

impl Counts {
    /// The columns of the statement's one row.
    pub(crate) fn of(row: &Row, at: Timestamp) -> Self {
        let value = |(index, name): (usize, &&'static str)| {
            let value: Option<f64> = row.get(index);
            value.filter(|v| v.is_finite()).map(|v| (*name, v))
        };
        Self {
            at,
            values: COLUMNS.iter().enumerate().filter_map(value).collect(),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }
}

/// The metrics of the stretch from `before` to `now`; without `before` only those that need no
/// difference.
pub(crate) fn metrics(now: &Counts, before: Option<&Counts>) -> BTreeMap<MetricName, f64> {
    let mut found = BTreeMap::new();
    for (metric, column) in [
        ("active_sessions", "active"),
        ("sessions", "sessions"),
        ("waiting_sessions", "waiting"),
        ("lock_waits", "lock_waits"),
        ("sync_rep_waits", "sync_rep_waits"),
        ("connections_used", "connections_used"),
    ] {
        put(&mut found, metric, now.get(column));
    }
    let Some(delta) = before.and_then(|before| Delta::between(before, now)) else {
        return found;
    };
    for (metric, column, reset) in [
        ("commits_per_s", "commits", "databases_reset"),
        ("rollbacks_per_s", "rollbacks", "databases_reset"),
        ("reads_per_s", "reads", "databases_reset"),
        ("writes_per_s", "writes", "databases_reset"),
        ("blks_read_per_s", "blks_read", "databases_reset"),
        ("temp_bytes_per_s", "temp_bytes", "databases_reset"),
        ("deadlocks_per_s", "deadlocks", "databases_reset"),
        ("sessions_fatal_per_s", "sessions_fatal", "databases_reset"),
        ("wal_bytes_per_s", "wal_bytes", "wal_reset"),
        (
            "checkpoint_buffers_per_s",
            "checkpoint_buffers",
            "checkpoint_reset",
        ),
    ] {
        put(
            &mut found,
            metric,
            delta.of(column, reset).map(|d| d / delta.seconds),
        );
    }
    let share = |part: Option<f64>, rest: Option<f64>| {
        let (part, rest) = (part?, rest?);
        (part + rest > 0.0).then(|| part / (part + rest))
    };
    let hits = delta.of("blks_hit", "databases_reset");
    put(
        &mut found,
        "hit_ratio",
        share(hits, delta.of("blks_read", "databases_reset")),
    );
    // No statement ended: there is no mean. (In a hang none ends either; the sessions tell that.)
    let mean = match (delta.of("exec_ms", "-"), delta.of("calls", "-")) {
        (Some(ms), Some(calls)) if calls >= 1.0 => Some(ms / calls),
        _ => None,
    };
    put(&mut found, "statement_mean_ms", mean);
    found
}

/// The log's part of a sample.
pub(crate) fn of_log(counts: LogCounts, over: Span) -> BTreeMap<MetricName, f64> {
    let mut found = BTreeMap::new();
    let seconds = over.as_secs_f64();
    if seconds > 0.0 && over <= GAP_MAX {
        put(
            &mut found,
            "log_errors_per_s",
            Some(counts.errors as f64 / seconds),
        );
        put(
            &mut found,
            "log_bytes_per_s",
            Some(counts.bytes as f64 / seconds),
        );
    }
    found
}

/// Sessions behind locks that are kept for reasons of their own, as the part of a sample it is.
pub(crate) fn of_queue(count: f64) -> (MetricName, f64) {
    (MetricName::from_static("foreign_lock_waits"), count)
}

fn put(found: &mut BTreeMap<MetricName, f64>, name: &'static str, value: Option<f64>) {
    if let Some(value) = value.filter(|v| v.is_finite()) {
        found.insert(MetricName::from_static(name), value);
    }
}

/// The difference of two counts.
struct Delta<'a> {
    before: &'a Counts,
    now: &'a Counts,
    seconds: f64,
}

impl<'a> Delta<'a> {
    fn between(before: &'a Counts, now: &'a Counts) -> Option<Self> {
        let over = now.at.since(before.at);
        let usable = over > Span::ZERO && over <= GAP_MAX;
        usable.then(|| Self {
            before,
            now,
            seconds: over.as_secs_f64(),
        })
    }

    /// By how much `column` grew; `None` when it was reset (its mark moved) or went back.
    fn of(&self, column: &str, reset: &str) -> Option<f64> {
        let grown = self.now.get(column)? - self.before.get(column)?;
        let same = self.now.get(reset) == self.before.get(reset);
        (same && grown >= 0.0).then_some(grown)
    }
}
