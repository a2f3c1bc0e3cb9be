use backstay_model::change::TakesEffect;
use backstay_model::sample::Held;
use backstay_model::value::Scope;
use backstay_model::verdict::{Calibration, Harm, Recovery, Refusal, Trigger, VerdictKind};
use backstay_model::{MetricName, Sample, Span, Timestamp};
use proptest::prelude::*;

use super::{counts, story};
use crate::testing::bed::{Bed, End, Spread, State, change, specs};
use crate::{Banks, DetectPolicy, Opening, Watch};

fn good(_: i64) -> State {
    State::good()
}

fn by(end: &End) -> Option<Trigger> {
    match end.last.kind {
        VerdictKind::Hurt {
            by: Harm::ClassChange(trigger),
        } => Some(trigger),
        _ => None,
    }
}

#[test]
fn new_sessions_that_fail_hurt_although_pooled_work_goes_on() {
    let rejected = |_: i64| State::good().with(|s| s.connect_error = Some(("28000", 1.0)));
    let timeout = |_: i64| {
        State::good().with(|s| {
            (s.read_error, s.write_error) = (Some(("57014", 0.9)), Some(("57014", 0.9)));
        })
    };
    for (name, during) in [
        ("hba", &rejected as &dyn Fn(i64) -> State),
        ("role", &timeout),
    ] {
        for seed in 0..20 {
            let mut story = story(seed, during);
            story.takes_effect = TakesEffect::NewSessions;
            story.scope = Scope::Role { role: "app".into() };
            let end = story.play();
            assert_eq!(
                by(&end),
                Some(Trigger::NewSessionsFail),
                "{name} {:?}",
                end.last.kind
            );
            assert!(end.hurt_after.unwrap() <= 6, "{name} {:?}", end.hurt_after);
        }
    }
}

/// Nobody answers, neither on the held connection nor on fresh ones.
fn gone(_: i64) -> State {
    State::good().with(|s| {
        s.held = Held::Lost { why: "gone".into() };
        s.connect_error = Some(("io", 1.0));
    })
}

#[test]
fn a_target_that_is_gone_is_no_evidence_and_one_that_fell_twice_is() {
    for (falls, blamed) in [(0, false), (1, false), (2, true)] {
        let story = story(1, &gone);
        let whole = story.samples();
        let mut watch = story.open(&whole[..20], &Banks::new(&specs(), &policy()));
        for (i, sample) in whole[20..].iter().enumerate() {
            if i % 4 == 3 && i / 4 < falls {
                watch.fell(sample.at);
            }
            drop(watch.push(sample));
        }
        let verdict = watch.verdict(Timestamp::from_secs(40));
        let hurt = VerdictKind::Hurt {
            by: Harm::ClassChange(Trigger::Unavailable),
        };
        assert_eq!(verdict.kind == hurt, blamed, "{falls}: {verdict:?}");
    }
}

#[test]
fn a_server_that_shuts_everybody_out_is_unavailable() {
    let shut = |_: i64| {
        State::good().with(|s| {
            s.held = Held::Lost { why: "gone".into() };
            s.connect_error = Some(("28000", 1.0));
        })
    };
    let end = story(1, &shut).play();
    assert_eq!(by(&end), Some(Trigger::Unavailable), "{:?}", end.last.kind);
    let told = |f: &backstay_model::verdict::Finding| f.text.starts_with("no connection is let in");
    assert!(end.last.findings.iter().any(told));
}

