//! Roles, databases, lists, and text that tries to escape.

use backstay_engine_postgres::observer::EVERY_ROLE;
use backstay_model::event::WriteReply;
use backstay_model::plan::Found;
use backstay_model::{Scope, ValueSource};

use crate::bed::*;

const ENTRIES: &str = "SELECT string_agg(entry, '; ' ORDER BY entry) FROM pg_db_role_setting, unnest(setconfig) entry";

#[tokio::test]
async fn roles_and_databases_go_back_in_one_transaction() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    run(
        &server,
        &[
            "CREATE ROLE app LOGIN",
            "CREATE ROLE \"Order \"\"App\"\"\" LOGIN",
            "CREATE DATABASE shop",
            "ALTER ROLE app SET statement_timeout = '1ms'",
            "ALTER DATABASE shop SET search_path = 'nowhere'",
            "ALTER ROLE \"Order \"\"App\"\"\" IN DATABASE shop SET work_mem = '64kB'",
        ],
    )
    .await;
    let app = || Scope::Role { role: "app".into() };
    let shop = || Scope::Database {
        database: "shop".into(),
    };
    let order = || Scope::RoleInDatabase {
        role: "Order \"App\"".into(),
        database: "shop".into(),
    };
    let steps = || {
        vec![
            scoped(app(), "statement_timeout", "1ms", None),
            scoped(
                shop(),
                "search_path",
                "nowhere",
                Some("\"$user\", public, \"Ä b\""),
            ),
            scoped(order(), "work_mem", "64kB", Some("8MB")),
        ]
    };
    let mut writer = writer(&server);
    assert_eq!(inspect(&mut writer, steps()).await, Found::NotApplied);
    effective(&apply(&mut writer, steps()).await);
    assert_eq!(
        cell(&server, ENTRIES).await,
        "search_path=\"$user\", public, \"Ä b\"; work_mem=8MB"
    );
    assert_eq!(our_statements(&server), 3);
    effective(&apply(&mut writer, steps()).await);
    assert_eq!(our_statements(&server), 3);

    // one that fails takes the others with it
    run(
        &server,
        &[
            "ALTER ROLE app SET statement_timeout = '1ms'",
            "ALTER DATABASE shop SET datestyle = 'ISO'",
        ],
    )
    .await;
    let steps = vec![
        scoped(app(), "statement_timeout", "1ms", None),
        scoped(shop(), "datestyle", "ISO", Some("no such style")),
    ];
    assert!(refusal(apply(&mut writer, steps).await).contains("no such style"));
    assert!(
        cell(&server, ENTRIES)
            .await
            .contains("statement_timeout=1ms")
    );

    // somebody else's entry stays
    run(&server, &["ALTER ROLE app SET statement_timeout = '5s'"]).await;
    let reply = apply(
        &mut writer,
        vec![scoped(app(), "statement_timeout", "1ms", None)],
    )
    .await;
    assert!(matches!(reply, WriteReply::Conflict { .. }), "{reply:?}");
}

#[tokio::test]
async fn what_is_set_for_every_role_is_not_what_a_role_named_all_has() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    run(
        &server,
        &[
            "CREATE ROLE \"all\"",
            "ALTER ROLE \"all\" SET work_mem = '64kB'",
            "ALTER ROLE ALL SET work_mem = '64kB'",
        ],
    )
    .await;
    let every = Scope::Role {
        role: EVERY_ROLE.into(),
    };
    effective(
        &apply(
            &mut writer(&server),
            vec![scoped(every, "work_mem", "64kB", None)],
        )
        .await,
    );
    let left = "SELECT string_agg(rolname, ',') FROM pg_db_role_setting JOIN pg_roles r ON r.oid = setrole";
    assert_eq!(cell(&server, left).await, "all");
    assert_eq!(
        cell(&server, "SELECT count(*) FROM pg_db_role_setting").await,
        "1"
    );
}

#[tokio::test]
async fn a_value_of_our_own_role_says_nothing_about_the_server() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    run(&server, &["CREATE ROLE backstay LOGIN SUPERUSER"]).await;
    change(
        &server,
        &["ALTER SYSTEM SET work_mem = '64kB'"],
        ("work_mem", "64kB"),
    )
    .await;
    run(&server, &["ALTER ROLE backstay SET work_mem = '64kB'"]).await;
    let mut writer = writer_as(
        &server,
        "backstay",
        std::sync::Arc::new(|| backstay_engine_postgres::write::Gate::Open),
    );
    let back = step("work_mem", "64kB", None, ("4096", ValueSource::Default));
    let why = refusal(apply(&mut writer, vec![back.clone()]).await);
    assert!(why.contains("our own role"), "{why}");
    assert!(matches!(
        inspect(&mut writer, vec![back]).await,
        Found::Unknown { .. }
    ));
    assert_eq!(our_statements(&server), 0);
}

