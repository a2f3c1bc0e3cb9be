//! What one metric says at one moment: its chance, its effect, and the harm its data exclude.

use backstay_model::metric::{MetricRole, Worse};
use backstay_model::verdict::Finding;
use backstay_model::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::audit::Promise;
use crate::effect;
use crate::onset::{self, Onset};
use crate::placebo::{Bank, CHECKPOINTS, Until};
use crate::policy::DetectPolicy;
use crate::residual::{Frame, Point};
use crate::shipped;
use crate::stats;
use crate::trace::Stretch;
use crate::track::{Track, values};
use crate::wording;

/// Fewest values before and since the change that are judged by statistics.
pub(crate) const BINS_MIN: usize = 8;
/// Share of the values before the change that must be above zero: statistics of rare events need
/// placebos of their own.
const PRESENT_MIN: f64 = 0.8;
/// What the size of a scan adds to decimal orders of its chance: it ranks those of equal chance.
const TIE: f64 = 0.1;
/// Bins of the effect that is reported while it lasts.
const RECENT_BINS: usize = 10;
/// Factor by which the worst twentieth must become worse to matter.
const EXTREMES_GATE: f64 = 1.5;
/// Newest rows before the change whose worst twentieth is compared.
const WORST_ROWS: usize = 360;
/// Rows that are no change by themselves, and the share of the level of an alarm below which the others
/// show hardly anything.
const FEW_ROWS: usize = 2;
const HARDLY: f64 = 0.9;
/// Rows that what passes by itself may last: half of the score does without the furthest of them.
const PASSING_ROWS: usize = 4;
/// How many times as much values must scatter for that to be told before their middle.
const WILDER: f64 = 1.2;
/// Level of the upper bound of the harm.
const BOUND_ALPHA: f64 = 0.05;
/// Standard errors up to the bound: 1.645 for the level, a tenth for trimmed means, a tenth for the
/// scale being estimated. Coverage is measured in the tests.
const BOUND_ERRORS: f64 = 1.645 * 1.1 * 1.1;

/// Where the false-alarm rate of one metric comes from; frozen when the watch opens.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum Source {
    /// Placebo windows of this target, each of so many bins.
    Own { bank: Bank, bins: usize },
    /// Maxima shipped with the product, and bounds from placebo windows of this target: there are too few
    /// of them to show harm as surely as acting wants it.
    Young { bank: Bank, bins: usize },
    /// Maxima shipped with the product.
    Shipped,
}

/// A metric under judgement.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Judged {
    /// Index of its track.
    pub(crate) track: usize,
    pub(crate) weight: f64,
    pub(crate) source: Source,
    /// Bins of the whole watch.
    pub(crate) horizon: usize,
    /// What stands in front of the levels, 0.1..=1: chances are divided by it.
    pub(crate) strictness: f64,
    /// Whether the realised false-alarm rate is what was promised.
    pub(crate) promise: Promise,
    /// Scan maximum below which it cannot be an alarm.
    pub(crate) suspicion: f64,
}

/// What a metric says.
#[derive(Clone, Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) track: &'a Track,
    pub(crate) weight: f64,
    judged: &'a Judged,
    /// Chance of a scan maximum this large in the whole watch, for this metric alone.
    pub(crate) p_value: f64,
    /// Scan maximum over the level at which this metric alone would act.
    pub(crate) score: f64,
    /// Logarithmic harm of the newest bins.
    pub(crate) recent: f64,
    /// Whether the newest bins still show it.
    pub(crate) still: bool,
}

impl Source {
    /// The same for a metric that acts at level `alpha`, where shipped maxima could stand in.
    pub(crate) fn acting_at(self, alpha: f64) -> Self {
        match self {
            Self::Own { bank, bins } if !bank.level(alpha).is_some_and(f64::is_finite) => {
                Self::Young { bank, bins }
            }
            other => other,
        }
    }

    /// The windows of this target and the bins of each.
    pub(crate) const fn windows(&self) -> Option<(&Bank, usize)> {
        match self {
            Self::Own { bank, bins } | Self::Young { bank, bins } => Some((bank, *bins)),
            Self::Shipped => None,
        }
    }
}

impl Judged {
    /// Where the false-alarm rate of a track comes from, `None` when it cannot be judged.
    pub(crate) fn source(track: &Track, own: Option<(&Bank, usize)>) -> Option<Source> {
        if track.pre.len() < BINS_MIN || track.frame.is_none() {
            return None;
        }
        if let Some((bank, bins)) = own {
            let bank = bank.clone();
            return Some(Source::Own { bank, bins });
        }
        let present = track.pre.iter().filter(|p| p.value.abs() > 0.0).count() as f64;
        let common = present >= PRESENT_MIN * track.pre.len() as f64;
        (track.role != MetricRole::Errors && common).then_some(Source::Shipped)
    }

