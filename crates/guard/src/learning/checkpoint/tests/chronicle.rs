//! Months of a small fleet, made from a seed, with something of everything that teaches.

use std::collections::BTreeMap;

use backstay_chance::Dice;
use backstay_journal::record::Watched;
use backstay_journal::{Condition, Judgement, MemorySnapshots, Opinion, Record, SnapshotStore};
use backstay_model::change::{
    Author, AuthorEvidence, ChangeTime, Origin, Pending, Standing, TakesEffect,
};
use backstay_model::decision::Mode;
use backstay_model::event::{WriteReply, WriteTiming};
use backstay_model::metric::MetricRole;
use backstay_model::name::EngineKind;
use backstay_model::snapshot::{NodeRole, Server};
use backstay_model::value::Fingerprint;
use backstay_model::verdict::{
    Calibration, Finding, Harm, Recovery, Refusal, Verdict, VerdictKind,
};
use backstay_model::{
    Change, ChangeSet, ChangeSetId, EdgeKind, Event, IntentId, MetricName, NodeKey, SettingKey,
    Snapshot, SnapshotId, TargetId, Timestamp, Value, ValueSource, WorkClass,
};

/// The version that every target runs.
pub(super) const MAJOR: u32 = 15;
const TARGETS: u64 = 5;
const HOUR: i64 = 3_600;
const BEGIN: i64 = 1_800_000_000;
/// The last two of each run wait for a restart, and are secrets.
const SETTINGS: [&str; 12] = [
    "work_mem",
    "shared_buffers",
    "maintenance_work_mem",
    "effective_cache_size",
    "max_connections",
    "random_page_cost",
    "jit_above_cost",
    "max_wal_size",
    "checkpoint_timeout",
    "autovacuum_naptime",
    "max_worker_processes",
    "primary_conninfo",
];
const METRICS: [&str; 3] = ["probe_latency", "transactions", "temp_bytes"];

/// What is recorded together, and when.
pub(super) type Page = (Timestamp, Vec<Record>);

fn target(n: u64) -> TargetId {
    TargetId::new(&format!("db-{n}"))
}

fn server() -> Server {
    Server {
        engine: EngineKind::Postgresql,
        version: format!("{MAJOR}.18"),
        started_at: Timestamp::from_secs(BEGIN),
        processes_since: None,
        system_identifier: None,
        data_directory: "/data".into(),
        role: NodeRole::Primary,
    }
}

fn standing(value: Value, pending_restart: Pending) -> Standing {
    Standing {
        effective: Some(value.clone()),
        source: ValueSource::AutoFile,
        entry: Some(value),
        waiting: None,
        pending_restart,
    }
}

/// The configurations that the journal names.
pub(super) fn snapshots() -> MemorySnapshots {
    let mut store = MemorySnapshots::new();
    for n in 0..TARGETS {
        let values = [("work_mem", 4_096 << n), ("shared_buffers", 16_384 << n)];
        let setting = |(name, value): (&str, u64)| {
            let value = Value::text(value.to_string());
            (SettingKey::instance(name), standing(value, Pending::No))
        };
        let snapshot = Snapshot {
            id: SnapshotId(format!("read {n}")),
            target: target(n),
            taken_at: Timestamp::from_secs(BEGIN),
            server: server(),
            settings: values.into_iter().map(setting).collect(),
            files: Vec::new(),
            file_errors: Vec::new(),
            unloaded: Vec::new(),
            services: Vec::new(),
        };
        store.put(&snapshot).expect("memory takes it");
    }
    store
}

/// A person's word on an edge.
pub(super) fn judgement(by: &str) -> Record {
    Record::Judgement {
        by: by.to_owned(),
        judgement: Judgement {
            target: None,
            from: NodeKey::setting("work_mem"),
            to: NodeKey::setting("max_connections"),
            kind: EdgeKind::SharesResource,
            opinion: Opinion::Confirmed,
            why: None,
        },
    }
}

/// A journal with `deeds` change sets.
pub(super) fn of(seed: u64, deeds: usize) -> Vec<Page> {
    let begin = Timestamp::from_secs(BEGIN);
    let watched = (0..TARGETS).map(|n| Watched {
        target: target(n),
        address: format!("db-{n}:5432"),
        mode: Mode::Observe,
    });
    let mut first = vec![Record::Started {
        version: "0".into(),
        targets: watched.collect(),
        policy: serde_json::Value::Null,
    }];
    first.extend((0..TARGETS).map(|n| Record::Baseline {
        target: target(n),
        snapshot: SnapshotId(format!("read {n}")),
        server: server(),
    }));
    let mut story = Story {
        dice: Dice::new(seed),
        next: first.len() as u64 + 1,
        values: BTreeMap::new(),
        dose: 0.0,
        pages: vec![(begin, first)],
    };
    let mut at = BEGIN;
    for _ in 0..deeds {
        at += HOUR / 12 + story.dice.below(12) as i64 * HOUR;
        story.deed(at);
    }
    story.pages
}

struct Story {
    dice: Dice,
    /// Number of the next entry.
    next: u64,
    values: BTreeMap<(TargetId, &'static str), u64>,
    /// Doublings of the change set that is being made, all settings together.
    dose: f64,
    pages: Vec<Page>,
}

impl Story {
    fn one_in(&mut self, n: u64) -> bool {
        self.dice.below(n) == 0
    }

    fn page(&mut self, at: i64, records: Vec<Record>) {
        self.next += records.len() as u64;
        self.pages.push((Timestamp::from_secs(at), records));
    }

