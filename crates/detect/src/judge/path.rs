//! One way through the rows of a recording: at one width of the bins, over one horizon.

use backstay_model::metric::MetricRole;
use backstay_model::{Span, Timestamp};

use super::daytime::Daytime;
use super::{Column, SHIPPED_MAX, Terms};
use crate::audit::Promise;
use crate::baseline::Flat;
use crate::choice::{Below, Chosen};
use crate::combine;
use crate::evidence::{Judged, Source};
use crate::own::Past;
use crate::peers;
use crate::probes::Probes;
use crate::residual::{Band, Form, Frame, Point};
use crate::season;
use crate::track::{PRE_BINS, Track};
use crate::trigger::{self, Reach, Tripped};
use crate::walk::Scene;

/// Longest step at which class-change triggers make sense.
const TRIGGER_STEP_MAX: Span = Span::from_secs(10);
/// Rows over which load and effect are compared.
pub(super) const WINDOW: usize = 10;

/// A class change, and when one was last there.
pub(super) struct ClassChange {
    pub(super) first: Tripped,
    pub(super) newest_at: Timestamp,
}

/// The columns on their way.
pub(super) struct Path {
    pub(super) tracks: Vec<Track>,
    pub(super) judged: Vec<Judged>,
    pub(super) below: Vec<Below>,
    /// For each track what is known of the time of day, where its season is not.
    pub(super) daytimes: Vec<Option<Daytime>>,
    pub(super) step: Span,
}

impl Path {
    /// Freezes clean columns at the change, and chooses how each is judged.
    pub(super) fn open(columns: &[Column], terms: &Terms<'_>) -> Self {
        let mut path = Self {
            tracks: Vec::new(),
            judged: Vec::new(),
            below: Vec::new(),
            daytimes: Vec::new(),
            step: Span(1),
        };
        for column in columns {
            let step = season::step_of(&column.points);
            path.step = path.step.max(step);
            let opened = open(column, terms, step);
            let since = column.points.partition_point(|p| p.at < terms.changed_at);
            if let Some(source) = opened
                .source
                .filter(|_| speaks(column) && counts(column.role, columns))
            {
                path.judged.push(Judged {
                    track: path.tracks.len(),
                    weight: 1.0,
                    source,
                    horizon: (column.points.len() - since).max(1),
                    strictness: 1.0,
                    promise: Promise::Learning,
                    suspicion: 0.0,
                });
            }
            let daytime = Daytime::of(column, terms).filter(|_| !opened.seasonal);
            path.tracks.push(opened.track);
            path.below.push(opened.below);
            path.daytimes.push(daytime);
        }
        let roles: Vec<MetricRole> = path
            .judged
            .iter()
            .map(|j| path.tracks[j.track].role)
            .collect();
        for (judged, weight) in path.judged.iter_mut().zip(combine::weights(&roles)) {
            judged.weight = weight;
        }
        for j in &path.judged {
            let level = j.level(&path.tracks[j.track], terms.alpha * j.weight);
            path.tracks[j.track].alarm_level = level;
        }
        path
    }

    /// Columns frozen at the change, none of them judged: only class changes show.
    pub(super) fn unjudged(columns: &[Column], changed_at: Timestamp) -> Self {
        let track = |c: &Column| {
            let pre = &c.points[..c.points.partition_point(|p| p.at < changed_at)];
            Track::open(c.name.clone(), c.role, c.worse, c.floor)
                .freeze(&pre[pre.len().saturating_sub(PRE_BINS)..])
        };
        let steps = columns.iter().map(|c| season::step_of(&c.points));
        Self {
            tracks: columns.iter().map(track).collect(),
            judged: Vec::new(),
            below: Vec::new(),
            daytimes: Vec::new(),
            step: steps.max().unwrap_or(Span(1)),
        }
    }

    /// Whether class changes are looked for at all.
    pub(super) fn quick(&self) -> bool {
        self.step <= TRIGGER_STEP_MAX
    }

    /// Pushes the rows since the change in order of time over all columns; the first class change.
    pub(super) fn replay(
        &mut self,
        columns: &[Column],
        changed_at: Timestamp,
    ) -> Option<ClassChange> {
        let mut rows: Vec<(Timestamp, usize, f64)> = Vec::new();
        for (i, column) in columns.iter().enumerate() {
            let since = column.points.partition_point(|p| p.at < changed_at);
            rows.extend(column.points[since..].iter().map(|p| (p.at, i, p.value)));
        }
        rows.sort_by_key(|row| (row.0, row.1));
        let mut seen: Option<ClassChange> = None;
        for (k, (at, i, value)) in rows.iter().enumerate() {
            self.tracks[*i].push(Point {
                at: *at,
                value: *value,
            });
            let last = rows.get(k + 1).is_none_or(|next| next.0 != *at);
            if !last || !self.quick() {
                continue;
            }
            if let Some(tripped) = self.class_change(*at) {
                let first = seen.take().map_or(tripped, |seen| seen.first);
                seen = Some(ClassChange {
                    first,
                    newest_at: *at,
                });
            }
        }
        seen
    }

