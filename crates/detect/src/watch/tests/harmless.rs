use super::{counts, story};
use crate::testing::bed::{Spread, State};

fn share(counts: &std::collections::BTreeMap<String, u32>, word: &str) -> f64 {
    let all: u32 = counts.values().sum();
    f64::from(counts.get(word).copied().unwrap_or(0)) / f64::from(all)
}

#[test]
fn harmless_changes_are_healthy() {
    for (baseline, length) in [(20, 20), (15, 12), (25, 30), (60, 30)] {
        let ends = counts(0..300, |seed| {
            let during = |_| State::good();
            let mut story = story(seed, &during);
            (story.baseline, story.length) = (baseline, length);
            story.play()
        });
        println!("{baseline}/{length} {ends:?}");
        assert!(
            share(&ends, "healthy") >= 0.95,
            "{baseline}/{length}: {ends:?}"
        );
        assert!(
            share(&ends, "hurt") < 0.005,
            "{baseline}/{length}: {ends:?}"
        );
    }
}

#[test]
fn wild_noise_and_drift_never_hurt() {
    for (baseline, length) in [(20, 20), (20, 60), (60, 30)] {
        let ends = counts(1000..1300, |seed| {
            let during = |_| State::good();
            let mut story = story(seed, &during);
            (story.baseline, story.length) = (baseline, length);
            story.spread = Spread::WILD;
            story.play()
        });
        println!("wild {baseline}/{length} {ends:?}");
        assert!(
            share(&ends, "hurt") <= 0.01,
            "{baseline}/{length}: {ends:?}"
        );
    }
}

#[test]
fn load_shifts_never_hurt() {
    for factor in [0.1, 0.3, 0.5, 0.7, 1.5, 2.0, 4.0] {
        for slower in [1.0, 1.5, 3.0] {
            if factor < 2.0 && slower > 2.0 {
                continue;
            }
            let ends = counts(0..40, |seed| {
                let during = |_: i64| {
                    State::good().work(factor).with(|s| {
                        let latency = if factor > 1.0 { slower } else { 1.0 };
                        s.active *= factor * latency;
                        s.statement_ms = s.statement_ms.map(|ms| ms * latency);
                        s.read_ms *= latency;
                        s.write_ms *= latency;
                        s.temp_bytes *= factor;
                        s.log_bytes *= factor;
                    })
                };
                story(seed, &during).play()
            });
            println!("load {factor} slower {slower}: {ends:?}");
            assert!(
                !ends.contains_key("hurt"),
                "load {factor} slower {slower}: {ends:?}"
            );
        }
    }
}

#[test]
fn measured_null_changes_never_hurt() {
    // The work done before and during changes that change nothing, on a noisy host.
    for (before, during) in [
        (117.0, 159.0),
        (356.0, 335.0),
        (484.0, 523.0),
        (679.0, 1148.0),
        (1590.0, 1590.0),
        (1148.0, 766.0),
    ] {
        let ends = counts(0..100, |seed| {
            let state = |_| State::good().work(during / 1500.0);
            let mut story = story(seed, &state);
            story.before = State::good().work(before / 1500.0);
            story.play()
        });
        println!("null {before} {during}: {ends:?}");
        assert!(
            share(&ends, "hurt") <= 0.01,
            "{before} -> {during}: {ends:?}"
        );
    }
}

/// A target of which nearly all clients stop at the second `stops`; the guard's own work is left.
fn nobody() -> State {
    State::good().with(|s| {
        (s.commits, s.writes, s.reads) = (4.5, 0.0, 80.0);
        (s.active, s.sessions, s.statement_ms) = (0.1, 3.0, None);
    })
}

#[test]
fn clients_that_are_stopped_are_neither_harm_nor_a_shift_of_the_load() {
    for rollbacks in [0.0, 4.0] {
        let ends = counts(0..60, |seed| {
            let during = move |second: i64| match second {
                ..=3 => State::good(),
                4 => nobody().with(|s| s.rollbacks = rollbacks),
                _ => nobody(),
            };
            story(seed, &during).play()
        });
        assert!(
            !ends.contains_key("hurt") && !ends.contains_key("workload shift"),
            "{rollbacks}: {ends:?}"
        );
        assert!(!ends.contains_key("healthy"), "{rollbacks}: {ends:?}");
    }
}

#[test]
fn clients_that_give_up_at_their_first_error_are_hurt() {
    // Measured: pgbench ends at the first refusal, one error for each client.
    for errors_at in [1, 2, 3] {
        let ends = counts(0..60, |seed| {
            let during = move |second: i64| {
                let state = if second < errors_at {
                    State::good()
                } else {
                    nobody()
                };
                state.with(|s| {
                    if second == errors_at {
                        (s.rollbacks, s.log_errors) = (8.0, 8.0);
                    }
                })
            };
            story(seed, &during).play()
        });
        assert_eq!(
            ends.keys().collect::<Vec<_>>(),
            ["hurt"],
            "{errors_at}: {ends:?}"
        );
    }
}

#[test]
fn clients_that_are_back_after_a_few_errors_did_not_give_up() {
    let ends = counts(0..60, |seed| {
        let during = |second: i64| {
            let lull = second == 3;
            let state = if lull { nobody() } else { State::good() };
            state.with(|s| s.log_errors = if lull { 3.0 } else { 0.0 })
        };
        story(seed, &during).play()
    });
    assert!(!ends.contains_key("hurt"), "{ends:?}");
}

#[test]
fn a_watch_of_an_hour_is_judged_to_its_end() {
    let mut long = story(3, &|_| State::good());
    (long.baseline, long.length) = (120, 3_600);
    let end = long.play();
    assert_eq!(end.last.kind.word(), "healthy", "{:#?}", end.last);
    assert!(end.last.p_value.is_some());
}
