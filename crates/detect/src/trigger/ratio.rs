//! Twice as bad for several seconds, with a second witness.

use backstay_model::metric::{MetricRole, Worse};
use backstay_model::verdict::Trigger;

use super::{BUSY_MIN, Host, Scene, Tripped, about, slower};
use crate::load::{self, Flow};
use crate::stats;
use crate::trace::Stretch;
use crate::track::Track;

/// Windows, in bins: the more bins, the less their median must exceed the noise.
const BINS: [usize; 4] = [4, 6, 8, 12];
/// The longer ones: when the host is busier than before.
const BINS_BUSY: [usize; 3] = [6, 8, 12];
/// The longest: when the host is taken away, or when only one kind of witness speaks.
const BINS_LONG: [usize; 2] = [8, 12];
/// Metrics that follow the rhythm of checkpoints, whatever was changed: no witnesses.
const RHYTHMIC: [&str; 2] = ["checkpoint_", "wal_"];
/// Bins of a witness.
const WITNESS_BINS: usize = 4;
/// Fewest values before the change.
const PRE_MIN: usize = 8;
/// The ratio.
const TWICE: f64 = 2.0;
/// The ratio when only metrics of the same kind agree, or when the host is taken away.
const THRICE: f64 = 3.0;
/// The ratio when other processes have the host's processors: sharing alone makes less of it.
const MANYFOLD: f64 = 12.0;
/// What a single bin of the window must reach, three out of four.
const ALMOST: f64 = 1.6;
/// What a second metric must reach to agree.
const AGREES: f64 = 1.5;
/// How much worse than the worst window before the change, against what was there already.
const WORSE_THAN_EVER: f64 = 1.15;
/// Bins by which a mechanism may move before what it is a witness of, and bins that show a beginning.
const AHEAD_MAX: i64 = 2;
const BEGINS: usize = 3;
/// Standard deviations of a mechanism metric that count as moved.
const MOVED_SD: f64 = 4.0;
/// Standard errors of a difference of medians that the ratio must also be, and those of a witness.
const SURE_ERRORS: f64 = 4.0;
const AGREES_ERRORS: f64 = 2.5;
/// Relative uncertainty of a scale is about this over the number of values it rests on.
const SCALE_UNSURE: f64 = 3.0;
/// Standard error of a median over that of a mean, for normal noise.
const MEDIAN: f64 = 1.25;

/// Half as much is done although as much is asked for.
pub(super) fn throughput(scene: &Scene<'_>) -> Option<Tripped> {
    scene.of_role(MetricRole::Throughput).find_map(|track| {
        let before = track.before().filter(|b| *b >= BUSY_MIN)?;
        let agrees = witness(scene, track);
        let (bins, after) = lasting(scene, track, windows(scene, agrees)?)?;
        let share = after / before;
        let sure = match load::flow(scene.tracks, share, bins) {
            Flow::Slower { sure } => sure,
            Flow::Unknown if agrees == Witness::Independent => load::SURE,
            Flow::Fell | Flow::Unclear | Flow::Unknown => return None,
        };
        // A surge that overloads the target also halves what is done.
        let overloaded = load::surged(scene.tracks) && share > 0.25;
        let enough = match agrees {
            Witness::Independent => true,
            // Noise that moves all of the work together halves it now and then.
            Witness::SameKind => sure >= load::VERY_SURE && share <= 1.0 / THRICE,
            Witness::None => false,
        };
        if overloaded || !enough {
            return None;
        }
        tripped(scene, track, bins, after)
    })
}

/// Everything takes twice as long although no more is asked for.
pub(super) fn latency(scene: &Scene<'_>) -> Option<Tripped> {
    if load::surged(scene.tracks) {
        return None;
    }
    scene.of_role(MetricRole::Latency).find_map(|track| {
        let (bins, after) = lasting(scene, track, windows(scene, witness(scene, track))?)?;
        let times = worse_by(track, track.before()?, after)?;
        if times < load::QUEUES_MAX && load::busier(scene.tracks, bins) {
            return None;
        }
        tripped(scene, track, bins, after)
    })
}

