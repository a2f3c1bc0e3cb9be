//! The record of months, made up: a small fleet on which `work_mem` was changed again and again, each time
//! watched to a verdict. For tests of what is learnt from it.
//!
//! A doubling of `work_mem` makes fewer temporary files, and far fewer where `hash_mem_multiplier` is
//! high; the findings say so with an error of their own.

use backstay_chance::Dice;
use backstay_journal::Record;
use backstay_model::change::{
    Author, AuthorEvidence, ChangeTime, Origin, Pending, Standing, TakesEffect,
};
use backstay_model::metric::MetricRole;
use backstay_model::name::EngineKind;
use backstay_model::snapshot::{NodeRole, Server};
use backstay_model::verdict::{Calibration, Finding, Verdict, VerdictKind};
use backstay_model::{
    Change, ChangeSet, ChangeSetId, Event, MetricName, SettingKey, Snapshot, SnapshotId, TargetId,
    Timestamp, Value, ValueSource, WorkClass,
};

/// The version that every target runs.
pub const MAJOR: u32 = 15;
/// The setting that is changed again and again.
pub const CHANGED: &str = "work_mem";
/// The setting on which its effect depends.
pub const UNDER: &str = "hash_mem_multiplier";
/// The metric that it moves.
pub const MOVED: &str = "temp_bytes_per_s";

const TARGETS: u64 = 8;
/// Times that each target is looked after; half way its multiplier is set to the other value.
const ROUNDS: u64 = 8;
const DAY: i64 = 86_400;
const BEGIN: i64 = 1_780_000_000;
/// What a doubling does where the multiplier is low, and where it is high: natural logarithms.
const EFFECTS: [f64; 2] = [-0.12, -0.6];
/// Chance that each finding reports: with it the error is 0.3 of the effect.
const CHANCE: f64 = 0.001;

/// How the fleet was looked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// The multiplier was chosen by itself; half of the targets read, the other half are analytic.
    TwoKindsOfWork,
    /// The same, and all of them are analytic.
    OneKindOfWork,
    /// The same, and nobody told what kind of work they do, as in journals of before.
    Untold,
    /// A tuner sets the multiplier high before it raises the memory, and low before it lowers it.
    Tuner,
}

/// What is recorded together, and when.
pub type Page = (Timestamp, Vec<Record>);

/// The record, and the configurations that it names. Same habit and seed, same bytes.
#[must_use]
pub fn annals(habit: Habit, seed: u64) -> (Vec<Page>, Vec<Snapshot>) {
    let mut snapshots = Vec::new();
    let mut first = Vec::new();
    let mut scribe = Scribe {
        habit,
        dice: Dice::new(seed),
        next: 1 + TARGETS,
        pages: Vec::new(),
        stands: (0..TARGETS).map(|n| (12, n % 2)).collect(),
    };
    for n in 0..TARGETS {
        let snapshot = scribe.read(n);
        first.push(Record::Baseline {
            target: target(n),
            snapshot: snapshot.id.clone(),
            server: snapshot.server.clone(),
        });
        snapshots.push(snapshot);
    }
    scribe.pages.push((Timestamp::from_secs(BEGIN), first));
    for round in 0..ROUNDS {
        for n in 0..TARGETS {
            scribe.visit((round, n), BEGIN + DAY * (1 + (round * TARGETS + n) as i64));
        }
    }
    // The night after the last of them.
    let end = BEGIN + DAY * (2 + (ROUNDS * TARGETS) as i64);
    let why = "the year is over".to_owned();
    scribe.page(end, vec![Record::Stopped { why }]);
    (scribe.pages, snapshots)
}

struct Scribe {
    habit: Habit,
    dice: Dice,
    /// Number of the next entry.
    next: u64,
    pages: Vec<Page>,
    /// Of each target: memory in doublings of a kilobyte, and whether the multiplier is high.
    stands: Vec<(u64, u64)>,
}

impl Scribe {
    fn page(&mut self, at: i64, records: Vec<Record>) {
        self.next += records.len() as u64;
        self.pages.push((Timestamp::from_secs(at), records));
    }