    /// Windows of the bank that the whole watch is: each of them may alarm.
    fn windows(&self, bins: usize) -> f64 {
        (self.horizon as f64 / bins.max(1) as f64).max(1.0)
    }

    /// Scan maximum that a harmless change passes with chance `alpha` (already shared by weight).
    pub(crate) fn level(&self, track: &Track, alpha: f64) -> Option<f64> {
        let frame = track.frame.as_ref()?;
        let alpha = alpha * self.strictness;
        match &self.source {
            Source::Own { bank, bins } => bank.level(alpha / self.windows(*bins)),
            Source::Young { .. } | Source::Shipped => {
                Some(shipped::level(alpha, frame.bins, self.horizon) * shipped::memory(frame.phi))
            }
        }
    }

    /// Chance of a scan maximum for this metric alone.
    fn chance(&self, frame: &Frame, max: f64) -> Option<f64> {
        let p_value = match &self.source {
            Source::Own { bank, bins } => bank.p_value(max)? * self.windows(*bins),
            Source::Young { .. } | Source::Shipped => {
                shipped::p_value(max / shipped::memory(frame.phi), frame.bins, self.horizon)
            }
        };
        Some((p_value / self.strictness).min(1.0))
    }

    /// What the metric says now; `None` when it was not read often enough since the change.
    pub(crate) fn evidence<'a>(
        &'a self,
        track: &'a Track,
        policy: &DetectPolicy,
        step: Span,
    ) -> Option<Evidence<'a>> {
        let frame = track.frame.as_ref()?;
        let max = track.scan.max();
        let p_value = self.chance(frame, max)?;
        let act = self.level(track, policy.alpha_act * self.weight)?;
        Some(Evidence {
            track,
            weight: self.weight,
            judged: self,
            p_value,
            score: max / act.max(1e-9),
            recent: track.median_distance(track.newest(RECENT_BINS))?,
            still: track.still_there(step),
        })
    }

    /// Upper bound of the excess over the watch so far: its end, or a checkpoint of it.
    fn bound(&self, track: &Track, (alpha, until): (f64, Until)) -> Option<f64> {
        let upper = match self.source.windows() {
            Some((bank, _)) => {
                track.median_distance(track.post.all())? + bank.shift_bound(alpha, until)?.max(0.0)
            }
            None if until != Until::End => return None,
            None => {
                let shift = Shift::of(track, track.post.all())?;
                shift.size + BOUND_ERRORS * shift.error
            }
        };
        let before = track.before()?;
        let worst = match track.role {
            MetricRole::Throughput => before * (1.0 - (-upper).exp()),
            _ => before * effect::excess(upper),
        };
        Some(if worst < track.floor {
            0.0
        } else {
            effect::excess(upper).max(0.0)
        })
    }
}

/// Difference of trimmed means around a change (logarithmic, "worse" up) and its standard error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shift {
    pub(crate) size: f64,
    pub(crate) error: f64,
}

impl Shift {
    /// The shift from the newest bins before the change to `post`. Spread and autocorrelation come
    /// from both sides, each around its own centre.
    pub(crate) fn of(track: &Track, post: Stretch<'_>) -> Option<Self> {
        let frame = track.frame.as_ref()?;
        let side = |points: Stretch<'_>| {
            points
                .iter()
                .map(|p| frame.distance(p))
                .collect::<Vec<f64>>()
        };
        let before = side(track.pre.newest(frame.bins));
        let after = side(post);
        let (from, to) = (stats::trimmed_mean(&before)?, stats::trimmed_mean(&after)?);
        let now = stats::mad(&after, to);
        let spread = f64::midpoint(frame.scale.powi(2), now.powi(2)).sqrt();
        let joined: Vec<f64> = before
            .iter()
            .map(|v| v - from)
            .chain(after.iter().map(|v| v - to))
            .collect();
        let memory = shipped::memory(stats::autocorrelation(&joined, 0.0));
        let counts = 1.0 / before.len() as f64 + 1.0 / after.len() as f64;
        Some(Self {
            size: to - from,
            error: spread * memory * counts.sqrt(),
        })
    }
}

