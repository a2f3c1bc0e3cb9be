//! Dependencies: constraints over settings, their projection to typed edges, and why we believe them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::confidence::Confidence;
use crate::id::TargetId;
use crate::name::{MetricName, ServiceName, SettingName};
use crate::time::Timestamp;

/// Kind of a dependency. The arrow `from -> to` means *from depends on, or is affected by, to*.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// `from` at this value needs `to` at some value.
    Requires,
    /// Both states must not hold together; symmetric.
    ConflictsWith,
    /// `to` limits `from`.
    BoundedBy,
    /// `to` is the switch that decides whether `from` has any effect.
    Enables,
    /// `from` falls back to, or is replaced by, `to`.
    Overrides,
    /// Both draw on one finite resource; symmetric.
    SharesResource,
    /// The effective value or cost of `from` is computed from `to`.
    ScalesWith,
    /// A setting moves a metric; along the arrow.
    Affects,
    /// A service uses a target; along the arrow.
    Uses,
}

impl EdgeKind {
    /// Every kind, in the order of the words.
    pub const ALL: [EdgeKind; 9] = [
        Self::Requires,
        Self::ConflictsWith,
        Self::BoundedBy,
        Self::Enables,
        Self::Overrides,
        Self::SharesResource,
        Self::ScalesWith,
        Self::Affects,
        Self::Uses,
    ];

    /// Stored once, names sorted, walked both ways.
    #[must_use]
    pub const fn symmetric(self) -> bool {
        matches!(self, Self::ConflictsWith | Self::SharesResource)
    }

    /// The word: `bounded_by`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Requires => "requires",
            Self::ConflictsWith => "conflicts_with",
            Self::BoundedBy => "bounded_by",
            Self::Enables => "enables",
            Self::Overrides => "overrides",
            Self::SharesResource => "shares_resource",
            Self::ScalesWith => "scales_with",
            Self::Affects => "affects",
            Self::Uses => "uses",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.word() == word)
    }
}

impl fmt::Display for EdgeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A node of the dependency graph.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKey {
    /// A setting of an engine.
    Setting(SettingName),
    /// A metric.
    Metric(MetricName),
    /// A resource of the host: `memory`, `cpu`, `disk`, `connections`.
    Resource(String),
    /// An application.
    Service(ServiceName),
    /// A watched instance.
    Target(TargetId),
}

impl NodeKey {
    /// The setting called `name`.
    #[must_use]
    pub fn setting(name: &str) -> Self {
        Self::Setting(SettingName::new(name))
    }

    /// The bare name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Setting(n) => n.as_str(),
            Self::Metric(n) => n.as_str(),
            Self::Resource(n) => n,
            Self::Service(n) => n.as_str(),
            Self::Target(n) => n.as_str(),
        }
    }

    /// What kind of node it is, in one word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Setting(_) => "setting",
            Self::Metric(_) => "metric",
            Self::Resource(_) => "resource",
            Self::Service(_) => "service",
            Self::Target(_) => "target",
        }
    }
}

impl fmt::Display for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What happens when a constraint is violated, worst for the unaware last but one: the server says
/// nothing about `Silent` ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Only a recommendation.
    Advice,
    /// The server adjusts the value.
    Clamp,
    /// The server logs a warning.
    Warn,
    /// The server accepts it in silence, and it is wrong.
    Silent,
    /// The server refuses it, now or at its next start.
    Reject,
}

impl Severity {
    /// The word: `reject`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Advice => "advice",
            Self::Clamp => "clamp",
            Self::Warn => "warn",
            Self::Silent => "silent",
            Self::Reject => "reject",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Advice,
            Self::Clamp,
            Self::Warn,
            Self::Silent,
            Self::Reject,
        ]
        .into_iter()
        .find(|s| s.word() == word)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// From where a piece of evidence comes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// The engine's documentation; anchor given.
    Documentation,
    /// The live server's own catalogue texts.
    Catalogue,
    /// Rules over names.
    Naming,
    /// What a scratch server said when a combination was tried.
    Verdict,
    /// A scratch server's other effective values moved.
    Probe,
    /// A reviewed entry of our own overrides file; says which mechanism.
    Review,
    /// This installation's own history of changes.
    History,
    /// A person confirmed or rejected it.
    Person,
}