    /// A change set and its life, and now and then something else.
    fn deed(&mut self, at: i64) {
        let target = target(self.dice.below(TARGETS));
        let first = self.dice.below(SETTINGS.len() as u64) as usize;
        let count = 1 + self.dice.below(3) as usize;
        let names = SETTINGS.iter().cycle().skip(first).take(count);
        let names: Vec<&'static str> = names.copied().collect();
        let by = self.dice.below(4);
        self.dose = 0.0;
        let changes = names
            .into_iter()
            .map(|name| self.change(&target, (name, by), at));
        let change_set = ChangeSet {
            changes: changes.collect(),
            id: ChangeSetId(self.next),
            target: target.clone(),
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
        let step = |event| Record::Step {
            change_set: id,
            target: target.clone(),
            event,
            commands: Vec::new(),
        };
        if !self.one_in(4) {
            let verdict = self.verdict(at + 180);
            let hurt = matches!(verdict.kind, VerdictKind::Hurt { .. });
            let judged = Event::Judged {
                at: Timestamp::from_secs(at + 180),
                verdict,
                extend_until: None,
                hold: None,
                work: self.work(),
                mends: None,
            };
            self.page(at + 180, vec![step(judged)]);
            if hurt && self.one_in(2) {
                let [replied, recovered] = put_back(at + 200).map(&step);
                self.page(at + 200, vec![replied, recovered]);
            }
        }
        match self.dice.below(12) {
            0 => self.page(at + 300, vec![judgement("ann")]),
            1 => {
                let condition = Condition::Restarted {
                    started_at: Timestamp::from_secs(at + 300),
                    version: format!("{MAJOR}.18"),
                };
                self.page(at + 300, vec![Record::Condition { target, condition }]);
            }
            2 => self.page(
                at + 300,
                vec![Record::Stopped {
                    why: "a test".into(),
                }],
            ),
            _ => {}
        }
    }

    /// Every third verdict says nothing of it.
    fn work(&mut self) -> WorkClass {
        let classes = [WorkClass::OltpRead, WorkClass::Analytic, WorkClass::Unknown];
        classes[self.dice.below(3) as usize]
    }

    fn change(&mut self, target: &TargetId, (name, by): (&'static str, u64), at: i64) -> Change {
        let place = (target.clone(), name);
        let old = self.values.get(&place).copied().unwrap_or(8);
        let level = match self.one_in(2) {
            true => old + 1,
            false => old - old.min(1),
        };
        self.values.insert(place, level);
        self.dose += level as f64 - old as f64;
        let value = |level: u64| match name {
            "primary_conninfo" => Value::Secret(Fingerprint(format!("{level:x}"))),
            _ => Value::text((1_u64 << level.min(40)).to_string()),
        };
        let pending = match name {
            "max_worker_processes" => Pending::Restart,
            _ => Pending::No,
        };
        let mut new = standing(value(level), pending);
        let mut old = standing(value(old), Pending::No);
        if self.one_in(8) {
            // The server derived it: nobody wrote it.
            (old.source, new.source) = (ValueSource::Override, ValueSource::Override);
        }
        let moment = Timestamp::from_secs(at);
        Change {
            key: SettingKey::instance(name),
            old,
            new,
            time: ChangeTime {
                not_before: moment,
                not_after: moment,
                exact: Some(moment),
            },
            author: Author::Known {
                name: format!("actor-{by}"),
                via: AuthorEvidence::ServerLog,
            },
            description: None,
            application: self.one_in(2).then(|| "psql".to_owned()),
            origin: Origin::Observed,
            takes_effect: TakesEffect::Now,
        }
    }

    fn verdict(&mut self, at: i64) -> Verdict {
        let kind = match self.dice.below(4) {
            0 => VerdictKind::Hurt {
                by: Harm::Statistical,
            },
            1 => VerdictKind::Confounded,
            _ => VerdictKind::Healthy { excludes: 0.2 },
        };
        let at = Timestamp::from_secs(at);
        let alarm_at = matches!(kind, VerdictKind::Hurt { .. }).then_some(at);
        let findings = METRICS.map(|metric| {
            let before = 10.0 + self.dice.unit();
            // Every doubling makes it slower, more or less.
            let after = before * (self.dose * (0.25 + 0.1 * self.dice.unit())).exp();
            Finding {
                metric: MetricName::new(metric),
                role: MetricRole::Latency,
                before: Some(before),
                after: Some(after),
                harm: Some(after / before - 1.0),
                p_value: Some(0.000_1 + self.dice.unit() / 20.0),
                alarm_at,
                since: None,
                text: String::new(),
            }
        });
        Verdict {
            kind,
            at,
            p_value: Some(0.01),
            score: 1.0,
            alarm_at,
            findings: findings.into(),
            refusals: self
                .one_in(9)
                .then_some(Refusal::JointChange)
                .into_iter()
                .collect(),
            calibration: Calibration::Own,
        }
    }
}

/// The old value is back, and with it the target's health.
fn put_back(at: i64) -> [Event; 2] {
    let at = Timestamp::from_secs(at);
    let timing = WriteTiming {
        lock_s: 0.0,
        check_s: 0.0,
        write_s: 0.0,
        read_back_s: 0.0,
    };
    [
        Event::Replied {
            at,
            intent: IntentId(1),
            reply: WriteReply::Effective { timing },
        },
        Event::Recovered {
            at,
            recovery: Recovery::Yes,
        },
    ]
}
