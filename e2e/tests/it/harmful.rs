//! Harmful changes that Backstay puts back by itself: noticed, judged, written, read back.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, interval};
use tokio_postgres::NoTls;

use backstay_scratch::load::Mix;

use crate::bed::{Bed, Wanted};
use crate::guard::{Guard, Line};
use crate::say::say;
use crate::turn::Turn;

/// A harmful change: who is told to have made it, and why.
struct Harm {
    name: &'static str,
    statement: &'static str,
    ticket: &'static str,
}

/// Makes the change and follows it until it is put back.
async fn put_back(bed: &Bed, harm: &Harm) -> Line {
    let person = bed.person().await;
    let mut guard = Guard::learnt(bed).await;
    let before = bed.auto_conf();
    let statement = format!("/* {} */ {}", harm.ticket, harm.statement);
    let effect = if harm.statement.contains("ALTER SYSTEM") {
        person.changes(&[&statement]).await
    } else {
        person.says(&statement).await;
        Instant::now()
    };
    let (numbers, report) = guard.puts_back(harm.name, effect).await;
    assert_eq!(bed.auto_conf(), before, "the entry is gone");
    numbers.tell(harm.statement);
    numbers.hold(&guard.told());
    assert_eq!(report.text("author"), "ann", "{}", report.said);
    assert_eq!(report.text("description"), harm.ticket, "{}", report.said);
    assert!(report.text("root_cause").contains("ann"), "{}", report.said);
    assert_eq!(report.text("run_by"), "backstay", "{}", report.said);
    guard.ends().await;
    report
}

async fn read_only() {
    let name = "default_transaction_read_only";
    let wanted = Wanted {
        grants: &[name],
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let harm = Harm {
        name,
        statement: "ALTER SYSTEM SET default_transaction_read_only = on",
        ticket: "OPS-77 protect the replica",
    };
    put_back(&bed, &harm).await;
    assert_eq!(bed.fresh("app", name).await.as_deref(), Some("off"));
}

async fn hang() {
    let name = "synchronous_standby_names";
    let wanted = Wanted {
        grants: &[name],
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let harm = Harm {
        name,
        statement: "ALTER SYSTEM SET synchronous_standby_names = 'nosuch'",
        ticket: "OPS-78 wait for the new standby",
    };
    put_back(&bed, &harm).await;
    assert_eq!(bed.fresh("app", name).await.as_deref(), Some(""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_database_and_a_hang_are_put_back() {
    tokio::join!(read_only(), hang());
}

async fn timeout_of_all() {
    let name = "statement_timeout";
    let wanted = Wanted {
        // Sorts are what a millisecond is not enough for.
        load: Some(Mix::paced([30.0, 50.0, 6.0, 5.0])),
        grants: &[name],
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let harm = Harm {
        name,
        statement: "ALTER SYSTEM SET statement_timeout = '1ms'",
        ticket: "OPS-80 no runaway queries",
    };
    put_back(&bed, &harm).await;
    assert_eq!(bed.fresh("app", name).await.as_deref(), Some("0"));
}

/// Clients that come for one slow question and go: only they meet a setting of their role.
fn walk_in(bed: &Bed) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    let dsn = bed.dsn("app");
    clients.spawn(async move {
        let mut beat = interval(Duration::from_millis(125));
        loop {
            beat.tick().await;
            let Ok((client, connection)) = tokio_postgres::connect(&dsn, NoTls).await else {
                continue;
            };
            let question = client.simple_query("SELECT count(*) FROM accounts WHERE balance > 0");
            tokio::select! {
                _ = connection => {}
                _ = question => {}
            }
        }
    });
    clients
}

async fn timeout_of_a_role() {
    let name = "statement_timeout";
    let wanted = Wanted {
        roles: &["app"],
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let _shop = walk_in(&bed);
    let harm = Harm {
        name,
        statement: "ALTER ROLE app SET statement_timeout = '1ms'",
        ticket: "OPS-81 no runaway queries of the application",
    };
    put_back(&bed, &harm).await;
    assert_eq!(bed.fresh("app", name).await.as_deref(), Some("0"));
    let left = bed
        .person()
        .await
        .asks("SELECT count(*) FROM pg_db_role_setting")
        .await;
    assert_eq!(left, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_timeout_of_all_and_of_one_role_is_put_back() {
    tokio::join!(timeout_of_all(), timeout_of_a_role());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compiling_every_small_query_is_put_back() {
    let names = [
        "jit_above_cost",
        "jit_inline_above_cost",
        "jit_optimize_above_cost",
    ];
    let wanted = Wanted {
        turn: Turn::Alone,
        load: Some(Mix::query_heavy()),
        grants: &names,
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let person = bed.person().await;
    if person.asks("SELECT pg_jit_available()").await != "t" {
        say("SKIPPED: compiling_every_small_query_is_put_back: this PostgreSQL has no JIT");
        return;
    }
    let mut guard = Guard::learnt(&bed).await;
    let statements = names.map(|n| format!("/* OPS-79 faster reports */ ALTER SYSTEM SET {n} = 0"));
    let effect = person
        .changes(&statements.each_ref().map(String::as_str))
        .await;
    let (numbers, report) = guard.puts_back(names[0], effect).await;
    assert_eq!(report.said["changes"].as_array().map(Vec::len), Some(3));
    for name in names {
        assert_eq!(bed.entry(name), None);
    }
    assert_eq!(bed.fresh("app", names[0]).await.as_deref(), Some("100000"));
    numbers.tell("jit_above_cost and its two = 0");
    numbers.hold(&guard.told());
    guard.ends().await;
}
