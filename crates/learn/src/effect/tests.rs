use proptest::prelude::*;

use super::*;
use crate::belief::{REPLICATES_MAX, Source, Standing, believe};

mod work;

const DAY: i64 = 86_400;

/// Numbers from a fixed seed (Knuth's constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Nearly normal: the sum of twelve rolls.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.roll()).sum::<f64>() - 6.0
    }
}

/// A change set for each name.
fn cs(name: &str) -> ChangeSetId {
    let mixed = name.bytes().fold(0_u64, |h, b| {
        h.wrapping_mul(1_099_511_628_211) ^ u64::from(b)
    });
    ChangeSetId(mixed)
}

fn setup(work: WorkClass) -> Setup {
    Setup {
        engine: EngineKind::Postgresql,
        major: 15,
        hardware: "8 cpus".into(),
        work,
    }
}

fn day(n: i64) -> Timestamp {
    Timestamp::from_secs(n * DAY)
}

fn watched(id: &str, at: i64, moves: &[(&str, f64)], d: f64, se: f64) -> Watched {
    Watched {
        change_set: cs(id),
        at: day(at),
        target: TargetId::new("db-1"),
        setup: setup(WorkClass::OltpWrite),
        moves: moves
            .iter()
            .map(|(s, m)| (SettingName::new(s), *m))
            .collect(),
        measured: vec![(MetricName::new("tps"), Estimate { d, se })],
    }
}

fn subject(setting: &str) -> Subject {
    Subject {
        setting: SettingName::new(setting),
        metric: MetricName::new("tps"),
        setup: setup(WorkClass::OltpWrite),
    }
}

fn effects(all: &[Watched]) -> Effects {
    let mut effects = Effects::default();
    for one in all {
        effects.observe(one);
    }
    effects
}

/// Six windows of one setting, as in the reference of the pool.
fn six() -> Vec<Watched> {
    let windows = [
        (0.31, 0.08),
        (0.12, 0.05),
        (0.45, 0.15),
        (0.05, 0.07),
        (0.22, 0.06),
        (0.18, 0.11),
    ];
    let numbered = windows.into_iter().enumerate();
    numbered
        .map(|(i, (d, se))| watched(&format!("cs{i}"), 100, &[("work_mem", 1.0)], d, se))
        .collect()
}

#[test]
fn windows_of_one_setting_are_pooled() {
    let found = effects(&six())
        .estimate(&subject("work_mem"), day(100))
        .unwrap();
    assert_eq!(found.purity, Purity::Alone);
    // The numbers of `stats::meta`, made with statsmodels.
    assert!((found.pooled.mean - 0.191_941_621_986_074_6).abs() < 1e-9);
    let shown = found.publish().unwrap();
    assert!((shown.i2 - 0.552_400_502_594_039_9).abs() < 1e-9);
    assert!((shown.low + 0.011_455_695_405_310_579).abs() < 1e-9);
    assert!((shown.high - 0.395_338_939_377_459_8).abs() < 1e-9);
    assert_eq!(shown.n, 6);
}

#[test]
fn a_halving_that_hurts_and_a_doubling_that_helps_agree() {
    let all = [
        watched("a", 1, &[("work_mem", 2.0)], 0.4, 0.04),
        watched("b", 2, &[("work_mem", -1.0)], -0.2, 0.02),
        watched("c", 3, &[("work_mem", 1.0)], 0.2, 0.02),
    ];
    let found = effects(&all)
        .estimate(&subject("work_mem"), day(3))
        .unwrap();
    assert!((found.pooled.mean - 0.2).abs() < 1e-9 && found.pooled.i2 < 1e-9);
    assert!(found.publish().is_ok());
}

