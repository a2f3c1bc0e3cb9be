//! Every rule of a plan, checked again on the finished plan: the planner is not trusted.

use std::collections::BTreeSet;

use backstay_model::decision::{HoldReason, SettingClass};
use backstay_model::plan::{Inverse, Plan, PlanStep, Route};
use backstay_model::{SettingKey, Value};

use crate::inverse;
use crate::order;
use crate::plan::{Request, hash};

/// A rule that a plan breaks. Effect on the target: none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LintError {
    /// The hash is not that of the plan's bytes.
    #[error("the plan's hash is not that of its bytes")]
    Hash,
    /// It is about another change set or target than asked for.
    #[error("the plan is about another change set or target")]
    OtherChangeSet,
    /// A step writes a setting that is not among the guilty ones of the change set.
    #[error("setting {key} is not among those to be put back")]
    NotGuilty {
        /// Which setting.
        key: SettingKey,
    },
    /// A guilty setting has no step, and nothing says that people must do it.
    #[error("setting {key} is not put back")]
    Missing {
        /// Which setting.
        key: SettingKey,
    },
    /// Two steps write the same setting.
    #[error("setting {key} is written twice")]
    Twice {
        /// Which setting.
        key: SettingKey,
    },
    /// A step writes a secret, whose text is not kept.
    #[error("setting {key} would be set to a secret")]
    Secret {
        /// Which setting.
        key: SettingKey,
    },
    /// A step writes a setting that runs or loads code.
    #[error("setting {key} runs or loads code")]
    CodeRunning {
        /// Which setting.
        key: SettingKey,
    },
    /// The inverse is not what stood there before.
    #[error("setting {key} would not get back what stood there")]
    Inverse {
        /// Which setting.
        key: SettingKey,
    },
    /// The step does not expect what stands there now.
    #[error("the step of setting {key} does not expect what stands there now")]
    Expect {
        /// Which setting.
        key: SettingKey,
    },
    /// The order breaks a requirement.
    #[error("setting {before} must be put back before setting {after}")]
    Order {
        /// Must come first.
        before: SettingKey,
        /// Must come later.
        after: SettingKey,
    },
    /// A step by a route that only people take, and the plan does not say that it is for people.
    #[error("setting {key} stands where only people write, and the plan would run by itself")]
    RunsForPeople {
        /// Which setting.
        key: SettingKey,
    },
    /// It has nothing to run and does not say why.
    #[error("the plan has no steps and no reason for that")]
    Empty,
    /// It shows other commands than its steps, or none.
    #[error("the plan does not show the command of setting {key}")]
    NotShown {
        /// Which setting.
        key: SettingKey,
    },
}

/// Checks every rule on the finished plan against the request it was made for.
///
/// # Errors
/// All the rules that it breaks.
pub fn lint(plan: &Plan, request: &Request<'_>) -> Result<(), Vec<LintError>> {
    let mut broken = Vec::new();
    if plan.hash != hash(plan) {
        broken.push(LintError::Hash);
    }
    if plan.change_set != request.change_set.id || plan.target != request.change_set.target {
        broken.push(LintError::OtherChangeSet);
    }
    if plan.steps.is_empty() && plan.manual.is_none() {
        broken.push(LintError::Empty);
    }
    coverage(plan, request, &mut broken);
    for step in &plan.steps {
        one(plan, step, request, &mut broken);
    }
    let circular = matches!(&plan.manual, Some(HoldReason::NoPlan { .. }));
    if let Some((before, after)) =
        order::broken(&plan.steps, request.requires).filter(|_| !circular)
    {
        broken.push(LintError::Order {
            before: before.clone(),
            after: after.clone(),
        });
    }
    if broken.is_empty() {
        Ok(())
    } else {
        Err(broken)
    }
}

/// Each guilty setting once, and no other.
fn coverage(plan: &Plan, request: &Request<'_>, broken: &mut Vec<LintError>) {
    let guilty: BTreeSet<&SettingKey> = request.changes().iter().map(|c| &c.key).collect();
    let mut seen = BTreeSet::new();
    for step in &plan.steps {
        if !guilty.contains(&step.key) {
            broken.push(LintError::NotGuilty {
                key: step.key.clone(),
            });
        }
        if !seen.insert(&step.key) {
            broken.push(LintError::Twice {
                key: step.key.clone(),
            });
        }
    }
    if plan.manual.is_none() {
        let missing = guilty
            .difference(&seen)
            .map(|k| LintError::Missing { key: (*k).clone() });
        broken.extend(missing);
    }
}

fn one(plan: &Plan, step: &PlanStep, request: &Request<'_>, broken: &mut Vec<LintError>) {
    let key = || step.key.clone();
    if matches!(step.inverse, Inverse::Set(Value::Secret(_))) {
        broken.push(LintError::Secret { key: key() });
    }
    if request.class(&step.key) == SettingClass::CodeRunning {
        broken.push(LintError::CodeRunning { key: key() });
    }
    let by_people = matches!(step.route, Route::File { .. } | Route::CommandLine);
    if by_people && matches!(plan.manual, None | Some(HoldReason::RestartNeeded)) {
        broken.push(LintError::RunsForPeople { key: key() });
    }
    if !plan.commands.contains(&request.dialect.statement(step)) {
        broken.push(LintError::NotShown { key: key() });
    }
    let Some(change) = request
        .change_set
        .changes
        .iter()
        .find(|c| c.key == step.key)
    else {
        return;
    };
    let before = inverse::entry_before(change, request.last_good);
    let before = before.map(|entry| entry.map_or(Inverse::Reset, Inverse::Set));
    if !by_people && before.as_ref() != Some(&step.inverse) {
        broken.push(LintError::Inverse { key: key() });
    }
    let now = request.now.settings.get(&step.key);
    if now.is_some_and(|now| *now != step.expect) {
        broken.push(LintError::Expect { key: key() });
    }
}

#[cfg(test)]
mod tests;
