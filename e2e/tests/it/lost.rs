//! The watched server goes, comes, refuses, and hides: a clear state, patience, and no good news
//! without data.

use serde_json::Value;

use crate::bed::{Bed, OBSERVER, Wanted, until};
use crate::guard::{Guard, Line, PATIENCE, Start};
use crate::turn::Turn;

/// Waits for a condition of the target.
async fn stands(guard: &mut Guard, word: &str) -> Line {
    guard
        .hears("condition", PATIENCE, |l| l.text("condition") == word)
        .await
}

async fn goes_away_while_a_change_is_watched() {
    let wanted = Wanted {
        turn: Turn::Long,
        ..Wanted::default()
    };
    let Some(mut bed) = Bed::make(wanted).await else {
        return;
    };
    let person = bed.person().await;
    let mut guard = Guard::learnt(&bed).await;
    person
        .changes(&["/* OPS-76 */ ALTER SYSTEM SET work_mem = '8MB'"])
        .await;
    let seen = guard.sees("work_mem").await;
    let id = seen.text("change_set").to_owned();
    drop(person);
    bed.server.stop().await.unwrap();
    let gone = stands(&mut guard, "unreachable").await;
    assert!(
        gone.text("text").contains("does not answer"),
        "{}",
        gone.said
    );
    guard.about("verdict", &id).await;
    assert!(
        guard.said("condition").len() <= 3,
        "one line a state: {}",
        guard.told()
    );
    bed.server.start_again().await.unwrap();
    stands(&mut guard, "restarted").await;
    let report = guard.about("report", &id).await;
    assert_ne!(report.text("outcome"), "kept", "{}", guard.told());
    let healthy = |l: &Line| {
        let kind = &l.said["verdict"]["kind"];
        kind == "healthy" || kind == "no_harm_seen"
    };
    assert!(
        !guard.said("verdict").iter().any(healthy),
        "{}",
        guard.told()
    );
    assert!(guard.runs());
    guard.ends().await;
}

/// Moments of refused logins of the observer, in seconds.
fn refused_logins(bed: &Bed) -> Vec<f64> {
    let log = bed.read("log/postgresql.json");
    let lines = log
        .lines()
        .filter_map(|l| serde_json::from_str::<Value>(l).ok());
    let refused = lines.filter(|l| l["user"] == OBSERVER && l["error_severity"] == "FATAL");
    let moments = refused.filter_map(|l| {
        let clock = l["timestamp"].as_str()?.split(' ').nth(1)?.to_owned();
        let mut parts = clock.split(':').map(|p| p.parse::<f64>().unwrap_or(0.0));
        Some(parts.next()? * 3_600.0 + parts.next()? * 60.0 + parts.next()?)
    });
    moments.collect()
}

async fn refuses_the_login() {
    let wanted = Wanted {
        load: None,
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let person = bed.person().await;
    let mut guard = Guard::start(&bed, &Start::on(&bed));
    stands(&mut guard, "up").await;
    let rules = bed.read("pg_hba.conf");
    bed.write(
        "pg_hba.conf",
        &format!("host all {OBSERVER} 127.0.0.1/32 reject\n{rules}"),
    );
    person.changes(&[]).await;
    // A held connection stays; only without it the refusal shows.
    let observer = "application_name = 'backstay/observer'";
    person
        .says(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {observer}"
        ))
        .await;
    let refused = stands(&mut guard, "login_refused").await;
    assert!(
        refused.text("text").contains("refused the login"),
        "{}",
        refused.said
    );
    until("four attempts", || refused_logins(&bed).len() >= 4).await;
    let at = refused_logins(&bed);
    let (first, last) = (at[1] - at[0], at[3] - at[2]);
    assert!(last > 1.5 * first, "more patience each time: {at:?}");
    guard.forget();
    bed.write("pg_hba.conf", &rules);
    person.changes(&[]).await;
    stands(&mut guard, "up").await;
    assert!(guard.runs());
    guard.ends().await;
}

/// Without its log and without statement statistics the server is watched all the same.
async fn loses_its_log() {
    let wanted = Wanted {
        load: None,
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let person = bed.person().await;
    let none = person
        .asks("SELECT to_regclass('pg_stat_statements')")
        .await;
    assert_eq!(none, "", "this server has no statement statistics");
    let mut guard = Guard::start(
        &bed,
        &Start {
            mode: "observe",
            ..Start::on(&bed)
        },
    );
    guard.hears("learning", PATIENCE, |_| true).await;
    for entry in std::fs::read_dir(bed.server.log_dir()).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let about_log = |l: &Line| l.text("text").contains("log");
    guard.hears("notice", PATIENCE, about_log).await;
    person
        .changes(&["/* OPS-2 */ ALTER SYSTEM SET work_mem = '8MB'"])
        .await;
    let seen = guard.sees("work_mem").await;
    assert_eq!(
        seen.text("author"),
        "unknown",
        "nobody is made up: {}",
        seen.said
    );
    guard.forget();
    person.says("SELECT pg_rotate_logfile()").await;
    until("a new log", || {
        bed.server.log_dir().join("postgresql.json").exists()
    })
    .await;
    person
        .changes(&["/* OPS-3 */ ALTER SYSTEM SET work_mem = '9MB'"])
        .await;
    let seen = guard.sees("work_mem").await;
    assert_eq!(seen.text("author"), "ann", "{}", seen.said);
    assert!(guard.runs());
    guard.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_server_is_awaited_and_never_called_healthy() {
    tokio::join!(
        goes_away_while_a_change_is_watched(),
        refuses_the_login(),
        loses_its_log()
    );
}
