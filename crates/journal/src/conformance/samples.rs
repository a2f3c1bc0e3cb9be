//! Things to store, for the suite and for the tests of stores.

use std::collections::BTreeMap;

use backstay_model::event::{Page, WriteReply};
use backstay_model::name::EngineKind;
use backstay_model::plan::Write;
use backstay_model::sample::{Held, ProbeStep};
use backstay_model::snapshot::{NodeRole, Server};
use backstay_model::{
    ChangeSetId, Command, Event, IntentId, MetricName, ProbeReading, Sample, SettingKey, Snapshot,
    SnapshotId, TargetId, Timestamp, Value, ValueSource,
};

use super::WHY;
use crate::condition::Condition;
use crate::entry::StoredEntry;
use crate::journal::Journal;
use crate::memory::MemoryEntries;
use crate::record::Record;

/// A step of change set `id` with one write command.
#[must_use]
pub fn write_step(id: u64) -> Record {
    let target = TargetId::new("shop");
    let write = Write {
        intent: IntentId(id),
        change_set: ChangeSetId(id),
        target: target.clone(),
        plan: backstay_model::id::PlanHash("00".to_owned()),
        steps: Vec::new(),
        expires_at: Timestamp(300_000_000),
    };
    Record::Step {
        change_set: ChangeSetId(id),
        target,
        event: Event::Replied {
            at: Timestamp(2),
            intent: IntentId(id),
            reply: WriteReply::Unknown {
                why: "x".repeat(usize::try_from(id % 7).unwrap_or(0)),
            },
        },
        commands: vec![Command::Write(write)],
    }
}

/// A step of change set `id` that calls a person.
#[must_use]
pub fn page_step(id: u64, message: &str) -> Record {
    let page = Page {
        change_set: ChangeSetId(id),
        message: message.to_owned(),
        next: vec!["backstay changes show".to_owned()],
        plan: None,
    };
    Record::Step {
        change_set: ChangeSetId(id),
        target: TargetId::new("shop"),
        event: Event::KeptByOperator {
            at: Timestamp(3),
            by: "ann".to_owned(),
        },
        commands: vec![Command::Page(page)],
    }
}

/// A record about no change set, with `bytes` bytes of text.
#[must_use]
pub fn condition(bytes: usize) -> Record {
    let why = "é".repeat(bytes / 2);
    Record::Condition {
        target: TargetId::new("shop"),
        condition: Condition::Unreachable { why },
    }
}

/// `count` sealed entries as a journal makes them, of several kinds and sizes.
///
/// # Panics
/// Never: the log in memory does not fail unless told to.
#[must_use]
pub fn entries(count: u64) -> Vec<StoredEntry> {
    let store = MemoryEntries::new();
    let mut journal = Journal::open(store.clone()).expect(WHY);
    for n in 1..=count {
        let record = match n % 3 {
            0 => write_step(n / 9 + 1),
            1 => page_step(n / 9 + 1, "look"),
            _ => condition(usize::try_from(n * 37 % 4_096).unwrap_or(0)),
        };
        let tokens = journal.commit(Timestamp(i64::try_from(n).unwrap_or(0)), vec![record]);
        drop(tokens.expect(WHY));
    }
    store.stored()
}

/// A small configuration of `target` that is read at `at` seconds; `value` tells it from others.
#[must_use]
pub fn snapshot(target: &str, value: &str, at: i64) -> Snapshot {
    let standing = backstay_model::change::Standing {
        effective: Some(Value::text(value)),
        source: ValueSource::AutoFile,
        entry: None,
        waiting: None,
        pending_restart: backstay_model::change::Pending::No,
    };
    Snapshot {
        id: SnapshotId(format!("{target}-{value}")),
        target: TargetId::new(target),
        taken_at: Timestamp::from_secs(at),
        server: Server {
            engine: EngineKind::Postgresql,
            version: "15.18".to_owned(),
            started_at: Timestamp::from_secs(at / 100),
            processes_since: None,
            system_identifier: None,
            data_directory: "/data".to_owned(),
            role: NodeRole::Primary,
        },
        settings: BTreeMap::from([(SettingKey::instance("work_mem"), standing)]),
        files: Vec::new(),
        unloaded: Vec::new(),
        file_errors: Vec::new(),
        services: Vec::new(),
    }
}

/// A sample at `second` with two metrics, a probe now and then, and a lost connection now and then.
#[must_use]
pub fn sample(second: i64) -> Sample {
    let at = Timestamp::from_secs(second);
    let wave = (second % 17) as f64;
    let mut metrics = BTreeMap::from([
        (
            MetricName::from_static("commits_per_s"),
            1_000.0 + wave * 3.5,
        ),
        (MetricName::from_static("probe_read_ms"), 0.1 + wave / 7.0),
    ]);
    if second % 5 == 0 {
        metrics.remove("probe_read_ms");
    }
    let failed = ProbeStep::Failed {
        class: "25006".to_owned(),
        message: "read-only".to_owned(),
    };
    let reading = ProbeReading {
        at,
        role: "app".to_owned(),
        connect: ProbeStep::Done {
            ms: 1.25 + wave / 3.0,
        },
        read: if second % 4 == 0 {
            ProbeStep::Hung { limit_ms: 2_000.0 }
        } else {
            ProbeStep::Done { ms: 0.2 }
        },
        write: if second % 4 == 0 {
            ProbeStep::Skipped
        } else {
            failed
        },
    };
    Sample {
        at,
        metrics,
        probes: if second % 3 == 0 {
            vec![reading]
        } else {
            Vec::new()
        },
        holders: Vec::new(),
        held: if second % 11 == 0 {
            Held::Lost {
                why: "reset".to_owned(),
            }
        } else {
            Held::Answers
        },
    }
}
