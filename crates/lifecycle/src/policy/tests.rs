use backstay_model::metric::MetricRole;
use backstay_model::verdict::{Finding, Trigger};
use backstay_model::{MetricName, TargetId};

use super::*;
use crate::samples::{self, NOW};

struct Case {
    policy: Policy,
    facts: Facts,
    verdict: Verdict,
    risk: Risk,
    plan: Plan,
}

/// A case in which nothing stands in the way.
fn clear_case() -> Case {
    Case {
        policy: Policy {
            mode: Mode::Auto,
            ..Policy::observe()
        },
        facts: Facts {
            now: NOW,
            brake: Brake::Off,
            rollbacks: Vec::new(),
            classes: BTreeSet::from([SettingClass::Reloadable]),
            foreign_edits: BTreeSet::new(),
            joint: None,
        },
        verdict: samples::verdict(VerdictKind::Hurt {
            by: Harm::ClassChange(Trigger::Hang),
        }),
        risk: samples::risk(0.9, 0.3),
        plan: samples::plan(samples::ID, "4MB", "64kB"),
    }
}

fn answer(change: impl FnOnce(&mut Case)) -> Clearance {
    let mut case = clear_case();
    change(&mut case);
    clear(
        &case.policy,
        &case.facts,
        &case.verdict,
        &case.risk,
        &case.plan,
    )
}

fn approval(why: HoldReason) -> Clearance {
    Clearance::Approval { why }
}

fn manual(why: HoldReason) -> Clearance {
    Clearance::Manual { why }
}

fn ago(minutes: i64, key: SettingKey, by: RollbackBy) -> PastRollback {
    PastRollback {
        at: NOW - Span::from_secs(60 * minutes),
        keys: BTreeSet::from([key]),
        by,
    }
}

fn other() -> SettingKey {
    SettingKey::instance("jit")
}

fn statistical(calibration: Calibration, harm: f64) -> Verdict {
    let finding = Finding {
        metric: MetricName::from_static("probe_read_ms"),
        role: MetricRole::Latency,
        before: Some(1.0),
        after: Some(1.0 + harm),
        harm: Some(harm),
        p_value: Some(0.001),
        alarm_at: Some(NOW),
        since: None,
        text: String::new(),
    };
    Verdict {
        calibration,
        findings: vec![finding],
        ..samples::verdict(VerdictKind::Hurt {
            by: Harm::Statistical,
        })
    }
}

#[test]
fn nothing_in_the_way_runs_by_itself() {
    assert_eq!(answer(|_| ()), Clearance::Automatic);
}

#[test]
fn pause_comes_first() {
    assert_eq!(
        answer(|c| c.facts.brake = Brake::On),
        approval(HoldReason::Paused)
    );
    let all = answer(|c| {
        c.facts.brake = Brake::On;
        c.plan.manual = Some(HoldReason::CommandLine);
        c.policy.mode = Mode::Observe;
    });
    assert_eq!(all, manual(HoldReason::Paused));
}

#[test]
fn what_only_people_can_run_is_theirs() {
    let path = || "/etc/postgresql/postgresql.conf".to_owned();
    for why in [
        HoldReason::FileOwned { path: path() },
        HoldReason::CommandLine,
        HoldReason::NoPlan {
            why: "moved".into(),
        },
        HoldReason::Class(SettingClass::Secret),
    ] {
        assert_eq!(answer(|c| c.plan.manual = Some(why.clone())), manual(why));
    }
    let restart = HoldReason::RestartNeeded;
    assert_eq!(
        answer(|c| c.plan.manual = Some(restart.clone())),
        approval(restart)
    );
    assert!(matches!(
        answer(|c| c.plan.steps.clear()),
        Clearance::Manual {
            why: HoldReason::NoPlan { .. }
        }
    ));
}

#[test]
fn waiting_edits_of_others_are_named() {
    let settings = vec!["jit".to_owned()];
    assert_eq!(
        answer(|c| c.facts.foreign_edits.extend([other()])),
        approval(HoldReason::ForeignEdits { settings })
    );
}