    fn class_change(&self, now: Timestamp) -> Option<Tripped> {
        let scene = trigger::Scene {
            tracks: &self.tracks,
            probes: &Probes::default(),
            falls: &[],
            now,
            step: self.step,
            host: crate::watch::host(&self.tracks),
            reach: Reach::Everyone,
            held_up_until: None,
        };
        trigger::fire(&scene).into_iter().next()
    }

    /// The newest row.
    pub(super) fn newest(&self) -> Timestamp {
        let newest = self.tracks.iter().filter_map(|t| t.post.last());
        newest.map(|p| p.at).max().unwrap_or_default()
    }
}

/// Whether a column may stand against the change: outcomes, or, when there are none, all but those
/// that only explain.
pub(super) fn counts(role: MetricRole, columns: &[Column]) -> bool {
    let outcomes = columns.iter().any(|c| c.role.outcome());
    role.outcome() || (!outcomes && !matches!(role, MetricRole::Demand | MetricRole::Host))
}

/// Whether a column ever left zero: else it says nothing and must change nothing.
fn speaks(column: &Column) -> bool {
    column
        .points
        .iter()
        .any(|p| p.value.abs() >= f64::MIN_POSITIVE)
}

struct Opened {
    track: Track,
    below: Below,
    /// Whether it stands on a line that knows the time of day.
    seasonal: bool,
    source: Option<Source>,
}

/// Freezes a column at the change and finds where its false-alarm rate comes from.
fn open(column: &Column, terms: &Terms<'_>, step: Span) -> Opened {
    let points = &column.points;
    let split = points.partition_point(|p| p.at < terms.changed_at);
    let blank = Track::open(column.name.clone(), column.role, column.worse, column.floor);
    let pre = &points[..split];
    let form = Form::of(pre, blank.floor);
    let scene = Scene {
        step,
        changed_at: terms.changed_at,
        clock: terms.clock,
    };
    let scaled = transformed(points, form);
    let chosen = peers::below(&scaled, terms.peers, terms.choice, &scene);
    let own = |chosen: &Chosen| {
        let past = Past::new((&blank, form, chosen), points, split)?;
        let (track, bank) = past.calibrated()?;
        let bins = usize::MAX;
        Some(Opened {
            track,
            below: chosen.below.clone(),
            seasonal: chosen.line.is_some(),
            source: Some(Source::Own { bank, bins }),
        })
    };
    let alone = terms.peers.is_empty();
    let judged = |chosen: &Chosen| {
        let cyclic = || chosen.cyclic(&scaled, points.len() - split, &scene);
        let cyclic = alone.then(cyclic).flatten();
        cyclic
            .and_then(|cyclic| own(&cyclic))
            .or_else(|| own(chosen))
    };
    // A line that leaves too few windows is worse than one that begins earlier, and any season better
    // than none: without it, edges of days are noise.
    let first = chosen.line.is_some().then(|| judged(&chosen)).flatten();
    let usual = || judged(&chosen.instead(&scaled, &scene)?);
    let yesterday = || judged(&chosen.yesterday(&scaled, &scene)?);
    let flat = chosen.flat();
    let lines = first.or_else(usual).or_else(yesterday);
    if let Some(opened) = lines.or_else(|| judged(&flat)) {
        return opened;
    }
    let track = blank.freeze(&pre[split.saturating_sub(PRE_BINS)..]);
    let near = points
        .last()
        .is_some_and(|p| p.at.since(terms.changed_at) <= SHIPPED_MAX);
    let source = Judged::source(&track, None).filter(|_| near);
    let below = Below {
        id: track.frame.as_ref().map_or(Flat.id(), Frame::id),
        ..flat.below
    };
    Opened {
        track,
        below,
        seasonal: false,
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

/// Where the values of a track were expected.
pub(super) fn bands(track: &Track) -> Vec<Band> {
    let Some(frame) = &track.frame else {
        return Vec::new();
    };
    let seen = track.pre.iter().chain(track.post.iter());
    seen.filter_map(|p| frame.band(p.at)).collect()
}
