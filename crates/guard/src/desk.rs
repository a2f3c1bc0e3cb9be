//! Everything a guard has in mind about one target.

use std::collections::{BTreeMap, BTreeSet};

use backstay_detect::background::Background;
use backstay_detect::{Banks, DetectPolicy, History, Slow, Watch};
use backstay_journal::record::Watched;
use backstay_journal::{Condition, Notice};
use backstay_lifecycle::State;
use backstay_lifecycle::attempt::Authority;
use backstay_lifecycle::policy::Policy;
use backstay_model::decision::Mode;
use backstay_model::metric::MetricSpec;
use backstay_model::plan::Dialect;
use backstay_model::{
    ChangeSetId, IntentId, ProbeReading, Sample, ServiceName, SettingKey, Snapshot, Span, TargetId,
    Timestamp,
};

use crate::case::{Anew, Case};
use crate::keep::Unkept;
use crate::mend::Mending;

/// Samples kept in memory, at one a second: a watch with its extension, and the time before it.
const SAMPLES_MAX: usize = 2_700;
/// Newest samples that a harmless window is opened with: as many as a watch compares with.
const PAST_MAX: usize = 600;
/// Settled change sets kept in memory as cases to learn from; the journal has all.
pub(crate) const SETTLED_MAX: usize = 1_000;
/// Rollbacks are kept in mind for this long, whatever else is forgotten: budgets count them.
const ROLLBACKS_KEPT: Span = Span::from_secs(86_400);
/// Probe readings that wait for the next sample; beyond it the oldest are dropped.
const PROBES_MAX: usize = 64;

/// The desk of one target.
pub(crate) struct Desk {
    pub(crate) target: TargetId,
    pub(crate) address: String,
    pub(crate) policy: Policy,
    pub(crate) weights: BTreeMap<ServiceName, u32>,
    pub(crate) dialect: Box<dyn Dialect + Send>,
    pub(crate) detect: DetectPolicy,
    /// How the target stands; `None` before the first sign of it.
    pub(crate) condition: Option<Condition>,
    /// What was seen of it since the guard began.
    pub(crate) sight: Sight,
    /// The newest configuration.
    pub(crate) snapshot: Option<Snapshot>,
    /// The newest configuration is not in the store, and since when.
    pub(crate) unkept: Option<Unkept>,
    /// Why the record of it cannot be trusted: it is only observed.
    pub(crate) distrusted: Option<String>,
    /// The newest configuration known to be good.
    pub(crate) good: Option<Snapshot>,
    pub(crate) specs: Vec<MetricSpec>,
    pub(crate) history: History,
    pub(crate) banks: Banks,
    /// The same by the minute.
    pub(crate) slow: Slow,
    /// Slow watches, by change set.
    pub(crate) late: BTreeMap<ChangeSetId, Watch>,
    /// Change sets whose slow watch is over.
    pub(crate) late_over: BTreeSet<ChangeSetId>,
    /// Whether it behaves as usual.
    pub(crate) background: Background,
    /// What was told of it and is not over.
    pub(crate) told_unusual: Option<Notice>,
    /// Harmless windows when what was learnt was last kept.
    pub(crate) kept_windows: u64,
    /// The last moment at which something happened that makes earlier samples another time: a
    /// restart, a loss, the end of an incident.
    pub(crate) disturbed_at: Timestamp,
    /// What was said of its end since it last answered.
    pub(crate) ending: Ending,
    /// When it was last known to be away: nobody answered at its address.
    pub(crate) away_at: Timestamp,
    /// Reverts of which nothing stands, and of which it is not known whether the harm is still there.
    pub(crate) undecided: BTreeSet<ChangeSetId>,
    /// Probe readings that wait for the next sample.
    pub(crate) probes: Vec<ProbeReading>,
    /// Change sets with a life, by id.
    pub(crate) cases: BTreeMap<ChangeSetId, Case>,
    /// Watches of those that are watched or verified.
    pub(crate) watches: BTreeMap<ChangeSetId, Watch>,
    /// Watched change sets that came while another one's harm was on.
    pub(crate) mending: BTreeMap<ChangeSetId, Mending>,
    /// Seconds of samples last told as progress.
    pub(crate) told_learning_s: i64,
    /// When each setting was last seen moving.
    pub(crate) moved: BTreeMap<SettingKey, Moved>,
    /// Writes and inspections that were handed out and not answered yet.
    pub(crate) awaited: BTreeMap<IntentId, Awaited>,
}

