//! What a server does at and after a change, row by row, as factors on what it usually does: shaped
//! after recorded faults, loads that only move, and changes that do nothing or good.

use backstay_chance::Dice;

use crate::case::{Kind, Truth};

/// What a row is, beside what is usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    /// Factor on completed work.
    pub(super) work: f64,
    /// Factor on the time that work takes.
    pub(super) time: f64,
    /// Factor on sessions that are active.
    pub(super) active: f64,
    /// Factor on the processor time, and on waits for the disks.
    pub(super) busy: (f64, f64),
    /// Failures as a share of the usual work.
    pub(super) failing: f64,
    /// Sessions that wait for locks, as a share of those that are usually active.
    pub(super) locked: f64,
}

impl Moment {
    pub(super) const USUAL: Self = Self {
        work: 1.0,
        time: 1.0,
        active: 1.0,
        busy: (1.0, 1.0),
        failing: 0.0,
        locked: 0.0,
    };

    /// Work, time, and as many sessions as these two keep active (Little's law).
    fn of(work: f64, time: f64) -> Self {
        Self {
            work,
            time,
            active: work * time,
            busy: (work, work),
            ..Self::USUAL
        }
    }

    const fn busy(self, processors: f64, disks: f64) -> Self {
        Self {
            busy: (processors, disks),
            ..self
        }
    }

    /// So far on the way from usual to this.
    fn part(self, share: f64) -> Self {
        let way = |to: f64, from: f64| from + (to - from) * share;
        Self {
            work: way(self.work, 1.0),
            time: way(self.time, 1.0),
            active: way(self.active, 1.0),
            busy: (way(self.busy.0, 1.0), way(self.busy.1, 1.0)),
            failing: self.failing * share,
            locked: self.locked * share,
        }
    }
}

/// How what happens goes over the rows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Course {
    /// At once or within some rows, and it stays.
    Stays { rows: f64 },
    /// It is over after some rows, the last of them fading.
    Passes { rows: f64 },
    /// Over the whole horizon.
    Creeps,
    /// For `long` of each `every` rows.
    Returns { every: usize, long: usize },
    /// From row to row it is more or less of it.
    Shakes { share: f64 },
}

/// One fault, load or nothing, its sizes drawn.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    moment: Moment,
    course: Course,
    horizon: f64,
    /// Rows from the change to its beginning.
    pub(super) onset: usize,
}

impl Fault {
    pub(super) fn draw(kind: Kind, horizon: usize, dice: &mut Dice) -> Self {
        let (moment, course) = match kind.truth {
            Truth::Harm if STOP.contains(&kind.name) && dice.happens(0.45) => {
                let (moment, course) = harm(kind.name, dice);
                (nearly_stopped(moment, dice), course)
            }
            Truth::Harm => harm(kind.name, dice),
            Truth::Harmless | Truth::LoadShift => other(kind.name, horizon, dice),
        };
        let onset = match kind.truth {
            Truth::Harm => dice.whole(0, 3),
            Truth::Harmless | Truth::LoadShift => 0,
        };
        Self {
            moment,
            course,
            horizon: horizon as f64,
            onset,
        }
    }

    /// The row that is `rows` after the change.
    pub(super) fn at(&self, rows: i64, dice: &mut Dice) -> Moment {
        let since = rows - self.onset as i64;
        if since < 0 {
            return Moment::USUAL;
        }
        let (row, since) = (since as usize, since as f64);
        match self.course {
            Course::Stays { rows } => self.moment.part(((since + 1.0) / rows).min(1.0)),
            Course::Passes { rows } if since < rows => self.moment,
            Course::Passes { rows } => self.moment.part((-(since - rows + 1.0) / 1.5).exp()),
            Course::Creeps => self.moment.part((since / (0.8 * self.horizon)).min(1.0)),
            Course::Returns { every, long } if row % every < long => self.moment,
            Course::Returns { .. } => self.moment.part(0.1),
            Course::Shakes { share } => self.moment.part(1.0 - share + 2.0 * share * dice.unit()),
        }
    }
}

/// Faults that in most recordings nearly stop the server.
const STOP: [&str; 7] = [
    "disks-full",
    "processors-taken",
    "slow-network",
    "dump",
    "restore",
    "no-index",
    "flushes",
];

/// Hardly anything completes, and what does had not to wait: mean times say nothing.
fn nearly_stopped(moment: Moment, dice: &mut Dice) -> Moment {
    Moment {
        work: dice.between(0.0, 0.18),
        time: dice.between(0.3, 1.3),
        active: dice.log_between(1.0, 4.0),
        ..moment
    }
}

