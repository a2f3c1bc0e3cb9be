use std::fmt::Write as _;

use backstay_model::name::EngineKind;
use backstay_model::snapshot::{NodeRole, Server};
use backstay_model::{SnapshotId, TargetId, Value};
use proptest::prelude::*;

use super::*;

/// Lines `setting effective source entry [restart]`, `-` for none; a setting may be
/// `role.app.work_mem` or `rule.3`.
fn snapshot(at_s: i64, lines: &str) -> Snapshot {
    let settings = lines
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let value = |text: &str| (text != "-").then(|| Value::text(text));
            let pending = words.get(4).map_or(Pending::No, |_| Pending::Restart);
            let standing = Standing {
                effective: value(words[1]),
                source: source(words[2]),
                entry: value(words[3]),
                waiting: None,
                pending_restart: pending,
            };
            (key(words[0]), standing)
        });
    Snapshot {
        id: SnapshotId(String::new()),
        target: TargetId::new("db"),
        taken_at: Timestamp::from_secs(at_s),
        server: Server {
            engine: EngineKind::Postgresql,
            version: "15.18".into(),
            started_at: Timestamp::default(),
            processes_since: None,
            system_identifier: None,
            data_directory: "/data".into(),
            role: NodeRole::Primary,
        },
        settings: settings.collect(),
        files: Vec::new(),
        unloaded: Vec::new(),
        file_errors: Vec::new(),
        services: Vec::new(),
    }
}

fn key(text: &str) -> SettingKey {
    match text.split('.').collect::<Vec<_>>().as_slice() {
        ["role", role, name] => SettingKey {
            scope: Scope::Role {
                role: (*role).to_owned(),
            },
            name: SettingName::new(name),
        },
        ["rule", rule] => SettingKey {
            scope: Scope::FileRule {
                rule: rule.parse().unwrap(),
            },
            name: SettingName::new("pg_hba"),
        },
        _ => SettingKey::instance(text),
    }
}

fn source(word: &str) -> ValueSource {
    match word {
        "default" => ValueSource::Default,
        "auto" => ValueSource::AutoFile,
        "command-line" => ValueSource::CommandLine,
        "override" => ValueSource::Override,
        "session" => ValueSource::Session,
        "role" => ValueSource::Role,
        path => ValueSource::File {
            path: path.to_owned(),
        },
    }
}

fn said(at_s: f64, role: &str, application: &str, keys: &str, why: &str) -> Statement {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Statement {
        at: Some(Timestamp((at_s * 1e6) as i64)),
        role: some(role),
        application: some(application),
        keys: keys.split(' ').map(key).collect(),
        description: some(why),
    }
}

/// Changes between the reading at 100 s and the one at 110 s, the last quiet look at 109 s.
fn check(old: &str, new: &str, statements: &[Statement]) -> String {
    let seen = Observation {
        snapshot: snapshot(110, new),
        statements: statements.to_vec(),
        session_start: [SettingName::new("log_connections")].into(),
        unmoved_at: Some(Timestamp::from_secs(109)),
        complete_at: None,
    };
    let mut text = String::new();
    for c in changes(&snapshot(100, old), &seen) {
        let when = c
            .time
            .exact
            .map_or("?".to_owned(), |t| t.as_secs_f64().to_string());
        let why = c.description.as_deref().unwrap_or("-");
        writeln!(
            text,
            "{}: {} -> {} ({}) {:?} by {} at {when} because {why} {:?}",
            c.key,
            c.old_text(),
            c.new_text(),
            c.new.source,
            c.takes_effect,
            c.author,
            c.origin
        )
        .unwrap();
    }
    text
}

#[test]
fn a_statement_gives_author_time_and_reason() {
    insta::assert_snapshot!(check(
        "work_mem 4096 default -",
        "work_mem 65536 auto 64MB",
        &[
            said(95.0, "bob", "psql", "work_mem", "an older one"),
            said(109.2, "ann", "psql", "work_mem", "OPS-77 reports are slow"),
            said(109.3, "eve", "psql", "jit", "about something else"),
            said(109.4, "", "", "work_mem", ""),
        ],
    ), @"work_mem: 4096 -> 65536 (ALTER SYSTEM) Now by ann at 109.4 because OPS-77 reports are slow Observed");
}

