//! The metrics of each engine: what is measured each second, and how it is judged.

use backstay_model::MetricName;
use backstay_model::metric::{MetricRole, MetricSpec, Worse};

/// Name, role, which way is worse, floor, help.
type Line = (&'static str, MetricRole, Worse, f64, &'static str);

/// Every metric of PostgreSQL. Floors: half a millisecond on a probe is noise of the network, one
/// error in ten seconds is nobody's incident.
#[rustfmt::skip]
const POSTGRESQL: [Line; 28] = [
    ("commits_per_s", MetricRole::Throughput, Worse::Down, 5.0, "Transactions committed per second, in application databases"),
    ("writes_per_s", MetricRole::Throughput, Worse::Down, 5.0, "Rows inserted, updated and deleted per second"),
    ("reads_per_s", MetricRole::Throughput, Worse::Down, 100.0, "Rows returned and fetched per second"),
    ("statement_mean_ms", MetricRole::Latency, Worse::Up, 0.2, "Mean time of statements that ended in this second (pg_stat_statements)"),
    ("probe_connect_ms", MetricRole::Latency, Worse::Up, 5.0, "Time a new client takes to connect and log in"),
    ("probe_read_ms", MetricRole::Latency, Worse::Up, 2.0, "Time a new client takes to read one row"),
    ("probe_write_ms", MetricRole::Latency, Worse::Up, 5.0, "Time a new client takes to update one row"),
    ("rollbacks_per_s", MetricRole::Errors, Worse::Up, 0.5, "Transactions rolled back per second"),
    ("deadlocks_per_s", MetricRole::Errors, Worse::Up, 0.1, "Deadlocks per second"),
    ("log_errors_per_s", MetricRole::Errors, Worse::Up, 0.5, "Entries of severity ERROR and worse in the server's log per second"),
    ("sessions_fatal_per_s", MetricRole::Errors, Worse::Up, 0.1, "Sessions that ended by a fatal error, per second"),
    ("active_sessions", MetricRole::Demand, Worse::Up, 1.0, "Sessions that run a statement"),
    ("sessions", MetricRole::Other, Worse::Both, 5.0, "Client sessions"),
    ("waiting_sessions", MetricRole::Saturation, Worse::Up, 1.0, "Active sessions that wait for something inside the server"),
    ("lock_waits", MetricRole::Saturation, Worse::Up, 1.0, "Active sessions that wait for a lock"),
    ("foreign_lock_waits", MetricRole::Saturation, Worse::Up, 1.0, "Sessions that wait for a lock which a session keeps that is idle in its transaction, or that runs LOCK, DDL or maintenance"),
    ("sync_rep_waits", MetricRole::Saturation, Worse::Up, 1.0, "Sessions that wait for a synchronous standby"),
    ("connections_used", MetricRole::Saturation, Worse::Up, 0.05, "Share of max_connections in use"),
    ("temp_bytes_per_s", MetricRole::Saturation, Worse::Up, 1_048_576.0, "Bytes written to temporary files per second"),
    ("blks_read_per_s", MetricRole::Saturation, Worse::Up, 100.0, "Blocks read from outside the buffer cache per second"),
    ("hit_ratio", MetricRole::Saturation, Worse::Down, 0.02, "Share of block requests that the buffer cache served"),
    ("wal_bytes_per_s", MetricRole::Saturation, Worse::Up, 1_048_576.0, "Bytes of write-ahead log per second"),
    ("checkpoint_buffers_per_s", MetricRole::Saturation, Worse::Up, 100.0, "Buffers written by checkpoints per second"),
    ("log_bytes_per_s", MetricRole::Saturation, Worse::Up, 65_536.0, "Bytes by which the server's log grows per second"),
    ("host_cpu_busy", MetricRole::Host, Worse::Up, 0.1, "Share of the host's processor time in use"),
    ("host_cpu_others", MetricRole::Host, Worse::Up, 0.15, "Share of the host's processor time in use by others than the database"),
    ("host_steal", MetricRole::Host, Worse::Up, 0.05, "Share of processor time that the hypervisor gave to others"),
    ("host_run_queue", MetricRole::Host, Worse::Up, 1.0, "Processes that run or wait for a processor"),
];

/// Every metric of a PostgreSQL and its host, and how to judge each.
#[must_use]
pub fn postgresql() -> Vec<MetricSpec> {
    let spec = |(name, role, worse, floor, help): Line| MetricSpec {
        name: MetricName::from_static(name),
        role,
        worse,
        floor,
        help,
    };
    POSTGRESQL.map(spec).to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use backstay_catalog::pack;
    use backstay_model::name::EngineKind;

    #[test]
    fn every_metric_has_a_name_of_its_own_a_floor_and_help() {
        let specs = postgresql();
        let names: BTreeSet<_> = specs.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names.len(), specs.len());
        assert!(specs.iter().all(|s| s.floor > 0.0 && s.help.len() > 10));
    }

    #[test]
    fn what_the_packs_say_moves_is_measured() {
        let names: BTreeSet<_> = postgresql().into_iter().map(|s| s.name).collect();
        for major in 14..=18 {
            let pack = pack(EngineKind::Postgresql, major).unwrap().pack;
            for effect in &pack.effects {
                assert!(names.contains(&effect.metric), "{}", effect.metric);
            }
        }
    }
}
