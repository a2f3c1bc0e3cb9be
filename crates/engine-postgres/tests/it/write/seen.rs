//! What the observer saw is what the writer compares with.

use std::sync::Arc;

use backstay_engine::ConfigReader;
use backstay_engine_postgres::doctor::{Grantee, grants};
use backstay_engine_postgres::dsn::resolve_here;
use backstay_engine_postgres::observer::PostgresObserver;
use backstay_engine_postgres::write::{Gate, News};
use backstay_model::decision::Mode;
use backstay_model::plan::{Inverse, PlanStep, Predicted, Route};
use backstay_model::{Scope, SettingName, Snapshot, TargetId};
use backstay_scratch::postgres::Server;

use crate::bed::*;

/// Settings that are turned, bad value each; most are shielded against by one of our connections.
const TURNED: [(&str, &str); 10] = [
    ("work_mem", "64kB"),
    ("statement_timeout", "1ms"),
    ("lock_timeout", "1ms"),
    ("idle_session_timeout", "20min"),
    ("search_path", "nowhere"),
    ("jit_above_cost", "0"),
    ("datestyle", "German, DMY"),
    ("synchronous_commit", "off"),
    ("log_connections", "on"),
    ("synchronous_standby_names", "nosuch"),
];

/// The way back from `bad` to `good`, step by step, as a planner makes it.
fn way_back(good: &Snapshot, bad: &Snapshot) -> Vec<PlanStep> {
    let moved = bad
        .settings
        .iter()
        .filter(|(key, now)| good.settings.get(key) != Some(now));
    moved
        .map(|(key, now)| {
            let old = good.settings.get(key);
            let entry = old.and_then(|o| o.entry.clone());
            PlanStep {
                key: key.clone(),
                route: if key.scope == Scope::Instance {
                    Route::AlterSystem
                } else {
                    Route::RoleOrDatabase
                },
                inverse: entry.map_or(Inverse::Reset, Inverse::Set),
                expect: now.clone(),
                predict: Predicted {
                    effective: old.and_then(|o| o.effective.clone()),
                    source: old.map_or_else(|| now.source.clone(), |o| o.source.clone()),
                },
            }
        })
        .collect()
}

async fn there_and_back(server: &Server, user: &str) {
    let dsn = resolve_here(Some(&server.dsn(user, "postgres"))).unwrap();
    let mut observer = PostgresObserver::new(TargetId::new("shop"), &dsn, redactor()).unwrap();
    let mut writer = writer_as(server, user, Arc::new(|| Gate::Open));
    writer.hold().await.unwrap();
    let good = observer.snapshot(NOW).await.unwrap();
    for (name, value) in TURNED {
        run(server, &[&format!("ALTER SYSTEM SET {name} = '{value}'")]).await;
    }
    run(
        server,
        &[
            "ALTER ROLE app SET work_mem = '1MB'",
            "SELECT pg_reload_conf()",
        ],
    )
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let bad = observer.snapshot(NOW).await.unwrap();
    let steps = way_back(&good, &bad);
    assert_eq!(steps.len(), TURNED.len() + 1, "{steps:#?}");
    effective(&apply(&mut writer, steps).await);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let after = observer.snapshot(NOW).await.unwrap();
    assert!(way_back(&good, &after).is_empty());
}

#[tokio::test]
async fn the_observers_readings_are_the_writers_expectations() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    run(
        &server,
        &[
            "CREATE ROLE app LOGIN",
            "ALTER ROLE app SET work_mem = '8MB'",
        ],
    )
    .await;
    there_and_back(&server, "postgres").await;
    // entries to come back to
    run(
        &server,
        &[
            "ALTER SYSTEM SET work_mem = '8MB'",
            "ALTER SYSTEM SET search_path = 'Shop', '$user'",
        ],
    )
    .await;
    change(&server, &[], ("work_mem", "8MB")).await;
    there_and_back(&server, "postgres").await;
}

#[tokio::test]
async fn a_role_with_the_printed_grants_sees_and_writes_the_same() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    if server.binaries().major < 15 {
        skip("single settings can be granted from PostgreSQL 15 on");
        return;
    }
    run(
        &server,
        &[
            "CREATE ROLE app LOGIN",
            "ALTER ROLE app SET work_mem = '8MB'",
        ],
    )
    .await;
    let grantee = Grantee {
        role: "backstay".into(),
        parameters: TURNED
            .iter()
            .map(|(name, _)| SettingName::new(name))
            .collect(),
        roles: vec!["app".into()],
        ..Grantee::default()
    };
    for statement in grants(Mode::Auto, server.binaries().major, &grantee).unwrap() {
        if !statement.starts_with("--") {
            run(&server, &[&statement]).await;
        }
    }
    there_and_back(&server, "backstay").await;
}

#[tokio::test]
async fn a_role_that_may_not_write_is_told_before_it_has_to() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    run(&server, &["CREATE ROLE weak LOGIN"]).await;
    let mut writer = writer_as(&server, "weak", Arc::new(|| Gate::Open));
    assert_eq!(writer.news_of_rights().await, None, "nobody is connected");
    writer.hold().await.unwrap();
    let Some(News::Lacks(lack)) = writer.news_of_rights().await else {
        panic!("it may not write")
    };
    assert_eq!((lack.role.as_str(), lack.missing.len()), ("weak", 2));
    assert_eq!(writer.news_of_rights().await, None, "told once");
    for grant in &lack.grants {
        run(&server, &[grant]).await;
    }
    assert_eq!(writer.news_of_rights().await, Some(News::Granted(lack)));
    assert_eq!(writer.news_of_rights().await, None);
    let mut strong = writer_as(&server, "postgres", Arc::new(|| Gate::Open));
    strong.hold().await.unwrap();
    assert_eq!(strong.news_of_rights().await, None);
}
