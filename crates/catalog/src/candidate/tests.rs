use std::collections::BTreeMap;

use backstay_model::change::Standing;
use backstay_model::name::EngineKind;
use backstay_model::snapshot::{NodeRole, Server};
use backstay_model::value::Fingerprint;
use backstay_model::{SettingKey, SnapshotId, TargetId, Timestamp};

use super::*;

fn candidate() -> Candidate<'static> {
    Candidate::new(crate::pack(EngineKind::Postgresql, 15).unwrap().pack)
}

fn name(text: &str) -> SettingName {
    SettingName::new(text)
}

fn standing(effective: Option<Value>, entry: Option<&str>, pending: Pending) -> Standing {
    let entry = entry.map(Value::text);
    Standing {
        effective,
        source: ValueSource::AutoFile,
        entry,
        waiting: None,
        pending_restart: pending,
    }
}

#[test]
fn special_values_are_expanded() {
    let mut c = candidate();
    assert_eq!(
        c.effective(&name("autovacuum_work_mem")),
        Some(Quantity::Bytes(64 << 20))
    );
    assert_eq!(
        c.effective(&name("statement_timeout")),
        Some(Quantity::Unlimited)
    );
    assert_eq!(
        c.effective(&name("wal_buffers")),
        Some(Quantity::Bytes(4 << 20))
    );
    c.assign("shared_buffers", "8GB").unwrap();
    assert_eq!(
        c.effective(&name("wal_buffers")),
        Some(Quantity::Bytes(16 << 20))
    );
    c.assign("autovacuum_work_mem", "1GB").unwrap();
    assert_eq!(
        c.effective(&name("autovacuum_work_mem")),
        Some(Quantity::Bytes(1 << 30))
    );
}

#[test]
fn set_means_other_than_built_in() {
    let mut c = candidate();
    assert_eq!(Environment::set(&c, &name("work_mem")), Some(false));
    c.assign("work_mem", "4096kB").unwrap();
    assert_eq!(Environment::set(&c, &name("work_mem")), Some(false));
    c.assign("work_mem", "8MB").unwrap();
    assert_eq!(Environment::set(&c, &name("work_mem")), Some(true));
    c.reset(&name("work_mem"));
    assert_eq!(c.shown(&name("work_mem")).as_deref(), Some("4MB"));
    c.assign("primary_conninfo", "password=x").unwrap();
    assert_eq!(
        c.shown(&name("primary_conninfo")).as_deref(),
        Some("(secret)")
    );
}

#[test]
fn proposals_that_make_no_sense_are_refused() {
    let mut c = candidate();
    let errors: Vec<_> = [
        ("work_men", "4MB"),
        ("wrok_mem", "4MB"),
        ("buffers", "4MB"),
        ("qqqqqq", "1"),
        ("block_size", "4096"),
        ("my_extension.limit", "7"),
    ]
    .into_iter()
    .map(|(n, text)| {
        c.assign(n, text)
            .map_or_else(|e| e.to_string(), |q| format!("{n} = {q}"))
    })
    .collect();
    insta::assert_snapshot!(errors.join("\n"), @r##"
    work_men: no such setting in postgresql 15; did you mean work_mem?
    wrok_mem: no such setting in postgresql 15; did you mean work_mem?
    buffers: no such setting in postgresql 15; did you mean shared_buffers or temp_buffers or wal_buffers?
    qqqqqq: no such setting in postgresql 15
    block_size = 4096: it tells a fact about the server and cannot be set
    my_extension.limit = 7
    "##);
}

#[test]
fn settings_that_the_server_lists_nowhere_are_taken_as_it_takes_them() {
    // Each tried with `postgres -C` of 15.
    for (name, text, taken) in [
        ("default_with_oids", "off", true),
        ("default_with_oids", "on", false),
        ("ssl_renegotiation_limit", "0", true),
        ("ssl_renegotiation_limit", "512", false),
        ("seed", "0.5", true),
        ("seed", "2", false),
    ] {
        assert_eq!(
            candidate().assign(name, text).is_ok(),
            taken,
            "{name} = {text}"
        );
    }
}

fn snapshot() -> Snapshot {
    let settings = BTreeMap::from([
        (
            SettingKey::instance("work_mem"),
            standing(Some(Value::text("65536")), None, Pending::No),
        ),
        (
            SettingKey::instance("max_connections"),
            standing(Some(Value::text("100")), Some("500"), Pending::Restart),
        ),
        (
            SettingKey::instance("primary_conninfo"),
            standing(
                Some(Value::Secret(Fingerprint("ab".into()))),
                None,
                Pending::No,
            ),
        ),
        (
            SettingKey::instance("jit"),
            standing(Some(Value::text("perhaps")), None, Pending::No),
        ),
        (
            SettingKey {
                scope: Scope::Role { role: "app".into() },
                name: name("fsync"),
            },
            standing(Some(Value::text("off")), None, Pending::No),
        ),
    ]);
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
        settings,
        files: Vec::new(),
        unloaded: Vec::new(),
        file_errors: Vec::new(),
        services: Vec::new(),
    }
}

#[test]
fn a_snapshot_gives_what_is_in_effect_or_will_be() {
    let snapshot = snapshot();
    let (now, errors) = candidate().with_snapshot(&snapshot, At::Now);
    assert_eq!(errors.len(), 1);
    assert_eq!(
        now.setting(&name("work_mem")),
        Some(Quantity::Bytes(64 << 20))
    );
    assert_eq!(
        now.setting(&name("max_connections")),
        Some(Quantity::Count(100))
    );
    assert_eq!(now.setting(&name("fsync")), Some(Quantity::Bool(true)));
    assert_eq!(
        (
            now.setting(&name("jit")),
            now.setting(&name("primary_conninfo"))
        ),
        (None, None)
    );
    assert_eq!(
        Environment::set(&now, &name("primary_conninfo")),
        Some(true)
    );
    let (next, _) = candidate().with_snapshot(&snapshot, At::NextStart);
    assert_eq!(
        next.setting(&name("max_connections")),
        Some(Quantity::Count(500))
    );
}

#[test]
fn what_the_server_derived_is_not_set_by_anybody() {
    let mut snapshot = snapshot();
    let key = SettingKey::instance("work_mem");
    let standing = snapshot.settings.get_mut(&key).unwrap();
    standing.source = ValueSource::Override;
    let (now, _) = candidate().with_snapshot(&snapshot, At::Now);
    assert_eq!(Environment::set(&now, &name("work_mem")), Some(false));
    let mut changed = now.clone();
    changed.assign("work_mem", "64MB").unwrap();
    assert_eq!(Environment::set(&changed, &name("work_mem")), Some(true));
}
