//! What an engine saw, before it is paired into changes.

use std::collections::BTreeSet;

use backstay_model::{SettingKey, SettingName, Snapshot, Timestamp};

/// The outcome of one cheap look.
#[derive(Debug, Clone, PartialEq)]
pub enum Poll {
    /// Nothing moved.
    Quiet,
    /// Something moved; here is everything.
    Moved(Box<Observation>),
}

/// A complete reading, with the statements that may explain it.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The configuration now.
    pub snapshot: Snapshot,
    /// Statements that touch configuration, seen in the server's log or catalogues since the last
    /// observation; those whose values no reload has activated yet come again next time.
    pub statements: Vec<Statement>,
    /// Settings of the instance whose new value only sessions that begin afterwards get (PostgreSQL's
    /// contexts `backend` and `superuser-backend`).
    pub session_start: BTreeSet<SettingName>,
    /// The last look that found nothing moved; `None` when this is the first.
    pub unmoved_at: Option<Timestamp>,
    /// When the reading was complete, by the clock of `snapshot.taken_at`, which is when it was begun:
    /// what it shows took effect before this moment, perhaps after the other. `None` when reading takes
    /// no time.
    pub complete_at: Option<Timestamp>,
}

impl Observation {
    /// An observation with nothing known beside the configuration and the statements.
    #[must_use]
    pub const fn new(snapshot: Snapshot, statements: Vec<Statement>) -> Self {
        Self {
            snapshot,
            statements,
            session_start: BTreeSet::new(),
            unmoved_at: None,
            complete_at: None,
        }
    }
}

/// The name that stands for every setting of a scope in [`Statement::keys`].
pub const EVERY_SETTING: SettingName = SettingName::from_static("all");

/// Something a person should know about how a target is read: a missing right, a log that cannot be
/// read. Reading goes on without it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notice {
    /// What is missing.
    pub what: String,
    /// What Backstay cannot do because of it.
    pub effect: String,
    /// The statement or command that changes it, if one does.
    pub remedy: Option<String>,
}

/// A statement that touches configuration: who, when, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// When it ran; `None` when only its author is known.
    pub at: Option<Timestamp>,
    /// The role that ran it; `None` when only its time is known (commit timestamps).
    pub role: Option<String>,
    /// The application name it came under.
    pub application: Option<String>,
    /// The settings it names. [`EVERY_SETTING`] as a name stands for all of that scope (`RESET ALL`).
    pub keys: Vec<SettingKey>,
    /// The text of its comments: the description.
    pub description: Option<String>,
}
