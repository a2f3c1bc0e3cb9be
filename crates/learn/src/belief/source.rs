//! Where an item of evidence comes from, how it ages, and what counts as the same place.

use backstay_model::dependency::{Evidence, EvidenceKind};
use backstay_model::{Span, Timestamp};
use serde::{Deserialize, Serialize};

const DAY: i64 = 86_400;
/// Half-life of what was changed together (dependencies.md, 13).
pub const CO_CHANGE_HALF_LIFE: Span = Span::from_secs(90 * DAY);
/// Half-life of measured effects, and of other history without a rule of its own (dependencies.md, 13).
pub const EFFECT_HALF_LIFE: Span = Span::from_secs(180 * DAY);
/// Half-life of incidents: fix pairs and healthy violations (dependencies.md, 13).
pub const INCIDENT_HALF_LIFE: Span = Span::from_secs(365 * DAY);

/// Groups of evidence: sources of one group may share a cause, groups may not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Base rate of a dependency between two settings picked at random; a line only.
    Prior,
    /// Documentation and catalogue texts.
    Text,
    /// Rules over names.
    Naming,
    /// What servers did: verdicts, probes, values that moved with another.
    Runtime,
    /// What happened here: changes, effects, incidents.
    History,
    /// Confirmations and rejections by people who run the installation.
    Person,
    /// Reviewed entries of our own file.
    Review,
    /// What calibration on labelled pairs moves; a line only.
    Calibration,
    /// What is cut off because nothing is certain; a line only.
    Limit,
}

impl Group {
    /// The groups that hold evidence, in the order of the lines.
    pub const EVIDENCE: [Group; 6] = [
        Self::Text,
        Self::Naming,
        Self::Runtime,
        Self::History,
        Self::Person,
        Self::Review,
    ];

    /// The word that a person sees.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Prior => "prior",
            Self::Text => "text",
            Self::Naming => "naming",
            Self::Runtime => "runtime",
            Self::History => "history",
            Self::Person => "person",
            Self::Review => "review",
            Self::Calibration => "calibration",
            Self::Limit => "limit",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let all = Self::EVIDENCE.into_iter();
        all.chain([Self::Prior, Self::Calibration, Self::Limit])
            .find(|g| g.word() == word)
    }

    /// Place among [`Group::EVIDENCE`]; `None` for lines without evidence.
    #[must_use]
    pub fn index(self) -> Option<usize> {
        Self::EVIDENCE.iter().position(|g| *g == self)
    }
}

/// Kind of source, finer than the kind of evidence: history tells its kind by the anchor's first
/// word, `co_change:…`, which [`Source::anchor`] writes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Source {
    /// Documentation; place = anchor before the first colon.
    Documentation,
    /// The server's own catalogue texts.
    Catalogue,
    /// Rules over names.
    Naming,
    /// What a server said.
    Verdict,
    /// Effective values that moved.
    Probe,
    /// Settings changed together.
    CoChange,
    /// A measured effect on a metric.
    Effect,
    /// X changed, trouble, Y changed, recovered; independent per incident.
    Fix,
    /// A relation that holds in every snapshot of a fleet.
    Invariant,
    /// A rule broken without trouble.
    Healthy,
    /// Other history.
    Past,
    /// A person; place = who, so that a change of mind replaces.
    Person,
    /// A reviewed entry.
    Review,
}

impl Source {
    const HISTORY: [Source; 5] = [
        Self::CoChange,
        Self::Effect,
        Self::Fix,
        Self::Invariant,
        Self::Healthy,
    ];

    /// The source of `evidence`.
    #[must_use]
    pub fn of(evidence: &Evidence) -> Self {
        match evidence.kind {
            EvidenceKind::Documentation => Self::Documentation,
            EvidenceKind::Catalogue => Self::Catalogue,
            EvidenceKind::Naming => Self::Naming,
            EvidenceKind::Verdict => Self::Verdict,
            EvidenceKind::Probe => Self::Probe,
            EvidenceKind::Review => Self::Review,
            EvidenceKind::Person => Self::Person,
            EvidenceKind::History => {
                let mut known = Self::HISTORY.into_iter();
                known
                    .find(|s| s.names(&evidence.anchor))
                    .unwrap_or(Self::Past)
            }
        }
    }

