//! Changes: who turned which setting from what to what, when, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{ChangeSetId, TargetId};
use crate::time::Timestamp;
use crate::value::{SettingKey, Value, ValueSource};

/// Who made a change. Never guessed: without evidence it is unknown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// Named by evidence.
    Known {
        /// The name: a database role, a person, a pipeline.
        name: String,
        /// What says so.
        via: AuthorEvidence,
    },
    /// Nothing says who it was.
    Unknown,
}

/// What names an author.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorEvidence {
    /// A statement in the server's log.
    ServerLog,
    /// The change was proposed through Backstay.
    Proposal,
    /// The change is Backstay's own write.
    OwnWrite,
}

impl Author {
    /// The name, or `unknown`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Known { name, .. } => name,
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// By which door a change came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Proposed through Backstay.
    Proposed,
    /// Seen in the target.
    Observed,
    /// Written by Backstay itself (a rollback).
    Ours,
}

/// When a change took effect: after `not_before` (old value last seen) and at or before `not_after`
/// (new value first seen). Never an invented instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChangeTime {
    /// The old value was last seen at this moment.
    pub not_before: Timestamp,
    /// The new value was first seen at this moment.
    pub not_after: Timestamp,
    /// The exact moment, when the server's log or commit timestamps give it.
    pub exact: Option<Timestamp>,
}

impl ChangeTime {
    /// The best single moment: the exact one, else the end of the interval.
    #[must_use]
    pub fn best(&self) -> Timestamp {
        self.exact.unwrap_or(self.not_after)
    }
}

/// When a new value begins to work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakesEffect {
    /// At once, or with the reload that made it visible.
    Now,
    /// In sessions that begin after the change.
    NewSessions,
    /// At the next restart of the server (`pending_restart`).
    AtRestart,
    /// Not at all: a stronger source masks it.
    Masked,
}

/// How a setting stands at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// The value a new session gets; `None` when nothing is set in this scope.
    pub effective: Option<Value>,
    /// What gives it that value.
    pub source: ValueSource,
    /// The raw text in the place that statements write: `postgresql.auto.conf` for the instance, the
    /// role/database catalogue otherwise. `None` when there is no entry, and then the inverse of a
    /// SET is a RESET.
    pub entry: Option<Value>,
    /// The files hold another value that waits for a restart.
    pub pending_restart: Pending,
    /// That other value; `None` when none waits, or when the files may not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Box<Waiting>>,
}

/// A value that takes effect at the next restart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// The value as it stands in its file; the built-in one when its last line was taken away.
    pub value: Value,
    /// Where it stands; `None` for a built-in value.
    pub line: Option<FileLine>,
}

/// A line of a configuration file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileLine {
    /// Path as the server reports it.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for FileLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.path, self.line)
    }
}

/// Whether a value waits for a restart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pending {
    /// The running value is the value in the files.
    No,
    /// The files hold another value; it takes effect at the next restart.
    Restart,
}

impl Standing {
    /// Nothing stands here: no value, no entry.
    #[must_use]
    pub fn absent(source: ValueSource) -> Self {
        Self {
            effective: None,
            source,
            entry: None,
            pending_restart: Pending::No,
            waiting: None,
        }
    }

    /// Whether the setting stands otherwise than in `other`. That a line moved within its file is no
    /// difference, nor is a waiting value that only one of the two readings could see.
    #[must_use]
    pub fn differs(&self, other: &Self) -> bool {
        let bare = |standing: &Self| Self {
            waiting: None,
            ..standing.clone()
        };
        let waits = match (&self.waiting, &other.waiting) {
            (Some(own), Some(others)) => own.value != others.value,
            _ => false,
        };
        waits || bare(self) != bare(other)
    }
}

/// One setting of one target going from an old to a new value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Which setting, and where.
    pub key: SettingKey,
    /// How it stood before.
    pub old: Standing,
    /// How it stands now.
    pub new: Standing,
    /// When it took effect.
    pub time: ChangeTime,
    /// Who made it.
    pub author: Author,
    /// The application name of the session that made it, when the server's log gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Why, in the author's words: the comment in the statement; `None` when there is none.
    pub description: Option<String>,
    /// By which door it came.
    pub origin: Origin,
    /// When the new value begins to work.
    pub takes_effect: TakesEffect,
}

impl Change {
    /// The old value as text for a person: `4MB`, `(secret)`, or `not set`.
    #[must_use]
    pub fn old_text(&self) -> String {
        // A value that waited for a restart did not run before it.
        if self.began_to_run() {
            return text_of(self.old.effective.as_ref());
        }
        shown(&self.old, self.takes_effect)
    }

    /// The new value as text for a person.
    #[must_use]
    pub fn new_text(&self) -> String {
        shown(&self.new, self.takes_effect)
    }
}

impl Change {
    /// Whether the running value moved, by a reload or a restart, rather than what waits for one.
    fn began_to_run(&self) -> bool {
        matches!(
            self.takes_effect,
            TakesEffect::Now | TakesEffect::NewSessions
        ) && self.old.pending_restart == Pending::Restart
            && self.old.effective.is_some()
            && self.old.effective != self.new.effective
    }
}

