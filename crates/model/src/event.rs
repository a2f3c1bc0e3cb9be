//! Everything that can happen to a change set, and everything that can be done about it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::change::{ChangeSet, TakesEffect};
use crate::decision::{Clearance, HoldReason};
use crate::id::{ChangeSetId, IntentId, PlanHash};
use crate::plan::{Found, Plan, Write};
use crate::risk::Risk;
use crate::time::Timestamp;
use crate::value::{SettingKey, Value};
use crate::verdict::{Recovery, Verdict};
use crate::work::WorkClass;

/// Something that happened to a change set. Time, verdicts and replies are events too; the state
/// machine (`lifecycle::step`) is moved by nothing else.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// Somebody proposed it through Backstay.
    Proposed {
        /// When.
        at: Timestamp,
        /// The proposal.
        change_set: ChangeSet,
    },
    /// The simulator reported on it.
    Simulated {
        /// When.
        at: Timestamp,
        /// Its risk.
        #[serde(with = "shared")]
        risk: Arc<Risk>,
    },
    /// A person declined it.
    Declined {
        /// When.
        at: Timestamp,
        /// Who.
        by: String,
    },
    /// It was seen live in the target.
    SeenLive {
        /// When.
        at: Timestamp,
        /// What was seen.
        change_set: ChangeSet,
        /// When its values begin to work.
        takes_effect: TakesEffect,
        /// End of the watch, should it begin now.
        watch_until: Timestamp,
    },
    /// The server was restarted.
    Restarted {
        /// When.
        at: Timestamp,
        /// End of the watch, should it begin now.
        watch_until: Timestamp,
    },
    /// The watch came to a verdict, or its time is over.
    Judged {
        /// When.
        at: Timestamp,
        /// The verdict.
        verdict: Verdict,
        /// New end of the watch when the verdict decides nothing and policy grants more time.
        extend_until: Option<Timestamp>,
        /// Why it waits for a person although nothing hurts: metrics cannot clear a change of
        /// durability, whose harm shows only after a crash.
        hold: Option<HoldReason>,
        /// What kind of work the target did before the change.
        #[serde(default, skip_serializing_if = "WorkClass::unknown")]
        work: WorkClass,
        /// The change set whose harm ended with this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mends: Option<ChangeSetId>,
    },
    /// Risk, policy and a plan were put beside a verdict of harm.
    Ruled {
        /// When.
        at: Timestamp,
        /// The risk.
        #[serde(with = "shared")]
        risk: Arc<Risk>,
        /// What policy says.
        clearance: Clearance,
        /// The plan.
        #[serde(with = "shared")]
        plan: Arc<Plan>,
        /// The intent under which it runs, if it does.
        intent: IntentId,
        /// When that intent expires.
        expires_at: Timestamp,
    },
    /// An operator approved a plan.
    Approved {
        /// When.
        at: Timestamp,
        /// Who.
        by: String,
        /// The plan as it was shown.
        #[serde(with = "shared")]
        plan: Arc<Plan>,
        /// The intent under which it runs.
        intent: IntentId,
        /// When that intent expires.
        expires_at: Timestamp,
    },
    /// An operator decided to keep it.
    KeptByOperator {
        /// When.
        at: Timestamp,
        /// Who.
        by: String,
    },
    /// An operator closed a failed rollback.
    ClosedByOperator {
        /// When.
        at: Timestamp,
        /// Who.
        by: String,
    },
    /// The engine replied to a write.
    Replied {
        /// When.
        at: Timestamp,
        /// Which write.
        intent: IntentId,
        /// The reply.
        reply: WriteReply,
    },
    /// The guard started again and found the intent open.
    Resumed {
        /// When.
        at: Timestamp,
    },
    /// What stands in the target at the settings of an open intent.
    Inspected {
        /// When.
        at: Timestamp,
        /// Which write.
        intent: IntentId,
        /// What was found.
        found: Found,
        /// Whether the harm is still there. Journals from before this was asked say nothing: it was
        /// taken to be.
        #[serde(default)]
        evidence: Evidence,
    },
    /// Somebody else wrote one of its settings again.
    Overwritten {
        /// When.
        at: Timestamp,
        /// By which change set.
        by: ChangeSetId,
        /// Which setting.
        key: SettingKey,
        /// The value that stands there now.
        found: Option<Value>,
    },
    /// Of the changes that are held together with it one is no suspect any more.
    Narrowed {
        /// When.
        at: Timestamp,
        /// Which one.
        without: ChangeSetId,
        /// Why.
        why: Narrowing,
        /// Those that are left, the most suspect first.
        suspects: Vec<ChangeSetId>,
        /// The one with which people are told of them.
        told_with: ChangeSetId,
    },
    /// What it was held for went away with another change: it is watched anew.
    Acquitted {
        /// When.
        at: Timestamp,
        /// The change set with which it went away.
        cause: ChangeSetId,
        /// Until when none of the suspects was in effect: the level to compare with.
        good_until: Timestamp,
        /// End of the new watch.
        watch_until: Timestamp,
    },
    /// Whether the symptom went away after the rollback.
    Recovered {
        /// When.
        at: Timestamp,
        /// The answer.
        recovery: Recovery,
    },
}