#[test]
fn a_silent_target_is_no_data() {
    let dead = story(1, &gone);
    let mut whole = dead.samples();
    let mut watch = dead.open(&whole[..20], &Banks::new(&specs(), &policy()));
    for sample in &mut whole[20..] {
        sample.metrics.clear();
        drop(watch.push(sample));
    }
    let verdict = watch.verdict(Timestamp::from_secs(40));
    assert_eq!(verdict.kind, VerdictKind::NoData);
    let told =
        |f: &backstay_model::verdict::Finding| f.text.starts_with("no connection was answered");
    assert!(verdict.findings.iter().any(told), "{:?}", verdict.findings);

    // The samples stop, or a source of them.
    let whole = story(1, &good).samples();
    for (name, keep, word) in [
        ("everything", 0, "no data"),
        ("half of the samples", 10, "no data"),
        ("nothing", 20, "healthy"),
    ] {
        let story = story(1, &good);
        let mut watch = story.open(&whole[..20], &Banks::new(&specs(), &policy()));
        whole[20..20 + keep]
            .iter()
            .for_each(|s| drop(watch.push(s)));
        let verdict = watch.verdict(Timestamp::from_secs(40));
        assert_eq!(verdict.kind.word(), word, "{name} missing");
    }
    for (missing, word) in [
        ("_per_s", "no data"),
        ("commits_per_s", "no data"),
        ("host", "healthy"),
    ] {
        let story = story(1, &good);
        let mut watch = story.open(&whole[..20], &Banks::new(&specs(), &policy()));
        for sample in &whole[20..] {
            let mut sample = sample.clone();
            sample
                .metrics
                .retain(|name, _| !name.as_str().contains(missing));
            let _verdict = watch.push(&sample);
        }
        let verdict = watch.verdict(Timestamp::from_secs(40));
        assert_eq!(verdict.kind.word(), word, "{missing} missing: {verdict:?}");
    }
}

fn policy() -> DetectPolicy {
    DetectPolicy::standard(Span::from_secs(20))
}

#[test]
fn a_lost_or_blind_probe_is_never_healthy() {
    let no_probe = |_: i64| State::good().with(|s| s.probes = false);
    let end = story(1, &no_probe).play();
    assert_eq!(end.last.kind, VerdictKind::Inconclusive);
    assert!(end.last.refusals.contains(&Refusal::BlindProbe));
    let mut other = story(1, &good);
    other.takes_effect = TakesEffect::NewSessions;
    other.scope = Scope::Role {
        role: "somebody_else".into(),
    };
    let end = other.play();
    assert_eq!(end.last.kind, VerdictKind::Inconclusive);
    assert!(end.last.refusals.contains(&Refusal::BlindProbe));
    other.scope = Scope::Role { role: "app".into() };
    assert_eq!(other.play().last.kind.word(), "healthy");
    (other.length, other.seed) = (6, 3);
    assert_ne!(other.play().last.kind.word(), "healthy");
}

#[test]
fn without_a_baseline_only_class_changes_are_judged() {
    let hangs = |_: i64| State::good().with(|s| s.write_hangs = true);
    for (during, word) in [
        (&good as &dyn Fn(i64) -> State, "inconclusive"),
        (&hangs, "hurt"),
    ] {
        let mut story = story(1, during);
        story.baseline = 0;
        let end = story.play();
        assert_eq!(end.last.kind.word(), word);
        assert!(end.last.refusals.contains(&Refusal::NoBaseline));
        assert_eq!(end.last.calibration, Calibration::None);
    }
}

#[test]
fn an_idle_target_rests_on_its_probe() {
    let idle = |_: i64| {
        State::good()
            .work(0.0)
            .with(|s| (s.active, s.statement_ms) = (0.0, None))
    };
    let mut story = story(1, &idle);
    story.before = idle(0);
    let end = story.play();
    assert_eq!(end.last.kind.word(), "healthy", "{:?}", end.last);
    assert!(
        end.last
            .findings
            .iter()
            .any(|f| f.text.contains("probe readings alone"))
    );
    let silent = |_: i64| idle(0).with(|s| s.probes = false);
    story.before = idle(0).with(|s| s.probes = false);
    story.during = &silent;
    assert_eq!(story.play().last.kind, VerdictKind::NoData);
}

#[test]
fn what_was_there_before_or_heals_by_itself_does_not_hurt() {
    let failing = |_: i64| {
        State::good().with(|s| {
            (s.write_error, s.rollbacks, s.log_errors) = (Some(("25006", 1.0)), 20.0, 20.0);
        })
    };
    let ends = counts(0..40, |seed| {
        let mut story = story(seed, &failing);
        story.before = failing(0);
        story.play()
    });
    assert!(!ends.contains_key("hurt"), "{ends:?}");
    let dip = |second: i64| {
        State::good().work(if (3..=12).contains(&second) {
            0.65
        } else {
            1.0
        })
    };
    let ends = counts(0..40, |seed| {
        let mut story = story(seed, &dip);
        story.length = 40;
        story.play()
    });
    assert!(!ends.contains_key("hurt"), "{ends:?}");
}

