//! Running the criterion benches and reading what they found.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use backstay_bench::beliefs::PAIRS;
use backstay_bench::books::{BATCH, ENTRIES};
use backstay_bench::graphs::{EDGES, NODES};
use backstay_bench::knowledge::{Known, PAST};
use backstay_bench::learning;
use backstay_bench::lives::{Transition, transitions};
use backstay_bench::verdicts::{Case, RECORDED_MIN, WATCH_S};
use backstay_model::Event;

use crate::table::{Row, Section, Target, count, rate, time};

const MICROSECOND: f64 = 1e3;
const MILLISECOND: f64 = 1e6;

const BENCH: [&str; 5] = ["bench", "--package", "backstay-bench", "--bench", "board"];

/// Builds the benches, so that running them does not wait for the compiler.
pub(crate) fn build() -> Result<()> {
    crate::cargo(&[&BENCH[..], &["--no-run"]].concat(), &[])
}

/// Runs the benches and makes their rows.
pub(crate) fn run() -> Result<Section> {
    let home = std::env::current_exe()
        .context("asking where this program is")?
        .with_file_name("bench-criterion");
    // Old estimates must not pass for new ones.
    if home.exists() {
        fs::remove_dir_all(&home).with_context(|| format!("removing {}", home.display()))?;
    }
    let arguments = [&BENCH[..], &["--", "--quiet"]].concat();
    crate::cargo(&arguments, &[("CRITERION_HOME", &home)])?;
    let found = Found { home };
    let mut rows = vec![found.trace()?, found.ranked()?, found.ingest()?];
    rows.push(found.verify()?);
    rows.extend(found.steps()?);
    rows.extend(found.verdicts()?);
    rows.extend(found.knowledge()?);
    rows.extend(found.beliefs()?);
    rows.extend(found.learning()?);
    rows.extend(found.seconds()?);
    Ok(Section {
        title: "Benches",
        rows,
        notes: vec![
            "Times are criterion's means; in brackets the 95 % interval of the mean.".to_owned(),
        ],
    })
}

/// Criterion's mean and its interval, in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Estimate {
    mean: f64,
    low: f64,
    high: f64,
}

impl Estimate {
    /// For one of `parts` equal parts.
    fn over(self, parts: f64) -> Self {
        Self {
            mean: self.mean / parts,
            low: self.low / parts,
            high: self.high / parts,
        }
    }

    fn row(self, what: &str, target: Target, how: impl Into<String>) -> Row {
        let (low, high) = (time(self.low), time(self.high));
        Row::measured(what, target, self.mean, time, how).also(&format!(" ({low} to {high})"))
    }
}

struct Found {
    home: PathBuf,
}

impl Found {
    fn estimate(&self, id: &str) -> Result<Estimate> {
        let path = self.home.join(id).join("new/estimates.json");
        read(&path).with_context(|| format!("criterion left no estimate in {}", path.display()))
    }

    fn trace(&self) -> Result<Row> {
        let row = self.estimate("trace/large")?.row(
            "impact trace, depth 3",
            Target::Below(MILLISECOND),
            format!(
                "`CompactGraph::trace`, {} nodes, {} edges, a random start each time",
                millions(NODES),
                millions(EDGES)
            ),
        );
        Ok(row)
    }

    fn ranked(&self) -> Result<Row> {
        Ok(self.estimate("trace/large_ranked")?.row(
            "the same, ranked and with a path to each node",
            Target::None,
            "`CompactGraph::impact`",
        ))
    }

    fn ingest(&self) -> Result<Row> {
        let batch = self.estimate("journal/ingest")?;
        let per_s = |ns: f64| BATCH as f64 * 1e9 / ns;
        let slowest = slowest(&self.home.join("journal/ingest/new/sample.json"))?;
        let how = format!(
            "batches of {}: journal with hash chain in SQLite, synchronous=FULL, then applied to the \
             graph; {} a batch, in the slowest of 20 samples {} ({})",
            count(BATCH),
            time(batch.mean),
            time(slowest),
            rate(per_s(slowest))
        );
        let row = Row::measured(
            "durable ingest of changes",
            Target::AtLeast(20_000.0),
            per_s(batch.mean),
            rate,
            how,
        );
        let (low, high) = (rate(per_s(batch.high)), rate(per_s(batch.low)));
        Ok(row.also(&format!(" ({low} to {high})")))
    }

    fn verify(&self) -> Result<Row> {
        let whole = self.estimate("journal/verify")?;
        Ok(Row::measured(
            "verification of the journal",
            Target::None,
            ENTRIES as f64 * 1e9 / whole.mean,
            rate,
            format!(
                "every entry of a log of {}: hash, link, decoding",
                count(ENTRIES)
            ),
        ))
    }

    fn steps(&self) -> Result<Vec<Row>> {
        let row = |t: &Transition| {
            Ok(self.estimate(&format!("step/{}", t.name))?.row(
                &format!("`lifecycle::step`: {}", t.name.replace('_', " ")),
                Target::Below(5.0 * MICROSECOND),
                weight(&t.event),
            ))
        };
        transitions()?.iter().map(row).collect()
    }

