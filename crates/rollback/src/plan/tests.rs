use std::fmt::Write as _;

use backstay_model::change::{Pending, Standing, TakesEffect};
use backstay_model::plan::{Inverse, Route};
use backstay_model::value::Fingerprint;
use backstay_model::{Change, Value, ValueSource};
use proptest::prelude::*;

use super::*;
use crate::lint::lint;
use crate::samples::{
    World, change, entry, file, plain, role, rule, secret, system, takes_effect, waiting,
};

fn work_mem() -> SettingKey {
    SettingKey::instance("work_mem")
}

fn conf() -> ValueSource {
    file("/etc/postgresql.conf")
}

/// The plan as a person reads it; it must pass the linter.
fn told(world: &World) -> String {
    let request = world.request();
    let plan = plan(&request);
    assert_eq!(lint(&plan, &request), Ok(()));
    let mut out = String::new();
    for step in &plan.steps {
        let source = &step.predict.source;
        let value = step
            .predict
            .effective
            .as_ref()
            .map_or("not set".into(), ToString::to_string);
        writeln!(out, "step {}: then {value} from {source}", step.key).unwrap();
    }
    for line in &plan.commands {
        writeln!(out, "> {line}").unwrap();
    }
    if let Some(why) = &plan.manual {
        writeln!(out, "by people: {why}").unwrap();
    }
    out
}

