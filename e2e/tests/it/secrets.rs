//! Secrets reach no output and no byte of the state directory.

use std::path::Path;

use crate::bed::{Bed, OBSERVER, WRITER, Wanted, backstay};
use crate::guard::{Guard, PATIENCE, Start};

/// Each stands in another place where people put secrets.
const CANARIES: [&str; 9] = [
    "Kanari1primary",
    "Kanari2phrase",
    "Kanari3archive",
    "Kanari4restore",
    "Kanari5role",
    "Kanari6dsn",
    "Kanari7comment",
    "Kanari8file",
    "Kanari9probe",
];

/// Every file below `folder`, with its bytes.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

#[track_caller]
fn clean(what: &str, bytes: &[u8]) {
    for canary in CANARIES {
        let there = bytes.windows(canary.len()).any(|w| w == canary.as_bytes());
        assert!(!there, "{canary} stands in {what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_stay_where_they_are() {
    let wanted = Wanted {
        load: None,
        settings: &[
            ("restore_command", "fetch --token=Kanari4restore"),
            ("include_if_exists", "extra.conf"),
        ],
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let person = bed.person().await;
    let with = |role: &str, secret: &str| {
        bed.dsn(role)
            .replacen(&format!("{role}@"), &format!("{role}:{secret}@"), 1)
    };
    let start = Start {
        observer: with(OBSERVER, "Kanari6dsn"),
        control: with(WRITER, "Kanari6dsn"),
        probe: with("app", "Kanari9probe"),
        ..Start::on(&bed)
    };
    let mut guard = Guard::start(&bed, &start);
    guard.hears("learning", PATIENCE, |_| true).await;
    person
        .changes(&[
            "ALTER SYSTEM SET primary_conninfo = 'host=x user=r password=Kanari1primary'",
            "ALTER SYSTEM SET ssl_passphrase_command = 'echo Kanari2phrase'",
            "ALTER SYSTEM SET archive_command = 'put --key Kanari3archive %p'",
        ])
        .await;
    let seen = guard.sees("primary_conninfo").await;
    let shown = seen.said["changes"]
        .to_string()
        .matches("\"new\":\"(secret)\"")
        .count();
    assert_eq!(shown, 3, "that there is a secret is said: {}", seen.said);
    person.says("ALTER ROLE app PASSWORD 'Kanari5role'").await;
    person
        .changes(&["/* OPS-4 password=Kanari7comment */ ALTER SYSTEM SET work_mem = '8MB'"])
        .await;
    guard.sees("work_mem").await;
    bed.write(
        "extra.conf",
        "restore_command = 'fetch --token=Kanari8file'\n",
    );
    person.changes(&[]).await;
    guard.sees("restore_command").await;
    clean("the output of watch", guard.output().as_bytes());
    let admin = with("postgres", "Kanari6dsn");
    let state = bed.state().join("state").display().to_string();
    for arguments in [
        vec!["doctor", &admin],
        vec!["doctor", &admin, "--json"],
        vec!["changes", "list", "--state-dir", &state],
        vec!["audit", "export", "--state-dir", &state],
        vec!["snapshot", "list", "--state-dir", &state],
        vec!["check", &admin],
    ] {
        let output = backstay(&arguments).output().await.unwrap();
        let said = [output.stdout, output.stderr].concat();
        clean(&arguments.join(" ").replace(&admin, "DSN"), &said);
    }
    guard.ends().await;
    for (name, bytes) in files(&bed.state().join("state")) {
        clean(&name, &bytes);
    }
}
