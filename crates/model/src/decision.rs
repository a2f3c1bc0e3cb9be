//! What may be done, and why it is not done.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::ChangeSetId;
use crate::time::Timestamp;

/// How far Backstay may go. Order: each next one may do more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Watch and say; never write. The default.
    Observe,
    /// Write only a plan that a person approved.
    Approve,
    /// Write by itself when policy and evidence allow it.
    Auto,
}

impl Mode {
    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Approve => "approve",
            Self::Auto => "auto",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Observe, Self::Approve, Self::Auto]
            .into_iter()
            .find(|m| m.word() == word)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Class of a setting: what is at stake when somebody writes it. Each class caps the mode.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingClass {
    /// Reloadable and about performance or behaviour: up to auto.
    Reloadable,
    /// Needs a restart: approve.
    Restart,
    /// Durability, data safety, replication: approve, and reported at once.
    Durability,
    /// Who may log in: approve.
    Authentication,
    /// Holds a secret: approve.
    Secret,
    /// Runs or loads code: observe only, never written.
    CodeRunning,
}

impl SettingClass {
    /// The most that may be done automatically with a setting of this class.
    #[must_use]
    pub const fn most(self) -> Mode {
        match self {
            Self::Reloadable => Mode::Auto,
            Self::Restart | Self::Durability | Self::Authentication | Self::Secret => Mode::Approve,
            Self::CodeRunning => Mode::Observe,
        }
    }

    /// The words a person reads.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Reloadable => "reloadable",
            Self::Restart => "needs a restart",
            Self::Durability => "durability",
            Self::Authentication => "authentication",
            Self::Secret => "secret",
            Self::CodeRunning => "runs code",
        }
    }
}

/// What policy says to a plan.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clearance {
    /// Run it now.
    Automatic,
    /// Hold it for a person, who may run it through Backstay.
    Approval {
        /// Why a person must say yes.
        why: HoldReason,
    },
    /// Hold it; it cannot or must not be run through Backstay.
    Manual {
        /// Why not.
        why: HoldReason,
    },
}

/// Why a change set is held: an operator's turn.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// The target is in observe mode.
    ObserveMode,
    /// The target is in approve mode.
    ApproveMode,
    /// The setting's class asks for a person.
    Class(SettingClass),
    /// The probability of harm is not above the threshold for acting.
    BelowThreshold,
    /// The verdict is statistical and not calibrated well enough for acting alone.
    Uncalibrated,
    /// The watch ended without an answer.
    Inconclusive,
    /// There were not enough data to judge.
    NoData,
    /// The server was gone for so much of the watch that nothing can be said of the change.
    ServerGone {
        /// Since when nobody answered.
        from: Timestamp,
        /// When it answered again; `None` when it had not at the end of the watch.
        until: Option<Timestamp>,
    },
    /// Something else moved as well.
    Confounded,
    /// Several changes overlap, and any of them may be the cause of what hurts.
    Joint {
        /// Those that are left, the most suspect first.
        suspects: Vec<ChangeSetId>,
        /// The one with which people are told of all of them.
        told_with: ChangeSetId,
    },
    /// The load moved.
    WorkloadShift,
    /// The value stands in a file that people own.
    FileOwned {
        /// The file.
        path: String,
    },
    /// The value comes from the server's command line.
    CommandLine,
    /// The old value is back in the files; the server needs a restart.
    RestartNeeded,
    /// A reload would also activate edits of others that wait in the files.
    ForeignEdits {
        /// The settings that would move.
        settings: Vec<String>,
    },
    /// The budget of automatic rollbacks is spent.
    BudgetSpent,
    /// The same setting was rolled back a short while ago.
    CoolDown,
    /// Backstay is paused.
    Paused,
    /// The intent expired before anything was written.
    Expired,
    /// The harm went away before anything was written.
    HarmGone,
    /// The engine refused before anything was written.
    Refused {
        /// Its words.
        why: String,
    },
    /// Going back would bring harm back.
    KnownBad {
        /// The change set that was judged harmful.
        harm_of: ChangeSetId,
        /// The settings that would go to values under which it was; empty: this change ended that harm.
        settings: Vec<String>,
    },
    /// No plan can be made.
    NoPlan {
        /// Why not.
        why: String,
    },
}