#[test]
fn what_is_not_sure_is_not_published() {
    let of = |all: &[Watched]| {
        effects(all)
            .estimate(&subject("work_mem"), day(100))
            .unwrap()
    };
    assert_eq!(of(&six()[..2]).publish(), Err(Unpublished::TooFew));
    let mut mixed = six();
    mixed.push(watched("against", 100, &[("work_mem", 1.0)], -0.4, 0.05));
    let mixed = of(&mixed);
    assert_eq!(mixed.publish(), Err(Unpublished::Mixed));
    assert!(mixed.evidence().log_lr <= std::f64::consts::LN_2);
    let none: Vec<Watched> = (0..40)
        .map(|i| {
            let d = if i % 2 == 0 { 0.02 } else { -0.02 };
            watched(&format!("n{i}"), 100, &[("work_mem", 1.0)], d, 0.02)
        })
        .collect();
    let none = of(&none);
    assert_eq!(none.publish(), Err(Unpublished::Mixed));
    assert!(
        none.evidence().log_lr < 0.0,
        "nothing moved: that speaks against"
    );
    let weak: Vec<Watched> = (0..3)
        .map(|i| watched(&format!("w{i}"), 100, &[("work_mem", 1.0)], 0.1, 0.1))
        .collect();
    assert_eq!(of(&weak).publish(), Err(Unpublished::Weak));
}

#[test]
fn two_settings_in_one_window_share_the_credit_and_are_marked() {
    let mut all = vec![
        watched("alone", 10, &[("work_mem", 1.0)], 0.3, 0.05),
        watched("both", 11, &[("work_mem", 1.0), ("jit", -1.0)], 0.35, 0.05),
    ];
    let found = effects(&all)
        .estimate(&subject("work_mem"), day(11))
        .unwrap();
    assert_eq!(found.purity, Purity::Confounded);
    assert_eq!(found.publish(), Err(Unpublished::Confounded));
    assert!(found.log_e > 5.0 && found.evidence().log_lr <= std::f64::consts::LN_2);
    let other = effects(&all).estimate(&subject("jit"), day(11)).unwrap();
    // The lone window takes most of the credit to itself.
    assert!(
        found.pooled.mean > 0.25 && other.pooled.mean.abs() < 0.1,
        "{found:?} {other:?}"
    );
    // Three lone windows make the shared one unnecessary.
    for i in 0..2 {
        all.push(watched(
            &format!("more{i}"),
            12,
            &[("work_mem", 1.0)],
            0.3,
            0.05,
        ));
    }
    let clean = effects(&all)
        .estimate(&subject("work_mem"), day(12))
        .unwrap();
    assert_eq!((clean.purity, clean.pooled.k), (Purity::Alone, 3));
    let crowd: Vec<(String, f64)> = (0..9).map(|i| (format!("s{i}"), 1.0)).collect();
    let crowd: Vec<(&str, f64)> = crowd.iter().map(|(s, m)| (s.as_str(), *m)).collect();
    assert!(
        effects(&[])
            .observe(&watched("crowd", 1, &crowd, 0.3, 0.1))
            .is_empty()
    );
    // What turns out to have moved in a crowd is no longer a window of its own.
    let mut corrected = effects(&all);
    corrected.observe(&watched("alone", 10, &crowd, 0.3, 0.1));
    let left = corrected.estimate(&subject("work_mem"), day(12)).unwrap();
    assert_eq!(left.purity, Purity::Confounded);
}

#[test]
fn a_change_of_regime_cuts_and_age_weakens() {
    let mut effects = effects(&six());
    let mut elsewhere = watched("other", 100, &[("work_mem", 1.0)], -2.0, 0.01);
    elsewhere.setup.hardware = "64 cpus".into();
    effects.observe(&elsewhere);
    let found = effects.estimate(&subject("work_mem"), day(100)).unwrap();
    assert_eq!(found.pooled.k, 6);
    // A window that is two half-lives old weighs a quarter: its error doubles.
    let one = |at| {
        let alone = [watched("a", 100, &[("work_mem", 1.0)], 0.2, 0.05)];
        let mut effects = Effects::default();
        effects.observe(&alone[0]);
        effects
            .estimate(&subject("work_mem"), day(at))
            .unwrap()
            .pooled
            .se
    };
    assert!((one(100) - 0.05).abs() < 1e-12 && (one(460) - 0.10).abs() < 1e-12);
}

