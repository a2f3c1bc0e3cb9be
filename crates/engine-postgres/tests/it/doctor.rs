//! The grants that are printed do what they say, and no more.

use std::sync::Arc;

use backstay_engine_postgres::connect::{Dialer, Purpose, Session};
use backstay_engine_postgres::doctor::{Grantee, Held, Level, examine, grants, probe_setup};
use backstay_engine_postgres::dsn::resolve_here;
use backstay_engine_postgres::write::Gate;
use backstay_model::decision::Mode;
use backstay_model::event::WriteReply;
use backstay_model::{Scope, SettingName, ValueSource};
use backstay_scratch::postgres::Server;

use crate::bed::*;

fn grantee() -> Grantee {
    Grantee {
        role: "backstay".into(),
        parameters: ["work_mem", "archive_command"].map(SettingName::new).into(),
        ..Grantee::default()
    }
}

async fn grant(server: &Server, mode: Mode, to: &Grantee) {
    for statement in grants(mode, server.binaries().major, to).unwrap() {
        if !statement.starts_with("--") {
            run(server, &[&statement]).await;
        }
    }
}

async fn session(server: &Server, user: &str) -> Session {
    let dsn = resolve_here(Some(&server.dsn(user, "postgres"))).unwrap();
    Dialer::new(&dsn, &Purpose::of("doctor"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

#[tokio::test]
async fn the_observers_grants_let_it_see_everything_and_write_nothing() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    grant(&server, Mode::Observe, &grantee()).await;
    let session = session(&server, "backstay").await;
    for sql in [
        "SELECT count(*) FROM pg_file_settings",
        "SELECT count(*) FROM pg_hba_file_rules",
        "SELECT count(*) FROM pg_settings",
        "SELECT count(*) FROM pg_db_role_setting",
        "SELECT pg_conf_load_time(), pg_postmaster_start_time()",
        "SELECT modification FROM pg_stat_file('postgresql.auto.conf')",
        "SELECT pg_current_logfile()",
        "SELECT count(*) FROM pg_stat_database",
        "SELECT count(*) FROM pg_stat_bgwriter",
        "SELECT count(wait_event_type) FROM pg_stat_activity WHERE backend_type = 'checkpointer'",
        "SELECT count(*) FROM pg_locks",
        "SELECT system_identifier FROM pg_control_system()",
    ] {
        let answer = session.client().simple_query(sql).await;
        assert!(answer.is_ok(), "{sql}: {answer:?}");
    }
    for sql in [
        "ALTER SYSTEM SET work_mem = '1MB'",
        "SELECT pg_reload_conf()",
        "CREATE ROLE x",
        "SELECT pg_read_file('PG_VERSION')",
    ] {
        assert!(session.client().simple_query(sql).await.is_err(), "{sql}");
    }
    let report = examine(&session).await.unwrap();
    assert_eq!(report.allows(), Mode::Observe);
    assert!(
        report
            .rights
            .iter()
            .all(|r| r.mode != Mode::Observe || r.held == Held::Yes),
        "{report:?}"
    );
    let reload = report
        .findings
        .iter()
        .find(|f| f.what.contains("cannot put settings back"))
        .unwrap();
    assert!(
        reload
            .next
            .iter()
            .any(|l| l.contains("pg_reload_conf() TO backstay")),
        "{reload:?}"
    );
}

#[tokio::test]
async fn the_writers_grants_reach_the_named_settings_only() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    if server.binaries().major < 15 {
        skip("single settings can be granted from PostgreSQL 15 on");
        return;
    }
    grant(&server, Mode::Auto, &grantee()).await;
    run(&server, &["ALTER SYSTEM SET maintenance_work_mem = '1MB'"]).await;
    change(
        &server,
        &["ALTER SYSTEM SET work_mem = '64kB'"],
        ("work_mem", "64kB"),
    )
    .await;
    let mut writer = writer_as(&server, "backstay", Arc::new(|| Gate::Open));
    let other = step(
        "maintenance_work_mem",
        "1MB",
        None,
        ("65536", ValueSource::Default),
    );
    let granted = || step("work_mem", "64kB", None, ("4096", ValueSource::Default));
    // one that is not granted stops the whole before anything is written
    let why = refusal(apply(&mut writer, vec![granted(), other]).await);
    assert!(
        why.contains("GRANT ALTER SYSTEM ON PARAMETER maintenance_work_mem TO backstay;"),
        "{why}"
    );
    assert_eq!(our_statements(&server), 0);
    effective(&apply(&mut writer, vec![granted()]).await);
    assert_eq!(cell(&server, "SHOW work_mem").await, "4MB");
    let report = examine(&session(&server, "backstay").await).await.unwrap();
    assert_eq!(
        report.parameters,
        [SettingName::new("work_mem")],
        "nothing that runs code"
    );
    assert_eq!(report.allows(), Mode::Auto);
}

#[tokio::test]
async fn roles_and_databases_need_more_and_get_it() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    run(
        &server,
        &[
            "CREATE ROLE app LOGIN",
            "CREATE ROLE shop_owner",
            "CREATE DATABASE shop OWNER shop_owner",
        ],
    )
    .await;
    let app = || Scope::Role { role: "app".into() };
    let shop = || Scope::Database {
        database: "shop".into(),
    };
    run(
        &server,
        &[
            "ALTER ROLE app SET work_mem = '64kB'",
            "ALTER DATABASE shop SET work_mem = '64kB'",
        ],
    )
    .await;
    let steps = || {
        vec![
            scoped(app(), "work_mem", "64kB", None),
            scoped(shop(), "work_mem", "64kB", None),
        ]
    };
    grant(&server, Mode::Observe, &grantee()).await;
    let mut writer = writer_as(&server, "backstay", Arc::new(|| Gate::Open));
    let why = refusal(apply(&mut writer, steps()).await);
    assert!(
        why.contains("permission denied") || why.contains("must be"),
        "{why}"
    );
    run(&server, &["DROP OWNED BY backstay", "DROP ROLE backstay"]).await;

    let wider = Grantee {
        roles: vec!["app".into()],
        databases: vec![("shop".into(), "shop_owner".into())],
        ..grantee()
    };
    grant(&server, Mode::Auto, &wider).await;
    let mut writer = writer_as(&server, "backstay", Arc::new(|| Gate::Open));
    effective(&apply(&mut writer, steps()).await);
}

