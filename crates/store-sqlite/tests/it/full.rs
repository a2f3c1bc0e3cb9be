//! A file system that is really full, in a mount namespace of its own. Needs the right to mount; where
//! that is missing the test says so and the page limit (`directory/tests.rs`) stands for it.

use std::path::Path;
use std::process::Command;

use backstay_journal::conformance::{condition, write_step};
use backstay_journal::{CommitError, EntryStore, Journal, StoreError, verify};
use backstay_model::Timestamp;
use backstay_store_sqlite::{Limits, OpenError, Stores};

const DIRECTORY: &str = "BACKSTAY_FULL_DIRECTORY";
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
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", script, "sh"]);
    command
        .arg(directory.path())
        .arg(std::env::current_exe().unwrap());
    let output = match command.output() {
        Ok(output) if output.status.success() => return,
        Ok(output) => output,
        Err(error) => return println!("SKIPPED: cannot make a mount namespace: {error}"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || said.contains("unshare") {
        return println!("SKIPPED: cannot mount a small file system: {said}");
    }
    panic!("{}\n{said}", String::from_utf8_lossy(&output.stdout));
}
