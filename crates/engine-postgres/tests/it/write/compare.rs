//! Compare-and-set, one writer among many, and read-back.

use backstay_model::ValueSource;
use backstay_model::event::WriteReply;
use backstay_model::plan::Found;

use crate::bed::*;

#[tokio::test]
async fn a_reset_leaves_the_file_as_it_was_and_a_second_delivery_writes_nothing() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let before = auto_conf(&server);
    change(
        &server,
        &["ALTER SYSTEM SET work_mem = '64kB'"],
        ("work_mem", "64kB"),
    )
    .await;
    let mut writer = writer(&server);
    let back = || {
        vec![step(
            "work_mem",
            "64kB",
            None,
            ("4096", ValueSource::Default),
        )]
    };

    assert_eq!(inspect(&mut writer, back()).await, Found::NotApplied);
    let reply = apply(&mut writer, back()).await;
    effective(&reply);
    let WriteReply::Effective { timing } = reply else {
        unreachable!()
    };
    assert!(
        timing.write_s > 0.0 && timing.read_back_s > 0.0 && timing.check_s > 0.0,
        "{timing:?}"
    );
    assert_eq!(auto_conf(&server), before);
    assert_eq!(cell(&server, "SHOW work_mem").await, "4MB");
    assert_eq!(our_statements(&server), 1);

    assert_eq!(inspect(&mut writer, back()).await, Found::Effective);
    effective(&apply(&mut writer, back()).await);
    assert_eq!(
        our_statements(&server),
        1,
        "the second delivery found it done"
    );
}

#[tokio::test]
async fn a_set_puts_the_old_entry_back_as_it_stood() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    change(
        &server,
        &["ALTER SYSTEM SET work_mem = '8MB'"],
        ("work_mem", "8MB"),
    )
    .await;
    let before = auto_conf(&server);
    change(
        &server,
        &["ALTER SYSTEM SET work_mem = '64kB'"],
        ("work_mem", "64kB"),
    )
    .await;
    let mut writer = writer(&server);
    let back = step(
        "work_mem",
        "64kB",
        Some("8MB"),
        ("8192", ValueSource::AutoFile),
    );
    effective(&apply(&mut writer, vec![back]).await);
    assert_eq!(auto_conf(&server), before);
    assert_eq!(cell(&server, "SHOW work_mem").await, "8MB");
}

#[tokio::test]
async fn what_someone_else_wrote_is_never_overwritten() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let mut writer = writer(&server);
    let back = || {
        vec![step(
            "work_mem",
            "64kB",
            None,
            ("4096", ValueSource::Default),
        )]
    };
    // a third value
    change(
        &server,
        &["ALTER SYSTEM SET work_mem = '1MB'"],
        ("work_mem", "1MB"),
    )
    .await;
    let before = auto_conf(&server);
    let reply = apply(&mut writer, back()).await;
    let WriteReply::Conflict {
        found: Found::Foreign { found, .. },
    } = &reply
    else {
        panic!("{reply:?}")
    };
    assert_eq!(
        found.effective.as_ref().and_then(|v| v.as_text()),
        Some("1024")
    );
    // the same value from another source
    let conf = server.data_dir().join("postgresql.conf");
    let mut text = std::fs::read_to_string(&conf).unwrap();
    text.push_str("\nwork_mem = 64kB\n");
    std::fs::write(&conf, text).unwrap();
    change(
        &server,
        &["ALTER SYSTEM RESET work_mem"],
        ("work_mem", "64kB"),
    )
    .await;
    let reply = apply(&mut writer, back()).await;
    assert!(
        matches!(
            reply,
            WriteReply::Conflict {
                found: Found::Foreign { .. }
            } | WriteReply::NotEffective { .. }
        ),
        "{reply:?}"
    );
    assert_eq!(cell(&server, "SHOW work_mem").await, "64kB");
    assert!(before.contains("work_mem = '1MB'"));
    assert_eq!(our_statements(&server), 0);
}

#[tokio::test]
async fn of_eight_writers_exactly_one_writes() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    for round in 1..=3 {
        change(
            &server,
            &["ALTER SYSTEM SET work_mem = '64kB'"],
            ("work_mem", "64kB"),
        )
        .await;
        let mut race = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let mut writer = writer(&server);
            race.spawn(async move {
                writer.hold().await.unwrap();
                let back = step("work_mem", "64kB", None, ("4096", ValueSource::Default));
                apply(&mut writer, vec![back]).await
            });
        }
        for reply in race.join_all().await {
            effective(&reply);
        }
        assert_eq!(our_statements(&server), round);
    }
}

