//! After a rollback: is what alarmed back within reach of the level before the change?

use backstay_model::metric::MetricRole;
use backstay_model::verdict::Recovery;
use backstay_model::{Sample, Span, Timestamp};

use crate::stats;
use crate::track::{Track, values};
use crate::watch::Watch;

/// A server that stands for so long stands again, however seldom it fell.
const STANDS: Span = Span::from_secs(45);
/// Newest samples that must have recovered.
const BINS: usize = 3;
/// Share of the throughput before the change that counts as back.
const THROUGHPUT_BACK: f64 = 0.7;
/// Factor on the latency before the change that counts as back.
const LATENCY_BACK: f64 = 1.5;
/// Errors per second that count as none.
const ERRORS_BACK: f64 = 1.0;
/// Work in flight, as a share of before, below which missing throughput is missing demand.
const DEMAND_GONE: f64 = 0.5;
/// Share of the work before that counts as nobody's: what the guard does itself is left.
const IDLE: f64 = 0.1;
/// Rate before the change, per second, below which nobody worked then either.
const BUSY_MIN: f64 = 5.0;

/// Whether every metric that alarmed is back, by the newest samples after `since`.
pub(crate) fn recovery(watch: &Watch, since: Timestamp, samples: &[Sample]) -> Recovery {
    let fresh: Vec<&Sample> = samples.iter().filter(|s| s.at > since).collect();
    match standing(watch, since, &fresh) {
        Recovery::Yes => {}
        open => return open,
    }
    let newest = &fresh[fresh.len().saturating_sub(BINS)..];
    if newest.iter().any(|s| crate::held_up::stands(s)) {
        // What stands behind a lock that somebody keeps tells nothing of the value that is back.
        return Recovery::Unknown;
    }
    let probe = probe_back(since, &fresh);
    let probe_owes = watch.probes.since_bad > 0 && probe == Recovery::Unknown;
    if newest.len() < BINS || probe_owes {
        return Recovery::Unknown;
    }
    let alarmed = watch.tracks.iter().filter(|t| alarmed(watch, t));
    let mut answers: Vec<Recovery> = alarmed.map(|t| back(watch, t, newest)).collect();
    // A probe that was well all the time says nothing of what was not.
    let probe_counts = watch.probes.since_bad > 0 || answers.is_empty();
    if probe_counts {
        answers.push(probe);
    }
    if nobody_works(watch, newest) && watch.probes.since_bad == 0 {
        // Without work there are no errors and nothing is slow: that is no recovery.
        answers.iter_mut().for_each(|a| {
            if *a == Recovery::Yes {
                *a = Recovery::Unknown;
            }
        });
    }
    if answers.contains(&Recovery::No) {
        Recovery::No
    } else if answers.contains(&Recovery::Yes) {
        Recovery::Yes
    } else {
        Recovery::Unknown
    }
}

/// Whether a server that fell stands again: for as long as it stood between two falls.
fn standing(watch: &Watch, since: Timestamp, fresh: &[&Sample]) -> Recovery {
    let [.., before, last] = watch.falls.as_slice() else {
        return Recovery::Yes;
    };
    if *last > since {
        return Recovery::No;
    }
    let enough = last.since(*before).min(STANDS);
    match fresh.last() {
        Some(newest) if newest.at.since(since) >= enough => Recovery::Yes,
        _ => Recovery::Unknown,
    }
}

/// Whether the metric stood against the change. The probe's own metrics answer by its readings.
fn alarmed(watch: &Watch, track: &Track) -> bool {
    let by_trigger = watch.tripped.iter().any(|t| t.finding.metric == track.name);
    track.role.outcome() && !track.silent() && (track.alarm_at.is_some() || by_trigger)
}

/// Readings that began since the rollback: the newest two went well.
fn probe_back(since: Timestamp, fresh: &[&Sample]) -> Recovery {
    let mut readings: Vec<_> = fresh
        .iter()
        .flat_map(|s| &s.probes)
        .filter(|p| p.at > since)
        .collect();
    readings.sort_by_key(|p| p.at);
    match readings.as_slice() {
        [.., a, b] if !a.failed() && !b.failed() => Recovery::Yes,
        [.., _, _] => Recovery::No,
        _ => Recovery::Unknown,
    }
}

fn back(watch: &Watch, track: &Track, newest: &[&Sample]) -> Recovery {
    let read: Vec<f64> = newest
        .iter()
        .filter_map(|s| s.get(track.name.as_str()))
        .collect();
    let (Some(before), Some(now)) = (track.before(), stats::median(&read)) else {
        return Recovery::Unknown;
    };
    let near = (now - before).abs() <= track.floor;
    let well = match track.role {
        MetricRole::Throughput => now >= THROUGHPUT_BACK * before,
        MetricRole::Latency => now <= LATENCY_BACK * before,
        _ => {
            let usual = stats::mean(&values(track.pre.all())).unwrap_or(before);
            now <= (2.0 * usual).max(ERRORS_BACK)
        }
    };
    if near || well {
        return Recovery::Yes;
    }
    // Clients that gave up ask for nothing: that says nothing about the target.
    let idle = track.role == MetricRole::Throughput && demand_gone(watch, newest);
    if idle {
        Recovery::Unknown
    } else {
        Recovery::No
    }
}

/// Whether the work that was there before the change is gone.
fn nobody_works(watch: &Watch, newest: &[&Sample]) -> bool {
    let busy = |t: &&Track| {
        t.role == MetricRole::Throughput && t.before().is_some_and(|b| b >= t.floor.max(BUSY_MIN))
    };
    let now = |t: &Track| {
        let read: Vec<f64> = newest
            .iter()
            .filter_map(|s| s.get(t.name.as_str()))
            .collect();
        stats::median(&read)
    };
    let mut work = watch.tracks.iter().filter(busy).peekable();
    let gone = |t: &Track| matches!((t.before(), now(t)), (Some(b), Some(n)) if n <= IDLE * b);
    work.peek().is_some() && work.all(gone)
}

fn demand_gone(watch: &Watch, newest: &[&Sample]) -> bool {
    let demand = watch.tracks.iter().find(|t| t.role == MetricRole::Demand);
    let Some(demand) = demand else { return false };
    let read: Vec<f64> = newest
        .iter()
        .filter_map(|s| s.get(demand.name.as_str()))
        .collect();
    let pre = demand.pre.newest(60);
    match (stats::mean(&values(pre)), stats::mean(&read)) {
        (Some(before), Some(now)) => now < DEMAND_GONE * before,
        _ => false,
    }
}
