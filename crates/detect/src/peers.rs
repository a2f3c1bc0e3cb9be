//! Controls: the same kind of metric of other targets, which the change did not touch. What moves them
//! as well is no work of the change, and is taken off before the column is judged (difference in
//! differences).

use crate::baseline::{BaselineId, Flat};
use crate::choice::{Below, Choice, Chosen, Why};
use crate::judge::Column;
use crate::residual::{Form, Point};
use crate::stats;
use crate::walk::Scene;

/// Fewest peers that say anything together.
const PEERS_MIN: usize = 2;
/// Correlation before the change from which a peer is one.
const ALIKE: f64 = 0.5;
/// Newest rows before the change over which lines are compared.
const COMPARED: usize = 2_000;
/// Rows between two residuals whose difference is what a line leaves unexplained.
const APART: usize = 30;
/// Fewest rows before the change from which peers are told.
const ROWS_MIN: usize = 60;

/// The line below `points` (transformed, in order of time) that leaves the least unexplained before
/// the change: that of `choice`, or one that follows the peers.
pub(crate) fn below(
    points: &[Point],
    peers: &[Column],
    choice: &Choice<'_>,
    scene: &Scene<'_>,
) -> Chosen {
    let alone = choice.below(points, scene);
    let split = points.partition_point(|p| p.at < scene.changed_at);
    let Some(common) = common(points, peers, split) else {
        return alone;
    };
    let line = |chosen: Option<&Vec<Point>>| -> Vec<Point> {
        let Some(line) = chosen else {
            return common.clone();
        };
        let added = |p: &Point| value_at(&common, p.at).map(|v| plus(*p, v));
        line.iter().filter_map(added).collect()
    };
    let apart: Vec<Point> = points
        .iter()
        .filter_map(|p| value_at(&common, p.at).map(|v| plus(*p, -v)))
        .collect();
    let seasonal = choice.below(&apart, scene);
    let candidates = [
        (alone.below.id.clone(), alone.line.clone()),
        (with_peers(&Flat.id()), Some(line(None))),
        (
            with_peers(&seasonal.below.id),
            Some(line(seasonal.line.as_ref())),
        ),
    ];
    let rest = |line: &Option<Vec<Point>>| unexplained(&points[..split], line.as_ref());
    let best = candidates
        .into_iter()
        .min_by(|a, b| rest(&a.1).total_cmp(&rest(&b.1)));
    match best {
        Some((id, line)) if id != alone.below.id => Chosen {
            below: Below {
                id,
                why: Why::Better,
                tried: alone.below.tried,
            },
            line,
        },
        _ => alone,
    }
}

fn with_peers(id: &BaselineId) -> BaselineId {
    BaselineId(format!("{id}{WITH_PEERS}"))
}

/// Whether a line holds what the peers do.
pub(crate) fn taken_off(id: &BaselineId) -> bool {
    id.0.ends_with(WITH_PEERS)
}

const WITH_PEERS: &str = "+peers-1";

fn plus(point: Point, value: f64) -> Point {
    Point {
        value: point.value + value,
        ..point
    }
}

/// What the peers have in common at the moments of `points`, around zero: the median over those that
/// went with the column before the change. `None` with fewer than two.
fn common(points: &[Point], peers: &[Column], split: usize) -> Option<Vec<Point>> {
    if split < ROWS_MIN {
        return None;
    }
    let changed_at = points.get(split - 1)?.at;
    let alike: Vec<Vec<Point>> = peers
        .iter()
        .filter_map(|peer| centred(peer, changed_at))
        .filter(|peer| correlation(&points[split.saturating_sub(COMPARED)..split], peer) >= ALIKE)
        .collect();
    if alike.len() < PEERS_MIN {
        return None;
    }
    let median = |p: &Point| {
        let mut there: Vec<f64> = alike
            .iter()
            .filter_map(|peer| value_at(peer, p.at))
            .collect();
        if there.len() < PEERS_MIN {
            return None;
        }
        let value = stats::median_mut(&mut there)?;
        Some(Point { at: p.at, value })
    };
    Some(points.iter().filter_map(median).collect())
}

/// A peer in its own scale, around its median before the change.
fn centred(peer: &Column, changed_at: backstay_model::Timestamp) -> Option<Vec<Point>> {
    let split = peer.points.partition_point(|p| p.at <= changed_at);
    let form = Form::of(&peer.points[..split], peer.floor);
    let scaled = |p: &Point| Point {
        at: p.at,
        value: form.of_value(p.value),
    };
    let points: Vec<Point> = peer.points.iter().map(scaled).collect();
    let before: Vec<f64> = points[..split].iter().map(|p| p.value).collect();
    let centre = stats::median(&before)?;
    Some(points.into_iter().map(|p| plus(p, -centre)).collect())
}

/// The value of a line at a moment that it covers.
pub(crate) fn value_at(line: &[Point], at: backstay_model::Timestamp) -> Option<f64> {
    let place = line.binary_search_by_key(&at, |p| p.at).ok()?;
    Some(line[place].value)
}

/// Pearson's correlation over the moments that both have; zero when there are few.
fn correlation(points: &[Point], peer: &[Point]) -> f64 {
    let pairs: Vec<(f64, f64)> = points
        .iter()
        .filter_map(|p| Some((p.value, value_at(peer, p.at)?)))
        .collect();
    if pairs.len() < ROWS_MIN {
        return 0.0;
    }
    let n = pairs.len() as f64;
    let (a, b) = (
        pairs.iter().map(|p| p.0).sum::<f64>() / n,
        pairs.iter().map(|p| p.1).sum::<f64>() / n,
    );
    let sum = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>();
    let both = sum(&|p| (p.0 - a) * (p.1 - b));
    let power = sum(&|p| (p.0 - a).powi(2)) * sum(&|p| (p.1 - b).powi(2));
    if power > 0.0 {
        both / power.sqrt()
    } else {
        0.0
    }
}

/// How far residuals some rows apart differ over the newest rows before the change; infinite for a
/// line that does not reach there.
fn unexplained(pre: &[Point], line: Option<&Vec<Point>>) -> f64 {
    let newest = &pre[pre.len().saturating_sub(COMPARED)..];
    let away: Vec<f64> = newest
        .iter()
        .filter_map(|p| match line {
            Some(line) => value_at(line, p.at).map(|v| p.value - v),
            None => Some(p.value),
        })
        .collect();
    let apart: Vec<f64> = away
        .iter()
        .zip(away.iter().skip(APART))
        .map(|(a, b)| b - a)
        .collect();
    if apart.len() < ROWS_MIN / 2 {
        return f64::INFINITY;
    }
    stats::mad(&apart, 0.0)
}
