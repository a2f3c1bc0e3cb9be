//! The same judgement for recorded columns of any sampling step: `backstay detect FILE.csv`.
//!
//! With enough history the placebo windows come from the columns' own past; else the shipped maxima
//! stand in, and the verdict says so.

use backstay_model::metric::{MetricRole, Worse};
use backstay_model::verdict::{Calibration, Harm, Refusal, Verdict, VerdictKind};
use backstay_model::{MetricName, Span, Timestamp};

use crate::baseline::Flat;
use crate::choice::{Below, Choice, Why};
use crate::clock::Clock;
use crate::combine;
use crate::effect;
use crate::evidence::{BINS_MIN, Evidence, Judged, Source};
use crate::load::{self, Demand, Flow};
use crate::own::Past;
use crate::policy::DetectPolicy;
use crate::probes::Probes;
use crate::residual::{Band, Form, Frame, Point, clean};
use crate::season;
use crate::track::{PRE_BINS, Track};
use crate::trigger::{self, Reach};
use crate::walk::Scene;

/// Longest horizon that is judged, in rows.
const HORIZON_MAX: usize = 120;
/// Longest step at which class-change triggers make sense.
const TRIGGER_STEP_MAX: Span = Span::from_secs(10);
/// Rows over which load and effect are compared.
const WINDOW: usize = 10;
/// Score added by a class change.
const CLASS_SCORE: f64 = 10.0;

/// One recorded metric.
#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    /// Its name.
    pub name: MetricName,
    /// Its role; `Other` when nothing is known.
    pub role: MetricRole,
    /// Which way is worse; `Both`: any change counts, and `hurt` then means "changed".
    pub worse: Worse,
    /// Differences below it never matter; zero when nothing is known.
    pub floor: f64,
    /// Its values, in any order; those that are not finite are ignored.
    pub points: Vec<Point>,
}

/// The verdict on recorded columns.
#[derive(Clone, PartialEq, Debug)]
pub struct SeriesVerdict {
    /// Kind, chance, score, alarm and one finding for each column.
    pub verdict: Verdict,
    /// Relative effect of the strongest column, "worse" up (`Both`: its size).
    pub effect: Option<f64>,
    /// Name of the baseline below the strongest column.
    pub baseline: String,
    /// The baseline below each column, in their order, and why that one.
    pub below: Vec<Below>,
    /// Where the values of each column were expected, from shortly before the change to the newest
    /// ones that are judged; empty for a column that cannot be judged.
    pub bands: Vec<Vec<Band>>,
}

/// Judges columns around a change at `changed_at` (rows at or after it are "since"), such that a
/// harmless change is called `hurt` with chance `alpha` (0..1) at most.
#[must_use]
pub fn judge_series(columns: &[Column], changed_at: Timestamp, alpha: f64) -> SeriesVerdict {
    judge_series_with(columns, changed_at, alpha, &Choice::Seasonal, &Clock::utc())
}

/// The same over the baselines that `choice` puts below the columns, with the season by `clock`.
/// Placebo windows stand on the same line as the change.
#[must_use]
pub fn judge_series_with(
    columns: &[Column],
    changed_at: Timestamp,
    alpha: f64,
    choice: &Choice<'_>,
    clock: &Clock,
) -> SeriesVerdict {
    let policy = DetectPolicy {
        alpha_act: alpha,
        alpha_warn: alpha,
        ..DetectPolicy::standard(Span::ZERO)
    };
    let mut tracks = Vec::new();
    let mut judged = Vec::new();
    let mut below = Vec::new();
    let mut step = None;
    for column in columns {
        let points = clean(column.points.clone());
        let split = points.partition_point(|p| p.at < changed_at);
        let own_step = season::step_of(&points);
        step = step.max(Some(own_step));
        let scene = Scene {
            step: own_step,
            changed_at,
            clock,
        };
        let opened = open(column, &points, &scene, choice);
        if let Some(source) = opened.source.filter(|_| counts(column.role, columns)) {
            let horizon = (points.len() - split).clamp(1, HORIZON_MAX);
            judged.push(Judged {
                track: tracks.len(),
                weight: 1.0,
                source,
                horizon,
            });
        }
        tracks.push(opened.track);
        below.push(opened.below);
    }
    let roles: Vec<MetricRole> = judged.iter().map(|j| tracks[j.track].role).collect();
    for (judged, weight) in judged.iter_mut().zip(combine::weights(&roles)) {
        judged.weight = weight;
    }
    let step = step.unwrap_or(Span::from_secs(1));
    for j in &judged {
        tracks[j.track].alarm_level = j.level(&tracks[j.track], alpha * j.weight);
    }
    let tripped = replay(&mut tracks, columns, changed_at, step);
    SeriesVerdict {
        below,
        bands: tracks.iter().map(bands).collect(),
        ..conclude(&tracks, &judged, &policy, (step, tripped))
    }
}