#[tokio::test]
async fn the_report_names_what_is_dangerous_or_hidden() {
    let Some(server) = server(&[("log_statement", "none")], &[("random_page_cost", "3")]).await
    else {
        return;
    };
    run(
        &server,
        &[
            "CREATE ROLE backstay LOGIN",
            "ALTER ROLE backstay SET statement_timeout = '9s'",
        ],
    )
    .await;
    let hba = server.data_dir().join("pg_hba.conf");
    let before = std::fs::read_to_string(&hba).unwrap();
    std::fs::write(&hba, format!("{before}\nhost nonsense\n")).unwrap();
    let conf = server.data_dir().join("postgresql.auto.conf");
    std::fs::write(
        &conf,
        "work_mem = 'password=c4n4ry'\nmax_connections = 77\n",
    )
    .unwrap();
    run(&server, &["SELECT pg_reload_conf()"]).await;

    let as_superuser = examine(&session(&server, "postgres").await).await.unwrap();
    let alarm = &as_superuser.findings[0];
    assert_eq!(alarm.level, Level::Alarm);
    assert!(
        alarm
            .next
            .iter()
            .any(|l| l.contains("postgresql.auto.conf")),
        "{alarm:?}"
    );
    assert!(
        alarm.next.iter().any(|l| l.contains("pg_hba.conf")),
        "{alarm:?}"
    );
    let said = |words: &str| as_superuser.findings.iter().any(|f| f.what.contains(words));
    for words in [
        "superuser",
        "command line",
        "random_page_cost",
        "log_statement",
        "backstay.probe",
        "pg_stat_statements",
        "the log can be read",
    ] {
        assert!(said(words), "{words}: {:#?}", as_superuser.findings);
    }
    assert!(!format!("{as_superuser:?}").contains("c4n4ry"));

    let plain = examine(&session(&server, "backstay").await).await.unwrap();
    assert_eq!(plain.allows(), Mode::Observe);
    let own = plain
        .findings
        .iter()
        .find(|f| f.what.contains("statement_timeout"))
        .unwrap();
    assert_eq!(own.next, ["ALTER ROLE backstay RESET statement_timeout;"]);
    let missing = plain
        .findings
        .iter()
        .find(|f| f.what.contains("cannot see everything"))
        .unwrap();
    assert!(
        missing
            .next
            .contains(&"GRANT pg_read_all_stats TO backstay;".to_owned()),
        "{missing:?}"
    );
}

#[tokio::test]
async fn the_probes_table_can_be_read_and_updated_by_its_role() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    run(&server, &["CREATE ROLE backstay_probe LOGIN"]).await;
    for _ in 0..2 {
        for statement in probe_setup("backstay_probe").unwrap() {
            run(&server, &[&statement]).await;
        }
    }
    let session = session(&server, "backstay_probe").await;
    session
        .client()
        .simple_query("SELECT id FROM backstay.probe")
        .await
        .unwrap();
    session
        .client()
        .simple_query("UPDATE backstay.probe SET touched_at = now() WHERE id = 1")
        .await
        .unwrap();
    assert!(
        session
            .client()
            .simple_query("DROP TABLE backstay.probe")
            .await
            .is_err()
    );
}

#[tokio::test]
async fn no_reply_holds_the_text_of_a_secret() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    for (name, text) in [
        ("primary_conninfo", "host=a password=c4n4ryS3cr3t9"),
        ("archive_command", "push --key c4n4ryS3cr3t9"),
    ] {
        run(&server, &[&format!("ALTER SYSTEM SET {name} = '{text}'")]).await;
        change(&server, &[], ("work_mem", "4MB")).await;
        let mut writer = writer(&server);
        let expect_other = step(name, "something else", None, ("", ValueSource::Default));
        let mut said = format!(
            "{:?}",
            inspect(&mut writer, vec![expect_other.clone()]).await
        );
        let reply = apply(&mut writer, vec![expect_other]).await;
        assert!(matches!(reply, WriteReply::Conflict { .. }), "{reply:?}");
        said.push_str(&format!("{reply:?} {writer:?}"));
        assert!(!said.contains("S3cr3t9"), "{said}");
    }
}