/// How long it must last: longer while the host has less to give, or when only metrics of the same kind
/// agree; without any witness no length is enough.
fn windows(scene: &Scene<'_>, witness: Witness) -> Option<&'static [usize]> {
    match (witness, scene.host) {
        (Witness::None, _) => None,
        (Witness::Independent, Host::Quiet) => Some(&BINS),
        (Witness::Independent, Host::Busy) => Some(&BINS_BUSY),
        (Witness::Independent, Host::Stolen | Host::Taken) | (Witness::SameKind, _) => {
            Some(&BINS_LONG)
        }
    }
}

fn tripped(scene: &Scene<'_>, track: &Track, bins: usize, after: f64) -> Option<Tripped> {
    let since = track.newest(bins).first()?.at;
    Some(Tripped {
        trigger: Trigger::Ratio,
        at: scene.now,
        finding: about(track, after, since),
    })
}

/// The first window whose median is at least twice as bad as before, most of whose bins are nearly
/// so, that is worse than anything before the change, and beyond the metric's noise and floor.
fn lasting(scene: &Scene<'_>, track: &Track, windows: &[usize]) -> Option<(usize, f64)> {
    if track.pre.len() < PRE_MIN {
        return None;
    }
    let before = track.before()?;
    let least = match scene.host {
        Host::Quiet | Host::Busy => TWICE,
        Host::Stolen => THRICE,
        Host::Taken => MANYFOLD,
    };
    // Harmless windows are judged each second of each target: what is costly is asked last.
    let worst = || {
        let worst = worst_window(track).and_then(|worst| worse_by(track, before, worst));
        worst.unwrap_or(1.0)
    };
    windows.iter().find_map(|&bins| {
        let recent = scene.recent(track, bins)?;
        let after = stats::median(&recent)?;
        let times = worse_by(track, before, after)?;
        // Two spikes make a median of four, but not three nearly as bad bins.
        let bar = times.sqrt().max(ALMOST);
        let nearly = |v: &&f64| worse_by(track, before, **v).is_some_and(|t| t >= bar);
        let holds = times >= least
            && 4 * recent.iter().filter(nearly).count() >= 3 * bins
            && times.ln() >= SURE_ERRORS * error(track, bins)?
            && (after - before).abs() >= track.floor
            && times >= WORSE_THAN_EVER * worst();
        holds.then_some((bins, after))
    })
}

/// Standard error (logarithmic) of the difference between the median of `bins` values and the
/// median before the change; wider while the scale rests on few values.
fn error(track: &Track, bins: usize) -> Option<f64> {
    let frame = track.frame.as_ref()?;
    let known = frame.bins.max(1) as f64;
    let counts = 1.0 / bins as f64 + 1.0 / known;
    let spread = frame.scale * crate::shipped::memory(frame.phi) * (1.0 + SCALE_UNSURE / known);
    Some(MEDIAN * spread * counts.sqrt())
}

/// How many times worse `after` is than `before`: above one is worse.
fn worse_by(track: &Track, before: f64, after: f64) -> Option<f64> {
    match track.role {
        MetricRole::Throughput if before > 0.0 => Some(before / after.max(1e-6 * before)),
        MetricRole::Latency if before > 0.0 => Some(after / before),
        _ => None,
    }
}

/// The worst median of four bins in a row before the change.
fn worst_window(track: &Track) -> Option<f64> {
    let pre = track.lately();
    let medians = pre
        .windows(WITNESS_BINS)
        .filter_map(|w| stats::median(&crate::track::values(w)));
    if track.role == MetricRole::Throughput {
        medians.min_by(f64::total_cmp)
    } else {
        medians.max_by(f64::total_cmp)
    }
}

/// Who else says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Witness {
    None,
    /// Another metric of the same kind, which would be fooled in the same way.
    SameKind,
    /// An outcome of another kind, or a mechanism.
    Independent,
}

fn witness(scene: &Scene<'_>, accused: &Track) -> Witness {
    let others = || {
        scene
            .tracks
            .iter()
            .filter(|t| t.name != accused.name && agrees(scene, t) && !earlier(scene, t, accused))
    };
    let independent = others().any(|t| kind(t) != kind(accused));
    let same = others().any(|t| kind(t) == kind(accused));
    match (independent, same) {
        (true, _) => Witness::Independent,
        (false, true) => Witness::SameKind,
        (false, false) => Witness::None,
    }
}

