//! Plays a story second by second with the real guard, and compares what came of it with what is
//! expected.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use backstay_detect::DetectPolicy;
use backstay_guard::Guard;
use backstay_guard::books::{InMemory, Shelf};
use backstay_guard::case::Case;
use backstay_guard::desk::DeskSetup;
use backstay_guard::lockstep::Lockstep;
use backstay_guard::news::{News, Tidings};
use backstay_guard::report::Report;
use backstay_guard::tick::{BeginError, TickError};
use backstay_journal::store::Entries;
use backstay_journal::{
    Entry, Histories, History, MemoryEntries, MemoryMetrics, MemorySnapshots, Request, StoredEntry,
};
use backstay_lifecycle::policy::Policy;
use backstay_model::{ChangeSetId, Seq, Span, Timestamp};

use crate::action::{Action, PauseWish, Turn, Wish};
use crate::dialect::WorldDialect;
use crate::scenario::{Expectation, Scenario};
use crate::world::{Beginning, World, WriteSeen};

mod judge;
mod telling;

pub use telling::check;

/// Samples that the books of a story keep.
const SAMPLES_MAX: usize = 4_000;
/// How long a guard that died over a write stays away.
const REVIVAL: Span = Span::from_secs(3);

/// What came of a story.
#[derive(Debug)]
pub struct Story {
    /// When it began.
    pub began_at: Timestamp,
    /// Everything that was told, in order.
    pub news: Vec<News>,
    /// The reports on changes that came to rest, in order.
    pub reports: Vec<Report>,
    /// What came of each change, in the order of their numbers.
    pub outcomes: Vec<Outcome>,
    /// The journal, byte for byte.
    pub journal: Vec<StoredEntry>,
    /// Every write that Backstay made.
    pub writes: Vec<WriteSeen>,
    /// The world as the story left it.
    pub world: World,
    /// What was expected, and what was found instead where it did not come.
    pub checks: Vec<(Expectation, Result<(), String>)>,
}

/// What came of one change.
#[derive(Debug)]
pub struct Outcome {
    /// What was changed.
    pub turn: Turn,
    /// When.
    pub at: Timestamp,
    /// The change set it was seen as; `None` when it was not seen.
    pub change_set: Option<ChangeSetId>,
    /// When it was seen.
    pub noticed_at: Option<Timestamp>,
    /// Its file, read back from the journal.
    pub case: Option<Case>,
}

/// A story could not be played to its end.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// A guard could not begin on the books of the story.
    #[error("the guard cannot begin")]
    Begin {
        /// Why not.
        source: BeginError,
    },
    /// The journal failed.
    #[error("the guard cannot go on")]
    Tick {
        /// Why not.
        source: TickError,
    },
    /// The guard waits for something that never comes.
    #[error("the guard waits for something that never comes, {second} s into the story")]
    Stuck {
        /// When.
        second: i64,
    },
    /// The journal holds a life that cannot have happened.
    #[error("the journal cannot be read back: {why}")]
    Unreadable {
        /// Which.
        why: String,
    },
}

/// Plays `scenario` to its end.
///
/// # Errors
/// `PlayError` when guard or journal fail, which is never the fault of a story.
pub fn run(scenario: &Scenario) -> Result<Story, PlayError> {
    let mut player = Player::new(scenario);
    let seconds = scenario.lasts.0 / 1_000_000;
    for second in 1..=seconds {
        player.second(second)?;
    }
    player.story()
}

/// A world as `scenario` describes it, with everything that happens in it scheduled.
#[must_use]
pub fn world_of(scenario: &Scenario) -> World {
    let mut beginning = Beginning::shop(scenario.seed);
    beginning.roughness = scenario.roughness;
    beginning.file.extend(scenario.file.clone());
    beginning.command_line.extend(scenario.command_line.clone());
    let began_at = beginning.at;
    let world = World::new(beginning);
    for (at, action) in &scenario.events {
        world.schedule(began_at + *at, action.clone());
    }
    for fault in &scenario.faults {
        world.fault(fault.clone());
    }
    world
}

/// How the guard of `scenario` is set up for its one target.
#[must_use]
pub fn desk_of(scenario: &Scenario, world: &World) -> DeskSetup {
    let patience = &scenario.policy;
    DeskSetup {
        target: world.target(),
        address: "simulated".to_owned(),
        policy: Policy {
            mode: scenario.mode,
            watch: patience.watch,
            extension: patience.watch,
            extensions_max: patience.extensions,
            intent_ttl: patience.intent_ttl,
            recovery_window: patience.recovery,
            budget_per_hour: patience.budget,
            budget_per_day: patience.budget,
            ..Policy::observe()
        },
        weights: [].into(),
        dialect: Box::new(WorldDialect),
        detect: DetectPolicy::standard(patience.watch),
    }
}

/// The value of a future that is always ready; `None` when it is not.
pub fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// The guard's process.
struct Process {
    guard: Guard<InMemory>,
    lockstep: Lockstep<World>,
}

struct Player<'a> {
    scenario: &'a Scenario,
    world: World,
    began_at: Timestamp,
    entries: MemoryEntries,
    snapshots: MemorySnapshots,
    metrics: MemoryMetrics,
    process: Option<Process>,
    dead_until: Timestamp,
    news: Vec<News>,
}