#[test]
fn without_a_statement_nobody_is_blamed() {
    insta::assert_snapshot!(check(
        "work_mem 4096 default -\njit on default -",
        "work_mem 65536 /etc/pg/postgresql.conf -\njit on default -",
        &[said(112.0, "ann", "psql", "work_mem", "after it was seen"), said(109.5, "ann", "psql", "jit", "")],
    ), @"work_mem: 4096 -> 65536 (/etc/pg/postgresql.conf) Now by unknown at ? because - Observed");
}

/// When a change that was read from 110 s to 110.2 s is said to have been, after a quiet look at 109 s.
fn timed(ran_at_s: f64) -> (Option<f64>, f64) {
    let seen = Observation {
        unmoved_at: Some(Timestamp::from_secs(109)),
        complete_at: Some(Timestamp(110_200_000)),
        ..Observation::new(
            snapshot(110, "jit off auto off"),
            vec![said(ran_at_s, "ann", "psql", "jit", "")],
        )
    };
    let time = changes(&snapshot(100, "jit on default -"), &seen)[0].time;
    (
        time.exact.map(Timestamp::as_secs_f64),
        time.not_after.as_secs_f64(),
    )
}

#[test]
fn the_exact_moment_lies_between_the_looks() {
    assert_eq!(timed(109.3), (Some(109.3), 110.2));
    assert_eq!(timed(110.1), (Some(110.1), 110.2), "while it was read");
    assert_eq!(
        timed(110.9),
        (Some(110.2), 110.2),
        "the server's clock is ahead"
    );
    assert_eq!(
        timed(108.4),
        (Some(109.0), 110.2),
        "the server's clock is behind"
    );
    assert_eq!(timed(107.9), (None, 110.2), "it waited for its reload");
}

#[test]
fn a_statement_may_wait_for_its_reload() {
    insta::assert_snapshot!(check(
        "work_mem 4096 default -",
        "work_mem 65536 auto 64MB",
        &[said(42.0, "ann", "psql", "work_mem", "tonight")],
    ), @"work_mem: 4096 -> 65536 (ALTER SYSTEM) Now by ann at ? because tonight Observed");
}

