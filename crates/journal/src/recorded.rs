//! The proof that a command is in the journal.

use backstay_model::event::Command;
use backstay_model::id::Seq;
use backstay_model::plan::Write;

/// A command that is durably in the journal. No public constructor, no `Clone`, no `Deserialize`:
/// whoever holds one can act on it exactly once.
#[derive(Debug)]
#[must_use = "a recorded command is meant to be carried out"]
pub struct Recorded<C> {
    seq: Seq,
    command: C,
}

impl<C> Recorded<C> {
    pub(crate) const fn new(seq: Seq, command: C) -> Self {
        Self { seq, command }
    }

    /// Where in the journal it stands.
    pub const fn seq(&self) -> Seq {
        self.seq
    }

    /// What is to be done.
    pub const fn command(&self) -> &C {
        &self.command
    }
}

/// A recorded command, by what it needs to be carried out.
#[derive(Debug)]
pub enum Task {
    /// Write to a target.
    Write(Recorded<Write>),
    /// Ask a target what stands at a write's settings. Harmless, but recorded like everything.
    Inspect(Recorded<Write>),
    /// Get a person.
    Page(Recorded<backstay_model::event::Page>),
}

impl Recorded<Command> {
    /// The same record, typed by what it needs.
    #[must_use]
    pub fn into_task(self) -> Task {
        let seq = self.seq;
        match self.command {
            Command::Write(write) => Task::Write(Recorded {
                seq,
                command: write,
            }),
            Command::Inspect(write) => Task::Inspect(Recorded {
                seq,
                command: write,
            }),
            Command::Page(page) => Task::Page(Recorded { seq, command: page }),
        }
    }
}
