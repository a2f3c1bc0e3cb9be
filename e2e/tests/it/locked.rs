//! Work that stands still behind a lock: whose fault it is, is asked of the server.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::bed::{Bed, DATABASE, PERSON, Wanted};
use crate::guard::{Guard, Line, PATIENCE};
use crate::say::say;
use crate::turn::Turn;

/// A harmless change, and a session that locks a table and is left open while it is watched: the change
/// is not blamed, the words name the session, and once the lock is gone the watch goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_another_session_keeps_is_not_the_fault_of_a_change() {
    let wanted = Wanted {
        turn: Turn::Alone,
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let person = bed.person().await;
    let mut guard = Guard::learnt(&bed).await;
    person
        .changes(&["/* OPS-91 sorts */ ALTER SYSTEM SET work_mem = '8MB'"])
        .await;
    let seen = guard.sees("work_mem").await;
    let id = seen.text("change_set").to_owned();
    let keeper = bed.server.connect_as(PERSON, DATABASE).await.unwrap();
    let locked = Instant::now();
    keeper
        .batch_execute("SET application_name = 'psql'; BEGIN; LOCK TABLE accounts /* the-secret */")
        .await
        .unwrap();
    let process = keeper.query_one("SELECT pg_backend_pid()", &[]).await;
    let process: i32 = process.unwrap().get(0);
    let excused =
        |l: &Line| l.text("change_set") == id && l.said["verdict"]["kind"] == "confounded";
    let verdict = guard.hears("verdict", PATIENCE, excused).await;
    let told = verdict.said["verdict"].to_string();
    let name = format!("session {process} (psql, role {PERSON}, idle in transaction since ");
    assert!(told.contains(&name), "{told}");
    assert!(
        told.contains("work waits for a lock that another session keeps"),
        "{told}"
    );
    // Far longer than a hang takes to be seen.
    let held = Duration::from_secs(10);
    tokio::time::sleep_until(locked + held).await;
    drop(keeper);
    let report = guard.about("report", &id).await;
    let outcome = report.text("outcome");
    assert!(["kept", "held"].contains(&outcome), "{}", guard.told());
    let hurt = |l: &Line| l.said["verdict"]["kind"] == "hurt";
    assert!(!guard.said("verdict").iter().any(hurt), "{}", guard.told());
    assert!(guard.said("writing").is_empty(), "{}", guard.told());
    assert!(bed.entry("work_mem").is_some(), "it stands");
    assert!(
        !guard.output().contains("the-secret"),
        "no text of a statement"
    );
    say(&format!("| LOCK TABLE by another session | {outcome} |"));
    guard.ends().await;
}

/// Clients that all write one row.
fn on_one_row(bed: &Bed) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let dsn = bed.dsn("app");
        clients.spawn(async move {
            let (client, connection) = tokio_postgres::connect(&dsn, tokio_postgres::NoTls)
                .await
                .unwrap();
            tokio::spawn(async move { drop(connection.await) });
            let sql = "UPDATE branches SET balance = balance + 1 WHERE id = 1";
            while client.batch_execute(sql).await.is_ok() {}
        });
    }
    clients
}

/// Row locks that queue behind a commit which waits for a standby that does not exist: there most sessions
/// wait for a lock too, and the change is to blame.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_behind_a_commit_that_waits_because_of_a_change_excuse_nothing() {
    let name = "synchronous_standby_names";
    let wanted = Wanted {
        load: None,
        grants: &[name],
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let _clients = on_one_row(&bed);
    let person = bed.person().await;
    let mut guard = Guard::learnt(&bed).await;
    let effect = person
        .changes(&["/* OPS-92 safer */ ALTER SYSTEM SET synchronous_standby_names = 'nosuch'"])
        .await;
    person
        .waits(
            "SELECT count(*) FILTER (WHERE wait_event_type = 'Lock') >= 6 FROM pg_stat_activity \
             WHERE application_name NOT LIKE 'backstay/%'",
            "t",
        )
        .await;
    let (numbers, _) = guard.puts_back(name, effect).await;
    numbers.tell("synchronous_standby_names = 'nosuch', all on one row");
    numbers.hold(&guard.told());
    assert_eq!(bed.fresh("app", name).await.as_deref(), Some(""));
    guard.ends().await;
}
