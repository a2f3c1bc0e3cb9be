use std::fmt::Write as _;

use backstay_model::name::EngineKind;
use backstay_model::snapshot::{NodeRole, Server};
use backstay_model::{SnapshotId, TargetId, Timestamp};

use super::*;

/// `name reset_val source context [restart]`
fn settings(lines: &str) -> Vec<SettingRow> {
    let row = |line: &str| {
        let w: Vec<&str> = line.split_whitespace().collect();
        SettingRow {
            name: w[0].to_owned(),
            reset_val: (w[1] != "-").then(|| w[1].to_owned()),
            boot_val: Some("boot".to_owned()),
            source: w[2].replace('_', " "),
            sourcefile: None,
            context: w[3].to_owned(),
            vartype: if matches!(w[1], "on" | "off") {
                "bool"
            } else {
                "string"
            }
            .to_owned(),
            pending_restart: w.len() > 4,
        }
    };
    lines
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .map(row)
        .collect()
}

/// `path name value [error]`
fn files(lines: &str) -> Option<Vec<FileRow>> {
    let row = |(line, text): (u32, &str)| {
        let w: Vec<&str> = text.split_whitespace().collect();
        FileRow {
            path: w[0].to_owned(),
            line,
            name: Some(w[1].to_owned()),
            setting: Some(w[2].to_owned()),
            applied: w.len() == 3,
            error: w.get(3).map(|e| (*e).to_owned()),
        }
    };
    Some(
        (1..)
            .zip(lines.lines().map(str::trim).filter(|l| !l.is_empty()))
            .map(row)
            .collect(),
    )
}

fn rule(method: &str) -> RuleRow {
    let some = |text: &str| Some(text.to_owned());
    RuleRow {
        kind: some("host"),
        databases: some("all"),
        roles: some("app,ann"),
        address: some("10.0.0.0"),
        netmask: some("255.0.0.0"),
        method: some(method),
        ..RuleRow::default()
    }
}

fn redactor() -> Redactor {
    Redactor::new(b"key", &TargetId::new("db"))
}

fn shown(found: &Standings) -> String {
    let mut text = String::new();
    for (key, s) in &found.settings {
        let or = |v: &Option<Value>| v.as_ref().map_or("-".to_owned(), ToString::to_string);
        let waits = if s.pending_restart == Pending::Restart {
            " waits"
        } else {
            ""
        };
        writeln!(
            text,
            "{key}: {} by {}, entry {}{waits}",
            or(&s.effective),
            s.source,
            or(&s.entry)
        )
        .unwrap();
    }
    for e in &found.file_errors {
        writeln!(text, "{}:{} {}", e.path, e.line, e.message).unwrap();
    }
    text
}

fn snapshot(found: Standings) -> Snapshot {
    Snapshot {
        id: SnapshotId(String::new()),
        target: TargetId::new("db"),
        taken_at: Timestamp::default(),
        server: Server {
            engine: EngineKind::Postgresql,
            version: "15.18".into(),
            started_at: Timestamp::default(),
            processes_since: None,
            system_identifier: None,
            data_directory: "/d".into(),
            role: NodeRole::Primary,
        },
        settings: found.settings,
        files: Vec::new(),
        unloaded: Vec::new(),
        file_errors: Vec::new(),
        services: Vec::new(),
    }
}

