//! The back-test: every two hours of the last week before a change, how well would each line have
//! predicted the next two hours, with its level frozen as in a watch?

use backstay_model::{Span, Timestamp};

use super::Tried;
use crate::baseline::{BaselineId, DAY, Unfit};
use crate::residual::{LEVEL_BINS, Point};
use crate::stats;

/// How far back it looks.
const REACH: Span = Span(7 * DAY.0);
/// From one prediction to the next, and how far each looks ahead.
const AHEAD: Span = Span(2 * 3_600_000_000);
/// Fewest predictions: half a day of them.
const ORIGINS_MIN: usize = 6;
/// The upper quantile.
const UPPER: f64 = 0.9;

/// Mean pinball losses, in the transformed scale (logarithms for most metrics); less is better.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Loss {
    /// At the median.
    pub middle: f64,
    /// At the upper decile, the line lifted by that of its other predictions.
    pub upper: f64,
}

/// The losses of all `lines` over the moments that every line has, `points` being what happened.
pub(super) fn run(
    lines: &[(BaselineId, Result<Vec<Point>, Unfit>)],
    points: &[Point],
) -> Vec<Tried> {
    let shared = shared(lines, points);
    let tried = |(id, line): &(BaselineId, Result<Vec<Point>, Unfit>)| Tried {
        id: id.clone(),
        loss: match line {
            Ok(line) => loss(&misses(line, &shared)),
            Err(why) => Err(why.clone()),
        },
    };
    lines.iter().map(tried).collect()
}

/// The points for which every fitted line has a value.
fn shared(lines: &[(BaselineId, Result<Vec<Point>, Unfit>)], points: &[Point]) -> Vec<Point> {
    let newest = points.last().map_or(Timestamp::default(), |p| p.at);
    // The level of the first prediction is frozen on what comes before it.
    let from = points.partition_point(|p| p.at < newest - REACH);
    let from = from.saturating_sub(LEVEL_BINS);
    let fitted: Vec<&Vec<Point>> = lines.iter().filter_map(|(_, l)| l.as_ref().ok()).collect();
    let all = |p: &&Point| fitted.iter().all(|line| value(line, p.at).is_some());
    points[from..].iter().filter(all).copied().collect()
}

fn value(line: &[Point], at: Timestamp) -> Option<f64> {
    let place = line.binary_search_by_key(&at, |p| p.at).ok()?;
    Some(line[place].value)
}

/// How far each prediction was off, those of one origin together.
fn misses(line: &[Point], points: &[Point]) -> Vec<Vec<f64>> {
    let away: Vec<f64> = points
        .iter()
        .map(|p| p.value - value(line, p.at).unwrap_or(0.0))
        .collect();
    let mut misses = Vec::new();
    let mut at = LEVEL_BINS;
    while at < points.len() {
        let end = points[at].at + AHEAD;
        let until = at + points[at..].partition_point(|p| p.at < end);
        if let Some(level) = stats::median(&away[at - LEVEL_BINS..at]) {
            misses.push(away[at..until].iter().map(|a| a - level).collect());
        }
        at = until;
    }
    misses
}

fn loss(misses: &[Vec<f64>]) -> Result<Loss, Unfit> {
    if misses.len() < ORIGINS_MIN {
        return Err(Unfit::TooFew {
            has: misses.len(),
            needs: ORIGINS_MIN,
        });
    }
    let all: Vec<f64> = misses.iter().flatten().copied().collect();
    let middle = stats::mean(&all.iter().map(|e| e.abs() / 2.0).collect::<Vec<_>>());
    let upper: Vec<f64> = folds(misses)
        .iter()
        .flat_map(|(lift, own)| own.iter().map(move |e| pinball(e - lift)))
        .collect();
    Ok(Loss {
        middle: middle.unwrap_or(f64::INFINITY),
        upper: stats::mean(&upper).unwrap_or(f64::INFINITY),
    })
}

/// The misses in a handful of runs, each with the upper decile of all the others.
fn folds(misses: &[Vec<f64>]) -> Vec<(f64, Vec<f64>)> {
    let size = misses.len().div_ceil(7);
    let runs: Vec<Vec<f64>> = misses.chunks(size).map(<[Vec<f64>]>::concat).collect();
    let others = |own: usize| {
        let rest = runs.iter().enumerate().filter(|(i, _)| *i != own);
        let mut rest: Vec<f64> = rest.flat_map(|(_, r)| r.iter().copied()).collect();
        rest.sort_by(f64::total_cmp);
        stats::quantile_sorted(&rest, UPPER).unwrap_or(0.0)
    };
    (0..runs.len())
        .map(|i| (others(i), runs[i].clone()))
        .collect()
}

/// The pinball loss of a miss at the upper quantile.
fn pinball(miss: f64) -> f64 {
    if miss >= 0.0 {
        UPPER * miss
    } else {
        (UPPER - 1.0) * miss
    }
}