#[test]
fn improvements_and_counters_that_move_without_harm_do_not_hurt() {
    let faster = |_: i64| State::good().work(3.0).with(|s| s.statement_ms = Some(0.3));
    let spills = |_: i64| State::good().with(|s| s.temp_bytes = 5e6);
    for (name, during) in [
        ("fsync off", &faster as &dyn Fn(i64) -> State),
        ("work_mem 64kB", &spills),
    ] {
        let ends = counts(0..60, |seed| story(seed, during).play());
        assert!(
            ends.get("healthy").copied().unwrap_or(0) >= 56,
            "{name}: {ends:?}"
        );
    }
    let end = story(1, &spills).play();
    assert!(
        end.last
            .findings
            .iter()
            .any(|f| f.metric.as_str() == "temp_bytes_per_s")
    );
}

#[test]
fn recovery_wants_everything_back() {
    let read_only = State::good().with(|s| {
        (s.commits, s.writes, s.log_errors) = (150.0, 0.0, 14.0);
        s.write_error = Some(("25006", 1.0));
    });
    let during = |_: i64| read_only.clone();
    let end = story(2, &during).play();
    let since = Timestamp::from_secs(40);
    let after = |state: &State, from: i64, until: i64| -> Vec<Sample> {
        let mut bed = Bed::new(9, Spread::USUAL);
        (from..=until).map(|s| bed.sample(s, state)).collect()
    };
    let back = after(&State::good(), 41, 45);
    assert_eq!(end.watch.recovery(since, &back), Recovery::Yes);
    assert_eq!(
        end.watch.recovery(since, &after(&read_only, 41, 45)),
        Recovery::No
    );
    assert_eq!(end.watch.recovery(since, &back[..1]), Recovery::Unknown);
    assert_eq!(end.watch.recovery(since, &[]), Recovery::Unknown);
    // Half of the work is back, but the clients wait for it: not recovered.
    assert_eq!(
        end.watch
            .recovery(since, &after(&State::good().work(0.4), 41, 45)),
        Recovery::No
    );
}

#[test]
fn nobody_at_work_is_no_recovery() {
    let nobody = State::good().with(|s| {
        (s.commits, s.writes, s.reads) = (4.5, 0.0, 80.0);
        (s.active, s.sessions, s.statement_ms) = (0.0, 3.0, None);
    });
    let failing = nobody.clone().with(|s| s.log_errors = 20.0);
    for during in [nobody.clone(), failing] {
        let end = story(2, &|_: i64| during.clone()).play();
        let mut bed = Bed::new(9, Spread::USUAL);
        let mut after = |state: &State, from: i64| -> Vec<Sample> {
            (from..from + 5).map(|s| bed.sample(s, state)).collect()
        };
        let since = Timestamp::from_secs(40);
        assert_eq!(
            end.watch.recovery(since, &after(&nobody, 41)),
            Recovery::Unknown
        );
        assert_eq!(
            end.watch.recovery(since, &after(&State::good(), 41)),
            Recovery::Yes
        );
    }
}

#[test]
fn a_watch_that_is_opened_again_on_what_was_kept_says_the_same() {
    let worse = |_: i64| State::good().work(0.8);
    for seed in 0..10 {
        let story = story(seed, &worse);
        let samples = story.samples();
        let banks = Banks::new(&specs(), &policy());
        let mut history = crate::History::new(100);
        samples[..20].iter().for_each(|s| history.push(s));
        let mut watch = story.open(&history.samples(), &banks);
        for sample in &samples[20..] {
            drop(watch.push(sample));
            history.push(sample);
        }
        let again = story.open(&history.samples(), &banks);
        assert_eq!(again.tracks, watch.tracks);
        let end = Timestamp::from_secs(40);
        assert_eq!(again.verdict(end), watch.verdict(end));
    }
}

