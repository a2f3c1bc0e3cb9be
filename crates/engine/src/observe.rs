//! What an engine saw, before it is paired into changes.

use backstay_model::{SettingKey, Snapshot, Timestamp};

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
    /// observation.
    pub statements: Vec<Statement>,
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
    /// The settings it names.
    pub keys: Vec<SettingKey>,
    /// The text of its comments: the description.
    pub description: Option<String>,
}
