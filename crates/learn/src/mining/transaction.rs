//! Changes of one actor on one target that belong together.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::{ChangeSetId, Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::decision::{Decision, Mark, Place, Tag, Touch, class};

/// Longest pause inside a transaction (dependencies.md, 9.1).
pub const GAP: Span = Span::from_secs(5 * 60);
/// Longest transaction: who changes something every minute for hours does not do one thing.
pub const LENGTH_MAX: Span = Span::from_secs(60 * 60);
/// Settings of one transaction, at most. More is a configuration loaded whole, which ties nothing.
pub const SETTINGS_MAX: usize = 16;
/// Transactions open at a time; beyond it the one that would end first ends early.
pub const OPEN_MAX: usize = 16_384;

/// One change, as mining sees it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Arrival {
    pub(crate) target: Tag,
    pub(crate) actor: Tag,
    pub(crate) at: Timestamp,
    pub(crate) change_set: ChangeSetId,
    pub(crate) setting: Place,
    pub(crate) old: Mark,
    pub(crate) new: Mark,
}

/// Who on which target.
type Key = (Tag, Tag);

/// One setting in an open transaction.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Turned {
    first_at: Timestamp,
    old: Mark,
    last_at: Timestamp,
    new: Mark,
}

impl Turned {
    /// Takes in one more change of the same setting, in whatever order they arrive.
    fn extend(&mut self, arrival: &Arrival) {
        let (at, old, new) = (arrival.at, arrival.old, arrival.new);
        if (at, old.rank()) < (self.first_at, self.old.rank()) {
            (self.first_at, self.old) = (at, old);
        }
        if (at, new.rank()) > (self.last_at, self.new.rank()) {
            (self.last_at, self.new) = (at, new);
        }
    }
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Open {
    from: Timestamp,
    until: Timestamp,
    change_set: ChangeSetId,
    /// At most [`SETTINGS_MAX`] + 1: one more says that there were too many.
    turned: BTreeMap<Place, Turned>,
}

impl Open {
    fn new(arrival: &Arrival) -> Self {
        Self {
            from: arrival.at,
            until: arrival.at,
            change_set: arrival.change_set,
            turned: BTreeMap::new(),
        }
    }

    /// Whether a change belongs to it: the same change set, or no long pause in between.
    fn takes(&self, arrival: &Arrival) -> bool {
        let near = arrival.at <= self.until + GAP && arrival.at >= self.from - GAP;
        let short = arrival.at.since(self.from) <= LENGTH_MAX;
        arrival.change_set == self.change_set || (near && short)
    }

    fn put(&mut self, arrival: &Arrival) {
        self.from = self.from.min(arrival.at);
        self.until = self.until.max(arrival.at);
        self.change_set = self.change_set.max(arrival.change_set);
        if let Some(turned) = self.turned.get_mut(&arrival.setting) {
            turned.extend(arrival);
        } else if self.turned.len() <= SETTINGS_MAX {
            let turned = Turned {
                first_at: arrival.at,
                old: arrival.old,
                last_at: arrival.at,
                new: arrival.new,
            };
            self.turned.insert(arrival.setting, turned);
        }
    }

    /// What was decided. What was put back before the end is left out.
    fn close(self, (target, actor): Key) -> Closed {
        if self.turned.len() > SETTINGS_MAX {
            return Closed::Bulk;
        }
        let kept = self.turned.iter().filter(|(_, t)| !t.old.same(&t.new));
        let touches: Vec<Touch> = kept
            .map(|(setting, t)| Touch {
                setting: *setting,
                first_at: t.first_at,
                class: class(&t.old, &t.new),
            })
            .collect();
        if touches.is_empty() {
            return Closed::Undone;
        }
        Closed::Decision(Decision {
            target,
            actor,
            at: self.until,
            touches,
        })
    }
}

/// What became of a transaction.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Closed {
    Decision(Decision),
    /// More settings than a person decides on together.
    Bulk,
    /// Everything was put back before it ended.
    Undone,
}

/// The open transactions.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Transactions {
    open: BTreeMap<Key, Open>,
    /// The same by their last moment.
    by_end: BTreeSet<(Timestamp, Key)>,
    /// The latest moment that was told.
    now: Timestamp,
}

impl Transactions {
    /// Lets time pass until `at`; what ended by then, in the order of the ends.
    pub(crate) fn advance(&mut self, at: Timestamp) -> Vec<Closed> {
        self.now = self.now.max(at);
        let mut closed = Vec::new();
        while let Some((until, key)) = self.by_end.first().copied() {
            if until + GAP >= self.now && self.open.len() <= OPEN_MAX {
                break;
            }
            self.by_end.pop_first();
            closed.extend(self.open.remove(&key).map(|open| open.close(key)));
        }
        closed
    }

    /// Takes in a change; the transaction before it, if it does not belong to that.
    pub(crate) fn put(&mut self, arrival: &Arrival) -> Option<Closed> {
        let key = (arrival.target, arrival.actor);
        let mut before = None;
        if let Some(open) = self.open.remove(&key) {
            self.by_end.remove(&(open.until, key));
            if open.takes(arrival) {
                self.keep(key, open, arrival);
                return None;
            }
            before = Some(open.close(key));
        }
        self.keep(key, Open::new(arrival), arrival);
        before
    }

    fn keep(&mut self, key: Key, mut open: Open, arrival: &Arrival) {
        open.put(arrival);
        self.by_end.insert((open.until, key));
        self.open.insert(key, open);
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
mod tests;
