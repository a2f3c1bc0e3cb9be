use backstay_model::{ChangeSetId, MetricName, SettingKey, Value, WorkClass};
use proptest::prelude::*;

use super::*;
use crate::stats::permutation::Shuffle;

const DAY: i64 = 86_400;
const PG: EngineKind = EngineKind::Postgresql;

fn at(second: i64) -> Timestamp {
    Timestamp::from_secs(second)
}

fn target(n: u32) -> TargetId {
    TargetId::new(&format!("db-{n}"))
}

fn server(n: u32, major: u32) -> Observation {
    Observation::Server {
        target: target(n),
        at: at(0),
        engine: PG,
        major,
    }
}

/// Change set `id` on target `n`.
fn change(second: i64, n: u32, id: u64, name: &str, (old, new): (&str, &str)) -> Observation {
    Observation::Change {
        target: target(n),
        author: Author::Known {
            name: format!("actor-{}", id % 4),
            via: AuthorEvidence::ServerLog,
        },
        at: at(second),
        change_set: ChangeSetId(id),
        key: SettingKey::instance(name),
        old: Some(Value::text(old)),
        new: Some(Value::text(new)),
        pending: Pending::No,
    }
}

fn moved(second: i64, n: u32, name: &str) -> Observation {
    Observation::Effective {
        target: target(n),
        at: at(second),
        key: SettingKey::instance(name),
        old: Some(Value::text("1")),
        new: Some(Value::text("2")),
    }
}

fn outcome(second: i64, n: u32, id: u64, harm: Harm, effects: &[(f64, f64)]) -> Observation {
    let measured = |(d, se): &(f64, f64)| Measured {
        metric: MetricName::new("commits_per_s"),
        d: *d,
        se: *se,
    };
    Observation::Outcome {
        change_set: ChangeSetId(id),
        target: target(n),
        at: at(second),
        effects: effects.iter().map(measured).collect(),
        harm,
        work: WorkClass::OltpRead,
    }
}

fn learn(observations: &[Observation]) -> Vec<Learnt> {
    let mut learner = Learner::new(Config::default());
    observations
        .iter()
        .flat_map(|o| learner.observe(o))
        .collect()
}

/// `from -> to (anchor) log_lr` of every piece of evidence.
fn said(learnt: &[Learnt]) -> Vec<String> {
    let line = |l: &Learnt| match l {
        Learnt::Evidence {
            from, to, evidence, ..
        } => format!(
            "{from} -> {to} ({}) {:.2}",
            evidence.anchor, evidence.log_lr
        ),
        Learnt::Effect(e) => format!("{} ~ {} {:.2} n={}", e.setting, e.metric, e.mean, e.n),
    };
    learnt.iter().map(line).collect()
}

#[test]
fn a_fix_is_told_as_evidence_and_a_revert_is_not() {
    let story = |reverted: bool| {
        let mut all = vec![
            server(1, 17),
            change(0, 1, 1, "max_connections", ("100", "900")),
            outcome(60, 1, 1, Harm::Hurt, &[]),
        ];
        all.push(if reverted {
            Observation::Reverted {
                change_set: ChangeSetId(1),
                target: target(1),
                at: at(300),
            }
        } else {
            change(300, 1, 2, "work_mem", ("64MB", "4MB"))
        });
        all.push(Observation::Recovered {
            target: target(1),
            at: at(400),
        });
        said(&learn(&all))
    };
    assert_eq!(story(false), ["max_connections -> work_mem (fix:C1) 3.00"]);
    assert!(story(true).is_empty());
}

