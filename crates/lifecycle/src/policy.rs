//! May this plan run by itself? If not: why not, and who may run it.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::decision::{Clearance, HoldReason, Mode, SettingClass};
use backstay_model::plan::Plan;
use backstay_model::risk::Risk;
use backstay_model::verdict::{Calibration, Harm, Refusal, Verdict, VerdictKind};
use backstay_model::{ChangeSetId, SettingKey, Span, Timestamp};

use crate::attempt::runnable;

/// What Backstay may do with one target. A value that is passed in; each change of it is an entry of
/// the journal. The costs of acting and waiting are `risk::Costs`; their outcome arrives here as
/// `Risk::act_above`.
#[derive(Clone, PartialEq, Debug)]
pub struct Policy {
    /// How far Backstay may go with this target: the stricter of the installation's and the target's.
    pub mode: Mode,
    /// How far it may go with each class of setting; only ever tightens `SettingClass::most`.
    pub caps: BTreeMap<SettingClass, Mode>,
    /// Length of a watch.
    pub watch: Span,
    /// By how much a watch is extended when it decides nothing.
    pub extension: Span,
    /// How often at most.
    pub extensions_max: u32,
    /// After this long an intent must not begin to write.
    pub intent_ttl: Span,
    /// Within this long after a rollback of a setting it is not rolled back again without a person.
    pub cooldown: Span,
    /// Automatic rollbacks of this target within an hour.
    pub budget_per_hour: u32,
    /// Automatic rollbacks of this target within a day.
    pub budget_per_day: u32,
    /// How long after a rollback the symptom has to go away.
    pub recovery_window: Span,
    /// Smallest relative harm (0.3 = 30 % worse) on which a statistical verdict acts while it is not
    /// calibrated on windows of this target itself.
    pub cold_harm: f64,
}

impl Policy {
    /// The policy of a new installation (safety.md, 3), in observe mode: watch 15 min and twice 15
    /// more, intents 5 min, cool-down 30 min, one automatic rollback an hour and two a day, 60 s to
    /// recover.
    #[must_use]
    pub fn observe() -> Self {
        Self {
            mode: Mode::Observe,
            caps: BTreeMap::new(),
            watch: Span::from_secs(15 * 60),
            extension: Span::from_secs(15 * 60),
            extensions_max: 2,
            intent_ttl: Span::from_secs(5 * 60),
            cooldown: Span::from_secs(30 * 60),
            budget_per_hour: 1,
            budget_per_day: 2,
            recovery_window: Span::from_secs(60),
            cold_harm: 0.30,
        }
    }

    /// How far Backstay may go with settings of `class` here.
    #[must_use]
    pub fn allows(&self, class: SettingClass) -> Mode {
        self.most(class).min(self.mode)
    }

    fn most(&self, class: SettingClass) -> Mode {
        self.caps
            .get(&class)
            .map_or(class.most(), |cap| class.most().min(*cap))
    }

    /// The new end of a watch that decided nothing by `now`; `None` when no more time is granted.
    #[must_use]
    pub fn extend(&self, now: Timestamp, extensions: u32) -> Option<Timestamp> {
        (extensions < self.extensions_max).then(|| now + self.extension)
    }
}

/// Whether writes are stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Brake {
    /// Paused, or it cannot be told whether it is.
    On,
    /// Not paused.
    Off,
}

/// An earlier rollback of the same target.
#[derive(Clone, PartialEq, Debug)]
pub struct PastRollback {
    /// When its write began.
    pub at: Timestamp,
    /// The settings it put back.
    pub keys: BTreeSet<SettingKey>,
    /// Who set it off; only automatic ones count against the budget.
    pub by: RollbackBy,
}

/// Who set a rollback off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RollbackBy {
    /// Policy alone.
    Policy,
    /// A person.
    Operator,
}

