use super::*;
use crate::learner::{Comparable, Dimension, Origin, Position};
use crate::stats::permutation::Shuffle;

const DAY: i64 = 86_400;

fn number(value: f64) -> Reading {
    Reading {
        value: Comparable::Number(Dimension::Plain, value),
        origin: Origin::Chosen,
    }
}

fn switch(on: u32) -> Reading {
    let position = if on > 0 { Position::On } else { Position::Off };
    Reading {
        value: Comparable::Switch(position),
        origin: Origin::Chosen,
    }
}

type Values = Vec<(&'static str, Reading)>;

/// A fleet of `hosts` targets with values of `make`, and what is found the day after.
fn fleet(hosts: u32, make: impl Fn(u32, &mut Shuffle) -> Values) -> (Invariants, Vec<Invariant>) {
    let mut invariants = Invariants::default();
    let mut shuffle = Shuffle::new(21);
    for host in 0..hosts {
        let values = make(host, &mut shuffle);
        put(&mut invariants, host, 0, &values);
    }
    assert_eq!(invariants.advance(Timestamp(0)), []);
    let found = invariants.advance(Timestamp::from_secs(DAY));
    (invariants, found)
}

fn put(invariants: &mut Invariants, host: u32, second: i64, values: &Values) -> Vec<Invariant> {
    let target = TargetId::new(&format!("db-{host}"));
    invariants.server(&target, EngineKind::Postgresql);
    let values = values
        .iter()
        .map(|(n, r)| (SettingName::new(n), *r))
        .collect();
    invariants.snapshot((&target, Timestamp::from_secs(second)), &values)
}

fn rules(found: &[Invariant]) -> Vec<&str> {
    found.iter().map(|i| i.rule.as_str()).collect()
}

/// `low <= high` in every host, their ranges overlapping.
fn bounded(_: u32, shuffle: &mut Shuffle) -> Values {
    let high = f64::from(shuffle.below(900) + 10);
    let low = (high * f64::from(shuffle.below(1_000)) / 1e3).floor();
    let free = f64::from(shuffle.below(900));
    vec![
        ("low", number(low)),
        ("high", number(high)),
        ("free", number(free)),
    ]
}

#[test]
fn a_bound_is_found_and_a_free_setting_is_not_bound() {
    let (_, found) = fleet(60, bounded);
    assert_eq!(rules(&found), ["low <= high"]);
    let bound = &found[0];
    assert_eq!(
        (bound.from.as_str(), bound.kind),
        ("low", EdgeKind::BoundedBy)
    );
    assert_eq!(bound.symmetric, Symmetric::No);
    assert!(bound.cases >= 55 && bound.log_lr > 50.0_f64.ln());
}

#[test]
fn ranges_that_never_meet_say_nothing() {
    let (_, found) = fleet(60, |_, s| {
        let (small, large) = (f64::from(s.below(100)), f64::from(s.below(100) + 1_000));
        vec![("small", number(small)), ("large", number(large))]
    });
    assert!(found.is_empty(), "{:?}", rules(&found));
}

#[test]
fn equality_and_ratios_are_found_and_not_told_as_bounds() {
    let (_, found) = fleet(40, |host, _| {
        let x = f64::from(host * 7 + 3);
        vec![
            ("x", number(x)),
            ("same", number(x)),
            ("triple", number(3.0 * x)),
        ]
    });
    let mut rules = rules(&found);
    rules.sort_unstable();
    assert_eq!(rules, ["same = x", "triple = 3 * same", "triple = 3 * x"]);
    assert!(found.iter().all(|i| i.symmetric == Symmetric::Yes));
}

#[test]
fn a_switch_that_needs_another_is_found() {
    let (_, found) = fleet(120, |host, s| {
        let base = s.below(2);
        let needy = if base > 0 { s.below(2) } else { 0 };
        // What else is chosen makes the snapshots different.
        let mut values = vec![("base", switch(base)), ("needy", switch(needy))];
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        for (bit, name) in names.into_iter().enumerate() {
            if host >> bit & 1 == 1 {
                values.push((name, number(1.0)));
            }
        }
        values
    });
    assert_eq!(rules(&found), ["needy = on => base = on"]);
    assert_eq!(found[0].kind, EdgeKind::Requires);
}

#[test]
fn two_thousand_copies_of_one_host_are_one_case() {
    let (_, found) = fleet(2_000, |host, _| {
        let kind = host % 19;
        vec![
            ("x", number(f64::from(kind))),
            ("y", number(f64::from(kind))),
        ]
    });
    assert!(found.is_empty());
}

#[test]
fn what_nobody_chose_and_other_dimensions_do_not_count() {
    let (_, found) = fleet(60, |host, _| {
        let built_in = Reading {
            origin: Origin::Default,
            ..number(f64::from(host))
        };
        let bytes = Reading {
            value: Comparable::Number(Dimension::Bytes, f64::from(host)),
            origin: Origin::Chosen,
        };
        vec![("x", built_in), ("y", built_in), ("bytes", bytes)]
    });
    assert!(found.is_empty(), "{:?}", rules(&found));
}

#[test]
fn independent_columns_keep_the_rate_of_false_discoveries() {
    let wrong = (0..60_u64).filter(|seed| {
        let mut shuffle = Shuffle::new(*seed);
        let mut invariants = Invariants::default();
        const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
        for host in 0..40 {
            // Scales from 64 to 8,192, so that some columns lie mostly below others.
            let mut value = |n: usize| number(f64::from(shuffle.below(64 << n)));
            let names = NAMES.iter().enumerate();
            let values = names.map(|(n, name)| (*name, value(n))).collect();
            put(&mut invariants, host, 0, &values);
        }
        invariants.advance(Timestamp(0));
        !invariants.advance(Timestamp::from_secs(DAY)).is_empty()
    });
    assert!(wrong.count() <= 3);
}

#[test]
fn a_healthy_violation_makes_it_advice_and_more_take_it_back() {
    let (mut invariants, found) = fleet(60, bounded);
    let before = found[0].log_lr;
    let broken = vec![
        ("low", number(9.0)),
        ("high", number(3.0)),
        ("free", number(1.0)),
    ];
    assert_eq!(
        put(&mut invariants, 3, DAY, &broken),
        [],
        "it may yet go wrong"
    );
    let said = put(&mut invariants, 3, 2 * DAY, &broken);
    assert_eq!(
        (said[0].severity, said[0].violations),
        (Severity::Advice, 1)
    );
    assert!(said[0].log_lr < before && said[0].log_lr > 0.0);
    assert_eq!(
        put(&mut invariants, 3, 3 * DAY, &broken),
        [],
        "one target is one violation"
    );
    let mut last = said[0].log_lr;
    for host in 4..64 {
        put(&mut invariants, host, 4 * DAY, &broken);
        last = put(&mut invariants, host, 6 * DAY, &broken)[0].log_lr;
    }
    assert!(last < 0.2, "{last}");
}

#[test]
fn a_violation_that_went_wrong_does_not_speak_against() {
    let (mut invariants, _) = fleet(60, bounded);
    let broken = vec![
        ("low", number(9.0)),
        ("high", number(3.0)),
        ("free", number(1.0)),
    ];
    put(&mut invariants, 3, DAY, &broken);
    let target = TargetId::new("db-3");
    invariants.troubled(&target);
    assert_eq!(put(&mut invariants, 3, 3 * DAY, &broken), []);
    invariants.recovered(&target);
    assert_eq!(
        put(&mut invariants, 3, 4 * DAY, &broken),
        [],
        "the day begins anew"
    );
}

#[test]
fn rows_are_bounded() {
    let mut invariants = Invariants::default();
    for host in 0..5_000 {
        put(&mut invariants, host, 0, &vec![("x", number(1.0))]);
    }
    assert!(invariants.bytes() < 1 << 20, "{}", invariants.bytes());
}