#[test]
fn effects_are_published_from_three_windows_and_are_no_dependency() {
    let mut all = vec![server(1, 17)];
    for n in 0..4_u64 {
        let began = i64::try_from(n).unwrap() * DAY;
        all.push(change(began, 1, n, "shared_buffers", ("1GB", "2GB")));
        all.push(outcome(began + 900, 1, n, Harm::Fine, &[(0.2, 0.01)]));
    }
    let learnt = learn(&all);
    let effects: Vec<&Effect> = learnt
        .iter()
        .filter_map(|l| match l {
            Learnt::Effect(e) => Some(e),
            Learnt::Evidence { .. } => None,
        })
        .collect();
    let told: Vec<_> = effects.iter().map(|e| (e.work, e.n)).collect();
    let [own, all] = [WorkClass::OltpRead, WorkClass::Unknown];
    assert_eq!(told, [(own, 3), (all, 3), (own, 4), (all, 4)]);
    for effect in &effects[2..] {
        assert!((effect.mean - 0.2).abs() < 1e-9);
        assert_eq!(effect.extent, Extent::Version(PG, 17));
    }
    for l in &learnt {
        if let Learnt::Evidence { to, kind, .. } = l {
            assert_eq!((to.kind(), *kind), ("metric", Some(EdgeKind::Affects)));
        }
    }
}

#[test]
fn two_settings_in_one_window_share_the_credit_and_are_not_published() {
    let mut all = vec![server(1, 17)];
    for n in 0..5_u64 {
        let began = i64::try_from(n).unwrap() * DAY;
        all.push(change(began, 1, n, "a", ("1", "2")));
        all.push(change(began + 1, 1, 100 + n, "b", ("1", "2")));
        all.push(outcome(began + 900, 1, n, Harm::Fine, &[(0.2, 0.01)]));
    }
    let learnt = learn(&all);
    assert!(!learnt.is_empty());
    assert!(!learnt.iter().any(|l| matches!(l, Learnt::Effect(_))));
}

#[test]
fn a_derivation_of_one_version_is_none_of_another() {
    let story = |majors: [u32; 2]| {
        let mut all = Vec::new();
        for (n, major) in (0..).zip(majors) {
            let began = i64::from(n) * 9_000;
            all.push(server(n, major));
            all.push(change(began, n, u64::from(n), "y", ("1", "2")));
            all.push(moved(began, n, "x"));
        }
        all.push(server(9, 17));
        all.push(change(50_000, 9, 9, "other", ("1", "2")));
        learn(&all)
    };
    assert!(story([16, 17]).is_empty());
    let learnt = story([17, 17]);
    let [
        Learnt::Evidence {
            extent,
            kind,
            evidence,
            ..
        },
    ] = learnt.as_slice()
    else {
        panic!("{learnt:?}")
    };
    assert_eq!(
        (extent, *kind),
        (&Extent::Version(PG, 17), Some(EdgeKind::Overrides))
    );
    assert_eq!(Source::of(evidence), Source::Probe);
}

#[test]
fn a_person_is_heard_for_the_target_or_for_all() {
    let says = |target: Option<TargetId>, opinion| Observation::Person {
        target,
        from: NodeKey::setting("a"),
        to: NodeKey::setting("b"),
        kind: EdgeKind::Requires,
        opinion,
        who: "ann".into(),
        at: at(5),
    };
    let learnt = learn(&[
        says(None, Opinion::Confirmed),
        says(Some(target(1)), Opinion::Rejected),
    ]);
    let extents: Vec<(Extent, f64)> = learnt
        .into_iter()
        .filter_map(|l| match l {
            Learnt::Evidence {
                extent, evidence, ..
            } => Some((extent, evidence.log_lr)),
            Learnt::Effect(_) => None,
        })
        .collect();
    assert_eq!(extents[0].0, Extent::Installation);
    assert_eq!(extents[1].0, Extent::Target(target(1)));
    assert!((extents[0].1 - 100.0_f64.ln()).abs() < 1e-12);
    assert!((extents[0].1 + extents[1].1).abs() < 1e-12);
}

