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
/// What the size of a scan adds to decimal orders of its chance: it ranks those of equal chance.
const TIE: f64 = 0.1;
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

impl Judged {
    /// Where the false-alarm rate of a track comes from, `None` when it cannot be judged.
    pub(crate) fn source(track: &Track, bank: Option<&Bank>) -> Option<Source> {
        if track.pre.len() < BINS_MIN || track.frame.is_none() {
            return None;
        }
        if let Some(bank) = bank {
            return Some(Source::Own(bank.clone()));
        }
        let present = track.pre.iter().filter(|p| p.value.abs() > 0.0).count() as f64;
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
        }
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
        let p_value = match &self.source {
            Source::Own(bank) => bank.p_value(max)?,
            Source::Shipped => {
                shipped::p_value(max / shipped::memory(frame.phi), frame.bins, self.horizon)
            }
        };
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

    /// Upper bound of the excess over the whole watch.
    fn bound(&self, track: &Track) -> Option<f64> {
        let upper = match &self.source {
            Source::Own(bank) => {
                track.median_distance(&track.post)? + bank.shift_bound(BOUND_ALPHA)?.max(0.0)
            }
            Source::Shipped => {
                let shift = Shift::of(track, &track.post)?;
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
    pub(crate) fn of(track: &Track, post: &[Point]) -> Option<Self> {
        let frame = track.frame.as_ref()?;
        let side = |points: &[Point]| {
            points
                .iter()
                .map(|p| frame.distance(*p))
                .collect::<Vec<f64>>()
        };
        let before = side(&track.pre[track.pre.len().saturating_sub(frame.bins)..]);
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
        matches!(self.judged.source, Source::Own(_))
    }

    /// How much it says against the change, comparable between metrics: decimal orders of magnitude of
    /// its shared chance, and, where that is at its floor, the size of the scan.
    pub(crate) fn strength(&self) -> f64 {
        let shared = (self.p_value / self.weight.max(1e-12)).min(1.0);
        TIE * self.score.ln_1p() - shared.log10()
    }

    /// Upper bound of the harm over the watch, as excess factor (1.0 = twice as bad); zero when even
    /// the bound is below the floor.
    pub(crate) fn bound(&self) -> Option<f64> {
        self.judged.bound(self.track)
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
        let lost = match self.track.role {
            MetricRole::Throughput => 1.0 - (-self.recent).exp(),
            _ => effect::excess(self.recent),
        };
        lost >= gate && effect::above_floor(self.track, before, now)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Noise, Random};
    use backstay_model::MetricName;
    use backstay_model::metric::Worse;

    #[test]
    fn the_bound_covers_the_truth_as_often_as_it_says() {
        for (phi, missed_max) in [(0.0, 0.06), (0.3, 0.08), (0.6, 0.12)] {
            let missed = (0..1_000).filter(|seed| {
                let (mut random, mut noise) = (Random::new(*seed), Noise::new(phi));
                let points: Vec<Point> = (0..40)
                    .map(|s| {
                        let innovation = random.normal();
                        let value = 100.0 * (0.3 * noise.next(innovation)).exp();
                        Point {
                            at: Timestamp::from_secs(s),
                            value,
                        }
                    })
                    .collect();
                let role = MetricRole::Latency;
                let mut track = Track::open(MetricName::new("m"), role, Worse::Up, 0.0);
                track = track.freeze(&points[..20]);
                points[20..].iter().for_each(|p| track.push(*p));
                let shift = Shift::of(&track, &track.post).unwrap();
                shift.size + BOUND_ERRORS * shift.error < 0.0
            });
            let share = missed.count() as f64 / 1_000.0;
            println!("phi {phi}: missed {share}");
            assert!(share <= missed_max, "phi {phi}: {share}");
        }
    }
}
