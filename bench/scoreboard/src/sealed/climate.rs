//! What a KPI does by itself: a day of any shape that no day repeats exactly, jobs by the clock, noise
//! that remembers and has heavy tails and another size by night, and what recording makes of it.

use std::f64::consts::TAU;

use backstay_chance::Dice;

use crate::wander::Wander;

pub(super) const DAY: usize = 1_440;
/// Waves that a day is made of.
const WAVES: usize = 5;
/// How long noise remembers, and how much of it does.
const MEMORIES: [(f64, f64); 4] = [(0.4, 0.3), (0.9, 0.4), (0.99, 0.5), (0.998, 0.6)];

/// What recording makes of a rate.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Record {
    /// The number itself.
    Smooth,
    /// Whole steps of that size, as a share of the usual level.
    Grains(f64),
    /// A count.
    Count,
    /// A count that is zero more often than chance, by that share.
    Sparse(f64),
    /// What is left of a hundred.
    OfHundred,
    /// A share of capacity that ends at a hundred.
    Used,
}

/// A job by the clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    /// Minutes from one to the next.
    pub(super) every: usize,
    /// Minute at which it begins.
    pub(super) at: usize,
    /// Minutes it takes.
    pub(super) long: usize,
    /// Factor on the rate.
    pub(super) times: f64,
}

impl Job {
    fn factor(&self, minute: usize) -> f64 {
        let into = (minute + self.every - self.at % self.every) % self.every;
        if into < self.long { self.times } else { 1.0 }
    }
}

/// A KPI and its surroundings.
#[derive(Debug, Clone)]
pub(super) struct Climate {
    pub(super) name: &'static str,
    base: f64,
    waves: [(f64, f64); WAVES],
    depth: f64,
    week: [f64; 7],
    /// How far days differ in height (share) and in time (minutes).
    unlike: (f64, f64),
    pub(super) jobs: Vec<Job>,
    slow: f64,
    fast: f64,
    added: f64,
    freedom: u32,
    /// How much larger noise is at its loudest hour, and which.
    loud: (f64, f64),
    /// How far days differ in how loud they are.
    mood: f64,
    /// Bursts a minute, their height as a share of the level, minutes in which they fade.
    burst: (f64, f64, f64),
    /// Changes of regime a day, and their size.
    regime: (f64, f64),
    /// Share of the second of two components, and its own phase in minutes.
    second: (f64, f64),
    record: Record,
}

/// The ranges that tell families of noise apart.
struct Ranges {
    name: &'static str,
    base: (f64, f64),
    depth: (f64, f64),
    slow: (f64, f64),
    fast: (f64, f64),
    added: f64,
    freedom: [u32; 3],
    burst: f64,
    regime: f64,
    record: [Record; 3],
}

const fn ranges(name: &'static str, base: (f64, f64), depth: (f64, f64)) -> Ranges {
    Ranges {
        name,
        base,
        depth,
        slow: (0.005, 0.03),
        fast: (0.003, 0.03),
        added: 0.0,
        freedom: [4, 8, 30],
        burst: 0.0,
        regime: 0.0,
        record: [Record::Smooth; 3],
    }
}

const ALL: [Ranges; 9] = [
    Ranges {
        record: [Record::Count; 3],
        freedom: [8, 30, 30],
        ..ranges("requests", (60.0, 9_000.0), (0.5, 1.4))
    },
    Ranges {
        record: [Record::Sparse(0.15), Record::Sparse(0.4), Record::Count],
        ..ranges("sparse", (1.0, 14.0), (0.3, 1.1))
    },
    Ranges {
        slow: (0.01, 0.06),
        fast: (0.02, 0.08),
        freedom: [4, 4, 8],
        burst: 0.001,
        record: [Record::Smooth, Record::Smooth, Record::Grains(0.05)],
        ..ranges("duration", (2.0, 800.0), (0.3, 1.0))
    },
    Ranges {
        slow: (0.03, 0.12),
        added: 0.05,
        burst: 0.003,
        record: [Record::Smooth, Record::Count, Record::Grains(0.1)],
        ..ranges("queue", (3.0, 200.0), (0.4, 1.2))
    },
    Ranges {
        slow: (0.03, 0.12),
        fast: (0.05, 0.2),
        burst: 0.002,
        record: [Record::OfHundred; 3],
        ..ranges("percent", (0.1, 4.0), (0.3, 1.1))
    },
    Ranges {
        regime: 0.5,
        added: 0.02,
        burst: 0.001,
        record: [Record::Used, Record::Used, Record::Grains(0.02)],
        ..ranges("usage", (8.0, 55.0), (0.3, 0.9))
    },
    Ranges {
        regime: 0.2,
        record: [Record::Smooth, Record::Count, Record::Smooth],
        ..ranges("jobs", (40.0, 4_000.0), (0.4, 1.2))
    },
    Ranges {
        fast: (0.02, 0.1),
        freedom: [4, 4, 5],
        record: [Record::Smooth, Record::Grains(0.01), Record::Smooth],
        ..ranges("amounts", (100.0, 1e6), (0.5, 1.3))
    },
    Ranges {
        added: 0.04,
        regime: 0.1,
        burst: 0.001,
        ..ranges("mixed", (1.0, 1e5), (0.3, 1.3))
    },
];