#[test]
fn the_strictest_class_caps() {
    for class in [
        SettingClass::Restart,
        SettingClass::Durability,
        SettingClass::Authentication,
        SettingClass::Secret,
    ] {
        assert_eq!(
            answer(|c| c.facts.classes.extend([class])),
            approval(HoldReason::Class(class))
        );
    }
    assert_eq!(
        answer(|c| c
            .facts
            .classes
            .extend([SettingClass::Durability, SettingClass::CodeRunning])),
        manual(HoldReason::Class(SettingClass::CodeRunning))
    );
    let cap = |mode| answer(|c| c.policy.caps = BTreeMap::from([(SettingClass::Reloadable, mode)]));
    assert_eq!(
        cap(Mode::Approve),
        approval(HoldReason::Class(SettingClass::Reloadable))
    );
    assert_eq!(
        cap(Mode::Observe),
        manual(HoldReason::Class(SettingClass::Reloadable))
    );
    assert_eq!(cap(Mode::Auto), Clearance::Automatic);
}

#[test]
fn caps_only_tighten() {
    let mut policy = Policy {
        mode: Mode::Auto,
        ..Policy::observe()
    };
    policy.caps.insert(SettingClass::Durability, Mode::Auto);
    assert_eq!(policy.allows(SettingClass::Durability), Mode::Approve);
    assert_eq!(
        Policy::observe().allows(SettingClass::Reloadable),
        Mode::Observe
    );
}

#[test]
fn the_mode_decides() {
    assert_eq!(
        answer(|c| c.policy.mode = Mode::Approve),
        approval(HoldReason::ApproveMode)
    );
    assert_eq!(
        answer(|c| c.policy.mode = Mode::Observe),
        manual(HoldReason::ObserveMode)
    );
    let durable = answer(|c| {
        c.policy.mode = Mode::Observe;
        c.facts.classes.extend([SettingClass::Durability]);
    });
    assert_eq!(durable, manual(HoldReason::Class(SettingClass::Durability)));
}

#[test]
fn a_statistical_verdict_needs_a_known_false_alarm_rate() {
    use Calibration::{None, Own, Pooled, Shipped};
    let uncalibrated = || approval(HoldReason::Uncalibrated);
    for (calibration, harm, wanted) in [
        (Own, 0.05, Clearance::Automatic),
        (Pooled, 0.31, Clearance::Automatic),
        (Pooled, 0.29, uncalibrated()),
        (Shipped, 0.31, Clearance::Automatic),
        (Shipped, 0.29, uncalibrated()),
        (None, 9.0, uncalibrated()),
    ] {
        let verdict = statistical(calibration, harm);
        assert_eq!(
            answer(|c| c.verdict = verdict),
            wanted,
            "{calibration:?} {harm}"
        );
    }
    let without_p = Verdict {
        p_value: Option::None,
        ..statistical(Own, 1.0)
    };
    assert_eq!(answer(|c| c.verdict = without_p), uncalibrated());
    let refusals = vec![Refusal::Uncalibrated];
    assert_eq!(
        answer(|c| c.verdict = Verdict {
            refusals,
            ..statistical(Own, 1.0)
        }),
        uncalibrated()
    );
    let refusals = vec![Refusal::JointChange];
    assert_eq!(
        answer(|c| c.verdict.refusals = refusals),
        approval(HoldReason::Confounded)
    );
}

