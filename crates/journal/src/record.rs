//! What the journal can hold.

use backstay_model::decision::Mode;
use backstay_model::id::PlanHash;
use backstay_model::snapshot::Server;
use backstay_model::{
    ChangeSet, ChangeSetId, Command, EdgeKind, Event, NodeKey, SettingKey, SnapshotId, TargetId,
    Value,
};
use serde::{Deserialize, Serialize};

use crate::condition::{Condition, Notice, Presence};

/// One thing that happened. Serialised only in the journal's own encoding (see [`crate::entry`]),
/// where a variant's snake-case name is the entry's kind; a retired name never returns.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A guard began to work.
    Started {
        /// Version of the program.
        version: String,
        /// What it watches.
        targets: Vec<Watched>,
        /// The policy it works under, as the configuration gives it; no secrets.
        policy: serde_json::Value,
    },
    /// A guard stopped in order.
    Stopped {
        /// Why, in one line.
        why: String,
    },
    /// The first complete reading of a target since the guard started. The snapshot itself is in the
    /// snapshot store, stored before this entry.
    Baseline {
        /// The target.
        target: TargetId,
        /// Its configuration.
        snapshot: SnapshotId,
        /// The server.
        server: Server,
    },
    /// A change set was seen in a target, or a proposed one was taken in. Its id is the sequence
    /// number of this entry. Also for Backstay's own writes (origin `Ours`), which have no steps.
    Seen {
        /// The changes.
        change_set: ChangeSet,
        /// The configuration after it, in the snapshot store; `None` for a proposal.
        snapshot: Option<SnapshotId>,
    },
    /// A change set moved by one event. Only here can commands stand, and only from here do they come
    /// back as [`crate::Recorded`].
    Step {
        /// Which change set.
        change_set: ChangeSetId,
        /// Its target.
        target: TargetId,
        /// What happened to it.
        event: Event,
        /// What is to be done, in order.
        commands: Vec<Command>,
    },
    /// A target stands differently from now on.
    Condition {
        /// The target.
        target: TargetId,
        /// How it stands.
        condition: Condition,
    },
    /// Something narrows, or no longer narrows, what Backstay sees or may do.
    Notice {
        /// The target; `None` when it is about the guard itself.
        target: Option<TargetId>,
        /// What it is.
        notice: Notice,
        /// Whether it begins or ends.
        presence: Presence,
    },
    /// No write from now on, until resumed.
    Paused {
        /// Who wanted it.
        by: String,
        /// Why, when they said.
        why: Option<String>,
    },
    /// Writes are possible again.
    Resumed {
        /// Who wanted it.
        by: String,
    },
    /// A person asked for something.
    Operator {
        /// Who.
        by: String,
        /// What for.
        request: Request,
        /// What became of it.
        answer: Answer,
    },
    /// The simulator predicted a change, to be scored when the change comes.
    Predicted {
        /// For which target; `None` for a simulation without one.
        target: Option<TargetId>,
        /// The values that were proposed; `None` is a reset.
        wanted: Vec<(SettingKey, Option<Value>)>,
        /// The report as JSON.
        report: serde_json::Value,
    },
    /// A configuration is known to be good: a watch ended well on it.
    KnownGood {
        /// The target.
        target: TargetId,
        /// The configuration, in the snapshot store.
        snapshot: SnapshotId,
        /// The change set whose watch ended well; `None` for a baseline.
        change_set: Option<ChangeSetId>,
    },
    /// The sealed report of a settled change set: root cause, impacted services, steps taken.
    Reported {
        /// Which change set.
        change_set: ChangeSetId,
        /// Its target.
        target: TargetId,
        /// The report as JSON.
        report: serde_json::Value,
    },
    /// A person confirmed or rejected a dependency. The last word of a person on an edge counts.
    Judgement {
        /// Who.
        by: String,
        /// What they said.
        judgement: Judgement,
    },
}

/// What a person says of a dependency.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Judgement {
    /// For which target; `None` for all of this installation.
    pub target: Option<TargetId>,
    /// What depends.
    pub from: NodeKey,
    /// On what it depends.
    pub to: NodeKey,
    /// How.
    pub kind: EdgeKind,
    /// Whether it does.
    pub opinion: Opinion,
    /// Why, when they said.
    pub why: Option<String>,
}

