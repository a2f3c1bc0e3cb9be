//! What the learner is told, and what it says.

use std::collections::BTreeMap;

use backstay_model::change::Pending;
use backstay_model::name::EngineKind;
use backstay_model::{
    Author, ChangeSetId, EdgeKind, Evidence, MetricName, NodeKey, SettingKey, SettingName,
    TargetId, Timestamp, Value, WorkClass,
};
use serde::{Deserialize, Serialize};

/// Something that happened, as plain data. Observations come in the order of the journal; moments may
/// step back by the minutes in which a change is looked for.
#[derive(Clone, PartialEq, Debug)]
pub enum Observation {
    /// A target runs this server. Before it is said nothing is learnt from the target's changes.
    Server {
        /// The target.
        target: TargetId,
        /// When it was read.
        at: Timestamp,
        /// Its engine.
        engine: EngineKind,
        /// Its major version.
        major: u32,
    },
    /// Somebody changed a setting. Backstay's own writes are not told as changes but as
    /// [`Observation::Reverted`]: they undo, and undoing ties no settings together.
    Change {
        /// The target.
        target: TargetId,
        /// Who.
        author: Author,
        /// When, as exactly as is known.
        at: Timestamp,
        /// The change set it belongs to.
        change_set: ChangeSetId,
        /// Which setting.
        key: SettingKey,
        /// Its value before; `None` when nothing was set.
        old: Option<Value>,
        /// Its value since; `None` when it was taken away.
        new: Option<Value>,
        /// Whether the new value waits for a restart.
        pending: Pending,
    },
    /// The watch over a change set ended.
    Outcome {
        /// The change set.
        change_set: ChangeSetId,
        /// Its target.
        target: TargetId,
        /// When its harm began to show, or else when the watch ended.
        at: Timestamp,
        /// What it did to metrics; empty when nothing could be measured.
        effects: Vec<Measured>,
        /// Whether it hurt.
        harm: Harm,
        /// What kind of work the target did before.
        work: WorkClass,
    },
    /// A target does not behave as usual, and no change set is held responsible.
    Troubled {
        /// Which.
        target: TargetId,
        /// Since when that is known.
        at: Timestamp,
    },
    /// The harm that a target had is gone.
    Recovered {
        /// The target.
        target: TargetId,
        /// When.
        at: Timestamp,
    },
    /// A change set was undone, by Backstay or a person.
    Reverted {
        /// The change set.
        change_set: ChangeSetId,
        /// Its target.
        target: TargetId,
        /// When.
        at: Timestamp,
    },
    /// An effective value moved that nobody wrote: the server derived it.
    Effective {
        /// The target.
        target: TargetId,
        /// When the new value was first seen.
        at: Timestamp,
        /// Which setting.
        key: SettingKey,
        /// The value before.
        old: Option<Value>,
        /// The value since.
        new: Option<Value>,
    },
    /// A setting of the whole instance stands elsewhere than before, whoever moved it.
    Stands {
        /// The target.
        target: TargetId,
        /// Since when.
        at: Timestamp,
        /// Which setting.
        setting: SettingName,
        /// Where it stood.
        before: Comparable,
        /// Where it stands.
        since: Comparable,
        /// Whether that waits for a restart.
        pending: Pending,
    },
    /// A server was restarted: what waited for it works now.
    Restarted {
        /// The target.
        target: TargetId,
        /// When.
        at: Timestamp,
    },
    /// A whole configuration was read.
    Snapshot {
        /// The target.
        target: TargetId,
        /// When.
        at: Timestamp,
        /// Effective values that can be compared.
        values: BTreeMap<SettingName, Reading>,
    },
    /// A person confirmed or rejected a dependency.
    Person {
        /// For which target; `None` for the whole installation.
        target: Option<TargetId>,
        /// What depends.
        from: NodeKey,
        /// On what it depends.
        to: NodeKey,
        /// How.
        kind: EdgeKind,
        /// What they say.
        opinion: Opinion,
        /// Who.
        who: String,
        /// When.
        at: Timestamp,
    },
}

impl Observation {
    /// When it happened.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Server { at, .. }
            | Self::Change { at, .. }
            | Self::Outcome { at, .. }
            | Self::Troubled { at, .. }
            | Self::Recovered { at, .. }
            | Self::Reverted { at, .. }
            | Self::Effective { at, .. }
            | Self::Stands { at, .. }
            | Self::Restarted { at, .. }
            | Self::Snapshot { at, .. }
            | Self::Person { at, .. } => *at,
        }
    }
}

