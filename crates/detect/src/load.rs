//! Load: is less done because less is asked for, or because the target is slower?
//!
//! Completed work cannot tell, because clients that wait for a slow server also ask for less. What
//! is in flight can (Little's law, L = λ W): completions down with work in flight down = demand
//! fell; completions down with work in flight level or up = slower.

use backstay_model::metric::MetricRole;

use crate::shipped;
use crate::stats;
use crate::track::{Track, values};

/// Share of the work in flight before that still counts as level.
const LEVEL: f64 = 0.75;
/// Rise of sessions or of completed work that counts as a surge of demand.
const SURGE: f64 = 1.2;
/// Bins over which a surge shows.
const SURGE_BINS: [usize; 3] = [4, 12, 40];
/// Rise of open sessions that alone counts as a surge.
const SESSIONS_SURGE: f64 = 1.5;
/// Standard errors between work in flight and what a fall of demand would leave of it.
pub(crate) const SURE: f64 = 2.5;
/// The same when nothing else agrees.
pub(crate) const VERY_SURE: f64 = 4.0;
/// Relative move of the demand that counts as a shift.
const SHIFT: f64 = 1.4;
/// Fewest bins before the change whose loads can be matched with.
const MATCH_BINS: usize = 200;
/// Bins with the nearest load that a bin is compared with.
const NEAREST: usize = 20;
/// Rise of the time that work takes at which clients ask for less because they wait.
const SLOWER: f64 = 1.3;
/// Factor by which errors may outgrow the work and still be its usual share.
const PROPORTION: f64 = 1.5;
/// Factor within which what is asked for and what completes are the same thing counted twice.
const SAME_UNIT: f64 = 1.25;
/// Share of what is asked for that still completes when only less is asked for.
const SERVED: f64 = 0.95;
/// Rise of completed work, beyond its noise, that makes a server busier.
const BUSIER: f64 = 1.08;
/// Standard errors of such a rise.
const ROSE_ERRORS: f64 = 3.0;
/// Standard error of a median over that of a mean, for normal noise.
const MEDIAN: f64 = 1.25;
/// Times as long that being busier explains at most.
pub(crate) const QUEUES_MAX: f64 = 12.0;
/// The metric that counts open sessions, whatever they do.
const SESSIONS: &str = "sessions";

/// What Little's law says of a fall of throughput.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Flow {
    /// Work in flight is level or up: the target is slower; how many standard errors sure.
    Slower { sure: f64 },
    /// Work in flight fell with the completions: demand fell.
    Fell,
    /// In between, or too few bins to tell.
    Unclear,
    /// Nothing says how much work is in flight.
    Unknown,
}

/// The metric that says how much work is in flight: the first with the role of demand.
pub(crate) fn demand(tracks: &[Track]) -> Option<&Track> {
    tracks
        .iter()
        .find(|t| t.role == MetricRole::Demand && !t.pre.is_empty() && !t.post.is_empty())
}

/// Mean over the newest `bins` divided by the mean of the newest 60 before the change.
pub(crate) fn ratio(track: &Track, bins: usize) -> Option<f64> {
    let before = stats::mean(&values(track.pre.newest(60)))?;
    let now = stats::mean(&values(track.newest(bins)))?;
    (before > 0.0).then(|| now / before)
}

/// Judges a fall of throughput to `share` (0..1) of what it was, over the newest `bins`.
pub(crate) fn flow(tracks: &[Track], share: f64, bins: usize) -> Flow {
    let Some(track) = demand(tracks) else {
        return Flow::Unknown;
    };
    let Some(before) = stats::mean(&values(track.pre.newest(60))) else {
        return Flow::Unknown;
    };
    let recent = values(track.newest(bins));
    let Some(now) = stats::mean(&recent) else {
        return Flow::Unknown;
    };
    if before <= 0.0 {
        // Nothing was ever caught in flight: work in flight now is new.
        return if now >= 1.0 {
            Flow::Slower { sure: SURE }
        } else {
            Flow::Unknown
        };
    }
    let n = recent.len() as f64;
    let left = share.min(1.0) * before * n;
    let sure = (now * n - left) / (left + 1.0).sqrt();
    let level = now >= LEVEL * before && now >= 0.5;
    match now / before {
        _ if level && sure >= SURE => Flow::Slower { sure },
        ratio if ratio < LEVEL && ratio <= 1.5 * share.max(0.05) => Flow::Fell,
        _ => Flow::Unclear,
    }
}