#[test]
fn own_placebos_replace_the_shipped_table_and_find_smaller_harm() {
    let policy = policy();
    let mut banks = Banks::new(&specs(), &policy);
    let mut bed = Bed::new(
        7,
        Spread {
            work: 0.05,
            phi: 0.3,
            drift: 0.0,
            latency: 0.2,
        },
    );
    let busy = State::good().with(|s| s.active = 20.0);
    let past: Vec<Sample> = (1..=4_000).map(|s| bed.sample(s, &busy)).collect();
    let mut history = crate::History::new(700);
    for sample in &past {
        history.push(sample);
        banks.push(sample, |since| history.after(since, 600));
    }
    let realised = banks.realised();
    let commits = realised.iter().find(|r| {
        r.metric
            .as_ref()
            .is_some_and(|m| m.as_str() == "commits_per_s")
    });
    assert!(commits.is_some_and(|r| r.windows > 20), "{realised:#?}");
    for (factor, word) in [(1.0, "healthy"), (0.7, "hurt")] {
        let mut watch = Watch::open(&Opening {
            change: &change(4_000, TakesEffect::Now, Scope::Instance),
            specs: &specs(),
            history: &past[past.len() - 300..],
            banks: &banks,
            policy: &policy,
            until: Timestamp::from_secs(4_020),
            lock_waits: crate::LockWaits::Excused,
        });
        let state = busy.clone().work(factor);
        for second in 4_001..=4_020 {
            let _verdict = watch.push(&bed.sample(second, &state));
        }
        let verdict = watch.verdict(Timestamp::from_secs(4_020));
        assert_eq!(verdict.kind.word(), word, "{factor}: {verdict:?}");
        assert_eq!(verdict.calibration, Calibration::Own);
    }
    let windows = banks.windows();
    banks.disturb(Timestamp::from_secs(4_000));
    banks.push(&past[3_999], |since| history.after(since, 600));
    assert_eq!(banks.windows(), windows);
}

