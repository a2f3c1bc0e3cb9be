//! When what alarmed began: evidence suffices only some time after, and what began clearly before a
//! change is not its work.
//!
//! The beginning is the changepoint that makes the rows from it to the peak of the scan least likely
//! to be noise around the level before: it maximises `(Σ r)² / n`, the likelihood ratio of a shift of
//! unknown size among independent normal residuals (Page 1954, Hinkley 1970).

use backstay_model::Timestamp;

use crate::residual::CLIP;
use crate::shipped;
use crate::stats;
use crate::track::Track;

/// Rows before the change that are looked through.
const BACK: usize = 60;
/// Rows before those in which something may have begun that say where the level was, and how many of
/// them are enough.
const APART: usize = 30;
const LEVEL_ROWS: usize = 120;
const LEVEL_MIN: usize = 20;
/// Fewest rows before the change that show a beginning there.
const BEFORE_MIN: usize = 3;
/// How far from the level those rows are, beside the rows since.
const AS_BAD: f64 = 0.5;
/// Chance of as much by noise.
const SURE: f64 = 0.01;

/// The beginning of what alarmed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Onset {
    /// The first row that belongs to it; the first one since the change where it may be new.
    pub(crate) at: Timestamp,
    /// Whether it began clearly before the change.
    pub(crate) before: bool,
}

/// The beginning of what a track shows at its peak; `None` without one.
pub(crate) fn onset(track: &Track) -> Option<Onset> {
    let frame = track.frame.as_ref()?;
    let peak = track.peak_at?;
    let post = track.post.all();
    let since = post.oldest(post.count_early(|at| at <= peak));
    let first = since.first()?;
    let pre = track.pre.newest(BACK);
    let (level, memory) = level(track);
    let distance = |p| frame.distance(p) - level;
    let away: Vec<f64> = pre.iter().chain(since.iter()).map(distance).collect();
    let residuals: Vec<f64> = away
        .iter()
        .map(|d| (d / frame.scale).clamp(-CLIP, CLIP))
        .collect();
    let usual = track.scan.spread_at_peak();
    let begins = changepoint(&residuals, usual);
    if begins >= pre.len() {
        let at = since.get(begins - pre.len()).unwrap_or(first).at;
        return Some(Onset { at, before: false });
    }
    let (earlier, later) = (&away[begins..pre.len()], &away[pre.len()..]);
    let sign = later.iter().sum::<f64>().signum();
    let as_bad = sign * stats::mean(earlier)? >= AS_BAD * sign * stats::mean(later)?;
    let sum: f64 = residuals[begins..pre.len()].iter().sum();
    let clear = sign * sum / (earlier.len() as f64).sqrt()
        >= memory * shipped::level(SURE, frame.bins, BACK);
    let before = usual.is_none() && earlier.len() >= BEFORE_MIN && as_bad && clear;
    let at = pre.get(begins).filter(|_| before).unwrap_or(first).at;
    Some(Onset { at, before })
}

/// Where the level was before anything can have begun, over the frozen one, and how much sums of
/// residuals there spread beside those of independent ones.
fn level(track: &Track) -> (f64, f64) {
    let Some(frame) = &track.frame else {
        return (0.0, 1.0);
    };
    let pre = track.pre.all();
    let apart = pre.oldest(pre.len().saturating_sub(APART));
    let earlier = apart.newest(LEVEL_ROWS);
    if earlier.len() < LEVEL_MIN {
        return (0.0, shipped::memory(frame.phi));
    }
    let away: Vec<f64> = earlier.iter().map(|p| frame.distance(p)).collect();
    let level = stats::median(&away).unwrap_or(0.0);
    let phi = stats::autocorrelation(&away, level);
    (level, shipped::memory(phi))
}

/// The place from which on the residuals stand out most, all of the rest taken together: away from
/// zero, or, where their size is what stands out, away from the usual one.
fn changepoint(residuals: &[f64], usual_size: Option<f64>) -> usize {
    let (mut sum, mut best, mut place) = (0.0_f64, 0.0_f64, residuals.len().saturating_sub(1));
    for (i, residual) in residuals.iter().enumerate().rev() {
        sum += usual_size.map_or(*residual, |usual| residual.abs() - usual);
        let gain = sum * sum / (residuals.len() - i) as f64;
        if gain > best {
            (best, place) = (gain, i);
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::residual::Point;
    use crate::testing::{Noise, Random};
    use backstay_model::MetricName;
    use backstay_model::metric::{MetricRole, Worse};

    const CHANGE: i64 = 200;

    /// A minute-by-minute latency that is `factor` times as long from the row `from` on.
    fn track(seed: u64, from: i64, factor: f64) -> Track {
        let (mut random, mut noise) = (Random::new(seed), Noise::new(0.4));
        let points: Vec<Point> = (0..CHANGE + 60)
            .map(|row| {
                let innovation = random.normal();
                let level = if row >= from { factor } else { 1.0 };
                Point {
                    at: Timestamp::from_secs(60 * row),
                    value: level * (0.1 * noise.next(innovation)).exp(),
                }
            })
            .collect();
        let (role, split) = (MetricRole::Latency, CHANGE as usize);
        let track = Track::open(MetricName::new("m"), role, Worse::Up, 0.0);
        let mut track = track.freeze(&points[..split]);
        points[split..].iter().for_each(|p| track.push(*p));
        track
    }

    #[test]
    fn the_beginning_is_found_and_what_began_before_is_told_from_what_is_new() {
        for (from, before) in [
            (CHANGE, false),
            (CHANGE + 20, false),
            (CHANGE - 12, true),
            (CHANGE - 25, true),
        ] {
            let (mut off, mut wrong) = (0, 0);
            for seed in 0..60 {
                let onset = onset(&track(seed, from, 1.8)).unwrap();
                off += i32::from((onset.at.0 / 60_000_000 - from).abs() > 2);
                wrong += i32::from(onset.before != before);
            }
            assert!(off <= 6 && wrong <= 1, "{from}: off {off}, wrong {wrong}");
        }
    }
}
