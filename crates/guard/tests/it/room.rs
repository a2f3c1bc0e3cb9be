//! A guard in a room of its own: a target made of a few settings, a clock that is moved by hand, and
//! books that survive the guard.

use backstay_detect::DetectPolicy;
use backstay_engine::identity::identified;
use backstay_engine::{Observation, Statement};
use backstay_guard::Guard;
use backstay_guard::books::{InMemory, Shelf};
use backstay_guard::case::Case;
use backstay_guard::desk::DeskSetup;
use backstay_guard::inbox::{Arrival, What};
use backstay_guard::news::{News, Tidings};
use backstay_guard::tick::TickError;
use backstay_journal::record::Request;
use backstay_journal::store::Entries;
use backstay_journal::{Entry, Histories, MemoryEntries, MemoryMetrics, MemorySnapshots, Record};
use backstay_lifecycle::policy::Policy;
use backstay_model::change::{Pending, Standing};
use backstay_model::decision::Mode;
use backstay_model::event::{WriteReply, WriteTiming};
use backstay_model::metric::{MetricRole, MetricSpec, Worse};
use backstay_model::name::EngineKind;
use backstay_model::plan::{Dialect, Found, Inverse, PlanStep, Route, Write};
use backstay_model::sample::{Held, ProbeStep};
use backstay_model::snapshot::{NodeRole, Server, ServiceUse};
use backstay_model::{
    ChangeSetId, Command, IntentId, MetricName, ProbeReading, Sample, Seq, ServiceName, SettingKey,
    Snapshot, SnapshotId, Span, TargetId, Timestamp, Value, ValueSource,
};

/// When every story begins.
pub(crate) const BEGIN: Timestamp = Timestamp::from_secs(1_800_000_000);
/// The setting that most stories turn.
pub(crate) const KEY: &str = "default_transaction_read_only";

pub(crate) fn shop() -> TargetId {
    TargetId::new("shop")
}

/// How the target fares.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    Calm,
    /// Work is in flight and nothing completes.
    Hang,
    /// Nobody answers.
    Gone,
}

pub(crate) struct Room {
    pub(crate) entries: MemoryEntries,
    pub(crate) snapshots: MemorySnapshots,
    metrics: MemoryMetrics,
    pub(crate) policy: Policy,
    pub(crate) guard: Guard<InMemory>,
    pub(crate) now: Timestamp,
    /// The configuration of the target.
    pub(crate) shown: Snapshot,
    pub(crate) load: Load,
    /// When this guard's observer looked last.
    looked_at: Option<Timestamp>,
    pub(crate) news: Vec<News>,
    /// What was handed out and not answered yet.
    pub(crate) commands: Vec<Command>,
}

impl Room {
    /// A guard that was just begun; nothing has arrived.
    pub(crate) fn bare(mode: Mode) -> Self {
        let policy = Policy {
            mode,
            watch: Span::from_secs(60),
            extension: Span::from_secs(60),
            extensions_max: 1,
            ..Policy::observe()
        };
        let (entries, snapshots) = (MemoryEntries::new(), MemorySnapshots::new());
        let metrics = MemoryMetrics::new(10_000);
        let shelf = shelf(&entries, &snapshots, &metrics);
        let guard = Guard::begin(shelf, vec![desk(&policy)], BEGIN).unwrap();
        Self {
            entries,
            snapshots,
            metrics,
            policy,
            guard,
            now: BEGIN,
            shown: configuration(),
            load: Load::Calm,
            looked_at: None,
            news: Vec::new(),
            commands: Vec::new(),
        }
    }

    /// A guard that knows its target: connected, read, and two calm minutes measured.
    pub(crate) fn calm(mode: Mode) -> Self {
        let mut room = Self::bare(mode);
        room.connect();
        room.observe();
        room.seconds(120);
        room.news.clear();
        room
    }

    /// A guard in auto mode that has just sent off the write that takes a harmful change back.
    pub(crate) fn reverting() -> (Self, ChangeSetId) {
        let mut room = Self::calm(Mode::Auto);
        let id = room.harm();
        assert_eq!(room.state(id), "reverting", "{:#?}", room.told());
        (room, id)
    }

    /// Somebody turns [`KEY`] on, and work hangs until it is judged.
    pub(crate) fn harm(&mut self) -> ChangeSetId {
        self.set(KEY, "on");
        self.observe();
        let id = self.newest();
        self.load = Load::Hang;
        self.seconds(6);
        id
    }

