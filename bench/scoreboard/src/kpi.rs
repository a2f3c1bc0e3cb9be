//! KPIs as others record and label them: a value a minute, days of history with a past of its own,
//! and a change after which something happens, or nothing.

use backstay_detect::{Column, Point};
use backstay_model::metric::{MetricRole, Worse};
use backstay_model::{MetricName, Span, Timestamp};

use crate::case::{Case, Family, Kind, Part, Truth};
use crate::noise::{self, Course, Noise};
use crate::trouble;
use backstay_chance::Dice;

const DAY_MIN: usize = 1_440;
const WEEK_MIN: usize = 7 * DAY_MIN;
/// 2026-03-02T00:00:00Z, a Monday: minute zero of every week here.
const MONDAY_S: i64 = 1_772_409_600;
/// Share of recordings with gaps, doubles or missing numbers.
const TROUBLED: f64 = 0.12;

/// Every kind of change of a KPI.
pub const KINDS: [Kind; 20] = [
    kind("quiet", Truth::Harmless, Part::Open),
    kind("daily-edge", Truth::Harmless, Part::Open),
    kind("week-edge", Truth::Harmless, Part::Open),
    kind("clock-shift", Truth::Harmless, Part::Open),
    kind("incident-before", Truth::Harmless, Part::Open),
    kind("blip", Truth::Harmless, Part::Open),
    kind("drift", Truth::Harmless, Part::Open),
    kind("troubled", Truth::Harmless, Part::Open),
    kind("step-small", Truth::Harm, Part::Open),
    kind("step", Truth::Harm, Part::Open),
    kind("ramp", Truth::Harm, Part::Open),
    kind("spikes", Truth::Harm, Part::Open),
    kind("wilder", Truth::Harm, Part::Open),
    kind("stall", Truth::Harm, Part::Open),
    kind("dip", Truth::Harm, Part::Open),
    kind("leak", Truth::Harm, Part::Opened),
    kind("frozen", Truth::Harm, Part::Opened),
    kind("bumps", Truth::Harm, Part::Opened),
    kind("holiday", Truth::Harmless, Part::Opened),
    kind("shift-before", Truth::Harmless, Part::Opened),
];

const fn kind(name: &'static str, truth: Truth, part: Part) -> Kind {
    Kind { name, truth, part }
}

/// Case `number` of a kind, for one of the open parts: the same arguments, the same bytes.
#[must_use]
pub fn case(kind: Kind, part: Part, number: u64) -> Case {
    let purpose = format!("kpi/{}/{}", kind.name, part.seed_word());
    let mut dice = Dice::of(number, &purpose);
    let noise = family(part, &mut dice);
    let plan = Plan::draw(kind, &mut dice);
    let mut course = noise::course(noise, plan.span(), plan.clock_shift(kind), &mut dice);
    blemish(&mut course, &plan, &mut dice);
    let onset = happen(kind.name, &mut course, &plan, &mut dice);
    let at = |i: usize| Timestamp::from_secs(MONDAY_S + 60 * (plan.from + i) as i64);
    let values = course.values.iter().enumerate();
    let mut columns = vec![Column {
        name: MetricName::from_static("value"),
        role: MetricRole::Other,
        worse: Worse::Both,
        floor: 0.0,
        points: values
            .map(|(i, value)| Point {
                at: at(i),
                value: rounded(*value),
            })
            .collect(),
    }];
    if kind.name == "troubled" || dice.happens(TROUBLED) {
        trouble::spoil(&mut columns, Span::from_secs(60), &mut dice);
    }
    Case {
        name: part.name(Family::Kpi, &kind, number),
        family: Family::Kpi,
        kind,
        noise: noise.name,
        columns,
        changed_at: at(plan.change),
        onset_at: at(onset),
        step: Span::from_secs(60),
    }
}