#[test]
fn what_is_said_anew_of_a_change_set_replaces_what_was_said() {
    let mut all = six();
    let effects_before = effects(&all);
    let known = |e: &Effects, setting| e.estimate(&subject(setting), day(100)).map(|e| e.pooled.k);
    let n = known(&effects_before, "work_mem").unwrap();
    let first = all[0].clone();
    // It was another setting that moved, then two together: each time the window is somewhere else.
    all.push(Watched {
        moves: vec![(SettingName::new("hash_mem_multiplier"), 1.0)],
        ..first.clone()
    });
    let moved = effects(&all);
    assert_eq!(known(&moved, "work_mem"), Some(n - 1));
    assert_eq!(known(&moved, "hash_mem_multiplier"), Some(1));
    all.push(Watched {
        moves: vec![
            (SettingName::new("work_mem"), 1.0),
            (SettingName::new("jit"), 1.0),
        ],
        ..first.clone()
    });
    let shared = effects(&all);
    assert_eq!(known(&shared, "work_mem"), Some(n - 1));
    assert_eq!(known(&shared, "hash_mem_multiplier"), None);
    all.push(first);
    assert_eq!(effects(&all), effects_before);
}

#[test]
fn evidence_of_an_effect_is_history_that_fades() {
    let found = effects(&six())
        .estimate(&subject("work_mem"), day(100))
        .unwrap();
    let evidence = found.evidence();
    assert_eq!(Source::of(&evidence), Source::Effect);
    assert_eq!(evidence.anchor, "effect:work_mem:tps:oltp-write");
    assert!((evidence.log_lr - REPLICATES_MAX).abs() < 1e-12);
    let belief = |at| {
        believe(
            std::slice::from_ref(&evidence),
            Some(day(at)),
            Standing::Exact,
        )
    };
    assert!(belief(100).shows() && !belief(280).shows());
}

#[test]
fn nothing_odd_gets_in() {
    for (moves, d, se) in [
        (vec![("work_mem", 1.0)], f64::NAN, 0.1),
        (vec![("work_mem", 1.0)], 0.1, 0.0),
        (vec![("work_mem", f64::INFINITY)], 0.1, 0.1),
        (vec![("work_mem", 0.0)], 0.1, 0.1),
        (vec![("work_mem", 1.0), ("work_mem", -1.0)], 0.1, 0.1),
        (vec![], 0.1, 0.1),
    ] {
        let mut effects = Effects::default();
        assert!(effects.observe(&watched("x", 1, &moves, d, se)).is_empty());
        assert_eq!(effects.estimate(&subject("work_mem"), day(1)), None);
    }
}

#[test]
fn an_e_value_is_seldom_large_when_nothing_is_there() {
    let mut dice = Dice(11);
    let mut alarms = 0;
    for _ in 0..500 {
        let mut seen = Vec::new();
        for _ in 0..40 {
            seen.push(Estimate {
                d: 0.05 * dice.normal(),
                se: 0.05,
            });
            // Looked at after every window.
            if log_e_value(&seen, SPREAD) >= LOG_E_FROM {
                alarms += 1;
                break;
            }
        }
    }
    assert!(
        alarms <= 25,
        "{alarms} of 500 streams, at most one in twenty is promised"
    );
}

fn question(effect: fn(f64) -> f64, exposures: Vec<(f64, f64)>, classes: &[WorkClass]) -> Question {
    let mut dice = Dice(5);
    let mut windows = Vec::new();
    for work in classes {
        for i in 0..20 {
            let level = f64::from(i % 10);
            windows.push(Exposure {
                effect: Estimate {
                    d: effect(level) + 0.03 * dice.normal(),
                    se: 0.03,
                },
                level,
                work: *work,
            });
        }
    }
    Question {
        metric: MetricName::new("tps"),
        of: SettingName::new("work_mem"),
        under: SettingName::new("hash_mem_multiplier"),
        windows,
        together: Together::of(&exposures),
    }
}

