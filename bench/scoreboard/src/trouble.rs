//! What recordings suffer from: gaps, doubled rows, missing numbers, steps that are not even. Rows
//! suffer as rows, over all columns at once; only numbers go missing one by one.

use std::collections::BTreeMap;

use backstay_detect::{Column, Point};
use backstay_model::{Span, Timestamp};

use backstay_chance::Dice;

/// What becomes of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lost,
    /// Written twice; the second time it is right.
    Doubled,
    /// Off by so much.
    Moved(Span),
}

/// Puts one or two troubles on the recording.
pub(crate) fn spoil(columns: &mut [Column], step: Span, dice: &mut Dice) {
    for _ in 0..dice.whole(1, 3) {
        if dice.happens(0.2) {
            blank(columns, dice);
            continue;
        }
        let fates = fates(&moments(columns), step, dice);
        for column in columns.iter_mut() {
            let points = std::mem::take(&mut column.points);
            column.points = suffered(points, &fates, dice);
        }
    }
}

fn moments(columns: &[Column]) -> Vec<Timestamp> {
    let mut all: Vec<Timestamp> = columns
        .iter()
        .flat_map(|c| c.points.iter().map(|p| p.at))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn fates(rows: &[Timestamp], step: Span, dice: &mut Dice) -> BTreeMap<Timestamp, Fate> {
    let some = |often: f64, dice: &mut Dice| -> Vec<Timestamp> {
        rows.iter()
            .filter(|_| dice.happens(often))
            .copied()
            .collect()
    };
    match dice.whole(0, 4) {
        // One gap of up to a twentieth of the recording, somewhere in its first nine tenths.
        0 => {
            let long = dice.whole(1, (rows.len() / 20).max(2));
            let from = dice.whole(0, rows.len() * 9 / 10);
            let gap = rows.iter().skip(from).take(long);
            gap.map(|at| (*at, Fate::Lost)).collect()
        }
        1 => {
            let often = dice.between(0.02, 0.2);
            let rows = some(often, dice);
            rows.into_iter().map(|at| (at, Fate::Lost)).collect()
        }
        2 => {
            let often = dice.between(0.01, 0.1);
            let rows = some(often, dice);
            rows.into_iter().map(|at| (at, Fate::Doubled)).collect()
        }
        _ => {
            let third = step.0 as f64 / 3.0;
            let moved = |at: &Timestamp| {
                let off = Span(dice.between(-third, third) as i64);
                (*at, Fate::Moved(off))
            };
            rows.iter().map(moved).collect()
        }
    }
}

fn suffered(points: Vec<Point>, fates: &BTreeMap<Timestamp, Fate>, dice: &mut Dice) -> Vec<Point> {
    let mut all = Vec::with_capacity(points.len());
    for point in points {
        match fates.get(&point.at) {
            Some(Fate::Lost) => {}
            Some(Fate::Doubled) => {
                let value = point.value * dice.between(0.9, 1.1);
                all.extend([Point { value, ..point }, point]);
            }
            Some(Fate::Moved(off)) => all.push(Point {
                at: point.at + *off,
                ..point
            }),
            None => all.push(point),
        }
    }
    all
}

/// Numbers are none here and there.
fn blank(columns: &mut [Column], dice: &mut Dice) {
    let often = dice.between(0.01, 0.1);
    for point in columns.iter_mut().flat_map(|c| c.points.iter_mut()) {
        if dice.happens(often) {
            point.value = f64::NAN;
        }
    }
}
