//! Rules as a person reads them: the values they speak of, and what to do.

use backstay_catalog::expr::{Comparison, Expr};
use backstay_catalog::units::Dimension;
use backstay_catalog::{Pack, Quantity, Slack, Violation};
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

/// A node in a rule: `work_mem`, `host.memory`.
pub(crate) fn named(node: &NodeKey) -> String {
    match node {
        NodeKey::Resource(fact) => format!("host.{fact}"),
        other => other.name().to_owned(),
    }
}

/// The settings that a constraint speaks of, its subject first.
pub(crate) fn settings(constraint: &Constraint) -> Vec<&SettingName> {
    let others = constraint.others.iter().filter_map(|n| match n {
        NodeKey::Setting(name) if *name != constraint.subject => Some(name),
        _ => None,
    });
    std::iter::once(&constraint.subject).chain(others).collect()
}

/// What to do about a rule that does not hold, where one setting alone can be named.
pub(crate) fn remedy(pack: &Pack, violation: &Violation<'_>) -> Option<String> {
    let rule = pack.rule(&violation.constraint.id)?;
    bound(rule, violation.slack.as_ref())
}

/// The same, always something: else the rule itself is what to do.
pub(crate) fn advice(pack: &Pack, violation: &Violation<'_>) -> String {
    let rule = violation.constraint.rule.as_deref().unwrap_or_default();
    remedy(pack, violation).unwrap_or_else(|| format!("make it hold: {rule}"))
}

/// `set work_mem to 40MB or less`, for a rule whose one side is a setting alone.
fn bound(rule: &Expr, slack: Option<&Slack>) -> Option<String> {
    let slack = slack?;
    let (op, left, right) = comparison(rule)?;
    let (name, limit, op) = match (left, right) {
        (Expr::Setting(name) | Expr::Effective(name), _) => (name, slack.bound, op),
        (_, Expr::Setting(name) | Expr::Effective(name)) => (name, slack.value, turned(op)),
        _ => return None,
    };
    let limit = measured(limit, slack.dimension?, op)?;
    Some(match op {
        Comparison::Less => format!("set {name} below {limit}"),
        Comparison::LessEqual => format!("set {name} to {limit} or less"),
        Comparison::Equal => format!("set {name} to {limit}"),
        Comparison::NotEqual => format!("set {name} to anything but {limit}"),
        Comparison::GreaterEqual => format!("set {name} to {limit} or more"),
        Comparison::Greater => format!("set {name} above {limit}"),
    })
}

fn comparison(rule: &Expr) -> Option<(Comparison, &Expr, &Expr)> {
    match rule {
        Expr::Compare(op, a, b) => Some((*op, a, b)),
        Expr::Implies(_, then) => comparison(then),
        _ => None,
    }
}

const fn turned(op: Comparison) -> Comparison {
    match op {
        Comparison::Less => Comparison::Greater,
        Comparison::LessEqual => Comparison::GreaterEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterEqual => Comparison::LessEqual,
        same => same,
    }
}

/// A number of a rule with a unit that a person would write, rounded to the safe side.
fn measured(number: f64, dimension: Dimension, op: Comparison) -> Option<String> {
    if !number.is_finite() || number.abs() > 1e18 {
        return None;
    }
    let to = match op {
        Comparison::Greater | Comparison::GreaterEqual => Rounding::Up,
        _ => Rounding::Down,
    };
    let whole = |x: f64| match to {
        Rounding::Up => x.ceil() as i128,
        Rounding::Down => x.floor() as i128,
    };
    Some(match dimension {
        Dimension::Bytes => bytes(whole(number), to),
        Dimension::Micros => Quantity::Micros(whole(number)).to_string(),
        Dimension::Plain if number.fract() == 0.0 => whole(number).to_string(),
        Dimension::Plain => format!("{number:.2}"),
    })
}

/// At least two digits of the largest unit that has them: `40MB`, not `41943041B`.
fn bytes(n: i128, to: Rounding) -> String {
    let unit = [1_i128 << 40, 1 << 30, 1 << 20, 1 << 10]
        .into_iter()
        .find(|unit| n >= 10 * unit)
        .unwrap_or(1);
    let rounded = match to {
        Rounding::Up => (n + unit - 1) / unit * unit,
        Rounding::Down => n / unit * unit,
    };
    Quantity::Bytes(rounded).to_string()
}

/// Which way a limit is rounded.
#[derive(Clone, Copy)]
enum Rounding {
    Up,
    Down,
}
