use backstay_model::id::PlanHash;
use backstay_model::{ChangeSetId, SettingKey, Value, ValueSource};

use super::*;
use crate::plan::plan;
use crate::samples::{World, change, plain, secret, system};

fn a() -> SettingKey {
    SettingKey::instance("a")
}

fn world() -> World {
    let b = SettingKey::instance("b");
    World::of(vec![
        change(a(), plain("1", ValueSource::Default), system("2")),
        change(b, system("1"), system("2")),
    ])
    .requires("b", "a")
}

/// What the linter says to a good plan that `spoil` changed; with its hash made right again.
fn spoiled(spoil: impl FnOnce(&mut Plan)) -> Vec<LintError> {
    let world = world();
    let mut plan = plan(&world.request());
    spoil(&mut plan);
    plan.hash = hash(&plan);
    lint(&plan, &world.request()).err().unwrap_or_default()
}

/// The place of setting `a` in the plan: `b` goes first.
const A: usize = 1;

#[test]
fn a_good_plan_passes() {
    assert_eq!(spoiled(|_| ()), []);
}

#[test]
fn each_rule_is_checked() {
    let key = a;
    let secret_step = spoiled(|p| p.steps[A].inverse = Inverse::Set(secret()));
    assert!(secret_step.contains(&LintError::Secret { key: key() }));
    let pinned = spoiled(|p| p.steps[A].inverse = Inverse::Set(Value::text("1")));
    assert!(pinned.contains(&LintError::Inverse { key: key() }));
    assert_eq!(
        spoiled(|p| p.steps[A].expect = system("3")),
        [LintError::Expect { key: key() }]
    );
    let twice = spoiled(|p| p.steps.push(p.steps[A].clone()));
    assert_eq!(twice, [LintError::Twice { key: key() }]);
    assert_eq!(
        spoiled(|p| drop(p.steps.remove(A))),
        [LintError::Missing { key: key() }]
    );
    assert_eq!(
        spoiled(|p| p.steps.reverse()),
        [LintError::Order {
            before: SettingKey::instance("b"),
            after: key()
        }]
    );
    let other = SettingKey::instance("c");
    assert!(
        spoiled(|p| p.steps[A].key = other.clone()).contains(&LintError::NotGuilty { key: other })
    );
    let by_hand = spoiled(|p| p.steps[A].route = Route::CommandLine);
    assert!(by_hand.contains(&LintError::RunsForPeople { key: key() }));
    assert_eq!(
        spoiled(|p| p.commands.retain(|c| !c.contains(": a "))),
        [LintError::NotShown { key: key() }]
    );
    assert_eq!(
        spoiled(|p| p.change_set = ChangeSetId(8)),
        [LintError::OtherChangeSet]
    );
    assert!(spoiled(|p| p.steps.clear()).contains(&LintError::Empty));
}

#[test]
fn a_wrong_hash_is_told() {
    let world = world();
    let plan = Plan {
        hash: PlanHash("0".into()),
        ..plan(&world.request())
    };
    assert_eq!(lint(&plan, &world.request()), Err(vec![LintError::Hash]));
}

#[test]
fn code_is_never_written() {
    let world = world();
    let plan = plan(&world.request());
    let strict = world.class(a(), SettingClass::CodeRunning);
    assert_eq!(
        lint(&plan, &strict.request()),
        Err(vec![LintError::CodeRunning { key: a() }])
    );
}