impl EvidenceKind {
    /// The word a person sees.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Documentation => "documentation",
            Self::Catalogue => "catalogue",
            Self::Naming => "naming",
            Self::Verdict => "server verdict",
            Self::Probe => "probe",
            Self::Review => "review",
            Self::History => "history",
            Self::Person => "person",
        }
    }
}

/// Why we believe a constraint or an edge.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// Its kind.
    pub kind: EvidenceKind,
    /// Where it can be looked up again: documentation anchor, probe record, SQLSTATE, change id.
    pub anchor: String,
    /// Natural logarithm of the likelihood ratio it contributes; negative speaks against.
    pub log_lr: f64,
    /// When it was observed; `None` for what is bound to a version and not to a moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Timestamp>,
}

/// Between which instances a rule holds.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Inside one instance.
    #[default]
    SameNode,
    /// Between a primary and its standbys: the other side's value is written `primary.x`.
    PrimaryStandby,
    /// Between an instance and what stands in front of it: `pgbouncer.x`.
    AcrossInstances,
}

impl Reach {
    /// Whether it is inside one instance.
    #[must_use]
    pub fn is_same_node(&self) -> bool {
        *self == Self::SameNode
    }
}

/// Major versions in which something holds.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// First of them; `None` = as far back as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u32>,
    /// First in which it no longer holds; `None` while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u32>,
}

impl Versions {
    /// Whether it holds in `major`.
    #[must_use]
    pub fn hold_in(&self, major: u32) -> bool {
        self.since.is_none_or(|s| s <= major) && self.until.is_none_or(|u| major < u)
    }

    /// Whether no bound is known.
    #[must_use]
    pub fn unbounded(&self) -> bool {
        *self == Self::default()
    }
}

/// A rule over one or more settings and host resources.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Constraint {
    /// Stable identity inside its pack: `pg.wal_level.archive`.
    pub id: String,
    /// Kind of the edges it projects to.
    pub kind: EdgeKind,
    /// The setting whose value the rule is about.
    pub subject: SettingName,
    /// The other participants.
    pub others: Vec<NodeKey>,
    /// The rule in the expression language; `None` when only the dependency is known.
    pub rule: Option<String>,
    /// What happens when it is violated.
    pub severity: Severity,
    /// One sentence of ours for a person.
    pub note: String,
    /// Why we believe it; at least one.
    pub evidence: Vec<Evidence>,
    /// How sure we are.
    pub confidence: Confidence,
    /// Between which instances it holds.
    #[serde(default, skip_serializing_if = "Reach::is_same_node")]
    pub reach: Reach,
    /// In which major versions it holds.
    #[serde(default, skip_serializing_if = "Versions::unbounded")]
    pub versions: Versions,
}

/// A typed, directed edge, valid from `valid_from` (inclusive) to `valid_to` (exclusive).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Edge {
    /// What depends.
    pub from: NodeKey,
    /// On what it depends.
    pub to: NodeKey,
    /// How.
    pub kind: EdgeKind,
    /// How sure we are.
    pub confidence: Confidence,
    /// Constraint it is projected from, when there is one.
    pub constraint: Option<String>,
    /// The rule, when there is one.
    pub rule: Option<String>,
    /// Why we believe it; at least one.
    pub evidence: Vec<Evidence>,
    /// First moment it holds.
    pub valid_from: Timestamp,
    /// First moment it no longer holds; `Timestamp::OPEN_END` while it does.
    pub valid_to: Timestamp,
}
