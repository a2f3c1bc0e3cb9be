use super::*;
use crate::history::{Direction, Outcome, PastChange, Query};
use backstay_model::name::EngineKind;
use backstay_model::verdict::{Calibration, Trigger};
use backstay_model::{SettingName, Timestamp};
use proptest::prelude::*;

fn outlook(rate: f64, mechanisms: Vec<Mechanism>, blast: f64) -> Outlook {
    Outlook {
        failure_rate: FailureRate {
            mean: rate,
            low: rate / 2.0,
            high: (rate * 2.0).min(0.99),
            samples: 0.0,
            weight: 10.0,
        },
        mechanisms,
        reach: vec![],
        blast,
        costs: Costs::RELOAD,
    }
}

fn query() -> Query {
    Query {
        engine: EngineKind::Postgresql,
        category: "memory".into(),
        setting: SettingName::new("work_mem"),
        direction: Direction::Up(1.0),
        at: Timestamp::from_secs(0),
    }
}

fn history(harms: usize, fines: usize) -> Vec<PastChange> {
    let case = |i: usize| PastChange {
        engine: EngineKind::Postgresql,
        category: "memory".into(),
        setting: SettingName::new("work_mem"),
        direction: Direction::Up(1.0),
        at: Timestamp::from_secs(0),
        outcome: if i < harms {
            Outcome::Harm
        } else {
            Outcome::Fine
        },
    };
    (0..harms + fines).map(case).collect()
}

fn mechanism(probability: f64, severity: f64) -> Mechanism {
    Mechanism {
        reason: "memory".into(),
        probability,
        severity,
        blocks: None,
    }
}

fn hang() -> Verdict {
    Verdict {
        kind: VerdictKind::Hurt {
            by: Harm::ClassChange(Trigger::Hang),
        },
        at: Timestamp::from_secs(1),
        p_value: None,
        score: 10.0,
        alarm_at: None,
        findings: vec![],
        refusals: vec![],
        calibration: Calibration::None,
    }
}

/// Section 7 of risk-and-simulation.md without its model term: history .165 and physics .70.
#[test]
fn worked_example() {
    let risk = before(&outlook(0.165, vec![mechanism(0.70, 0.9)], 0.67));
    let log_odds = logit(0.165) + 0.8 * logit(0.70);
    assert!((risk.probability.get() - logistic(log_odds)).abs() < 1e-9);
    assert!((risk.confidence.get() - (0.4 + 0.6 * 0.67)).abs() < 1e-9);
}

#[test]
fn a_hard_rule_blocks_whatever_the_history_says() {
    let mut rule = mechanism(0.5, 1.0);
    rule.blocks = Some("the server would not start".into());
    let risk = before(&outlook(0.001, vec![rule], 0.0));
    assert_eq!(
        risk.blocked_by.as_deref(),
        Some("the server would not start")
    );
    assert!(risk.probability.get() >= 0.98);
    // Nor does the history widen what a rule is sure of.
    let sure = 100.0 * risk.severity * 0.98 * risk.confidence.get();
    assert!(risk.interval.0 >= sure - 1e-9, "{:?}", risk.interval);
}

#[test]
fn a_hang_makes_acting_pay_even_without_history() {
    let risk = after(&outlook(0.05, vec![], 0.5), &hang());
    assert!(risk.probability.get() > risk.act_above, "{risk:?}");
}

/// A reader took "88 (6–92)" for nonsense: the lower end was that of a rate which the hang itself
/// makes implausible.
#[test]
fn evidence_narrows_the_interval_from_below() {
    let rate = crate::failure_rate(&[], &query());
    let unread = Outlook {
        failure_rate: rate,
        ..outlook(rate.mean, vec![], 1.0)
    };
    let risk = after(&unread, &hang());
    let blind = 100.0 * logistic(logit(rate.low) + 100_f64.ln());
    assert!(risk.interval.0 > 4.0 * blind, "{:?} {blind}", risk.interval);
    assert!(risk.interval.0 < risk.score && risk.score < risk.interval.1);
}

proptest! {
    /// The score lies in its interval, whatever is known and whatever was seen.
    #[test]
    fn the_score_lies_in_its_interval(harms in 0usize..20, fines in 0usize..40, p in 0.01..0.99_f64) {
        let rate = crate::failure_rate(&history(harms, fines), &query());
        let outlook = Outlook { failure_rate: rate, ..outlook(rate.mean, vec![mechanism(p, 0.6)], 0.5) };
        for risk in [before(&outlook), after(&outlook, &hang())] {
            prop_assert!(risk.interval.0 <= risk.score && risk.score <= risk.interval.1, "{risk:?}");
        }
    }
}

proptest! {
    /// RK-2: the factors that are shown multiply to the score.
    #[test]
    fn factors_multiply_to_the_score(rate in 0.001..0.9_f64, p in 0.01..0.99_f64, s in 0.0..1.0_f64, b in 0.0..1.0_f64) {
        for risk in [before(&outlook(rate, vec![mechanism(p, s)], b)), after(&outlook(rate, vec![mechanism(p, s)], b), &hang())] {
            let product = 100.0 * risk.severity * risk.probability.get() * risk.confidence.get();
            prop_assert!((risk.score - product).abs() < 1e-9);
            prop_assert!((0.0..=100.0).contains(&risk.score));
            let shown: f64 = risk.terms.iter().map(|t| t.log_odds).sum();
            prop_assert!((logit(risk.failure_rate.mean) + shown - logit(risk.probability.get())).abs() < 1e-6);
        }
    }

    /// RK-1: more of any factor never lowers the score.
    #[test]
    fn monotone(rate in 0.001..0.5_f64, p in 0.01..0.9_f64, b in 0.0..0.9_f64, d in 0.0..0.1_f64) {
        let base = before(&outlook(rate, vec![mechanism(p, 0.6)], b)).score;
        prop_assert!(before(&outlook(rate, vec![mechanism(p, 0.6)], b + d)).score >= base - 1e-12);
        let v = hang();
        let after_base = after(&outlook(rate, vec![mechanism(p, 0.6)], b), &v).score;
        prop_assert!(after(&outlook(rate + d, vec![mechanism(p, 0.6)], b), &v).score >= after_base - 1e-9);
        prop_assert!(after(&outlook(rate, vec![mechanism(p + d, 0.6)], b), &v).score >= after_base - 1e-9);
    }
}

#[test]
fn a_weak_mechanism_never_speaks_for_a_change() {
    let quiet = before(&outlook(0.05, vec![], 0.5));
    let advised = before(&outlook(0.05, vec![mechanism(0.3, 0.4)], 0.5));
    assert!(advised.probability >= quiet.probability);
}