impl Event {
    /// When it happened.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Proposed { at, .. }
            | Self::Simulated { at, .. }
            | Self::Declined { at, .. }
            | Self::SeenLive { at, .. }
            | Self::Restarted { at, .. }
            | Self::Judged { at, .. }
            | Self::Ruled { at, .. }
            | Self::Approved { at, .. }
            | Self::KeptByOperator { at, .. }
            | Self::ClosedByOperator { at, .. }
            | Self::Replied { at, .. }
            | Self::Resumed { at }
            | Self::Inspected { at, .. }
            | Self::Overwritten { at, .. }
            | Self::Narrowed { at, .. }
            | Self::Acquitted { at, .. }
            | Self::Recovered { at, .. } => *at,
        }
    }

    /// Its name in logs: `seen_live`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Proposed { .. } => "proposed",
            Self::Simulated { .. } => "simulated",
            Self::Declined { .. } => "declined",
            Self::SeenLive { .. } => "seen_live",
            Self::Restarted { .. } => "restarted",
            Self::Judged { .. } => "judged",
            Self::Ruled { .. } => "ruled",
            Self::Approved { .. } => "approved",
            Self::KeptByOperator { .. } => "kept_by_operator",
            Self::ClosedByOperator { .. } => "closed_by_operator",
            Self::Replied { .. } => "replied",
            Self::Resumed { .. } => "resumed",
            Self::Inspected { .. } => "inspected",
            Self::Overwritten { .. } => "overwritten",
            Self::Narrowed { .. } => "narrowed",
            Self::Acquitted { .. } => "acquitted",
            Self::Recovered { .. } => "recovered",
        }
    }
}

/// Why a change set is no suspect any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Narrowing {
    /// It was put back, and what hurts stayed.
    DidNotHelp,
    /// It stays: its own watch ended well, or a person said so.
    Stays,
    /// Somebody moved its setting, and what hurts stayed.
    Moved,
}

impl Narrowing {
    /// The words after its name: `C5 was put back and it did not help`.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::DidNotHelp => "was put back and it did not help",
            Self::Stays => "is no suspect any more",
            Self::Moved => "was moved again by somebody and it did not help",
        }
    }
}

/// Whether the harm for which something is put back is still there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// It is: nothing says otherwise since the verdict.
    #[default]
    StillBad,
    /// It went away.
    Gone,
    /// It cannot be told yet: too little was measured since the target was away.
    Unknown,
}

/// What the engine says to a write. Only `Effective` may ever be called "rolled back".
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteReply {
    /// Written, and read back as effective in a fresh session, from the expected source.
    Effective {
        /// What each part of it took.
        timing: WriteTiming,
    },
    /// Written, but a fresh session does not see the wanted value.
    NotEffective {
        /// What was found instead.
        found: Found,
    },
    /// Written; takes effect at the next restart.
    RestartPending,
    /// Something unexpected stood there; nothing was written.
    Conflict {
        /// What was found.
        found: Found,
    },
    /// The server or a precondition refused; nothing was written.
    Refused {
        /// Its words.
        why: String,
    },
    /// The reply was lost: the target must be asked.
    Unknown {
        /// What happened.
        why: String,
    },
}

/// Seconds that the parts of a write took.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct WriteTiming {
    /// Taking the lock.
    pub lock_s: f64,
    /// Comparing with what is expected.
    pub check_s: f64,
    /// Writing and reloading.
    pub write_s: f64,
    /// Reading back in a fresh session.
    pub read_back_s: f64,
}

/// What is to be done. A closed list: the shell can do nothing else.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    /// Write to a target.
    Write(Write),
    /// Ask a target what stands at the settings of an open intent.
    Inspect(Write),
    /// Get a person.
    Page(Page),
}

/// A call for a person.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Page {
    /// About which change set.
    pub change_set: ChangeSetId,
    /// What happened, in one line.
    pub message: String,
    /// What to type next.
    pub next: Vec<String>,
    /// The plan that was running, if one was.
    pub plan: Option<PlanHash>,
}

/// Large parts of an event are shared with the state that it leads to; written as what they hold.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &Arc<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}