impl<'a> Player<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let world = world_of(scenario);
        let began_at = world.now();
        Self {
            scenario,
            began_at,
            world,
            entries: MemoryEntries::new(),
            snapshots: MemorySnapshots::new(),
            metrics: MemoryMetrics::new(SAMPLES_MAX),
            process: None,
            dead_until: began_at,
            news: Vec::new(),
        }
    }

    fn begin(&self, now: Timestamp) -> Result<Process, PlayError> {
        let shelf = Shelf {
            entries: self.entries.clone(),
            snapshots: self.snapshots.clone(),
            metrics: self.metrics.clone(),
            graph: Shelf::<InMemory>::in_memory(1).graph,
        };
        let desk = desk_of(self.scenario, &self.world);
        let guard =
            Guard::begin(shelf, vec![desk], now).map_err(|source| PlayError::Begin { source })?;
        let lockstep = Lockstep::new(self.world.target(), self.world.clone());
        Ok(Process { guard, lockstep })
    }

    /// Lets the second that ends `second` seconds after the beginning pass.
    fn second(&mut self, second: i64) -> Result<(), PlayError> {
        let now = self.began_at + Span::from_secs(second);
        self.dies(now);
        if now < self.dead_until {
            drop(self.world.at(now));
            return Ok(());
        }
        let mut process = match self.process.take() {
            Some(process) => process,
            None => self.begin(now)?,
        };
        self.ask(&mut process.lockstep, now);
        let passed = at_once(process.lockstep.second(&mut process.guard, now));
        match passed {
            Some(told) => {
                self.news
                    .extend(told.map_err(|source| PlayError::Tick { source })?);
                self.process = Some(process);
                Ok(())
            }
            None if self.world.take_crash() => {
                self.dead_until = now + REVIVAL;
                Ok(())
            }
            None => Err(PlayError::Stuck { second }),
        }
    }

    /// Events of the second that ends `now`.
    fn due(&self, now: Timestamp) -> impl Iterator<Item = &'a Action> {
        let from = now - Span::from_secs(1);
        let began_at = self.began_at;
        let due = move |(at, _): &&(Span, Action)| {
            let at = began_at + *at;
            from < at && at <= now
        };
        self.scenario.events.iter().filter(due).map(|(_, a)| a)
    }

    fn dies(&mut self, now: Timestamp) {
        let until = self.due(now).filter_map(|action| match action {
            Action::GuardDies { lasts } => Some(now + *lasts),
            _ => None,
        });
        if let Some(until) = until.max() {
            self.process = None;
            self.dead_until = until;
        }
    }

    /// Hands in what people ask for in this second.
    fn ask(&self, lockstep: &mut Lockstep<World>, now: Timestamp) {
        for action in self.due(now) {
            match action {
                Action::Pause { by, wish } => {
                    let request = match wish {
                        PauseWish::Pause => Request::Pause,
                        PauseWish::Resume => Request::Resume,
                    };
                    lockstep.ask(by, request);
                }
                Action::Request { by, wish, change } => {
                    if let Some(request) = self.request(*wish, *change) {
                        lockstep.ask(by, request);
                    }
                }
                _ => {}
            }
        }
    }

    /// The request about a change of the story; `None` while it has not been seen.
    fn request(&self, wish: Wish, change: usize) -> Option<Request> {
        let histories = histories(&self.entries).ok()?;
        let (at, turn) = self.scenario.changes().nth(change.checked_sub(1)?)?;
        let history = seen_as(&histories, turn, self.began_at + at)?;
        let change_set = history.id;
        match wish {
            Wish::Keep => Some(Request::Keep { change_set }),
            Wish::Revert => Some(Request::Revert { change_set }),
            Wish::Approve => {
                let plan = Case::replay(history).ok()??.plan?.hash;
                Some(Request::Approve { change_set, plan })
            }
        }
    }

    fn story(self) -> Result<Story, PlayError> {
        let histories = histories(&self.entries)?;
        let mut outcomes = Vec::new();
        for (at, turn) in self.scenario.changes() {
            let at = self.began_at + at;
            outcomes.push(outcome(&histories, turn, at)?);
        }
        let reports = self.news.iter().filter_map(|news| match &news.what {
            Tidings::Settled(report) => Some(report.as_ref().clone()),
            _ => None,
        });
        let mut story = Story {
            began_at: self.began_at,
            reports: reports.collect(),
            outcomes,
            journal: self.entries.stored(),
            writes: self.world.writes(),
            world: self.world.clone(),
            checks: Vec::new(),
            news: self.news,
        };
        story.checks = judge::checks(&story, &self.scenario.expectations);
        Ok(story)
    }
}

/// The journal, sorted by change set.
pub(crate) fn histories(entries: &MemoryEntries) -> Result<Histories, PlayError> {
    let decoded: Result<Vec<Entry>, _> = Entries::new(entries, Seq(1)).decoded().collect();
    let decoded = decoded.map_err(|error| PlayError::Unreadable {
        why: error.to_string(),
    })?;
    Ok(decoded.into_iter().collect())
}

/// The history of the change set that holds a turn of the story: the first that was seen after it and
/// is about its setting.
fn seen_as<'h>(histories: &'h Histories, turn: &Turn, at: Timestamp) -> Option<&'h History> {
    let rule = turn.key.name == crate::server::RULE;
    histories.iter().find(|history| {
        let seen = history.change_set().into_iter().flat_map(|c| &c.changes);
        let mut fitting =
            seen.filter(|c| c.time.not_after >= at && c.origin != backstay_model::Origin::Ours);
        fitting.any(|c| c.key == turn.key || (rule && c.key.name == turn.key.name))
    })
}

fn outcome(histories: &Histories, turn: &Turn, at: Timestamp) -> Result<Outcome, PlayError> {
    let history = seen_as(histories, turn, at);
    let case = history.map(Case::replay).transpose();
    let case = case.map_err(|illegal| PlayError::Unreadable {
        why: illegal.to_string(),
    })?;
    Ok(Outcome {
        turn: turn.clone(),
        at,
        change_set: history.map(|h| h.id),
        noticed_at: history.and_then(|h| h.entries.first()).map(|e| e.at),
        case: case.flatten(),
    })
}