    /// Puts an end to this guard and begins another one on the same books, as `kill -9` would.
    pub(crate) fn again(&mut self, mode: Mode) {
        self.policy.mode = mode;
        let shelf = shelf(&self.entries, &self.snapshots, &self.metrics);
        self.guard = Guard::begin(shelf, vec![desk(&self.policy)], self.now).unwrap();
        self.looked_at = None;
        self.commands.clear();
        self.news.clear();
    }

    pub(crate) fn try_tick(&mut self, arrivals: Vec<What>) -> Result<(), TickError> {
        let arrival = |what| Arrival {
            target: shop(),
            what,
        };
        let arrivals = arrivals.into_iter().map(arrival).collect();
        let ticked = self.guard.tick(self.now, arrivals)?;
        self.news.extend(ticked.news);
        let handed = ticked.commands.iter().map(|c| c.command().clone());
        let handed = handed.filter(|c| !matches!(c, Command::Page(_)));
        self.commands.extend(handed);
        let told = self.guard.keep_books();
        self.news.extend(told);
        Ok(())
    }

    pub(crate) fn tick(&mut self, arrivals: Vec<What>) {
        self.try_tick(arrivals).unwrap();
    }

    pub(crate) fn connect(&mut self) {
        self.tick(vec![What::Connected(specs())]);
    }

    /// The observer finds the configuration as it is now.
    pub(crate) fn observe(&mut self) {
        self.observe_with(Vec::new());
    }

    pub(crate) fn observe_with(&mut self, statements: Vec<Statement>) {
        self.now = self.now + Span::from_millis(100);
        let seen = self.seen(statements);
        self.tick(vec![seen]);
    }

    pub(crate) fn seen(&mut self, statements: Vec<Statement>) -> What {
        self.shown.taken_at = self.now;
        self.shown = identified(self.shown.clone());
        let mut seen = Observation::new(self.shown.clone(), statements);
        // An observer that looked before knows when it last found nothing moved.
        seen.unmoved_at = self.looked_at.replace(self.now);
        What::Observed(Box::new(seen))
    }

    pub(crate) fn second(&mut self) {
        self.now = self.now + Span::from_secs(1);
        self.looked_at = self.looked_at.map(|_| self.now);
        let arrivals = measured(self.now, self.load);
        self.tick(arrivals);
    }

    pub(crate) fn seconds(&mut self, count: u32) {
        for _ in 0..count {
            self.second();
        }
    }

    /// Time passes of which nothing is heard.
    pub(crate) fn silence(&mut self, seconds: i64) {
        self.now = self.now + Span::from_secs(seconds);
        self.tick(Vec::new());
    }

    pub(crate) fn ask(&mut self, request: Request) {
        let by = "ann".to_owned();
        self.tick(vec![What::Asked { by, request }]);
    }

    pub(crate) fn reply(&mut self, reply: WriteReply) {
        let intent = self.written().intent;
        self.commands.retain(|c| !matches!(c, Command::Write(_)));
        self.tick(vec![What::Replied { intent, reply }]);
    }

    pub(crate) fn found(&mut self, found: Found) {
        let intent = self.inspected().expect("an inspection was handed out");
        self.commands.retain(|c| !matches!(c, Command::Inspect(_)));
        self.tick(vec![What::Inspected { intent, found }]);
    }

