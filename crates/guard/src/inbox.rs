//! Everything that can arrive at a guard.

use backstay_engine::{Observation, ReadError};
use backstay_journal::record::Request;
use backstay_journal::{Notice, Presence};
use backstay_model::event::WriteReply;
use backstay_model::metric::MetricSpec;
use backstay_model::plan::Found;
use backstay_model::{IntentId, ProbeReading, Sample, TargetId};

use crate::news::Waiting;

/// Most arrivals that one tick takes in; the rest waits for the next.
pub const ARRIVALS_PER_TICK_MAX: usize = 1_024;

/// Something that came from a target, or about one.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// Which target.
    pub target: TargetId,
    /// What.
    pub what: What,
}

/// What can come from a target.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The observer is connected; these are the metrics it can measure.
    Connected(Vec<MetricSpec>),
    /// The configuration moved (or was read for the first time).
    Observed(Box<Observation>),
    /// A second of metrics.
    Sampled(Sample),
    /// The fresh-connection probe ran.
    Probed(ProbeReading),
    /// The target could not be read.
    Failed(ReadError),
    /// The target is waited for: another attempt follows.
    Waiting(Waiting),
    /// Sight of the target became narrower, or wider again.
    Noticed(Notice, Presence),
    /// The engine replied to a write.
    Replied {
        /// Which write.
        intent: IntentId,
        /// The reply.
        reply: WriteReply,
    },
    /// The engine looked at the settings of an open intent.
    Inspected {
        /// Which write.
        intent: IntentId,
        /// What stands there.
        found: Found,
    },
    /// The file that pauses all writing is there, or not any more.
    PauseFile {
        /// Who wrote it, as it says.
        by: String,
        /// Which of the two.
        presence: Presence,
    },
    /// A person asked for something.
    Asked {
        /// Who.
        by: String,
        /// What for.
        request: Request,
    },
}
