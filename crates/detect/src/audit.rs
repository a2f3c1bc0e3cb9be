//! The realised false-alarm rate: harmless moments are judged as if something had been changed, all
//! the time, and what would have been an alarm is counted. Where that happens more often than was
//! promised, the level is lowered until the promise holds.

use std::collections::VecDeque;

use backstay_model::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Windows older than this are forgotten.
const DAYS: i64 = 30;
/// How far one window moves the level, as a share of the nominal level: with it the long-run rate of
/// alarms is the nominal one whatever the data do (adaptive conformal inference, Gibbs and Candès 2021).
const GAMMA: f64 = 0.2;
/// Lowest level, as a share of the nominal one.
const FLOOR: f64 = 0.1;
/// Highest sum of what quiet windows are credited with, as a share of the nominal level: alarms as rare
/// as promised must not lower anything.
const CREDIT: f64 = 2.0;
/// Share of the nominal level below which a promise that surely was not kept is broken: from the floor
/// up to it, so that one quiet window mends nothing.
const BROKEN: f64 = 0.15;
/// Fewest windows that say anything.
const WINDOWS_MIN: u64 = 20;
/// Standard normal quantile of a 95 % interval.
const Z: f64 = 1.96;
/// The same for saying that a promise is broken: it is asked after every window.
const Z_BROKEN: f64 = 3.0;

/// What came of the harmless windows of one metric, or of the whole decision.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Audit {
    /// Share of harmless windows that may alarm, 0..1: the promise.
    pub nominal: f64,
    /// What windows moved: above `nominal` it is credit for alarms to come.
    work: f64,
    days: VecDeque<Day>,
}

/// Windows of one day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Day {
    /// Days since the epoch, UTC.
    day: i64,
    judged: u64,
    alarmed: u64,
}

/// What the audit says of the promise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// Too few windows to say.
    Learning,
    /// The level is the nominal one.
    Kept,
    /// The level was lowered, so that it is kept.
    Lowered,
    /// The level is about as low as it goes, and alarms surely were too many: nothing may act on it.
    Broken,
}

impl Promise {
    /// The word: `learning`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Kept => "calibrated",
            Self::Lowered => "lowered",
            Self::Broken => "uncalibrated",
        }
    }
}

/// Whether a harmless window would have been an alarm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// It would have.
    Alarmed,
    /// It would not.
    Quiet,
}

impl Audit {
    /// An audit of the promise that a share of `nominal` (0..1) of harmless windows alarms at most.
    #[must_use]
    pub const fn new(nominal: f64) -> Self {
        Self {
            nominal,
            work: nominal,
            days: VecDeque::new(),
        }
    }

    /// The level that is worked at, `nominal / 10 ..= nominal`.
    #[must_use]
    pub fn level(&self) -> f64 {
        self.work.min(self.nominal)
    }

    /// Takes in one window that ended at `at` and was judged at [`Audit::level`]. Windows must not
    /// overlap.
    pub fn note(&mut self, at: Timestamp, window: Window) {
        let day = at.0.div_euclid(86_400_000_000);
        let alarmed = u64::from(window == Window::Alarmed);
        match self.days.back_mut() {
            Some(last) if last.day == day => {
                last.judged += 1;
                last.alarmed += alarmed;
            }
            _ => self.days.push_back(Day {
                day,
                judged: 1,
                alarmed,
            }),
        }
        while self.days.front().is_some_and(|d| d.day <= day - DAYS) {
            self.days.pop_front();
        }
        let gamma = GAMMA * self.nominal;
        let moved = self.work + gamma * (self.nominal - alarmed as f64);
        self.work = moved.clamp(FLOOR * self.nominal, CREDIT * self.nominal);
    }

    /// Windows that were judged in the last 30 days.
    #[must_use]
    pub fn judged(&self) -> u64 {
        self.days.iter().map(|d| d.judged).sum()
    }

    /// Those of them that would have been an alarm.
    #[must_use]
    pub fn alarmed(&self) -> u64 {
        self.days.iter().map(|d| d.alarmed).sum()
    }

    /// The realised rate, 0..1; `None` without windows.
    #[must_use]
    pub fn realised(&self) -> Option<f64> {
        let judged = self.judged();
        (judged > 0).then(|| self.alarmed() as f64 / judged as f64)
    }

    /// The 95 % interval of the realised rate (Wilson 1927); `(0, 1)` without windows.
    #[must_use]
    pub fn interval(&self) -> (f64, f64) {
        self.within(Z)
    }