/// Whether a column may stand against the change: outcomes, or, when there are none, all but those
/// that only explain.
fn counts(role: MetricRole, columns: &[Column]) -> bool {
    let outcomes = columns.iter().any(|c| c.role.outcome());
    role.outcome() || (!outcomes && !matches!(role, MetricRole::Demand | MetricRole::Host))
}

struct Opened {
    track: Track,
    below: Below,
    source: Option<Source>,
}

/// Freezes a column at the change and finds where its false-alarm rate comes from.
fn open(column: &Column, points: &[Point], scene: &Scene<'_>, choice: &Choice<'_>) -> Opened {
    let split = points.partition_point(|p| p.at < scene.changed_at);
    let blank = Track::open(column.name.clone(), column.role, column.worse, column.floor);
    let pre = &points[..split];
    let form = Form::of(pre, blank.floor);
    let chosen = choice.below(&transformed(points, form), scene);
    let past = Past::new((&blank, form, &chosen), points, split);
    if let Some((track, bank)) = past.and_then(|past| past.calibrated()) {
        return Opened {
            track,
            below: chosen.below,
            source: Some(Source::Own(bank)),
        };
    }
    let track = blank.freeze(&pre[split.saturating_sub(PRE_BINS)..]);
    let source = Judged::source(&track, None);
    let below = Below {
        id: track.frame.as_ref().map_or(Flat.id(), Frame::id),
        why: match chosen.below.why {
            refused @ Why::Refused(_) => refused,
            _ => Why::TooFew,
        },
        tried: chosen.below.tried,
    };
    Opened {
        track,
        below,
        source,
    }
}

fn transformed(points: &[Point], form: Form) -> Vec<Point> {
    let scaled = |p: &Point| Point {
        at: p.at,
        value: form.of_value(p.value),
    };
    points.iter().map(scaled).collect()
}

/// Pushes the rows since the change in order of time over all columns; the first class change.
fn replay(
    tracks: &mut [Track],
    columns: &[Column],
    changed_at: Timestamp,
    step: Span,
) -> Option<trigger::Tripped> {
    let mut rows: Vec<(Timestamp, usize, f64)> = Vec::new();
    for (i, column) in columns.iter().enumerate() {
        let points = clean(column.points.clone());
        rows.extend(
            points
                .iter()
                .filter(|p| p.at >= changed_at)
                .map(|p| (p.at, i, p.value)),
        );
    }
    rows.sort_by_key(|row| (row.0, row.1));
    let probes = Probes::default();
    let mut tripped = None;
    for (k, (at, i, value)) in rows.iter().enumerate() {
        tracks[*i].push(Point {
            at: *at,
            value: *value,
        });
        let last = rows.get(k + 1).is_none_or(|next| next.0 != *at);
        if last && tripped.is_none() && step <= TRIGGER_STEP_MAX {
            let host = crate::watch::host(tracks);
            let reach = Reach::Everyone;
            let scene = trigger::Scene {
                tracks,
                probes: &probes,
                falls: &[],
                now: *at,
                step,
                host,
                reach,
            };
            tripped = trigger::fire(&scene).into_iter().next();
        }
    }
    tripped
}

