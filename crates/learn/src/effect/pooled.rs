//! An estimated effect, whether it may be published, and the evidence that it is.

use backstay_model::dependency::{Evidence, EvidenceKind};
use backstay_model::{Timestamp, WorkClass};
use serde::{Deserialize, Serialize};

use super::Subject;
use crate::belief::{REPLICATES_MAX, Source};
use crate::stats::meta::{Estimate, Pooled};

/// Windows below which nothing is published: below three there is no prediction interval.
pub const PUBLISH_FROM: usize = 3;
/// Probability that intervals hold.
pub const LEVEL: f64 = 0.90;
/// Standard deviation of the effects that the e-value looks for, natural logarithm per doubling.
pub const SPREAD: f64 = 0.1;
/// Natural logarithm of the e-value from which an effect is one: 20, five in a hundred false.
pub const LOG_E_FROM: f64 = 2.995_732_273_553_991;
/// The most that a confounded window may say: a ratio of two (dependencies.md, 10).
const CONFOUNDED_MAX: f64 = std::f64::consts::LN_2;
/// The most that the absence of an effect may say against one: a ratio of five.
const ABSENCE_MAX: f64 = 1.609_437_912_434_100_3;

/// Whether the setting moved alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Purity {
    /// It did, in every window that went in.
    Alone,
    /// Others moved with it, and the credit was split.
    Confounded,
}

/// What a setting is estimated to do to a metric.
#[derive(Clone, PartialEq, Debug)]
pub struct Estimated {
    /// Of what, on what, where.
    pub subject: Subject,
    /// Pooled effect per doubling (or switch), older windows weighing less.
    pub pooled: Pooled,
    /// Natural logarithm of the e-value against "no effect at all", valid at any moment.
    pub log_e: f64,
    /// Whether the setting moved alone.
    pub purity: Purity,
    /// When the last window began.
    pub last: Timestamp,
    /// Each window as it was measured.
    pub(super) plain: Vec<Estimate>,
}

/// An effect that may be shown. It always comes with its heterogeneity.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Published {
    /// Mean effect: natural logarithm of after over before, per doubling or switch.
    pub mean: f64,
    /// Lower end of the 90 % interval in which the next change's effect lies.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// Share of the variation that is real difference between changes, 0..=1.
    pub i2: f64,
    /// Windows it rests on.
    pub n: usize,
}

/// Why an effect is not shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Unpublished {
    /// Other settings moved in the same windows.
    Confounded,
    /// Fewer than three windows.
    TooFew,
    /// Windows that are sure of themselves differ about its sign, or its mean may be zero.
    Mixed,
    /// The evidence does not suffice yet.
    Weak,
}

impl Estimated {
    /// The effect, if it may be shown: its setting moved alone in three windows at least, none of
    /// them is sure of the other sign, and the mean and the e-value exclude that there is none.
    ///
    /// # Errors
    /// [`Unpublished`] says what is missing.
    pub fn publish(&self) -> Result<Published, Unpublished> {
        if self.purity == Purity::Confounded {
            return Err(Unpublished::Confounded);
        }
        let predicted = self.pooled.prediction(LEVEL);
        let (Some((low, high)), true) = (predicted, self.pooled.k >= PUBLISH_FROM) else {
            return Err(Unpublished::TooFew);
        };
        if !self.consistent() {
            return Err(Unpublished::Mixed);
        }
        if self.log_e < LOG_E_FROM {
            return Err(Unpublished::Weak);
        }
        Ok(Published {
            mean: self.pooled.mean,
            low,
            high,
            i2: self.pooled.i2,
            n: self.pooled.k,
        })
    }

    /// Whether the interval of the mean and that of every window are on, or reach to, one side of zero.
    fn consistent(&self) -> bool {
        let side = self.pooled.mean.signum();
        let (low, high) = self.pooled.interval(LEVEL);
        let opposed = |e: &Estimate| {
            let one = Pooled {
                mean: e.d,
                se: e.se,
                ..self.pooled
            };
            let (low, high) = one.interval(LEVEL);
            if side > 0.0 { high < 0.0 } else { low > 0.0 }
        };
        let clear = if side > 0.0 { low > 0.0 } else { high < 0.0 };
        clear && !self.plain.iter().any(opposed)
    }

    /// Evidence that the setting affects the metric in this work, for an edge of the effect graph only.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.evidence_of(1)
    }

    /// The same when it was picked out of `many`: the mean of e-values is one, and the largest of them
    /// divided by their number is no more.
    fn evidence_of(&self, many: usize) -> Evidence {
        let most = match self.publish() {
            Ok(_) | Err(Unpublished::TooFew | Unpublished::Weak) => REPLICATES_MAX,
            Err(Unpublished::Confounded | Unpublished::Mixed) => CONFOUNDED_MAX,
        };
        let subject = &self.subject;
        let work = match subject.setup.work {
            WorkClass::Unknown => "all work",
            told => told.word(),
        };
        let what = format!("{}:{}:{work}", subject.setting, subject.metric);
        Evidence {
            kind: EvidenceKind::History,
            anchor: Source::Effect.anchor(&what),
            log_lr: (self.log_e - (many as f64).ln()).clamp(-ABSENCE_MAX, most),
            observed_at: Some(self.last),
        }
    }
}

/// Evidence that the setting of `strata` ([`super::Effects::strata`]) affects their metric: the strongest of
/// them, weakened for having been picked. `None` without any.
#[must_use]
pub fn strongest(strata: &[Estimated]) -> Option<Evidence> {
    let (over_all, told) = strata.split_last()?;
    let one = told.len() < 2 && told.iter().all(|t| t.pooled.k == over_all.pooled.k);
    let many = if one { 1 } else { strata.len() };
    let each = strata.iter().rev().map(|s| s.evidence_of(many));
    each.reduce(|best, e| if e.log_lr > best.log_lr { e } else { best })
}
