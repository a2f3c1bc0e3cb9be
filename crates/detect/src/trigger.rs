//! Class-change triggers: the target behaves as it never did before. They need no model and no
//! calibration; each is compared with the time before the change, so that what was there already is
//! never blamed on it.

use backstay_model::metric::MetricRole;
use backstay_model::verdict::{Finding, Trigger};
use backstay_model::{MetricName, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::load::{self, Flow};
use crate::probes::{Answered, Outcome, Probes, Reading};
use crate::stats;
use crate::track::{Track, values};
use crate::wording;

mod ratio;
pub(crate) mod silence;

/// Bins of a hang or an outburst of errors.
const BURST_BINS: usize = 3;
/// Rate before the change below which silence is no hang, per second.
const BUSY_MIN: f64 = 5.0;
/// Share of the rate before that still counts as nothing.
const NOTHING: f64 = 0.01;
/// Work in flight, as a share of what it was, below which silence is missing demand.
const IN_FLIGHT: f64 = 0.6;
/// Errors within the burst that count.
const ERRORS_MIN: f64 = 10.0;
/// How many times more errors than before count.
const ERRORS_TIMES: f64 = 5.0;
/// Share of failures at which a rise of known errors counts.
const ERRORS_SHARE: f64 = 0.1;
/// Bins in which errors are all that is left of the work, and in how many of them there must be some.
const LEFT_BINS: usize = 5;
const LEFT_BUSY: usize = 4;
/// Share of the work before that counts as its remains.
const REMAINS: f64 = 0.25;
/// Errors per second that count as none.
const ERRORS_NONE: f64 = 0.5;
/// Readings in a row that went wrong up to the change: what they show was there before. Shorter trouble
/// may be what the same change did, just before it was put back.
const READINGS_LONG: u32 = 20;
/// Samples in a row without an answer on the held connection.
const LOST_SAMPLES: u32 = 3;
/// Error classes of servers that take no more clients: PostgreSQL's, MariaDB's.
const FULL: [&str; 2] = ["53300", "1040"];
/// Falls since the change that make it a suspect: one may have any reason.
const FALLS_MIN: usize = 2;
/// Steps after a time without an answer in which a server that comes back is not judged: its clients
/// come back too, and its counters begin anew.
const SETTLING: i64 = 5;

/// What a trigger looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) tracks: &'a [Track],
    pub(crate) probes: &'a Probes,
    /// When the server fell since the change.
    pub(crate) falls: &'a [Timestamp],
    pub(crate) now: Timestamp,
    pub(crate) step: Span,
    /// Whether the host is busy with something else.
    pub(crate) host: Host,
    /// Whether the change reaches only sessions that began after it.
    pub(crate) reach: Reach,
    /// Until when work was held up by a lock of others: values from before that are of another time.
    pub(crate) held_up_until: Option<Timestamp>,
}

/// Whether the host is busy with something else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Host {
    Quiet,
    /// Its processors are busier than before: with the change's own work, or with another's.
    Busy,
    /// The hypervisor gives its processors to others.
    Stolen,
    /// Other processes of the host have its processors: a slow target is no wonder.
    Taken,
}

/// Whom a change reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Reach {
    Everyone,
    NewSessions,
}

/// A trigger that fired.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Tripped {
    pub(crate) trigger: Trigger,
    /// When it fired.
    pub(crate) at: Timestamp,
    pub(crate) finding: Finding,
}

/// All triggers that hold now, the most telling first: errors name the reason of a silence.
pub(crate) fn fire(scene: &Scene<'_>) -> Vec<Tripped> {
    if scene
        .probes
        .silent(scene.now, Span(SETTLING * scene.step.0))
    {
        return fallen(scene).into_iter().collect();
    }
    let found = [
        fallen(scene),
        shut_out(scene),
        new_sessions(scene),
        probe_errors(scene),
        errors(scene)
            .or_else(|| only_errors(scene))
            .or_else(|| silence::gave_up(scene)),
        hang(scene),
        fewer_but_faster(scene),
        ratio::throughput(scene),
        ratio::latency(scene),
    ];
    found.into_iter().flatten().collect()
}

impl Scene<'_> {
    /// The newest `count` values of a track, when they are all there and not stale.
    fn recent(&self, track: &Track, count: usize) -> Option<Vec<f64>> {
        let newest = track.newest(count);
        let fresh = newest.last()?.at.0 + 5 * self.step.0 / 2 >= self.now.0;
        let since = newest.first()?.at;
        let whole = self.held_up_until.is_none_or(|until| since > until);
        (newest.len() == count && fresh && whole).then(|| values(newest))
    }

    fn of_role(&self, role: MetricRole) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(move |t| t.role == role)
    }
}