/// How things stand at a target, as far as policy asks.
#[derive(Clone, PartialEq, Debug)]
pub struct Facts {
    /// Now.
    pub now: Timestamp,
    /// Whether writes are stopped.
    pub brake: Brake,
    /// Rollbacks of this target that began to write, at least those of the last day.
    pub rollbacks: Vec<PastRollback>,
    /// The classes of the settings that the plan writes.
    pub classes: BTreeSet<SettingClass>,
    /// Settings that others changed in the files and that our reload would activate.
    pub foreign_edits: BTreeSet<SettingKey>,
    /// The others that may be the cause as well; `None` where there is none.
    pub joint: Option<Joint>,
}

/// Several change sets of which any may be the cause.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joint {
    /// All of them, the most suspect first.
    pub suspects: Vec<ChangeSetId>,
    /// The one with which people are told of all of them.
    pub told_with: ChangeSetId,
    /// How this one stands among them.
    pub standing: Standing,
}

/// How one of several suspects stands among them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It alone surely reaches what alarmed, several times as surely as any other.
    Alone,
    /// Others may be the cause as well.
    AmongOthers,
}

/// What policy says to `plan` against a change that `verdict` says hurt. The first reason in this
/// order counts: others that may be the cause, pause, what only people can run, edits of others, class, mode, evidence, probability,
/// cool-down, budget. In observe mode nothing is ever run, whatever the reason.
#[must_use]
pub fn clear(
    policy: &Policy,
    facts: &Facts,
    verdict: &Verdict,
    risk: &Risk,
    plan: &Plan,
) -> Clearance {
    let Some(why) = obstacle(policy, facts, verdict, risk, plan) else {
        return Clearance::Automatic;
    };
    if runnable(plan) && ceiling(policy, facts) >= Mode::Approve {
        Clearance::Approval { why }
    } else {
        Clearance::Manual { why }
    }
}

/// The most that may be done here: mode and classes together.
fn ceiling(policy: &Policy, facts: &Facts) -> Mode {
    facts
        .classes
        .iter()
        .map(|c| policy.most(*c))
        .min()
        .unwrap_or(Mode::Auto)
        .min(policy.mode)
}

fn obstacle(
    policy: &Policy,
    facts: &Facts,
    verdict: &Verdict,
    risk: &Risk,
    plan: &Plan,
) -> Option<HoldReason> {
    shared(facts, verdict)
        .or_else(|| paused(facts))
        .or_else(|| by_people_only(plan))
        .or_else(|| foreign_edits(facts))
        .or_else(|| class(policy, facts))
        .or_else(|| mode(policy))
        .or_else(|| evidence(policy, facts, verdict))
        .or_else(|| probability(risk))
        .or_else(|| cooldown(policy, facts, plan))
        .or_else(|| budget(policy, facts))
}

/// Shared blame is a question for a person, unless the class of behaviour changed and one suspect alone
/// reaches what did.
fn shared(facts: &Facts, verdict: &Verdict) -> Option<HoldReason> {
    let joint = facts.joint.as_ref().filter(|_| {
        let hurt = matches!(verdict.kind, VerdictKind::Hurt { .. });
        hurt && verdict.refusals.contains(&Refusal::JointChange)
    })?;
    (!acts_among_others(facts, verdict)).then(|| HoldReason::Joint {
        suspects: joint.suspects.clone(),
        told_with: joint.told_with,
    })
}

fn acts_among_others(facts: &Facts, verdict: &Verdict) -> bool {
    let alone = |joint: &Joint| joint.standing == Standing::Alone;
    let class = matches!(
        verdict.kind,
        VerdictKind::Hurt {
            by: Harm::ClassChange(_)
        }
    );
    class && facts.joint.as_ref().is_some_and(alone)
}

fn paused(facts: &Facts) -> Option<HoldReason> {
    (facts.brake == Brake::On).then_some(HoldReason::Paused)
}

fn by_people_only(plan: &Plan) -> Option<HoldReason> {
    let no_plan = || HoldReason::NoPlan {
        why: "it has no step that a statement can run".into(),
    };
    plan.manual
        .clone()
        .or_else(|| (!runnable(plan)).then(no_plan))
}