/// Whether a person holds a dependency to be real.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opinion {
    /// It is real.
    Confirmed,
    /// It is not.
    Rejected,
}

impl Opinion {
    /// The word: `confirmed`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
        }
    }
}

/// A target as it is watched.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Watched {
    /// The target.
    pub target: TargetId,
    /// Where it is: host, port, database. No user name, no secret.
    pub address: String,
    /// How far Backstay may go with it.
    pub mode: Mode,
}

/// What a person asks for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Run the plan with this hash.
    Approve {
        /// What it undoes.
        change_set: ChangeSetId,
        /// The plan as it was shown.
        plan: PlanHash,
    },
    /// Do not run the plan.
    Deny {
        /// What it would undo.
        change_set: ChangeSetId,
        /// Why, when they said.
        why: Option<String>,
    },
    /// Keep the change set.
    Keep {
        /// Which.
        change_set: ChangeSetId,
    },
    /// Roll the change set back, whatever the verdict.
    Revert {
        /// Which.
        change_set: ChangeSetId,
    },
    /// Close a rollback that failed.
    Close {
        /// Which.
        change_set: ChangeSetId,
    },
    /// Stop writing.
    Pause,
    /// Allow writing again.
    Resume,
    /// Read and store the configuration of a target now.
    TakeSnapshot {
        /// Which target.
        target: TargetId,
    },
    /// Take a person's word on a dependency.
    Judge(Judgement),
}

impl Request {
    /// The change set it is about.
    #[must_use]
    pub const fn change_set(&self) -> Option<ChangeSetId> {
        match self {
            Self::Approve { change_set, .. }
            | Self::Deny { change_set, .. }
            | Self::Keep { change_set }
            | Self::Revert { change_set }
            | Self::Close { change_set } => Some(*change_set),
            Self::Pause | Self::Resume | Self::TakeSnapshot { .. } | Self::Judge(_) => None,
        }
    }
}

/// What became of a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was taken up.
    Accepted,
    /// It was not.
    Refused {
        /// Why not.
        why: String,
    },
}

impl Record {
    /// Its kind, as it stands in the log: `step`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Stopped { .. } => "stopped",
            Self::Baseline { .. } => "baseline",
            Self::Seen { .. } => "seen",
            Self::Step { .. } => "step",
            Self::Condition { .. } => "condition",
            Self::Notice { .. } => "notice",
            Self::Paused { .. } => "paused",
            Self::Resumed { .. } => "resumed",
            Self::Operator { .. } => "operator",
            Self::Predicted { .. } => "predicted",
            Self::KnownGood { .. } => "known_good",
            Self::Reported { .. } => "reported",
            Self::Judgement { .. } => "judgement",
        }
    }

    /// The change set it is about, if it is about one.
    #[must_use]
    pub const fn change_set(&self) -> Option<ChangeSetId> {
        match self {
            Self::Seen { change_set, .. } => Some(change_set.id),
            Self::Step { change_set, .. } | Self::Reported { change_set, .. } => Some(*change_set),
            Self::Operator { request, .. } => request.change_set(),
            Self::KnownGood { change_set, .. } => *change_set,
            Self::Notice {
                notice: Notice::Durability { change_set, .. } | Notice::LateHarm { change_set, .. },
                ..
            } => Some(*change_set),
            _ => None,
        }
    }

    /// The target it is about, if it is about one.
    #[must_use]
    pub const fn target(&self) -> Option<&TargetId> {
        match self {
            Self::Baseline { target, .. }
            | Self::Step { target, .. }
            | Self::Condition { target, .. }
            | Self::KnownGood { target, .. }
            | Self::Reported { target, .. }
            | Self::Operator {
                request: Request::TakeSnapshot { target },
                ..
            } => Some(target),
            Self::Seen { change_set, .. } => Some(&change_set.target),
            Self::Notice { target, .. } | Self::Predicted { target, .. } => target.as_ref(),
            Self::Judgement { judgement, .. }
            | Self::Operator {
                request: Request::Judge(judgement),
                ..
            } => judgement.target.as_ref(),
            _ => None,
        }
    }

    /// Takes the commands out of it; empty for everything that is not a step.
    pub(crate) fn into_commands(self) -> Vec<Command> {
        match self {
            Self::Step { commands, .. } => commands,
            _ => Vec::new(),
        }
    }
}
