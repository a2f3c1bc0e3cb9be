//! A file system that is really full, or read-only, in a mount namespace of its own. Needs the right to
//! mount; where that is missing the tests say so, and the page limit (`directory/tests.rs`) stands in.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use backstay_journal::conformance::{condition, entries, write_step};
use backstay_journal::{CommitError, EntryStore, Journal, StoreError, verify};
use backstay_model::Timestamp;
use backstay_store_sqlite::{Limits, OpenError, Readers, Stores};

const DIRECTORY: &str = "BACKSTAY_FULL_DIRECTORY";
const READ_ONLY: &str = "BACKSTAY_READ_ONLY_DIRECTORY";
const LIMITS: Limits = Limits {
    metrics_bytes_max: 1 << 20,
    journal_bytes_max: None,
};

/// Runs on the small file system. As an ordinary test it has nothing to do.
#[test]
fn child() {
    let Ok(directory) = std::env::var(DIRECTORY) else {
        return;
    };
    let directory = Path::new(&directory);
    let ballast = directory.join("ballast");
    std::fs::write(&ballast, vec![1; 200_000]).unwrap();
    let mut journal = Journal::open(Stores::open(directory, &LIMITS).unwrap().log).unwrap();
    let mut committed = 0;
    let error = loop {
        match journal.commit(Timestamp(1), vec![condition(10_000), write_step(1)]) {
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
    assert!(journal.stopped());
    drop(journal);
    if let Err(error) = Stores::open(directory, &LIMITS) {
        assert!(matches!(error, OpenError::DiskFull { .. }), "{error:?}");
    }
    std::fs::remove_file(ballast).unwrap();
    let log = Stores::open(directory, &LIMITS).unwrap().log;
    let report = verify(&log, &[]).unwrap();
    assert_eq!(
        (report.first_bad, log.head().unwrap().seq.0),
        (None, committed)
    );
    println!("full after {committed} entries");
}

#[test]
fn a_full_disk_stops_the_journal() {
    let directory = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=1m tmpfs "$1" || exit 77
                    BACKSTAY_FULL_DIRECTORY="$1" exec "$2" full::child --exact --nocapture"#;
    in_namespace(directory.path(), script);
}

/// Says that this test is skipped, past the harness, which would keep it to itself.
fn skip(why: &str) {
    let current = std::thread::current();
    let test = current.name().unwrap_or("a test");
    writeln!(std::io::stdout(), "SKIPPED: {test}: {why}")
        .expect("standard output is open while tests run");
}

/// Runs `script` with the directory and this program in a mount namespace of its own.
fn in_namespace(directory: &Path, script: &str) {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", script, "sh"]);
    command.arg(directory).arg(std::env::current_exe().unwrap());
    let output = match command.output() {
        Ok(output) if output.status.success() => return,
        Ok(output) => output,
        Err(error) => return skip(&format!("cannot make a mount namespace: {error}")),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || said.contains("unshare") {
        return skip(&format!("cannot mount: {}", said.trim()));
    }
    panic!("{}\n{said}", String::from_utf8_lossy(&output.stdout));
}

/// Runs on a file system that was made read-only. As an ordinary test it has nothing to do.
#[test]
fn read_only_child() {
    let Ok(directory) = std::env::var(READ_ONLY) else {
        return;
    };
    let readers = Readers::open(Path::new(&directory)).unwrap();
    assert_eq!(verify(&readers.log, &[]).unwrap().entries, 20);
    let refused = Stores::open(Path::new(&directory), &LIMITS);
    assert!(matches!(refused, Err(OpenError::Io { .. })), "{refused:?}");
}

#[test]
fn a_backup_on_a_read_only_disk_can_be_verified() {
    let directory = tempfile::tempdir().unwrap();
    Stores::open(directory.path(), &LIMITS)
        .unwrap()
        .log
        .append(&entries(20))
        .unwrap();
    let script = r#"mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 77
                    BACKSTAY_READ_ONLY_DIRECTORY="$1" exec "$2" full::read_only_child --exact"#;
    in_namespace(directory.path(), script);
}
