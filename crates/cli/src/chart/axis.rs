//! Where numbers and moments stand on paper, and the round ones among them.

use backstay_detect::Clock;
use backstay_model::{Span, Timestamp};

/// Numbers on paper.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// What stands at either end.
    from: f64,
    to: f64,
    /// Where the ends stand, in pixels.
    at: (f64, f64),
}

impl Axis {
    /// From one number to another, between two places.
    pub(super) fn new((from, to): (f64, f64), at: (f64, f64)) -> Self {
        let to = if to > from { to } else { from + 1.0 };
        Self { from, to, at }
    }

    /// An axis for values: with room around them, and zero in it when that is near.
    pub(super) fn of_values(values: impl Iterator<Item = f64>, at: (f64, f64)) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|v| v.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let room = match high - low {
            gap if gap > 0.0 => 0.06 * gap,
            _ => (0.1 * high.abs()).max(0.5),
        };
        let base = if low >= 0.0 && low < 0.5 * high {
            0.0
        } else {
            low - room
        };
        Self::new((base, high + room), at)
    }

    pub(super) fn place(&self, value: f64) -> f64 {
        let share = (value - self.from) / (self.to - self.from);
        self.at.0 + (self.at.1 - self.at.0) * share.clamp(-0.02, 1.02)
    }

    /// Some four round numbers on it.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let rough = (self.to - self.from) / 4.0;
        let power = 10.0_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|s| s * power);
        let step = steps.into_iter().find(|s| *s >= rough).unwrap_or(rough);
        let first = (self.from / step).ceil() as i64;
        let last = (self.to / step).floor() as i64;
        (first..=last).map(|i| i as f64 * step).collect()
    }
}

/// Round moments, at most some `count`, and how to write them.
pub(super) fn moments(
    (from, until): (Timestamp, Timestamp),
    count: i64,
    clock: &Clock,
) -> Vec<(Timestamp, String)> {
    const SECONDS: [i64; 21] = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
        86_400, 172_800, 604_800, 2_592_000,
    ];
    let wide = until.since(from).0;
    let fits = |s: &&i64| wide / (**s * 1_000_000) <= count;
    let step = SECONDS.iter().find(fits).map_or(31_536_000, |s| *s) * 1_000_000;
    let shown = clock.shows(from).0;
    let mut at = from + Span((step - shown.rem_euclid(step)) % step);
    let mut moments = Vec::new();
    while at <= until {
        moments.push((at, label(clock.shows(at), step)));
        at = at + Span(step);
    }
    moments
}

fn label(shown: Timestamp, step: i64) -> String {
    let midnight = shown.0.rem_euclid(86_400_000_000) == 0;
    let text = shown.to_string();
    let date = text.get(5..10).unwrap_or_default();
    let time = text.get(11..19).unwrap_or_default();
    match step {
        s if s >= 86_400_000_000 || midnight => date.to_owned(),
        s if s >= 60_000_000 => time.get(..5).unwrap_or_default().to_owned(),
        _ => time.to_owned(),
    }
}

/// A number in few characters: `12`, `1.25`, `3.4k`, `120M`.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    let units = [(1e9, "G"), (1e6, "M"), (1e4, "k")];
    if let Some((_, unit)) = units.into_iter().find(|(from, _)| size >= *from) {
        let by = match unit {
            "G" => 1e9,
            "M" => 1e6,
            _ => 1e3,
        };
        return format!("{}{unit}", digits(value / by));
    }
    digits(value)
}

/// Three digits that matter, no zeros at the end.
fn digits(value: f64) -> String {
    let size = value.abs();
    if size < 1e-12 {
        return "0".to_owned();
    }
    if size < 1e-3 {
        return format!("{value:.1e}");
    }
    let decimals = (2 - size.log10().floor() as i32).clamp(0, 5) as usize;
    let text = format!("{value:.decimals$}");
    match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_ticks_are_round() {
        let shown = [0.0, 12.0, 0.125, 1_250.0, 34_000.0, -1.2e8, 0.000_04].map(short);
        assert_eq!(
            shown,
            ["0", "12", "0.125", "1250", "34k", "-120M", "4.0e-5"]
        );
        let axis = Axis::of_values([3.0, 18.0].into_iter(), (100.0, 0.0));
        assert_eq!(axis.ticks(), [0.0, 5.0, 10.0, 15.0]);
        assert!((axis.place(0.0) - 100.0).abs() < 1e-9);
        let flat = Axis::of_values([5.0, 5.0].into_iter(), (0.0, 1.0));
        assert!(flat.place(5.0) > 0.4 && flat.place(5.0) < 0.6);
        let none = Axis::of_values([f64::NAN].into_iter(), (0.0, 1.0));
        assert!(none.place(0.5).is_finite());
    }

    #[test]
    fn moments_are_round_by_the_clock() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let reach = (at("2026-11-23T17:52:10Z"), at("2026-11-23T18:21:00Z"));
        let words = |clock: &Clock| {
            let moments = moments(reach, 6, clock);
            moments.into_iter().map(|(_, w)| w).collect::<Vec<_>>()
        };
        assert_eq!(
            words(&Clock::utc()),
            ["17:55", "18:00", "18:05", "18:10", "18:15", "18:20"]
        );
        let kabul = Clock::shifted(vec![(Timestamp::default(), Span::from_secs(16_200))]);
        assert_eq!(words(&kabul).first().map(String::as_str), Some("22:25"));
    }
}
