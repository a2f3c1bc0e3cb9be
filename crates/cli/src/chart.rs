//! Values around a change, for a person's eye: a picture (SVG) and a line of the terminal, both with
//! what was usual, the change and the alarm.

mod axis;
mod mark;
mod palette;
mod spark;
mod svg;

use backstay_detect::{Band, Clock, Point};
use backstay_model::{Span, Timestamp};

pub(crate) use spark::sparkline;
pub(crate) use svg::svg;

/// How much more is shown from before a change than from after it.
const BEFORE: i64 = 3;
/// Values shown from before the change, at least.
const BEFORE_MIN: usize = 60;

/// What is drawn.
#[derive(Debug)]
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) changed_at: Timestamp,
    /// By which times are told.
    pub(crate) clock: Clock,
    pub(crate) panels: Vec<Panel>,
}

/// One metric.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) name: String,
    /// In a few words, what became of it.
    pub(crate) note: String,
    /// In order of time.
    pub(crate) points: Vec<Point>,
    /// Where its values were expected, in order of time.
    pub(crate) bands: Vec<Band>,
    pub(crate) alarm_at: Option<Timestamp>,
}

impl Chart {
    /// From when to when it reaches: all since the change, and thrice as long before it.
    fn reach(&self) -> (Timestamp, Timestamp) {
        let all = || self.panels.iter().flat_map(|p| &p.points);
        let last = all().map(|p| p.at).max().unwrap_or(self.changed_at);
        let since = last.since(self.changed_at).0.max(0);
        let usual = |panel: &Panel| {
            let split = panel.split(self.changed_at);
            let first = panel.points[split.saturating_sub(BEFORE_MIN)..split].first();
            first.map(|p| p.at)
        };
        let least = self.panels.iter().filter_map(usual).min();
        let wide = self.changed_at - Span(BEFORE * since);
        let from = least.map_or(wide, |least| least.min(wide));
        let first = all().map(|p| p.at).min().unwrap_or(self.changed_at);
        (from.max(first), last.max(self.changed_at))
    }

    /// The panels cut to what is shown.
    fn shown(&self) -> Vec<Panel> {
        let (from, until) = self.reach();
        let panels = self.panels.iter();
        panels.map(|panel| panel.between(from, until)).collect()
    }
}

impl Panel {
    /// Points before the change.
    fn split(&self, changed_at: Timestamp) -> usize {
        self.points.partition_point(|p| p.at < changed_at)
    }

    fn between(&self, from: Timestamp, until: Timestamp) -> Self {
        let points = cut(&self.points, from, until, |p| p.at);
        let bands = cut(&self.bands, from, until, |b| b.at);
        Self {
            name: self.name.clone(),
            note: self.note.clone(),
            points: points.to_vec(),
            bands: bands.to_vec(),
            alarm_at: self.alarm_at,
        }
    }

    /// The band at a moment, `None` where it is not known.
    fn band(&self, at: Timestamp) -> Option<Band> {
        let place = self.bands.binary_search_by_key(&at, |b| b.at).ok()?;
        self.bands.get(place).copied()
    }

    /// Whether a value lies outside of what was expected.
    fn outside(&self, point: Point) -> bool {
        let band = self.band(point.at);
        band.is_some_and(|b| point.value < b.low || point.value > b.high)
    }
}

/// The part of something in order of time that lies between two moments, both included.
fn cut<T>(all: &[T], from: Timestamp, until: Timestamp, at: impl Fn(&T) -> Timestamp) -> &[T] {
    let begin = all.partition_point(|x| at(x) < from);
    let end = all.partition_point(|x| at(x) <= until);
    all.get(begin..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
