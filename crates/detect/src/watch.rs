//! A watch: the samples since a change, judged as they come in.

use backstay_model::metric::MetricSpec;
use backstay_model::verdict::{Calibration, Recovery, Verdict, VerdictKind};
use backstay_model::{ChangeSet, Sample, Timestamp};
use serde::{Deserialize, Serialize};

use crate::placebo::Banks;
use crate::policy::DetectPolicy;
use crate::track::Track;

/// What a watch is opened with.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The change; its time splits the history.
    pub change: &'a ChangeSet,
    /// The metrics of the engine.
    pub specs: &'a [MetricSpec],
    /// Samples of the target around the change, oldest first; those after it count as pushed.
    pub history: &'a [Sample],
    /// Placebo banks of the target.
    pub banks: &'a Banks,
    /// Levels and gates.
    pub policy: &'a DetectPolicy,
    /// When the watch ends.
    pub until: Timestamp,
}

/// One watch. Plain data: it survives a restart, and the same samples give the same bytes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Watch {
    until: Timestamp,
    tracks: Vec<Track>,
}

impl Watch {
    /// Opens a watch on a change. Total: whatever is missing shows up in the verdict.
    #[must_use]
    pub fn open(opening: &Opening<'_>) -> Self {
        Self {
            until: opening.until,
            tracks: Vec::new(),
        }
    }

    /// Takes in a sample; `Some` when the kind of the verdict moved.
    pub fn push(&mut self, sample: &Sample) -> Option<Verdict> {
        (sample.at >= self.until).then(|| self.verdict(sample.at))
    }

    /// The verdict at `now`; at or after the end of the watch it is final. Before the end it is
    /// `hurt` or `inconclusive`.
    #[must_use]
    pub fn verdict(&self, now: Timestamp) -> Verdict {
        Verdict {
            kind: VerdictKind::Inconclusive,
            at: now,
            p_value: None,
            score: 0.0,
            alarm_at: None,
            findings: Vec::new(),
            refusals: Vec::new(),
            calibration: Calibration::None,
        }
    }

    /// Moves the end of the watch to `until`.
    pub fn extend(&mut self, until: Timestamp) {
        self.until = until;
    }

    /// When the watch ends.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// After a rollback at `since`: did the metrics that alarmed come back? Needs at least three
    /// samples after it.
    #[must_use]
    pub fn recovery(&self, since: Timestamp, samples: &[Sample]) -> Recovery {
        let fresh = samples.iter().filter(|s| s.at > since).count();
        if fresh < 3 {
            Recovery::Unknown
        } else {
            Recovery::No
        }
    }
}
