//! `backstay check` on live servers as they come: no false alarm on any version, and quick.

use std::process::Command;

use backstay_scratch::postgres::{Binaries, Options, Server};
use serde_json::Value;
use tokio::time::Instant;

use crate::bed::{SOON, binary};
use crate::say::say;
use crate::turn::{MyTurn, Turn};

/// Recommendations that a server as it comes may get.
const ADVICES_MAX: usize = 3;

/// Settings of our scratch servers, put back to what initdb leaves: the log is not what is judged here.
const AS_IT_COMES: [(&str, &str); 5] = [
    ("logging_collector", "off"),
    ("log_destination", "stderr"),
    ("log_directory", "log"),
    ("log_filename", "postgresql-%Y-%m-%d_%H%M%S.log"),
    ("log_statement", "none"),
];

fn report(dsn: &str, more: &[&str]) -> (i32, Value, f64) {
    let began = Instant::now();
    let output = Command::new(binary())
        .args(["check", dsn, "--json"])
        .args(more)
        .env_remove("PGOPTIONS")
        .output()
        .unwrap();
    let took_ms = began.elapsed().as_secs_f64() * 1e3;
    let said = String::from_utf8_lossy(&output.stderr);
    let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}"));
    (output.status.code().unwrap_or(-1), document, took_ms)
}

#[tokio::test]
async fn a_server_as_it_comes_raises_no_alarm_in_any_version() {
    let _turn = MyTurn::comes(Turn::Beside).await;
    for major in [14, 15, 16, 17, 18] {
        if let Err(error) = Binaries::find_major(major) {
            say(&format!(
                "SKIPPED: a check of a live PostgreSQL {major}: {error}"
            ));
            continue;
        }
        let as_it_comes = AS_IT_COMES.map(|(n, v)| (n.to_owned(), v.to_owned()));
        let options = Options {
            major: Some(major),
            settings: as_it_comes.to_vec(),
            ..Options::default()
        };
        let server = Server::start(options).await.unwrap();
        let dsn = server.dsn("postgres", "postgres");
        let (code, document, took_ms) = report(&dsn, &[]);
        let broken = document["violations"].as_array().unwrap();
        let hard: Vec<&Value> = broken
            .iter()
            .filter(|v| v["severity"] != "advice")
            .collect();
        assert!(hard.is_empty(), "{major}: {hard:#?}");
        assert!(broken.len() <= ADVICES_MAX, "{major}: {broken:#?}");
        assert_eq!(code, 0, "{major}");
        // The server is on this machine, so its host is known without any option.
        for fact in ["memory", "cpus", "disk_free", "open_files", "huge_pages"] {
            assert!(document["host"][fact].is_string(), "{major}: no {fact}");
        }
        say(&format!(
            "a check of a live PostgreSQL {major}: {took_ms:.0} ms, debug build"
        ));
    }
}

#[tokio::test]
async fn what_waits_for_a_restart_is_judged_before_it() {
    if let Err(error) = Binaries::find() {
        say(&format!(
            "SKIPPED: what_waits_for_a_restart_is_judged_before_it: {error}"
        ));
        return;
    }
    let _turn = MyTurn::comes(Turn::Beside).await;
    let server = Server::start(Options::default()).await.unwrap();
    let client = server.connect("postgres").await.unwrap();
    client
        .simple_query("ALTER SYSTEM SET max_wal_senders = 0")
        .await
        .unwrap();
    client
        .simple_query("ALTER SYSTEM SET wal_keep_size = '1GB'")
        .await
        .unwrap();
    client
        .simple_query("SELECT pg_reload_conf()")
        .await
        .unwrap();
    // The reload is a signal: the new value shows when it has been handled.
    let until = Instant::now() + SOON;
    while client
        .query_one(
            "SELECT count(*) FROM pg_settings WHERE pending_restart",
            &[],
        )
        .await
        .unwrap()
        .get::<_, i64>(0)
        == 0
    {
        assert!(Instant::now() < until, "the reload is never handled");
        tokio::task::yield_now().await;
    }
    let (code, document, _) = report(&server.dsn("postgres", "postgres"), &[]);
    assert_eq!(code, 3);
    let waiting = document["violations"].as_array().unwrap();
    let bomb = waiting
        .iter()
        .find(|v| v["constraint"] == "pg.silent.keep_without_senders")
        .unwrap_or_else(|| panic!("{waiting:#?}"));
    assert_eq!(bomb["when"], "next_start");
}

#[tokio::test]
async fn what_stands_for_a_role_is_judged_as_its_sessions_have_it() {
    if let Err(error) = Binaries::find() {
        say(&format!(
            "SKIPPED: what_stands_for_a_role_is_judged_as_its_sessions_have_it: {error}"
        ));
        return;
    }
    let _turn = MyTurn::comes(Turn::Beside).await;
    let server = Server::start(Options::default()).await.unwrap();
    let client = server.connect("postgres").await.unwrap();
    for statement in [
        "CREATE ROLE \"App\"",
        "ALTER ROLE \"App\" SET statement_timeout = '20ms'",
        "ALTER DATABASE postgres SET lock_timeout = '3ms'",
    ] {
        client.simple_query(statement).await.unwrap();
    }
    let (code, document, _) = report(&server.dsn("postgres", "postgres"), &[]);
    assert_eq!(code, 3);
    let broken = document["violations"].as_array().unwrap();
    let of = |whose: &str| {
        let mut found = broken.iter().filter(|v| v["for"][0] == whose);
        found
            .next()
            .unwrap_or_else(|| panic!("{whose}: {broken:#?}"))
    };
    let remedies = of("role App")["remedies"].to_string();
    assert!(
        remedies.contains("ALTER ROLE \\\"App\\\" RESET statement_timeout"),
        "{remedies}"
    );
    let remedies = of("database postgres")["remedies"].to_string();
    assert!(
        remedies.contains("ALTER DATABASE postgres RESET lock_timeout"),
        "{remedies}"
    );
}
