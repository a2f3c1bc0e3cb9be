use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use backstay_graph::GraphStore;
use backstay_journal::conformance::{condition, entries, sample, snapshot, write_step};
use backstay_journal::verify::Why;
use backstay_journal::{
    CommitError, EntryStore, Head, Journal, MetricStore, SnapshotStore, StoreError, conformance,
    verify,
};
use backstay_model::{Seq, TargetId, Timestamp};
use rusqlite::Connection;
use tempfile::{TempDir, tempdir};

use super::*;
use crate::set_aside;

pub(crate) const LIMITS: Limits = Limits {
    metrics_bytes_max: 64 << 20,
    journal_bytes_max: None,
};

fn open(directory: &TempDir) -> Stores {
    Stores::open(directory.path(), &LIMITS).unwrap()
}

fn raw(directory: &TempDir, sql: &str) -> Result<(), rusqlite::Error> {
    Connection::open(directory.path().join("journal.db"))
        .unwrap()
        .execute_batch(sql)
}

/// Takes the triggers away, as somebody with another tool would.
fn tamper(directory: &TempDir, sql: &str) {
    let triggers =
        "DROP TRIGGER log_no_update; DROP TRIGGER log_no_delete; DROP TRIGGER log_gapless;";
    raw(directory, &format!("{triggers} {sql}")).unwrap();
}

fn first_bad(directory: &TempDir) -> Option<(u64, Why)> {
    let report = verify(&read_log(directory.path()).unwrap(), &[]).unwrap();
    report.first_bad.map(|bad| (bad.seq.0, bad.why))
}

fn filled(count: u64) -> TempDir {
    let directory = tempdir().unwrap();
    open(&directory).log.append(&entries(count)).unwrap();
    directory
}

#[test]
fn the_log_conforms() {
    let mut kept = Vec::new();
    conformance::log(|| {
        let directory = tempdir().unwrap();
        let log = open(&directory).log;
        kept.push(directory);
        log
    });
}

#[test]
fn the_snapshots_conform() {
    let mut kept = Vec::new();
    conformance::snapshots(|| {
        let directory = tempdir().unwrap();
        let snapshots = open(&directory).snapshots;
        kept.push(directory);
        snapshots
    });
}

#[test]
fn everything_is_there_again_after_opening_again() {
    let directory = tempdir().unwrap();
    let mut stores = open(&directory);
    stores.log.append(&entries(5)).unwrap();
    stores.snapshots.put(&snapshot("shop", "4MB", 1)).unwrap();
    stores
        .metrics
        .append(&TargetId::new("shop"), &[sample(1)])
        .unwrap();
    drop(stores);
    let stores = open(&directory);
    assert_eq!(stores.log.head().unwrap(), entries(5)[4].head());
    assert_eq!(stores.log.noted_head().unwrap(), Some(entries(5)[4].head()));
    assert_eq!(stores.snapshots.list(None).unwrap().len(), 1);
    assert_eq!(stores.metrics.targets().unwrap(), [TargetId::new("shop")]);
    assert!(stores.log.integrity().unwrap().is_empty());
}