    /// `ALTER SYSTEM SET`, reloaded.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.stand(
            name,
            Standing {
                effective: Some(Value::text(value)),
                source: ValueSource::AutoFile,
                entry: Some(Value::text(value)),
                waiting: None,
                pending_restart: Pending::No,
            },
        );
    }

    /// `ALTER SYSTEM RESET`, reloaded.
    pub(crate) fn reset(&mut self, name: &str) {
        let before = configuration().settings[&SettingKey::instance(name)].clone();
        self.stand(name, before);
    }

    /// `ALTER SYSTEM SET` of a setting that takes effect at the next restart.
    pub(crate) fn set_for_restart(&mut self, name: &str, value: &str) {
        let mut standing = self.shown.settings[&SettingKey::instance(name)].clone();
        standing.entry = Some(Value::text(value));
        standing.pending_restart = Pending::Restart;
        self.stand(name, standing);
    }

    pub(crate) fn stand(&mut self, name: &str, standing: Standing) {
        self.shown
            .settings
            .insert(SettingKey::instance(name), standing);
    }

    /// The server is started again: what waited takes effect.
    pub(crate) fn server_restarts(&mut self) {
        self.shown.server.started_at = self.now;
        for standing in self.shown.settings.values_mut() {
            if standing.pending_restart == Pending::Restart {
                standing.pending_restart = Pending::No;
                standing.effective.clone_from(&standing.entry);
                standing.source = ValueSource::AutoFile;
            }
        }
    }

    /// Puts a record into the journal that no guard wrote.
    pub(crate) fn forge(&mut self, record: Record) {
        let mut journal = backstay_journal::Journal::open(self.entries.clone()).unwrap();
        drop(journal.commit(self.now, vec![record]).unwrap());
    }

    /// The write that was handed out.
    pub(crate) fn written(&self) -> Write {
        self.writes().pop().expect("a write was handed out")
    }

    pub(crate) fn writes(&self) -> Vec<Write> {
        let write = |c: &Command| match c {
            Command::Write(write) => Some(write.clone()),
            _ => None,
        };
        self.commands.iter().filter_map(write).collect()
    }

    pub(crate) fn inspected(&self) -> Option<IntentId> {
        self.commands.iter().find_map(|c| match c {
            Command::Inspect(write) => Some(write.intent),
            _ => None,
        })
    }

    pub(crate) fn records(&self) -> Vec<Entry> {
        let decoded = Entries::new(&self.entries, Seq(1)).decoded();
        decoded.map(Result::unwrap).collect()
    }

    /// The file on a change set as the journal has it.
    pub(crate) fn case(&self, id: ChangeSetId) -> Case {
        let histories: Histories = self.records().into_iter().collect();
        Case::replay(histories.get(id).unwrap()).unwrap().unwrap()
    }

    pub(crate) fn state(&self, id: ChangeSetId) -> &'static str {
        self.case(id).state.word()
    }

    /// The change set that was seen last and is somebody's.
    pub(crate) fn newest(&self) -> ChangeSetId {
        self.changes().pop().expect("a change was seen")
    }

    /// The change sets of other people, in order.
    pub(crate) fn changes(&self) -> Vec<ChangeSetId> {
        let steps = self.records().into_iter().filter_map(|e| match e.record {
            Record::Step { change_set, .. } => Some(change_set),
            _ => None,
        });
        let mut ids: Vec<_> = steps.collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// What was told since it was last asked, in words.
    pub(crate) fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
            .iter()
            .filter_map(|n| words(&n.what))
            .collect()
    }
}

fn shelf(
    entries: &MemoryEntries,
    snapshots: &MemorySnapshots,
    metrics: &MemoryMetrics,
) -> Shelf<InMemory> {
    Shelf {
        entries: entries.clone(),
        snapshots: snapshots.clone(),
        metrics: metrics.clone(),
        graph: backstay_graph::Graph::new(),
    }
}

pub(crate) fn desk(policy: &Policy) -> DeskSetup {
    DeskSetup {
        target: shop(),
        address: "room".to_owned(),
        policy: policy.clone(),
        weights: [].into(),
        dialect: Box::new(Plain),
        detect: DetectPolicy::standard(policy.watch),
    }
}

/// Statements in plain words.
struct Plain;

impl Dialect for Plain {
    fn statement(&self, step: &PlanStep) -> String {
        match &step.inverse {
            Inverse::Reset => format!("RESET {}", step.key),
            Inverse::Set(value) => format!("SET {} = {value}", step.key),
        }
    }

    fn activate(&self, _route: &Route) -> Option<String> {
        Some("RELOAD".to_owned())
    }
}

/// A server with four settings as they are built in.
pub(crate) fn configuration() -> Snapshot {
    let standing = |value: &str| Standing {
        effective: Some(Value::text(value)),
        source: ValueSource::Default,
        entry: None,
        waiting: None,
        pending_restart: Pending::No,
    };
    let settings = [
        ("work_mem", "4096"),
        (KEY, "off"),
        ("max_connections", "100"),
        ("fsync", "on"),
    ];
    identified(Snapshot {
        id: SnapshotId(String::new()),
        target: shop(),
        taken_at: BEGIN,
        server: Server {
            engine: EngineKind::Postgresql,
            version: "15.18".to_owned(),
            started_at: BEGIN - Span::from_secs(3_600),
            processes_since: None,
            system_identifier: None,
            data_directory: "/data".to_owned(),
            role: NodeRole::Primary,
        },
        settings: settings
            .map(|(name, value)| (SettingKey::instance(name), standing(value)))
            .into(),
        files: Vec::new(),
        unloaded: Vec::new(),
        file_errors: Vec::new(),
        services: vec![service("checkout")],
    })
}

