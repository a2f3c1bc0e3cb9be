//! A metric as one line of a terminal.

use backstay_model::Timestamp;

use super::mark::later;
use super::{Chart, Panel};
use crate::out::{Out, Tone};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Stands where no value is.
const GAP: char = ' ';
/// Stands at the change.
const CHANGE: char = '│';

/// The lines of one metric, `width` characters wide: its course with a bar at the change, and, when it
/// alarmed, a pointer to the first alarm below.
pub(crate) fn sparkline(chart: &Chart, place: usize, width: usize, out: Out) -> Vec<String> {
    let shown = chart.shown();
    let Some(panel) = shown.get(place).filter(|p| !p.points.is_empty()) else {
        return Vec::new();
    };
    let grid = Grid::new(chart, width.max(8));
    let (low, high) = range(panel);
    let mut line = String::new();
    for column in 0..grid.columns() {
        if column == grid.before {
            line.push_str(&out.paint(Tone::Warn, &CHANGE.to_string()));
        }
        let (from, until) = grid.span(column);
        let inside = super::cut(&panel.points, from, until, |p| p.at);
        let bar = bar(inside.iter().map(|p| p.value), (low, high));
        let odd = 2 * inside.iter().filter(|p| panel.outside(**p)).count() > inside.len();
        let tone = match (column < grid.before, odd) {
            (true, _) => Tone::Dim,
            (false, true) => Tone::Bad,
            (false, false) => Tone::Plain,
        };
        line.push_str(&out.paint(tone, &bar.to_string()));
    }
    let mut lines = vec![line];
    if let Some(alarm) = panel.alarm_at {
        let later = later(alarm.since(chart.changed_at));
        let words = format!("^ alarm {later}");
        let at = grid
            .place(alarm)
            .min((grid.columns() + 1).saturating_sub(words.len()));
        lines.push(format!(
            "{}{}",
            " ".repeat(at),
            out.paint(Tone::Bad, &words)
        ));
    }
    lines
}

/// Values from the least to the greatest, without the wildest hundredth on each side.
fn range(panel: &Panel) -> (f64, f64) {
    let mut values: Vec<f64> = panel.points.iter().map(|p| p.value).collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * values.len().saturating_sub(1) as f64;
        values.get(place.round() as usize).copied().unwrap_or(0.0)
    };
    (at(0.01), at(0.99))
}

/// The bar of the median of some values.
fn bar(values: impl Iterator<Item = f64>, (low, high): (f64, f64)) -> char {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let Some(middle) = values.get(values.len() / 2) else {
        return GAP;
    };
    if high <= low {
        return BARS[3];
    }
    let step = ((middle - low) / (high - low) * 7.0).round();
    BARS[step.clamp(0.0, 7.0) as usize]
}

/// Characters on both sides of the change, shared by time.
struct Grid {
    from: Timestamp,
    changed_at: Timestamp,
    until: Timestamp,
    before: usize,
    since: usize,
}

impl Grid {
    fn new(chart: &Chart, width: usize) -> Self {
        let (from, until) = chart.reach();
        let (before, since) = (
            chart.changed_at.since(from).0.max(0) as f64,
            until.since(chart.changed_at).0.max(0) as f64,
        );
        let room = width - 1;
        let share = before / (before + since).max(1.0);
        let left = ((room as f64 * share).round() as usize).min(room.saturating_sub(1));
        Self {
            from,
            changed_at: chart.changed_at,
            until,
            before: left,
            since: room - left,
        }
    }

    fn columns(&self) -> usize {
        self.before + self.since
    }

    /// First and last moment of a column.
    fn span(&self, column: usize) -> (Timestamp, Timestamp) {
        let part = |from: Timestamp, until: Timestamp, i: usize, of: usize| {
            let wide = until.since(from).0 as f64;
            let at = |i: usize| Timestamp(from.0 + (wide * i as f64 / of.max(1) as f64) as i64);
            // The last moment belongs to the last column, every other end to the next.
            let end = if i + 1 == of && until == self.until {
                at(i + 1)
            } else {
                Timestamp(at(i + 1).0 - 1)
            };
            (at(i), end)
        };
        if column < self.before {
            part(self.from, self.changed_at, column, self.before)
        } else {
            let column = column - self.before;
            part(self.changed_at, self.until, column, self.since)
        }
    }

    /// The character at which a moment since the change stands.
    fn place(&self, at: Timestamp) -> usize {
        let wide = self.until.since(self.changed_at).0.max(1) as f64;
        let share = at.since(self.changed_at).0 as f64 / wide;
        let column = (share * self.since as f64).floor().max(0.0) as usize;
        self.before + 1 + column.min(self.since.saturating_sub(1))
    }
}
