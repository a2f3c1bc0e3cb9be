//! What was changed before what on one target.

use std::collections::{BTreeMap, VecDeque};

use backstay_model::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::decision::{Decision, Place, Tag};
use super::log::Number;

/// Last changes that are remembered per target.
pub const RING: usize = 16;
/// Longest time between a change and what follows it (dependencies.md, 9.1: tuning).
pub const FOLLOW_UP: Span = Span::from_secs(86_400);
/// Time constant of follow-ups before any was seen (dependencies.md, 9.1: repair).
const TAU_FIRST: f64 = 1_800.0;
/// Follow-ups that the first time constant stands for.
const TAU_WEIGHT: f64 = 20.0;
/// Targets whose last changes are remembered; beyond it the quarter longest without a change goes.
pub const TARGETS_MAX: usize = 16_384;
/// Pairs of decisions that are known to have followed each other.
const PAIRED_MAX: usize = 65_536;

/// A change that something may follow.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Past {
    at: Timestamp,
    setting: Place,
    decision: Number,
}

/// One setting changed after another.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct FollowUp {
    /// The decision that came first.
    pub(crate) earlier: Number,
    pub(crate) first: Place,
    pub(crate) then: Place,
    /// How strongly they belong together, 0..=1: `exp(−dt/τ)`.
    pub(crate) share: f64,
}

/// The last changes of every target.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sequences {
    rings: BTreeMap<Tag, VecDeque<Past>>,
    /// Pairs of decisions that were counted on some target: a roll-out after a roll-out is one.
    paired: BTreeMap<(Number, Number), Tag>,
    /// Sum and number of the times between, in seconds.
    between: (f64, f64),
}

impl Sequences {
    /// Seconds in which follow-ups become rare: their mean so far, drawn to half an hour.
    pub(crate) fn tau(&self) -> f64 {
        let (sum, n) = self.between;
        (TAU_FIRST * TAU_WEIGHT + sum) / (TAU_WEIGHT + n)
    }

    /// Takes in a decision under its number; what it follows, and what follows it, among the last
    /// changes of its target. A pair of decisions is told for one target only.
    pub(crate) fn put(&mut self, decision: &Decision, number: Number) -> Vec<FollowUp> {
        let mut touches: Vec<_> = decision
            .touches
            .iter()
            .map(|t| (t.first_at, t.setting))
            .collect();
        touches.sort_unstable();
        let mut found = Vec::new();
        let ring = self.rings.entry(decision.target).or_default();
        for past in ring.iter().filter(|p| p.decision != number) {
            let pair = (past.decision.min(number), past.decision.max(number));
            let counted = *self.paired.entry(pair).or_insert(decision.target);
            if counted != decision.target {
                continue;
            }
            found.extend(touches.iter().filter_map(|t| order(*past, *t, number)));
        }
        for (at, setting) in touches {
            if ring.len() == RING {
                ring.pop_front();
            }
            ring.push_back(Past {
                at,
                setting,
                decision: number,
            });
        }
        let tau = self.tau();
        let told = found
            .into_iter()
            .map(|(f, dt)| self.timed(f, dt, tau))
            .collect();
        self.trim();
        told
    }

    fn timed(&mut self, found: FollowUp, dt: f64, tau: f64) -> FollowUp {
        self.between.0 += dt;
        self.between.1 += 1.0;
        FollowUp {
            share: (-dt / tau).exp(),
            ..found
        }
    }

    fn trim(&mut self) {
        while self.paired.len() > PAIRED_MAX {
            self.paired.pop_first();
        }
        if self.rings.len() <= TARGETS_MAX {
            return;
        }
        let last = |ring: &VecDeque<Past>| ring.back().map(|p| p.at);
        let mut ages: Vec<_> = self.rings.values().map(last).collect();
        ages.sort_unstable();
        let oldest_kept = ages[ages.len() / 4];
        self.rings.retain(|_, ring| last(ring) >= oldest_kept);
        // Many at one moment: then the order of the tags decides.
        while self.rings.len() > TARGETS_MAX {
            self.rings.pop_first();
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let ring = |r: &VecDeque<Past>| r.capacity() * size_of::<Past>() + 48;
        self.rings.values().map(ring).sum::<usize>() + self.paired.len() * 40
    }
}

/// Which of the two came first, with the seconds between; `None` when neither did, or too long before.
fn order(past: Past, (at, setting): (Timestamp, Place), number: Number) -> Option<(FollowUp, f64)> {
    let dt = at.since(past.at);
    if past.setting == setting || dt == Span::ZERO || dt.0.saturating_abs() > FOLLOW_UP.0 {
        return None;
    }
    let (earlier, first, then) = if dt > Span::ZERO {
        (past.decision, past.setting, setting)
    } else {
        (number, setting, past.setting)
    };
    let follow_up = FollowUp {
        earlier,
        first,
        then,
        share: 0.0,
    };
    Some((follow_up, dt.as_secs_f64().abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mining::decision::Touch;

    fn decision(target: u64, second: i64, settings: &[Place]) -> Decision {
        let at = Timestamp::from_secs(second);
        let touch = |s: &Place| Touch {
            setting: *s,
            first_at: at,
            class: Tag(0),
        };
        Decision {
            target: Tag(target),
            actor: Tag(1),
            at,
            touches: settings.iter().map(touch).collect(),
        }
    }

    fn pairs(found: &[FollowUp]) -> Vec<(Place, Place)> {
        found.iter().map(|f| (f.first, f.then)).collect()
    }

    #[test]
    fn what_comes_within_a_day_on_one_target_follows() {
        let mut s = Sequences::default();
        assert_eq!(pairs(&s.put(&decision(1, 0, &[1]), 0)), []);
        assert_eq!(pairs(&s.put(&decision(1, 600, &[2]), 1)), [(1, 2)]);
        assert_eq!(pairs(&s.put(&decision(2, 700, &[3]), 2)), []);
        assert_eq!(pairs(&s.put(&decision(1, 86_500, &[3]), 3)), [(2, 3)]);
    }

    #[test]
    fn what_arrives_late_but_happened_before_came_first() {
        let mut s = Sequences::default();
        s.put(&decision(1, 600, &[2]), 0);
        let found = s.put(&decision(1, 300, &[1]), 1);
        assert_eq!(pairs(&found), [(1, 2)]);
        assert_eq!(found[0].earlier, 1);
    }

    #[test]
    fn a_roll_out_after_a_roll_out_counts_once() {
        let mut s = Sequences::default();
        let mut told = 0;
        for host in 0..2_000 {
            s.put(&decision(host, 0, &[1]), 0);
        }
        for host in 0..2_000 {
            told += s.put(&decision(host, 3_600, &[2]), 1).len();
        }
        assert_eq!(told, 1);
    }

    #[test]
    fn the_sooner_the_stronger_and_tau_learns() {
        let mut s = Sequences::default();
        let before = s.tau();
        s.put(&decision(1, 0, &[1]), 0);
        let soon = s.put(&decision(1, 60, &[2]), 1)[0].share;
        s.put(&decision(2, 0, &[1]), 2);
        let late = s.put(&decision(2, 7_200, &[2]), 3)[0].share;
        assert!(soon > 0.9 && late < 0.1, "{soon} {late}");
        assert!(s.tau() > before);
    }

    #[test]
    fn targets_are_bounded() {
        let mut s = Sequences::default();
        for host in 0..(TARGETS_MAX as u64 * 3) {
            s.put(&decision(host, 0, &[1]), host);
        }
        assert!(s.rings.len() <= TARGETS_MAX);
    }
}
