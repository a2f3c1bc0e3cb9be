//! Putting it together: risk before a change, and after a verdict.

use backstay_model::confidence::Confidence;
use backstay_model::risk::{FailureRate, Reach, Risk, Term};
use backstay_model::verdict::{Harm, Verdict, VerdictKind};

use crate::history::interval_given;
use crate::odds::{BAYES_FACTOR_MAX, bayes_factor, lift, logistic, logit};
use crate::severity;
use crate::threshold::Costs;

/// Weight of mechanisms (rules, physics) in the log-odds.
const MECHANISM_WEIGHT: f64 = 0.8;
/// Name of the term of a rule that blocks by itself.
const HARD: &str = "hard rule";
/// Probability of harm that a violated hard rule alone stands for.
const HARD_RULE: f64 = 0.98;
/// Mean severity of harm of which nothing more is known.
const UNKNOWN_SEVERITY: f64 = 0.4;

/// What is known of a change before it is judged.
#[derive(Clone, PartialEq, Debug)]
pub struct Outlook {
    /// Failure rate of similar changes.
    pub failure_rate: FailureRate,
    /// Mechanisms by which it would hurt: rules it violates, resources it exhausts.
    pub mechanisms: Vec<Mechanism>,
    /// What it reaches through the graph.
    pub reach: Vec<Reach>,
    /// Blast radius, 0..=1.
    pub blast: f64,
    /// What acting and waiting cost.
    pub costs: Costs,
}

/// A mechanism by which a change would hurt.
#[derive(Clone, PartialEq, Debug)]
pub struct Mechanism {
    /// One sentence for a person.
    pub reason: String,
    /// How probable trouble is by this mechanism, 0..=1.
    pub probability: f64,
    /// How bad it would be, 0..=1.
    pub severity: f64,
    /// Set for a rule that blocks by itself: the server would refuse, or not start.
    pub blocks: Option<String>,
}

/// Risk of a change before anything is known of its effect.
#[must_use]
pub fn before(outlook: &Outlook) -> Risk {
    let mut terms = Vec::new();
    let strongest = outlook
        .mechanisms
        .iter()
        .max_by(|a, b| a.probability.total_cmp(&b.probability));
    if let Some(mechanism) = strongest {
        // A rule that does not hold may leave the odds as they are; it never speaks for the change.
        let log_odds = (MECHANISM_WEIGHT * lift(mechanism.probability, 0.5)).max(0.0);
        terms.push(Term {
            name: "mechanism".into(),
            log_odds,
            reason: mechanism.reason.clone(),
        });
    }
    let blocked_by = outlook.mechanisms.iter().find_map(|m| m.blocks.clone());
    if let Some(rule) = &blocked_by {
        let p = probability(outlook.failure_rate.mean, &terms);
        terms.push(Term {
            name: HARD.into(),
            log_odds: logit(forced(p)) - logit(p),
            reason: rule.clone(),
        });
    }
    let rate = outlook.failure_rate;
    let severity = expected_severity(outlook);
    build(outlook, severity, terms, (rate.low, rate.high), blocked_by)
}

/// Risk after a verdict: the evidence multiplies the odds, and severity is what was measured. A
/// verdict that does not say "hurt" leaves the odds as they are. The evidence also tells which failure
/// rates are plausible, so the interval is the one of the rate given the evidence.
#[must_use]
pub fn after(outlook: &Outlook, verdict: &Verdict) -> Risk {
    let prior = before(outlook);
    let mut terms = prior.terms;
    let rate = outlook.failure_rate;
    let mut rates = (rate.low, rate.high);
    if let VerdictKind::Hurt { by } = &verdict.kind {
        let (factor, reason) = match by {
            Harm::ClassChange(trigger) => (
                BAYES_FACTOR_MAX,
                format!("{}, not seen before the change", trigger.words()),
            ),
            Harm::Statistical => {
                let p = verdict.p_value.unwrap_or(1.0);
                (
                    bayes_factor(p),
                    format!("chance of this without a change: {p:.4}"),
                )
            }
        };
        rates = interval_given(&rate, |rate| {
            let harmful = probability(rate, &terms);
            factor * harmful + 1.0 - harmful
        });
        terms.push(Term {
            name: "evidence".into(),
            log_odds: factor.ln(),
            reason,
        });
    }
    build(
        outlook,
        severity::measured(verdict),
        terms,
        rates,
        prior.blocked_by,
    )
}

/// `Σ p·s / Σ p` over mechanisms and the unknown rest, which weighs as the failure rate does.
fn expected_severity(outlook: &Outlook) -> f64 {
    let rest = outlook.failure_rate.mean;
    let weights: f64 = outlook
        .mechanisms
        .iter()
        .map(|m| m.probability)
        .sum::<f64>()
        + rest;
    let total: f64 = outlook
        .mechanisms
        .iter()
        .map(|m| m.probability * m.severity)
        .sum();
    (total + rest * UNKNOWN_SEVERITY) / weights.max(f64::MIN_POSITIVE)
}

/// The probability of harm of a change whose class fails at `rate`. A hard rule leaves the same doubt
/// whatever the rate; everything else moves the odds.
fn probability(rate: f64, terms: &[Term]) -> f64 {
    terms.iter().fold(rate, |p, term| {
        if term.name == HARD {
            forced(p)
        } else {
            logistic(logit(p) + term.log_odds)
        }
    })
}

/// The probability of harm beside a hard rule that alone would stand for [`HARD_RULE`].
fn forced(p: f64) -> f64 {
    1.0 - (1.0 - p) * (1.0 - HARD_RULE)
}

fn build(
    outlook: &Outlook,
    severity: f64,
    mut terms: Vec<Term>,
    (low, high): (f64, f64),
    blocked_by: Option<String>,
) -> Risk {
    let of = |rate: f64| probability(rate, &terms);
    let (least, likely, most) = (of(low), of(outlook.failure_rate.mean), of(high));
    let rate = outlook.failure_rate;
    let confidence = 0.4 + 0.6 * outlook.blast.clamp(0.0, 1.0);
    let score = |p: f64| 100.0 * severity * p * confidence;
    terms.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()));
    Risk {
        score: score(likely),
        interval: (score(least), score(most)),
        severity,
        probability: Confidence::clamped(likely),
        failure_rate: rate,
        confidence: Confidence::clamped(confidence),
        terms,
        reach: outlook.reach.clone(),
        blocked_by,
        act_above: outlook.costs.act_above(severity * confidence),
    }
}

#[cfg(test)]
mod tests;
