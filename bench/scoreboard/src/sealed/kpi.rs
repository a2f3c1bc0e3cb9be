//! Changes of KPIs that are held back.

use backstay_chance::Dice;
use backstay_detect::{Column, Point};
use backstay_model::metric::{MetricRole, Worse};
use backstay_model::{MetricName, Span, Timestamp};

use super::climate::{Climate, Course, DAY, Job};
use super::effect::{Scene, Sizes};
use crate::case::{Case, Family, Kind, Part, Truth};
use crate::trouble;

/// 2025-09-01T00:00:00Z, a Monday: minute zero.
const MONDAY_S: i64 = 1_756_684_800;
/// Minutes from there to where recordings may begin: four weeks, so that none begins before it.
const WEEKS: usize = 28 * DAY;
/// Share of recordings with gaps, doubles or missing numbers.
const TROUBLED: f64 = 0.1;

const fn kind(name: &'static str, truth: Truth) -> Kind {
    Kind {
        name,
        truth,
        part: Part::HeldBack,
    }
}

/// Every kind.
pub(super) const KINDS: [Kind; 23] = [
    kind("quiet", Truth::Harmless),
    kind("steep", Truth::Harmless),
    kind("by-the-clock", Truth::Harmless),
    kind("aftermath", Truth::Harmless),
    kind("speck", Truth::Harmless),
    kind("blot", Truth::Harmless),
    kind("moved", Truth::Harmless),
    kind("ragged", Truth::Harmless),
    kind("odd-day", Truth::Harmless),
    kind("shift", Truth::Harm),
    kind("climb", Truth::Harm),
    kind("smoulder", Truth::Harm),
    kind("passing", Truth::Harm),
    kind("kick", Truth::Harm),
    kind("needles", Truth::Harm),
    kind("pulses", Truth::Harm),
    kind("late", Truth::Harm),
    kind("lost-share", Truth::Harm),
    kind("half", Truth::Harm),
    kind("wild", Truth::Harm),
    kind("full", Truth::Harm),
    kind("dead", Truth::Harm),
    kind("other-day", Truth::Harm),
];

/// Case `number` of a kind: the same arguments, the same bytes.
pub(super) fn case(kind: Kind, number: u64) -> Case {
    let mut dice = Dice::of(
        number,
        &format!("kpi/{}/{}", kind.name, Part::HeldBack.seed_word()),
    );
    let mut climate = Climate::draw(&mut dice);
    let (from, change, horizon) = when(kind, &mut climate, &mut dice);
    let mut course = climate.course(from, change + horizon, &mut dice);
    let scene = Scene {
        climate: &climate,
        from,
        change,
        horizon,
    };
    scene.past(&mut course, &mut dice);
    let onset = match kind.truth {
        Truth::Harm => scene.harm(kind.name, &mut course, &mut dice),
        Truth::Harmless | Truth::LoadShift => {
            harmless(&scene, kind.name, &mut course, &mut dice);
            change
        }
    };
    let values = climate.recorded(&course, from, &mut dice);
    let at = |i: usize| Timestamp::from_secs(MONDAY_S + 60 * (from + i) as i64);
    let rows = values.into_iter().enumerate();
    let mut columns = vec![Column {
        name: MetricName::from_static("value"),
        role: MetricRole::Other,
        worse: Worse::Both,
        floor: 0.0,
        points: rows.map(|(i, value)| Point { at: at(i), value }).collect(),
    }];
    if kind.name == "ragged" {
        tear(&mut columns[0].points, change, &mut dice);
    }
    if kind.name == "ragged" || dice.happens(TROUBLED) {
        trouble::spoil(&mut columns, Span::from_secs(60), &mut dice);
    }
    Case {
        name: Part::HeldBack.name(Family::Kpi, &kind, number),
        family: Family::Kpi,
        kind,
        noise: climate.name,
        columns,
        changed_at: at(change),
        onset_at: at(onset),
        step: Span::from_secs(60),
    }
}

/// Minute of the first row, row of the change, rows since.
fn when(kind: Kind, climate: &mut Climate, dice: &mut Dice) -> (usize, usize, usize) {
    let days = dice.one_of(&[2.0, 3.0, 4.0, 6.0, 7.5, 7.5, 9.0, 14.0]);
    let change = (days * DAY as f64) as usize + dice.whole(0, 90);
    let horizon = dice.one_of(&[60, 90, 120, 120, 180, 180]);
    let mut at = WEEKS + dice.whole(0, 7 * DAY);
    if kind.name == "steep" {
        // Where the day moves most within an hour.
        let moves = |at: usize| (climate.season((at + 60) as f64) / climate.season(at as f64)).ln();
        let day = (at..at + DAY).step_by(20);
        at = day.fold(at, |most, at| {
            if moves(at).abs() > moves(most).abs() {
                at
            } else {
                most
            }
        });
    }
    if kind.name == "by-the-clock" {
        climate.jobs.push(Job {
            every: DAY,
            at: at + dice.whole(2, 40),
            long: dice.whole(5, 40),
            times: dice.one_of(&[0.6, 1.3, 1.6, 2.5]),
        });
    }
    (at - change, change, horizon)
}

/// What happens where nobody harmed anything.
fn harmless(scene: &Scene<'_>, name: &str, course: &mut Course, dice: &mut Dice) {
    let change = scene.change;
    match name {
        "aftermath" => {
            let (ago, fade) = (dice.whole(40, 180), dice.between(1.0, 10.0));
            let long = dice.whole(5, ago - 25);
            let size = scene.size(Sizes::LASTING, course, change - ago, dice);
            size.on(course, change - ago, |i| {
                if i < long {
                    1.0
                } else {
                    (-((i - long) as f64) / fade).exp()
                }
            });
        }
        "speck" | "blot" => {
            let row = change + dice.whole(2, scene.horizon - 15);
            let long = if name == "speck" {
                dice.whole(1, 5)
            } else {
                dice.whole(3, 10)
            };
            let size = scene.size(Sizes::SLIGHT, course, row, dice);
            size.on(course, row, |i| if i < long { 1.0 } else { 0.0 });
        }
        "moved" => {
            let row = change - dice.whole(180, 2_200);
            scene
                .size(Sizes::LASTING, course, row, dice)
                .on(course, row, |_| 1.0);
        }
        "odd-day" => {
            let midnight = (scene.from + change) / DAY * DAY;
            let row = midnight.saturating_sub(scene.from);
            let share = dice.between(-0.25, 0.2);
            course
                .rate
                .iter_mut()
                .skip(row)
                .enumerate()
                .for_each(|(i, rate)| {
                    *rate *= 1.0 + share * (i as f64 / 240.0).min(1.0);
                });
        }
        _ => {}
    }
}

/// Rows around the change are missing, some or many.
fn tear(points: &mut Vec<Point>, change: usize, dice: &mut Dice) {
    let often = dice.between(0.1, 0.5);
    let mut row = 0;
    points.retain(|_| {
        row += 1;
        !(change - 90..change + 90).contains(&row) || !dice.happens(often)
    });
}
