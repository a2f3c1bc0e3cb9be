use super::*;
use crate::testing::Random;
use backstay_model::Span;

/// A target whose twelve metrics follow one load, each with its own noise.
struct Target {
    random: Random,
    load: f64,
    second: i64,
}

impl Target {
    fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            load: 0.0,
            second: 0,
        }
    }

    fn sample(&mut self, load_times: f64, odd_times: f64) -> Sample {
        self.second += 1;
        self.load = 0.99 * self.load + 0.02 * self.random.normal();
        let common = self.load.exp() * load_times;
        let mut metrics = BTreeMap::new();
        for i in 0..12 {
            let noise = (0.05 * self.random.normal()).exp();
            let follows = if i % 3 == 2 { 1.0 } else { common };
            let odd = if i == 5 { odd_times } else { 1.0 };
            let name = MetricName::new(&format!("m{i:02}"));
            metrics.insert(name, 100.0 * follows * noise * odd);
        }
        Sample {
            at: Timestamp::from_secs(self.second),
            metrics,
            ..Sample::default()
        }
    }
}

#[test]
fn what_is_odd_in_one_metric_is_seen_and_ends() {
    for seed in 0..20 {
        let (mut target, mut background) = (Target::new(seed), Background::default());
        for _ in 0..3_000 {
            let _quiet = background.push(&target.sample(1.0, 1.0));
        }
        let began = (0..60).find_map(|_| background.push(&target.sample(1.0, 1.8)));
        let Some(Turn::Begins(anomaly)) = began else {
            panic!("seed {seed}: {began:?}, score {}", background.score());
        };
        assert_eq!(anomaly.metrics[0].as_str(), "m05", "seed {seed}");
        assert!(anomaly.since <= Timestamp::from_secs(3_000) + Span::from_secs(30));
        let ended = (0..120).find_map(|_| background.push(&target.sample(1.0, 1.0)));
        assert!(
            matches!(ended, Some(Turn::Ends(_))),
            "seed {seed}: {ended:?}"
        );
    }
}

#[test]
fn usual_days_are_quiet_and_a_shift_of_the_load_is_what_the_directions_are_for() {
    let (mut hours, mut alarms) = (0.0, 0);
    for seed in 100..120 {
        let (mut target, mut background) = (Target::new(seed), Background::default());
        for second in 0..7_200 {
            // The load rises by half, and falls again.
            let times = if (4_000..5_500).contains(&second) {
                1.5
            } else {
                1.0
            };
            let turn = background.push(&target.sample(times, 1.0));
            alarms += u32::from(matches!(turn, Some(Turn::Begins(_))));
        }
        hours += 2.0;
    }
    println!("{alarms} anomalies in {hours} usual hours with 20 shifts of the load");
    assert!(f64::from(alarms) <= 0.25 * hours, "{alarms}");
}

#[test]
fn no_row_looks_ahead() {
    let mut target = Target::new(7);
    let samples: Vec<Sample> = (0..800).map(|_| target.sample(1.0, 1.0)).collect();
    let scores = |n: usize| {
        let mut background = Background::default();
        let score = |s: &Sample| {
            let _turn = background.push(s);
            background.score()
        };
        samples[..n].iter().map(score).collect::<Vec<f64>>()
    };
    let (short, long) = (scores(500), scores(800));
    assert_eq!(short[..], long[..500]);
}

#[test]
fn silence_says_nothing() {
    let mut background = Background::default();
    let lost = Sample {
        held: Held::Lost {
            why: "gone".to_owned(),
        },
        ..Sample::default()
    };
    assert_eq!(background.push(&lost), None);
    assert_eq!(background, Background::default());
}