/// What is there before it is recorded.
#[derive(Debug, Clone)]
pub(super) struct Course {
    /// What there is a minute, noise that lasts in it.
    pub(super) rate: Vec<f64>,
    /// The part of it that is the second component.
    pub(super) second: Vec<f64>,
    /// Factor on noise that does not last.
    pub(super) rough: Vec<f64>,
    /// What is recorded is no more.
    pub(super) cap: Vec<f64>,
    /// From a row on the same is recorded over and over: itself, or that.
    pub(super) stuck: Option<(usize, Option<f64>)>,
}

impl Climate {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let of = &ALL[dice.whole(0, ALL.len())];
        let wave = |k: usize, dice: &mut Dice| {
            let high = dice.normal() / (k as f64).powf(1.7);
            (high, TAU * dice.unit())
        };
        let mut waves = [(0.0, 0.0); WAVES];
        for (k, place) in waves.iter_mut().enumerate() {
            *place = wave(k + 1, dice);
        }
        let high: f64 = waves.iter().map(|(a, _)| a.abs()).sum();
        waves.iter_mut().for_each(|(a, _)| *a *= 1.4 / high);
        let depth = 0.7 * dice.between(of.depth.0, of.depth.1);
        let weekend = (-0.35 * depth * dice.unit()).exp();
        let mut week = [1.0; 7];
        for (day, factor) in week.iter_mut().enumerate() {
            let usual = if day >= 5 { weekend } else { 1.0 };
            *factor = usual * (0.05 * depth * dice.normal()).exp();
        }
        let jobs = dice.whole(0, 3) + 2 * usize::from(of.name == "jobs");
        Self {
            name: of.name,
            base: dice.log_between(of.base.0, of.base.1),
            waves,
            depth,
            week,
            unlike: (
                depth * dice.between(0.02, 0.1),
                dice.one_of(&[0.0, 3.0, 8.0]),
            ),
            jobs: (0..jobs).map(|_| job(dice)).collect(),
            slow: dice.log_between(of.slow.0, of.slow.1),
            fast: dice.log_between(of.fast.0, of.fast.1),
            added: of.added * dice.unit(),
            freedom: dice.one_of(&of.freedom),
            loud: (dice.one_of(&[0.0, 0.5, 1.5]), TAU * dice.unit()),
            mood: dice.one_of(&[0.0, 0.1, 0.25]),
            burst: (
                of.burst * dice.unit(),
                dice.log_between(0.15, 0.7),
                dice.log_between(1.0, 6.0),
            ),
            regime: (of.regime * dice.unit(), dice.between(0.05, 0.25)),
            second: (dice.between(0.2, 0.55), dice.between(0.0, DAY as f64)),
            record: dice.one_of(&of.record),
        }
    }

    /// Whether more of the rate is shown as less.
    pub(super) fn upside_down(&self) -> bool {
        self.record == Record::OfHundred
    }

    fn wave(&self, minute: f64) -> f64 {
        let angle = TAU * minute / DAY as f64;
        let waves = self.waves.iter().enumerate();
        waves
            .map(|(k, (high, phase))| high * ((k + 1) as f64 * angle + phase).sin())
            .sum()
    }

    /// Factor of the first component at that minute of the time that begins on a Monday.
    pub(super) fn season(&self, minute: f64) -> f64 {
        let day = (minute.max(0.0) / DAY as f64) as usize % 7;
        let next = (day + 1) % 7;
        // One day passes into the other within the last hour before midnight.
        let late = ((minute.rem_euclid(DAY as f64) - 1_380.0) / 60.0).max(0.0);
        let week = self.week[day] * (1.0 - late) + self.week[next] * late;
        week * (self.depth * self.wave(minute)).exp()
    }

    /// The course of `rows` minutes from minute `from` on.
    pub(super) fn course(&self, from: usize, rows: usize, dice: &mut Dice) -> Course {
        let days = rows / DAY + 3;
        let unlike: Vec<(f64, f64)> = (0..days)
            .map(|_| (self.unlike.0 * dice.normal(), self.unlike.1 * dice.normal()))
            .collect();
        let mut wanders: Vec<Wander> = MEMORIES
            .iter()
            .map(|(memory, share)| Wander::new(*memory, share * self.slow, dice))
            .collect();
        let moods: Vec<f64> = (0..days).map(|_| self.mood * dice.normal()).collect();
        let rough = |i: usize| {
            let into = (i % (DAY / 2)) as f64 / (DAY / 2) as f64;
            let (now, next) = (moods[i / DAY], moods[(i + DAY / 2) / DAY]);
            (now + (next - now) * into).exp()
        };
        let (mut regime, mut burst) = (1.0, 0.0);
        let (mut rate, mut second) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for i in 0..rows {
            let (at, into) = (i / DAY, (i % DAY) as f64 / DAY as f64);
            let between = |f: fn(&(f64, f64)) -> f64| {
                f(&unlike[at]) * (1.0 - into) + f(&unlike[at + 1]) * into
            };
            let minute = (from + i) as f64 + between(|u| u.1);
            let first = (1.0 - self.second.0) * self.season(minute);
            let other =
                self.second.0 * (0.5 * self.depth * self.wave(minute + self.second.1)).exp();
            let jobs: f64 = self.jobs.iter().map(|j| j.factor(from + i)).product();
            if dice.happens(0.4 * self.regime.0 / DAY as f64) {
                regime = (self.regime.1 * dice.normal()).exp();
            }
            if dice.happens(self.burst.0) {
                burst += self.burst.1 * dice.between(0.3, 1.7);
            }
            burst *= (-1.0 / self.burst.2).exp();
            let wander: f64 = wanders.iter_mut().map(|w| w.step(dice)).sum();
            let common = self.base * regime * (wander + between(|u| u.0)).exp() * jobs;
            rate.push(common * (first + other + burst));
            second.push(common * other);
        }
        Course {
            rough: (0..rows).map(rough).collect(),
            cap: vec![f64::INFINITY; rows],
            stuck: None,
            rate,
            second,
        }
    }

    /// Deviation of a row's noise where the rate is that, at that minute.
    pub(super) fn deviation(&self, rate: f64, minute: usize) -> f64 {
        let loud = self.loudness(minute);
        let counted = match self.record {
            Record::Count => rate.max(0.0).sqrt(),
            Record::Sparse(zeros) => (rate.max(0.0) * (1.0 + zeros * rate.max(0.0))).sqrt(),
            Record::Grains(grain) => 0.3 * grain * self.base,
            Record::Smooth | Record::OfHundred | Record::Used => 0.0,
        };
        let own = loud * self.fast * rate;
        let added = loud * self.added * self.base;
        let slow = 0.5 * self.slow * rate;
        own.hypot(added).hypot(slow).hypot(counted)
    }

    fn loudness(&self, minute: usize) -> f64 {
        let angle = TAU * (minute % DAY) as f64 / DAY as f64;
        1.0 + self.loud.0 * (0.5 + 0.5 * (angle + self.loud.1).sin())
    }

    /// What is recorded, six digits of it.
    pub(super) fn recorded(&self, course: &Course, from: usize, dice: &mut Dice) -> Vec<f64> {
        let mut values: Vec<f64> = Vec::with_capacity(course.rate.len());
        for (i, rate) in course.rate.iter().enumerate() {
            let loud = self.loudness(from + i) * course.rough[i];
            let tail = dice.student(self.freedom) * if self.freedom < 5 { 0.65 } else { 1.0 };
            let added = loud * self.added * self.base * dice.normal();
            let there = rate * (1.0 + loud * self.fast * tail) + added;
            let there = there.max(0.0).min(course.cap[i]);
            let value = match self.record {
                Record::Smooth => there,
                Record::Grains(share) => {
                    let grain = share * self.base;
                    (there / grain).round() * grain
                }
                Record::Count => dice.count(there),
                Record::Sparse(zeros) if dice.happens(zeros) => 0.0,
                Record::Sparse(zeros) => dice.count(there / (1.0 - zeros)),
                Record::OfHundred => (100.0 - there).max(0.0),
                Record::Used => there.min(100.0),
            };
            let shown = match course.stuck {
                Some((row, Some(value))) if i >= row => value,
                Some((row, None)) if i >= row && row > 0 => values[row - 1],
                _ => value,
            };
            values.push((shown * 1e6).round() / 1e6);
        }
        values
    }
}

fn job(dice: &mut Dice) -> Job {
    let every = dice.one_of(&[60, 60, 360, DAY, DAY, DAY, 7 * DAY]);
    Job {
        every,
        at: dice.whole(0, every),
        long: dice.whole(2, 30).min(every / 6),
        times: dice.one_of(&[0.8, 1.15, 1.3, 1.6, 2.2]),
    }
}
