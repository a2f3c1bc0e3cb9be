//! Everything a guard tells, as data; how it is said is the command line's business.

use backstay_journal::{Condition, Notice, Presence};
use backstay_model::event::{Page, WriteReply};
use backstay_model::risk::Risk;
use backstay_model::verdict::{Recovery, Verdict};
use backstay_model::{ChangeSet, ChangeSetId, IntentId, Sample, Span, TargetId, Timestamp};

use crate::report::Report;

/// Something worth telling.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// When.
    pub at: Timestamp,
    /// About which target.
    pub target: TargetId,
    /// What.
    pub what: Tidings,
}

/// Waiting for a target that does not answer, or not as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Attempts that failed, at least 1.
    pub tries: u32,
    /// Until the next one.
    pub next_in: Span,
}

/// What can be told.
#[derive(Debug, Clone, PartialEq)]
pub enum Tidings {
    /// The target stands differently.
    Condition(Condition),
    /// It does not answer, and is tried again.
    Waiting(Waiting),
    /// Sight of it became narrower, or wider again.
    Notice(Notice, Presence),
    /// The configuration was read for the first time; this many settings, and services by sessions.
    Baseline {
        /// Settings read.
        settings: usize,
        /// Dependencies known for this engine and version.
        dependencies: usize,
        /// Applications seen.
        services: Vec<String>,
    },
    /// Applications began to work on the target.
    NewServices(Vec<String>),
    /// Progress of learning how the target usually behaves.
    Learning {
        /// Seconds of samples so far.
        have_s: f64,
        /// Seconds that a verdict needs.
        want_s: f64,
    },
    /// A second of metrics, for screens.
    Sampled(Sample),
    /// A change set was seen.
    Seen(ChangeSet),
    /// Backstay's own write showed up in the stream.
    Ours(ChangeSet),
    /// The watch of a change set began.
    Watching {
        /// Which.
        change_set: ChangeSetId,
        /// Until when.
        until: Timestamp,
    },
    /// The verdict on a change set, whenever its kind moves.
    Judged {
        /// Which.
        change_set: ChangeSetId,
        /// The verdict.
        verdict: Verdict,
    },
    /// Risk and decision on a change set that hurt.
    Ruled {
        /// Which.
        change_set: ChangeSetId,
        /// The risk.
        risk: Risk,
        /// The decision in one line: `roll back`, or `hold: <why>`.
        decision: String,
    },
    /// An intent is durable; the write begins.
    Writing {
        /// Which change set.
        change_set: ChangeSetId,
        /// Under which intent.
        intent: IntentId,
        /// The statements.
        commands: Vec<String>,
    },
    /// The engine replied to a write.
    Replied {
        /// Which change set.
        change_set: ChangeSetId,
        /// The reply.
        reply: WriteReply,
    },
    /// Whether the symptom went away.
    Recovered {
        /// Which change set.
        change_set: ChangeSetId,
        /// The answer.
        recovery: Recovery,
    },
    /// A person is needed.
    Paged(Page),
    /// A change set came to rest (kept, held, rolled back, superseded, failed), with its report.
    Settled(Box<Report>),
    /// The guard is paused, or not any more.
    Paused(Presence),
    /// The journal failed: nothing more is written to any database until the guard starts anew.
    Stopped {
        /// What failed.
        why: String,
    },
}
