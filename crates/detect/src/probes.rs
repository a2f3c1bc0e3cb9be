//! What the fresh-connection probe and the held connection said before and since the change.

use std::collections::BTreeSet;

use backstay_model::sample::{Held, ProbeStep};
use backstay_model::{ProbeReading, Sample, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Readings kept since the change.
const READINGS_MAX: usize = 60;
/// Error classes kept.
const CLASSES_MAX: usize = 50;

/// One step of a reading, without the server's words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Done,
    Failed(String),
    Hung,
    Skipped,
}

impl Outcome {
    fn of(step: &ProbeStep) -> Self {
        match step {
            ProbeStep::Done { .. } => Self::Done,
            ProbeStep::Failed { class, .. } => Self::Failed(class.clone()),
            ProbeStep::Hung { .. } => Self::Hung,
            ProbeStep::Skipped => Self::Skipped,
        }
    }

    /// Whether there was nobody who could have said no: no listener, or a server on its way up or down.
    fn silent(&self) -> bool {
        match self {
            Self::Hung => true,
            Self::Failed(class) => ["io", "57P01", "57P02", "57P03"].contains(&class.as_str()),
            Self::Done | Self::Skipped => false,
        }
    }

    pub(crate) const fn bad(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Hung)
    }
}

/// One reading since the change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Reading {
    pub(crate) at: Timestamp,
    pub(crate) role: String,
    pub(crate) connect: Outcome,
    pub(crate) read: Outcome,
    pub(crate) write: Outcome,
}

impl Reading {
    fn of(reading: &ProbeReading) -> Self {
        Self {
            at: reading.at,
            role: reading.role.clone(),
            connect: Outcome::of(&reading.connect),
            read: Outcome::of(&reading.read),
            write: Outcome::of(&reading.write),
        }
    }

    pub(crate) fn bad(&self) -> bool {
        self.connect.bad() || self.read.bad() || self.write.bad()
    }
}

/// The record of the probe and of the held connection.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Probes {
    /// Classes of errors that were there before the change.
    pub(crate) known: BTreeSet<String>,
    /// Readings before the change, how many of them did not connect, and how many hung in a step.
    pub(crate) before: u32,
    pub(crate) before_unconnected: u32,
    pub(crate) before_hung: u32,
    /// Readings in a row, up to the moment before which nothing was changed yet, that did not connect,
    /// and that hung.
    #[serde(default)]
    pub(crate) last_unconnected: u32,
    #[serde(default)]
    pub(crate) last_hung: u32,
    /// Until when nothing was changed for sure.
    #[serde(default)]
    unchanged_until: Timestamp,
    /// Readings that began since the change, and how many of them went wrong.
    pub(crate) since: u32,
    pub(crate) since_bad: u32,
    /// The newest of them, oldest first.
    pub(crate) readings: Vec<Reading>,
    /// Newest samples in a row in which the held connection did not answer.
    pub(crate) held_lost: u32,
    /// Whether the held connection ever answered.
    pub(crate) held_answered: Answered,
    /// Whether somebody answered the newest fresh connection, be it with a no.
    door: Door,
    /// The newest time in which nobody answered, neither there nor on the held connection.
    pub(crate) silence: Option<Silence>,
}

/// A time in which nobody answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Silence {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// Whether somebody answered the newest fresh connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
enum Door {
    #[default]
    Answered,
    Silent,
}

/// Whether the held connection ever answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) enum Answered {
    #[default]
    Never,
    Once,
}

impl Probes {
    /// A record for a change before which nothing was changed at `unchanged_until`.
    pub(crate) fn since(unchanged_until: Timestamp) -> Self {
        Self {
            unchanged_until,
            ..Self::default()
        }
    }

    /// Takes in what a sample says; readings that began at or before `change` are the past.
    pub(crate) fn push(&mut self, sample: &Sample, change: Timestamp) {
        match sample.held {
            Held::Answers => (self.held_lost, self.held_answered) = (0, Answered::Once),
            Held::Lost { .. } => self.held_lost += 1,
        }
        for probe in &sample.probes {
            let reading = Reading::of(probe);
            self.door = if reading.connect.silent() {
                Door::Silent
            } else {
                Door::Answered
            };
            if probe.at > change {
                self.take(reading);
            } else {
                self.remember(&reading);
            }
        }
        self.note_silence(sample.at);
    }

    fn note_silence(&mut self, at: Timestamp) {
        if self.held_lost == 0 || self.door == Door::Answered {
            return;
        }
        let goes_on = self.silence.filter(|_| self.held_lost > 1);
        let from = goes_on.map_or(at, |silence| silence.from);
        self.silence = Some(Silence { from, to: at });
    }

    /// Whether nobody answers at `now`, or did not a moment of so long ago.
    pub(crate) fn silent(&self, now: Timestamp, lately: Span) -> bool {
        self.silence.is_some_and(|s| now.since(s.to) <= lately)
    }

    fn take(&mut self, reading: Reading) {
        self.since += 1;
        self.since_bad += u32::from(reading.bad());
        if self.readings.len() == READINGS_MAX {
            self.readings.remove(0);
        }
        self.readings.push(reading);
    }

    fn remember(&mut self, reading: &Reading) {
        self.before += 1;
        self.before_unconnected += u32::from(reading.connect.bad());
        let hung = [&reading.read, &reading.write]
            .into_iter()
            .any(|s| *s == Outcome::Hung);
        self.before_hung += u32::from(hung);
        if reading.at <= self.unchanged_until {
            let in_a_row = |last: u32, again: bool| if again { last + 1 } else { 0 };
            self.last_unconnected = in_a_row(self.last_unconnected, reading.connect.bad());
            self.last_hung = in_a_row(self.last_hung, hung);
        }
        for step in [&reading.connect, &reading.read, &reading.write] {
            if let Outcome::Failed(class) = step
                && self.known.len() < CLASSES_MAX
            {
                self.known.insert(class.clone());
            }
        }
    }

    /// The newest `count` readings since the change.
    pub(crate) fn newest(&self, count: usize) -> &[Reading] {
        &self.readings[self.readings.len().saturating_sub(count)..]
    }

    /// Readings since the change under the role `role`.
    pub(crate) fn of_role(&self, role: &str) -> usize {
        self.readings.iter().filter(|r| r.role == role).count()
    }
}
