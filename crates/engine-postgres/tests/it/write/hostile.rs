//! Undoing what stops other sessions, while it is live.

use backstay_model::{Scope, ValueSource};

use crate::bed::*;

#[tokio::test]
async fn settings_that_stop_others_do_not_stop_us() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let mut writer = writer(&server);
    writer.hold().await.unwrap();
    run(&server, &["CREATE ROLE app LOGIN"]).await;
    for (name, bad, good, source) in [
        (
            "default_transaction_read_only",
            "on",
            "off",
            ValueSource::Default,
        ),
        (
            "synchronous_standby_names",
            "nosuch",
            "",
            ValueSource::Default,
        ),
        ("statement_timeout", "1ms", "0", ValueSource::Default),
        ("lock_timeout", "1ms", "0", ValueSource::Default),
        // Shorter ones end a new session between its login and its first statement when the machine is
        // busy: then the write is refused, because nobody can read it back.
        ("idle_session_timeout", "50ms", "0", ValueSource::Default),
        ("jit_above_cost", "0", "100000", ValueSource::Default),
        ("work_mem", "64kB", "4096", ValueSource::Default),
        (
            "search_path",
            "nowhere",
            "\"$user\", public",
            ValueSource::Default,
        ),
        ("log_statement", "all", "ddl", file(&server)),
    ] {
        run(
            &server,
            &[
                &format!("ALTER SYSTEM SET {name} = '{bad}'"),
                "SELECT pg_reload_conf()",
            ],
        )
        .await;
        seen(&server, name, bad).await;
        let reply = apply(&mut writer, vec![step(name, bad, None, (good, source))]).await;
        assert!(
            matches!(reply, backstay_model::event::WriteReply::Effective { .. }),
            "{name}: {reply:?}"
        );
        assert!(!auto_conf(&server).contains(name));
    }
}

#[tokio::test]
async fn roles_are_put_back_while_writes_hang_or_fail() {
    for (name, bad) in [
        ("default_transaction_read_only", "on"),
        ("synchronous_standby_names", "nosuch"),
        ("statement_timeout", "1ms"),
    ] {
        let Some(server) = server(&[], &[]).await else {
            return;
        };
        let mut writer = writer(&server);
        run(
            &server,
            &[
                "CREATE ROLE app LOGIN",
                "ALTER ROLE app SET work_mem = '64kB'",
            ],
        )
        .await;
        run(
            &server,
            &[
                &format!("ALTER SYSTEM SET {name} = '{bad}'"),
                "SELECT pg_reload_conf()",
            ],
        )
        .await;
        seen(&server, name, bad).await;
        let app = Scope::Role { role: "app".into() };
        effective(&apply(&mut writer, vec![scoped(app, "work_mem", "64kB", None)]).await);
    }
}

#[tokio::test]
async fn the_held_connection_works_when_new_ones_are_refused() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let mut writer = writer(&server);
    writer.hold().await.unwrap();
    change(
        &server,
        &["ALTER SYSTEM SET log_min_duration_statement = '0'"],
        ("log_min_duration_statement", "0"),
    )
    .await;
    let hba = server.data_dir().join("pg_hba.conf");
    std::fs::write(
        &hba,
        "local all all trust\nhost all all 127.0.0.1/32 reject\n",
    )
    .unwrap();
    run(&server, &["SELECT pg_reload_conf()"]).await;
    let back = step(
        "log_min_duration_statement",
        "0",
        None,
        ("-1", ValueSource::Default),
    );
    effective(&apply(&mut writer, vec![back]).await);
    assert_eq!(cell(&server, "SHOW log_min_duration_statement").await, "-1");
}

fn file(server: &backstay_scratch::postgres::Server) -> ValueSource {
    ValueSource::File {
        path: server
            .data_dir()
            .join("postgresql.conf")
            .display()
            .to_string(),
    }
}

/// Waits until the server runs with the bad value, however much it disturbs the one who looks.
async fn seen(server: &backstay_scratch::postgres::Server, name: &str, bad: &str) {
    let client = server.connect("postgres").await;
    for _ in 0..400 {
        if let Ok(client) = &client
            && let Ok(row) = client
                .query_one("SELECT current_setting($1)", &[&name])
                .await
            && row.get::<_, String>(0) == bad
        {
            return;
        }
        if let Ok(rows) = server.execute(&format!("SHOW {name}")).await
            && rows[0][0].as_deref() == Some(bad)
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("{name} never became {bad}");
}