/// Begins an engine's refusal when a reload would also activate edits of others; the names of the
/// settings follow, separated by `", "`.
pub const FOREIGN_EDITS: &str = "a reload would also activate waiting edits of ";

impl HoldReason {
    /// The reason of a write that the engine refused with the words `why`.
    #[must_use]
    pub fn refused(why: &str) -> Self {
        match why.strip_prefix(FOREIGN_EDITS) {
            Some(names) => Self::ForeignEdits {
                settings: names.split(", ").map(str::to_owned).collect(),
            },
            None => Self::Refused {
                why: why.to_owned(),
            },
        }
    }
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ObserveMode => f.write_str("observe mode: Backstay does not write here"),
            Self::ApproveMode => f.write_str("approve mode: waits for a person"),
            Self::Class(class) => write!(
                f,
                "settings of class \"{}\" wait for a person",
                class.words()
            ),
            Self::BelowThreshold => {
                f.write_str("the evidence does not outweigh the cost of acting")
            }
            Self::Uncalibrated => {
                f.write_str("the false-alarm rate is not known well enough to act alone")
            }
            Self::Inconclusive => f.write_str("the watch ended without an answer"),
            Self::NoData => f.write_str("not enough data to judge; no data is never \"healthy\""),
            Self::ServerGone { from, until } => {
                write!(f, "not judged, because the server was gone from {from} ")?;
                match until {
                    Some(until) => write!(f, "to {until}"),
                    None => f.write_str("on"),
                }
            }
            Self::Confounded => f.write_str("something else moved as well"),
            Self::Joint { suspects, .. } if suspects.len() < 2 => {
                f.write_str("of the changes that overlapped it is the one that is left")
            }
            Self::Joint { suspects, .. } => {
                f.write_str(
                    "several changes overlap and any of them may be the cause; undo one after the other, \
                     until what hurts is gone: ",
                )?;
                let words: Vec<String> = suspects.iter().map(ToString::to_string).collect();
                f.write_str(&words.join(", then "))
            }
            Self::WorkloadShift => f.write_str("the load moved, not the database"),
            Self::FileOwned { path } => write!(f, "the value stands in {path}, which people own"),
            Self::CommandLine => f.write_str("the value comes from the server's command line"),
            Self::RestartNeeded => f.write_str("takes effect only after a restart of the server"),
            Self::ForeignEdits { settings } => {
                write!(f, "{FOREIGN_EDITS}{}", settings.join(", "))
            }
            Self::BudgetSpent => f.write_str("the budget of automatic rollbacks is spent"),
            Self::CoolDown => f.write_str("the same setting was rolled back a short while ago"),
            Self::Paused => {
                f.write_str("Backstay was paused when that was decided, so it waits for a person")
            }
            Self::HarmGone => f.write_str("the harm went away before anything was written"),
            Self::Expired => f.write_str("the intent expired before anything was written"),
            Self::Refused { why } => write!(f, "the server refused: {why}"),
            Self::KnownBad { harm_of, settings } if settings.is_empty() => write!(
                f,
                "going back is no remedy: it ended what {harm_of} hurts, and {harm_of} still stands"
            ),
            Self::KnownBad { harm_of, settings } => write!(
                f,
                "going back is no remedy: {} would be as it was when {harm_of} hurt",
                settings.join(", ")
            ),
            Self::NoPlan { why } => write!(f, "no plan: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_of_others_are_known_by_the_words_of_the_refusal() {
        let reason = HoldReason::ForeignEdits {
            settings: vec!["work_mem".to_owned(), "jit".to_owned()],
        };
        assert_eq!(HoldReason::refused(&reason.to_string()), reason);
        let why = "no right".to_owned();
        assert_eq!(HoldReason::refused(&why), HoldReason::Refused { why });
    }
}
