use std::collections::BTreeMap;
use std::fmt::Write as _;

use backstay_model::change::{Pending, Standing};
use backstay_model::name::EngineKind;
use backstay_model::snapshot::{NodeRole, Server};
use backstay_model::{SettingKey, SnapshotId, TargetId, Timestamp, ValueSource};

use super::*;
use crate::check::check;
use crate::conf::parse_conf;
use crate::units::Quantity;

fn role(name: &str) -> Scope {
    Scope::Role { role: name.into() }
}

fn database(name: &str) -> Scope {
    Scope::Database {
        database: name.into(),
    }
}

fn role_in(role: &str, database: &str) -> Scope {
    Scope::RoleInDatabase {
        role: role.into(),
        database: database.into(),
    }
}

/// What the scopes break over `conf`, on a host of 16 GB.
fn told(conf: &str, scoped: &[(Scope, &str, &str)]) -> String {
    let pack = crate::pack(EngineKind::Postgresql, 15).unwrap().pack;
    let (lines, _) = parse_conf(conf);
    let (instance, errors) = Candidate::new(pack)
        .with_host("memory", Quantity::Bytes(16 << 30))
        .with_conf(&lines);
    assert_eq!(errors, []);
    let snapshot = snapshot(scoped);
    let found = overlays(&instance, &snapshot, &check(pack, &instance));
    let mut text = String::new();
    for overlay in &found.found {
        let whose: Vec<String> = overlay.whose.iter().map(ToString::to_string).collect();
        for taken in &overlay.broken {
            let back = taken.taken_back.iter().map(|(s, n)| format!("{n} of {s}"));
            let back: Vec<String> = back.collect();
            let (whose, id) = (whose.join(", "), &taken.violation.constraint.id);
            writeln!(text, "{whose}: {id}; back: {}", back.join(" or ")).unwrap();
        }
    }
    for (scope, error) in &found.unread {
        writeln!(text, "{scope}: {error}").unwrap();
    }
    text
}

fn snapshot(scoped: &[(Scope, &str, &str)]) -> Snapshot {
    let settings = scoped.iter().map(|(scope, name, value)| {
        let key = SettingKey {
            scope: scope.clone(),
            name: SettingName::new(name),
        };
        let standing = Standing {
            effective: Some(Value::text(*value)),
            source: ValueSource::Role,
            entry: Some(Value::text(*value)),
            waiting: None,
            pending_restart: Pending::No,
        };
        (key, standing)
    });
    Snapshot {
        id: SnapshotId("0".into()),
        target: TargetId::new("t"),
        taken_at: Timestamp::default(),
        server: Server {
            engine: EngineKind::Postgresql,
            version: "15.20".into(),
            started_at: Timestamp::default(),
            processes_since: None,
            system_identifier: None,
            data_directory: String::new(),
            role: NodeRole::Primary,
        },
        settings: settings.collect::<BTreeMap<_, _>>(),
        files: Vec::new(),
        unloaded: Vec::new(),
        file_errors: Vec::new(),
        services: Vec::new(),
    }
}

#[test]
fn a_role_breaks_what_the_instance_keeps() {
    let scoped = [
        (role("app"), "statement_timeout", "20ms"),
        (role("app"), "work_mem", "64MB"),
    ];
    insta::assert_snapshot!(told("", &scoped));
}

#[test]
fn roles_with_the_same_values_are_told_once() {
    let scoped = [
        (role("a"), "work_mem", "8GB"),
        (role("b"), "work_mem", "8GB"),
        (database("shop"), "work_mem", "8GB"),
    ];
    insta::assert_snapshot!(told("", &scoped));
}

#[test]
fn a_role_and_a_database_break_together_what_neither_breaks() {
    let scoped = [
        (role("app"), "statement_timeout", "5s"),
        (database("shop"), "lock_timeout", "10s"),
        (database("other"), "work_mem", "8MB"),
    ];
    insta::assert_snapshot!(told("", &scoped));
}

#[test]
fn the_narrower_scope_is_stronger_and_inherits_nothing_told_already() {
    let scoped = [
        (role("app"), "work_mem", "8GB"),
        (role_in("app", "shop"), "lock_timeout", "1min"),
        (role_in("app", "calm"), "work_mem", "16MB"),
    ];
    insta::assert_snapshot!(told("", &scoped));
}

#[test]
fn sums_over_all_sessions_and_the_autovacuum_are_no_roles_own() {
    let scoped = [
        (role("report"), "work_mem", "2GB"),
        (role("dba"), "maintenance_work_mem", "3GB"),
    ];
    let conf = "max_connections = 400\nshared_buffers = 4GB\nautovacuum_max_workers = 8\n\
                maintenance_work_mem = 2GB";
    assert_eq!(told(conf, &scoped), "");
}

#[test]
fn what_the_instance_breaks_itself_is_not_told_of_a_role_again() {
    let scoped = [(role("app"), "work_mem", "9GB")];
    assert_eq!(told("work_mem = 8GB", &scoped), "");
}

#[test]
fn what_no_session_may_change_and_what_cannot_be_read() {
    let scoped = [
        (role("app"), "shared_buffers", "1TB"),
        (role("app"), "work_mem", "plenty"),
        (Scope::FileRule { rule: 1 }, "pg_hba", "trust"),
    ];
    insta::assert_snapshot!(told("", &scoped));
}

#[test]
fn many_different_values_are_bounded_and_counted() {
    let scoped: Vec<(Scope, String)> = (0..600)
        .map(|n| (role(&format!("r{n}")), format!("{}kB", 1_000 + n)))
        .collect();
    let scoped: Vec<(Scope, &str, &str)> = scoped
        .iter()
        .map(|(s, v)| (s.clone(), "work_mem", v.as_str()))
        .collect();
    let pack = crate::pack(EngineKind::Postgresql, 15).unwrap().pack;
    let instance = Candidate::new(pack);
    let found = overlays(&instance, &snapshot(&scoped), &check(pack, &instance));
    assert_eq!(
        (found.judged, found.left_out),
        (DIFFERENT_MAX, 600 - DIFFERENT_MAX)
    );
}