    fn verdicts(&self) -> Result<Vec<Row>> {
        let case = Case::harmless();
        let metrics = case.metrics as f64;
        let last = self.estimate("verdict/last_sample")?;
        let whole = self
            .estimate("verdict/whole_watch")?
            .over(case.after.len() as f64);
        let minutes = WATCH_S / 60;
        Ok(vec![
            last.over(metrics).row(
                "verdict update, per metric",
                Target::Below(MILLISECOND),
                format!(
                    "`Watch::push` of the last sample of a {minutes}-minute watch, {} metrics: {} in all",
                    case.metrics,
                    time(last.mean)
                ),
            ),
            whole.over(metrics).row(
                "the same, mean over the whole watch",
                Target::Below(MILLISECOND),
                format!("{} samples, {} each", case.after.len(), time(whole.mean)),
            ),
            self.estimate("verdict/recorded")?.row(
                "verdict on a recorded KPI",
                Target::Below(20.0 * MILLISECOND),
                format!(
                    "`judge_series`, one column without a role, {} days and {} h by the minute",
                    RECORDED_MIN.0 / 1_440,
                    RECORDED_MIN.1 / 60
                ),
            ),
        ])
    }

    fn knowledge(&self) -> Result<Vec<Row>> {
        let dependencies = count(Known::new()?.dependencies() as u64);
        Ok(vec![
            self.estimate("knowledge/simulate")?.row(
                "`simulate::report`, warm",
                Target::Below(300.0 * MILLISECOND),
                format!("three settings on the PostgreSQL 15 pack, {} past changes", count(PAST as u64)),
            ),
            self.estimate("knowledge/impact")?.row(
                "impact on the real pack",
                Target::None,
                format!(
                    "`Graph::impact`, {dependencies} rules and effects of PostgreSQL 15, each setting in turn"
                ),
            ),
            self.estimate("knowledge/overlay")?.row(
                "what-if copy and its impact",
                Target::None,
                "`Overlay` with three things put on it, same graph",
            ),
        ])
    }

    fn beliefs(&self) -> Result<Vec<Row>> {
        Ok(vec![
            self.estimate("belief/rescore")?.row(
                &format!("confidence of {} pairs anew", count(PAIRS as u64)),
                Target::Below(50.0 * MILLISECOND),
                "`belief::score`, one to six items of evidence each, half of them fading; one core",
            ),
            self.estimate("belief/one_edge")?.row(
                "belief in one edge, with interval and every line",
                Target::None,
                "`belief::believe`, six items of evidence",
            ),
        ])
    }

    fn learning(&self) -> Result<Vec<Row>> {
        let batch = self.estimate("learning/ingest")?;
        let per_s = |ns: f64| learning::BATCH as f64 * 1e9 / ns;
        let slowest = slowest(&self.home.join("learning/ingest/new/sample.json"))?;
        let how = format!(
            "batches of {} into `Graph` and `Learner` in memory, on one core, after {} changes on 1,000 \
             targets; nights are counted in; the slowest of 20 samples {}",
            count(learning::BATCH as u64),
            count(learning::BEFORE as u64),
            rate(per_s(slowest))
        );
        let ingest = Row::measured(
            "changes into graph and learning",
            Target::AtLeast(10_000.0),
            per_s(batch.mean),
            rate,
            how,
        );
        let (low, high) = (rate(per_s(batch.high)), rate(per_s(batch.low)));
        let settings = u64::from(learning::SETTINGS);
        Ok(vec![
            ingest.also(&format!(" ({low} to {high})")),
            self.estimate("learning/g2")?.row(
                &format!("G² of {} pairs anew", count(settings * (settings - 1) / 2)),
                Target::Below(50.0 * MILLISECOND),
                "`Weights::rescore`, every pair with a weight; one core",
            ),
        ])
    }

    fn seconds(&self) -> Result<Vec<Row>> {
        Ok(vec![
            self.estimate("second/one_target_on_disk")?.row(
                "one second of a guard, one target",
                Target::None,
                "tick with one sample and one probe, samples stored in SQLite; nothing is watched",
            ),
            self.estimate("second/thousand_targets")?.row(
                "one second of a guard, 1,000 targets",
                Target::Below(250.0 * MILLISECOND),
                "the same for each target, books in memory, on one core",
            ),
        ])
    }
}

/// What the next state takes over from an event.
fn weight(event: &Event) -> String {
    match event {
        Event::Ruled { risk, .. } => format!(
            "shares a plan, and a risk of `work_mem` that reaches {} nodes",
            risk.reach.len()
        ),
        Event::Judged { verdict, .. } => {
            format!("a verdict with {} findings", verdict.findings.len())
        }
        _ => "one setting".to_owned(),
    }
}

/// The longest time of one iteration, as the mean of a sample.
fn slowest(path: &Path) -> Result<f64> {
    let document: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
    let numbers = |key: &str| {
        let list = document.get(key).and_then(serde_json::Value::as_array);
        let list = list.into_iter().flatten();
        list.filter_map(serde_json::Value::as_f64)
            .collect::<Vec<_>>()
    };
    let (times, iterations) = (numbers("times"), numbers("iters"));
    let each = times.iter().zip(&iterations).map(|(time, n)| time / n);
    each.reduce(f64::max).context("criterion kept no samples")
}

fn read(path: &Path) -> Result<Estimate> {
    let document: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
    let number = |pointer: &str| {
        let value = document.pointer(pointer);
        value
            .and_then(serde_json::Value::as_f64)
            .with_context(|| format!("no {pointer}"))
    };
    Ok(Estimate {
        mean: number("/mean/point_estimate")?,
        low: number("/mean/confidence_interval/lower_bound")?,
        high: number("/mean/confidence_interval/upper_bound")?,
    })
}

fn millions(n: u32) -> String {
    format!("{} M", n / 1_000_000)
}
