use super::*;
use crate::belief::{Group, Standing, believe};

const HOUR: i64 = 3_600;

/// A change set for each name.
fn cs(name: &str) -> ChangeSetId {
    let mixed = name.bytes().fold(0_u64, |h, b| {
        h.wrapping_mul(1_099_511_628_211) ^ u64::from(b)
    });
    ChangeSetId(mixed)
}

fn hour(n: i64) -> Timestamp {
    Timestamp::from_secs(n * HOUR)
}

fn change(id: &str, at: i64, author: &str, setting: &str) -> Changed {
    Changed {
        at: hour(at),
        change_set: cs(id),
        author: author.into(),
        setting: SettingName::new(setting),
        old: Some(Value::text("1")),
        new: Some(Value::text("2")),
    }
}

fn shop() -> TargetId {
    TargetId::new("shop")
}

/// X at hour `at`, trouble, Y, recovery; on one target.
fn story(fixes: &mut Fixes, target: &str, at: i64, authors: (&str, &str)) -> Vec<FixPair> {
    let target = TargetId::new(target);
    let id = format!("{target}-{at}");
    fixes.changed(&target, change(&id, at, authors.0, "max_connections"));
    fixes.troubled(&target, hour(at + 1), Some(cs(&id)));
    fixes.changed(
        &target,
        change(&format!("{id}-fix"), at + 2, authors.1, "work_mem"),
    );
    fixes.recovered(&target, hour(at + 3))
}

#[test]
fn trouble_that_another_change_ended_makes_a_pair() {
    let mut fixes = Fixes::default();
    let found = story(&mut fixes, "shop", 0, ("ada", "bob"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].from.as_str(), "max_connections");
    assert_eq!(found[0].to.as_str(), "work_mem");
    assert_eq!(found[0].evidence.anchor, format!("fix:{}", cs("shop-0")));
    assert_eq!(found[0].evidence.observed_at, Some(hour(3)));
    assert!((found[0].evidence.log_lr - 20_f64.ln()).abs() < 1e-12);
    assert!(
        fixes.recovered(&shop(), hour(4)).is_empty(),
        "recovered already"
    );
}

#[test]
fn two_thousand_hosts_are_one_incident_and_other_people_another() {
    let mut fixes = Fixes::default();
    let mut evidence = Vec::new();
    for host in 0..2_000 {
        let found = story(&mut fixes, &format!("host{host}"), 0, ("ada", "ada"));
        evidence.extend(found.into_iter().map(|p| p.evidence));
    }
    assert_eq!(evidence.len(), 1);
    for (at, authors) in [(1, ("bob", "ada")), (48, ("ada", "ada"))] {
        let found = story(&mut fixes, "shop", at, authors);
        evidence.extend(found.into_iter().map(|p| p.evidence));
    }
    assert_eq!(evidence.len(), 3);
    let belief = believe(&evidence, None, Standing::Exact);
    assert!((belief.from_group(Group::History) - 8_000_f64.ln().min(5_000_f64.ln())).abs() < 1e-9);
}

#[test]
fn putting_x_back_is_a_revert_and_no_pair() {
    let mut fixes = Fixes::default();
    fixes.changed(&shop(), change("x", 0, "ada", "max_connections"));
    fixes.troubled(&shop(), hour(1), Some(cs("x")));
    fixes.changed(&shop(), change("y", 2, "ada", "work_mem"));
    let mut back = change("z", 2, "ada", "max_connections");
    (back.old, back.new) = (back.new, back.old);
    fixes.changed(&shop(), back);
    assert!(fixes.recovered(&shop(), hour(3)).is_empty());

    fixes.changed(&shop(), change("x2", 10, "ada", "max_connections"));
    fixes.troubled(&shop(), hour(11), Some(cs("x2")));
    fixes.changed(&shop(), change("y2", 12, "ada", "work_mem"));
    fixes.reverted(&shop(), cs("x2"));
    assert!(fixes.recovered(&shop(), hour(13)).is_empty());
}

#[test]
fn what_changed_outside_the_trouble_cures_nothing() {
    let mut fixes = Fixes::default();
    fixes.changed(&shop(), change("before", 0, "ada", "work_mem"));
    fixes.changed(&shop(), change("x", 1, "ada", "max_connections"));
    fixes.troubled(&shop(), hour(2), Some(cs("x")));
    assert!(
        fixes.recovered(&shop(), hour(3)).is_empty(),
        "it went away by itself"
    );
    // A cure that took more than a day to help is none.
    fixes.changed(&shop(), change("x", 10, "ada", "max_connections"));
    fixes.troubled(&shop(), hour(11), Some(cs("x")));
    fixes.changed(&shop(), change("y", 12, "ada", "work_mem"));
    assert!(fixes.recovered(&shop(), hour(40)).is_empty());
    // Without trouble nothing is cured, and an unknown target is no error.
    fixes.changed(&shop(), change("y", 50, "ada", "work_mem"));
    assert!(fixes.recovered(&shop(), hour(51)).is_empty());
    assert!(
        fixes
            .recovered(&TargetId::new("nobody"), hour(1))
            .is_empty()
    );
}

#[test]
fn several_candidates_say_little_each() {
    let mut fixes = Fixes::default();
    fixes.changed(&shop(), change("x", 0, "ada", "max_connections"));
    fixes.changed(&shop(), change("other", 0, "ada", "jit"));
    fixes.troubled(&shop(), hour(1), None);
    fixes.troubled(&shop(), hour(2), Some(cs("x")));
    fixes.changed(&shop(), change("y", 3, "ada", "work_mem"));
    let found = fixes.recovered(&shop(), hour(4));
    let names: Vec<&str> = found.iter().map(|p| p.from.as_str()).collect();
    assert_eq!(names, ["max_connections", "jit"]);
    let little = |p: &FixPair| (p.evidence.log_lr - 2_f64.ln()).abs() < 1e-12;
    assert!(found.iter().all(little));
    // Five by five says nothing.
    for i in 0..5 {
        fixes.changed(&shop(), change("x", 30, "ada", &format!("x{i}")));
    }
    fixes.troubled(&shop(), hour(31), Some(cs("x")));
    for i in 0..5 {
        fixes.changed(&shop(), change("y", 32, "ada", &format!("y{i}")));
    }
    assert!(fixes.recovered(&shop(), hour(33)).is_empty());
}

#[test]
fn what_is_told_twice_counts_once() {
    let mut once = Fixes::default();
    let mut twice = Fixes::default();
    let x = change("x", 0, "ada", "max_connections");
    let y = change("y", 2, "bob", "work_mem");
    for (fixes, times) in [(&mut once, 1), (&mut twice, 2)] {
        for _ in 0..times {
            fixes.changed(&shop(), x.clone());
        }
        for _ in 0..times {
            fixes.troubled(&shop(), hour(1), Some(cs("x")));
        }
        for _ in 0..times {
            fixes.changed(&shop(), y.clone());
        }
    }
    assert_eq!(
        once.recovered(&shop(), hour(3)),
        twice.recovered(&shop(), hour(3))
    );
}

#[test]
fn a_busy_target_is_remembered_within_bounds() {
    let mut fixes = Fixes::default();
    for i in 0..10_000 {
        fixes.changed(
            &shop(),
            change(&format!("c{i}"), 0, "ada", &format!("s{i}")),
        );
    }
    assert!(fixes.sites[&shop()].changes.len() <= CHANGES_MAX);
}
