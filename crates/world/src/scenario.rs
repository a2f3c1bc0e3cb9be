//! Stories as plain text: one statement a line, `#` begins a comment.
//!
//! ```text
//! title    read-only hurts and is rolled back
//! seed     7
//! lasts    150s
//! mode     auto
//! policy   watch 60s
//! file     work_mem = 4MB
//! at 60s   ann alters system set default_transaction_read_only = on /* OPS-77 freeze */
//! at 90s   load x3 for 30s
//! fault    lost reply
//! expect   change 1 noticed within 1s
//! expect   change 1 verdict hurt within 10s
//! expect   change 1 ends as rolled back within 20s
//! expect   default_transaction_read_only = off
//! ```
//!
//! Changes are numbered in the order of their lines. What can happen at a time is in [`Action`], in
//! the very words of its `Display`; a printed scenario reads back as the same.

use std::fmt;

use backstay_model::decision::Mode;
use backstay_model::{SettingKey, Span};

use crate::action::{Action, Fault, Turn, seconds};
use crate::server::Values;

mod actions;
mod expectations;
mod line;
mod parse;

#[cfg(test)]
mod tests;

pub use parse::{ParseError, Problem};

/// A story.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// What it tells, in one line.
    pub title: String,
    /// Where all randomness comes from.
    pub seed: u64,
    /// How long it is played.
    pub lasts: Span,
    /// How far Backstay may go.
    pub mode: Mode,
    /// How patient it is.
    pub policy: Patience,
    /// How rough load and noise are; 1 is usual.
    pub roughness: f64,
    /// Lines of `postgresql.conf` beside the usual ones.
    pub file: Values,
    /// The server's command line.
    pub command_line: Values,
    /// What happens, with the time since the beginning, in the order of the lines.
    pub events: Vec<(Span, Action)>,
    /// What goes wrong with Backstay's writes, one after the other.
    pub faults: Vec<Fault>,
    /// What must come of it.
    pub expectations: Vec<Expectation>,
}

/// How patient Backstay is in a story; shorter than in life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patience {
    /// Length of a watch.
    pub watch: Span,
    /// How often a watch is extended by its own length.
    pub extensions: u32,
    /// How long a symptom may take to go away after a rollback.
    pub recovery: Span,
    /// After this an intent expires.
    pub intent_ttl: Span,
    /// Automatic rollbacks an hour, and a day.
    pub budget: u32,
}

impl Patience {
    /// Watches of a minute, extended once.
    #[must_use]
    pub const fn short() -> Self {
        Self {
            watch: Span::from_secs(60),
            extensions: 1,
            recovery: Span::from_secs(30),
            intent_ttl: Span::from_secs(120),
            budget: 4,
        }
    }
}

/// What must come of a story.
#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// A change is seen so long after it at the latest.
    Noticed {
        /// Number of the change, from 1.
        change: usize,
        /// At the latest.
        within: Option<Span>,
    },
    /// A change comes to a verdict of this kind.
    Verdict {
        /// Number of the change, from 1.
        change: usize,
        /// The word: `hurt`.
        word: String,
        /// At the latest so long after the change.
        within: Option<Span>,
    },
    /// A change never comes to a verdict of this kind.
    NoVerdict {
        /// Number of the change, from 1.
        change: usize,
        /// The word: `healthy`.
        word: String,
    },
    /// A change ends in this state.
    Ends {
        /// Number of the change, from 1.
        change: usize,
        /// The word: `rolled back`.
        word: String,
        /// At the latest so long after the change.
        within: Option<Span>,
    },
    /// So many writes by Backstay.
    Writes(usize),
    /// The value that stands at the end.
    Value {
        /// Which setting.
        key: SettingKey,
        /// Its text; `None`: nothing is set.
        value: Option<String>,
    },
    /// Something with this text is told.
    Told(String),
}

impl Scenario {
    /// A story in which nothing happens.
    #[must_use]
    pub fn quiet(title: &str, seed: u64, lasts: Span) -> Self {
        Self {
            title: title.to_owned(),
            seed,
            lasts,
            mode: Mode::Auto,
            policy: Patience::short(),
            roughness: 1.0,
            file: Values::new(),
            command_line: Values::new(),
            events: Vec::new(),
            faults: Vec::new(),
            expectations: Vec::new(),
        }
    }

    /// Reads a story.
    ///
    /// # Errors
    /// Every line that cannot be read, each with what would be right.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::parse(text)
    }

    /// Its changes with the time of each, in the order of their numbers.
    pub fn changes(&self) -> impl Iterator<Item = (Span, &Turn)> {
        self.events.iter().filter_map(|(at, action)| match action {
            Action::Change(turn) => Some((*at, turn)),
            _ => None,
        })
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = &self.policy;
        writeln!(f, "title {}", self.title)?;
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "lasts {}", seconds(self.lasts))?;
        writeln!(f, "mode {}", self.mode)?;
        writeln!(f, "roughness {}", self.roughness)?;
        writeln!(f, "policy watch {}", seconds(policy.watch))?;
        writeln!(f, "policy extensions {}", policy.extensions)?;
        writeln!(f, "policy recovery {}", seconds(policy.recovery))?;
        writeln!(f, "policy intent_ttl {}", seconds(policy.intent_ttl))?;
        writeln!(f, "policy budget {}", policy.budget)?;
        for (name, value) in &self.file {
            writeln!(f, "file {name} = {value}")?;
        }
        for (name, value) in &self.command_line {
            writeln!(f, "command-line {name} = {value}")?;
        }
        for (at, action) in &self.events {
            writeln!(f, "at {} {action}", seconds(*at))?;
        }
        for fault in &self.faults {
            writeln!(f, "fault {fault}")?;
        }
        self.expectations
            .iter()
            .try_for_each(|e| writeln!(f, "expect {e}"))
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = |f: &mut fmt::Formatter<'_>, within: &Option<Span>| {
            within
                .iter()
                .try_for_each(|w| write!(f, " within {}", seconds(*w)))
        };
        match self {
            Self::Noticed { change, within } => {
                write!(f, "change {change} noticed")?;
                limit(f, within)
            }
            Self::Verdict {
                change,
                word,
                within,
            } => {
                write!(f, "change {change} verdict {word}")?;
                limit(f, within)
            }
            Self::NoVerdict { change, word } => write!(f, "change {change} no verdict {word}"),
            Self::Ends {
                change,
                word,
                within,
            } => {
                write!(f, "change {change} ends as {word}")?;
                limit(f, within)
            }
            Self::Writes(count) => write!(f, "writes {count}"),
            Self::Value { key, value } => {
                let value = value.as_deref().unwrap_or("nothing");
                match expectations::scope_words(&key.scope) {
                    Some(scope) => write!(f, "{scope} {} = {value}", key.name),
                    None => write!(f, "{} = {value}", key.name),
                }
            }
            Self::Told(text) => write!(f, "told {text}"),
        }
    }
}
