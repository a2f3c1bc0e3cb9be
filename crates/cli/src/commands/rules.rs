//! Rules as a person reads them: the values they speak of, and what to do.

use backstay_catalog::expr::written;
use backstay_catalog::{Quantity, Violation};
use backstay_model::{Constraint, NodeKey, SettingName, Severity};

/// What happens when a rule of this severity does not hold.
pub(crate) const fn consequence(severity: Severity) -> &'static str {
    match severity {
        Severity::Reject => "the server refuses it, now or at its next start",
        Severity::Silent => "accepted without a word, and wrong",
        Severity::Warn => "the server logs a warning",
        Severity::Clamp => "the server adjusts the value",
        Severity::Advice => "only a recommendation",
    }
}

/// `max_wal_senders = 10, wal_level = minimal`.
pub(crate) fn values(violation: &Violation<'_>) -> String {
    let one = |(node, value): (&NodeKey, &Quantity)| format!("{} = {}", named(node), shown(value));
    let all: Vec<String> = violation.values.iter().map(one).collect();
    all.join(", ")
}

/// A value as it would be written: an empty text shows as `''`.
pub(crate) fn shown(value: &Quantity) -> String {
    let text = value.to_string();
    if text.is_empty() {
        "''".to_owned()
    } else {
        text
    }
}

/// A node in a rule: `work_mem`, `host.memory`, `primary.wal_level`.
pub(crate) fn named(node: &NodeKey) -> String {
    written(node)
}

/// The settings that a constraint speaks of, its subject first.
pub(crate) fn settings(constraint: &Constraint) -> Vec<&SettingName> {
    let others = constraint.others.iter().filter_map(|n| match n {
        NodeKey::Setting(name) if *name != constraint.subject => Some(name),
        _ => None,
    });
    std::iter::once(&constraint.subject).chain(others).collect()
}

/// What to do about a rule that does not hold, where the change of one setting is enough.
pub(crate) fn remedy(violation: &Violation<'_>) -> Option<String> {
    let remedies = &violation.remedies;
    (!remedies.is_empty()).then(|| remedies.join(", or "))
}

/// The same, always something: else the rule itself is what to do.
pub(crate) fn advice(violation: &Violation<'_>) -> String {
    let rule = violation.constraint.rule.as_deref().unwrap_or_default();
    remedy(violation).unwrap_or_else(|| format!("make it hold: {rule}"))
}