pub(crate) fn service(name: &str) -> ServiceUse {
    ServiceUse {
        service: ServiceName::new(name),
        role: name.to_owned(),
        database: "shop".to_owned(),
        sessions: 4,
    }
}

pub(crate) fn specs() -> Vec<MetricSpec> {
    let spec = |name, role, worse| MetricSpec {
        name: MetricName::from_static(name),
        role,
        worse,
        floor: 1.0,
        help: "a metric",
    };
    vec![
        spec("commits_per_s", MetricRole::Throughput, Worse::Down),
        spec("active_sessions", MetricRole::Demand, Worse::Up),
    ]
}

/// What one second brings.
pub(crate) fn measured(now: Timestamp, load: Load) -> Vec<What> {
    let done = ProbeStep::Done { ms: 1.0 };
    let hung = ProbeStep::Hung { limit_ms: 1_000.0 };
    let wave = (now.0 / 1_000_000 % 7) as f64;
    let (commits, held, connect, read) = match load {
        Load::Calm => (Some(500.0 + wave), Held::Answers, done.clone(), done),
        Load::Hang => (Some(0.0), Held::Answers, done, hung),
        Load::Gone => (
            None,
            Held::Lost {
                why: "gone".to_owned(),
            },
            hung,
            ProbeStep::Skipped,
        ),
    };
    let metrics = commits.into_iter().flat_map(|commits| {
        [
            (MetricName::from_static("commits_per_s"), commits),
            (MetricName::from_static("active_sessions"), 8.0),
        ]
    });
    let sample = Sample {
        at: now,
        metrics: metrics.collect(),
        held,
        ..Sample::default()
    };
    let reading = ProbeReading {
        at: now - Span::from_millis(500),
        role: "probe".to_owned(),
        write: read.clone(),
        connect,
        read,
    };
    vec![What::Probed(reading), What::Sampled(sample)]
}

pub(crate) fn effective() -> WriteReply {
    WriteReply::Effective {
        timing: WriteTiming::default(),
    }
}

pub(crate) fn lost() -> WriteReply {
    WriteReply::Unknown {
        why: "the connection broke".to_owned(),
    }
}

/// A statement of the server's log.
pub(crate) fn statement(role: &str, application: Option<&str>, name: &str) -> Statement {
    Statement {
        at: None,
        role: Some(role.to_owned()),
        application: application.map(str::to_owned),
        keys: vec![SettingKey::instance(name)],
        description: None,
    }
}

fn words(what: &Tidings) -> Option<String> {
    Some(match what {
        Tidings::Sampled(_) | Tidings::Learning { .. } | Tidings::Waiting(_) => return None,
        Tidings::Condition(condition) => format!("condition {}", condition.word()),
        Tidings::Notice(notice, presence) => format!("notice {presence:?}: {notice}"),
        Tidings::Baseline { services, .. } => format!("baseline {}", services.join(" ")),
        Tidings::NewServices(names) => format!("services {}", names.join(" ")),
        Tidings::Seen(set) => format!("seen {} by {}", keys(set), set.author()),
        Tidings::Ours(set) => format!("ours {}", keys(set)),
        Tidings::Watching { .. } => "watching".to_owned(),
        Tidings::Judged { verdict, .. } => format!("judged {}", verdict.kind.word()),
        Tidings::Ruled { decision, .. } => format!("ruled {decision}"),
        Tidings::Writing { .. } => "writing".to_owned(),
        Tidings::Replied { .. } => "replied".to_owned(),
        Tidings::Recovered { recovery, .. } => format!("recovered {recovery:?}"),
        Tidings::Paged(page) => format!("paged {}", page.message),
        Tidings::Settled(report) => {
            let reason = report.reason.as_ref().map(|r| format!(": {r}"));
            format!("settled {}{}", report.outcome, reason.unwrap_or_default())
        }
        Tidings::Paused(presence) => format!("paused {presence:?}"),
        Tidings::Stopped { .. } => "stopped".to_owned(),
    })
}

fn keys(set: &backstay_model::ChangeSet) -> String {
    let keys: Vec<String> = set.changes.iter().map(|c| c.key.to_string()).collect();
    keys.join(" ")
}