/// Six digits, as a recording has them.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// A family of noise of that part: the opened part knows all of them, half the time one of its own.
fn family(part: Part, dice: &mut Dice) -> Noise {
    let own = match part {
        Part::Opened => dice.one_of(&[Part::Open, Part::Opened]),
        Part::Open | Part::HeldBack => Part::Open,
    };
    let of: Vec<Noise> = noise::ALL
        .iter()
        .filter(|n| n.part == own)
        .copied()
        .collect();
    dice.one_of(&of)
}

/// When things are, in minutes.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// Minute of the week at which the recording begins.
    from: usize,
    /// Row of the change.
    change: usize,
    /// Rows from the change on.
    horizon: usize,
}

impl Plan {
    fn draw(kind: Kind, dice: &mut Dice) -> Self {
        let days = match kind.name {
            "week-edge" => dice.between(8.0, 14.0),
            "daily-edge" | "holiday" | "clock-shift" => dice.between(3.0, 10.0),
            _ => dice.one_of(&[2.5, 3.0, 5.0, 7.0, 7.0, 7.0, 10.0, 14.0]),
        };
        let of_week = match kind.name {
            "week-edge" => {
                let (first, hours) = dice.one_of(&[(5, (0, 14)), (0, (5, 11))]);
                first * DAY_MIN + 60 * dice.whole(hours.0, hours.1)
            }
            "daily-edge" => {
                let hour = dice.one_of(&[5, 6, 7, 8, 16, 22, 23]);
                dice.whole(0, 5) * DAY_MIN + 60 * hour + dice.whole(0, 60)
            }
            "holiday" => dice.whole(1, 4) * DAY_MIN + dice.whole(360, 1_200),
            _ => dice.whole(0, WEEK_MIN),
        };
        let change = (days * DAY_MIN as f64) as usize;
        Self {
            from: (of_week + 3 * WEEK_MIN - change) % WEEK_MIN,
            change,
            horizon: dice.one_of(&[60, 60, 90, 120, 120, 180]),
        }
    }

    fn span(&self) -> (usize, usize) {
        (self.from, self.change + self.horizon)
    }

    /// Eight hours before the change the clocks were moved, for that kind.
    fn clock_shift(&self, kind: Kind) -> Option<usize> {
        (kind.name == "clock-shift").then(|| self.change - DAY_MIN / 3)
    }
}

/// How far values usually are from what is expected, on the day before the change.
fn unit(course: &Course, change: usize) -> f64 {
    let day = change.saturating_sub(DAY_MIN)..change;
    let squares: Vec<f64> = day
        .clone()
        .map(|i| (course.values[i] - course.expected[i]).powi(2))
        .collect();
    let level = day.map(|i| course.expected[i].abs()).sum::<f64>() / squares.len().max(1) as f64;
    // Robust: a past incident is no noise.
    let middle = crate::measure::quantile(&squares, 0.5).unwrap_or(0.0);
    (middle.sqrt() * 1.4826).max(0.005 * level).max(1e-6)
}

/// The past that every KPI has: shifts of level, spikes and holes that nobody labelled.
fn blemish(course: &mut Course, plan: &Plan, dice: &mut Dice) {
    if dice.happens(0.25) && plan.change > 2 * DAY_MIN {
        let from = dice.whole(DAY_MIN / 2, plan.change - DAY_MIN);
        let factor = dice.between(0.75, 1.3);
        for i in 0..from {
            course.values[i] = (course.values[i] * factor).min(course.top);
            course.expected[i] *= factor;
        }
    }
    let incidents = dice.whole(0, 5);
    for _ in 0..incidents {
        let from = dice.whole(0, plan.change - 30);
        let long = dice
            .one_of(&[1, 2, 5, 10, 20, 60])
            .min(plan.change - 30 - from);
        let times = dice.one_of(&[0.0, 0.3, 1.5, 2.0, 3.0]);
        for value in &mut course.values[from..from + long] {
            *value = (*value * times).min(course.top);
        }
    }
}