/// Exposures of two settings that moved together with correlation near `r`.
fn exposures(r: f64) -> Vec<(f64, f64)> {
    let mut dice = Dice(9);
    (0..400)
        .map(|_| {
            let (x, noise) = (dice.normal(), dice.normal());
            (x, r * x + (1.0 - r * r).sqrt() * noise)
        })
        .collect()
}

#[test]
fn an_effect_that_depends_on_another_setting_is_seen_in_two_workloads() {
    let depends = |level: f64| if level > 4.0 { 0.3 } else { 0.1 };
    let same = |_: f64| 0.2;
    let both = [WorkClass::OltpWrite, WorkClass::Analytic];
    let found = answer(
        &[
            question(depends, exposures(0.0), &both),
            question(same, exposures(0.0), &both),
            question(depends, exposures(0.0), &[WorkClass::OltpWrite]),
        ],
        0.05,
    );
    let Modification::Seen { p, cells } = &found[0] else {
        panic!("{found:?}")
    };
    assert!(*p < 0.001 && cells.len() == 2);
    assert!(
        cells
            .iter()
            .all(|c| c.high.mean > c.low.mean && c.low.k >= CELL_MIN)
    );
    assert_eq!(found[1], Modification::NotSeen);
    assert_eq!(
        found[2],
        Modification::TooFew { classes: 1 },
        "one class of work is no replication"
    );
}

#[test]
fn a_tuner_that_moved_both_is_refused() {
    let depends = |level: f64| if level > 4.0 { 0.3 } else { 0.1 };
    let both = [WorkClass::OltpWrite, WorkClass::Analytic];
    let found = answer(
        &[
            question(depends, exposures(0.6), &both),
            question(depends, exposures(-0.6), &both),
            question(depends, vec![(1.0, 1.0); 50], &both),
            question(depends, exposures(0.0)[..10].to_vec(), &both),
        ],
        0.05,
    );
    for (answer, r) in found.iter().zip([0.6, -0.6]) {
        let Modification::Refused {
            correlation: Some(seen),
        } = answer
        else {
            panic!("{answer:?}")
        };
        assert!((seen - r).abs() < 0.1);
    }
    assert_eq!(found[2], Modification::Refused { correlation: None });
    assert_eq!(found[3], Modification::TooFew { classes: 2 });
}

#[test]
fn opposite_senses_in_two_workloads_are_no_replication() {
    let up = |level: f64| if level > 4.0 { 0.3 } else { 0.1 };
    let down = |level: f64| if level > 4.0 { 0.1 } else { 0.3 };
    let mut question_up = question(up, exposures(0.0), &[WorkClass::OltpWrite]);
    let question_down = question(down, exposures(0.0), &[WorkClass::Analytic]);
    question_up.windows.extend(question_down.windows);
    assert_eq!(answer(&[question_up], 0.05), [Modification::NotSeen]);
}

proptest! {
    #[test]
    fn order_changes_no_bit(
        shuffled in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle(),
        doses in prop::collection::vec((0.1..3.0_f64, -1.0..1.0_f64, 0.01..0.5_f64), 12),
    ) {
        let all: Vec<Watched> = doses
            .iter()
            .enumerate()
            .map(|(i, (dose, d, se))| {
                let moves = [("work_mem", *dose), ("jit", 1.0)];
                let moves = if i % 5 == 0 { &moves[..] } else { &moves[..1] };
                watched(&format!("cs{i:02}"), i as i64, moves, *d, *se)
            })
            .collect();
        let other: Vec<Watched> = shuffled.iter().map(|i| all[*i].clone()).collect();
        let twice: Vec<Watched> = other.iter().chain(&all).cloned().collect();
        for setting in ["work_mem", "jit"] {
            let one = effects(&all).estimate(&subject(setting), day(50));
            prop_assert_eq!(&effects(&other).estimate(&subject(setting), day(50)), &one);
            prop_assert_eq!(&effects(&twice).estimate(&subject(setting), day(50)), &one);
        }
    }
}