/// Whether a mechanism moved clearly before anything was bad: what it shows is the change, and not why
/// there is less work or more waiting now.
fn earlier(scene: &Scene<'_>, track: &Track, accused: &Track) -> bool {
    let begins = |t: &Track, moved: &dyn Fn(f64) -> bool| {
        let all = |w: &Stretch<'_>| w.iter().all(|p| moved(p.value));
        let first = t.post.all().windows(BEGINS).find(all)?;
        first.first().map(|p| p.at)
    };
    let now = stats::median(&crate::track::values(track.newest(WITNESS_BINS)));
    let (Some(before), Some(now), Some(usual)) = (track.before(), now, accused.before()) else {
        return false;
    };
    let half = |value: f64| 2.0 * (value - before).abs() >= (now - before).abs();
    let bad = |value: f64| worse_by(accused, usual, value).is_some_and(|t| t >= AGREES);
    let ahead = begins(accused, &bad).zip(begins(track, &half));
    track.role == MetricRole::Saturation
        && ahead.is_some_and(|(harm, witness)| harm.since(witness).0 > AHEAD_MAX * scene.step.0)
}

/// Metrics of one kind see the target through the same hole: the probe, the application's
/// statements, completed work.
fn kind(track: &Track) -> u8 {
    match track.role {
        MetricRole::Throughput => 0,
        MetricRole::Latency if track.name.as_str().starts_with("probe_") => 1,
        MetricRole::Latency => 2,
        MetricRole::Errors => 3,
        MetricRole::Saturation | MetricRole::Demand | MetricRole::Host | MetricRole::Other => 4,
    }
}

/// Whether a metric agrees that something is much worse.
fn agrees(scene: &Scene<'_>, track: &Track) -> bool {
    let moved = || {
        let (before, after) = (
            track.before()?,
            stats::median(&scene.recent(track, WITNESS_BINS)?)?,
        );
        ((after - before).abs() >= track.floor).then_some((before, after))
    };
    let Some((before, after)) = moved() else {
        return false;
    };
    let noise = error(track, WITNESS_BINS).unwrap_or(f64::INFINITY);
    let times = worse_by(track, before, after).filter(|t| t.ln() >= AGREES_ERRORS * noise);
    match track.role {
        MetricRole::Throughput => {
            before >= BUSY_MIN
                && times.is_some_and(|t| t >= AGREES)
                && (load::demand(scene.tracks).is_none() || slower(scene, after / before).is_some())
        }
        MetricRole::Latency => times.is_some_and(|t| t >= AGREES),
        MetricRole::Errors => after > 2.0 * before && after >= 1.0,
        MetricRole::Saturation => mechanism(track, before, after),
        MetricRole::Demand | MetricRole::Host | MetricRole::Other => false,
    }
}

/// Whether a mechanism moved far out of its own band to the worse, by a factor of two at least, and
/// beyond every single bin before. A metric that only follows the load falls with it and is no
/// witness.
fn mechanism(track: &Track, before: f64, after: f64) -> bool {
    let (low, high) = if track.worse == Worse::Down {
        (after, before)
    } else {
        (before, after)
    };
    let away = track
        .median_distance(track.newest(WITNESS_BINS))
        .unwrap_or(0.0)
        .abs();
    let scale = track.frame.as_ref().map_or(f64::INFINITY, |f| f.scale);
    if RHYTHMIC.iter().any(|r| track.name.as_str().starts_with(r)) {
        return false;
    }
    let ever = track.lately().iter().map(|p| p.value);
    let beyond = if track.worse == Worse::Down {
        after * WORSE_THAN_EVER < ever.fold(f64::INFINITY, f64::min)
    } else {
        after > WORSE_THAN_EVER * ever.fold(0.0, f64::max)
    };
    let far = (after - before).abs() >= 2.0 * track.floor;
    beyond && far && high >= TWICE * low.max(0.0) && away >= MOVED_SD * scale
}