#[test]
fn odd_samples_are_harmless() {
    let story = story(4, &good);
    let mut samples = story.samples();
    for sample in samples.iter_mut().skip(25).step_by(5) {
        sample
            .metrics
            .insert(MetricName::new("commits_per_s"), f64::NAN);
        sample
            .metrics
            .insert(MetricName::new("probe_read_ms"), f64::INFINITY);
    }
    let mut watch = story.open(&samples[..20], &Banks::new(&specs(), &policy()));
    for sample in &samples[20..] {
        let _verdict = watch.push(sample);
        let _again = watch.push(sample);
    }
    let _old = watch.push(&samples[3]);
    let verdict = watch.verdict(Timestamp::from_secs(40));
    assert!(
        verdict.score.is_finite() && verdict.kind.word() != "hurt",
        "{verdict:?}"
    );
    assert!(serde_json::to_string(&watch).unwrap().len() < 400_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_watch_survives_restarts_byte_for_byte(seed in 0_u64..1_000, factor in 0.3_f64..1.5) {
        let during = |_: i64| State::good().work(factor);
        let story = story(seed, &during);
        let samples = story.samples();
        let mut whole = story.open(&samples[..20], &Banks::new(&specs(), &policy()));
        let mut resumed = whole.clone();
        for sample in &samples[20..] {
            prop_assert_eq!(whole.push(sample), resumed.push(sample));
            let bytes = serde_json::to_string(&resumed).unwrap();
            resumed = serde_json::from_str(&bytes).unwrap();
            prop_assert_eq!(&bytes, &serde_json::to_string(&whole).unwrap());
        }
    }

    #[test]
    fn units_and_silent_metrics_change_nothing(seed in 0_u64..1_000, factor in 0.2_f64..1.5, scale in 0.5_f64..50.0) {
        let during = |_: i64| State::good().work(factor);
        let story = story(seed, &during);
        let samples = story.samples();
        let judge = |samples: &[Sample], specs: &[backstay_model::metric::MetricSpec]| {
            let mut watch = Watch::open(&Opening {
                change: &change(20, TakesEffect::Now, Scope::Instance),
                specs,
                history: &samples[..20],
                banks: &Banks::new(specs, &policy()),
                policy: &policy(),
                until: Timestamp::from_secs(40),
                lock_waits: crate::LockWaits::Excused,
            });
            samples[20..].iter().for_each(|s| drop(watch.push(s)));
            watch.verdict(Timestamp::from_secs(40))
        };
        let plain = judge(&samples, &specs());
        // Another unit for a latency.
        let name = MetricName::new("statement_mean_ms");
        let (mut scaled, mut in_unit) = (samples.clone(), specs());
        in_unit.iter_mut().filter(|s| s.name == name).for_each(|s| s.floor *= scale);
        for sample in &mut scaled {
            sample.metrics.entry(name.clone()).and_modify(|v| *v *= scale);
        }
        let other = judge(&scaled, &in_unit);
        prop_assert_eq!(plain.kind.word(), other.kind.word());
        prop_assert!((plain.score - other.score).abs() < 1e-6);
        // A metric that is always zero.
        let mut more = specs();
        let mut silent = more[0].clone();
        silent.name = MetricName::new("nothing_per_s");
        more.push(silent);
        let mut padded = samples.clone();
        for sample in &mut padded {
            sample.metrics.insert(MetricName::new("nothing_per_s"), 0.0);
        }
        prop_assert_eq!(plain, judge(&padded, &more));
    }

    #[test]
    fn too_little_is_never_healthy(seed in 0_u64..1_000, baseline in 0_i64..8, length in 1_i64..5) {
        let mut few = story(seed, &good);
        few.baseline = baseline;
        prop_assert_ne!(few.play().last.kind.word(), "healthy");
        let mut short = story(seed, &good);
        short.length = length;
        prop_assert_ne!(short.play().last.kind.word(), "healthy");
    }
}

#[test]
fn a_verdict_reads_well() {
    let hangs =
        |_: i64| State::good().with(|s| (s.commits, s.writes, s.write_hangs) = (120.0, 0.0, true));
    let mut story = story(1, &hangs);
    story.spread = Spread::NONE;
    let verdict = story.play().last;
    let text: Vec<String> = verdict
        .findings
        .iter()
        .take(3)
        .map(|f| f.text.clone())
        .collect();
    insta::assert_snapshot!(format!("{:?}\n{}", verdict.kind, text.join("\n")), @r"
    Hurt { by: ClassChange(Hang) }
    writes 1200/s -> 0/s since 00:00:21
    commits 1500/s -> 120/s since 00:00:22
    reads 4000/s -> 4000/s
    ");
}

#[test]
fn the_same_harm_is_found_again_after_an_earlier_incident() {
    let read_only = |_: i64| {
        State::good().with(|s| {
            (s.commits, s.writes, s.log_errors) = (150.0, 0.0, 14.0);
            s.write_error = Some(("25006", 1.0));
        })
    };
    let mut bed = Bed::new(3, Spread::USUAL);
    let past: Vec<Sample> = (1..=200)
        .map(|s| {
            bed.sample(
                s,
                &if (30..=40).contains(&s) {
                    read_only(0)
                } else {
                    State::good()
                },
            )
        })
        .collect();
    let mut watch = Watch::open(&Opening {
        change: &change(200, TakesEffect::Now, Scope::Instance),
        specs: &specs(),
        history: &past,
        banks: &Banks::new(&specs(), &policy()),
        policy: &policy(),
        until: Timestamp::from_secs(220),
        lock_waits: crate::LockWaits::Excused,
    });
    let since: Vec<Sample> = (201..=205).map(|s| bed.sample(s, &read_only(0))).collect();
    let hurt = since.iter().filter_map(|s| watch.push(s)).next().unwrap();
    assert_eq!(
        hurt.kind,
        VerdictKind::Hurt {
            by: Harm::ClassChange(Trigger::Errors)
        }
    );
}

#[test]
fn a_stolen_host_needs_more_than_twice_as_bad_for_a_while() {
    let stolen = |_: i64| {
        State::good().work(0.7).with(|s| {
            (s.host_steal, s.statement_ms) = (0.4, Some(1.3));
        })
    };
    let ends = counts(0..60, |seed| story(seed, &stolen).play());
    assert!(!ends.contains_key("hurt"), "{ends:?}");
    let end = story(1, &stolen).play();
    assert!(
        end.last.refusals.contains(&Refusal::HostContention),
        "{:?}",
        end.last
    );
}

#[test]
fn a_neighbour_that_takes_the_processors_is_not_blamed_on_the_change() {
    let slow = |others: f64| {
        move |_: i64| {
            State::good().work(0.8).with(|s| {
                (s.host_busy, s.host_others) = (1.0, Some(others));
                (s.connect_ms, s.read_ms, s.write_ms) = (28.0, 9.0, 14.0);
                (s.statement_ms, s.active) = (Some(3.2), 12.0);
            })
        }
    };
    let quiet = State::good().with(|s| (s.host_busy, s.host_others) = (0.3, Some(0.1)));
    let ends = |others: f64| {
        counts(0..40, |seed| {
            let during = slow(others);
            let before = quiet.clone();
            let told = story(seed, &during);
            crate::testing::bed::Story { before, ..told }.play()
        })
    };
    let neighbour = ends(0.6);
    assert!(!neighbour.contains_key("hurt"), "{neighbour:?}");
    let own = ends(0.1);
    assert_eq!(own.get("hurt"), Some(&40), "{own:?}");
}