/// Puts columns, load and class changes together.
fn conclude(
    tracks: &[Track],
    judged: &[Judged],
    policy: &DetectPolicy,
    (step, tripped): (Span, Option<trigger::Tripped>),
) -> SeriesVerdict {
    let mut evidence: Vec<Evidence<'_>> = judged
        .iter()
        .filter(|j| !tracks[j.track].silent())
        .filter_map(|j| j.evidence(&tracks[j.track], policy, step))
        .collect();
    evidence.sort_by(|a, b| ranked(b).total_cmp(&ranked(a)));
    let chances: Vec<(f64, f64)> = evidence.iter().map(|e| (e.p_value, e.weight)).collect();
    let p_value = combine::combined(&chances);
    let newest = tracks
        .iter()
        .filter_map(|t| t.post.last())
        .map(|p| p.at)
        .max()
        .unwrap_or_default();
    let mut refusals = Vec::new();
    let kind = match &tripped {
        Some(t) => VerdictKind::Hurt {
            by: Harm::ClassChange(t.trigger),
        },
        None => statistical(tracks, &evidence, policy, &mut refusals),
    };
    let top = evidence.first();
    let score = top.map_or(0.0, ranked) + if tripped.is_some() { CLASS_SCORE } else { 0.0 };
    let calibration = match (evidence.is_empty(), evidence.iter().all(|e| e.own())) {
        (true, _) => Calibration::None,
        (false, true) => Calibration::Own,
        (false, false) => Calibration::Shipped,
    };
    let class = tripped.as_ref().map(|t| t.at);
    let verdict = Verdict {
        kind,
        at: newest,
        p_value,
        score,
        alarm_at: class.or_else(|| evidence.iter().filter_map(|e| e.track.alarm_at).min()),
        findings: tripped
            .iter()
            .map(|t| t.finding.clone())
            .chain(evidence.iter().map(Evidence::finding))
            .collect(),
        refusals,
        calibration,
    };
    let baseline = top
        .and_then(|e| e.track.frame.as_ref())
        .map_or_else(|| "none".into(), |f| f.baseline());
    SeriesVerdict {
        effect: top.and_then(effect_of),
        baseline,
        verdict,
        below: Vec::new(),
        bands: Vec::new(),
    }
}

fn bands(track: &Track) -> Vec<Band> {
    let Some(frame) = &track.frame else {
        return Vec::new();
    };
    let seen = track.pre.iter().chain(&track.post);
    seen.filter_map(|p| frame.band(p.at)).collect()
}

/// Evidence that is comparable between columns.
fn ranked(evidence: &Evidence<'_>) -> f64 {
    evidence.score
}

/// Relative effect in the strongest window, "worse" up.
fn effect_of(evidence: &Evidence<'_>) -> Option<f64> {
    let before = evidence.track.before()?;
    effect::harm(evidence.track, before, evidence.after()?)
}

/// The verdict without a class change.
fn statistical(
    tracks: &[Track],
    evidence: &[Evidence<'_>],
    policy: &DetectPolicy,
    refusals: &mut Vec<Refusal>,
) -> VerdictKind {
    let baseline = tracks.iter().any(|t| t.pre.len() >= BINS_MIN);
    if !baseline {
        refusals.push(Refusal::NoBaseline);
    }
    let Some(top) = evidence.first() else {
        refusals.push(Refusal::TooFew);
        let rows = tracks.iter().map(|t| t.post.len()).max().unwrap_or(0);
        return if rows == 0 {
            VerdictKind::NoData
        } else {
            VerdictKind::Inconclusive
        };
    };
    if top.p_value > policy.alpha_act * top.weight {
        let enough = evidence.iter().all(|e| e.track.post.len() >= BINS_MIN);
        let excluded = evidence
            .iter()
            .filter_map(Evidence::bound)
            .fold(0.0, f64::max);
        if enough && excluded <= 1.0 {
            return VerdictKind::Healthy {
                excludes: excluded.max(0.05),
            };
        }
        refusals.push(Refusal::TooFew);
        return VerdictKind::Inconclusive;
    }
    if top.track.role.outcome() && !top.matters(effect::gate(top.track, policy)) {
        refusals.push(Refusal::BelowGate);
        return VerdictKind::Inconclusive;
    }
    by_load(tracks, top).unwrap_or(VerdictKind::Hurt {
        by: Harm::Statistical,
    })
}

/// Whether the demand, where a column says what it was, explains the harm.
fn by_load(tracks: &[Track], top: &Evidence<'_>) -> Option<VerdictKind> {
    load::demand(tracks)?;
    if !top.track.role.outcome() {
        return None;
    }
    let moved = load::shift(tracks, WINDOW);
    let distance = top.recent;
    if let Some(rest) = load::matched_distance(top.track, tracks, WINDOW) {
        let explained = moved != Demand::Level && rest <= 0.5 * distance;
        return explained.then_some(VerdictKind::WorkloadShift);
    }
    if top.track.role == MetricRole::Throughput {
        let fell = load::flow(tracks, (-distance).exp(), WINDOW) == Flow::Fell;
        return (fell && moved == Demand::Down).then_some(VerdictKind::WorkloadShift);
    }
    let surge = load::surge(tracks, WINDOW) && moved == Demand::Up;
    surge.then_some(VerdictKind::WorkloadShift)
}

#[cfg(test)]
mod tests;