/// Lets the kind's event happen; the row at which it begins.
fn happen(name: &str, course: &mut Course, plan: &Plan, dice: &mut Dice) -> usize {
    let unit = unit(course, plan.change);
    let (change, horizon) = (plan.change, plan.horizon);
    let onset = change + dice.whole(0, 4);
    let level = course.expected[change].max(1e-9);
    let times = if name == "step-small" {
        dice.log_between(1.5, 3.0)
    } else {
        dice.log_between(3.0, 12.0)
    };
    let size = directed(times * unit, level, course.top, dice);
    match name {
        "step-small" | "step" => lift(course, onset, |_| size),
        "ramp" => {
            let over = dice.between(0.15, 0.5) * horizon as f64;
            lift(course, onset, |i| size * (i as f64 / over).min(1.0));
        }
        "leak" => lift(course, onset, |i| size * i as f64 / horizon as f64),
        "dip" => {
            let long = dice.whole(15, 40);
            lift(course, onset, |i| if i < long { size } else { 0.0 });
        }
        "bumps" => {
            let every = dice.whole(8, 20);
            lift(course, onset, |i| {
                if i % every < every / 3 { size } else { 0.0 }
            });
        }
        "spikes" => {
            let big = size.signum() * (size.abs() * 1.5).max(0.2 * level);
            let often = dice.between(0.06, 0.2);
            let mut dice = dice.clone();
            lift(
                course,
                onset,
                |_| if dice.happens(often) { big } else { 0.0 },
            );
        }
        "wilder" => {
            let times = dice.between(2.5, 6.0);
            let mut dice = dice.clone();
            lift(course, onset, |_| unit * times * dice.normal());
        }
        "stall" => {
            let left = dice.one_of(&[0.0, 0.0, 0.02, 0.1]);
            course.values[onset..].iter_mut().for_each(|v| *v *= left);
        }
        "frozen" => {
            let stuck = course.values[onset - 1];
            course.values[onset..].iter_mut().for_each(|v| *v = stuck);
        }
        "blip" => {
            let row = change + dice.whole(3, horizon);
            let long = dice.whole(1, 3);
            lift(course, row, |i| if i < long { size } else { 0.0 });
        }
        _ => before(name, course, plan, (unit, size)),
    }
    onset
}

/// Up or down, whichever there is room for.
fn directed(size: f64, level: f64, top: f64, dice: &mut Dice) -> f64 {
    match () {
        () if level + size > top => -size,
        () if level - size < 0.05 * level => size,
        () => size * dice.sign(),
    }
}

/// Kinds whose event lies before the change, or that have none.
fn before(name: &str, course: &mut Course, plan: &Plan, (unit, size): (f64, f64)) {
    let change = plan.change;
    match name {
        "incident-before" => {
            let from = change.saturating_sub(45);
            lift(course, from, |i| if i < 40 { size } else { 0.0 });
        }
        "shift-before" => lift(course, change.saturating_sub(240), |_| size),
        "drift" => {
            let day = DAY_MIN as f64 / 2.0;
            lift(course, change - DAY_MIN / 2, |i| {
                size.signum() * unit * 2.0 * i as f64 / day
            });
        }
        "holiday" => {
            let of_day = (plan.from + change) % DAY_MIN;
            let factor = 1.0 - 0.25 * (size.abs() / (size.abs() + 4.0 * unit));
            let day = change.saturating_sub(of_day);
            course.values[day..].iter_mut().for_each(|v| *v *= factor);
        }
        _ => {}
    }
}

/// Adds `by(rows since)` from a row on; what was never negative does not become so.
fn lift(course: &mut Course, from: usize, mut by: impl FnMut(usize) -> f64) {
    let whole = course.values.iter().all(|v| v.fract() == 0.0);
    let top = course.top;
    for (i, value) in course.values.iter_mut().enumerate().skip(from) {
        let lifted = (*value + by(i - from)).clamp(0.0, top);
        *value = if whole { lifted.round() } else { lifted };
    }
}