#[tokio::test]
async fn lists_and_hostile_texts_come_back_exactly() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let mut writer = writer(&server);
    for (name, statement_value, raw) in [
        (
            "search_path",
            "'$user', 'public', 'Foo', 'a\"b, c'",
            "\"$user\", public, \"Foo\", \"a\"\"b, c\"",
        ),
        ("datestyle", "'German, DMY'", "German, DMY"),
        (
            "log_line_prefix",
            "'a''; fsync=off -- '",
            "a'; fsync=off -- ",
        ),
        ("log_line_prefix", "E'\\\\'' %m \\\\\\\\'", "\\' %m \\\\"),
        (
            "log_line_prefix",
            "'$$; DROP TABLE x; $$ /* '",
            "$$; DROP TABLE x; $$ /* ",
        ),
        (
            "session_preload_libraries",
            "'auto_explain', '$libdir/auto_explain'",
            "auto_explain, \"$libdir/auto_explain\"",
        ),
        ("log_destination", "'stderr,jsonlog'", "stderr,jsonlog"),
    ] {
        run(
            &server,
            &[&format!("ALTER SYSTEM SET {name} = {statement_value}")],
        )
        .await;
        let before = auto_conf(&server);
        let stored = cell(&server, &format!("SELECT setting FROM pg_file_settings WHERE name = '{name}' AND sourcefile LIKE '%auto.conf'")).await;
        assert_eq!(stored, raw, "{name}");
        run(&server, &["SELECT pg_reload_conf()"]).await;
        let bad = match name {
            "datestyle" => "ISO, YMD",
            "session_preload_libraries" => "auto_explain",
            "log_destination" => "jsonlog",
            _ => "bad",
        };
        run(&server, &[&format!("ALTER SYSTEM SET {name} = '{bad}'")]).await;
        change(&server, &[], (name, bad)).await;
        let back = step(name, bad, Some(raw), (raw, ValueSource::AutoFile));
        let reply = apply(&mut writer, vec![back]).await;
        effective(&reply);
        assert_eq!(auto_conf(&server), before, "{name}");
        run(
            &server,
            &[
                &format!("ALTER SYSTEM RESET {name}"),
                "SELECT pg_reload_conf()",
            ],
        )
        .await;
    }
    assert_eq!(
        cell(&server, "SHOW fsync").await,
        cell(
            &server,
            "SELECT reset_val FROM pg_settings WHERE name = 'fsync'"
        )
        .await
    );
    assert!(!auto_conf(&server).contains("fsync"));
}

#[tokio::test]
async fn names_that_the_target_does_not_know_never_reach_a_statement() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let mut writer = writer(&server);
    let mut back = step("work_mem = '1'; --", "1", None, ("1", ValueSource::Default));
    back.expect.effective = None;
    back.expect.entry = None;
    back.expect.source = ValueSource::Default;
    back.inverse = backstay_model::plan::Inverse::Set(backstay_model::Value::text("x"));
    assert!(refusal(apply(&mut writer, vec![back]).await).contains("no setting named"));
    // known to the file, not to new sessions: it could not be read back
    run(&server, &["CREATE ROLE app LOGIN"]).await;
    let conf = server.data_dir().join("postgresql.auto.conf");
    std::fs::write(&conf, "auto_explain.log_timing = 'on'\n").unwrap();
    run(&server, &["SELECT pg_reload_conf()"]).await;
    let mut back = step(
        "auto_explain.log_timing",
        "on",
        None,
        ("off", ValueSource::Default),
    );
    back.expect.effective = None;
    let why = refusal(apply(&mut writer, vec![back]).await);
    assert!(why.contains("could not be read back"), "{why}");
    assert_eq!(our_statements(&server), 0);
}

#[tokio::test]
async fn literals_and_identifiers_mean_what_they_say_to_the_server() {
    use backstay_engine_postgres::sql;
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let name = backstay_model::SettingName::from_static("x");
    let client = server.connect("postgres").await.unwrap();
    let alphabet = [
        '\'', '\\', '"', '$', ';', '-', '/', '*', 'a', ' ', 'é', '%', '\t', 'E', '0', 'x',
    ];
    for mode in ["on", "off"] {
        client
            .batch_execute(&format!(
                "SET standard_conforming_strings = {mode}; SET escape_string_warning = off"
            ))
            .await
            .unwrap();
        let mut seed = 1_u64;
        for _ in 0..300 {
            let mut text = String::new();
            for _ in 0..(seed % 9) {
                seed = seed
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                text.push(alphabet[(seed >> 33) as usize % alphabet.len()]);
            }
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407)
                >> 1;
            let literal = sql::literal(&name, &text).unwrap();
            let row = client
                .query_one(
                    &format!("SELECT {literal}::text AS t, $1::text = {literal} AS same"),
                    &[&text],
                )
                .await
                .unwrap();
            assert_eq!(row.get::<_, String>(0), text, "{mode}");
            assert!(row.get::<_, bool>(1));
            if let Ok(identifier) = sql::identifier(&text) {
                let row = client
                    .query_one(&format!("SELECT 1 AS {identifier}"), &[])
                    .await
                    .unwrap();
                assert_eq!(row.columns()[0].name(), text);
            }
        }
    }
}
