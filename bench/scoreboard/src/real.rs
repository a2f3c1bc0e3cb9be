//! Real series with an effect put in, or none: the second, independent kind of cases. The noise is
//! not ours; only what happens at the change is.

use backstay_detect::{Column, Point};
use backstay_model::metric::{MetricRole, Worse};
use backstay_model::{MetricName, Span};

use crate::case::{Case, Family, Kind, Part, Truth};
use crate::measure::quantile;
use crate::nab::Series;
use backstay_chance::Dice;

/// Every kind of change of a real series.
pub const KINDS: [Kind; 7] = [
    kind("quiet", Truth::Harmless, Part::Open),
    kind("step-small", Truth::Harm, Part::Open),
    kind("step", Truth::Harm, Part::Open),
    kind("ramp", Truth::Harm, Part::Open),
    kind("dip", Truth::Harm, Part::Open),
    kind("stall", Truth::Harm, Part::Open),
    kind("wilder", Truth::Harm, Part::Opened),
];

/// Every so many-th series is of the opened part alone.
const OPENED_EVERY: usize = 3;
/// Longest history, in rows: two weeks of five minutes.
const HISTORY_MAX: usize = 4_032;
/// Rows over which the usual size of noise is taken: a day of five minutes.
const DAY: usize = 288;
/// Tries to find a stretch without labelled anomalies.
const TRIES: usize = 200;

const fn kind(name: &'static str, truth: Truth, part: Part) -> Kind {
    Kind { name, truth, part }
}

/// Case `number` of a kind, for that part; `None` when no series of that part is at hand.
#[must_use]
pub fn case(corpus: &[Series], kind: Kind, part: Part, number: u64) -> Option<Case> {
    let mut dice = Dice::of(number, &format!("real/{}/{}", kind.name, part.seed_word()));
    let mine: Vec<&Series> = corpus
        .iter()
        .enumerate()
        .filter(|(i, _)| (i % OPENED_EVERY == 0) == (part == Part::Opened))
        .map(|(_, series)| series)
        .collect();
    let (series, change, horizon) = (0..TRIES).find_map(|_| place(&mine, &mut dice))?;
    let from = change.saturating_sub(HISTORY_MAX);
    let mut points = series.rows[from..change + horizon].to_vec();
    let change = change - from;
    let onset = change + dice.whole(0, 2);
    happen(kind.name, &mut points, onset, &mut dice);
    let steps: Vec<f64> = points
        .windows(2)
        .map(|w| w[1].at.since(w[0].at).0 as f64)
        .collect();
    Some(Case {
        name: part.name(Family::Real, &kind, number),
        family: Family::Real,
        kind,
        noise: "recorded",
        changed_at: points[change].at,
        onset_at: points[onset].at,
        step: Span(quantile(&steps, 0.5).unwrap_or(3e8) as i64),
        columns: vec![Column {
            name: MetricName::from_static("value"),
            role: MetricRole::Other,
            worse: Worse::Both,
            floor: 0.0,
            points,
        }],
    })
}

/// A series, a row and a horizon such that no labelled anomaly lies within a horizon of the row, and
/// the stretch before is not constant.
fn place<'a>(mine: &[&'a Series], dice: &mut Dice) -> Option<(&'a Series, usize, usize)> {
    if mine.is_empty() {
        return None;
    }
    let series = dice.one_of(mine);
    let rows = series.rows.len();
    let horizon = dice.one_of(&[24, 36, 48, 60]);
    let change = dice.whole(rows * 35 / 100, rows.saturating_sub(horizon + 1));
    let touched = |(from, to): &(usize, usize)| {
        *from <= change + horizon && change.saturating_sub(horizon) <= *to
    };
    let fits = change + horizon < rows && !series.windows.iter().any(touched);
    let before: Vec<f64> = series.rows[change.saturating_sub(DAY)..change]
        .iter()
        .map(|p| p.value)
        .collect();
    let varied = quantile(&before, 0.9)? - quantile(&before, 0.1)? > 0.0;
    (fits && varied).then_some((series, change, horizon))
}

/// How far values usually are from the median of their neighbours, on the day before `row`.
fn unit(points: &[Point], row: usize) -> f64 {
    let day = row.saturating_sub(DAY)..row;
    let values: Vec<f64> = day.clone().map(|i| points[i].value).collect();
    let away = |i: usize| {
        let near = i.saturating_sub(6)..(i + 7).min(points.len());
        let near: Vec<f64> = near.map(|j| points[j].value).collect();
        (points[i].value - quantile(&near, 0.5).unwrap_or(0.0)).abs()
    };
    let away: Vec<f64> = day.map(away).collect();
    let spread = 1.4826 * quantile(&away, 0.5).unwrap_or(0.0);
    let level = quantile(&values, 0.5).unwrap_or(0.0).abs();
    // Slow movement is noise, too, for whoever looks at an hour or two.
    let slow =
        0.25 * (quantile(&values, 0.9).unwrap_or(0.0) - quantile(&values, 0.1).unwrap_or(0.0));
    spread.max(slow).max(0.01 * level).max(1e-6)
}

fn happen(name: &str, points: &mut [Point], onset: usize, dice: &mut Dice) {
    let unit = unit(points, onset);
    let since = points.len() - onset;
    let level = points[onset - 1].value;
    let times = if name == "step-small" {
        dice.log_between(1.5, 3.0)
    } else {
        dice.log_between(3.0, 10.0)
    };
    let size = times * unit;
    // Down only where there is room.
    let size = if level - size < 0.0 {
        size
    } else {
        size * dice.sign()
    };
    let never_negative = points.iter().all(|p| p.value >= 0.0);
    let long = dice.whole(6, 15);
    let wild = dice.between(2.5, 5.0) * unit;
    for (i, point) in points[onset..].iter_mut().enumerate() {
        let ramped = (i as f64 / (0.4 * since as f64)).min(1.0);
        point.value = match name {
            "step" | "step-small" => point.value + size,
            "ramp" => point.value + size * ramped,
            "dip" if i < long => point.value + size,
            "stall" => 0.0,
            "wilder" => point.value + wild * dice.normal(),
            _ => point.value,
        };
        if never_negative {
            point.value = point.value.max(0.0);
        }
    }
}
