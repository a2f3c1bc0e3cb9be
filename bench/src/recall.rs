//! How long it takes to know again what years taught: from the whole journal, and from its checkpoint.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use backstay_bench::books::folder;
use backstay_bench::records;

use crate::table::{Row, Section, Target, megabytes, time};

/// Changes in the journal that is read back.
pub(crate) const RECORDED: usize = 100_000;
/// Processes of which the median is told.
const PROCESSES: usize = 5;
/// The checkpoint beside the journal.
const CHECKPOINT: &str = "journal.checkpoint";
const SECOND: f64 = 1e9;
/// What is asked: both need everything that was learnt.
const QUESTIONS: [&[&str]; 2] = [
    &["explain", "work_mem", "--version", "17"],
    &["graph", "stats", "--version", "17"],
];

/// Writes the journal and asks.
pub(crate) fn run(backstay: &Path) -> Result<Section> {
    eprintln!("a journal of {RECORDED} changes …");
    let state = folder()?;
    let entries = records::write(state.path(), RECORDED)?;
    let size = |name: &str| -> Result<f64> {
        let meta = std::fs::metadata(state.path().join(name));
        Ok(meta.with_context(|| format!("no {name}"))?.len() as f64)
    };
    let mut rows = Vec::new();
    for question in QUESTIONS {
        let words = question.join(" ");
        let checkpoint = state.path().join(CHECKPOINT);
        std::fs::remove_file(&checkpoint).ok();
        let cold = ask(backstay, question, state.path())?;
        rows.push(Row::measured(
            &format!("`backstay {words}`, no checkpoint"),
            Target::None,
            cold,
            time,
            "whole process, reads the whole journal and keeps a checkpoint",
        ));
        let mut times = Vec::new();
        for _ in 0..PROCESSES {
            times.push(ask(backstay, question, state.path())?);
        }
        times.sort_by(f64::total_cmp);
        rows.push(Row::measured(
            &format!("`backstay {words}`, checkpoint"),
            Target::Below(SECOND),
            times[PROCESSES / 2],
            time,
            format!("median of {PROCESSES} processes"),
        ));
    }
    rows.push(Row::measured(
        "the checkpoint",
        Target::None,
        size(CHECKPOINT)?,
        megabytes,
        format!("beside a journal of {}", megabytes(size("journal.db")?)),
    ));
    Ok(Section {
        title: "What years taught, known again",
        rows,
        notes: vec![format!(
            "{RECORDED} changes of 200 targets, each watched to a verdict: {entries} entries. The files \
             are in the page cache."
        )],
    })
}

/// Nanoseconds that a question takes.
fn ask(backstay: &Path, question: &[&str], state: &Path) -> Result<f64> {
    let began = Instant::now();
    let output = Command::new(backstay)
        .args(question)
        .arg("--state-dir")
        .arg(state)
        .output()
        .context("starting backstay")?;
    let took = began.elapsed().as_nanos() as f64;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{question:?} failed: {said}");
    Ok(took)
}
