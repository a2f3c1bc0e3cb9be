//! Dense counts over pairs of settings.

use std::fmt;

use backstay_model::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::decision::Place;
use crate::stats::table::g2;

/// Settings that are counted per engine. Later ones are left out and said so ([`super::Tally`]).
pub const PLACES_MAX: usize = 1_024;
/// Settings for which there is room at first; doubled when needed.
const PLACES_FIRST: usize = 64;

/// One number for every ordered pair of places; it grows with the places that are used.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    into = "Sparse<T>",
    try_from = "Sparse<T>",
    bound(
        serialize = "T: Copy + Default + PartialEq + Serialize",
        deserialize = "T: Copy + Default + Deserialize<'de>"
    )
)]
pub(crate) struct Square<T> {
    side: usize,
    cells: Vec<T>,
}

/// A square as it is written down: most of its cells are empty.
#[derive(Serialize, Deserialize)]
struct Sparse<T> {
    side: usize,
    /// Places in the square, row by row, of the cells that are not empty.
    set: Vec<(u32, T)>,
}

impl<T: Copy + Default + PartialEq> From<Square<T>> for Sparse<T> {
    fn from(square: Square<T>) -> Self {
        let cells = (0..).zip(square.cells);
        Self {
            side: square.side,
            set: cells.filter(|(_, c)| *c != T::default()).collect(),
        }
    }
}

impl<T: Copy + Default> TryFrom<Sparse<T>> for Square<T> {
    type Error = &'static str;

    fn try_from(sparse: Sparse<T>) -> Result<Self, Self::Error> {
        if sparse.side > PLACES_MAX {
            return Err("a square with more places than there can be");
        }
        let mut cells = vec![T::default(); sparse.side * sparse.side];
        for (place, value) in sparse.set {
            let cell = cells.get_mut(place as usize);
            *cell.ok_or("a cell outside of its square")? = value;
        }
        Ok(Self {
            side: sparse.side,
            cells,
        })
    }
}

impl<T: Copy + Default> Square<T> {
    pub(crate) fn new() -> Self {
        Self {
            side: 0,
            cells: Vec::new(),
        }
    }

    /// Makes room for `place`.
    fn reach(&mut self, place: Place) {
        let wanted = usize::from(place) + 1;
        if wanted <= self.side {
            return;
        }
        let side = wanted.next_power_of_two().max(PLACES_FIRST);
        let mut cells = vec![T::default(); side * side];
        for (row, old) in self.cells.chunks(self.side.max(1)).enumerate() {
            cells[row * side..row * side + old.len()].copy_from_slice(old);
        }
        (self.side, self.cells) = (side, cells);
    }

    pub(crate) fn get(&self, row: Place, column: Place) -> T {
        let (row, column) = (usize::from(row), usize::from(column));
        if row.max(column) >= self.side {
            return T::default();
        }
        self.cells[row * self.side + column]
    }

    pub(crate) fn at(&mut self, row: Place, column: Place) -> &mut T {
        self.reach(row.max(column));
        &mut self.cells[usize::from(row) * self.side + usize::from(column)]
    }

    pub(crate) fn bytes(&self) -> usize {
        self.cells.capacity() * size_of::<T>()
    }
}

impl<T: Copy + Default + PartialEq + fmt::Debug> fmt::Debug for Square<T> {
    /// The cells that are not zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = self.cells.iter().enumerate();
        let set = cells.filter(|(_, c)| **c != T::default());
        let side = self.side.max(1);
        f.debug_map()
            .entries(set.map(|(n, c)| ((n / side, n % side), c)))
            .finish()
    }
}

/// The largest weight of a moment before everything is scaled down: far below where `f32` no longer
/// counts on (2²⁴).
const WEIGHT_MAX: f64 = 1e6;

/// Decayed weights of settings and pairs of one engine and major version, by forward decay (Cormode et
/// al. 2009): what happens later weighs more, and reading divides by the weight of now. Pairs in `f32`,
/// margins in `f64`. For ranking; tests use whole counts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Weights {
    half_life: Span,
    /// The moment whose weight is 1.
    origin: Option<Timestamp>,
    /// Weight of everything that happened.
    all: f64,
    /// Weight of each setting.
    margins: Vec<f64>,
    /// Weight of X before Y, of both at once halves.
    pairs: Square<f32>,
}

impl Weights {
    /// Nothing yet; weights halve in `half_life`.
    #[must_use]
    pub fn new(half_life: Span) -> Self {
        Self {
            half_life,
            origin: None,
            all: 0.0,
            margins: Vec::new(),
            pairs: Square::new(),
        }
    }

    /// The weight of what happens at `at`, after making sure that it can be added.
    fn weight(&mut self, at: Timestamp) -> f64 {
        let origin = *self.origin.get_or_insert(at);
        let weight = self.growth(origin, at);
        if weight <= WEIGHT_MAX {
            return weight;
        }
        self.origin = Some(at);
        let scale = 1.0 / weight;
        self.all *= scale;
        self.margins.iter_mut().for_each(|m| *m *= scale);
        let cells = self.pairs.cells.iter_mut();
        cells.for_each(|c| *c = (f64::from(*c) * scale) as f32);
        1.0
    }