    /// The interval of `z` standard errors on either side.
    fn within(&self, z: f64) -> (f64, f64) {
        let (n, k) = (self.judged() as f64, self.alarmed() as f64);
        if n <= 0.0 {
            return (0.0, 1.0);
        }
        let (p, z2) = (k / n, z * z);
        let centre = p + z2 / (2.0 * n);
        let half = z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        let over = 1.0 + z2 / n;
        (
            (centre - half).max(0.0) / over,
            (centre + half).min(over) / over,
        )
    }

    /// What stands in front of the level, 0.1..=1: chances are divided by it.
    #[must_use]
    pub fn strictness(&self) -> f64 {
        (self.work / self.nominal.max(f64::MIN_POSITIVE)).clamp(FLOOR, 1.0)
    }

    /// How the promise stands.
    #[must_use]
    pub fn promise(&self) -> Promise {
        if self.strictness() <= BROKEN && self.within(Z_BROKEN).0 > self.nominal {
            Promise::Broken
        } else if self.judged() < WINDOWS_MIN {
            Promise::Learning
        } else if self.strictness() < 1.0 {
            Promise::Lowered
        } else {
            Promise::Kept
        }
    }

    /// Time that is looked back on.
    #[must_use]
    pub const fn memory() -> Span {
        Span(DAYS * 86_400_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    fn hours(h: i64) -> Timestamp {
        Timestamp::from_secs(h * 3_600)
    }

    #[test]
    fn the_interval_is_wilsons() {
        let mut audit = Audit::new(0.05);
        for i in 0..100 {
            let window = if i < 7 {
                Window::Alarmed
            } else {
                Window::Quiet
            };
            audit.note(hours(i), window);
        }
        // 7 of 100: 0.0343 to 0.1375 (Newcombe 1998, method 3).
        let (low, high) = audit.interval();
        assert!(
            (low - 0.0343).abs() < 5e-4 && (high - 0.1375).abs() < 5e-4,
            "{low} {high}"
        );
        assert_eq!(audit.realised(), Some(0.07));
        assert_eq!(Audit::new(0.05).interval(), (0.0, 1.0));
    }

    #[test]
    fn a_level_that_promises_too_much_is_lowered_until_it_keeps_its_word() {
        // The judge's chances are four times too small: at 5 % it would alarm in 20 %.
        let (mut audit, mut random) = (Audit::new(0.05), Random::new(3));
        let mut late = (0_u32, 0_u32);
        for i in 0..4_000 {
            let alarmed = random.unit() < 4.0 * audit.level();
            let window = if alarmed {
                Window::Alarmed
            } else {
                Window::Quiet
            };
            audit.note(hours(i), window);
            if i >= 1_000 {
                late = (late.0 + 1, late.1 + u32::from(alarmed));
            }
        }
        let realised = f64::from(late.1) / f64::from(late.0);
        println!("realised {realised:.4} at nominal 0.05");
        assert!((0.03..=0.06).contains(&realised), "{realised}");
        assert_eq!(audit.promise(), Promise::Lowered);
    }

    #[test]
    fn what_alarms_at_every_level_breaks_the_promise_and_what_is_right_keeps_it() {
        let mut broken = Audit::new(0.01);
        for i in 0..6 {
            broken.note(hours(i), Window::Alarmed);
        }
        assert_eq!(broken.promise(), Promise::Broken);
        // One quiet window mends nothing; a night of them may.
        broken.note(hours(6), Window::Quiet);
        assert_eq!(broken.promise(), Promise::Broken);
        (7..40).for_each(|i| broken.note(hours(i), Window::Quiet));
        assert_eq!(broken.promise(), Promise::Lowered);
        let mut kept = Audit::new(0.05);
        assert_eq!(kept.promise(), Promise::Learning);
        for i in 0..30 {
            kept.note(hours(i), Window::Quiet);
        }
        assert_eq!(kept.promise(), Promise::Kept);
    }

    #[test]
    fn a_promise_that_is_kept_lowers_the_level_little() {
        let (mut audit, mut random) = (Audit::new(0.05), Random::new(9));
        let mut levels = 0.0;
        for i in 0..4_000 {
            let window = if random.unit() < audit.level() {
                Window::Alarmed
            } else {
                Window::Quiet
            };
            audit.note(hours(i), window);
            levels += audit.strictness();
            assert_ne!(audit.promise(), Promise::Broken);
        }
        let mean = levels / 4_000.0;
        println!("mean level {mean:.3} of the nominal one");
        assert!(mean > 0.75, "{mean}");
    }

    #[test]
    fn thirty_days_are_remembered() {
        let mut audit = Audit::new(0.05);
        for i in 0..24 * 60 {
            audit.note(hours(i), Window::Quiet);
        }
        assert_eq!(audit.judged(), 24 * 30);
        let text = serde_json::to_string(&audit).unwrap();
        assert_eq!(serde_json::from_str::<Audit>(&text).unwrap(), audit);
    }
}