#[test]
fn one_process_owns_a_directory_and_others_read_it() {
    let directory = tempdir().unwrap();
    let mut stores = open(&directory);
    let error = Stores::open(directory.path(), &LIMITS).unwrap_err();
    let pid = std::process::id();
    assert!(
        error
            .to_string()
            .ends_with(&format!("in use by another process (process {pid})")),
        "{error}"
    );
    assert_eq!(error.hints().len(), 2);

    let readers = Readers::open(directory.path()).unwrap();
    stores.log.append(&entries(3)).unwrap();
    assert_eq!(readers.log.head().unwrap().seq, Seq(3), "a reader follows");
    stores.log.append(&entries(6)[3..]).unwrap();
    assert_eq!(readers.log.read(Seq(4), 10).unwrap().len(), 3);
    drop(stores);
    assert_eq!(
        readers.log.head().unwrap().seq,
        Seq(6),
        "also when the owner is gone"
    );
    let mut readers = Readers::open(directory.path()).unwrap();
    let refused = readers.log.append(&entries(7)[6..]);
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })));
    drop(readers);
    let handles = open(&directory);
    drop((handles.log, handles.graph, handles.snapshots));
    let refused = Stores::open(directory.path(), &LIMITS);
    assert!(
        matches!(refused, Err(OpenError::Locked { .. })),
        "any store left holds the lock"
    );
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    let directory = tempdir().unwrap();
    let missing = Readers::open(directory.path()).unwrap_err();
    assert!(matches!(missing, OpenError::Missing { .. }));
    let path = directory.path().join("journal.db");

    fs::write(
        &path,
        "this is a text, and a long one, so that it has more than a header has",
    )
    .unwrap();
    let error = Stores::open(directory.path(), &LIMITS).unwrap_err();
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
    assert!(error.hints()[0].contains("audit verify"));
    fs::remove_file(&path).unwrap();

    raw(&directory, "CREATE TABLE somebody (elses INTEGER)").unwrap();
    let before = fs::read(&path).unwrap();
    let error = Stores::open(directory.path(), &LIMITS).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_newer_format_is_named() {
    let directory = filled(1);
    raw(&directory, "PRAGMA user_version = 7").unwrap();
    for error in [
        Stores::open(directory.path(), &LIMITS).unwrap_err(),
        Readers::open(directory.path()).unwrap_err(),
    ] {
        assert!(
            error
                .to_string()
                .ends_with("journal.db has format 7; this program reads up to 1")
        );
        assert!(error.hints()[0].contains("version of backstay that wrote it"));
    }
}

#[test]
fn files_are_as_durable_as_promised() {
    let directory = tempdir().unwrap();
    drop(open(&directory));
    for (kind, synchronous) in [(&JOURNAL, 2), (&METRICS, 1)] {
        let connection = connection::own(&directory.path().join(kind.name), kind).unwrap();
        let ask = |name| {
            connection
                .pragma_query_value(None, name, |r| r.get::<_, i64>(0))
                .unwrap()
        };
        assert_eq!(ask("synchronous"), synchronous);
        assert_eq!(ask("recursive_triggers"), 1);
        assert_eq!(ask("trusted_schema"), 0);
        let mode: String = connection
            .pragma_query_value(None, "journal_mode", |r| r.get(0))
            .unwrap();
        assert_eq!(mode, "wal");
    }
    let metrics = connection::own(&directory.path().join("metrics.db"), &METRICS).unwrap();
    let vacuum: i64 = metrics
        .pragma_query_value(None, "auto_vacuum", |r| r.get(0))
        .unwrap();
    assert_eq!(vacuum, 2, "incremental");
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Every file that stands in `directory`, with its mode.
fn modes(directory: &Path) -> Vec<(String, u32)> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let mut modes: Vec<_> = entries
        .map(|e| {
            (
                e.file_name().to_string_lossy().into_owned(),
                mode_of(&e.path()),
            )
        })
        .collect();
    modes.sort();
    modes
}

#[test]
fn everything_is_its_owners_only_from_the_start() {
    let directory = tempdir().unwrap();
    let made = directory.path().join("state/made");
    let mut stores = Stores::open(&made, &LIMITS).unwrap();
    stores.log.append(&entries(3)).unwrap();
    for directory in [&made, &directory.path().join("state")] {
        assert_eq!(mode_of(directory), 0o700);
    }
    let modes = modes(&made);
    for name in [
        "LOCK",
        "journal.db",
        "journal.db-wal",
        "journal.head",
        "metrics.db",
    ] {
        assert!(
            modes.iter().any(|(n, _)| n == name),
            "no {name} in {modes:?}"
        );
    }
    assert!(modes.iter().all(|(_, mode)| *mode == 0o600), "{modes:?}");
}

