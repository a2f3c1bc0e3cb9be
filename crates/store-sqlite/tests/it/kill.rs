//! A process that appends is killed at any moment; what it acknowledged must be there, and the log,
//! the graph and the file must be sound. (A kill is not a loss of power.)

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use backstay_chance::Dice;
use backstay_graph::{Batch, Graph, GraphStore};
use backstay_journal::conformance::{condition, sample};
use backstay_journal::{EntryStore, Journal, MetricStore, Record, verify};
use backstay_model::change::{AuthorEvidence, ChangeTime, Origin, Pending, Standing, TakesEffect};
use backstay_model::{
    Author, Change, ChangeSet, ChangeSetId, Seq, SettingKey, TargetId, Timestamp, Value,
    ValueSource,
};
use backstay_store_sqlite::{Limits, Readers, Stores, ingest};

const DIRECTORY: &str = "BACKSTAY_KILL_DIRECTORY";
const SEED: &str = "BACKSTAY_KILL_SEED";
const ROUNDS: u64 = 15;
const BATCH_MAX: u64 = 20;
const LIMITS: Limits = Limits {
    metrics_bytes_max: 1 << 20,
    journal_bytes_max: None,
};

fn change_set(id: u64, text: usize) -> ChangeSet {
    let standing = |value: String| Standing {
        effective: Some(Value::text(value)),
        source: ValueSource::AutoFile,
        entry: None,
        waiting: None,
        pending_restart: Pending::No,
    };
    let at = Timestamp(i64::try_from(id).unwrap());
    let change = Change {
        key: SettingKey::instance(&format!("setting_{}", id % 50)),
        old: standing("old".into()),
        new: standing("n".repeat(text)),
        time: ChangeTime {
            not_before: at,
            not_after: at,
            exact: None,
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
    ChangeSet {
        id: ChangeSetId(id),
        target: TargetId::new("shop"),
        changes: vec![change],
    }
}

/// The process that is killed. As an ordinary test it has nothing to do.
#[test]
fn child() {
    let (Ok(directory), Ok(seed)) = (std::env::var(DIRECTORY), std::env::var(SEED)) else {
        return;
    };
    let mut dice = Dice::new(seed.parse().unwrap());
    let Stores {
        log,
        mut graph,
        mut metrics,
        ..
    } = Stores::open(Path::new(&directory), &LIMITS).unwrap();
    let mut journal = Journal::open(log).unwrap();
    ingest::catch_up(journal.store(), &mut graph).unwrap();
    loop {
        let count = 1 + dice.below(BATCH_MAX);
        let first = journal.next_seq().0;
        let at = Timestamp(i64::try_from(first).unwrap());
        if dice.below(2) == 0 {
            let size = |dice: &mut Dice| {
                if dice.below(9) == 0 {
                    65_536
                } else {
                    10 + dice.below(4_000)
                }
            };
            let records = (0..count).map(|_| condition(usize::try_from(size(&mut dice)).unwrap()));
            drop(journal.commit(at, records.collect()).unwrap());
        } else {
            let size = usize::try_from(dice.below(3_000)).unwrap();
            let sets = (0..count).map(|n| change_set(first + n, size)).collect();
            ingest::ingest(&mut journal, &mut graph, at, sets).unwrap();
        }
        metrics
            .append(&TargetId::new("shop"), &[sample(at.0)])
            .unwrap();
        println!(
            "\nack {} {}",
            journal.head().seq.0,
            graph.applied_seq().unwrap()
        );
    }
}

fn spawn(directory: &Path, seed: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["kill::child", "--exact", "--nocapture"]);
    command
        .env(DIRECTORY, directory)
        .env(SEED, seed.to_string());
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills the child after so many acknowledgements; the last one, which may be later.
fn run_and_kill(directory: &Path, seed: u64, acknowledgements: u64) -> (u64, u64) {
    let mut child = spawn(directory, seed);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut seen, mut last) = (0, (0, 0));
    for line in lines {
        let line = line.unwrap();
        let Some((seq, batch)) = line
            .strip_prefix("ack ")
            .and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        // The kill may cut the last line short; what is cut was not acknowledged.
        let (Ok(seq), Ok(batch)) = (seq.parse(), batch.parse()) else {
            continue;
        };
        last = (seq, batch);
        seen += 1;
        if seen == acknowledgements {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(
        seen >= acknowledgements,
        "the child ended by itself after {seen}"
    );
    last
}

fn check(directory: &Path, (seq, batch): (u64, u64)) {
    let readers = Readers::open(directory).unwrap();
    let head = readers.log.head().unwrap();
    assert!(
        head.seq >= Seq(seq),
        "entry {seq} was acknowledged, the log ends at {}",
        head.seq
    );
    assert!(
        head.seq.0 <= seq + BATCH_MAX,
        "more than one batch beyond {seq}: {}",
        head.seq
    );
    drop(readers);

    let Stores {
        log,
        mut graph,
        metrics,
        ..
    } = Stores::open(directory, &LIMITS).unwrap();
    assert!(log.integrity().unwrap().is_empty());
    let report = verify(&log, &[]).unwrap();
    assert_eq!((report.head, report.first_bad), (head, None));
    assert!(
        graph.applied_seq().unwrap() >= batch,
        "batch {batch} was acknowledged"
    );
    metrics
        .range(&TargetId::new("shop"), Timestamp(0), Timestamp(i64::MAX))
        .unwrap();
    ingest::catch_up(&log, &mut graph).unwrap();
    let rebuilt = rebuild(&log);
    let now = Timestamp(i64::MAX - 1);
    assert_eq!(
        graph.snapshot(now).unwrap(),
        rebuilt.snapshot(now),
        "the graph is what the log says"
    );
}

fn rebuild(log: &impl EntryStore) -> Graph {
    let mut graph = Graph::new();
    let entries = backstay_journal::Entries::new(log, Seq(1)).decoded();
    let sets = entries.filter_map(|entry| match entry.unwrap().record {
        Record::Seen { change_set, .. } => Some(change_set),
        _ => None,
    });
    for (index, set) in sets.enumerate() {
        let ops = ingest::operations(&set).collect();
        graph
            .apply(&Batch {
                seq: index as u64 + 1,
                ops,
            })
            .unwrap();
    }
    graph
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let seed = std::env::var("BACKSTAY_SEED")
        .ok()
        .and_then(|s| s.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed} (set BACKSTAY_SEED to run it again)");
    let mut dice = Dice::new(seed);
    let directory = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        let acknowledgements = 1 + dice.below(25);
        let last = run_and_kill(directory.path(), seed + round, acknowledgements);
        check(directory.path(), last);
    }
}