/// What a change did to one metric, after control for what moved without it.
#[derive(Clone, PartialEq, Debug)]
pub struct Measured {
    /// The metric.
    pub metric: MetricName,
    /// The effect: natural logarithm of after over before, positive for more.
    pub d: f64,
    /// Its standard error; positive.
    pub se: f64,
}

/// Whether a change hurt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Harm {
    /// It did.
    Hurt,
    /// It did not.
    Fine,
    /// The data decide nothing.
    Unknown,
}

/// A value that can be compared with others of its dimension.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reading {
    /// What it is.
    pub value: Comparable,
    /// Whether it is the engine's built-in value.
    pub origin: Origin,
}

/// A value without its text.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Comparable {
    /// A number: bytes, microseconds, or plain. Special values (`-1`, unlimited) are
    /// [`Comparable::Nothing`]: they are no sizes.
    Number(Dimension, f64),
    /// A switch.
    Switch(Position),
    /// A text, a list or a word that is not empty.
    Something,
    /// An empty text, an empty list, or a special value.
    Nothing,
}

impl Comparable {
    /// Where it is on a scale on which distances compare: the binary logarithm of a positive number, 1
    /// and 0 for a switch that is on or off; `None` for everything else.
    #[must_use]
    pub fn level(self) -> Option<f64> {
        match self {
            Self::Number(_, number) => Some(number.log2()).filter(|level| level.is_finite()),
            Self::Switch(Position::On) => Some(1.0),
            Self::Switch(Position::Off) => Some(0.0),
            Self::Something | Self::Nothing => None,
        }
    }
}

/// What a number counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Dimension {
    /// Bytes.
    Bytes,
    /// Microseconds.
    Micros,
    /// Things.
    Plain,
}

/// How a switch stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Position {
    /// On.
    On,
    /// Off.
    Off,
}

/// Who chose a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Origin {
    /// Nobody: it is built in.
    Default,
    /// Somebody, or the server derived it.
    Chosen,
}

/// Whether a person holds a dependency to be real.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Opinion {
    /// It is real.
    Confirmed,
    /// It is not.
    Rejected,
}

/// What was learnt.
#[derive(Clone, PartialEq, Debug)]
pub enum Learnt {
    /// Evidence about a dependency. It replaces what was said before with the same ends, extent,
    /// kind of evidence and first word of the anchor (for people and fixes: the whole anchor, because
    /// persons and incidents are told apart); a ratio of one (`log_lr` 0) takes it back. It is never an edge: whether there is one, belief decides over all evidence.
    Evidence {
        /// What depends. When the direction is unknown, the smaller name.
        from: NodeKey,
        /// On what it depends.
        to: NodeKey,
        /// How, when that can be told.
        kind: Option<EdgeKind>,
        /// Whether `from` and `to` may be the other way round.
        direction: Direction,
        /// A relation that holds, in the rule language: `a <= b`.
        rule: Option<String>,
        /// For what it speaks.
        extent: Extent,
        /// The evidence.
        evidence: Evidence,
    },
    /// An effect of a setting on a metric, pooled over all that was measured. It never becomes an edge
    /// between settings.
    Effect(Effect),
}

/// What a setting does to a metric, pooled over changes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Effect {
    /// The setting.
    pub setting: SettingName,
    /// The metric.
    pub metric: MetricName,
    /// Class of the work; [`WorkClass::Unknown`] for all work, whatever its class.
    pub work: WorkClass,
    /// For what it speaks.
    pub extent: Extent,
    /// Mean effect: natural logarithm of after over before, per doubling of the setting or per switch.
    pub mean: f64,
    /// Lower end of the interval in which the next change's effect lies.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// Share of the variation that is real difference between changes, 0..=1.
    pub i2: f64,
    /// Changes it rests on; 0 takes back what was said before.
    pub n: u32,
}

/// Whether the direction of a dependency is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// It is.
    Known,
    /// It may be the other way round.
    Unknown,
}

/// For what something learnt speaks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Extent {
    /// All targets of an engine in this installation.
    Engine(EngineKind),
    /// All targets of an engine and major version in this installation.
    Version(EngineKind, u32),
    /// One target.
    Target(TargetId),
    /// The whole installation.
    Installation,
}
