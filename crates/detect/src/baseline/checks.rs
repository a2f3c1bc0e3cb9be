//! What every baseline must do, held to by each room's own tests. Panics say what it did instead.

use backstay_model::{Span, Timestamp};

use super::{Baseline, DAY, Fitted, Unfit};
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
        let mut draw = Draw(11);
        let count = (self.days * DAY.0 as f64 / STEP.0 as f64) as i64;
        let all = (0..count).map(|i| {
            let at = Timestamp(i * STEP.0);
            let value = self.truth(at) + self.noise * draw.bell();
            (Point { at, value }, draw.unit() >= self.missing)
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

/// Seeded numbers (splitmix64).
struct Draw(u64);

impl Draw {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Nearly normal, mean zero, variance one: twelve uniform numbers added.
    fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}
