//! Values of one metric in order of time, in as few bytes as hold them exactly: a guard keeps two runs of
//! them for each metric of each watch. Values that single precision holds take four bytes, and metrics that
//! were read together share their moments.

use std::sync::Arc;

use backstay_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::residual::Point;

/// Values by which a trace grows: doubling would keep half of it empty.
const GROWTH: usize = 60;

/// Moments, which several traces may share.
type Times = Arc<Vec<Timestamp>>;

/// A run of values, oldest first. What goes in comes out, to the last bit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Point>", into = "Vec<Point>")]
pub(crate) struct Trace {
    times: Times,
    /// As many as there are times.
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    /// All of them are of single precision.
    Single(Vec<f32>),
    Double(Vec<f64>),
}

/// A part of a trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch<'a> {
    times: &'a [Timestamp],
    values: Slice<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Slice<'a> {
    Single(&'a [f32]),
    Double(&'a [f64]),
}

/// Moments before and after one more came, of traces that take it in together.
#[derive(Debug, Default)]
pub(crate) struct Together(Vec<(Times, Times)>);

impl From<Vec<Point>> for Trace {
    fn from(points: Vec<Point>) -> Self {
        Self::from(points.as_slice())
    }
}

impl From<&[Point]> for Trace {
    fn from(points: &[Point]) -> Self {
        let mut values = Values::with_room(points.len());
        points.iter().for_each(|p| values.push(p.value, usize::MAX));
        Self {
            times: Arc::new(points.iter().map(|p| p.at).collect()),
            values,
        }
    }
}

impl From<Trace> for Vec<Point> {
    fn from(trace: Trace) -> Self {
        trace.iter().collect()
    }
}

impl PartialEq for Trace {
    fn eq(&self, other: &Self) -> bool {
        self.times == other.times && self.iter().eq(other.iter())
    }
}

impl Default for Values {
    fn default() -> Self {
        Self::Single(Vec::new())
    }
}

impl Values {
    fn with_room(count: usize) -> Self {
        Self::Single(Vec::with_capacity(count))
    }

    fn push(&mut self, value: f64, most: usize) {
        let single = value as f32;
        match self {
            Self::Single(values) if f64::from(single).to_bits() == value.to_bits() => {
                append(values, single, most);
            }
            Self::Single(values) => {
                let mut wider: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
                append(&mut wider, value, most);
                *self = Self::Double(wider);
            }
            Self::Double(values) => append(values, value, most),
        }
    }

    fn pop(&mut self) {
        match self {
            Self::Single(values) => drop(values.pop()),
            Self::Double(values) => drop(values.pop()),
        }
    }

    fn all(&self) -> Slice<'_> {
        match self {
            Self::Single(values) => Slice::Single(values),
            Self::Double(values) => Slice::Double(values),
        }
    }
}

impl Slice<'_> {
    fn get(self, place: usize) -> Option<f64> {
        match self {
            Self::Single(values) => values.get(place).copied().map(f64::from),
            Self::Double(values) => values.get(place).copied(),
        }
    }
}

impl Together {
    /// Adds a moment; the oldest leaves where there are `most` of them.
    fn add(&mut self, times: &mut Times, at: Timestamp, most: usize) {
        if let Some((_, after)) = self.0.iter().find(|(b, _)| Arc::ptr_eq(b, times)) {
            *times = Arc::clone(after);
            return;
        }
        if let Some(times) = Arc::get_mut(times) {
            append(times, at, most);
            return;
        }
        let mut longer = Vec::with_capacity(times.len() + 1);
        longer.extend_from_slice(times);
        append(&mut longer, at, most);
        let before = std::mem::replace(times, Arc::new(longer));
        self.0.push((before, Arc::clone(times)));
    }
}

impl Trace {
    /// Adds a value that is newer than all, with those that take in one at the same moment; the oldest
    /// leaves where there are `most` of them (at least one).
    pub(crate) fn push(&mut self, point: Point, most: usize, together: &mut Together) {
        together.add(&mut self.times, point.at, most);
        self.values.push(point.value, most);
    }

    /// Replaces the newest value.
    pub(crate) fn replace_last(&mut self, value: f64) {
        if !self.is_empty() {
            self.values.pop();
            self.values.push(value, usize::MAX);
        }
    }

    /// Keeps the moments once that `other` has as well.
    pub(crate) fn share(&mut self, other: &Self) {
        if self.times == other.times {
            self.times = Arc::clone(&other.times);
        }
    }

    /// All of it.
    pub(crate) fn all(&self) -> Stretch<'_> {
        Stretch {
            times: &self.times,
            values: self.values.all(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    pub(crate) fn last(&self) -> Option<Point> {
        self.all().last()
    }

    /// The newest `count` of them.
    pub(crate) fn newest(&self, count: usize) -> Stretch<'_> {
        self.all().newest(count)
    }

    pub(crate) fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = Point> + ExactSizeIterator + Clone {
        self.all().iter()
    }
}

impl<'a> Stretch<'a> {
    pub(crate) const fn len(self) -> usize {
        self.times.len()
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.times.is_empty()
    }

    pub(crate) fn get(self, place: usize) -> Option<Point> {
        let (at, value) = (*self.times.get(place)?, self.values.get(place)?);
        Some(Point { at, value })
    }

    pub(crate) fn first(self) -> Option<Point> {
        self.get(0)
    }

    pub(crate) fn last(self) -> Option<Point> {
        self.get(self.len().checked_sub(1)?)
    }

    /// The part from `from` (included) to `until` (not included); places beyond the end are the end.
    pub(crate) fn part(self, from: usize, until: usize) -> Self {
        let until = until.min(self.len());
        let from = from.min(until);
        Self {
            times: &self.times[from..until],
            values: match self.values {
                Slice::Single(values) => Slice::Single(&values[from..until]),
                Slice::Double(values) => Slice::Double(&values[from..until]),
            },
        }
    }

    /// The oldest `count` of them.
    pub(crate) fn oldest(self, count: usize) -> Self {
        self.part(0, count)
    }

    /// The newest `count` of them.
    pub(crate) fn newest(self, count: usize) -> Self {
        self.part(self.len().saturating_sub(count), self.len())
    }

    /// How many of them come first, as `early` says of their moments.
    pub(crate) fn count_early(self, early: impl Fn(Timestamp) -> bool) -> usize {
        self.times.partition_point(|at| early(*at))
    }

    /// The value at this very moment.
    pub(crate) fn at(self, moment: Timestamp) -> Option<f64> {
        self.values.get(self.times.binary_search(&moment).ok()?)
    }

    /// Every `count` (at least one) of them in a row.
    pub(crate) fn windows(self, count: usize) -> impl Iterator<Item = Self> {
        let windows = (self.len() + 1).saturating_sub(count);
        (0..windows).map(move |from| self.part(from, from + count))
    }

    pub(crate) fn iter(
        self,
    ) -> impl DoubleEndedIterator<Item = Point> + ExactSizeIterator + Clone + use<'a> {
        let value = move |place: usize| match self.values {
            Slice::Single(values) => f64::from(values[place]),
            Slice::Double(values) => values[place],
        };
        (0..self.len()).map(move |place| Point {
            at: self.times[place],
            value: value(place),
        })
    }
}

/// Adds a value, without more room than needed soon; the oldest leaves where there are `most` of them.
fn append<T>(values: &mut Vec<T>, value: T, most: usize) {
    if values.len() >= most.max(1) {
        values.remove(0);
    }
    if values.len() == values.capacity() {
        values.reserve_exact(GROWTH);
    }
    values.push(value);
}

#[cfg(test)]
mod tests;