fn foreign_edits(facts: &Facts) -> Option<HoldReason> {
    let settings: Vec<String> = facts
        .foreign_edits
        .iter()
        .map(ToString::to_string)
        .collect();
    (!settings.is_empty()).then_some(HoldReason::ForeignEdits { settings })
}

/// The strictest class below auto.
fn class(policy: &Policy, facts: &Facts) -> Option<HoldReason> {
    let strictest = facts.classes.iter().min_by_key(|c| policy.most(**c))?;
    (policy.most(*strictest) < Mode::Auto).then_some(HoldReason::Class(*strictest))
}

fn mode(policy: &Policy) -> Option<HoldReason> {
    match policy.mode {
        Mode::Observe => Some(HoldReason::ObserveMode),
        Mode::Approve => Some(HoldReason::ApproveMode),
        Mode::Auto => None,
    }
}

/// A class change needs no model. A statistical verdict needs a known false-alarm rate, and off its
/// own ground a large effect as well (detection.md, 6).
fn evidence(policy: &Policy, facts: &Facts, verdict: &Verdict) -> Option<HoldReason> {
    let refused = |refusals: &[Refusal]| verdict.refusals.iter().any(|r| refusals.contains(r));
    match &verdict.kind {
        VerdictKind::Hurt { .. } if refused(&[Refusal::CommonCause]) => {
            Some(HoldReason::Confounded)
        }
        VerdictKind::Hurt { .. }
            if refused(&[Refusal::JointChange]) && !acts_among_others(facts, verdict) =>
        {
            Some(HoldReason::Confounded)
        }
        VerdictKind::Hurt {
            by: Harm::ClassChange(_),
        } => None,
        VerdictKind::Hurt {
            by: Harm::Statistical,
        } => {
            let known = verdict.p_value.is_some() && !refused(&[Refusal::Uncalibrated]);
            let enough = match verdict.calibration {
                Calibration::None => false,
                Calibration::Shipped | Calibration::Pooled => {
                    largest_harm(verdict) >= policy.cold_harm
                }
                Calibration::Own => true,
            };
            (!(known && enough)).then_some(HoldReason::Uncalibrated)
        }
        VerdictKind::NoData => Some(HoldReason::NoData),
        VerdictKind::Confounded => Some(HoldReason::Confounded),
        VerdictKind::WorkloadShift => Some(HoldReason::WorkloadShift),
        VerdictKind::Healthy { .. } | VerdictKind::Inconclusive => Some(HoldReason::Inconclusive),
    }
}

fn largest_harm(verdict: &Verdict) -> f64 {
    let alarming = verdict.findings.iter().filter(|f| f.alarm_at.is_some());
    alarming.filter_map(|f| f.harm).fold(0.0, f64::max)
}

/// Act only where the expected loss of keeping outweighs that of reverting: above P*
/// (risk-and-simulation.md, 5.9). A number that is not one never acts.
fn probability(risk: &Risk) -> Option<HoldReason> {
    let acts = risk.act_above < 1.0 && risk.probability.get() > risk.act_above;
    (!acts).then_some(HoldReason::BelowThreshold)
}

fn cooldown(policy: &Policy, facts: &Facts, plan: &Plan) -> Option<HoldReason> {
    let recent = |r: &&PastRollback| facts.now.since(r.at) < policy.cooldown;
    let touched = |r: &PastRollback| plan.steps.iter().any(|s| r.keys.contains(&s.key));
    facts
        .rollbacks
        .iter()
        .filter(recent)
        .any(touched)
        .then_some(HoldReason::CoolDown)
}

fn budget(policy: &Policy, facts: &Facts) -> Option<HoldReason> {
    let within = |span: Span| {
        let ours = facts
            .rollbacks
            .iter()
            .filter(|r| r.by == RollbackBy::Policy);
        ours.filter(|r| facts.now.since(r.at) < span).count()
    };
    let spent = within(Span::from_secs(3_600)) >= policy.budget_per_hour as usize
        || within(Span::from_secs(86_400)) >= policy.budget_per_day as usize;
    spent.then_some(HoldReason::BudgetSpent)
}

#[cfg(test)]
mod tests;