#[test]
fn value_source_and_entry_are_told_apart() {
    let reading = Reading {
        settings: settings(
            "work_mem 65536 configuration_file user
             jit on command_line user
             statement_timeout 5000 session user
             max_connections 100 configuration_file postmaster restart
             log_connections off default superuser-backend
             DateStyle ISO database user
             archive_command (disabled) configuration_file sighup
             server_version 15.18 default internal
             application_name x client user",
        ),
        files: files(
            "/d/postgresql.conf max_connections 200 applied-at-restart
             /d/postgresql.conf work_mem 4MB
             /d/postgresql.conf archive_command cp_with_key
             /d/postgresql.conf broken lots invalid-value
             /d/postgresql.auto.conf work_mem 64MB
             /d/postgresql.auto.conf jit off
             /d/postgresql.auto.conf log_connections yes
             /d/postgresql.auto.conf ext.level 3",
        ),
        scoped: vec![
            ScopedRow {
                role: Some("app".into()),
                entry: "work_mem=1MB".into(),
                ..ScopedRow::default()
            },
            ScopedRow {
                database: Some("shop".into()),
                entry: "jit=off".into(),
                ..ScopedRow::default()
            },
            ScopedRow {
                entry: "x.y=a=b".into(),
                ..ScopedRow::default()
            },
        ],
        rules: Some(vec![rule("scram-sha-256")]),
        ..Reading::default()
    };
    let found = standings(&reading, &redactor(), None, Loaded::Yes);
    insta::assert_snapshot!(shown(&found), @r#"
    archive_command: (disabled) by /d/postgresql.conf, entry -
    broken: - by /d/postgresql.conf, entry -
    datestyle: boot by default, entry -
    ext.level: - by ALTER SYSTEM, entry 3
    jit: on by command line, entry off
    log_connections: on by ALTER SYSTEM, entry yes
    max_connections: 100 by /d/postgresql.conf, entry - waits
    server_version: 15.18 by derived by the server, entry -
    statement_timeout: 5000 by default, entry -
    work_mem: 65536 by ALTER SYSTEM, entry 64MB
    jit (database shop): off by ALTER DATABASE, entry off
    x.y (role ALL): (secret) by ALTER ROLE, entry (secret)
    work_mem (role app): 1MB by ALTER ROLE, entry 1MB
    pg_hba (rule 1): host all app,ann 10.0.0.0/8 scram-sha-256 by pg_hba.conf, entry -
    /d/postgresql.conf:4 broken = lots: invalid-value
    "#);
    assert_eq!(found.hidden, ["DateStyle"]);
    assert!(found.session_start.contains("log_connections"));
}

#[test]
fn what_no_reload_activated_does_not_count_yet() {
    let reading = |work_mem: &str, auto: &str, method: &str| Reading {
        settings: settings(&format!(
            "work_mem {work_mem} default user\nlog_connections off default backend"
        )),
        files: files(auto),
        rules: Some(vec![rule(method)]),
        ..Reading::default()
    };
    let first = standings(&reading("4096", "", "md5"), &redactor(), None, Loaded::Yes);
    let last = snapshot(first.clone());
    let auto = "postgresql.auto.conf work_mem 64MB\npostgresql.auto.conf log_connections on\npostgresql.auto.conf ext.new 1";
    let waiting = standings(
        &reading("4096", auto, "reject"),
        &redactor(),
        Some(&last),
        Loaded::No,
    );
    assert_eq!(shown(&waiting), shown(&first));
    let active = standings(
        &reading("65536", auto, "reject"),
        &redactor(),
        Some(&last),
        Loaded::Yes,
    );
    insta::assert_snapshot!(shown(&active), @r#"
    ext.new: - by ALTER SYSTEM, entry 1
    log_connections: on by ALTER SYSTEM, entry on
    work_mem: 65536 by default, entry 64MB
    pg_hba (rule 1): host all app,ann 10.0.0.0/8 reject by pg_hba.conf, entry -
    "#);
}

/// Whoever writes a file in place empties it first, and may be seen doing so.
#[test]
fn a_file_seen_while_it_is_written_takes_no_setting_away() {
    let whole = Reading {
        settings: settings("work_mem 4MB default user"),
        files: files("/d/postgresql.conf log_directory /var/log"),
        ..Reading::default()
    };
    let last = snapshot(standings(&whole, &redactor(), None, Loaded::Yes));
    let torn = Reading {
        files: files(""),
        ..whole.clone()
    };
    let now = standings(&torn, &redactor(), Some(&last), Loaded::No);
    assert_eq!(now.settings, last.settings);
    let reloaded = standings(&torn, &redactor(), Some(&last), Loaded::Yes);
    assert_eq!(reloaded.settings.len(), 1, "now the line is gone indeed");
}

#[test]
fn broken_rules_are_errors_and_the_old_ones_hold() {
    let mut reading = Reading {
        rules: Some(vec![rule("md5"), rule("trust")]),
        ..Reading::default()
    };
    let first = standings(&reading, &redactor(), None, Loaded::Yes);
    let last = snapshot(first.clone());
    let broken = RuleRow {
        line: 7,
        error: Some("invalid IP mask".into()),
        ..RuleRow::default()
    };
    reading.rules = Some(vec![rule("reject"), broken]);
    let found = standings(&reading, &redactor(), Some(&last), Loaded::Yes);
    assert_eq!(found.settings, first.settings);
    assert_eq!(
        shown(&found).lines().last(),
        Some("pg_hba.conf:7 invalid IP mask")
    );
}

#[test]
fn a_rule_reads_as_it_is_typed() {
    for (mask, typed) in [
        ("255.255.255.255", "32"),
        ("255.255.255.0", "24"),
        ("0.0.0.0", "0"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "128"),
        ("ffff:ffff::", "32"),
        ("255.0.255.0", "255.0.255.0"),
    ] {
        assert_eq!(prefix(mask), typed);
    }
}

#[test]
fn secrets_of_rules_are_fingerprints() {
    let options = |secret: &str| RuleRow {
        options: Some(format!("ldapserver=l ldapbindpasswd={secret}")),
        ..rule("ldap")
    };
    let text = rule_text(&options("hunter2"), &redactor());
    assert!(
        !text.contains("hunter2") && text.contains("ldapbindpasswd=(secret "),
        "{text}"
    );
    assert_ne!(text, rule_text(&options("hunter3"), &redactor()));
}

#[test]
fn a_line_that_the_server_cannot_use_gives_nothing() {
    let reading = |lines: &str| Reading {
        settings: settings("work_mem 4096 session user"),
        files: files(lines),
        ..Reading::default()
    };
    let see = |lines: &str, last| standings(&reading(lines), &redactor(), last, Loaded::Yes);
    let first = see("", None);
    let last = snapshot(first.clone());
    let broken = see("/c/extra.conf work_mem lots unusable", Some(&last));
    assert_eq!(broken.settings, first.settings);
    assert_eq!(broken.file_errors.len(), 1);
}