/// What was seen of a target since the guard began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Its configuration was not read yet.
    NotYet,
    /// The server that is meant was read.
    Itself,
    /// Another server's configuration was read at its address.
    Another,
}

/// What a server said of its end before it stopped answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing; or it did not end.
    Unsaid,
    /// It was stopped in order.
    Stopped,
    /// It crashed.
    Fell,
}

/// A setting that was seen moving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moved {
    /// The sequence number of the entry that says so.
    pub(crate) seq: u64,
    /// By whom.
    pub(crate) by: Mover,
}

/// Who moved a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mover {
    /// Backstay.
    Us,
    /// Somebody else.
    Others,
}

/// Tasks of one intent that were handed out and not answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Awaited {
    /// How many.
    pub(crate) tasks: u32,
    /// When the last of them was handed out.
    pub(crate) since: Timestamp,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk")
            .field("target", &self.target)
            .field("cases", &self.cases.len())
            .finish_non_exhaustive()
    }
}

/// What a desk is set up with.
pub struct DeskSetup {
    /// The target.
    pub target: TargetId,
    /// Where it is: host, port, database; no user name, no secret.
    pub address: String,
    /// How far Backstay may go with it, and how patient it is.
    pub policy: Policy,
    /// Weights of services in the blast radius; others weigh their sessions.
    pub weights: BTreeMap<ServiceName, u32>,
    /// How statements of its engine look.
    pub dialect: Box<dyn Dialect + Send>,
    /// How its changes are judged.
    pub detect: DetectPolicy,
}

impl std::fmt::Debug for DeskSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeskSetup")
            .field("target", &self.target)
            .field("mode", &self.policy.mode)
            .finish_non_exhaustive()
    }
}

impl Desk {
    pub(crate) fn new(setup: DeskSetup) -> Self {
        let banks = Banks::new(&[], &setup.detect);
        let slow = Slow::new(&setup.detect);
        Self {
            target: setup.target,
            address: setup.address,
            policy: setup.policy,
            weights: setup.weights,
            dialect: setup.dialect,
            detect: setup.detect,
            condition: None,
            sight: Sight::NotYet,
            snapshot: None,
            unkept: None,
            distrusted: None,
            good: None,
            specs: Vec::new(),
            history: History::new(SAMPLES_MAX),
            banks,
            slow,
            late: BTreeMap::new(),
            late_over: BTreeSet::new(),
            background: Background::default(),
            told_unusual: None,
            kept_windows: 0,
            disturbed_at: Timestamp(0),
            ending: Ending::Unsaid,
            away_at: Timestamp(0),
            undecided: BTreeSet::new(),
            probes: Vec::new(),
            cases: BTreeMap::new(),
            watches: BTreeMap::new(),
            mending: BTreeMap::new(),
            told_learning_s: -1,
            moved: BTreeMap::new(),
            awaited: BTreeMap::new(),
        }
    }

