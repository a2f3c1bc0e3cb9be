//! Verdicts: did a change hurt, and the evidence for the answer.

use serde::{Deserialize, Serialize};

use crate::metric::MetricRole;
use crate::name::MetricName;
use crate::time::Timestamp;

/// The answer of a watch, at one moment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// The answer.
    pub kind: VerdictKind,
    /// When it was given.
    pub at: Timestamp,
    /// Chance of an alarm this strong without a change, over the whole watch; `None` when it was not
    /// calibrated (class changes, no data).
    pub p_value: Option<f64>,
    /// One number that grows with the evidence of harm, also where `p_value` is at its floor.
    pub score: f64,
    /// First moment at which the evidence passed the alarm level.
    pub alarm_at: Option<Timestamp>,
    /// What each metric says, strongest evidence of harm first.
    pub findings: Vec<Finding>,
    /// Reasons against blaming the change.
    pub refusals: Vec<Refusal>,
    /// Where the false-alarm rate comes from.
    pub calibration: Calibration,
}

/// The kinds of answers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// The change hurt.
    Hurt {
        /// How it shows.
        by: Harm,
    },
    /// No harm of at least `excludes` (relative, 0.3 = 30 %) is compatible with the data.
    Healthy {
        /// Smallest relative harm that the data exclude.
        excludes: f64,
    },
    /// The load moved, and the outcomes moved no more than the load explains.
    WorkloadShift,
    /// Something else moved as well: the change cannot be blamed or cleared.
    Confounded,
    /// The data so far decide nothing.
    Inconclusive,
    /// There are not enough data to judge at all.
    NoData,
}

/// Harm as excess factor: who cannot exclude that it is twice as bad has seen nothing, and proved nothing.
pub const UNPROVEN: f64 = 1.0;

impl VerdictKind {
    /// Whether the data clear the change: harm that is less than twice as bad is excluded. A change that
    /// is `Healthy` without it is kept, and its configuration is not known to be good.
    #[must_use]
    pub const fn clears(&self) -> bool {
        matches!(self, Self::Healthy { excludes } if *excludes < UNPROVEN)
    }

    /// Whether it says that the change hurt.
    #[must_use]
    pub const fn hurt(&self) -> bool {
        matches!(self, Self::Hurt { .. })
    }

    /// The word: `workload shift`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Hurt { .. } => "hurt",
            Self::Healthy { excludes } if *excludes >= UNPROVEN => "no harm seen",
            Self::Healthy { .. } => "healthy",
            Self::WorkloadShift => "workload shift",
            Self::Confounded => "confounded",
            Self::Inconclusive => "inconclusive",
            Self::NoData => "no data",
        }
    }
}

/// How harm shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Harm {
    /// The target changed its class of behaviour; needs no model.
    ClassChange(Trigger),
    /// A metric left its calibrated band by more than the smallest effect that matters.
    Statistical,
}

/// Class changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Work is in flight and nothing completes.
    Hang,
    /// Errors that were not there, or many times more than before.
    Errors,
    /// New connections fail while the held one works.
    NewSessionsFail,
    /// Fewer succeed, and those that do are faster.
    FewerButFaster,
    /// At least twice as slow, or half as much done, with evidence of the mechanism.
    Ratio,
    /// Neither held nor fresh connections are answered.
    Unavailable,
}

impl Trigger {
    /// The words a person reads.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Hang => "work hangs",
            Self::Errors => "new errors",
            Self::NewSessionsFail => "new sessions fail",
            Self::FewerButFaster => "fewer succeed, and faster",
            Self::Ratio => "at least twice as bad",
            Self::Unavailable => "does not answer",
        }
    }
}

/// What one metric says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// The metric.
    pub metric: MetricName,
    /// Its role.
    pub role: MetricRole,
    /// Typical value before the change, in its own unit.
    pub before: Option<f64>,
    /// Typical value since the change (or in the alarming window).
    pub after: Option<f64>,
    /// Relative change in the harmful direction: 0.3 = 30 % worse, negative = better.
    pub harm: Option<f64>,
    /// Calibrated p-value of this metric alone.
    pub p_value: Option<f64>,
    /// When this metric passed its alarm level: what began earlier was noticed then.
    pub alarm_at: Option<Timestamp>,
    /// When what alarmed began, as far as the values tell.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// One sentence for a person: `commits 1965/s -> 0/s since 18:04:11`.
    pub text: String,
}

/// Reasons against blaming a change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// It was there before the change.
    NotNew,
    /// Too few observations.
    TooFew,
    /// It healed by itself.
    Transient,
    /// There is no baseline to compare with.
    NoBaseline,
    /// Real, but smaller than what matters.
    BelowGate,
    /// The middle of the values stayed; the worst of them became worse.
    OnlyExtremes,
    /// Past harmless changes of this kind showed it as well.
    CommonAroundHarmlessChanges,
    /// Targets without the change show it too.
    CommonCause,
    /// The load is outside the range that was learnt.
    OutsideTrainedLoad,
    /// The time just before the change was not normal.
    DirtyBaseline,
    /// The host was busy with something else.
    HostContention,
    /// Work waits for a lock that a session keeps for reasons of its own.
    LockHeld,
    /// Several changes overlap.
    JointChange,
    /// The probe cannot see what the change touches.
    BlindProbe,
    /// The false-alarm rate is not known well enough.
    Uncalibrated,
}

impl Refusal {
    /// The words a person reads.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotNew => "it was there before the change",
            Self::TooFew => "too few observations",
            Self::Transient => "it healed by itself",
            Self::NoBaseline => "there is no baseline yet",
            Self::BelowGate => "the effect is too small to matter",
            Self::OnlyExtremes => "only the worst values became worse, not the usual ones",
            Self::CommonAroundHarmlessChanges => "harmless changes of this kind show it as well",
            Self::CommonCause => "targets without the change show it too",
            Self::OutsideTrainedLoad => "the load is outside what was learnt",
            Self::DirtyBaseline => "the time before the change was not normal",
            Self::HostContention => "the host was busy with something else",
            Self::LockHeld => "work waits for a lock that another session keeps",
            Self::JointChange => "several changes overlap",
            Self::BlindProbe => "the probe cannot see what the change touches",
            Self::Uncalibrated => "the false-alarm rate is not known yet",
        }
    }
}

/// Where the false-alarm rate of a verdict comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Calibration {
    /// Nothing to calibrate with: class changes only.
    None,
    /// Residual maxima shipped with the product.
    Shipped,
    /// Windows without a change of other targets.
    Pooled,
    /// Windows without a change of this target.
    Own,
}

/// Whether the symptom went away after a rollback.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recovery {
    /// The metrics that alarmed are back.
    Yes,
    /// They are not: the change was not the cause.
    No,
    /// There are no data to tell.
    Unknown,
}
