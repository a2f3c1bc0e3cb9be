//! What one metric says at one moment: its chance, its effect, and the harm its data exclude.

use backstay_model::metric::MetricRole;
use backstay_model::verdict::Finding;
use backstay_model::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::effect;
use crate::placebo::Bank;
use crate::policy::DetectPolicy;
use crate::residual::Point;
use crate::shipped;
use crate::stats;
use crate::track::{Track, values};
use crate::wording;

/// Fewest values before and since the change that are judged by statistics.
pub(crate) const BINS_MIN: usize = 8;
/// Share of the values before the change that must be above zero: statistics of rare events need
/// placebos of their own.
const PRESENT_MIN: f64 = 0.8;
/// Bins of the effect that is reported while it lasts.
const RECENT_BINS: usize = 10;
/// Level of the upper bound of the harm.
const BOUND_ALPHA: f64 = 0.05;
/// Standard errors up to the bound: 1.645 for the level, a tenth for trimmed means, a tenth for the
/// scale being estimated. Coverage is measured in the tests.
const BOUND_ERRORS: f64 = 1.645 * 1.1 * 1.1;

/// Where the false-alarm rate of one metric comes from; frozen when the watch opens.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum Source {
    /// Placebo windows of this target.
    Own(Bank),
    /// Maxima shipped with the product.
    Shipped,
    /// Nothing: the metric is shown, and class changes are judged.
    None,
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
}

/// What a metric says.
#[derive(Clone, Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) track: &'a Track,
    pub(crate) weight: f64,
    pub(crate) own: bool,
    /// Chance of a scan maximum this large in the whole watch, for this metric alone.
    pub(crate) p_value: f64,
    /// Scan maximum over the level at which this metric alone would act.
    pub(crate) score: f64,
    /// Logarithmic harm of the newest bins, and its standard error.
    pub(crate) recent: f64,
    pub(crate) error: f64,
    /// Whether the newest bins still show it.
    pub(crate) still: bool,
    /// Upper bound of the harm over the watch, as excess factor (1.0 = twice as bad); zero when
    /// even the bound is below the floor.
    pub(crate) bound: f64,
}

impl Judged {
    /// How a track is judged, `None` when it is not.
    pub(crate) fn source(track: &Track, bank: Option<&Bank>) -> Option<Source> {
        if !track.role.outcome() || track.pre.len() < BINS_MIN || track.frame.is_none() {
            return None;
        }
        if let Some(bank) = bank {
            return Some(Source::Own(bank.clone()));
        }
        let present = track.pre.iter().filter(|p| p.value > 0.0).count() as f64;
        let common = present >= PRESENT_MIN * track.pre.len() as f64;
        (track.role != MetricRole::Errors && common).then_some(Source::Shipped)
    }

    /// Scan maximum that a harmless change passes with chance `alpha` (already shared by weight).
    pub(crate) fn level(&self, track: &Track, alpha: f64) -> Option<f64> {
        let frame = track.frame.as_ref()?;
        match &self.source {
            Source::Own(bank) => bank.level(alpha),
            Source::Shipped => {
                Some(shipped::level(alpha, frame.bins, self.horizon) * shipped::memory(frame.phi))
            }
            Source::None => None,
        }
    }

    /// What the metric says now; `None` when it was not read often enough since the change.
    pub(crate) fn evidence<'a>(
        &self,
        track: &'a Track,
        policy: &DetectPolicy,
        step: Span,
    ) -> Option<Evidence<'a>> {
        let frame = track.frame.as_ref()?;
        let max = track.scan.max();
        let p_value = match &self.source {
            Source::Own(bank) => bank.p_value(max)?,
            Source::Shipped => {
                shipped::p_value(max / shipped::memory(frame.phi), frame.bins, self.horizon)
            }
            Source::None => return None,
        };
        let act = self.level(track, policy.alpha_act * self.weight)?;
        Some(Evidence {
            track,
            weight: self.weight,
            own: matches!(self.source, Source::Own(_)),
            p_value,
            score: max / act.max(1e-9),
            recent: track.median_distance(track.newest(RECENT_BINS))?,
            error: Shift::of(track, track.newest(RECENT_BINS))?.error,
            still: track.still_there(step),
            bound: self.bound(track)?,
        })
    }

    /// Upper bound of the excess over the whole watch.
    fn bound(&self, track: &Track) -> Option<f64> {
        let upper = match &self.source {
            Source::Own(bank) => track.median_distance(&track.post)? + bank.shift_bound(BOUND_ALPHA)?.max(0.0),
            Source::Shipped | Source::None => {
                let shift = Shift::of(track, &track.post)?;
                shift.size + BOUND_ERRORS * shift.error
            }
        };
        let before = track.before()?;
        let worst = match track.role {
            MetricRole::Throughput => before * (1.0 - (-upper).exp()),
            _ => before * effect::excess(upper),
        };
        Some(if worst < track.floor { 0.0 } else { effect::excess(upper).max(0.0) })
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
    pub(crate) fn of(track: &Track, post: &[Point]) -> Option<Self> {
        let frame = track.frame.as_ref()?;
        let side = |points: &[Point]| points.iter().map(|p| frame.distance(*p)).collect::<Vec<f64>>();
        let before = side(&track.pre[track.pre.len().saturating_sub(frame.bins)..]);
        let after = side(post);
        let (from, to) = (stats::trimmed_mean(&before)?, stats::trimmed_mean(&after)?);
        let now = stats::mad(&after, to);
        let spread = f64::midpoint(frame.scale.powi(2), now.powi(2)).sqrt();
        let joined: Vec<f64> =
            before.iter().map(|v| v - from).chain(after.iter().map(|v| v - to)).collect();
        let memory = shipped::memory(stats::autocorrelation(&joined, 0.0));
        let counts = 1.0 / before.len() as f64 + 1.0 / after.len() as f64;
        Some(Self { size: to - from, error: spread * memory * counts.sqrt() })
    }
}

impl Evidence<'_> {
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
        let lost = match self.track.role {
            MetricRole::Throughput => 1.0 - (-self.recent).exp(),
            _ => effect::excess(self.recent),
        };
        lost >= gate && effect::above_floor(self.track, before, now)
    }

    /// Whether the harm is at least `gate` even at the lower end of its interval (95 %).
    pub(crate) fn surely(&self, gate: f64) -> bool {
        let lower = self.recent - BOUND_ERRORS * self.error;
        let lost = match self.track.role {
            MetricRole::Throughput => 1.0 - (-lower).exp(),
            _ => effect::excess(lower),
        };
        lost >= gate
    }

    /// The finding for a person.
    pub(crate) fn finding(&self) -> Finding {
        let (before, after) = (self.track.before(), self.after());
        let text = match self.track.alarm_at {
            Some(since) => wording::moved_since(&self.track.name, before, after, since),
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
            alarm_at: self.track.alarm_at,
            text,
        }
    }
}

/// Whether a moment lies in the first half step after a change: its bin holds both values.
pub(crate) fn straddles(at: Timestamp, change: Timestamp, step: Span) -> bool {
    at.0 <= change.0 + step.0 / 2
}