/// Whether the load explains the harm of `track`, `distance` (logarithmic, "worse" up) over the newest
/// bins: by a shift of it, up or down, or perhaps (`Level`: it cannot be told apart). `None`: it does
/// not.
pub(crate) fn explained(
    tracks: &[Track],
    track: &Track,
    distance: f64,
    bins: usize,
) -> Option<Demand> {
    let moved = shift(tracks, bins);
    if track.role == MetricRole::Throughput {
        if counted_alike(tracks, track) {
            // Clients that wait ask for less as well: then the work takes longer.
            if slower(tracks, bins) {
                return None;
            }
            if served(tracks, track, bins) {
                return Some(Demand::Down);
            }
        }
        return match flow(tracks, (-distance).exp(), 2 * bins) {
            Flow::Fell => Some(Demand::Down),
            Flow::Unclear if moved == Demand::Down => Some(Demand::Down),
            Flow::Slower { sure } if sure >= VERY_SURE => None,
            Flow::Unclear | Flow::Slower { .. } => Some(Demand::Level),
            Flow::Unknown => None,
        };
    }
    if surge(tracks, bins) {
        return Some(Demand::Up);
    }
    match matched_distance(track, tracks, bins) {
        Some(rest) if moved != Demand::Level && rest <= 0.5 * distance => Some(moved),
        _ if distance >= QUEUES_MAX.ln() => None,
        _ if busier(tracks, bins) || implied(tracks, track, bins) => Some(Demand::Level),
        _ => None,
    }
}

/// Whether more must complete than before, where nothing counts it: what is asked for, or is in flight, rose
/// by more than the time that each takes. By Little's law a slower server alone makes no more of it than it
/// is slower.
fn implied(tracks: &[Track], time: &Track, bins: usize) -> bool {
    let counted = |t: &Track| t.role == MetricRole::Throughput && !t.silent();
    let Some(asked) = demand(tracks).filter(|_| !tracks.iter().any(counted)) else {
        return false;
    };
    // Over a while as well: noise of a few rows is no work.
    let more = [bins, 4 * bins].into_iter().all(|bins| {
        let both = ratio(asked, bins).zip(ratio(time, bins));
        both.is_some_and(|(asked, time)| asked >= BUSIER * time.max(1.0))
    });
    more && rose(asked, bins, SURGE)
}

/// Whether clearly more completes than before, which no slower server does by itself, or clearly more is
/// asked for and no less completes: near its capacity a little more work makes everything wait, by a factor
/// that nobody knows who does not know the capacity.
pub(crate) fn busier(tracks: &[Track], bins: usize) -> bool {
    let lengths = [bins, 4 * bins, 12 * bins];
    let any = |holds: &dyn Fn(usize) -> bool| lengths.iter().any(|bins| holds(*bins));
    let asked = demand(tracks);
    // Bursts before carry the mean: that there are none now is no fall.
    let fell = asked.is_some_and(|asked| {
        let middle = stats::median(&values(asked.newest(bins)));
        let lower = middle
            .zip(asked.before())
            .is_some_and(|(now, was)| now < was);
        lower && ratio(asked, bins).is_some_and(|mean| mean < 1.0)
    });
    let mut work = tracks
        .iter()
        .filter(|t| t.role == MetricRole::Throughput && !t.silent());
    work.any(|done| {
        let more = any(&|bins| rose(done, bins, BUSIER));
        let kept = any(&|bins| ratio(done, bins).is_some_and(|r| r >= SERVED));
        let overloaded = || {
            let asked = asked.filter(|asked| alike(asked, done));
            asked.is_some_and(|asked| any(&|bins| rose(asked, bins, SURGE)))
        };
        (more && !fell) || (kept && overloaded())
    })
}

