//! Evaluates the rules of a pack on a configuration.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::decision::SettingClass;
use backstay_model::{Confidence, Constraint, NodeKey, SettingName, Severity};

use crate::class::{Secrecy, secret};
use crate::expr::{self, Closeness, Environment, Expr, Slack, Tri};
use crate::pack::Pack;
use crate::units::Quantity;

mod remedy;

/// What the rules of a pack say about a configuration.
#[derive(Clone, PartialEq, Debug)]
pub struct CheckReport<'p> {
    /// Rules that do not hold: worst first.
    pub violations: Vec<Violation<'p>>,
    /// Rules that hold, but barely, over settings that somebody set: nearest first.
    pub near: Vec<Violation<'p>>,
    /// Rules that cannot be judged: never to be taken for "fine".
    pub unknown: Vec<Unanswered<'p>>,
}

/// A rule that does not hold, or barely holds.
#[derive(Clone, PartialEq, Debug)]
pub struct Violation<'p> {
    /// The rule.
    pub constraint: &'p Constraint,
    /// The values of what it speaks of, secrets covered.
    pub values: BTreeMap<NodeKey, Quantity>,
    /// How far it is violated, where that is a number.
    pub slack: Option<Slack>,
    /// What happens; only a recommendation where the rule rests on a fact that is assumed.
    pub severity: Severity,
    /// How sure we are of the rule.
    pub confidence: Confidence,
    /// What to do: the reviewed advice, else changes of one setting each that make the rule hold, the
    /// best first; empty for a rule that barely holds, or that no single change repairs.
    pub remedies: Vec<String>,
}

/// A rule that cannot be judged.
#[derive(Clone, PartialEq, Debug)]
pub struct Unanswered<'p> {
    /// The rule.
    pub constraint: &'p Constraint,
    /// What is not known; empty when its values are known but cannot be put together.
    pub missing: Vec<NodeKey>,
}

/// Evaluates every rule of `pack` on `env`.
#[must_use]
pub fn check<'p>(pack: &'p Pack, env: &dyn Environment) -> CheckReport<'p> {
    judge(pack, env, None)
}

/// Evaluates the rules that speak of at least one of `touched`.
#[must_use]
pub fn check_touched<'p>(
    pack: &'p Pack,
    env: &dyn Environment,
    touched: &BTreeSet<SettingName>,
) -> CheckReport<'p> {
    judge(pack, env, Some(touched))
}

fn judge<'p>(
    pack: &'p Pack,
    env: &dyn Environment,
    touched: Option<&BTreeSet<SettingName>>,
) -> CheckReport<'p> {
    let mut report = CheckReport {
        violations: Vec::new(),
        near: Vec::new(),
        unknown: Vec::new(),
    };
    for constraint in &pack.constraints {
        let Some(rule) = pack.rule(&constraint.id) else {
            continue;
        };
        if !env.joined(constraint.reach) {
            continue;
        }
        let settings = rule.settings();
        if touched.is_some_and(|touched| settings.is_disjoint(touched)) {
            continue;
        }
        let vars = expr::vars(rule);
        let slack = expr::slack(rule, env);
        let assumed = |node: &NodeKey| matches!(node, NodeKey::Resource(fact) if env.assumed(fact));
        let seen = || Violation {
            constraint,
            values: vars
                .iter()
                .filter_map(|v| value(v, env).map(|q| (v.clone(), q)))
                .collect(),
            slack,
            severity: if vars.iter().any(assumed) {
                Severity::Advice
            } else {
                constraint.severity
            },
            confidence: constraint.confidence,
            remedies: Vec::new(),
        };
        match expr::eval(rule, env) {
            Tri::False => report.violations.push(Violation {
                remedies: match pack.remedy(&constraint.id) {
                    Some(reviewed) => vec![reviewed.clone()],
                    None => remedy::remedies(pack, constraint, rule, env),
                },
                ..seen()
            }),
            Tri::Unknown => {
                let missing = vars
                    .iter()
                    .filter(|v| value(v, env).is_none())
                    .cloned()
                    .collect();
                report.unknown.push(Unanswered {
                    constraint,
                    missing,
                });
            }
            Tri::True => {
                let near = slack.is_some_and(|s| s.closeness == Closeness::Near)
                    && pack.near_matters(&constraint.id);
                if near && settings.iter().any(|name| env.set(name) == Some(true)) {
                    report.near.push(seen());
                }
            }
        }
    }
    report.violations.sort_by(|a, b| worse(pack, a, b));
    report.near.sort_by(|a, b| worse(pack, a, b));
    report
}

/// Severe ones first; among them those that put data at risk, then the further violated, then by id.
fn worse(pack: &Pack, a: &Violation<'_>, b: &Violation<'_>) -> std::cmp::Ordering {
    let risky =
        |v: &Violation<'_>| pack.class_of(&v.constraint.subject) == SettingClass::Durability;
    let margin = |v: &Violation<'_>| v.slack.map_or(0.0, |s| s.margin);
    let further = margin(a).total_cmp(&margin(b));
    b.severity
        .cmp(&a.severity)
        .then_with(|| risky(b).cmp(&risky(a)))
        .then(further)
        .then_with(|| a.constraint.id.cmp(&b.constraint.id))
}

fn value(node: &NodeKey, env: &dyn Environment) -> Option<Quantity> {
    match node {
        NodeKey::Setting(name) => {
            let found = env.setting(name)?;
            let covered = secret(name) == Secrecy::Secret && found != Quantity::Text(String::new());
            Some(if covered {
                Quantity::Text("(secret)".to_owned())
            } else {
                found
            })
        }
        NodeKey::Resource(fact) => match expr::elsewhere(fact) {
            Some(Expr::Primary(name)) => env.primary(&name),
            Some(Expr::Pooler(name)) => env.pooler(&name),
            _ => env.host(fact),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
