//! The planner.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::decision::{HoldReason, SettingClass};
use backstay_model::id::PlanHash;
use backstay_model::plan::{Dialect, Plan, PlanStep};
use backstay_model::{Change, ChangeSet, ChangeSetId, SettingKey, Snapshot, SnapshotId, TargetId};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::inverse::{self, Undo};
use crate::order;
use crate::words;

/// What a plan is made from.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// What is to be put back.
    pub change_set: &'a ChangeSet,
    /// Which of its settings.
    pub guilty: Guilty<'a>,
    /// The configuration now.
    pub now: &'a Snapshot,
    /// The last known good configuration, when one is recorded.
    pub last_good: Option<&'a Snapshot>,
    /// The class of each setting of the change set; one that is missing counts as running code, so
    /// that it is never written.
    pub classes: &'a BTreeMap<SettingKey, SettingClass>,
    /// Pairs `(before, after)`: the first must be put back before the second, because the second is
    /// what it requires.
    pub requires: &'a [(SettingKey, SettingKey)],
    /// How statements look.
    pub dialect: &'a dyn Dialect,
}

/// The settings of a change set that are put back.
#[derive(Clone, Copy, Debug)]
pub enum Guilty<'a> {
    /// All of them.
    All,
    /// The minimal guilty subset.
    Only(&'a BTreeSet<SettingKey>),
}

impl Guilty<'_> {
    /// Whether `key` is among them.
    #[must_use]
    pub fn contains(&self, key: &SettingKey) -> bool {
        match self {
            Self::All => true,
            Self::Only(keys) => keys.contains(key),
        }
    }
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("change_set", &self.change_set.id)
            .field("guilty", &self.guilty)
            .finish_non_exhaustive()
    }
}

impl<'a> Request<'a> {
    /// The changes that are put back, in the order of their keys.
    pub(crate) fn changes(&self) -> Vec<&'a Change> {
        let guilty = self.guilty;
        let mut changes: Vec<_> = self
            .change_set
            .changes
            .iter()
            .filter(|c| guilty.contains(&c.key))
            .collect();
        changes.sort_by(|a, b| a.key.cmp(&b.key));
        changes
    }

    /// The class of a setting; unknown ones count as running code.
    pub(crate) fn class(&self, key: &SettingKey) -> SettingClass {
        self.classes
            .get(key)
            .copied()
            .unwrap_or(SettingClass::CodeRunning)
    }
}

/// The plan that puts the guilty settings of a change set back. Always an answer: where Backstay must
/// not or cannot write, `manual` says why and `commands` what a person does instead. The same request
/// gives the same plan, byte for byte.
#[must_use]
pub fn plan(request: &Request<'_>) -> Plan {
    let undos: Vec<Undo> = request
        .changes()
        .into_iter()
        .map(|c| inverse::undo(request, c))
        .collect();
    let mut manual = hardest(&undos);
    let steps: Vec<PlanStep> = undos.iter().filter_map(|u| u.step.clone()).collect();
    let steps = match order::arrange(steps, request.requires) {
        Ok(steps) => steps,
        Err(cycle) => {
            let why = "no order of its steps keeps what the settings require".to_owned();
            manual = Some(HoldReason::NoPlan { why });
            cycle.0
        }
    };
    if undos.is_empty() {
        let why = "none of its settings is to be put back".to_owned();
        manual = Some(HoldReason::NoPlan { why });
    }
    let mut plan = Plan {
        hash: PlanHash(String::new()),
        change_set: request.change_set.id,
        target: request.change_set.target.clone(),
        back_to: request.last_good.map(|s| s.id.clone()),
        commands: words::commands(request.dialect, &steps, &undos),
        does_not_undo: words::does_not_undo(request, &steps),
        steps,
        manual,
    };
    plan.hash = hash(&plan);
    plan
}

/// The reason that leaves most to people: a restart alone leaves the statements to Backstay.
fn hardest(undos: &[Undo]) -> Option<HoldReason> {
    let reasons = || undos.iter().filter_map(|u| u.manual.as_ref());
    let more_than_a_restart = reasons().find(|r| **r != HoldReason::RestartNeeded);
    more_than_a_restart.or_else(|| reasons().next()).cloned()
}

/// Everything in a plan but its hash, in a fixed order of fields: its canonical bytes are this as
/// JSON.
#[derive(Serialize)]
struct Body<'a> {
    change_set: ChangeSetId,
    target: &'a TargetId,
    back_to: Option<&'a SnapshotId>,
    steps: &'a [PlanStep],
    manual: Option<&'a HoldReason>,
    commands: &'a [String],
    does_not_undo: &'a [String],
}

/// SHA-256, in hex, over the canonical bytes of everything in `plan` but its hash.
#[must_use]
pub fn hash(plan: &Plan) -> PlanHash {
    let body = Body {
        change_set: plan.change_set,
        target: &plan.target,
        back_to: plan.back_to.as_ref(),
        steps: &plan.steps,
        manual: plan.manual.as_ref(),
        commands: &plan.commands,
        does_not_undo: &plan.does_not_undo,
    };
    let bytes =
        serde_json::to_vec(&body).expect("a plan holds only text and numbers that JSON can hold");
    let digest = Sha256::digest(&bytes);
    PlanHash(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests;
