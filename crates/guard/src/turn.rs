//! One turn of the loop: what it will record and tell. Nothing in it is true before the journal has it.

use backstay_journal::Record;
use backstay_model::{ChangeSetId, Command, Event, IntentId, Seq, TargetId, Timestamp};

use crate::news::{News, Tidings};

/// Collects the records and news of one tick.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) now: Timestamp,
    first_seq: Seq,
    pub(crate) records: Vec<Record>,
    pub(crate) news: Vec<News>,
}

impl Turn {
    pub(crate) const fn new(now: Timestamp, next: Seq) -> Self {
        Self {
            now,
            first_seq: next,
            records: Vec::new(),
            news: Vec::new(),
        }
    }

    /// The sequence number of the record that is pushed next; ids of change sets and intents are such
    /// numbers, so they are unique without a counter of their own.
    const fn next_seq(&self) -> u64 {
        self.first_seq.0 + self.records.len() as u64
    }

    pub(crate) const fn next_change_set(&self) -> ChangeSetId {
        ChangeSetId(self.next_seq())
    }

    pub(crate) const fn next_intent(&self) -> IntentId {
        IntentId(self.next_seq())
    }

    pub(crate) fn record(&mut self, record: Record) {
        self.records.push(record);
    }

    /// Records a step in the life of a change set, with what is to be done.
    pub(crate) fn step(
        &mut self,
        target: &TargetId,
        id: ChangeSetId,
        event: Event,
        commands: Vec<Command>,
    ) {
        for command in &commands {
            if let Command::Page(page) = command {
                self.tell(target, Tidings::Paged(page.clone()));
            }
        }
        self.record(Record::Step {
            change_set: id,
            target: target.clone(),
            event,
            commands,
        });
    }

    pub(crate) fn tell(&mut self, target: &TargetId, what: Tidings) {
        self.news.push(News {
            at: self.now,
            target: target.clone(),
            what,
        });
    }
}
