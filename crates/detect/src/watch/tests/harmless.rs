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
