//! What can happen to a simulated target: changes by people, load, trouble, and faults for writers.

use std::fmt;

use backstay_model::{Scope, SettingKey, Span};

/// Something that happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Somebody changes a setting.
    Change(Turn),
    /// The load is so many times as high, for a while or for good.
    Load {
        /// Factor on what is usual.
        times: f64,
        /// How long; `None`: from now on.
        lasts: Option<Span>,
        /// Only this service; `None`: all.
        service: Option<String>,
    },
    /// Somebody else on the host takes a share of its cores, 0..1.
    Neighbour {
        /// The share.
        share: f64,
        /// How long.
        lasts: Span,
    },
    /// A person's session locks what is written to, and is then left idle in its transaction.
    Lock {
        /// Who.
        by: String,
        /// How long.
        lasts: Span,
    },
    /// Metrics cannot be read; everything else goes on.
    Gap {
        /// How long.
        lasts: Span,
    },
    /// Nobody answers at the address.
    Away {
        /// How long.
        lasts: Span,
    },
    /// Somebody restarts the server, in order; it does not answer meanwhile.
    Restart {
        /// How long it takes.
        lasts: Span,
    },
    /// The server crashes and starts again; it does not answer meanwhile.
    Crash {
        /// How long it takes.
        lasts: Span,
    },
    /// The server answers and refuses Backstay's own logins.
    LoginRefused {
        /// How long.
        lasts: Span,
    },
    /// The guard's process dies and is started again.
    GuardDies {
        /// After how long.
        lasts: Span,
    },
    /// A person tells Backstay what to do with a change.
    Request {
        /// Who.
        by: String,
        /// What.
        wish: Wish,
        /// With which change of the story, from 1.
        change: usize,
    },
    /// A person pauses or resumes Backstay.
    Pause {
        /// Who.
        by: String,
        /// Which of the two.
        wish: PauseWish,
    },
}

/// What a person wants done with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Run the plan that was shown.
    Approve,
    /// Let it stand.
    Keep,
    /// Roll it back whatever the verdict.
    Revert,
}

/// Stop writing, or write again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseWish {
    /// Stop.
    Pause,
    /// Go on.
    Resume,
}

/// A setting that is changed by somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// The role that does it, as the log says; `None` when no log tells.
    pub by: Option<String>,
    /// Which setting, and where. A host rule that is set is inserted at its position.
    pub key: SettingKey,
    /// By which door.
    pub door: Door,
    /// The new value; `None` removes the entry.
    pub value: Option<String>,
    /// Why: the comment in the statement.
    pub why: Option<String>,
}

/// How a value gets into the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// A statement, and a reload where one is needed.
    Statement,
    /// An edit of a file, and a reload.
    File,
}

/// What goes wrong with a write of Backstay.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// It is carried out; the answer gets lost.
    LostReply,
    /// Nothing is carried out, and the connection is lost.
    LostRequest,
    /// The entry is written and a command line that appeared meanwhile masks it.
    Masked,
    /// Somebody else writes this value just before.
    Foreign(String),
    /// Another controller holds the lock.
    Refused,
    /// The guard dies before anything is written.
    CrashBefore,
    /// The guard dies after the write.
    CrashAfter,
}

impl Fault {
    /// The words of a scenario file, without the value of a foreign write.
    #[must_use]
    pub const fn words(&self) -> &'static str {
        match self {
            Self::LostReply => "lost reply",
            Self::LostRequest => "lost request",
            Self::Masked => "masked",
            Self::Foreign(_) => "foreign",
            Self::Refused => "refused",
            Self::CrashBefore => "crash before",
            Self::CrashAfter => "crash after",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign(value) => write!(f, "foreign {value}"),
            other => f.write_str(other.words()),
        }
    }
}

/// The words of a scenario file.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change(turn) => write!(f, "{turn}"),
            Self::Load {
                times,
                lasts,
                service,
            } => {
                write!(f, "load x{times}")?;
                if let Some(lasts) = lasts {
                    write!(f, " for {}", seconds(*lasts))?;
                }
                service.iter().try_for_each(|s| write!(f, " on {s}"))
            }
            Self::Neighbour { share, lasts } => {
                write!(f, "neighbour {share} for {}", seconds(*lasts))
            }
            Self::Lock { by, lasts } => write!(f, "{by} locks for {}", seconds(*lasts)),
            Self::Gap { lasts } => write!(f, "gap for {}", seconds(*lasts)),
            Self::Away { lasts } => write!(f, "away for {}", seconds(*lasts)),
            Self::Restart { lasts } => write!(f, "restart for {}", seconds(*lasts)),
            Self::Crash { lasts } => write!(f, "crash for {}", seconds(*lasts)),
            Self::LoginRefused { lasts } => write!(f, "login refused for {}", seconds(*lasts)),
            Self::GuardDies { lasts } => write!(f, "guard dies for {}", seconds(*lasts)),
            Self::Request { by, wish, change } => {
                let word = match wish {
                    Wish::Approve => "approves",
                    Wish::Keep => "keeps",
                    Wish::Revert => "reverts",
                };
                write!(f, "{by} {word} change {change}")
            }
            Self::Pause { by, wish } => match wish {
                PauseWish::Pause => write!(f, "{by} pauses"),
                PauseWish::Resume => write!(f, "{by} resumes"),
            },
        }
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.by.as_deref().unwrap_or("somebody"))?;
        if let Scope::FileRule { rule } = self.key.scope {
            return match &self.value {
                Some(text) => write!(f, "inserts hba rule {rule}: {text}"),
                None => write!(f, "deletes hba rule {rule}"),
            };
        }
        match (&self.key.scope, self.door) {
            (_, Door::File) => f.write_str("edits file")?,
            (Scope::Database { database }, _) => write!(f, "alters database {database}")?,
            (Scope::Role { role }, _) => write!(f, "alters role {role}")?,
            (Scope::RoleInDatabase { role, database }, _) => {
                write!(f, "alters role {role} in database {database}")?;
            }
            _ => f.write_str("alters system")?,
        }
        match &self.value {
            Some(value) => write!(f, " set {} = {value}", self.key.name)?,
            None => write!(f, " reset {}", self.key.name)?,
        }
        self.why
            .iter()
            .try_for_each(|why| write!(f, " /* {why} */"))
    }
}

/// A span as scenario files have it: `90s`.
pub(crate) fn seconds(span: Span) -> String {
    format!("{}s", span.as_secs_f64())
}
