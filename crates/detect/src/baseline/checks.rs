//! What every baseline must do, held to by each room's own tests. Panics say what it did instead.

use backstay_chance::Dice;
use backstay_model::metric::{MetricRole, Worse};
use backstay_model::{MetricName, Span, Timestamp};

use super::{Baseline, DAY, Fitted, Unfit};
use crate::choice::{Below, Choice};
use crate::judge::{Column, judge_series_with};
use crate::residual::Point;

/// From one value to the next.
const STEP: Span = Span(DAY.0 / 288);

/// A made-up week: a daily season and a slope under noise, with holes.
#[derive(Clone, Copy, Debug)]
pub struct Wave {
    /// Days of history.
    pub days: f64,
    /// Height of the season.
    pub height: f64,
    /// Rise in a day.
    pub slope: f64,
    /// Standard deviation of the noise.
    pub noise: f64,
    /// Share of the values that are missing (0..1).
    pub missing: f64,
}

impl Default for Wave {
    fn default() -> Self {
        Self {
            days: 7.0,
            height: 0.5,
            slope: 0.02,
            noise: 0.05,
            missing: 0.0,
        }
    }
}

impl Wave {
    /// Where the values lie without noise.
    #[must_use]
    pub fn truth(&self, at: Timestamp) -> f64 {
        let days = at.0 as f64 / DAY.0 as f64;
        let turn = days * std::f64::consts::TAU;
        3.0 + self.slope * days + self.height * (turn.sin() + 0.4 * (2.0 * turn).cos())
    }

    /// The history.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        let mut dice = Dice::new(11);
        let count = (self.days * DAY.0 as f64 / STEP.0 as f64) as i64;
        let all = (0..count).map(|i| {
            let at = Timestamp(i * STEP.0);
            let value = self.truth(at) + self.noise * bell(&mut dice);
            (Point { at, value }, dice.unit() >= self.missing)
        });
        all.filter_map(|(point, there)| there.then_some(point))
            .collect()
    }

    /// The moments of the day after.
    #[must_use]
    pub fn ahead(&self) -> Vec<Timestamp> {
        let end = (self.days * DAY.0 as f64 / STEP.0 as f64) as i64;
        (end..end + 288).map(|i| Timestamp(i * STEP.0)).collect()
    }
}

/// Mean distance of the line from the truth over the day after the history of `wave`.
///
/// # Panics
/// When the baseline refuses the history, or its line has holes.
#[must_use]
pub fn mean_miss(baseline: &dyn Baseline, wave: &Wave) -> f64 {
    let (ahead, fitted) = (wave.ahead(), fitted(baseline, &wave.points()));
    let line = line(fitted.as_ref(), &ahead);
    let off = ahead.iter().zip(&line);
    off.map(|(at, v)| (v - wave.truth(*at)).abs()).sum::<f64>() / line.len() as f64
}

/// A history a little shorter than `days` is refused, one a little longer is not.
///
/// # Panics
/// When it is otherwise.
pub fn refuses_below(baseline: &dyn Baseline, days: f64) {
    let wave = |days: f64| Wave {
        days,
        ..Wave::default()
    };
    let short = baseline.fit(&wave(days - 0.05).points());
    assert!(
        matches!(short, Err(Unfit::TooShort { .. } | Unfit::TooFew { .. })),
        "{days} days: {short:?}"
    );
    assert!(matches!(
        baseline.fit(&[]),
        Err(Unfit::TooShort { .. } | Unfit::TooFew { .. })
    ));
    let _long = fitted(baseline, &wave(days + 0.05).points());
}

/// Two fits on the same history give the same line to the last bit.
///
/// # Panics
/// When they do not.
pub fn is_deterministic(baseline: &dyn Baseline) {
    let wave = Wave {
        days: 4.0,
        ..Wave::default()
    };
    let once = || {
        let fitted = fitted(baseline, &wave.points());
        let bits = line(fitted.as_ref(), &wave.ahead())
            .into_iter()
            .map(f64::to_bits);
        bits.collect::<Vec<_>>()
    };
    assert_eq!(once(), once());
}

/// What is asked together with a moment does not change the line there: one moment, a few and a day
/// give the same values.
///
/// # Panics
/// When they do not.
pub fn looks_at_one_moment_at_a_time(baseline: &dyn Baseline) {
    let wave = Wave {
        days: 4.0,
        ..Wave::default()
    };
    let (ahead, fitted) = (wave.ahead(), fitted(baseline, &wave.points()));
    let day = line(fitted.as_ref(), &ahead);
    for count in [1, 13] {
        for (few, all) in line(fitted.as_ref(), &ahead[..count]).iter().zip(&day) {
            assert!((few - all).abs() < 1e-5, "{few} of {count}, {all} of all");
        }
    }
    let last = line(fitted.as_ref(), &ahead[287..]);
    assert!((last[0] - day[287]).abs() < 1e-5, "{last:?}, {}", day[287]);
}