/// Faults as they are recorded.
fn harm(name: &str, dice: &mut Dice) -> (Moment, Course) {
    let stays = Course::Stays {
        rows: dice.one_of(&[1.0, 1.0, 2.0, 4.0]),
    };
    let shakes = Course::Shakes {
        share: dice.between(0.1, 0.5),
    };
    match name {
        "lock-waits" => {
            let (work, time) = (dice.between(0.35, 0.68), dice.log_between(2.2, 6.0));
            let locked = dice.between(0.4, 2.0);
            let moment = Moment {
                active: (work * time).max(1.1),
                locked,
                ..Moment::of(work, time)
            };
            (moment.busy(work, 0.8), shakes)
        }
        "standstill" => {
            let work = dice.one_of(&[0.0, 0.0, 0.05, 0.12]);
            let moment = Moment {
                // What completes at all is what did not have to wait.
                time: dice.between(0.3, 1.2),
                active: dice.log_between(1.3, 6.0),
                locked: dice.one_of(&[0.0, 1.0]),
                ..Moment::of(work, 1.0)
            };
            (
                moment.busy(dice.between(0.1, 0.5), dice.between(0.1, 1.5)),
                stays,
            )
        }
        "bad-plan" => {
            let (work, time) = (dice.between(0.9, 1.03), dice.log_between(2.0, 4.5));
            (
                Moment::of(work, time).busy(0.6 * time, dice.between(1.0, 2.0)),
                stays,
            )
        }
        "no-index" => {
            let (work, time) = (dice.between(0.1, 0.6), dice.log_between(2.5, 12.0));
            (
                Moment::of(work, time).busy(dice.between(1.5, 5.0), 1.2),
                stays,
            )
        }
        "flushes" => {
            let (work, time) = (dice.between(0.05, 0.4), dice.log_between(3.0, 10.0));
            let every = dice.whole(4, 9);
            let long = dice.whole(2, every - 1);
            let moment = Moment::of(work, time).busy(0.5, dice.between(3.0, 9.0));
            (moment, Course::Returns { every, long })
        }
        "refused" => {
            let failing = dice.between(0.15, 0.8);
            let moment = Moment {
                failing,
                active: 1.0 - 0.8 * failing,
                ..Moment::of(1.0 - 0.9 * failing, dice.between(0.8, 1.05))
            };
            (moment, stays)
        }
        _ => starved(name, (stays, shakes), dice),
    }
}

/// Faults of which a resource is the cause.
fn starved(name: &str, (stays, shakes): (Course, Course), dice: &mut Dice) -> (Moment, Course) {
    match name {
        "disks-full" => {
            let (work, time) = (dice.between(0.25, 0.75), dice.log_between(1.6, 5.0));
            (
                Moment::of(work, time).busy(work, dice.between(3.0, 9.0)),
                shakes,
            )
        }
        "processors-taken" => {
            let (work, time) = (dice.between(0.35, 0.8), dice.log_between(1.4, 3.0));
            (
                Moment::of(work, time).busy(dice.between(2.0, 6.0), 1.0),
                shakes,
            )
        }
        "slow-network" => {
            let (work, time) = (dice.between(0.2, 0.7), dice.log_between(1.8, 6.0));
            let moment = Moment {
                active: (work * time).clamp(0.85, 1.2),
                ..Moment::of(work, time)
            };
            (moment.busy(work, work), stays)
        }
        "dump" | "restore" => {
            let (work, time) = (dice.between(0.45, 0.85), dice.log_between(1.3, 2.8));
            let disks = dice.between(2.0, 7.0);
            (
                Moment::of(work, time).busy(dice.between(1.0, 2.0), disks),
                shakes,
            )
        }
        // Space, memory or connections that run out.
        _ => {
            let (work, time) = (dice.between(0.3, 0.7), dice.log_between(2.0, 6.0));
            (Moment::of(work, time).busy(1.5, 1.5), Course::Creeps)
        }
    }
}

/// Load that moves, and what harms nobody.
fn other(name: &str, horizon: usize, dice: &mut Dice) -> (Moment, Course) {
    let stays = Course::Stays {
        rows: dice.one_of(&[1.0, 2.0, 5.0]),
    };
    match name {
        "surge" => {
            let (work, time) = (dice.between(1.2, 1.8), dice.log_between(1.5, 4.5));
            (Moment::of(work, time).busy(work * 1.3, work), stays)
        }
        "more-asked" => {
            let (work, time) = (dice.between(1.15, 2.5), dice.between(0.9, 1.25));
            (Moment::of(work, time).busy(work, work), stays)
        }
        "lull" => {
            let (work, time) = (dice.between(0.15, 0.8), dice.between(0.75, 1.0));
            (Moment::of(work, time), stays)
        }
        "ebb" => {
            let (work, time) = (dice.between(0.3, 0.8), dice.between(0.8, 1.0));
            (Moment::of(work, time), Course::Creeps)
        }
        "faster" => {
            let (work, time) = (dice.between(1.0, 1.25), dice.between(0.35, 0.8));
            (Moment::of(work, time).busy(0.8, 0.8), stays)
        }
        "hiccup" => {
            let rows = dice.between(1.0, 2.5 + 0.02 * horizon as f64);
            let (work, time) = (dice.between(0.3, 0.9), dice.log_between(1.3, 4.0));
            (Moment::of(work, time), Course::Passes { rows })
        }
        "busier" => {
            let moment = Moment::USUAL.busy(dice.between(1.2, 2.0), dice.between(1.0, 3.0));
            (moment, stays)
        }
        _ => (Moment::USUAL, stays),
    }
}