#[test]
fn files_of_an_older_version_are_narrowed_and_foreign_ones_left_alone() {
    let directory = filled(3);
    for (name, _) in modes(directory.path()) {
        fs::set_permissions(directory.path().join(name), Permissions::from_mode(0o644)).unwrap();
    }
    let mut stores = open(&directory);
    let next = entries(4).split_off(3);
    stores.log.append(&next).unwrap();
    let modes = modes(directory.path());
    assert!(modes.iter().all(|(_, mode)| *mode == 0o600), "{modes:?}");

    let foreign = tempdir().unwrap();
    let file = foreign.path().join("journal.db");
    fs::write(&file, "somebody's notes").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert!(Stores::open(foreign.path(), &LIMITS).is_err());
    assert_eq!(mode_of(&file), 0o644);
}

#[test]
fn the_log_cannot_be_changed_by_statements() {
    let directory = filled(5);
    for sql in [
        "UPDATE log SET body = x'00' WHERE seq = 3",
        "DELETE FROM log WHERE seq = 5",
        "INSERT OR REPLACE INTO log SELECT * FROM log WHERE seq = 3",
        "INSERT INTO log SELECT seq + 7, recorded_at, kind, change_set, body, prev_hash, hash
            FROM log WHERE seq = 5",
    ] {
        let error = raw(&directory, sql).unwrap_err().to_string();
        assert!(
            error.contains("append-only") || error.contains("no gaps"),
            "{sql}: {error}"
        );
    }
    assert_eq!(first_bad(&directory), None);
}

#[test]
fn what_was_altered_or_cut_is_named() {
    let table = [
        (
            "UPDATE log SET body = cast(replace(cast(body AS TEXT), 'shop', 'shoq') AS BLOB) WHERE seq = 9",
            9,
            Why::Altered,
        ),
        (
            "UPDATE log SET recorded_at = recorded_at + 1 WHERE seq = 4",
            4,
            Why::Altered,
        ),
        (
            "DELETE FROM log WHERE seq = 7",
            7,
            Why::Missing { found: Seq(8) },
        ),
        (
            "DELETE FROM log WHERE seq > 17",
            18,
            Why::Truncated { known: Seq(20) },
        ),
        ("DELETE FROM log", 1, Why::Truncated { known: Seq(20) }),
    ];
    for (sql, seq, why) in table {
        let directory = filled(20);
        tamper(&directory, sql);
        assert_eq!(first_bad(&directory), Some((seq, why)), "{sql}");
        let error = Journal::open(open(&directory).log).unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("broken at entry {seq}:")),
            "{error}"
        );
    }
}

#[test]
fn a_note_cut_by_a_loss_of_power_says_nothing() {
    let directory = filled(3);
    fs::write(directory.path().join("journal.head"), b"000000\0\xff").unwrap();
    assert_eq!(first_bad(&directory), None);
    let mut log = open(&directory).log;
    log.append(&entries(4)[3..]).unwrap();
    assert_eq!(log.noted_head().unwrap(), Some(entries(4)[3].head()));
}

#[test]
fn a_lost_write_ahead_log_is_noticed() {
    let directory = tempdir().unwrap();
    let mut stores = open(&directory);
    stores.log.append(&entries(8)).unwrap();
    // As the files stand while the owner works: the entries are only in the write-ahead log.
    let copy = tempdir().unwrap();
    for name in ["journal.db", "journal.head"] {
        fs::copy(directory.path().join(name), copy.path().join(name)).unwrap();
    }
    drop(stores);
    match read_log(copy.path()) {
        Err(error) => assert!(matches!(error, OpenError::Missing { .. }), "{error:?}"),
        Ok(log) => {
            let bad = verify(&log, &[]).unwrap().first_bad.unwrap();
            assert_eq!((bad.seq.0, bad.why), (1, Why::Truncated { known: Seq(8) }));
        }
    }
    let error = Journal::open(open(&copy).log).unwrap_err();
    assert!(
        error.to_string().contains("known to reach entry 8"),
        "{error}"
    );
}

