//! One metric of the picture.

use backstay_detect::Point;
use backstay_model::{Span, Timestamp};

use super::super::axis::{Axis, short};
use super::super::mark::{later, time as time_of_day};
use super::super::{Chart, Panel};
use super::{ABOVE, MARGIN, PLOT, PLOTTED, Sheet};

/// Steps without a value after which the line breaks.
const GAP_STEPS: i64 = 3;
/// Values drawn for each pixel: the least and the greatest.
const A_PIXEL: f64 = 1.0;
/// Room that the words of a mark take, in pixels.
const WORDS: f64 = 130.0;
/// Dots for values that are not usual, at most; beyond, one in some.
const DOTS_MAX: usize = 400;

pub(super) fn draw(panel: &Panel, chart: &Chart, time: Axis, top: f64, out: &mut Sheet) {
    let plot = (top + ABOVE + PLOTTED, top + ABOVE);
    let lines = panel.bands.iter().flat_map(|b| [b.low, b.high]);
    let values = panel.points.iter().map(|p| p.value).chain(lines);
    let sheet = Axes {
        time,
        value: Axis::of_values(values, plot),
        plot,
    };
    out.words("name", "start", (MARGIN, top + 16.0), &panel.name);
    let beside = MARGIN + 8.4 * panel.name.chars().count() as f64 + 16.0;
    out.words("note", "start", (beside, top + 16.0), &panel.note);
    grid(&sheet, out);
    band(panel, &sheet, out);
    let split = panel.split(chart.changed_at);
    let step = step(&panel.points);
    let (before, since) = panel.points.split_at(split);
    sheet.line("before", before, step, out);
    // The line goes on from the last value before.
    let from = split.saturating_sub(1);
    let onward = panel.points.get(from..).unwrap_or(since);
    sheet.line("since", onward, step, out);
    dots(panel, since, &sheet, out);
    marks(panel, chart, &sheet, out);
}

/// Where everything of a panel stands.
struct Axes {
    time: Axis,
    value: Axis,
    /// Lower and upper end, in pixels.
    plot: (f64, f64),
}

impl Axes {
    fn place(&self, at: Timestamp, value: f64) -> (f64, f64) {
        (self.time.place(at.0 as f64), self.value.place(value))
    }

    /// A line through the points; where many share a pixel, through the least and the greatest.
    fn line(&self, class: &str, points: &[Point], step: Span, out: &mut Sheet) {
        let pixel = |p: &Point| (self.time.place(p.at.0 as f64) / A_PIXEL).floor() as i64;
        let mut places = Vec::new();
        let mut last: Option<Timestamp> = None;
        for same in points.chunk_by(|a, b| pixel(a) == pixel(b)) {
            let Some(first) = same.first() else { continue };
            if last.is_some_and(|l| first.at.since(l).0 > GAP_STEPS * step.0) {
                places.push(None);
            }
            places.extend(ends(same).map(|p| Some(self.place(p.at, p.value))));
            last = same.last().map(|p| p.at);
        }
        out.path(class, places.into_iter());
    }
}

/// First, least, greatest and last of some points, in order of time, each once.
fn ends(points: &[Point]) -> impl Iterator<Item = Point> {
    let by = |a: &&Point, b: &&Point| a.value.total_cmp(&b.value);
    let mut kept: Vec<Point> = [
        points.first(),
        points.iter().min_by(by),
        points.iter().max_by(by),
        points.last(),
    ]
    .into_iter()
    .flatten()
    .copied()
    .collect();
    kept.sort_by_key(|p| p.at);
    kept.dedup();
    kept.into_iter()
}

fn grid(sheet: &Axes, out: &mut Sheet) {
    let (left, right) = PLOT;
    for tick in sheet.value.ticks() {
        let y = sheet.value.place(tick);
        out.line(&format!(
            "<path class=\"rule\" d=\"M{left} {y:.1}H{right}\"/>"
        ));
        out.words("tick", "end", (left - 8.0, y + 4.0), &short(tick));
    }
}

/// What was usual: an area between low and high, and its middle.
fn band(panel: &Panel, sheet: &Axes, out: &mut Sheet) {
    let pixel = |at: Timestamp| sheet.time.place(at.0 as f64).floor() as i64;
    let firsts: Vec<_> = panel
        .bands
        .chunk_by(|a, b| pixel(a.at) == pixel(b.at))
        .filter_map(|same| same.first())
        .collect();
    if firsts.len() < 2 {
        return;
    }
    let upper = firsts.iter().map(|b| Some(sheet.place(b.at, b.high)));
    let lower = firsts.iter().rev().map(|b| Some(sheet.place(b.at, b.low)));
    out.path("band", upper.chain(lower));
    let middle = firsts.iter().map(|b| Some(sheet.place(b.at, b.middle)));
    out.path("middle", middle);
}

/// A dot on each value since the change that was not usual.
fn dots(panel: &Panel, since: &[Point], sheet: &Axes, out: &mut Sheet) {
    let odd: Vec<&Point> = since.iter().filter(|p| panel.outside(**p)).collect();
    let stride = odd.len().div_ceil(DOTS_MAX).max(1);
    for point in odd.into_iter().step_by(stride) {
        let (x, y) = sheet.place(point.at, point.value);
        out.line(&format!(
            "<circle class=\"out\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\"/>"
        ));
    }
}

fn marks(panel: &Panel, chart: &Chart, sheet: &Axes, out: &mut Sheet) {
    let (low, high) = sheet.plot;
    let mut mark = |class: &str, at: Timestamp, words: &str, side: Side| {
        let x = sheet.time.place(at.0 as f64);
        let top = high - 4.0;
        out.line(&format!(
            "<path class=\"{class}\" d=\"M{x:.1} {low:.1}V{top:.1}\"/>"
        ));
        if class == "alarm" {
            out.line(&format!(
                "<path class=\"flag\" d=\"M{x:.1} {top:.1}l-5 -8h10z\"/>"
            ));
        }
        let (anchor, x) = match side {
            Side::Left => ("end", x - 7.0),
            Side::Right => ("start", x + 7.0),
        };
        out.words(class, anchor, (x, high - 7.0), words);
    };
    let words = format!("change {}", time_of_day(chart.changed_at, &chart.clock));
    let x = sheet.time.place(chart.changed_at.0 as f64);
    let side = if x - PLOT.0 > WORDS {
        Side::Left
    } else {
        Side::Right
    };
    mark("change", chart.changed_at, &words, side);
    let Some(alarm) = panel.alarm_at else { return };
    let words = format!("alarm {}", later(alarm.since(chart.changed_at)));
    // Words at the right end go to the left, where the change leaves room.
    let at = sheet.time.place(alarm.0 as f64);
    let side = if PLOT.1 - at < WORDS && at - x > WORDS {
        Side::Left
    } else {
        Side::Right
    };
    mark("alarm", alarm, &words, side);
}

enum Side {
    Left,
    Right,
}

/// The usual distance of two points.
fn step(points: &[Point]) -> Span {
    let mut steps: Vec<i64> = points
        .windows(2)
        .map(|w| w[1].at.since(w[0].at).0)
        .collect();
    steps.sort_unstable();
    Span(steps.get(steps.len() / 2).copied().unwrap_or(1).max(1))
}