    /// First word of an anchor of this source of history.
    const fn tag(self) -> &'static str {
        match self {
            Self::CoChange => "co_change",
            Self::Effect => "effect",
            Self::Fix => "fix",
            Self::Invariant => "invariant",
            Self::Healthy => "healthy",
            Self::Person => "person",
            _ => "history",
        }
    }

    /// Whether the first word of `anchor` is this source's.
    fn names(self, anchor: &str) -> bool {
        let rest = anchor.strip_prefix(self.tag());
        rest.is_some_and(|r| r.is_empty() || r.starts_with(':'))
    }

    /// An anchor of this source of history (or of a person) about `what`: the incident of a fix, the
    /// name of a person, a change-set.
    #[must_use]
    pub fn anchor(self, what: &str) -> String {
        format!("{}:{what}", self.tag())
    }

    /// Its group.
    #[must_use]
    pub const fn group(self) -> Group {
        match self {
            Self::Documentation | Self::Catalogue => Group::Text,
            Self::Naming => Group::Naming,
            Self::Verdict | Self::Probe => Group::Runtime,
            Self::Person => Group::Person,
            Self::Review => Group::Review,
            Self::CoChange
            | Self::Effect
            | Self::Fix
            | Self::Invariant
            | Self::Healthy
            | Self::Past => Group::History,
        }
    }

    /// Time in which an item loses half of its log-odds; `None` for what is bound to versions, or
    /// was said by a person.
    #[must_use]
    pub const fn half_life(self) -> Option<Span> {
        match self {
            Self::CoChange => Some(CO_CHANGE_HALF_LIFE),
            Self::Effect | Self::Invariant | Self::Past => Some(EFFECT_HALF_LIFE),
            Self::Fix | Self::Healthy => Some(INCIDENT_HALF_LIFE),
            _ => None,
        }
    }

    /// Whether the evidence is about a version of the engine rather than about this installation.
    #[must_use]
    pub const fn bound_to_version(self) -> bool {
        !matches!(self.group(), Group::History | Group::Person)
    }

    /// Whether items at different places are independent of each other, so that they add up.
    #[must_use]
    pub const fn replicates(self) -> bool {
        matches!(self, Self::Fix)
    }

    /// The word that a person sees.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Documentation => "documentation",
            Self::Catalogue => "catalogue",
            Self::Naming => "naming",
            Self::Verdict => "server verdict",
            Self::Probe => "probe",
            Self::CoChange => "co-change",
            Self::Effect => "effect",
            Self::Fix => "fix",
            Self::Invariant => "invariant",
            Self::Healthy => "healthy violation",
            Self::Past => "history",
            Self::Person => "person",
            Self::Review => "review",
        }
    }

    /// What counts as one place for this source: several items of it there are one item.
    pub(crate) fn place(self, anchor: &str) -> &str {
        match self {
            // Incidents and people are told apart by what follows the word.
            Self::Fix | Self::Person => {
                let rest = anchor.strip_prefix(self.tag());
                place(rest.and_then(|r| r.strip_prefix(':')).unwrap_or(anchor))
            }
            _ => place(anchor),
        }
    }

    /// Share of the log-odds that an item seen at `seen` still has at `at`, 0..=1.
    #[must_use]
    pub fn remaining(self, seen: Option<Timestamp>, at: Option<Timestamp>) -> f64 {
        match (self.half_life(), seen, at) {
            (Some(half), Some(seen), Some(at)) => faded(at.since(seen), half),
            _ => 1.0,
        }
    }
}

/// `2^(−age / half-life)`, 1 for what is not old yet.
#[must_use]
pub fn faded(age: Span, half_life: Span) -> f64 {
    (-(age.0.max(0) as f64) / half_life.0 as f64).exp2()
}

/// What stands before the first colon.
fn place(anchor: &str) -> &str {
    anchor.split(':').next().unwrap_or_default()
}