/// A finding about a track.
fn about(track: &Track, after: f64, since: Timestamp) -> Finding {
    let before = track.before();
    Finding {
        metric: track.name.clone(),
        role: track.role,
        before,
        after: Some(after),
        harm: before.and_then(|b| crate::effect::harm(track, b, after)),
        p_value: None,
        alarm_at: Some(since),
        since: Some(since),
        text: wording::since(&wording::moved(&track.name, before, Some(after)), since),
    }
}

/// A finding about the probe.
fn probed(metric: &'static str, readings: &[&Reading], text: String) -> Finding {
    Finding {
        metric: MetricName::from_static(metric),
        role: MetricRole::Latency,
        before: None,
        after: None,
        harm: None,
        p_value: None,
        alarm_at: readings.first().map(|r| r.at),
        since: readings.first().map(|r| r.at),
        text,
    }
}

/// The server fell again and again. That it is gone is no evidence by itself: a server that is stopped,
/// or that cannot be reached, a moment after a change is gone for another reason.
fn fallen(scene: &Scene<'_>) -> Option<Tripped> {
    let (last, count) = (scene.falls.last()?, scene.falls.len());
    if count < FALLS_MIN {
        return None;
    }
    let text = format!(
        "the server fell {count} times since the change, the last time at {}",
        wording::clock(*last)
    );
    let mut finding = probed("probe_connect_ms", &[], text);
    finding.alarm_at = Some(*last);
    Some(Tripped {
        trigger: Trigger::Unavailable,
        at: scene.now,
        finding,
    })
}

/// The server answers, has ended the held connection, and lets nobody in.
fn shut_out(scene: &Scene<'_>) -> Option<Tripped> {
    let probes = scene.probes;
    if probes.held_lost < LOST_SAMPLES || probes.held_answered == Answered::Never {
        return None;
    }
    let newest = probes.newest(2);
    if newest.len() < 2 || newest.iter().any(|r| !r.connect.bad()) || probes.before_unconnected > 0
    {
        return None;
    }
    let since = newest[0].at;
    let text = format!("no connection is let in since {}", wording::clock(since));
    let finding = probed("probe_connect_ms", &[&newest[0]], text);
    Some(Tripped {
        trigger: Trigger::Unavailable,
        at: scene.now,
        finding,
    })
}

/// Work is in flight and nothing completes.
fn hang(scene: &Scene<'_>) -> Option<Tripped> {
    silent_throughput(scene).or_else(|| hung_probe(scene))
}

fn silent_throughput(scene: &Scene<'_>) -> Option<Tripped> {
    scene.of_role(MetricRole::Throughput).find_map(|track| {
        let before = track.before().filter(|b| *b >= track.floor.max(BUSY_MIN))?;
        let recent = scene.recent(track, BURST_BINS)?;
        let none = |v: &f64| *v <= NOTHING * before;
        let was_there = track
            .lately()
            .windows(BURST_BINS)
            .any(|w| w.iter().all(|p| none(&p.value)));
        if !recent.iter().all(none) || was_there || !in_flight(scene) {
            return None;
        }
        let since = track.newest(BURST_BINS).first()?.at;
        let finding = about(track, stats::median(&recent)?, since);
        Some(Tripped {
            trigger: Trigger::Hang,
            at: scene.now,
            finding,
        })
    })
}

/// Whether work is in flight although nothing completes; without a metric of it the probe tells.
fn in_flight(scene: &Scene<'_>) -> bool {
    let stuck = scene
        .probes
        .newest(2)
        .iter()
        .any(|r| r.read.bad() || r.write.bad());
    let Some(track) = load::demand(scene.tracks) else {
        return stuck;
    };
    let before = stats::mean(&values(track.pre.newest(60)));
    let now = stats::mean(&values(track.newest(BURST_BINS)));
    match (before, now) {
        (Some(before), Some(now)) => stuck || now >= (IN_FLIGHT * before).max(1.0),
        _ => stuck,
    }
}