#[test]
fn a_file_cut_in_the_middle_is_damage_with_a_place() {
    let directory = filled(400);
    let path = directory.path().join("journal.db");
    let length = fs::metadata(&path).unwrap().len();
    let half = length / 2 / 4_096 * 4_096;
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(half)
        .unwrap();
    let report = verify(&read_log(directory.path()).unwrap(), &[]).unwrap();
    assert!(report.entries > 0);
    let bad = report.first_bad.unwrap();
    assert_eq!(bad.seq.0, report.entries + 1);
    assert!(matches!(bad.why, Why::Damaged { .. }), "{bad:?}");
}

#[test]
fn a_full_journal_stops_everything_that_writes() {
    let directory = tempdir().unwrap();
    let limits = Limits {
        journal_bytes_max: Some(400_000),
        ..LIMITS
    };
    let mut journal = Journal::open(Stores::open(directory.path(), &limits).unwrap().log).unwrap();
    let mut committed = 0;
    let error = loop {
        match journal.commit(Timestamp(1), vec![condition(20_000), write_step(1)]) {
            Ok(tokens) => committed += 2 * tokens.len() as u64,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(
            error,
            CommitError::Store {
                source: StoreError::Full { .. }
            }
        ),
        "{error:?}"
    );
    assert!(committed > 10);
    assert!(journal.stopped());
    let refused = journal.commit(Timestamp(1), vec![condition(0)]);
    assert!(
        matches!(refused, Err(CommitError::Stopped { .. })),
        "also what would fit"
    );
    drop(journal);
    let journal = Journal::open(open(&directory).log).unwrap();
    assert_eq!(
        journal.head().seq,
        Seq(committed),
        "what was acknowledged is there, no more"
    );
    assert_ne!(journal.head(), Head::EMPTY);
}

#[test]
fn a_full_journal_refuses_snapshots_and_graph_too() {
    let directory = tempdir().unwrap();
    let limits = Limits {
        journal_bytes_max: Some(200_000),
        ..LIMITS
    };
    let mut stores = Stores::open(directory.path(), &limits).unwrap();
    let big = "x".repeat(300_000);
    let refused = stores.snapshots.put(&snapshot("shop", &big, 1));
    assert!(
        matches!(refused, Err(StoreError::Full { .. })),
        "{refused:?}"
    );
    stores.snapshots.put(&snapshot("shop", "4MB", 1)).unwrap();
    assert_eq!(stores.graph.applied_seq().unwrap(), 0);
}

#[test]
fn a_journal_is_set_aside_whole_and_the_next_begins_anew() {
    let directory = filled(3);
    let kept = open(&directory);
    assert!(matches!(
        set_aside(directory.path()),
        Err(OpenError::Locked { .. })
    ));
    drop(kept);
    let to = set_aside(directory.path()).unwrap();
    assert_eq!(to, directory.path().join("journal-aside-1"));
    assert_eq!(mode_of(&to), 0o700);
    let old = verify(&read_log(&to).unwrap(), &[]).unwrap();
    assert_eq!((old.entries, old.first_bad), (3, None));
    let mut next = open(&directory);
    assert_eq!(next.log.head().unwrap().seq, Seq(0));
    next.log.append(&entries(2)).unwrap();
    drop(next);
    let second = set_aside(directory.path()).unwrap();
    assert_eq!(second, directory.path().join("journal-aside-2"));
    assert!(matches!(
        set_aside(directory.path()),
        Err(OpenError::Missing { .. })
    ));
}

/// Stopped when the journal was moved and its note was not: the note says that entries are missing,
/// and the next call moves it after them.
#[test]
fn setting_aside_is_finished_by_the_next_call() {
    let directory = filled(3);
    let to = directory.path().join("journal-aside-1");
    fs::create_dir(&to).unwrap();
    fs::rename(directory.path().join("journal.db"), to.join("journal.db")).unwrap();
    assert_eq!(set_aside(directory.path()).unwrap(), to);
    assert!(to.join("journal.head").exists());
    drop(open(&directory));
}
