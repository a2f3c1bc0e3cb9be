//! The independent decisions that tests count.

use std::collections::{BTreeMap, VecDeque};

use backstay_model::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::decision::{Decision, Place, Tag};

/// Decisions that are kept; the oldest goes first.
pub const DECISIONS_MAX: usize = 32_768;
/// Decisions older than this are forgotten: four half-lives of co-change, when little is left of them.
pub const AGE_MAX: Span = Span::from_secs(360 * 86_400);
/// Identical change sets of one actor within this time are one decision (dependencies.md, 9.1).
const ROLL_OUT: Span = Span::from_secs(86_400);
/// Recent decisions that a roll-out is looked for among.
const RECENT_MAX: usize = 16_384;
/// From this many settings on, a change set is copied rather than decided when it was seen before.
pub(crate) const TEMPLATE_FROM: usize = 5;
/// Templates that are remembered.
const TEMPLATES_MAX: usize = 1_024;
/// Share of common settings among all settings of two sets from which they are one template.
const ALIKE: f64 = 0.5;
/// Settings that may follow one decision; more are not noted.
const FOLLOWED_MAX: usize = 24;

/// What keeps decisions comparable: only within one stratum they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct Stratum {
    /// The team, or the target where no team is known.
    pub(crate) team: Tag,
    /// Quarters of a year since the epoch.
    pub(crate) quarter: i64,
    pub(crate) major: u32,
    /// Whether it has as many settings as a template.
    pub(crate) breadth: Breadth,
}

/// How many settings a decision has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) enum Breadth {
    Few,
    Many,
}

impl Breadth {
    pub(crate) const fn of(settings: usize) -> Self {
        if settings < TEMPLATE_FROM {
            Self::Few
        } else {
            Self::Many
        }
    }
}

/// Number of an independent decision.
pub(crate) type Number = u64;

/// A decision as it is kept.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) at: Timestamp,
    pub(crate) actor: Tag,
    /// Its stratum's place in [`Log::strata`].
    pub(crate) stratum: u32,
    /// In order.
    pub(crate) settings: Vec<Place>,
    /// Settings that other decisions changed on the same target soon after, in order.
    pub(crate) followed: Vec<Place>,
}

/// Whether a decision is a new one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Independent {
    /// It is, with this number.
    Yes(Number),
    /// It is one more target of this decision.
    RollOut(Number),
    /// It is a copy of a template.
    Copy,
}

/// Strata by number, with how many decisions they hold. Numbers of empty ones are given anew.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Strata {
    numbers: BTreeMap<Stratum, u32>,
    sizes: Vec<(Stratum, u32)>,
    free: Vec<u32>,
}

impl Strata {
    fn enter(&mut self, stratum: Stratum) -> u32 {
        let number = self.numbers.get(&stratum).copied().unwrap_or_else(|| {
            let number = self.free.pop().unwrap_or_else(|| {
                self.sizes.push((stratum, 0));
                self.sizes.len() as u32 - 1
            });
            self.sizes[number as usize] = (stratum, 0);
            self.numbers.insert(stratum, number);
            number
        });
        self.sizes[number as usize].1 += 1;
        number
    }

    fn leave(&mut self, number: u32) {
        let (stratum, size) = &mut self.sizes[number as usize];
        *size -= 1;
        if *size == 0 {
            self.numbers.remove(stratum);
            self.free.push(number);
        }
    }
}

/// The decisions of an engine, oldest first.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Log {
    kept: VecDeque<Kept>,
    strata: Strata,
    /// Number of the oldest that is kept.
    first: Number,
    /// Decisions of the last day by their fingerprint.
    recent: BTreeMap<Tag, (Timestamp, Number)>,
    /// The same by time.
    by_time: VecDeque<(Timestamp, Tag)>,
    /// Sets of settings of broad decisions, oldest first.
    templates: VecDeque<Vec<Place>>,
}

impl Log {
    /// Takes in a decision, unless it is one that is known.
    pub(crate) fn put(&mut self, decision: &Decision, stratum: Stratum) -> Independent {
        self.forget(decision.at);
        let fingerprint = decision.fingerprint();
        if let Some((_, number)) = self.recent.get(&fingerprint) {
            return Independent::RollOut(*number);
        }
        let settings = decision.places();
        if settings.len() >= TEMPLATE_FROM {
            if self.templates.iter().any(|t| alike(t, &settings)) {
                return Independent::Copy;
            }
            if self.templates.len() == TEMPLATES_MAX {
                self.templates.pop_front();
            }
            self.templates.push_back(settings.clone());
        }
        let number = self.first + self.kept.len() as u64;
        self.kept.push_back(Kept {
            at: decision.at,
            actor: decision.actor,
            stratum: self.strata.enter(stratum),
            settings,
            followed: Vec::new(),
        });
        self.recent.insert(fingerprint, (decision.at, number));
        self.by_time.push_back((decision.at, fingerprint));
        Independent::Yes(number)
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((at, fingerprint)) = self.by_time.front() {
            if now.since(*at) <= ROLL_OUT && self.by_time.len() <= RECENT_MAX {
                break;
            }
            self.recent.remove(fingerprint);
            self.by_time.pop_front();
        }
    }