fn hung_probe(scene: &Scene<'_>) -> Option<Tripped> {
    let newest = scene.probes.newest(BURST_BINS);
    let hung = |r: &Reading| r.write == Outcome::Hung || r.read == Outcome::Hung;
    let was_there = 2 * scene.probes.before_hung > scene.probes.before
        || scene.probes.last_hung >= READINGS_LONG;
    if newest.len() < BURST_BINS || !newest.iter().all(hung) || was_there {
        return None;
    }
    let write = newest.iter().any(|r| r.write == Outcome::Hung);
    let (metric, what) = if write {
        ("probe_write_ms", "writes")
    } else {
        ("probe_read_ms", "reads")
    };
    let text = format!(
        "probe {what} get no answer since {}",
        wording::clock(newest[0].at)
    );
    let finding = probed(metric, &[&newest[0]], text);
    Some(Tripped {
        trigger: Trigger::Hang,
        at: scene.now,
        finding,
    })
}

/// Fresh connections fail while the held one answers.
fn new_sessions(scene: &Scene<'_>) -> Option<Tripped> {
    let probes = scene.probes;
    let newest = probes.newest(4);
    let failing: Vec<&Reading> = newest.iter().filter(|r| r.connect.bad()).collect();
    let was_there =
        4 * probes.before_unconnected > probes.before || probes.last_unconnected >= READINGS_LONG;
    if failing.len() < 3 || probes.held_lost > 0 || was_there || crowded_out(scene) {
        return None;
    }
    let text = format!(
        "new connections fail ({} of the last {}{}) since {}, the held one answers",
        failing.len(),
        newest.len(),
        class_of(failing.iter().map(|r| &r.connect)),
        wording::clock(failing[0].at),
    );
    let finding = probed("probe_connect_ms", &failing, text);
    Some(Tripped {
        trigger: Trigger::NewSessionsFail,
        at: scene.now,
        finding,
    })
}

/// Whether there is no room for another client because more of them came than before: that is load.
fn crowded_out(scene: &Scene<'_>) -> bool {
    let newest = scene.probes.newest(BURST_BINS);
    let full = |r: &Reading| matches!(&r.connect, Outcome::Failed(class) if FULL.contains(&class.as_str()));
    newest.iter().any(full) && load::surged(scene.tracks)
}

/// `, 28P01` when the failures name a class.
fn class_of<'a>(mut steps: impl Iterator<Item = &'a Outcome>) -> String {
    let class = steps.find_map(|s| {
        if let Outcome::Failed(class) = s {
            Some(class)
        } else {
            None
        }
    });
    class.map_or_else(String::new, |class| format!(", {class}"))
}

/// What the probe asks for is refused in a way never seen before.
fn probe_errors(scene: &Scene<'_>) -> Option<Tripped> {
    let unseen =
        |s: &Outcome| matches!(s, Outcome::Failed(class) if !scene.probes.known.contains(class));
    let newest = scene.probes.newest(5);
    let reads = newest.iter().filter(|r| unseen(&r.read)).count();
    let failing: Vec<&Reading> = newest
        .iter()
        .filter(|r| unseen(&r.read) || unseen(&r.write))
        .collect();
    if failing.len() < 3 {
        return None;
    }
    let (metric, what) = if reads == 0 {
        ("probe_write_ms", "writes")
    } else {
        ("probe_read_ms", "reads")
    };
    let steps = failing.iter().flat_map(|r| [&r.read, &r.write]);
    let text = format!(
        "probe {what} fail ({} of the last {}{}) since {}",
        failing.len(),
        newest.len(),
        class_of(steps),
        wording::clock(failing[0].at),
    );
    // The probe is a new session each time: nothing here says that older sessions fail too.
    let trigger = match scene.reach {
        Reach::NewSessions => Trigger::NewSessionsFail,
        Reach::Everyone => Trigger::Errors,
    };
    Some(Tripped {
        trigger,
        at: scene.now,
        finding: probed(metric, &failing, text),
    })
}

/// Errors that were not there, or many times more than before.
fn errors(scene: &Scene<'_>) -> Option<Tripped> {
    if crowded_out(scene) {
        return None;
    }
    scene.of_role(MetricRole::Errors).find_map(|track| {
        let (count, recent) = burst(scene, track)?;
        let before = stats::mean(&values(track.lately()))?;
        let now = stats::mean(&recent)?;
        let more = now >= ERRORS_TIMES * before && now > 2.0 * worst_burst(track);
        let new = before < ERRORS_NONE && count >= ERRORS_MIN;
        let shared = count >= ERRORS_MIN && share(scene, now) >= ERRORS_SHARE;
        if !more || !(new || shared) || now - before < track.floor {
            return None;
        }
        // More work fails more often in all, and no oftener of a thousand.
        if load::errors_in_proportion(scene.tracks, track, BURST_BINS).is_some() {
            return None;
        }
        let since = track
            .newest(BURST_BINS)
            .iter()
            .find(|p| p.value > before)?
            .at;
        Some(Tripped {
            trigger: Trigger::Errors,
            at: scene.now,
            finding: about(track, now, since),
        })
    })
}

