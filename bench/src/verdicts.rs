//! A watch of the usual length with everything a target has after a day: own placebo banks, an hour of
//! history. And a recording of a week, as `backstay detect` judges it.

use backstay_chance::Dice;
use backstay_detect::{Banks, Column, DetectPolicy, History, Opening, Point, Watch};
use backstay_model::metric::{MetricRole, Worse};
use backstay_model::{MetricName, Sample, Span, Timestamp};
use backstay_store_sqlite::ingest::example_change_sets;

use crate::weather::Weather;

/// Length of the watch: fifteen minutes, the default of the product.
pub const WATCH_S: i64 = 15 * 60;
/// History that the baseline is taken from.
const HISTORY_S: i64 = 3_600;
/// Newest samples that a harmless window is opened with.
const PAST: usize = 600;
/// Half a day, so that the banks have windows enough for p-values of their own.
const CHANGE_S: u32 = 45_000;

/// A watch that has just begun, and what will be pushed into it.
#[derive(Clone, Debug)]
pub struct Case {
    /// Opened, nothing pushed.
    pub watch: Watch,
    /// One sample a second until its end.
    pub after: Vec<Sample>,
    /// Metrics in each sample.
    pub metrics: usize,
}

impl Case {
    /// The case of a harmless change on a steady target.
    #[must_use]
    pub fn harmless() -> Self {
        let mut weather = Weather::new(11);
        let specs = weather.specs().to_vec();
        let policy = DetectPolicy::standard(Span::from_secs(WATCH_S));
        let before = weather.samples(Timestamp(0), i64::from(CHANGE_S));
        let mut banks = Banks::new(&specs, &policy);
        let mut seen = History::new(HISTORY_S as usize);
        for sample in &before {
            seen.push(sample);
            banks.push(sample, |since| seen.after(since, PAST));
        }
        let history = &before[before.len() - HISTORY_S as usize..];
        let at = Timestamp::from_secs(i64::from(CHANGE_S));
        let change = example_change_sets(u64::from(CHANGE_S), 1).remove(0);
        let watch = Watch::open(&Opening {
            change: &change,
            specs: &specs,
            history,
            banks: &banks,
            policy: &policy,
            until: at + Span::from_secs(WATCH_S),
            lock_waits: backstay_detect::LockWaits::Excused,
        });
        Self {
            watch,
            after: weather.samples(at, WATCH_S),
            metrics: specs.len(),
        }
    }

    /// The watch with all but the last sample pushed, and that one: nothing in a watch costs more.
    #[must_use]
    pub fn at_its_end(&self) -> (Watch, Sample) {
        let mut watch = self.watch.clone();
        let (last, others) = self
            .after
            .split_last()
            .expect("a watch has at least one sample");
        for sample in others {
            drop(watch.push(sample));
        }
        (watch, last.clone())
    }
}

/// Minutes of a recorded KPI before its change and since: seven days and two hours.
pub const RECORDED_MIN: (i64, i64) = (7 * 1_440, 120);

/// Such a recording with a daily season and noise with a memory, and when its change was.
#[must_use]
pub fn recorded() -> (Column, Timestamp) {
    let mut dice = Dice::of(11, "bench/recorded");
    let mut wander = 0.0;
    let minute = |m: i64| {
        wander = 0.6 * wander + 0.8 * dice.normal();
        let season = (m as f64 / 1_440.0 * std::f64::consts::TAU).sin();
        Point {
            at: Timestamp::from_secs(60 * m),
            value: 1_000.0 * (0.5 * season + 0.05 * wander).exp(),
        }
    };
    let (before, since) = RECORDED_MIN;
    let column = Column {
        name: MetricName::from_static("orders_per_min"),
        role: MetricRole::Other,
        worse: Worse::Both,
        floor: 0.0,
        points: (0..before + since).map(minute).collect(),
    };
    (column, Timestamp::from_secs(60 * before))
}
