//! How far a rule is from being violated, or how far beyond.

use crate::expr::eval::{Environment, Tri, Worth, common, eval, worth};
use crate::expr::{Comparison, Expr};
use crate::units::Dimension;

/// A rule that holds is near its end when less than this share of the larger side is left.
pub const NEAR: f64 = 0.2;

/// How far the two sides of a comparison are apart.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Slack {
    /// The left side, in bytes, microseconds or as it is.
    pub value: f64,
    /// The right side.
    pub bound: f64,
    /// What both measure; `None` when only special values are compared.
    pub dimension: Option<Dimension>,
    /// What is left before the rule is violated, as a share of the larger side: `0..=1` while it
    /// holds, negative when it is violated; infinite against no limit.
    pub margin: f64,
    /// The same as a word.
    pub closeness: Closeness,
}

/// How near a rule is to being violated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Closeness {
    /// It is violated.
    Violated,
    /// It holds, but less than [`NEAR`] is left.
    Near,
    /// It holds.
    Far,
}

/// How far the rule is from being violated; `None` when it is no comparison of numbers, does not apply
/// (`p => q` while p does not hold), or is not known.
#[must_use]
pub fn slack(expr: &Expr, env: &dyn Environment) -> Option<Slack> {
    match expr {
        // "At most one" is never near: one is what is wanted.
        Expr::Compare(_, a, b) if [a, b].iter().any(|e| matches!(***e, Expr::CountSet(_))) => None,
        Expr::Compare(op, a, b) => of_comparison(*op, &worth(a, env)?, &worth(b, env)?),
        Expr::Implies(a, b) if eval(a, env) == Tri::True => slack(b, env),
        Expr::And(all) => all
            .iter()
            .filter_map(|e| slack(e, env))
            .min_by(|a, b| a.margin.total_cmp(&b.margin)),
        Expr::Or(all) if eval(expr, env) == Tri::False => all
            .iter()
            .filter_map(|e| slack(e, env))
            .max_by(|a, b| a.margin.total_cmp(&b.margin)),
        _ => None,
    }
}

fn of_comparison(op: Comparison, a: &Worth, b: &Worth) -> Option<Slack> {
    let (Worth::Number(a, da), Worth::Number(b, db)) = (a, b) else {
        return None;
    };
    let dimension = common(*da, *db)?;
    let holds = op.fits(a.compare(*b)?);
    let (value, bound) = (a.as_f64(), b.as_f64());
    let larger = value.abs().max(bound.abs());
    let apart = |distance: f64| {
        if larger == 0.0 {
            0.0
        } else {
            distance / larger
        }
    };
    let margin = match op {
        Comparison::Less | Comparison::LessEqual if bound.is_infinite() => bound - value.min(0.0),
        Comparison::Less | Comparison::LessEqual => apart(bound - value),
        Comparison::Greater | Comparison::GreaterEqual if value.is_infinite() => value,
        Comparison::Greater | Comparison::GreaterEqual => apart(value - bound),
        Comparison::Equal | Comparison::NotEqual if holds => return None,
        Comparison::Equal | Comparison::NotEqual => -apart((value - bound).abs()),
    };
    let margin = if holds {
        margin.max(0.0)
    } else {
        margin.min(0.0)
    };
    let closeness = match () {
        () if !holds => Closeness::Violated,
        () if margin <= NEAR => Closeness::Near,
        () => Closeness::Far,
    };
    Some(Slack {
        value,
        bound,
        dimension,
        margin,
        closeness,
    })
}
