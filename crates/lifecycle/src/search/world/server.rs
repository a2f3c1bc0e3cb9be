//! The server and its engine: how writes go, and what an honest look finds.

use backstay_model::ValueSource;
use backstay_model::change::TakesEffect;
use backstay_model::event::WriteReply;
use backstay_model::plan::{Found, Write};

use super::{Outcome, Safeguard, Val, World};
use crate::invariants::{Invariant, broken_by_write};
use crate::policy::Brake;
use crate::samples;
use crate::state::State;

impl World {
    /// The engine, as its contract has it: look at pause and expiry, compare, write, reload, read back.
    /// `None` when the guard finds that the write is not its business any more.
    pub(super) fn write(&mut self, write: &Write, outcome: Outcome) -> Option<WriteReply> {
        let believed = self.ahead.as_ref().or(self.durable.as_ref());
        if believed.and_then(State::open_intent) != Some(write.intent) {
            return None;
        }
        let broken = broken_by_write(self.durable.as_ref(), write, self.now, self.brake);
        if self.brake == Brake::On && self.rules.has(Safeguard::HeedPause) {
            return Some(WriteReply::Refused {
                why: "paused".into(),
            });
        }
        if self.now >= write.expires_at && self.rules.has(Safeguard::HeedExpiry) {
            return Some(WriteReply::Refused {
                why: "expired".into(),
            });
        }
        let ours = self.file == Val::Good;
        let expected = ours || (self.file == Val::Bad && self.running != Val::Third);
        if !expected && self.rules.has(Safeguard::Compare) {
            return Some(WriteReply::Conflict {
                found: self.stands(),
            });
        }
        if outcome == Outcome::Refuses {
            return Some(WriteReply::Refused {
                why: "permission denied".into(),
            });
        }
        // From here on bytes may reach the server.
        self.blame(broken.first().copied());
        if !expected {
            self.blame(Some(Invariant::Rb2));
        }
        self.put(outcome);
        Some(match outcome {
            Outcome::LosesTheReply | Outcome::FailsAndLosesTheReply | Outcome::StopsHalfWay => {
                samples::unknown()
            }
            _ if !self.rules.has(Safeguard::ReadBack) => samples::effective(),
            _ => self.read_back(),
        })
    }

    fn put(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Works | Outcome::LosesTheReply => {
                self.file = Val::Good;
                self.reload();
            }
            Outcome::StopsHalfWay => self.file = Val::Good,
            Outcome::Masks => {
                self.file = Val::Good;
                self.masked_by = Some(ValueSource::Role);
            }
            Outcome::AcknowledgesAndDoesNothing
            | Outcome::FailsAndLosesTheReply
            | Outcome::Refuses => {}
        }
    }

    pub(super) fn reload(&mut self) {
        if self.by_restart != TakesEffect::AtRestart && self.masked_by.is_none() {
            self.running = self.file;
        }
        self.remember();
    }

    pub(super) fn remember(&mut self) {
        let believed = self.ahead.as_ref().or(self.durable.as_ref());
        if self.running == Val::Good
            && let Some(intent) = believed.and_then(State::open_intent)
        {
            self.ran_good = Some(intent);
        }
    }

    fn read_back(&mut self) -> WriteReply {
        self.remember();
        match self.stands() {
            Found::Effective => samples::effective(),
            Found::Written if self.by_restart == TakesEffect::AtRestart => {
                WriteReply::RestartPending
            }
            found => WriteReply::NotEffective { found },
        }
    }

    /// What an honest look finds.
    pub(super) fn stands(&self) -> Found {
        match (self.file, self.running, &self.masked_by) {
            (Val::Good, _, Some(by)) => Found::Masked { by: by.clone() },
            (Val::Good, Val::Good, None) => Found::Effective,
            (Val::Good, Val::Bad, None) => Found::Written,
            (Val::Bad, Val::Bad | Val::Good, _) => Found::NotApplied,
            (Val::Third, _, _) | (_, Val::Third, _) => samples::foreign("third"),
        }
    }
}