    /// Drops what is too old or too much; calls `gone` with each.
    pub(crate) fn trim(&mut self, now: Timestamp, mut gone: impl FnMut(&Kept)) {
        while let Some(oldest) = self.kept.front() {
            if self.kept.len() <= DECISIONS_MAX && now.since(oldest.at) <= AGE_MAX {
                break;
            }
            gone(oldest);
            self.strata.leave(oldest.stratum);
            self.kept.pop_front();
            self.first += 1;
        }
    }

    /// Notes that `setting` was changed after the decision `number` on the same target.
    pub(crate) fn follow(&mut self, number: Number, setting: Place) {
        let place = number.checked_sub(self.first).map(|p| p as usize);
        let Some(kept) = place.and_then(|p| self.kept.get_mut(p)) else {
            return;
        };
        let own = kept.settings.binary_search(&setting).is_ok();
        if own || kept.followed.len() == FOLLOWED_MAX {
            return;
        }
        if let Err(place) = kept.followed.binary_search(&setting) {
            kept.followed.insert(place, setting);
        }
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Kept> {
        self.kept.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Strata by number, with how many decisions each holds.
    pub(crate) fn strata(&self) -> &[(Stratum, u32)] {
        &self.strata.sizes
    }

    /// Decisions ever taken in.
    pub(crate) fn ever(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    pub(crate) fn bytes(&self) -> usize {
        let lists = |k: &Kept| (k.settings.capacity() + k.followed.capacity()) * size_of::<Place>();
        let kept = self.kept.capacity() * size_of::<Kept>();
        kept + self.kept.iter().map(lists).sum::<usize>()
            + self.recent.len() * 48
            + self.strata.sizes.len() * 100
            + self.by_time.capacity() * size_of::<(Timestamp, Tag)>()
            + self
                .templates
                .iter()
                .map(|t| t.capacity() * size_of::<Place>() + 24)
                .sum::<usize>()
    }
}

/// Whether two sorted sets have at least half of their settings in common.
fn alike(a: &[Place], b: &[Place]) -> bool {
    let both = a.iter().filter(|s| b.binary_search(s).is_ok()).count();
    both as f64 >= ALIKE * (a.len() + b.len() - both) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mining::decision::Touch;

    const STRATUM: Stratum = Stratum {
        team: Tag(0),
        quarter: 0,
        major: 17,
        breadth: Breadth::Few,
    };

    fn decision(target: u64, actor: u64, hour: i64, settings: &[Place]) -> Decision {
        let at = Timestamp::from_secs(hour * 3_600);
        let touch = |s: &Place| Touch {
            setting: *s,
            first_at: at,
            class: Tag(7),
        };
        Decision {
            target: Tag(target),
            actor: Tag(actor),
            at,
            touches: settings.iter().map(touch).collect(),
        }
    }

    #[test]
    fn a_roll_out_is_one_decision_for_a_day() {
        let mut log = Log::default();
        for target in 0..2_000 {
            log.put(
                &decision(target, 1, (target / 100) as i64, &[1, 2]),
                STRATUM,
            );
        }
        assert_eq!(log.ever(), 1);
        assert_eq!(
            log.put(&decision(1, 2, 20, &[1, 2]), STRATUM),
            Independent::Yes(1)
        );
        assert_eq!(
            log.put(&decision(1, 1, 25, &[1, 2]), STRATUM),
            Independent::Yes(2)
        );
        assert_eq!(
            log.put(&decision(1, 1, 26, &[1, 3]), STRATUM),
            Independent::Yes(3)
        );
    }

    #[test]
    fn a_template_counts_once_whoever_copies_it() {
        let mut log = Log::default();
        let whole: Vec<Place> = (0..8).collect();
        assert_eq!(
            log.put(&decision(1, 1, 0, &whole), STRATUM),
            Independent::Yes(0)
        );
        for actor in 2..30 {
            let left_out: Vec<Place> = (0..8).filter(|s| u64::from(*s) != actor % 8).collect();
            let days = i64::try_from(actor).unwrap() * 48;
            assert_eq!(
                log.put(&decision(actor, actor, days, &left_out), STRATUM),
                Independent::Copy
            );
        }
        let other: Vec<Place> = (20..28).collect();
        assert_eq!(
            log.put(&decision(1, 1, 2_000, &other), STRATUM),
            Independent::Yes(1)
        );
    }

    #[test]
    fn the_old_goes_and_the_numbers_stay() {
        let mut log = Log::default();
        for day in 0..400 {
            log.put(&decision(1, 1, day * 24, &[(day % 4) as Place]), STRATUM);
        }
        let mut gone = 0;
        log.trim(Timestamp::from_secs(399 * 86_400), |_| gone += 1);
        assert_eq!((gone, log.len(), log.ever()), (39, 361, 400));
        log.follow(0, 9);
        log.follow(39, 9);
        log.follow(39, 3);
        log.follow(39, 9);
        let oldest = log.iter().next().unwrap();
        assert_eq!(oldest.settings, [3]);
        assert_eq!(oldest.followed, [9]);
    }
}