/// A history that is `factor` times as large and `offset` higher gives a line that is the same way
/// larger and higher, to within `off` of the history's own scale.
///
/// # Panics
/// When it does not.
pub fn follows_scale_and_offset(baseline: &dyn Baseline, (factor, offset): (f64, f64), off: f64) {
    let wave = Wave {
        days: 4.0,
        ..Wave::default()
    };
    let points = wave.points();
    let moved = |p: &Point| Point {
        value: factor * p.value + offset,
        ..*p
    };
    let moved: Vec<Point> = points.iter().map(moved).collect();
    let plain = line(fitted(baseline, &points).as_ref(), &wave.ahead());
    let moved = line(fitted(baseline, &moved).as_ref(), &wave.ahead());
    for (plain, moved) in plain.iter().zip(&moved) {
        let back = (moved - offset) / factor;
        assert!((back - plain).abs() < off, "{back} instead of {plain}");
    }
}

/// A constant history gives that constant, or is refused; it never gives anything else.
///
/// # Panics
/// When it gives something else.
pub fn holds_a_constant(baseline: &dyn Baseline) {
    let wave = Wave {
        days: 4.0,
        height: 0.0,
        slope: 0.0,
        noise: 0.0,
        missing: 0.0,
    };
    if let Ok(fitted) = baseline.fit(&wave.points()) {
        for value in line(fitted.as_ref(), &wave.ahead()) {
            assert!((value - 3.0).abs() < 0.02, "{value} instead of 3");
        }
    }
}

/// What the back-test takes of this baseline, the seasonal median and no season, one line for each shape
/// of a history of so many days.
///
/// # Panics
/// When one of them could not be tried.
#[must_use]
pub fn choices(baseline: &dyn Baseline, days: i64) -> String {
    let shifts = |days: f64| if days.fract() < 1.0 / 3.0 { 0.8 } else { 0.0 };
    let table = [
        ("a smooth day", column(days, |d| 0.5 * wave(d), 0.0)),
        (
            "a steep climb",
            column(days, |d| 0.3 * wave(d) + 0.6 * d, 0.0),
        ),
        ("shifts of work", column(days, shifts, 0.0)),
        ("a walk", column(days, |_| 0.0, 0.1)),
    ];
    let line = |(title, column): &(&str, Column)| {
        let below = below(baseline, column, days);
        format!("{title}: {} ({})\n", below.id, below.why)
    };
    table.iter().map(line).collect()
}

/// Whatever happens since a change, the line before it, its losses and the choice stay what they were.
///
/// # Panics
/// When they do not.
pub fn sees_nothing_since_the_change(baseline: &dyn Baseline) {
    let days = 5;
    let calm = column(days, |d| 0.5 * wave(d), 0.0);
    let mut wild = calm.clone();
    let since = wild.points.len() - 24;
    wild.points[since..].iter_mut().for_each(|p| p.value *= 9.0);
    assert_eq!(below(baseline, &calm, days), below(baseline, &wild, days));
}

/// A latency: `days` days of five minutes, and two hours since a change that did nothing.
fn column(days: i64, shape: impl Fn(f64) -> f64, walk: f64) -> Column {
    let (mut dice, mut place) = (Dice::new(7), 0.0);
    let points = (0..days * 288 + 24).map(|i| {
        place += walk * (dice.unit() - 0.5);
        let days = i as f64 / 288.0;
        Point {
            at: Timestamp(i * STEP.0),
            value: 50.0 * (shape(days) + place + 0.1 * (dice.unit() - 0.5)).exp(),
        }
    });
    Column {
        name: MetricName::new("latency_ms"),
        role: MetricRole::Latency,
        worse: Worse::Up,
        floor: 0.0,
        points: points.collect(),
    }
}

fn below(baseline: &dyn Baseline, column: &Column, days: i64) -> Below {
    let choice = Choice::Best(vec![baseline]);
    let (changed_at, utc) = (Timestamp(days * DAY.0), crate::Clock::utc());
    let verdict = judge_series_with(
        std::slice::from_ref(column),
        changed_at,
        0.05,
        &choice,
        &utc,
    );
    let Some(below) = verdict.below.into_iter().next() else {
        panic!("a line below the only column");
    };
    assert_eq!(below.tried.len(), 3, "{below:?}");
    assert!(below.tried.iter().all(|t| t.loss.is_ok()), "{below:?}");
    below
}

/// A wave of one day.
fn wave(days: f64) -> f64 {
    (days * std::f64::consts::TAU).sin()
}

fn fitted(baseline: &dyn Baseline, points: &[Point]) -> Box<dyn Fitted> {
    match baseline.fit(points) {
        Ok(fitted) => fitted,
        Err(why) => panic!("{} refused {} values: {why}", baseline.id(), points.len()),
    }
}

fn line(fitted: &dyn Fitted, at: &[Timestamp]) -> Vec<f64> {
    let line = fitted.predict(at).unwrap_or_default();
    assert_eq!(line.len(), at.len(), "a value for each moment");
    assert!(line.iter().all(|v| v.is_finite()), "no holes");
    line
}

/// Nearly normal, mean zero, variance one: twelve uniform numbers added.
fn bell(dice: &mut Dice) -> f64 {
    (0..12).map(|_| dice.unit()).sum::<f64>() - 6.0
}
