//! Which relations hold in all snapshots, and would not by chance.

use std::collections::BTreeSet;

use backstay_model::EdgeKind;
use serde::{Deserialize, Serialize};

use super::fleet::{Column, Fleet, Row};
use super::{CASES_MIN, Symmetric};
use crate::learner::Dimension;
use crate::stats::fisher::all_inside_p;
use crate::stats::multiple::by_adjusted_of;
use crate::stats::permutation::{ln_all_below, ln_all_matched};

/// Numbers that differ by less than this share are equal.
const TOLERANCE: f64 = 1e-9;

/// A relation of two settings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) struct Relation {
    pub(super) x: Column,
    pub(super) y: Column,
    pub(super) form: Form,
}

/// What holds between `x` and `y`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) enum Form {
    /// `x <= y`.
    Below(Dimension),
    /// `x = y`, `x` the smaller column.
    Equal(Dimension),
    /// `x = k y`, k from 1 up; the bits of k.
    Times(Dimension, u64),
    /// When `x` is set, so is `y`.
    Needs,
}

/// How a relation stands in one snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum State {
    Holds,
    Broken,
    /// Both are built in, or one cannot be read.
    Silent,
}

fn equal(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
}

impl Relation {
    pub(super) fn state(&self, row: &Row) -> State {
        if !row.chosen(self.x, self.y) {
            return State::Silent;
        }
        let (x, y) = (row.cell(self.x), row.cell(self.y));
        let numbers = |dimension| Some((x.number(dimension)?, y.number(dimension)?));
        let holds = match self.form {
            Form::Below(d) => numbers(d).map(|(x, y)| x <= y),
            Form::Equal(d) => numbers(d).map(|(x, y)| equal(x, y)),
            Form::Times(d, k) => numbers(d).map(|(x, y)| equal(x, f64::from_bits(k) * y)),
            Form::Needs => match (x.set(), y.set()) {
                (Some(true), Some(y)) => Some(y),
                _ => None,
            },
        };
        match holds {
            None => State::Silent,
            Some(true) => State::Holds,
            Some(false) => State::Broken,
        }
    }

    pub(super) const fn kind(&self) -> EdgeKind {
        match self.form {
            Form::Below(_) => EdgeKind::BoundedBy,
            Form::Equal(_) | Form::Times(..) => EdgeKind::ScalesWith,
            Form::Needs => EdgeKind::Requires,
        }
    }

    pub(super) const fn symmetric(&self) -> Symmetric {
        match self.form {
            Form::Equal(_) | Form::Times(..) => Symmetric::Yes,
            Form::Below(_) | Form::Needs => Symmetric::No,
        }
    }

    /// The relation in the rule language.
    pub(super) fn rule(&self, fleet: &Fleet) -> String {
        let (x, y) = (fleet.name(self.x), fleet.name(self.y));
        match self.form {
            Form::Below(_) => format!("{x} <= {y}"),
            Form::Equal(_) => format!("{x} = {y}"),
            Form::Times(_, k) => format!("{x} = {} * {y}", f64::from_bits(k)),
            Form::Needs => format!("{} => {}", fleet.is_set(self.x), fleet.is_set(self.y)),
        }
    }
}

/// Every relation that is accepted, with its distinct cases; those with most come first.
pub(super) fn search(fleet: &Fleet, q: f64) -> Vec<(Relation, usize)> {
    let mut found = Vec::new();
    let mut tests = 0;
    for dimension in [Dimension::Bytes, Dimension::Micros, Dimension::Plain] {
        tests += numbers(fleet, dimension, &mut found);
    }
    tests += needs(fleet, &mut found);
    let p_values: Vec<f64> = found.iter().map(|(_, _, p)| *p).collect();
    let adjusted = by_adjusted_of(&p_values, tests);
    let found = found.into_iter().zip(adjusted);
    let mut accepted: Vec<_> = found
        .filter(|(_, a)| *a <= q)
        .map(|((relation, cases, _), _)| (relation, cases))
        .collect();
    accepted.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    accepted
}

/// Searches all pairs of one dimension; how many were tested.
fn numbers(fleet: &Fleet, dimension: Dimension, found: &mut Vec<(Relation, usize, f64)>) -> usize {
    let varied = |c: &Column| distinct(fleet, *c, dimension) > 1;
    let columns: Vec<Column> = fleet.columns().filter(varied).collect();
    let mut tests = 0;
    for (i, x) in columns.iter().enumerate() {
        for y in columns.iter().skip(i + 1) {
            let cases = cases(fleet, (*x, *y), dimension);
            if cases.len() < CASES_MIN {
                continue;
            }
            // Both orders of a bound, and equality or a ratio.
            tests += 3;
            if let Some(ratio) = ratio((*x, *y), dimension, &cases) {
                found.push(ratio);
                continue;
            }
            found.extend(bound((*x, *y), dimension, &cases));
            let turned: Vec<(f64, f64)> = cases.iter().map(|(x, y)| (*y, *x)).collect();
            found.extend(bound((*y, *x), dimension, &turned));
        }
    }
    tests
}

