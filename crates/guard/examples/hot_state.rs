//! What a guard keeps in memory of one metric, by how much the resident size of this process grows with each
//! target: `cargo run --profile tuning -p backstay-guard --example hot_state`, a few minutes. Everything is
//! full: samples by the second, by the minute and by five minutes, banks of harmless windows, and a
//! pseudo-change of each path that is nearly over. Less than 64 KB is asked for.
//!
//! One target lives for weeks; the others take over what it learnt, as a guard does that starts anew, and
//! live until all else is full as well.
#![allow(
    clippy::print_stdout,
    reason = "an example tells what it found on its output"
)]

use std::error::Error;

use backstay_detect::background::Background;
use backstay_detect::{Banks, DetectPolicy, History, Slow};
use backstay_model::metric::{MetricRole, MetricSpec, Worse};
use backstay_model::{MetricName, Sample, Span, Timestamp};

/// Targets that are counted, and those before them, which also pay for what the program itself needs.
const TARGETS: usize = 20;
const BEFORE: usize = 4;
/// Samples by the second that a guard keeps, and that a harmless window is opened with.
const SECONDS: usize = 2_700;
const PAST: usize = 600;
/// How much later than the second a sample is taken, at most, in microseconds.
const LATE_US: f64 = 5_000.0;
/// Seconds after which the banks of both paths are full: more than 300 windows of a quarter of an hour, and
/// of two hours.
const LEARN_S: i64 = 4 * 86_400;
const LEARN_SLOWLY_S: i64 = 26 * 86_400;
/// Seconds after which all else is: the fifth window of a quarter of an hour is nearly over, since the
/// first one begins after a minute, and the first one of two hours.
const LIVE_S: i64 = 60 + 4 * 900 + 890;
const LIVE_SLOWLY_S: i64 = 119 * 60;
/// Roles of the metrics of a PostgreSQL, and how many there are of each.
const ROLES: [(MetricRole, usize); 7] = [
    (MetricRole::Throughput, 3),
    (MetricRole::Latency, 4),
    (MetricRole::Errors, 4),
    (MetricRole::Demand, 1),
    (MetricRole::Host, 4),
    (MetricRole::Saturation, 10),
    (MetricRole::Other, 1),
];

struct Target {
    history: History,
    banks: Banks,
    slow: Slow,
    background: Background,
    dice: u64,
}

fn specs() -> Vec<MetricSpec> {
    let one = |role: MetricRole, index: usize| MetricSpec {
        name: MetricName::new(&format!("{role:?}_{index}_per_s").to_lowercase()),
        role,
        worse: if role == MetricRole::Throughput {
            Worse::Down
        } else {
            Worse::Up
        },
        floor: 0.1,
        help: "of this example",
    };
    ROLES
        .iter()
        .flat_map(|(role, count)| (0..*count).map(|i| one(*role, i)))
        .collect()
}

impl Target {
    fn new(specs: &[MetricSpec], seed: u64) -> Self {
        let policy = DetectPolicy::standard(Span::from_secs(900));
        let mut slow = Slow::new(&policy);
        slow.measure(specs);
        Self {
            history: History::new(SECONDS),
            banks: Banks::new(specs, &policy),
            slow,
            background: Background::default(),
            dice: seed,
        }
    }

    /// The next numbers are as good as any, 0..1.
    fn share(&mut self) -> f64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        (self.dice >> 40) as f64 / (1_u64 << 24) as f64
    }

    /// Makes the sample of a second of the one before it. A guard samples a little after the second, never
    /// at the same moment of it.
    fn next(&mut self, sample: &mut Sample, second: i64) {
        sample.at = Timestamp(second * 1_000_000 + (LATE_US * self.share()) as i64);
        for value in sample.metrics.values_mut() {
            *value = 100.0 + 20.0 * self.share();
        }
    }

    /// Every other second of a time, by the minute alone, then every second of another.
    fn live(&mut self, specs: &[MetricSpec], from: i64, (slowly, seconds): (i64, i64)) -> i64 {
        let mut sample = Sample {
            metrics: specs.iter().map(|s| (s.name.clone(), 0.0)).collect(),
            ..Sample::default()
        };
        let begin = from + slowly;
        for second in (from..begin).step_by(2) {
            self.next(&mut sample, second);
            if let Some(minute) = self.slow.push(&sample) {
                self.slow.learn(&minute);
            }
        }
        for second in begin..begin + seconds {
            self.next(&mut sample, second);
            self.history.push(&sample);
            let history = &self.history;
            self.banks.push(&sample, |since| history.after(since, PAST));
            drop(self.background.push(&sample));
        }
        begin
    }
}

/// Resident bytes of this process.
fn resident() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kib = line.and_then(|l| l.split_whitespace().next());
    Ok(kib.ok_or("no resident size")?.parse::<f64>()? * 1_024.0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let specs = specs();
    let mut teacher = Target::new(&specs, 7);
    let now = teacher.live(&specs, 0, (LEARN_SLOWLY_S, LEARN_S));
    let learnt = serde_json::to_vec(&(&teacher.banks, &teacher.slow))?;
    let mut targets: Vec<Target> = Vec::with_capacity(BEFORE + TARGETS);
    let mut before = 0.0;
    for seed in 0..BEFORE + TARGETS {
        if seed == BEFORE {
            before = resident()?;
        }
        let mut target = Target::new(&specs, 11 + seed as u64);
        let (banks, slow) = serde_json::from_slice(&learnt)?;
        target.banks.take_over(banks);
        target.slow.take_over(slow);
        target.live(&specs, now, (LIVE_SLOWLY_S, LIVE_S));
        targets.push(target);
    }
    let bytes = resident()? - before;
    let windows = (
        targets[0].banks.windows(),
        targets[0].slow.banks().windows(),
    );
    println!(
        "{:.1} KB a metric: {TARGETS} targets of {} metrics each, {windows:?} windows in the last 30 days",
        bytes / (TARGETS * specs.len()) as f64 / 1_024.0,
        specs.len(),
    );
    Ok(())
}
