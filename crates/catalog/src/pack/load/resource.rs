//! What a setting is about, in one word.

use crate::pack::ResourceClass;

/// What a setting is about, from its name where that says it, else from the engine's grouping.
pub(super) fn resource(name: &str, category: &str) -> ResourceClass {
    let by_name: [(&[&str], ResourceClass); 5] = [
        (
            &["_timeout", "_interval", "_delay", "_naptime"],
            ResourceClass::Timeouts,
        ),
        (&["_workers", "_processes"], ResourceClass::Workers),
        (&["_work_mem", "_buffers"], ResourceClass::Memory),
        (&["_locks_per_transaction"], ResourceClass::Locks),
        (&["_connections"], ResourceClass::Connections),
    ];
    let by_category: [(&str, ResourceClass); 19] = [
        ("Autovacuum", ResourceClass::Vacuum),
        ("Vacuuming", ResourceClass::Vacuum),
        ("Resource Usage / Worker", ResourceClass::Workers),
        ("Resource Usage / Cost-Based", ResourceClass::Vacuum),
        ("Resource Usage / Memory", ResourceClass::Memory),
        ("Resource Usage", ResourceClass::Io),
        ("Write-Ahead Log / Arch", ResourceClass::Replication),
        ("Write-Ahead Log / Recovery", ResourceClass::Replication),
        ("Write-Ahead Log", ResourceClass::Wal),
        ("Replication", ResourceClass::Replication),
        ("Query Tuning", ResourceClass::Planner),
        ("Reporting and Logging", ResourceClass::Log),
        ("Lock Management", ResourceClass::Locks),
        (
            "Connections and Authentication / SSL",
            ResourceClass::Security,
        ),
        (
            "Connections and Authentication / Auth",
            ResourceClass::Security,
        ),
        ("Connections and Authentication", ResourceClass::Connections),
        ("Statistics", ResourceClass::Statistics),
        ("Client Connection Defaults", ResourceClass::Client),
        ("Version and Platform", ResourceClass::Client),
    ];
    let named = by_name
        .iter()
        .find(|(ends, _)| ends.iter().any(|end| name.ends_with(end)));
    let grouped = || {
        by_category
            .iter()
            .find(|(start, _)| category.starts_with(start))
    };
    named
        .map(|(_, class)| *class)
        .or_else(|| grouped().map(|(_, class)| *class))
        .unwrap_or(ResourceClass::Other)
}