    /// A day on which somebody looks after a target.
    fn visit(&mut self, (round, n): (u64, u64), at: i64) {
        let (memory, high) = self.stands[n as usize];
        // Up and down in turns that are not those of the multiplier.
        let to = if (round + n / 2) % 2 == 0 { 13 } else { 12 };
        let other = match self.habit {
            Habit::Tuner => u64::from(to > memory),
            _ if round == ROUNDS / 2 => 1 - n % 2,
            _ => high,
        };
        if other != high {
            let values = [high, other].map(|h| (2 << h).to_string());
            self.change(n, (UNDER, values), at);
        }
        if to != memory {
            let values = [memory, to].map(|m| (1_u64 << m).to_string());
            let id = self.change(n, (CHANGED, values), at + 7_200);
            let dose = to as f64 - memory as f64;
            self.judge((n, id), dose * EFFECTS[other as usize], at + 8_100);
        }
        self.stands[n as usize] = (to, other);
    }

    fn change(&mut self, n: u64, (name, values): (&str, [String; 2]), at: i64) -> ChangeSetId {
        let [old, new] = values.map(|value| standing(&value));
        let moment = Timestamp::from_secs(at);
        let change = Change {
            key: SettingKey::instance(name),
            old,
            new,
            time: ChangeTime {
                not_before: moment,
                not_after: moment,
                exact: Some(moment),
            },
            author: Author::Known {
                name: "ann".into(),
                via: AuthorEvidence::ServerLog,
            },
            description: None,
            application: None,
            origin: Origin::Observed,
            takes_effect: TakesEffect::Now,
        };
        let change_set = ChangeSet {
            id: ChangeSetId(self.next),
            target: target(n),
            changes: vec![change],
        };
        let id = change_set.id;
        let snapshot = None;
        self.page(
            at,
            vec![Record::Seen {
                change_set,
                snapshot,
            }],
        );
        id
    }

    fn judge(&mut self, (n, id): (u64, ChangeSetId), effect: f64, at: i64) {
        let before = 1e6;
        let after = before * (effect * (1.0 + 0.15 * self.dice.normal())).exp();
        let verdict = Verdict {
            kind: VerdictKind::Healthy { excludes: 0.2 },
            at: Timestamp::from_secs(at),
            p_value: Some(0.4),
            score: 0.0,
            alarm_at: None,
            findings: vec![Finding {
                metric: MetricName::new(MOVED),
                role: MetricRole::Saturation,
                before: Some(before),
                after: Some(after),
                harm: Some(after / before - 1.0),
                p_value: Some(CHANCE),
                alarm_at: None,
                since: None,
                text: String::new(),
            }],
            refusals: Vec::new(),
            calibration: Calibration::Own,
        };
        let event = Event::Judged {
            at: Timestamp::from_secs(at),
            verdict,
            extend_until: None,
            hold: None,
            work: self.work(n),
            mends: None,
        };
        let step = Record::Step {
            change_set: id,
            target: target(n),
            event,
            commands: Vec::new(),
        };
        self.page(at, vec![step]);
    }

    const fn work(&self, n: u64) -> WorkClass {
        match self.habit {
            Habit::Untold => WorkClass::Unknown,
            Habit::OneKindOfWork => WorkClass::Analytic,
            Habit::TwoKindsOfWork | Habit::Tuner if n < TARGETS / 2 => WorkClass::OltpRead,
            Habit::TwoKindsOfWork | Habit::Tuner => WorkClass::Analytic,
        }
    }

    /// A target's configuration as it was before anything was changed.
    fn read(&self, n: u64) -> Snapshot {
        let (memory, high) = self.stands[n as usize];
        let values = [(CHANGED, 1 << memory), (UNDER, 2 << high)];
        let setting =
            |(name, value): (&str, u64)| (SettingKey::instance(name), standing(&value.to_string()));
        Snapshot {
            id: SnapshotId(format!("read {n}")),
            target: target(n),
            taken_at: Timestamp::from_secs(BEGIN),
            server: server(),
            settings: values.into_iter().map(setting).collect(),
            files: Vec::new(),
            file_errors: Vec::new(),
            unloaded: Vec::new(),
            services: Vec::new(),
        }
    }
}

fn target(n: u64) -> TargetId {
    TargetId::new(&format!("db-{n}"))
}

fn server() -> Server {
    Server {
        engine: EngineKind::Postgresql,
        version: format!("{MAJOR}.18"),
        started_at: Timestamp::from_secs(BEGIN - DAY),
        processes_since: None,
        system_identifier: None,
        data_directory: "/data".into(),
        role: NodeRole::Primary,
    }
}

fn standing(value: &str) -> Standing {
    Standing {
        effective: Some(Value::text(value)),
        source: ValueSource::AutoFile,
        entry: Some(Value::text(value)),
        waiting: None,
        pending_restart: Pending::No,
    }
}