/// In place of a value that waits for a restart in a file that may not be read.
const WAITS_IN_A_FILE: &str = "another value, in a file";

/// The value that a change is about: for one that waits for a restart it is the entry in the files,
/// and so it is for one whose running value the server does not show us.
fn shown(standing: &Standing, takes_effect: TakesEffect) -> String {
    let (entry, effective) = (standing.entry.as_ref(), standing.effective.as_ref());
    if let Some(waiting) = &standing.waiting {
        return waiting.value.to_string();
    }
    if standing.pending_restart == Pending::Restart && entry.is_none() {
        return WAITS_IN_A_FILE.to_owned();
    }
    let value = match takes_effect {
        TakesEffect::AtRestart | TakesEffect::Masked => entry.or(effective),
        TakesEffect::Now | TakesEffect::NewSessions => effective.or(entry),
    };
    text_of(value)
}

fn text_of(value: Option<&Value>) -> String {
    value.map_or_else(|| "not set".to_owned(), ToString::to_string)
}

/// Changes of one target that took effect together; watched, judged and rolled back as one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChangeSet {
    /// Its identity.
    pub id: ChangeSetId,
    /// The target.
    pub target: TargetId,
    /// The changes, at least one, in the order of their keys.
    pub changes: Vec<Change>,
}

impl ChangeSet {
    /// When the first of its changes took effect (best single moment): the start of the watch.
    #[must_use]
    pub fn effective_at(&self) -> Timestamp {
        self.changes
            .iter()
            .map(|c| c.time.best())
            .min()
            .unwrap_or_default()
    }

    /// The latest moment at which a value takes effect among its changes: restart beats new sessions
    /// beats now; masked only when all are.
    #[must_use]
    pub fn takes_effect(&self) -> TakesEffect {
        let live = self
            .changes
            .iter()
            .map(|c| c.takes_effect)
            .filter(|t| *t != TakesEffect::Masked);
        live.max().unwrap_or(TakesEffect::Masked)
    }

    /// The one author, or unknown when there are several or none is known.
    #[must_use]
    pub fn author(&self) -> &Author {
        match self.changes.split_first() {
            Some((first, rest)) if rest.iter().all(|c| c.author == first.author) => &first.author,
            _ => &Author::Unknown,
        }
    }

    /// The first description among its changes.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.changes.iter().find_map(|c| c.description.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    fn standing(running: &str, entry: Option<&str>, pending_restart: Pending) -> Standing {
        Standing {
            effective: Some(Value::text(running)),
            source: ValueSource::Default,
            entry: entry.map(Value::text),
            pending_restart,
            waiting: None,
        }
    }

    fn waits(value: &str, line: u32) -> Standing {
        Standing {
            waiting: Some(Box::new(Waiting {
                value: Value::text(value),
                line: Some(FileLine {
                    path: "/data/postgresql.conf".to_owned(),
                    line,
                }),
            })),
            ..standing("100", None, Pending::Restart)
        }
    }

    #[test]
    fn a_line_that_moves_is_no_difference_and_a_waiting_value_is_one() {
        assert!(!waits("150", 3).differs(&waits("150", 4)));
        assert!(waits("150", 3).differs(&waits("200", 3)));
        // A journal of an older guard holds no waiting values.
        assert!(!waits("150", 3).differs(&standing("100", None, Pending::Restart)));
        assert!(waits("150", 3).differs(&standing("100", None, Pending::No)));
    }

    #[test]
    fn a_value_that_waits_is_never_told_as_the_running_one() {
        let at = TakesEffect::AtRestart;
        let by_hand = standing("100", None, Pending::Restart);
        assert_eq!(shown(&by_hand, at), "another value, in a file");
        assert_eq!(shown(&waits("150", 3), at), "150");
        let by_statement = standing("100", Some("150"), Pending::Restart);
        assert_eq!(shown(&by_statement, at), "150");
        assert_eq!(shown(&standing("100", None, Pending::No), at), "100");
    }

    #[test]
    fn a_value_that_a_restart_made_run_is_told_by_what_ran_before() {
        let change = |old: Standing, new: Standing| Change {
            key: SettingKey::instance("max_connections"),
            old,
            new,
            time: ChangeTime {
                not_before: Timestamp(0),
                not_after: Timestamp(1),
                exact: None,
            },
            author: Author::Unknown,
            application: None,
            description: None,
            origin: Origin::Observed,
            takes_effect: TakesEffect::Now,
        };
        let texts = |c: Change| (c.old_text(), c.new_text());
        let told = |old: &str, new: &str| (old.to_owned(), new.to_owned());
        let woken = change(waits("150", 3), standing("150", None, Pending::No));
        assert_eq!(texts(woken), told("100", "150"));
        let by_hand = standing("100", None, Pending::Restart);
        let woken = change(by_hand, standing("150", None, Pending::No));
        assert_eq!(texts(woken), told("100", "150"));
        // It never ran: what stood there was a value that waited.
        let withdrawn = change(waits("150", 3), standing("100", None, Pending::No));
        assert_eq!(texts(withdrawn), told("150", "100"));
    }
}