#[test]
fn when_a_change_works_depends_on_where_and_what() {
    insta::assert_snapshot!(check(
        "max_connections 100 default -
         log_connections off default -
         jit on command-line -
         shared_buffers 16384 auto 128MB restart
         role.app.statement_timeout - role -",
        "max_connections 100 default 20 restart
         log_connections on auto on
         jit on command-line off
         shared_buffers 16384 default -
         role.app.statement_timeout 1ms role 1ms
         rule.1 reject /etc/pg/pg_hba.conf -",
        &[],
    ), @"
    jit: on -> off (command line) Masked by unknown at ? because - Observed
    log_connections: off -> on (ALTER SYSTEM) NewSessions by unknown at ? because - Observed
    max_connections: 100 -> 20 (default) AtRestart by unknown at ? because - Observed
    shared_buffers: 16384 -> 16384 (default) Now by unknown at ? because - Observed
    statement_timeout (role app): not set -> 1ms (ALTER ROLE) NewSessions by unknown at ? because - Observed
    pg_hba (rule 1): not set -> reject (/etc/pg/pg_hba.conf) NewSessions by unknown at ? because - Observed
    ");
}

#[test]
fn a_restart_wakes_what_waited() {
    let old = "max_connections 100 default 20 restart";
    let new = "max_connections 20 auto 20";
    insta::assert_snapshot!(check(old, new, &[]), @"max_connections: 100 -> 20 (ALTER SYSTEM) Now by unknown at ? because - Observed");
    let all = changes(
        &snapshot(100, old),
        &Observation::new(snapshot(110, new), Vec::new()),
    );
    assert!(woken_by_restart(&all[0]));
}

#[test]
fn what_nobody_did_is_no_change() {
    insta::assert_snapshot!(check(
        "wal_buffers 512 override -
         shared_buffers 16384 default -
         application_name x session -
         pg_stat_statements.max 5000 default -",
        "wal_buffers 256 override -
         shared_buffers 8192 auto 64MB
         application_name y session -
         auto_explain.log_analyze off default -",
        &[],
    ), @"shared_buffers: 16384 -> 8192 (ALTER SYSTEM) Now by unknown at ? because - Observed");
}

#[test]
fn own_writes_are_ours() {
    insta::assert_snapshot!(check(
        "work_mem 65536 auto 64MB",
        "work_mem 4096 default -",
        &[said(109.2, "backstay_auto", "backstay/I7", "work_mem", "backstay I7 undoes C3")],
    ), @"work_mem: 65536 -> 4096 (default) Now by backstay at 109.2 because backstay I7 undoes C3 Ours");
}

#[test]
fn reset_all_explains_a_whole_scope() {
    insta::assert_snapshot!(check(
        "work_mem 65536 auto 64MB
         role.app.jit off role off
         role.bob.jit off role off",
        "work_mem 4096 default -
         role.bob.jit off role off",
        &[said(109.2, "ann", "", "role.app.all", "clean up")],
    ), @"
    work_mem: 65536 -> 4096 (default) Now by unknown at ? because - Observed
    jit (role app): off -> not set (ALTER ROLE) NewSessions by ann at 109.2 because clean up Observed
    ");
}

#[test]
fn a_rule_that_only_moved_did_not_change() {
    insta::assert_snapshot!(check(
        "rule.1 a f -
         rule.2 b f -
         rule.3 c f -",
        "rule.1 a f -
         rule.2 new f -
         rule.3 b f -
         rule.4 c f -",
        &[],
    ), @"pg_hba (rule 2): not set -> new (f) NewSessions by unknown at ? because - Observed");
    insta::assert_snapshot!(check(
        "rule.1 a f -
         rule.2 b f -
         rule.3 c f -",
        "rule.1 b f -
         rule.2 c f -",
        &[],
    ), @"pg_hba (rule 1): a -> not set (f) NewSessions by unknown at ? because - Observed");
}

fn lines() -> impl Strategy<Value = String> {
    let names = prop::sample::subsequence(
        vec![
            "work_mem",
            "jit",
            "max_connections",
            "role.app.jit",
            "role.bob.work_mem",
            "rule.1",
            "rule.2",
        ],
        0..=7,
    );
    let standing = (
        "[12]",
        prop::sample::select(vec!["auto", "f", "command-line"]),
        "[-12]",
        any::<bool>(),
    );
    (names, prop::collection::vec(standing, 7)).prop_map(|(names, standings)| {
        let line =
            |(name, (value, source, entry, waits)): (&&str, &(String, &str, String, bool))| {
                format!(
                    "{name} {value} {source} {entry} {}\n",
                    if *waits { "restart" } else { "" }
                )
            };
        names.iter().zip(&standings).map(line).collect()
    })
}

proptest! {
    #[test]
    fn nothing_is_lost_and_nothing_invented(old in lines(), new in lines()) {
        let (old, new) = (snapshot(100, &old), snapshot(110, &new));
        let found = changes(&old, &Observation::new(new.clone(), Vec::new()));
        let mut rebuilt = old.clone();
        for change in &found {
            prop_assert_ne!(&change.old, &change.new);
            prop_assert!(change.time.not_before <= change.time.not_after);
            prop_assert_eq!(&change.author, &Author::Unknown);
            match new.settings.get(&change.key) {
                Some(standing) => rebuilt.settings.insert(change.key.clone(), standing.clone()),
                None => rebuilt.settings.remove(&change.key),
            };
        }
        for settings in [&mut rebuilt.settings, &mut new.settings.clone()] {
            settings.retain(|key, _| !matches!(key.scope, Scope::FileRule { .. }));
        }
        let named: std::collections::BTreeMap<_, _> = new
            .settings
            .into_iter()
            .filter(|(key, _)| !matches!(key.scope, Scope::FileRule { .. }))
            .collect();
        prop_assert_eq!(rebuilt.settings, named);
    }

    #[test]
    fn equal_readings_have_no_changes_and_equal_identities(text in lines()) {
        let (old, new) = (snapshot(100, &text), snapshot(110, &text));
        prop_assert_eq!(crate::identity::snapshot_id(&old), crate::identity::snapshot_id(&new));
        prop_assert!(changes(&old, &Observation::new(new, Vec::new())).is_empty());
    }
}