/// Whether the newest bins of a metric are above those before by this factor and by more than its noise,
/// in the mean or, where bursts carry the mean, in the middle.
fn rose(track: &Track, bins: usize, factor: f64) -> bool {
    let pre = values(track.pre.newest(60));
    let post = values(track.newest(bins));
    let (Some(mean), Some(middle)) = (stats::mean(&pre), stats::median(&pre)) else {
        return false;
    };
    let away: f64 = pre.iter().map(|v| (v - mean).powi(2)).sum();
    let spread = (away / pre.len() as f64).sqrt();
    let counts = (1.0 / pre.len() as f64 + 1.0 / post.len().max(1) as f64).sqrt();
    let memory = shipped::memory(stats::autocorrelation(&pre, mean));
    let above = |before: f64, now: Option<f64>, spread: f64| {
        let by = |now: f64| now >= factor * before && now - before >= ROSE_ERRORS * spread;
        before > 0.0 && now.is_some_and(by)
    };
    let error = counts * memory;
    let robust = MEDIAN * stats::mad(&pre, middle);
    above(mean, stats::mean(&post), error * spread)
        || above(middle, stats::median(&post), error * robust)
}

/// Whether what is asked for is counted like what completes: calls, not work in flight.
fn counted_alike(tracks: &[Track], track: &Track) -> bool {
    demand(tracks).is_some_and(|asked| alike(asked, track))
}

fn alike(asked: &Track, done: &Track) -> bool {
    matches!((asked.before(), done.before()), (Some(asked), Some(done))
        if done > 0.0 && asked <= SAME_UNIT * done && done <= SAME_UNIT * asked)
}

/// Whether as much of what is asked for completes as before.
fn served(tracks: &[Track], track: &Track, bins: usize) -> bool {
    let asked = demand(tracks).and_then(|asked| ratio(asked, bins));
    matches!((ratio(track, bins), asked), (Some(done), Some(asked)) if done >= SERVED * asked)
}

/// Whether completed work takes clearly longer than before, or none of it was timed.
fn slower(tracks: &[Track], bins: usize) -> bool {
    let timed = |t: &Track| {
        let now = stats::median(&values(t.newest(bins)))?;
        Some(now <= 0.0 || now >= SLOWER * t.before()?)
    };
    let mut latencies = tracks
        .iter()
        .filter(|t| t.role == MetricRole::Latency && t.before().is_some_and(|b| b > 0.0));
    latencies.any(|t| timed(t).unwrap_or(false))
}

/// Whether errors rose no more than the work did (`Up`), so that the share of failures is what it was:
/// no more than chance puts on top of it, as for counts of independent failures.
pub(crate) fn errors_in_proportion(
    tracks: &[Track],
    errors: &Track,
    bins: usize,
) -> Option<Demand> {
    let work = tracks
        .iter()
        .filter(|t| t.role == MetricRole::Throughput && !t.silent());
    let most = work.filter_map(|t| ratio(t, bins)).fold(0.0, f64::max);
    if most < BUSIER {
        return None;
    }
    let (before, now) = (values(errors.pre.all()), values(errors.newest(2 * bins)));
    let times = PROPORTION * most * now.len() as f64;
    let expected = times * stats::mean(&before)?;
    // Both the failures since and those that made the expectation are counts.
    let error = (expected * (1.0 + times / before.len() as f64) + 1.0).sqrt();
    let seen: f64 = now.iter().sum();
    (seen <= expected + VERY_SURE * error).then_some(Demand::Up)
}

