//! What a column most likely is, by its name: a guess that is always said, and only made where nobody
//! said anything.

use backstay_model::metric::MetricRole;

/// Words that say a role, the most telling first: `slow_queries` are errors before they are queries.
const WORDS: [(MetricRole, &[&str]); 6] = [
    (
        MetricRole::Errors,
        &[
            "error",
            "errors",
            "err",
            "fail",
            "failed",
            "failures",
            "rollback",
            "rollbacks",
            "aborted",
            "aborts",
            "deadlock",
            "deadlocks",
            "timeout",
            "timeouts",
            "refused",
        ],
    ),
    (
        MetricRole::Latency,
        &[
            "latency", "lat", "duration", "elapsed", "rt", "response", "p50", "p90", "p95", "p99",
            "rtt",
        ],
    ),
    (
        MetricRole::Demand,
        &[
            "active",
            "running",
            "sessions",
            "connections",
            "clients",
            "offered",
            "arrivals",
            "started",
            "attempted",
            "queued",
            "waiting",
            "backlog",
            "inflight",
        ],
    ),
    (MetricRole::Host, &["steal", "load1", "pressure", "iowait"]),
    (
        MetricRole::Saturation,
        &[
            "cpu",
            "mem",
            "memory",
            "disk",
            "io",
            "buffer",
            "buffers",
            "cache",
            "wal",
            "temp",
            "locks",
            "lock",
            "checkpoint",
            "hit",
            "read",
            "reads",
            "written",
            "blks",
            "tup",
        ],
    ),
    (
        MetricRole::Throughput,
        &[
            "tps",
            "qps",
            "commit",
            "commits",
            "throughput",
            "transactions",
            "queries",
            "requests",
            "ops",
            "completed",
        ],
    ),
];

/// The role that a name says: by its words, split at anything that is no letter or digit and at
/// changes from small to capital letters. `None` when none of them is known.
#[must_use]
pub fn role_of_name(name: &str) -> Option<MetricRole> {
    let words = words(name);
    let says = |known: &[&str]| words.iter().any(|w| known.contains(&w.as_str()));
    let found = WORDS.iter().find(|(_, known)| says(known));
    found.map(|(role, _)| *role)
}

/// The words of a name in small letters.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for letter in name.chars() {
        let breaks = !letter.is_alphanumeric() || (small && letter.is_uppercase());
        if breaks {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        small = letter.is_lowercase() || letter.is_numeric();
    }
    words.retain(|w| !w.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_roles_and_silence_says_none() {
        use MetricRole::{Demand, Errors, Host, Latency, Saturation, Throughput};
        for (name, role) in [
            ("commits_per_s", Some(Throughput)),
            ("TPS", Some(Throughput)),
            ("xactCommit", Some(Throughput)),
            ("mean_latency_ms", Some(Latency)),
            ("p95", Some(Latency)),
            ("failed queries", Some(Errors)),
            ("rollbacks", Some(Errors)),
            ("active_sessions", Some(Demand)),
            ("requests_started", Some(Demand)),
            ("cpu.user", Some(Saturation)),
            ("host_steal", Some(Host)),
            ("value", None),
            ("", None),
            ("platform", None),
        ] {
            assert_eq!(role_of_name(name), role, "{name}");
        }
    }
}
