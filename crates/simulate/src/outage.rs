//! Rules whose breach stops the work of clients. The score averages over everything that may happen to
//! changes like this one; what certainly will must not disappear in it.

use backstay_catalog::check::Violation;

/// The rules by their ids: broken, clients fail or wait at once, or as soon as they come back.
const OUTAGES: [&str; 8] = [
    "pg.bouncer.connections",
    "pg.connections.some",
    "pg.statistics.read_only",
    "pg.timeout.idle_session_tiny",
    "pg.timeout.idle_tiny",
    "pg.timeout.lock_tiny",
    "pg.timeout.statement_tiny",
    "pg.wal.sync_names_senders",
];

/// What the breach of a rule does to clients, when that is an outage.
pub(crate) fn outage(violation: &Violation<'_>) -> Option<String> {
    let rule = violation.constraint;
    OUTAGES
        .contains(&rule.id.as_str())
        .then(|| format!("{}: {}", rule.subject, rule.note))
}

#[cfg(test)]
mod tests {
    use backstay_catalog::pack;
    use backstay_model::name::EngineKind;

    use super::*;

    #[test]
    fn every_outage_is_a_rule_of_the_packs() {
        let pack = pack(EngineKind::Postgresql, 18).unwrap().pack;
        for id in OUTAGES {
            assert!(pack.constraints.iter().any(|c| c.id == id), "{id}");
        }
    }
}