/// Few errors, but they are what is left of the work: clients that fail at once, and come back slowly.
fn only_errors(scene: &Scene<'_>) -> Option<Tripped> {
    let work = scene.of_role(MetricRole::Throughput).next()?;
    let before = work.before().filter(|b| *b >= work.floor.max(BUSY_MIN))?;
    let done = scene.recent(work, LEFT_BINS)?;
    if done.iter().any(|v| *v > REMAINS * before) {
        return None;
    }
    scene.of_role(MetricRole::Errors).find_map(|track| {
        let recent = scene.recent(track, LEFT_BINS)?;
        let before = stats::mean(&values(track.lately()))?;
        let now = stats::mean(&recent)?;
        let busy = recent.iter().filter(|v| **v > 0.0).count();
        let new = before < ERRORS_NONE && now > 2.0 * worst_burst(track);
        if busy < LEFT_BUSY || !new || now - before < track.floor {
            return None;
        }
        let since = track.newest(LEFT_BINS).iter().find(|p| p.value > 0.0)?.at;
        Some(Tripped {
            trigger: Trigger::Errors,
            at: scene.now,
            finding: about(track, now, since),
        })
    })
}

/// Errors in the newest three bins, when at least two of them have some.
fn burst(scene: &Scene<'_>, track: &Track) -> Option<(f64, Vec<f64>)> {
    let recent = scene.recent(track, BURST_BINS)?;
    let busy = recent.iter().filter(|v| **v > 0.0).count();
    let count = recent.iter().sum::<f64>() * scene.step.as_secs_f64();
    (busy >= 2).then_some((count, recent))
}

/// Largest mean rate over three bins before the change.
fn worst_burst(track: &Track) -> f64 {
    let sums = track
        .lately()
        .windows(BURST_BINS)
        .map(|w| w.iter().map(|p| p.value).sum::<f64>());
    sums.fold(0.0, f64::max) / BURST_BINS as f64
}

/// Share of failures: errors over errors and completed work.
fn share(scene: &Scene<'_>, errors: f64) -> f64 {
    let done = scene
        .of_role(MetricRole::Throughput)
        .next()
        .and_then(|t| scene.recent(t, BURST_BINS))
        .and_then(|v| stats::mean(&v));
    done.map_or(0.0, |done| errors / (errors + done.max(0.0)))
}

/// Fewer succeed, and those that do are faster: the slow ones are killed.
fn fewer_but_faster(scene: &Scene<'_>) -> Option<Tripped> {
    let fewer = scene.of_role(MetricRole::Throughput).find(|t| {
        let recent = scene.recent(t, 4).and_then(|v| stats::median(&v));
        matches!((t.before(), recent), (Some(b), Some(a)) if b >= BUSY_MIN && a <= 0.75 * b)
    });
    let faster = scene.of_role(MetricRole::Latency).find(|t| {
        let recent = scene.recent(t, 4).and_then(|v| stats::median(&v));
        matches!((t.before(), recent), (Some(b), Some(a)) if a > 0.0 && a <= 0.7 * b && b - a >= t.floor)
    });
    let failing = scene.of_role(MetricRole::Errors).find(|t| {
        let before = stats::mean(&values(t.lately())).unwrap_or(0.0);
        burst(scene, t).is_some_and(|(count, v)| {
            let now = v.iter().sum::<f64>() / BURST_BINS as f64;
            count >= 5.0 && now >= 3.0 * before && now > 1.5 * worst_burst(t)
        })
    })?;
    let (fewer, _) = (fewer?, faster?);
    let after = stats::median(&scene.recent(fewer, 4)?)?;
    let since = failing.newest(BURST_BINS).first()?.at;
    let finding = about(fewer, after, since);
    Some(Tripped {
        trigger: Trigger::FewerButFaster,
        at: scene.now,
        finding,
    })
}

/// Standard errors of Little's law, when it says that the target is slower.
fn slower(scene: &Scene<'_>, share: f64) -> Option<f64> {
    match load::flow(scene.tracks, share, BURST_BINS + 1) {
        Flow::Slower { sure } => Some(sure),
        Flow::Fell | Flow::Unclear | Flow::Unknown => None,
    }
}