#[test]
fn among_several_suspects_only_one_that_alone_reaches_a_change_of_class_is_put_back() {
    let suspects = vec![ChangeSetId(8), samples::ID];
    let joint = |standing| Joint {
        suspects: suspects.clone(),
        told_with: samples::ID,
        standing,
    };
    let held = || HoldReason::Joint {
        suspects: suspects.clone(),
        told_with: samples::ID,
    };
    let asked = |standing, mode, by: Harm| {
        answer(|c| {
            c.verdict.kind = VerdictKind::Hurt { by };
            c.verdict.refusals = vec![Refusal::JointChange];
            c.facts.joint = Some(joint(standing));
            c.policy.mode = mode;
        })
    };
    let class = || Harm::ClassChange(Trigger::Hang);
    use Standing::{Alone, AmongOthers};
    assert_eq!(asked(Alone, Mode::Auto, class()), Clearance::Automatic);
    for (standing, mode, by, wanted) in [
        (Alone, Mode::Auto, Harm::Statistical, approval(held())),
        (AmongOthers, Mode::Auto, class(), approval(held())),
        (AmongOthers, Mode::Approve, class(), approval(held())),
        (AmongOthers, Mode::Observe, class(), manual(held())),
        (
            Alone,
            Mode::Approve,
            class(),
            approval(HoldReason::ApproveMode),
        ),
        (
            Alone,
            Mode::Observe,
            class(),
            manual(HoldReason::ObserveMode),
        ),
    ] {
        assert_eq!(asked(standing, mode, by), wanted, "{standing:?} {mode:?}");
    }
}

#[test]
fn only_harm_is_acted_on() {
    for (kind, why) in [
        (VerdictKind::NoData, HoldReason::NoData),
        (VerdictKind::Confounded, HoldReason::Confounded),
        (VerdictKind::WorkloadShift, HoldReason::WorkloadShift),
        (VerdictKind::Inconclusive, HoldReason::Inconclusive),
        (
            VerdictKind::Healthy { excludes: 0.2 },
            HoldReason::Inconclusive,
        ),
    ] {
        assert_eq!(answer(|c| c.verdict.kind = kind), approval(why));
    }
}

#[test]
fn acting_must_cost_less_than_waiting() {
    for (probability, act_above, acts) in [
        (0.9, 0.3, true),
        (0.3, 0.3, false),
        (0.2, 0.3, false),
        (1.0, 1.0, false),
        (1.0, 4.0, false),
        (1.0, f64::NAN, false),
    ] {
        let wanted = if acts {
            Clearance::Automatic
        } else {
            approval(HoldReason::BelowThreshold)
        };
        let given = answer(|c| c.risk = samples::risk(probability, act_above));
        assert_eq!(given, wanted, "{probability} {act_above}");
    }
}

#[test]
fn a_setting_cools_down() {
    let after = |minutes, key, by| answer(|c| c.facts.rollbacks.push(ago(minutes, key, by)));
    let operator = RollbackBy::Operator;
    assert_eq!(
        after(29, samples::key(), operator),
        approval(HoldReason::CoolDown)
    );
    assert_eq!(after(31, samples::key(), operator), Clearance::Automatic);
    assert_eq!(after(1, other(), operator), Clearance::Automatic);
}

#[test]
fn budgets_hold() {
    let after = |minutes: &[i64], by| {
        answer(|c| {
            c.facts
                .rollbacks
                .extend(minutes.iter().map(|m| ago(*m, other(), by)))
        })
    };
    let spent = || approval(HoldReason::BudgetSpent);
    assert_eq!(after(&[59], RollbackBy::Policy), spent());
    assert_eq!(after(&[61], RollbackBy::Policy), Clearance::Automatic);
    assert_eq!(after(&[61, 1_439], RollbackBy::Policy), spent());
    assert_eq!(
        after(&[61, 1_441], RollbackBy::Policy),
        Clearance::Automatic
    );
    assert_eq!(
        after(&[1, 2, 3], RollbackBy::Operator),
        Clearance::Automatic
    );
}

#[test]
fn a_watch_is_extended_so_often() {
    let policy = Policy::observe();
    assert_eq!(policy.extend(NOW, 1), Some(NOW + Span::from_secs(900)));
    assert_eq!(policy.extend(NOW, 2), None);
}

#[test]
fn targets_do_not_matter_to_policy() {
    let moved = answer(|c| c.plan.target = TargetId::new("elsewhere"));
    assert_eq!(moved, Clearance::Automatic);
}
