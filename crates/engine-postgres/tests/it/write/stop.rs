//! Everything that keeps a write from beginning or ends it half-way.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use backstay_engine::ConfigWriter;
use backstay_engine_postgres::dsn::resolve_here;
use backstay_engine_postgres::secrets::Redactor;
use backstay_engine_postgres::write::{FOREIGN_EDITS, Gate, LOCK_CLASS, LOCK_KEY, PostgresWriter};
use backstay_model::event::WriteReply;
use backstay_model::plan::Found;
use backstay_model::{TargetId, Timestamp, ValueSource};
use backstay_scratch::postgres::Server;

use crate::bed::*;

fn back() -> Vec<backstay_model::plan::PlanStep> {
    vec![step(
        "work_mem",
        "64kB",
        None,
        ("4096", ValueSource::Default),
    )]
}

async fn bad(server: &Server) {
    change(
        server,
        &["ALTER SYSTEM SET work_mem = '64kB'"],
        ("work_mem", "64kB"),
    )
    .await;
}

fn append(server: &Server, file: &str, text: &str) {
    let path = server.data_dir().join(file);
    let before = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("{before}{text}")).unwrap();
}

#[tokio::test]
async fn edits_that_wait_in_the_files_are_not_activated() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    bad(&server).await;
    let mut writer = writer(&server);
    run(
        &server,
        &[
            "ALTER SYSTEM SET random_page_cost = '9'",
            "ALTER SYSTEM SET datestyle = 'German'",
        ],
    )
    .await;
    append(
        &server,
        "postgresql.conf",
        "\nmax_parallel_workers = 1\nmax_connections = 55\n",
    );
    let why = refusal(apply(&mut writer, back()).await);
    assert_eq!(
        why,
        format!("{FOREIGN_EDITS}datestyle, max_parallel_workers, random_page_cost")
    );
    assert_eq!(cell(&server, "SHOW random_page_cost").await, "4");
    // once their owner has activated them, nothing is in the way
    change(&server, &[], ("random_page_cost", "9")).await;
    effective(&apply(&mut writer, back()).await);
    // a line that its owner took out waits as well
    bad(&server).await;
    run(&server, &["ALTER SYSTEM RESET random_page_cost"]).await;
    let why = refusal(apply(&mut writer, back()).await);
    assert_eq!(why, format!("{FOREIGN_EDITS}random_page_cost"));
}

#[tokio::test]
async fn a_file_that_the_server_cannot_read_swallows_no_write() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    bad(&server).await;
    let mut writer = writer(&server);
    append(&server, "postgresql.conf", "\nthis is = no 'line\n");
    let why = refusal(apply(&mut writer, back()).await);
    assert!(
        why.contains("a reload would change nothing") && why.contains("postgresql.conf"),
        "{why}"
    );
    assert!(auto_conf(&server).contains("64kB"));
}

#[tokio::test]
async fn a_reset_that_would_lead_elsewhere_is_refused() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    bad(&server).await;
    append(&server, "postgresql.conf", "\nwork_mem = 2MB\n");
    let why = refusal(apply(&mut writer(&server), back()).await);
    assert!(why.contains("would not lead to the planned value"), "{why}");
}

#[tokio::test]
async fn pause_and_expiry_come_before_everything_and_between_statements() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    bad(&server).await;
    change(
        &server,
        &["ALTER SYSTEM SET maintenance_work_mem = '1MB'"],
        ("maintenance_work_mem", "1MB"),
    )
    .await;
    let both = || {
        let mut steps = back();
        steps.push(step(
            "maintenance_work_mem",
            "1MB",
            None,
            ("65536", ValueSource::Default),
        ));
        steps
    };
    for (open_for, expected) in [
        (0, None),
        (1, None),
        (3, Some(Found::Mixed)),
        (4, Some(Found::Written)),
    ] {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let pause = Arc::new(move || {
            if counter.fetch_add(1, Ordering::SeqCst) < open_for {
                Gate::Open
            } else {
                Gate::Closed
            }
        });
        let reply = apply(&mut writer_as(&server, "postgres", pause), both()).await;
        match expected {
            None => assert!(refusal(reply).contains("paused")),
            Some(found) => assert_eq!(reply, WriteReply::NotEffective { found }, "{open_for}"),
        }
        assert_eq!(cell(&server, "SHOW work_mem").await, "64kB");
        run(&server, &["ALTER SYSTEM SET work_mem = '64kB'"]).await;
        change(
            &server,
            &["ALTER SYSTEM SET maintenance_work_mem = '1MB'"],
            ("maintenance_work_mem", "1MB"),
        )
        .await;
    }
    let late = recorded_until(both(), Timestamp(NOW.0));
    assert!(refusal(writer(&server).apply(late, NOW).await).contains("expired"));
}

#[tokio::test]
async fn the_lock_of_another_controller_is_respected_from_any_database() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    bad(&server).await;
    run(&server, &["CREATE DATABASE shop"]).await;
    for database in ["postgres", "shop"] {
        let holder = server.connect(database).await.unwrap();
        let lock = format!("SELECT pg_advisory_lock({LOCK_CLASS}, {LOCK_KEY})");
        holder.batch_execute(&lock).await.unwrap();
        let soon = recorded_until(back(), Timestamp(NOW.0 + 300_000));
        let why = refusal(writer(&server).apply(soon, NOW).await);
        assert!(why.contains("another controller"), "{why}");
    }
    assert_eq!(our_statements(&server), 0);
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_the_next_delivery_finishes() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    bad(&server).await;
    let server = Arc::new(Mutex::new(server));
    let (asked, victim) = (AtomicUsize::new(0), Arc::clone(&server));
    // the server dies after the statement and before the reload
    let pause = Arc::new(move || {
        if asked.fetch_add(1, Ordering::SeqCst) == 3 {
            victim.lock().unwrap().kill9().unwrap();
        }
        Gate::Open
    });
    let mut writer = writer_as(&server.lock().unwrap(), "postgres", pause);
    let reply = apply(&mut writer, back()).await;
    assert!(matches!(reply, WriteReply::Unknown { .. }), "{reply:?}");
    assert!(matches!(
        inspect(&mut writer, back()).await,
        Found::Unknown { .. }
    ));
    drop(writer);
    let mut server = Arc::into_inner(server).unwrap().into_inner().unwrap();
    server.start_again().await.unwrap();
    effective(&apply(&mut crate::bed::writer(&server), back()).await);
}

#[tokio::test]
async fn a_write_for_another_target_is_refused() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    bad(&server).await;
    let dsn = resolve_here(Some(&server.dsn("postgres", "postgres"))).unwrap();
    let other = Redactor::new(&[1; 32], &TargetId::new("billing"));
    let mut writer = PostgresWriter::new(&dsn, other, Arc::new(|| Gate::Open)).unwrap();
    assert!(refusal(apply(&mut writer, back()).await).contains("another target"));
    assert_eq!(our_statements(&server), 0);
}

#[tokio::test]
async fn a_terminated_control_connection_is_opened_again() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    bad(&server).await;
    let mut writer = writer(&server);
    writer.hold().await.unwrap();
    run(&server, &["SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'backstay/control'"]).await;
    let reply = apply(&mut writer, back()).await;
    if let WriteReply::Unknown { why } = &reply {
        assert!(why.contains("nothing was written"), "{why}");
        effective(&apply(&mut writer, back()).await);
    } else {
        effective(&reply);
    }
}