    /// Why nothing may be written or asked here now: another server answers at the address.
    pub(crate) fn stranger(&self) -> Option<&'static str> {
        let other = matches!(self.condition, Some(Condition::AnotherServer { .. }));
        (other || self.sight == Sight::Another).then_some("another server answers at its address")
    }

    /// Why the mode of now forbids an attempt that an earlier guard may have begun in a wider one.
    pub(crate) fn forbids(&self, by: &Authority) -> Option<&'static str> {
        match (self.policy.mode, by) {
            (Mode::Auto, _) | (Mode::Approve, Authority::Operator { .. }) => None,
            (Mode::Approve, Authority::Policy) => {
                Some("the target is in approve mode now: a person has to say yes")
            }
            (Mode::Observe, _) => Some("the target is in observe mode now"),
        }
    }

    /// A probe ran; its reading waits for the next sample.
    pub(crate) fn probed(&mut self, reading: ProbeReading) {
        if self.probes.len() == PROBES_MAX {
            self.probes.remove(0);
        }
        self.probes.push(reading);
    }

    /// A task of `intent` was handed out.
    pub(crate) fn handed_out(&mut self, intent: IntentId, at: Timestamp) {
        let awaited = self.awaited.entry(intent).or_insert(Awaited {
            tasks: 0,
            since: at,
        });
        awaited.tasks += 1;
        awaited.since = at;
    }

    /// A task of `intent` was answered.
    pub(crate) fn answered(&mut self, intent: IntentId) {
        if let Some(awaited) = self.awaited.get_mut(&intent) {
            awaited.tasks -= 1;
            if awaited.tasks == 0 {
                self.awaited.remove(&intent);
            }
        }
    }

    /// The observer is connected and measures these.
    pub(crate) fn connected(&mut self, specs: Vec<MetricSpec>) {
        if self.specs != specs {
            self.banks.measure(&specs);
            self.slow.measure(&specs);
            self.specs = specs;
        }
    }

    /// Something happened to the target: samples from before are another time.
    pub(crate) fn disturb(&mut self, at: Timestamp) {
        self.banks.disturb(at);
        self.slow.disturb(at);
        self.disturbed_at = self.disturbed_at.max(at);
    }

    /// The history since the last disturbance; all of it where that is too short to be a baseline.
    pub(crate) fn undisturbed(&self) -> Vec<Sample> {
        let calm = self.history.span(self.disturbed_at);
        let length = calm.map_or(Span::ZERO, |(first, last)| last - first);
        if length >= self.detect.min_baseline {
            self.history.since(self.disturbed_at)
        } else {
            self.history.samples()
        }
    }

    /// The history without the time of an incident: the level before it, and what came after it.
    pub(crate) fn around(&self, anew: Anew) -> Vec<Sample> {
        let amid = |at: Timestamp| at > anew.good_until && at <= anew.since;
        let mut samples = self.history.samples();
        samples.retain(|sample| !amid(sample.at));
        samples
    }

    /// A sample from a time without a watch: how the target behaves while nothing is changed.
    pub(crate) fn learn(&mut self, sample: &Sample) {
        let history = &self.history;
        self.banks
            .push(sample, |since| history.after(since, PAST_MAX));
    }

    /// How it stands in the record of a start.
    pub(crate) fn watched(&self) -> Watched {
        Watched {
            target: self.target.clone(),
            address: self.address.clone(),
            mode: self.policy.mode,
        }
    }

    /// Ids of the cases that are not settled, in order.
    pub(crate) fn open_cases(&self) -> Vec<ChangeSetId> {
        self.cases
            .iter()
            .filter(|(_, c)| !c.state.settled())
            .map(|(id, _)| *id)
            .collect()
    }

    /// Length of the history in memory, from the first answer on: silence teaches nothing.
    pub(crate) fn learnt(&self) -> Span {
        let (first, last) = (self.history.first_answer(), self.history.newest_at());
        match (first, last) {
            (Some(first), Some(last)) => last - first,
            _ => Span::ZERO,
        }
    }

    /// Whether nothing is being watched or moved: what is held has waited for a person for as long as a
    /// watch takes, and how the target behaves with it is how it behaves.
    pub(crate) fn quiet(&self, now: Timestamp) -> bool {
        self.watches.keys().all(|id| {
            let state = self.cases.get(id).map(|c| &c.state);
            matches!(state, Some(State::Held { since, .. }) if now >= *since + self.detect.watch)
        })
    }

    /// Sessions of each service, or the configured weight where there is one.
    pub(crate) fn service_weights(&self) -> BTreeMap<ServiceName, u32> {
        let mut weights: BTreeMap<ServiceName, u32> = BTreeMap::new();
        for used in self.snapshot.iter().flat_map(|s| &s.services) {
            *weights.entry(used.service.clone()).or_default() += used.sessions;
        }
        for (service, weight) in &self.weights {
            weights.insert(service.clone(), *weight);
        }
        weights
    }

    /// Forgets the oldest settled cases beyond what is kept, and answers that never came.
    pub(crate) fn forget_old(&mut self, now: Timestamp) {
        self.awaited
            .retain(|_, awaited| now.since(awaited.since) < ROLLBACKS_KEPT);
        let surplus = self.cases.len().saturating_sub(SETTLED_MAX);
        if surplus == 0 {
            return;
        }
        let lately = |case: &Case| {
            let last = case.attempts.last();
            last.is_some_and(|begun| now.since(begun.at) < ROLLBACKS_KEPT)
        };
        let old = self
            .cases
            .iter()
            .filter(|(_, c)| c.state.settled() && !lately(c));
        let old: Vec<_> = old.map(|(id, _)| *id).take(surplus).collect();
        for id in old {
            self.cases.remove(&id);
        }
    }
}
