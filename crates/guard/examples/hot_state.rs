//! What a guard keeps in memory of one metric, counted by the resident size of this process:
//! `cargo run -p backstay-guard --example hot_state`. Everything is full: samples by the second, by the minute
//! and by five minutes, banks of harmless windows, and a pseudo-change of each path that is going on.
//! Less than 64 KB is asked for.
#![allow(
    clippy::print_stdout,
    reason = "an example tells what it found on its output"
)]

use std::error::Error;

use backstay_detect::background::Background;
use backstay_detect::{Banks, DetectPolicy, History, Slow};
use backstay_model::metric::{MetricRole, MetricSpec, Worse};
use backstay_model::{MetricName, Sample, Span, Timestamp};

/// Targets that are filled: their sum is what counts.
const TARGETS: usize = 3;
/// Samples by the second that a guard keeps, and that a harmless window is opened with.
const SECONDS: usize = 2_700;
const PAST: usize = 600;
/// Seconds in which the banks of watches of a quarter of an hour are full.
const DAYS_BY_SECOND: i64 = 4 * 86_400;
/// The same of windows of two hours.
const DAYS_BY_MINUTE: i64 = 26 * 86_400;
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

    fn sample(&mut self, specs: &[MetricSpec], second: i64) -> Sample {
        let mut noisy = |spec: &MetricSpec| {
            self.dice ^= self.dice << 13;
            self.dice ^= self.dice >> 7;
            self.dice ^= self.dice << 17;
            let share = (self.dice >> 40) as f64 / (1_u64 << 24) as f64;
            (spec.name.clone(), 100.0 + 20.0 * share)
        };
        Sample {
            at: Timestamp::from_secs(second),
            metrics: specs.iter().map(&mut noisy).collect(),
            ..Sample::default()
        }
    }

    /// Every second of some days, then every other one of some weeks, by the minute alone.
    fn live(&mut self, specs: &[MetricSpec]) {
        for second in DAYS_BY_MINUTE..DAYS_BY_MINUTE + DAYS_BY_SECOND {
            let sample = self.sample(specs, second);
            self.history.push(&sample);
            let history = &self.history;
            self.banks.push(&sample, |since| history.after(since, PAST));
            drop(self.background.push(&sample));
        }
        for second in (0..DAYS_BY_MINUTE).step_by(2) {
            let sample = self.sample(specs, second);
            if let Some(minute) = self.slow.push(&sample) {
                self.slow.learn(&minute);
            }
        }
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
    // The first one also pays for what the program itself needs.
    let mut first = Target::new(&specs, 7);
    first.live(&specs);
    let before = resident()?;
    let targets: Vec<Target> = (0..TARGETS)
        .map(|i| {
            let mut target = Target::new(&specs, 11 + i as u64);
            target.live(&specs);
            target
        })
        .collect();
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