impl Evidence<'_> {
    /// Whether the false-alarm rate is the target's own.
    pub(crate) fn own(&self) -> bool {
        matches!(self.judged.source, Source::Own { .. })
    }

    /// The place of its track.
    pub(crate) const fn place(&self) -> usize {
        self.judged.track
    }

    /// How much it says against the change, comparable between metrics: decimal orders of magnitude of
    /// its shared chance, and, where that is at its floor, the size of the scan. Where any change counts,
    /// half of it is what is left without the furthest rows: what lasts says more than what passes.
    pub(crate) fn strength(&self) -> f64 {
        let all = self.orders(self.p_value, self.score);
        let lasting = || {
            let frame = self.track.frame.as_ref()?;
            let max = self.without(PASSING_ROWS)?;
            let share = max / self.track.scan.max().max(1e-9);
            Some(self.orders(self.judged.chance(frame, max)?, self.score * share))
        };
        let any = self.track.worse == Worse::Both;
        match any.then(lasting).flatten() {
            Some(lasting) => f64::midpoint(all, lasting),
            None => all,
        }
    }

    fn orders(&self, p_value: f64, score: f64) -> f64 {
        let shared = (p_value / self.weight.max(1e-12)).min(1.0);
        TIE * score.ln_1p() - shared.log10()
    }

    /// Scan maximum over the same rows, if so many of them that are the furthest away were not.
    fn without(&self, rows: usize) -> Option<f64> {
        let frame = self.track.frame.as_ref()?;
        let away = self.track.post.iter().map(|p| frame.deviation(p));
        let mut away: Vec<f64> = away.collect();
        for _ in 0..rows {
            let furthest = away.iter_mut().max_by(|a, b| a.abs().total_cmp(&b.abs()));
            furthest.into_iter().for_each(|r| *r = 0.0);
        }
        Some(self.track.scan.anew(&away))
    }

    /// Smallest chance that it can ever have: what windows or tables can show at most.
    pub(crate) fn least_chance(&self) -> Option<f64> {
        let most = self.track.scan.reach(self.judged.horizon);
        self.judged.chance(self.track.frame.as_ref()?, most)
    }

    /// Upper bound of the harm over the watch, as excess factor (1.0 = twice as bad); zero when even
    /// the bound is below the floor.
    pub(crate) fn bound(&self) -> Option<f64> {
        self.judged.bound(self.track, (BOUND_ALPHA, Until::End))
    }

    /// The same at the checkpoint `index` of the watch, before its end; `None` where only placebos of
    /// other moments could tell.
    pub(crate) fn bound_early(&self, index: usize) -> Option<f64> {
        let alpha = BOUND_ALPHA / CHECKPOINTS.len() as f64;
        self.judged
            .bound(self.track, (alpha, Until::Checkpoint(index)))
    }

    /// Whether the realised false-alarm rate is what was promised.
    pub(crate) const fn promise(&self) -> Promise {
        self.judged.promise
    }

    /// Median since the change: of the newest bins when the metric alarmed, else of all.
    pub(crate) fn after(&self) -> Option<f64> {
        if self.track.alarm_at.is_some() {
            stats::median(&values(self.track.newest(RECENT_BINS)))
        } else {
            self.track.after()
        }
    }

    /// Whether the newest bins are worse by at least `gate` and by more than the floor.
    pub(crate) fn matters(&self, gate: f64) -> bool {
        let recent = stats::median(&values(self.track.newest(RECENT_BINS)));
        let (Some(before), Some(now)) = (self.track.before(), recent) else {
            return false;
        };
        if self.track.new_to_it() {
            // Beside nothing every size matters, in whatever unit; that it lasts is asked elsewhere.
            let mean = stats::mean(&values(self.track.newest(RECENT_BINS)));
            return mean.is_some_and(|mean| mean > 0.0 && mean >= self.track.floor);
        }
        let lost = match self.track.role {
            MetricRole::Throughput => 1.0 - (-self.recent).exp(),
            _ => effect::excess(self.recent),
        };
        lost >= gate && effect::above_floor(self.track, before, now)
    }

    /// Chance that the values of a harmless window are as extreme; `None` where no windows tell.
    fn chance_of_extremes(&self) -> Option<f64> {
        let (bank, bins) = self.judged.source.windows()?;
        // Where any change counts, values that scatter more are part of the scan.
        if self.track.worse == Worse::Both {
            return None;
        }
        let chance = bank.chance_of_extremes(self.track.extremes()?)?;
        Some((chance * self.judged.windows(bins) / self.judged.strictness).min(1.0))
    }

    /// The worst twentieth before and since the change, where it became worse by more than chance
    /// (`alpha`, to be shared) and by an amount that matters.
    pub(crate) fn worst_became_worse(&self, alpha: f64) -> Option<(f64, f64)> {
        if self.chance_of_extremes()? > alpha * self.weight {
            return None;
        }
        let near = self.track.pre.newest(WORST_ROWS);
        let (before, after) = (
            self.track.worst(near)?,
            self.track.worst(self.track.post.all())?,
        );
        let worse = match self.track.worse {
            Worse::Down => before >= EXTREMES_GATE * after,
            _ => after >= EXTREMES_GATE * before,
        };
        let matters = worse && effect::above_floor(self.track, before, after);
        matters.then_some((before, after))
    }

    /// Whether windows of its own say what extremes are usual, or the scan looks at them.
    pub(crate) fn knows_extremes(&self) -> bool {
        let known = self.judged.source.windows().is_some();
        known && (self.track.worse == Worse::Both || self.chance_of_extremes().is_some())
    }

    /// Whether a row or two are all that it shows: without the furthest ones there is hardly anything.
    pub(crate) fn of_few_rows(&self) -> bool {
        let left = self.without(FEW_ROWS).zip(self.track.alarm_level);
        left.is_some_and(|(max, level)| max < HARDLY * level)
    }

    /// When what it shows began.
    pub(crate) fn onset(&self) -> Option<Onset> {
        onset::onset(self.track)
    }

    /// Whether what it shows began clearly before the change.
    pub(crate) fn old(&self) -> bool {
        self.track.stood_still() || self.onset().is_some_and(|onset| onset.before)
    }

    /// Whether the harm is at least `gate` even at the lower end of its interval (95 %).
    pub(crate) fn surely(&self, gate: f64) -> bool {
        let newest = Shift::of(self.track, self.track.newest(RECENT_BINS));
        let lower = self.recent - BOUND_ERRORS * newest.map_or(f64::INFINITY, |s| s.error);
        let lost = match self.track.role {
            MetricRole::Throughput => 1.0 - (-lower).exp(),
            _ => effect::excess(lower),
        };
        lost >= gate
    }

    /// What a metric that alarmed shows: where its middle went, unless something else stands out more.
    fn shown(&self) -> String {
        let name = &self.track.name;
        let (before, after) = (self.track.before(), self.after());
        let level = self.track.alarm_level;
        let still = level.is_some_and(|level| self.track.scan.stands_still(level));
        if let Some(value) = after.filter(|_| still) {
            return wording::stands_still(name, value);
        }
        let wilder = self.wilder(|p, frame| frame.distance(p));
        let raw = self.wilder(|p, frame| frame.height(p));
        // A line that swings under values which do not is no scatter of theirs.
        let wilder = wilder.zip(raw).map(|(around, raw)| around.min(raw));
        let wilder = wilder.filter(|times| *times >= WILDER);
        match wilder.filter(|_| self.track.scan.spread_at_peak().is_some()) {
            Some(times) => wording::scatters(name, times),
            None => wording::moved(name, before, after),
        }
    }

    /// How many times as far nine of ten values are apart as before, each taken as `size` takes it, from
    /// where what it shows began.
    fn wilder(&self, size: impl Fn(Point, &Frame) -> f64) -> Option<f64> {
        let frame = self.track.frame.as_ref()?;
        let width = |points: Stretch<'_>| {
            let mut away: Vec<f64> = points.iter().map(|p| size(p, frame)).collect();
            away.sort_by(f64::total_cmp);
            let at = |q| stats::quantile_sorted(&away, q);
            Some(at(0.95)? - at(0.05)?)
        };
        let before = width(self.track.lately()).filter(|width| *width > 0.0)?;
        let post = self.track.post.all();
        let began = self
            .onset()
            .map_or(0, |onset| post.count_early(|at| at < onset.at));
        Some(width(post.newest(self.track.post.len() - began))? / before)
    }

    /// The finding for a person.
    pub(crate) fn finding(&self) -> Finding {
        let (before, after) = (self.track.before(), self.after());
        let alarm_at = self.track.alarm_at;
        let since = alarm_at.and_then(|at| Some(self.onset()?.at.min(at)));
        let text = match since.or(alarm_at) {
            Some(since) => wording::since(&self.shown(), since),
            None => wording::moved(&self.track.name, before, after),
        };
        Finding {
            metric: self.track.name.clone(),
            role: self.track.role,
            before,
            after,
            harm: before
                .zip(after)
                .and_then(|(b, a)| effect::harm(self.track, b, a)),
            p_value: Some(self.p_value),
            alarm_at,
            since,
            text,
        }
    }
}

/// Whether a moment lies in the first half step after a change: its bin holds both values.
pub(crate) fn straddles(at: Timestamp, change: Timestamp, step: Span) -> bool {
    at.0 <= change.0 + step.0 / 2
}

#[cfg(test)]
mod tests;
