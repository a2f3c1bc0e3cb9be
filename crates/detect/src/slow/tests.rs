use super::*;
use crate::testing::Random;
use backstay_model::change::TakesEffect;
use backstay_model::metric::Worse;
use backstay_model::value::Scope;
use backstay_model::verdict::VerdictKind;

const SECONDS: i64 = 86_400;

fn specs() -> Vec<MetricSpec> {
    let spec = |name, role, worse| MetricSpec {
        name: MetricName::from_static(name),
        role,
        worse,
        floor: 0.1,
        help: "of this test",
    };
    vec![
        spec("commits_per_s", MetricRole::Throughput, Worse::Down),
        spec("statement_mean_ms", MetricRole::Latency, Worse::Up),
        spec("active_sessions", MetricRole::Demand, Worse::Up),
        spec("temp_bytes_per_s", MetricRole::Saturation, Worse::Up),
    ]
}

/// One sample for each five seconds: enough for a bin of a minute to be complete in this test.
struct Target {
    random: Random,
    slow: Slow,
    second: i64,
}

impl Target {
    fn new(seed: u64) -> Self {
        let mut slow = Slow::new(&DetectPolicy::standard(Span::from_secs(300)));
        slow.measure(&specs());
        Self {
            random: Random::new(seed),
            slow,
            second: 0,
        }
    }

    /// A second of a day with its season; statements take `times` as long.
    fn sample(&mut self, times: f64) -> Sample {
        self.second += 1;
        let day = std::f64::consts::TAU * (self.second % SECONDS) as f64 / SECONDS as f64;
        let load = 1.0 - 0.4 * day.cos();
        let mut noisy = |value: f64| value * (0.1 * self.random.normal()).exp();
        let metrics = [
            ("commits_per_s", noisy(1_000.0 * load)),
            ("statement_mean_ms", noisy(2.0 * times)),
            ("active_sessions", noisy(10.0 * load)),
            ("temp_bytes_per_s", 0.0),
        ];
        let named = |(name, value)| (MetricName::from_static(name), value);
        Sample {
            at: Timestamp::from_secs(self.second),
            metrics: metrics.map(named).into(),
            ..Sample::default()
        }
    }

    /// Lets time pass; the watch is shown each minute, and so are the banks while nothing is watched.
    fn pass(&mut self, seconds: i64, times: f64, mut watch: Option<&mut Watch>) {
        for _ in 0..seconds {
            let sample = self.sample(times);
            let Some(minute) = self.slow.push(&sample) else {
                continue;
            };
            match &mut watch {
                Some(watch) => drop(watch.push(&minute)),
                None => self.slow.learn(&minute),
            }
        }
    }
}

#[test]
fn a_week_of_minutes_finds_a_small_lasting_harm_and_clears_a_harmless_change() {
    let mut target = Target::new(5);
    target.pass(9 * SECONDS, 1.0, None);
    let windows = target.slow.banks().windows();
    assert!(windows >= 80, "{windows} harmless windows in nine days");
    for (times, word) in [(1.25, "hurt"), (1.0, "healthy")] {
        let mut target = Target {
            random: Random::new(6),
            slow: target.slow.clone(),
            second: target.second,
        };
        let change = crate::testing::bed::change(target.second, TakesEffect::Now, Scope::Instance);
        let mut watch = target.slow.open(&change);
        let mut hours = 0;
        while matches!(watch.kind(), VerdictKind::Inconclusive) && hours < 24 {
            target.pass(3_600, times, Some(&mut watch));
            hours += 1;
        }
        println!(
            "{times} times as slow: {} after {hours} h",
            watch.kind().word()
        );
        assert_eq!(
            watch.kind().word(),
            word,
            "{:?}",
            watch.verdict(Timestamp::from_secs(target.second))
        );
        assert!(hours <= 3, "{hours}");
    }
    let metrics = target.slow.specs.len();
    assert_eq!(metrics, 3, "what explains is not kept by the minute");
}

#[test]
fn without_days_of_calm_the_minutes_say_nothing() {
    let mut target = Target::new(8);
    target.pass(3 * 3_600, 1.0, None);
    let change = crate::testing::bed::change(target.second, TakesEffect::Now, Scope::Instance);
    let mut watch = target.slow.open(&change);
    target.pass(3 * 3_600, 3.0, Some(&mut watch));
    assert_eq!(watch.kind().word(), "inconclusive");
}

#[test]
fn a_minute_with_too_few_seconds_is_none() {
    let mut target = Target::new(9);
    let mut minutes = 0;
    for second in 0..600 {
        let sample = target.sample(1.0);
        // Every second minute lacks two thirds of its samples.
        if (second / 60) % 2 == 1 && second % 3 != 0 {
            continue;
        }
        minutes += u32::from(target.slow.push(&sample).is_some());
    }
    assert_eq!(minutes, 5);
}

#[test]
fn what_was_learnt_survives() {
    let mut target = Target::new(10);
    target.pass(SECONDS, 1.0, None);
    let bytes = serde_json::to_string(&target.slow).unwrap();
    let kept: Slow = serde_json::from_str(&bytes).unwrap();
    let mut anew = Slow::new(&DetectPolicy::standard(Span::from_secs(300)));
    anew.measure(&specs());
    anew.take_over(kept);
    assert_eq!(anew.banks().realised(), target.slow.banks().realised());
    assert_eq!(anew.minutes.samples(), target.slow.minutes.samples());
}