#[test]
fn no_entry_before_is_reset() {
    let world = World::of(vec![change(
        work_mem(),
        plain("4MB", ValueSource::Default),
        system("64kB"),
    )]);
    insta::assert_snapshot!(told(&world), @"
    step work_mem: then 4MB from default
    > system: work_mem reset
    > reload
    ");
}

#[test]
fn an_entry_before_is_written_again() {
    let old = Standing {
        effective: Some(Value::text("4MB")),
        ..system("4096")
    };
    let world = World::of(vec![change(work_mem(), old, system("64kB"))]);
    insta::assert_snapshot!(told(&world), @"
    step work_mem: then 4MB from ALTER SYSTEM
    > system: work_mem set to 4096
    > reload
    ");
}

#[test]
fn an_entry_that_was_removed_comes_back() {
    let world = World::of(vec![change(
        work_mem(),
        system("8MB"),
        plain("4MB", conf()),
    )]);
    insta::assert_snapshot!(told(&world), @"
    step work_mem: then 8MB from ALTER SYSTEM
    > system: work_mem set to 8MB
    > reload
    ");
}

#[test]
fn roles_get_back_what_they_had() {
    let absent = || Standing::absent(ValueSource::Default);
    let by_role = |value| entry(value, ValueSource::Role);
    let world = World::of(vec![
        change(role("statement_timeout"), absent(), by_role("1ms")),
        change(role("work_mem"), by_role("4MB"), absent()),
    ]);
    insta::assert_snapshot!(told(&world), @"
    step statement_timeout (role app): then not set from default
    step work_mem (role app): then 4MB from ALTER ROLE
    > catalogue: statement_timeout (role app) reset
    > catalogue: work_mem (role app) set to 4MB
    ");
    // Where nothing is set any more, nothing is in the snapshot.
    let mut gone = world;
    gone.now.settings.remove(&role("work_mem"));
    insta::assert_snapshot!(told(&gone), @"
    step statement_timeout (role app): then not set from default
    step work_mem (role app): then 4MB from ALTER ROLE
    > catalogue: statement_timeout (role app) reset
    > catalogue: work_mem (role app) set to 4MB
    ");
}

#[test]
fn files_and_the_command_line_are_for_people() {
    let jit = SettingKey::instance("jit");
    for (old, new) in [
        (plain("4MB", conf()), plain("64kB", conf())),
        (plain("4MB", ValueSource::Default), plain("64kB", conf())),
        (plain("4MB", conf()), plain("64kB", ValueSource::Default)),
        (
            plain("4MB", conf()),
            plain("64kB", ValueSource::CommandLine),
        ),
        (
            plain("4MB", ValueSource::CommandLine),
            plain("64kB", ValueSource::Default),
        ),
    ] {
        let world = World::of(vec![change(jit.clone(), old, new)]);
        let plan = plan(&world.request());
        assert_eq!(lint(&plan, &world.request()), Ok(()));
        assert!(!plan.commands.is_empty());
        assert!(matches!(
            plan.manual,
            Some(HoldReason::FileOwned { .. } | HoldReason::CommandLine)
        ));
    }
    let world = World::of(vec![change(jit, plain("on", conf()), plain("off", conf()))]);
    insta::assert_snapshot!(told(&world), @"
    step jit: then on from /etc/postgresql.conf
    > by hand in /etc/postgresql.conf: jit set to on
    > reload
    by people: the value stands in /etc/postgresql.conf, which people own
    ");
}

#[test]
fn rules_of_who_may_log_in_are_edited_by_hand() {
    let old = plain("host all all all md5", file("/etc/pg_hba.conf"));
    let new = plain("host all all all reject", file("/etc/pg_hba.conf"));
    let world =
        World::of(vec![change(rule(3), old, new)]).class(rule(3), SettingClass::Authentication);
    insta::assert_snapshot!(told(&world), @"
    step pg_hba (rule 3): then host all all all md5 from /etc/pg_hba.conf
    > by hand in /etc/pg_hba.conf: pg_hba (rule 3) set to host all all all md5
    > reload
    by people: the value stands in /etc/pg_hba.conf, which people own
    ");
}

#[test]
fn what_waits_for_a_restart_is_disarmed() {
    let key = SettingKey::instance("shared_buffers");
    let old = plain("128MB", conf());
    let new = waiting("128MB", conf(), "900GB");
    let world = World::of(vec![takes_effect(
        change(key.clone(), old, new),
        TakesEffect::AtRestart,
    )])
    .class(key.clone(), SettingClass::Restart);
    insta::assert_snapshot!(told(&world), @"
    step shared_buffers: then 128MB from /etc/postgresql.conf
    > system: shared_buffers reset
    > reload
    ");
    // After the restart the file can be put back, and people restart again.
    insta::assert_snapshot!(told(&world.now(key, system("900GB"))), @"
    step shared_buffers: then 128MB from /etc/postgresql.conf
    > system: shared_buffers reset
    > reload
    > -- restart the server: shared_buffers changes only then
    by people: takes effect only after a restart of the server
    ");
}

#[test]
fn what_is_masked_is_put_back_without_an_effect() {
    let old = plain("on", ValueSource::CommandLine);
    let new = Standing {
        entry: Some(Value::text("off")),
        ..old.clone()
    };
    let world = World::of(vec![takes_effect(
        change(work_mem(), old, new),
        TakesEffect::Masked,
    )]);
    insta::assert_snapshot!(told(&world), @"
    step work_mem: then on from command line
    > system: work_mem reset
    > reload
    ");
}

#[test]
fn secrets_and_code_are_never_written() {
    let conninfo = SettingKey::instance("primary_conninfo");
    let hidden = || Standing {
        effective: Some(secret()),
        entry: Some(secret()),
        ..system("")
    };
    let command = SettingKey::instance("archive_command");
    let world = World::of(vec![
        change(conninfo.clone(), hidden(), plain("", ValueSource::Default)),
        change(command.clone(), system("cp a b"), system("rm -rf /")),
        change(work_mem(), system("4MB"), system("64kB")),
    ])
    .class(conninfo, SettingClass::Secret)
    .class(command, SettingClass::CodeRunning);
    insta::assert_snapshot!(told(&world), @r#"
    step work_mem: then 4MB from ALTER SYSTEM
    > system: work_mem set to 4MB
    > -- archive_command runs or loads code: put it back by hand (it was cp a b)
    > -- primary_conninfo held a secret that is not kept: set it again by hand
    > reload
    by people: settings of class "runs code" wait for a person
    "#);
}

#[test]
fn a_setting_of_unknown_class_is_never_written() {
    let mut world = World::of(vec![change(work_mem(), system("4MB"), system("64kB"))]);
    world.classes.clear();
    let plan = plan(&world.request());
    assert_eq!(plan.steps, []);
    assert_eq!(
        plan.manual,
        Some(HoldReason::Class(SettingClass::CodeRunning))
    );
}

#[test]
fn what_somebody_moved_since_is_left_alone() {
    let world = World::of(vec![change(work_mem(), system("4MB"), system("64kB"))]);
    insta::assert_snapshot!(told(&world.now(work_mem(), system("1GB"))), @"
    > -- left alone: work_mem was moved since: it is 1GB now, from ALTER SYSTEM
    by people: no plan: work_mem was moved since: it is 1GB now, from ALTER SYSTEM
    ");
    let world = World::of(vec![change(work_mem(), system("4MB"), system("64kB"))]);
    let elsewhere = Standing {
        source: ValueSource::CommandLine,
        ..system("64kB")
    };
    assert!(matches!(
        plan(&world.now(work_mem(), elsewhere).request()).manual,
        Some(HoldReason::NoPlan { .. })
    ));
}

#[test]
fn an_entry_written_before_it_took_effect_is_found_in_the_last_good() {
    let stale = || {
        let old = Standing {
            entry: Some(Value::text("64kB")),
            ..plain("4MB", ValueSource::Default)
        };
        World::of(vec![change(work_mem(), old, system("64kB"))])
    };
    let good = |standing| stale().good(vec![(work_mem(), standing)]);
    insta::assert_snapshot!(told(&good(plain("4MB", ValueSource::Default))), @"
    step work_mem: then 4MB from default
    > system: work_mem reset
    > reload
    ");
    insta::assert_snapshot!(told(&stale()), @"
    > -- left alone: work_mem was written before it took effect, and what stood there is not recorded
    by people: no plan: work_mem was written before it took effect, and what stood there is not recorded
    ");
    assert_eq!(
        told(&good(plain("8MB", ValueSource::Default))),
        told(&stale())
    );
}

#[test]
fn what_the_server_derives_is_not_ours() {
    let old = plain("1", ValueSource::Default);
    let world = World::of(vec![change(
        work_mem(),
        old,
        plain("2", ValueSource::Override),
    )]);
    insta::assert_snapshot!(told(&world), @"
    > -- left alone: neither a statement nor a file gave work_mem its value, but: derived by the server
    by people: no plan: neither a statement nor a file gave work_mem its value, but: derived by the server
    ");
}

#[test]
fn a_reset_that_may_lead_elsewhere_asks() {
    let set = || vec![change(work_mem(), plain("4MB", conf()), system("64kB"))];
    let good = |value| World::of(set()).good(vec![(work_mem(), plain(value, conf()))]);
    assert_eq!(plan(&good("4MB").request()).manual, None);
    insta::assert_snapshot!(told(&good("16MB")), @"
    step work_mem: then 4MB from /etc/postgresql.conf
    > system: work_mem reset
    > reload
    by people: no plan: a RESET of work_mem may not lead back to 4MB
    ");
    let mut edited = good("4MB");
    edited.now.files[0].fingerprint = Some(Fingerprint("f2".into()));
    insta::assert_snapshot!(told(&edited), @"
    step work_mem: then 4MB from /etc/postgresql.conf
    > system: work_mem reset
    > reload
    by people: no plan: /etc/postgresql.conf was edited since: a RESET of work_mem may lead to another value
    ");
}

#[test]
fn whatever_requires_something_goes_first() {
    let keys = ["a", "b", "c"].map(SettingKey::instance);
    let changes = || {
        keys.iter()
            .map(|k| change(k.clone(), system("1"), system("2")))
            .collect()
    };
    let world = World::of(changes())
        .requires("c", "b")
        .requires("b", "a")
        .requires("x", "c");
    insta::assert_snapshot!(told(&world), @"
    step c: then 1 from ALTER SYSTEM
    step b: then 1 from ALTER SYSTEM
    step a: then 1 from ALTER SYSTEM
    > system: c set to 1
    > system: b set to 1
    > system: a set to 1
    > reload
    ");
    let circle = World::of(changes()).requires("c", "b").requires("b", "c");
    insta::assert_snapshot!(told(&circle), @"
    step a: then 1 from ALTER SYSTEM
    step b: then 1 from ALTER SYSTEM
    step c: then 1 from ALTER SYSTEM
    > system: a set to 1
    > system: b set to 1
    > system: c set to 1
    > reload
    by people: no plan: no order of its steps keeps what the settings require
    ");
}

#[test]
fn only_the_guilty_are_put_back() {
    let keys = ["a", "b"].map(SettingKey::instance);
    let world = World::of(
        keys.iter()
            .map(|k| change(k.clone(), system("1"), system("2")))
            .collect(),
    );
    let only = BTreeSet::from([keys[1].clone()]);
    let request = Request {
        guilty: Guilty::Only(&only),
        ..world.request()
    };
    let some = plan(&request);
    assert_eq!(lint(&some, &request), Ok(()));
    assert_eq!(
        some.steps.iter().map(|s| &s.key).collect::<Vec<_>>(),
        [&keys[1]]
    );
    let nobody = BTreeSet::new();
    let none = plan(&Request {
        guilty: Guilty::Only(&nobody),
        ..world.request()
    });
    assert!(matches!(none.manual, Some(HoldReason::NoPlan { .. })));
}

#[test]
fn a_plan_says_what_it_does_not_undo() {
    let sync = SettingKey::instance("synchronous_commit");
    let world = World::of(vec![
        change(
            sync.clone(),
            plain("on", ValueSource::Default),
            system("off"),
        ),
        change(
            role("work_mem"),
            Standing::absent(ValueSource::Default),
            entry("1MB", ValueSource::Role),
        ),
    ])
    .class(sync, SettingClass::Durability);
    insta::assert_snapshot!(plan(&world.request()).does_not_undo.join("\n"), @"
    Data: a configuration rollback puts no rows, files or lost requests back.
    Sessions that began in the meantime keep the value until they connect again.
    Durability: what was confirmed in the meantime may be lost in a crash until it is written again.
    ");
}

#[test]
fn the_hash_is_of_every_byte_but_its_own() {
    let world = World::of(vec![change(work_mem(), system("4MB"), system("64kB"))])
        .good(vec![(work_mem(), system("4MB"))]);
    let first = plan(&world.request());
    assert_eq!(first.hash.0.len(), 64);
    assert_eq!(first.back_to, Some(SnapshotId("good".into())));
    let other = Plan {
        does_not_undo: Vec::new(),
        ..first.clone()
    };
    assert_ne!(hash(&other), first.hash);
    assert_eq!(
        hash(&Plan {
            hash: PlanHash("x".into()),
            ..first.clone()
        }),
        first.hash
    );
}

fn any_value() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        Just(None),
        "[ab]{1,2}".prop_map(|t| Some(Value::text(t))),
        Just(Some(secret()))
    ]
}

fn any_source() -> impl Strategy<Value = ValueSource> {
    prop_oneof![
        Just(ValueSource::Default),
        Just(conf()),
        Just(ValueSource::AutoFile),
        Just(ValueSource::CommandLine),
    ]
}

fn any_standing() -> impl Strategy<Value = Standing> {
    let pending = prop_oneof![Just(Pending::No), Just(Pending::Restart)];
    (any_value(), any_source(), any_value(), pending).prop_map(
        |(effective, source, entry, pending_restart)| Standing {
            effective,
            source,
            entry,
            waiting: None,
            pending_restart,
        },
    )
}

fn any_class() -> impl Strategy<Value = SettingClass> {
    prop::sample::select(vec![
        SettingClass::Reloadable,
        SettingClass::Restart,
        SettingClass::Durability,
        SettingClass::Authentication,
        SettingClass::Secret,
        SettingClass::CodeRunning,
    ])
}

fn any_change() -> impl Strategy<Value = (Change, SettingClass, Standing)> {
    let key = prop_oneof![
        "[a-d]".prop_map(|n| SettingKey::instance(&n)),
        "[a-d]".prop_map(|n| role(&n)),
        (1_u32..3).prop_map(rule),
    ];
    let effect = prop::sample::select(vec![
        TakesEffect::Now,
        TakesEffect::NewSessions,
        TakesEffect::AtRestart,
        TakesEffect::Masked,
    ]);
    let standings = (any_standing(), any_standing(), any_standing());
    (key, standings, effect, any_class()).prop_map(|(key, (old, new, now), effect, class)| {
        (takes_effect(change(key, old, new), effect), class, now)
    })
}

proptest! {
    /// Any change set, however odd: the same request gives the same bytes, the plan passes the linter,
    /// writes no secret and no code, and without a reason for people every step is a statement that
    /// expects what stands there.
    #[test]
    fn every_plan_keeps_the_rules(
        parts in prop::collection::btree_map(0..6_u8, any_change(), 1..5),
        pairs in prop::collection::vec(("[a-d]", "[a-d]"), 0..4),
        moved in prop::bool::ANY,
    ) {
        let mut parts: Vec<_> = parts.into_values().collect();
        parts.sort_by(|a, b| a.0.key.cmp(&b.0.key));
        parts.dedup_by(|a, b| a.0.key == b.0.key);
        let mut world = World::of(parts.iter().map(|(c, _, _)| c.clone()).collect());
        for (change, class, now) in parts {
            world = world.class(change.key.clone(), class);
            if moved {
                world = world.now(change.key, now);
            }
        }
        for (before, after) in &pairs {
            world = world.requires(before, after);
        }
        let plan = plan(&world.request());
        prop_assert_eq!(serde_json::to_vec(&plan).unwrap(), serde_json::to_vec(&super::plan(&world.request())).unwrap());
        prop_assert_eq!(lint(&plan, &world.request()), Ok(()));
        for step in &plan.steps {
            prop_assert!(!matches!(step.inverse, Inverse::Set(Value::Secret(_))));
            prop_assert_ne!(world.classes[&step.key], SettingClass::CodeRunning);
            if plan.manual.is_none() {
                prop_assert!(matches!(step.route, Route::AlterSystem | Route::RoleOrDatabase));
            }
        }
        prop_assert!(!plan.commands.is_empty());
        prop_assert!(!plan.does_not_undo.is_empty());
    }
}