fn distinct(fleet: &Fleet, column: Column, dimension: Dimension) -> usize {
    let numbers = fleet
        .rows()
        .filter_map(|r| r.cell(column).number(dimension));
    let bits: BTreeSet<u64> = numbers.map(f64::to_bits).collect();
    bits.len()
}

/// The distinct pairs of values, without those that nobody chose.
fn cases(fleet: &Fleet, (x, y): (Column, Column), dimension: Dimension) -> Vec<(f64, f64)> {
    let chosen = fleet.rows().filter(|r| r.chosen(x, y));
    let pairs =
        chosen.filter_map(|r| Some((r.cell(x).number(dimension)?, r.cell(y).number(dimension)?)));
    let mut pairs: Vec<(f64, f64)> = pairs.collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    pairs.dedup_by(|a, b| a.0.to_bits() == b.0.to_bits() && a.1.to_bits() == b.1.to_bits());
    pairs
}

fn bound(
    (x, y): (Column, Column),
    dimension: Dimension,
    cases: &[(f64, f64)],
) -> Option<(Relation, usize, f64)> {
    if !cases.iter().all(|(x, y)| x <= y) {
        return None;
    }
    let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = cases.iter().copied().unzip();
    let form = Form::Below(dimension);
    Some((
        Relation { x, y, form },
        cases.len(),
        ln_all_below(&mut xs, &mut ys).exp(),
    ))
}

fn ratio(
    (x, y): (Column, Column),
    dimension: Dimension,
    cases: &[(f64, f64)],
) -> Option<(Relation, usize, f64)> {
    let (first_x, first_y) = cases.iter().find(|(x, y)| *x > 0.0 && *y > 0.0)?;
    // The larger is told as a multiple of the smaller.
    let turned = first_x < first_y;
    let k = if turned {
        first_y / first_x
    } else {
        first_x / first_y
    };
    let holds = |(x, y): &(f64, f64)| {
        if turned {
            equal(*y, k * x)
        } else {
            equal(*x, k * y)
        }
    };
    if !cases.iter().all(holds) {
        return None;
    }
    // Distinct pairs of a fixed ratio are distinct values.
    let p = ln_all_matched(&vec![1; cases.len()]).exp();
    let (x, y) = if turned { (y, x) } else { (x, y) };
    let relation = if equal(k, 1.0) {
        Relation {
            x: x.min(y),
            y: x.max(y),
            form: Form::Equal(dimension),
        }
    } else {
        Relation {
            x,
            y,
            form: Form::Times(dimension, k.to_bits()),
        }
    };
    Some((relation, cases.len(), p))
}

/// Searches all pairs of switches and texts; how many were tested. Snapshots in which the same settings
/// were chosen are one template and count once.
fn needs(fleet: &Fleet, found: &mut Vec<(Relation, usize, f64)>) -> usize {
    let mut templates = BTreeSet::new();
    let rows: Vec<&Row> = fleet
        .rows()
        .filter(|r| templates.insert(r.choices()))
        .collect();
    let set = |c: Column| {
        rows.iter()
            .filter(|r| r.cell(c).set() == Some(true))
            .count()
    };
    let known = |c: Column| rows.iter().filter(|r| r.cell(c).set().is_some()).count();
    let columns: Vec<(Column, usize)> = fleet
        .columns()
        .map(|c| (c, set(c)))
        .filter(|(c, n)| *n > 0 && *n < known(*c))
        .collect();
    let mut tests = 0;
    for (x, x_set) in columns.iter().filter(|(_, n)| *n >= CASES_MIN) {
        for (y, _) in columns.iter().filter(|(y, _)| y != x) {
            tests += 1;
            let both: Vec<(bool, bool)> = rows
                .iter()
                .filter_map(|r| Some((r.cell(*x).set()?, r.cell(*y).set()?)))
                .collect();
            if both.iter().any(|(x, y)| *x && !y) {
                continue;
            }
            let count =
                |side: fn(&(bool, bool)) -> bool| both.iter().filter(|b| side(b)).count() as u64;
            let p = all_inside_p(count(|b| b.0), count(|b| b.1), both.len() as u64);
            let relation = Relation {
                x: *x,
                y: *y,
                form: Form::Needs,
            };
            found.push((relation, *x_set, p));
        }
    }
    tests
}