#[test]
fn co_change_is_a_hint_whose_later_setting_depends_on_the_earlier() {
    let mut shuffle = Shuffle::new(17);
    let mut all: Vec<Observation> = (0..6).map(|n| server(n, 17)).collect();
    for day in 0..40_u64 {
        let began = i64::try_from(day).unwrap() * DAY;
        let n = (day % 6) as u32;
        for other in 0..6 {
            let name = format!("other_{}", shuffle.below(31));
            all.push(change(
                began + other as i64 * 3_000,
                n,
                day * 100 + other,
                &name,
                ("1", "2"),
            ));
        }
        if day % 4 == 0 {
            all.push(change(
                began + 40_000,
                n,
                day * 100 + 50 + day / 4,
                "wal_level",
                ("replica", "logical"),
            ));
            all.push(change(
                began + 40_030,
                n,
                day * 100 + 50 + day / 4,
                "max_wal_senders",
                ("0", "10"),
            ));
        }
    }
    let learnt = learn(&all);
    let last = learnt.last().expect("the pair is found");
    let Learnt::Evidence {
        from,
        to,
        kind,
        direction,
        extent,
        evidence,
        ..
    } = last
    else {
        panic!("{last:?}")
    };
    assert_eq!((from.name(), to.name()), ("max_wal_senders", "wal_level"));
    assert_eq!((*kind, *direction), (None, Direction::Known));
    assert_eq!(*extent, Extent::Engine(PG));
    assert_eq!(Source::of(evidence), Source::CoChange);
    let belief = crate::belief::believe(
        std::slice::from_ref(evidence),
        None,
        crate::belief::Standing::Exact,
    );
    assert!(belief.confidence.get() < 0.15, "a hint alone is no edge");
}

fn any_observation() -> impl Strategy<Value = Observation> {
    let names = [
        "work_mem",
        "wal_buffers",
        "shared_buffers",
        "fsync",
        "jit",
        "port",
    ];
    let values = [
        "1",
        "2",
        "64MB",
        "on",
        "off",
        "-1",
        "",
        "9999999999999999999999",
    ];
    let value = prop::sample::select(values.to_vec());
    let texts = (value.clone(), value, prop::sample::select(names.to_vec()));
    (0_u8..9, 0_u32..4, 0_i64..400_000, 0_u64..40, texts).prop_map(
        |(what, n, second, id, (old, new, name))| {
            let reading = Reading {
                value: Comparable::Number(Dimension::Bytes, second as f64),
                origin: Origin::Chosen,
            };
            match what {
                0 => server(n, 16 + n % 2),
                1 => moved(second, n, name),
                2 => outcome(second, n, id, Harm::Hurt, &[(0.3, 0.1)]),
                3 => Observation::Recovered {
                    target: target(n),
                    at: at(second),
                },
                4 => Observation::Reverted {
                    change_set: ChangeSetId(id),
                    target: target(n),
                    at: at(second),
                },
                5 => Observation::Restarted {
                    target: target(n),
                    at: at(second),
                },
                6 => Observation::Snapshot {
                    target: target(n),
                    at: at(second),
                    values: BTreeMap::from([(SettingName::new(name), reading)]),
                },
                7 => Observation::Person {
                    target: None,
                    from: NodeKey::setting(name),
                    to: NodeKey::setting("jit"),
                    kind: EdgeKind::Requires,
                    opinion: Opinion::Confirmed,
                    who: old.into(),
                    at: at(second),
                },
                _ => change(second, n, id, name, (old, new)),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_replay_is_what_was_live(
        observations in prop::collection::vec(any_observation(), 1..400),
        cut in 0_usize..400,
    ) {
        let mut live = Learner::new(Config::default());
        let mut told = Vec::new();
        for (n, observation) in observations.iter().enumerate() {
            if n == cut {
                // Reading in between changes nothing.
                let _ = (live.tally(), live.audit(PG));
                live = live.clone();
            }
            told.extend(live.observe(observation));
        }
        let mut replayed = Learner::new(Config::default());
        let again: Vec<Learnt> = observations.iter().flat_map(|o| replayed.observe(o)).collect();
        prop_assert!(live == replayed);
        // Equality of floats forgives the sign of zero; the text does not.
        let texts = (format!("{live:?}"), format!("{replayed:?}"));
        prop_assert!(texts.0 == texts.1);
        prop_assert_eq!(told, again);
    }

    #[test]
    fn whatever_comes_evidence_is_finite_and_history_alone_is_no_edge(
        observations in prop::collection::vec(any_observation(), 1..400),
    ) {
        for learnt in learn(&observations) {
            if let Learnt::Evidence { evidence, .. } = learnt {
                prop_assert!(evidence.log_lr.is_finite());
                if matches!(Source::of(&evidence), Source::CoChange | Source::Invariant) {
                    prop_assert!(crate::belief::PRIOR + evidence.log_lr < 0.0);
                }
            }
        }
    }
}
