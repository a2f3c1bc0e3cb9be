//! Changes of a database under load, seen through a few metrics with roles: every kind of harm, load
//! that only moves, and days on which something else happens.

use backstay_model::{Span, Timestamp};

use crate::case::{Case, Family, Kind, Part, Truth};
use crate::event::{Down, Event};
use crate::meter::Meter;
use crate::plant::{Influence, Plant, Restless};
use crate::trouble;
use backstay_chance::Dice;

/// 2026-03-02T00:00:00Z, a Monday.
const MONDAY_S: i64 = 1_772_409_600;
const DAY_S: usize = 86_400;
/// Share of recordings with gaps, doubles or missing numbers.
const TROUBLED: f64 = 0.08;

const fn harm(name: &'static str) -> Kind {
    kind(name, Truth::Harm, Part::Open)
}

const fn harmless(name: &'static str) -> Kind {
    kind(name, Truth::Harmless, Part::Open)
}

const fn load(name: &'static str) -> Kind {
    kind(name, Truth::LoadShift, Part::Open)
}

const fn kind(name: &'static str, truth: Truth, part: Part) -> Kind {
    Kind { name, truth, part }
}

/// Every kind of change of a database.
pub const KINDS: [Kind; 33] = [
    harm("stall"),
    harm("hang-part"),
    harm("errors"),
    harm("sessions-fail"),
    harm("slow-10x"),
    harm("slow-2x"),
    harm("slow-1.3x"),
    harm("class-slow"),
    harm("ramp"),
    harm("locks"),
    harm("slow-in-surge"),
    harmless("quiet"),
    harmless("improvement"),
    harmless("transient"),
    harmless("variance"),
    harmless("neighbour"),
    harmless("restart"),
    harmless("drift"),
    harmless("troubled"),
    load("load-down"),
    load("load-up"),
    load("load-ramp"),
    load("batch"),
    load("daily-edge"),
    kind("leak", Truth::Harm, Part::Opened),
    kind("convoy", Truth::Harm, Part::Opened),
    kind("plan-flip", Truth::Harm, Part::Opened),
    kind("fewer-but-faster", Truth::Harm, Part::Opened),
    kind("retry-storm", Truth::Harm, Part::Opened),
    kind("backup", Truth::Harmless, Part::Opened),
    kind("cold-cache", Truth::Harmless, Part::Opened),
    kind("surge-and-back", Truth::LoadShift, Part::Opened),
    kind("load-waves", Truth::LoadShift, Part::Opened),
];

/// Families of noise that everybody knows.
const OPEN_NOISE: [&str; 4] = ["steady", "contended", "checkpoints", "bursty"];
/// Families of noise of the opened part alone.
const OPENED_NOISE: [&str; 3] = ["pauses", "two-phase", "heavy"];

/// Case `number` of a kind, for one of the open parts: the same arguments, the same bytes.
#[must_use]
pub fn case(kind: Kind, part: Part, number: u64) -> Case {
    let purpose = format!("plant/{}/{}", kind.name, part.seed_word());
    let mut dice = Dice::of(number, &purpose);
    let noise = match part {
        Part::Opened if dice.happens(0.5) => dice.one_of(&OPENED_NOISE),
        _ => dice.one_of(&OPEN_NOISE),
    };
    let frame = Frame::draw(kind, &mut dice);
    let plant = Plant::draw(&mut dice);
    let mut event = Event::draw(kind, frame.horizon, &plant, &mut dice);
    let mut restless = Restless::draw(noise, &mut dice);
    let mut meter = Meter::draw(kind, &frame, &mut dice);
    for i in 0..frame.before + frame.horizon {
        let at = frame.at(i);
        let (demand, slower) = restless.bin(i, &mut dice);
        let mut influence = Influence {
            demand: demand * frame.season(at),
            slower,
            ..Influence::NONE
        };
        let (rows, seconds) = (i as f64 - frame.before as f64, frame.step_s as f64);
        let down = event.work(rows, seconds, &mut influence, &mut dice);
        let jitter = restless.jitter * event.roughness(rows);
        if down == Down::No {
            let beside = (influence.stolen, jitter);
            meter.read(at, &plant.bin(&influence), beside, &mut dice);
        }
    }
    let step = Span::from_secs(frame.step_s);
    let mut columns = meter.columns();
    if kind.name == "troubled" || dice.happens(TROUBLED) {
        trouble::spoil(&mut columns, step, &mut dice);
    }
    Case {
        name: part.name(Family::Plant, &kind, number),
        family: Family::Plant,
        kind,
        noise,
        columns,
        changed_at: frame.at(frame.before),
        onset_at: frame.at(frame.before + event.onset_rows()),
        step,
    }
}

/// When the recording is, and how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    start_s: i64,
    pub(crate) step_s: i64,
    pub(crate) before: usize,
    pub(crate) horizon: usize,
    depth: f64,
}

impl Frame {
    fn draw(kind: Kind, dice: &mut Dice) -> Self {
        let days = kind.name == "daily-edge" || dice.happens(0.12);
        let (step_s, before) = if days {
            (60, dice.whole(2 * 1_440, 6 * 1_440))
        } else {
            let step_s = dice.one_of(&[1, 1, 1, 1, 5]);
            let seconds = match dice.whole(0, 10) {
                0..=3 => dice.log_between(17.0, 60.0),
                4..=6 => dice.log_between(60.0, 600.0),
                _ => dice.log_between(600.0, 7_200.0),
            };
            (step_s, (seconds as usize / step_s as usize).max(17))
        };
        let slow = matches!(
            kind.name,
            "transient" | "restart" | "leak" | "cold-cache" | "surge-and-back"
        );
        let seconds = dice.one_of(if slow {
            &[120.0, 300.0, 600.0]
        } else {
            &[15.0, 30.0, 60.0, 120.0, 300.0, 900.0]
        });
        let horizon = match step_s {
            60 => dice.one_of(&[30, 60, 120]),
            5 => dice.one_of(&[24, 60, 120]),
            _ => seconds as usize,
        };
        // Days end where demand moves fastest.
        let edge_s = 3_600 * dice.one_of(&[6, 7, 8, 17, 21]) + dice.whole(0, 3_600);
        let since_monday_s = if days {
            edge_s + 30 * DAY_S - before * 60
        } else {
            dice.whole(0, DAY_S)
        };
        Self {
            start_s: MONDAY_S + since_monday_s as i64,
            step_s,
            before,
            horizon,
            depth: if days { dice.between(0.2, 0.7) } else { 0.0 },
        }
    }

    fn at(&self, row: usize) -> Timestamp {
        Timestamp::from_secs(self.start_s + self.step_s * row as i64)
    }

    /// How much of the usual demand that time of day has.
    fn season(&self, at: Timestamp) -> f64 {
        let hour = (at.as_secs_f64() / 3_600.0) % 24.0;
        let wave = (std::f64::consts::TAU * (hour - 13.0) / 24.0).cos();
        1.0 - 0.5 * self.depth * (1.0 - wave)
    }
}
