//! What kind of work a target does. Effects of settings are compared within a class of work only.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Class of the work that a target did before a change.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum WorkClass {
    /// Short transactions that hardly ever write.
    OltpRead,
    /// Short transactions that read more than they write.
    OltpMixed,
    /// Short transactions that mostly write.
    OltpWrite,
    /// Transactions that go through very many rows.
    Analytic,
    /// Next to nothing.
    Idle,
    /// It was not measured, or fits no class. Journals from before it was told say nothing else.
    #[default]
    #[serde(other)]
    Unknown,
}

impl WorkClass {
    /// Every class, in order; unknown last.
    pub const ALL: [Self; 6] = [
        Self::OltpRead,
        Self::OltpMixed,
        Self::OltpWrite,
        Self::Analytic,
        Self::Idle,
        Self::Unknown,
    ];

    /// The word: `oltp-read`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::OltpRead => "oltp-read",
            Self::OltpMixed => "oltp-mixed",
            Self::OltpWrite => "oltp-write",
            Self::Analytic => "analytic",
            Self::Idle => "idle",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it could be told.
    #[must_use]
    pub const fn told(&self) -> bool {
        !matches!(self, Self::Unknown)
    }

    /// Whether it could not be told: then a journal entry does not mention it.
    #[must_use]
    pub const fn unknown(&self) -> bool {
        !self.told()
    }
}

impl fmt::Display for WorkClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
