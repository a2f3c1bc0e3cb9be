//! What was seen of one pair.

use std::collections::BTreeSet;

use backstay_model::{EdgeKind, TargetId, Timestamp, Value};
use serde::{Deserialize, Serialize};

use crate::mining::{Way, way};

/// Natural logarithm of 5,000: the word of a probe (dependencies.md, 4).
pub const DERIVED_LOG_LR: f64 = 8.517_193_191_416_238;
/// Independent targets that are needed, without a probe and with one.
pub(super) const TARGETS_ALONE: usize = 2;
pub(super) const TARGETS_PROBED: usize = 1;
/// Targets that are told apart.
const TARGETS_KEPT: usize = 8;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Case {
    targets: BTreeSet<TargetId>,
    /// How often X moved when Y alone was changed, and how often it did not.
    moved: u32,
    still: u32,
    /// Among the moves: X took Y's value; both numbers went the same way; opposite ways.
    equal: u32,
    same_way: u32,
    opposite: u32,
    last: Timestamp,
    pub(super) said: Option<f64>,
}

impl Case {
    pub(super) fn stood_still(&mut self) {
        self.still = self.still.saturating_add(1);
    }

    pub(super) fn moved(
        &mut self,
        target: &TargetId,
        at: Timestamp,
        (y_old, y_new): (&Option<Value>, &Option<Value>),
        (x_old, x_new): (&Option<Value>, &Option<Value>),
    ) {
        if self.targets.len() < TARGETS_KEPT {
            self.targets.insert(target.clone());
        }
        self.moved = self.moved.saturating_add(1);
        self.last = self.last.max(at);
        self.equal += u32::from(x_new.is_some() && x_new == y_new);
        let y = way(y_old.as_ref(), y_new.as_ref());
        let x = way(x_old.as_ref(), x_new.as_ref());
        match (y, x) {
            (Way::Up, Way::Up) | (Way::Down, Way::Down) => self.same_way += 1,
            (Way::Up, Way::Down) | (Way::Down, Way::Up) => self.opposite += 1,
            _ => {}
        }
    }

    /// Natural logarithm of the likelihood ratio, less where X stood still now and then; 0 until the
    /// pair was seen on enough targets, and more often than X stood still or moved by itself.
    pub(super) fn log_lr(&self, restless: u32, targets_min: usize) -> f64 {
        if self.targets.len() < targets_min || self.moved <= self.still || self.moved <= restless {
            return 0.0;
        }
        let (moved, still) = (f64::from(self.moved), f64::from(self.still));
        DERIVED_LOG_LR * (moved - still) / moved
    }

    pub(super) const fn kind(&self) -> Option<EdgeKind> {
        if self.moved == 0 {
            None
        } else if self.equal == self.moved {
            Some(EdgeKind::Overrides)
        } else if self.same_way == self.moved || self.opposite == self.moved {
            Some(EdgeKind::ScalesWith)
        } else {
            None
        }
    }

    pub(super) fn targets(&self) -> usize {
        self.targets.len()
    }

    pub(super) const fn last(&self) -> Timestamp {
        self.last
    }
}