    fn growth(&self, origin: Timestamp, at: Timestamp) -> f64 {
        (at.since(origin).0 as f64 / self.half_life.0 as f64).exp2()
    }

    /// One decision about `settings`.
    pub fn decision(&mut self, at: Timestamp, settings: &[Place]) {
        let weight = self.weight(at);
        self.all += weight;
        for setting in settings {
            let place = usize::from(*setting);
            if place >= self.margins.len() {
                self.margins.resize(place + 1, 0.0);
            }
            self.margins[place] += weight;
        }
    }

    /// The two went together, to the degree `share` (0..=1), `first` before `then`.
    pub fn ordered(&mut self, at: Timestamp, first: Place, then: Place, share: f64) {
        let weight = self.weight(at) * share;
        *self.pairs.at(first, then) += weight as f32;
    }

    /// The two went together at one moment.
    pub fn at_once(&mut self, at: Timestamp, one: Place, other: Place) {
        self.ordered(at, one, other, 0.5);
        self.ordered(at, other, one, 0.5);
    }

    /// G² of a pair, in units of the weight of `now`.
    #[must_use]
    pub fn g2(&self, x: Place, y: Place, now: Timestamp) -> f64 {
        let margin = |p: Place| self.margins.get(usize::from(p)).copied().unwrap_or(0.0);
        self.score(x, y, (margin(x), margin(y))) * self.scale(now)
    }

    /// G² of every pair of settings, `(x, y)` with `x < y` in order.
    #[must_use]
    pub fn rescore(&self, now: Timestamp) -> Vec<f64> {
        let n = self.margins.len();
        let mut scores = Vec::with_capacity(n * n.saturating_sub(1) / 2);
        let scale = self.scale(now);
        for (x, mx) in self.margins.iter().enumerate() {
            for (y, my) in self.margins.iter().enumerate().skip(x + 1) {
                let score = self.score(x as Place, y as Place, (*mx, *my));
                scores.push(score * scale);
            }
        }
        scores
    }

    fn score(&self, x: Place, y: Place, (mx, my): (f64, f64)) -> f64 {
        let both = f64::from(self.pairs.get(x, y)) + f64::from(self.pairs.get(y, x));
        // Follow-ups are no decisions of their own, so that a pair can outweigh its margins.
        g2(both.min(mx).min(my), mx, my, self.all)
    }

    /// What turns weights into weights of `now`.
    fn scale(&self, now: Timestamp) -> f64 {
        self.origin.map_or(0.0, |o| 1.0 / self.growth(o, now))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.pairs.bytes() + self.margins.capacity() * size_of::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::table::Table;

    const DAY: i64 = 86_400;
    const HALF: Span = Span::from_secs(90 * DAY);

    fn near(a: f64, b: f64, tolerance: f64) {
        assert!(
            (a - b).abs() <= tolerance * b.abs().max(1.0),
            "{a} is not {b}"
        );
    }

    fn tied() -> Weights {
        let mut w = Weights::new(HALF);
        let at = Timestamp::from_secs(0);
        for n in 0..60 {
            let settings: &[Place] = if n < 6 { &[1, 2] } else { &[3 + n % 5] };
            w.decision(at, settings);
            if n < 6 {
                w.at_once(at, 1, 2);
            }
        }
        w
    }

    #[test]
    fn without_age_it_is_the_g2_of_the_counts() {
        let table = Table::of_margins(6, 6, 6, 60);
        let now = Timestamp::from_secs(0);
        near(tied().g2(1, 2, now), table.g2(), 1e-6);
        near(tied().g2(2, 1, now), table.g2(), 1e-6);
    }

    #[test]
    fn a_half_life_later_it_is_half() {
        let (now, later) = (Timestamp::from_secs(0), Timestamp::from_secs(90 * DAY));
        near(tied().g2(1, 2, later), tied().g2(1, 2, now) / 2.0, 1e-6);
    }

    #[test]
    fn scaling_down_changes_nothing_that_is_read() {
        let mut w = tied();
        // 2^20 is more than the largest weight, 2^19 is not.
        let late = Timestamp::from_secs(21 * 90 * DAY);
        let before = w.g2(1, 2, late);
        let _ = w.weight(late);
        near(w.g2(1, 2, late), before, 1e-3);
        assert_eq!(w.origin, Some(late));
    }

    #[test]
    fn rescoring_is_each_pair_in_order() {
        let w = tied();
        let now = Timestamp::from_secs(5);
        let all = w.rescore(now);
        let n = w.margins.len() as Place;
        let each = (0..n).flat_map(|x| (x + 1..n).map(move |y| (x, y)));
        let each: Vec<f64> = each.map(|(x, y)| w.g2(x, y, now)).collect();
        assert_eq!(all, each);
    }

    #[test]
    fn squares_keep_what_they_hold_when_they_grow() {
        let mut square = Square::<u32>::new();
        *square.at(3, 5) = 7;
        *square.at(63, 0) = 8;
        *square.at(200, 900) = 9;
        assert_eq!(square.get(3, 5), 7);
        assert_eq!(square.get(63, 0), 8);
        assert_eq!(square.get(200, 900), 9);
        assert_eq!(square.get(5, 3), 0);
        assert_eq!(square.get(2_000, 3), 0);
    }
}
