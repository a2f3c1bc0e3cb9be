//! Plans: a rollback as immutable data with no choices left in it.

use serde::{Deserialize, Serialize};

use crate::change::Standing;
use crate::decision::HoldReason;
use crate::id::{ChangeSetId, IntentId, PlanHash, SnapshotId, TargetId};
use crate::time::Timestamp;
use crate::value::{SettingKey, Value, ValueSource};

/// How a change set would be, or is, put back. The plan that is shown is the plan that is run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Hash of everything below.
    pub hash: PlanHash,
    /// What it undoes.
    pub change_set: ChangeSetId,
    /// Where.
    pub target: TargetId,
    /// The last known good configuration it goes back to, when one is recorded.
    pub back_to: Option<SnapshotId>,
    /// Steps in the order they run.
    pub steps: Vec<PlanStep>,
    /// Set when Backstay cannot run it by itself; `commands` then tells a person what to do.
    pub manual: Option<HoldReason>,
    /// The whole plan as statements and commands, exactly as they would be typed.
    pub commands: Vec<String>,
    /// What a configuration rollback does not put back.
    pub does_not_undo: Vec<String>,
}

/// One setting put back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PlanStep {
    /// Which setting, and where.
    pub key: SettingKey,
    /// By which route it is written.
    pub route: Route,
    /// What is written.
    pub inverse: Inverse,
    /// What must stand there now; anything else is somebody else's and is never overwritten.
    pub expect: Standing,
    /// What must stand there afterwards.
    pub predict: Predicted,
}

/// The door through which a value is written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// `ALTER SYSTEM`, then one reload.
    AlterSystem,
    /// `ALTER ROLE`, `ALTER DATABASE` or `ALTER ROLE … IN DATABASE`, in one transaction.
    RoleOrDatabase,
    /// A file that people own: shown, not run.
    File {
        /// The file.
        path: String,
    },
    /// The server's command line: shown, not run.
    CommandLine,
}

/// What is written to undo a change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inverse {
    /// Remove the entry: there was none before.
    Reset,
    /// Write the entry that stood before, raw text as it stood.
    Set(Value),
}

/// What a step leads to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Predicted {
    /// The value that new sessions get; `None` when nothing is set in that scope any more.
    pub effective: Option<Value>,
    /// What gives it that value.
    pub source: ValueSource,
}

/// A write that is about to be made: the plan's steps under one intent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Write {
    /// The durable record it belongs to.
    pub intent: IntentId,
    /// What it undoes.
    pub change_set: ChangeSetId,
    /// Where.
    pub target: TargetId,
    /// The approved plan.
    pub plan: PlanHash,
    /// Steps in the order they run.
    pub steps: Vec<PlanStep>,
    /// After this moment it must not begin.
    pub expires_at: Timestamp,
}

/// How the text of an engine's statements looks. Pure; each engine has one.
pub trait Dialect {
    /// The statement that runs `step`.
    fn statement(&self, step: &PlanStep) -> String;
    /// What a person types to have written values take effect, after all steps of a route.
    fn activate(&self, route: &Route) -> Option<String>;
}

/// What stands at a plan's settings, for the table of what recovery does after a crash.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The bad value stands in the file and runs: nothing was written.
    NotApplied,
    /// The wanted value stands in the file but does not run yet.
    Written,
    /// Some steps are written, others not.
    Mixed,
    /// The wanted value stands and runs, from the expected source.
    Effective,
    /// The wanted value stands but another source masks it.
    Masked {
        /// What masks it.
        by: ValueSource,
    },
    /// Something else stands there: somebody moved it.
    Foreign {
        /// Which setting.
        key: SettingKey,
        /// What stands there.
        found: Standing,
    },
    /// The target could not be asked.
    Unknown {
        /// Why not.
        why: String,
    },
}
