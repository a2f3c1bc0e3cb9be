//! Recorded series that nobody made, with effects of the held-back kinds put in, and with what others
//! labelled in them.

use backstay_chance::Dice;
use backstay_detect::{Column, Point};
use backstay_model::metric::{MetricRole, Worse};
use backstay_model::{MetricName, Span};

use crate::case::{Case, Family, Kind, Part, Truth};
use crate::measure::quantile;
use crate::nab::Series;

/// Longest history, in rows.
const HISTORY_MAX: usize = 4_000;
/// Rows of the past that sizes are taken from.
const DAY: usize = 288;
/// Tries to find a place in a series.
const TRIES: usize = 300;

const fn kind(name: &'static str, truth: Truth) -> Kind {
    Kind {
        name,
        truth,
        part: Part::HeldBack,
    }
}

/// Every kind.
pub(super) const KINDS: [Kind; 6] = [
    kind("quiet", Truth::Harmless),
    kind("raised", Truth::Harm),
    kind("sagging", Truth::Harm),
    kind("rising", Truth::Harm),
    kind("fits", Truth::Harm),
    kind("labelled", Truth::Harm),
];

/// Case `number` of a kind; `None` when no series are at hand.
pub(super) fn case(corpus: &[Series], kind: Kind, number: u64) -> Option<Case> {
    let seed = Part::HeldBack.seed_word();
    let mut dice = Dice::of(number, &format!("real/{}/{seed}", kind.name));
    let dice = &mut dice;
    let (series, change, horizon) = (0..TRIES).find_map(|_| match kind.name {
        "labelled" => labelled(corpus, dice),
        _ => unlabelled(corpus, dice),
    })?;
    let from = change.saturating_sub(HISTORY_MAX);
    let mut points = series.rows[from..change + horizon].to_vec();
    let change = change - from;
    let onset = match kind.name {
        "quiet" | "labelled" => change,
        _ => change + dice.whole(0, 3),
    };
    happen(kind.name, &mut points, onset, dice);
    let steps: Vec<f64> = points
        .windows(2)
        .map(|w| w[1].at.since(w[0].at).0 as f64)
        .collect();
    Some(Case {
        name: Part::HeldBack.name(Family::Real, &kind, number),
        family: Family::Real,
        kind,
        noise: "recorded",
        changed_at: points[change].at,
        onset_at: points[onset].at,
        step: Span(quantile(&steps, 0.5)? as i64),
        columns: vec![Column {
            name: MetricName::from_static("value"),
            role: MetricRole::Other,
            worse: Worse::Both,
            floor: 0.0,
            points,
        }],
    })
}

/// A row with nothing labelled near it, in a series that moves there.
fn unlabelled<'a>(corpus: &'a [Series], dice: &mut Dice) -> Option<(&'a Series, usize, usize)> {
    let series = dice.pick(corpus)?;
    let rows = series.rows.len();
    let horizon = dice.one_of(&[30, 40, 50]);
    let change = dice.whole(rows * 3 / 10, rows.saturating_sub(horizon + 1));
    let far = |(from, to): &(usize, usize)| {
        *from > change + horizon || change.saturating_sub(horizon) > *to
    };
    let past = values(&series.rows[change.saturating_sub(DAY)..change]);
    let moves = quantile(&past, 0.95)? > quantile(&past, 0.05)?;
    (moves && series.windows.iter().all(far)).then_some((series, change, horizon))
}

/// The beginning of a window that NAB labels: its anomaly is somewhere in it.
fn labelled<'a>(corpus: &'a [Series], dice: &mut Dice) -> Option<(&'a Series, usize, usize)> {
    let series = dice.pick(corpus)?;
    let (from, to) = *dice.pick(&series.windows)?;
    let change = from + dice.whole(0, (to - from) / 4 + 1);
    let fits = change >= series.rows.len() / 8 && to < series.rows.len();
    fits.then(|| (series, change, (to - change + 1).min(300)))
}

fn values(points: &[Point]) -> Vec<f64> {
    points.iter().map(|p| p.value).collect()
}

/// How far the values of the last day usually are from its median, and a little of their range.
fn unit(points: &[Point], row: usize) -> f64 {
    let day = values(&points[row.saturating_sub(DAY)..row]);
    let at = |q| quantile(&day, q).unwrap_or(0.0);
    let middle = at(0.5);
    (0.5 * (at(0.85) - at(0.15)))
        .max(0.1 * (at(0.98) - at(0.02)))
        .max(0.02 * middle.abs())
        .max(1e-6)
}

fn happen(name: &str, points: &mut [Point], onset: usize, dice: &mut Dice) {
    let (unit, since) = (unit(points, onset), (points.len() - onset) as f64);
    let size = dice.log_between(2.0, 9.0) * unit;
    let left = dice.between(0.0, 0.6);
    let ends = if dice.happens(0.4) {
        dice.between(6.0, 16.0)
    } else {
        since
    };
    for (i, point) in points[onset..].iter_mut().enumerate() {
        let i = i as f64;
        point.value = match name {
            "raised" if i < ends => point.value + size,
            "sagging" if i < ends => point.value * left,
            "rising" => point.value + 1.5 * size * i / since,
            "fits" if dice.happens(0.3) => point.value + 1.5 * size * dice.between(0.5, 1.2),
            _ => point.value,
        };
    }
}