/// Whether more is asked for than before, which explains slowness: completed work rose together
/// with the work in flight, or the number of open sessions jumped.
pub(crate) fn surge(tracks: &[Track], bins: usize) -> bool {
    let rose = |t: &Track, by: f64| ratio(t, bins).is_some_and(|r| r >= by);
    let sessions = tracks.iter().find(|t| t.name.as_str() == SESSIONS);
    if sessions.is_some_and(|t| rose(t, SESSIONS_SURGE)) {
        return true;
    }
    let flight = demand(tracks).is_none_or(|t| rose(t, SURGE));
    let mut busy = tracks
        .iter()
        .filter(|t| t.role == MetricRole::Throughput && !t.silent());
    flight && busy.any(|t| rose(t, SURGE))
}

/// Whether more is asked for than before, by the newest bins or by those of the last while: a surge
/// that lasts is not over because a few bins of it are quieter.
pub(crate) fn surged(tracks: &[Track]) -> bool {
    SURGE_BINS.iter().any(|bins| surge(tracks, *bins))
}

/// How the demand moved over the newest `bins`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Demand {
    Level,
    Up,
    Down,
}

/// The shift of the demand, beyond its own noise.
pub(crate) fn shift(tracks: &[Track], bins: usize) -> Demand {
    let Some(track) = demand(tracks) else {
        return Demand::Level;
    };
    let pre = values(track.pre.newest(60));
    let post = values(track.newest(bins));
    let (Some(before), Some(now)) = (stats::mean(&pre), stats::mean(&post)) else {
        return Demand::Level;
    };
    let variance =
        |v: &[f64], m: f64| v.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / v.len() as f64;
    let error = (variance(&pre, before) / pre.len() as f64
        + variance(&post, now) / post.len() as f64)
        .sqrt()
        .max(0.02 * before.abs());
    if (now - before).abs() < 3.0 * error || (now - before).abs() < track.floor {
        return Demand::Level;
    }
    if now >= SHIFT * before {
        Demand::Up
    } else if now * SHIFT <= before {
        Demand::Down
    } else {
        Demand::Level
    }
}

/// Whether at least half of the newest `bins` lie outside the loads seen before (0.5-99.5 %).
pub(crate) fn outside_trained(tracks: &[Track], bins: usize) -> bool {
    let Some(track) = demand(tracks) else {
        return false;
    };
    let mut pre = values(track.pre.all());
    pre.sort_by(f64::total_cmp);
    let (Some(low), Some(high)) = (
        stats::quantile_sorted(&pre, 0.005),
        stats::quantile_sorted(&pre, 0.995),
    ) else {
        return false;
    };
    let recent = track.newest(bins);
    let out = recent
        .iter()
        .filter(|p| p.value < low || p.value > high)
        .count();
    2 * out >= recent.len().max(1)
}

/// Median harm of `track` over the newest `bins` compared with the bins before the change that had
/// the nearest load (logarithmic, "worse" up); `None` when the history is too short to match.
pub(crate) fn matched_distance(track: &Track, tracks: &[Track], bins: usize) -> Option<f64> {
    let load = demand(tracks)?;
    if track.pre.len() < MATCH_BINS || load.pre.len() < MATCH_BINS {
        return None;
    }
    let frame = track.frame.as_ref()?;
    let mut known: Vec<(f64, f64)> = track
        .pre
        .iter()
        .filter_map(|p| Some((load.pre.all().at(p.at)?, frame.distance(p))))
        .collect();
    known.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut away = Vec::new();
    for point in track.newest(bins).iter() {
        let Some(now) = load.post.all().at(point.at) else {
            continue;
        };
        let near = nearest(&known, now);
        away.push(frame.distance(point) - stats::median(&near)?);
    }
    stats::median_mut(&mut away)
}

/// The distances of the `NEAREST` known bins around the load `now`; `known` is in order of load.
fn nearest(known: &[(f64, f64)], now: f64) -> Vec<f64> {
    let place = known.partition_point(|(load, _)| *load < now);
    let from = place.saturating_sub(NEAREST);
    let mut near: Vec<(f64, f64)> = known[from..(place + NEAREST).min(known.len())]
        .iter()
        .map(|(load, distance)| ((load - now).abs(), *distance))
        .collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    near.truncate(NEAREST);
    near.into_iter().map(|(_, distance)| distance).collect()
}