#[tokio::test]
async fn a_value_of_the_command_line_masks_and_is_never_called_effective() {
    let Some(server) = server(&[], &[("work_mem", "5MB")]).await else {
        return;
    };
    run(
        &server,
        &[
            "ALTER SYSTEM SET work_mem = '64kB'",
            "SELECT pg_reload_conf()",
        ],
    )
    .await;
    let mut back = step("work_mem", "64kB", None, ("4096", ValueSource::Default));
    back.expect.effective = Some(backstay_model::Value::text("5120"));
    back.expect.source = ValueSource::CommandLine;
    let reply = apply(&mut writer(&server), vec![back.clone()]).await;
    let masked = Found::Masked {
        by: ValueSource::CommandLine,
    };
    assert_eq!(
        reply,
        WriteReply::NotEffective {
            found: masked.clone()
        }
    );
    assert_eq!(inspect(&mut writer(&server), vec![back]).await, masked);
    assert_eq!(cell(&server, "SHOW work_mem").await, "5MB");
}

#[tokio::test]
async fn inspection_tells_where_a_write_was_cut() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    run(&server, &["ALTER SYSTEM SET work_mem = '64kB'"]).await;
    change(
        &server,
        &["ALTER SYSTEM SET maintenance_work_mem = '1MB'"],
        ("maintenance_work_mem", "1MB"),
    )
    .await;
    let mut writer = writer(&server);
    let both = || {
        vec![
            step("work_mem", "64kB", None, ("4096", ValueSource::Default)),
            step(
                "maintenance_work_mem",
                "1MB",
                None,
                ("65536", ValueSource::Default),
            ),
        ]
    };
    assert_eq!(inspect(&mut writer, both()).await, Found::NotApplied);
    run(&server, &["ALTER SYSTEM RESET work_mem"]).await;
    assert_eq!(inspect(&mut writer, both()).await, Found::Mixed);
    run(&server, &["ALTER SYSTEM RESET maintenance_work_mem"]).await;
    assert_eq!(inspect(&mut writer, both()).await, Found::Written);
    // a redelivery finishes what was cut
    effective(&apply(&mut writer, both()).await);
    assert_eq!(inspect(&mut writer, both()).await, Found::Effective);
    assert_eq!(our_statements(&server), 0, "only the reload was missing");
    drop(server);
    assert!(matches!(
        inspect(&mut writer, both()).await,
        Found::Unknown { .. }
    ));
}

#[tokio::test]
async fn settings_that_wait_for_a_restart_are_said_to_wait() {
    let Some(mut server) = server(&[], &[]).await else {
        return;
    };
    let old = cell(&server, "SHOW max_connections").await;
    // armed in the file only: putting the file right is all
    run(
        &server,
        &[
            "ALTER SYSTEM SET max_connections = '77'",
            "SELECT pg_reload_conf()",
        ],
    )
    .await;
    let mut writer = writer(&server);
    let source = || ValueSource::File {
        path: server
            .data_dir()
            .join("postgresql.conf")
            .display()
            .to_string(),
    };
    let in_file = cell(&server, "SELECT count(*) FROM pg_file_settings WHERE name = 'max_connections' AND sourcefile LIKE '%postgresql.conf'").await;
    let source = if in_file == "0" {
        ValueSource::Default
    } else {
        source()
    };
    let mut disarm = step("max_connections", "77", None, (&old, source.clone()));
    disarm.expect.effective = Some(backstay_model::Value::text(&old));
    disarm.expect.source = source.clone();
    effective(&apply(&mut writer, vec![disarm]).await);
    assert_eq!(
        cell(
            &server,
            "SELECT pending_restart FROM pg_settings WHERE name = 'max_connections'"
        )
        .await,
        "f"
    );
    // running: the file is put right, the server must be restarted
    run(&server, &["ALTER SYSTEM SET max_connections = '77'"]).await;
    server.restart().await.unwrap();
    let back = || vec![step("max_connections", "77", None, (&old, source.clone()))];
    assert_eq!(apply(&mut writer, back()).await, WriteReply::RestartPending);
    assert_eq!(inspect(&mut writer, back()).await, Found::Written);
    server.restart().await.unwrap();
    assert_eq!(inspect(&mut writer, back()).await, Found::Effective);
}
