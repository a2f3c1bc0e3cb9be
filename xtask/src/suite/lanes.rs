//! Running test programs: several side by side, each told in one line, or one aloud.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, PipeReader};
use std::process::{Child, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::programs::Job;
use super::tally::{Tally, worth_a_look};
use super::{now, told};

/// How a program ended.
struct Ended {
    title: String,
    lines: Vec<String>,
    well: bool,
    took: Duration,
}

/// Runs the jobs, `lanes` at a time. Each is one line when it ends; what one has to complain about
/// follows its line.
pub(crate) fn side_by_side(jobs: Vec<Job>, lanes: usize, tally: &mut Tally) -> Result<()> {
    let queue = Mutex::new(VecDeque::from(jobs));
    let next = || {
        queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    };
    let (sender, ended) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            let sender = sender.clone();
            scope.spawn(move || {
                while let Some(job) = next() {
                    if sender.send(quietly(job)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        ended.iter().try_for_each(|end| {
            tell(&end?, tally);
            Ok(())
        })
    })
}

fn quietly(job: Job) -> Result<Ended> {
    let began = now();
    let title = job.title.clone();
    let (mut child, output) = start(job)?;
    let lines: Result<Vec<String>, _> = output.lines().collect();
    let lines = lines.with_context(|| format!("reading what {title} says"))?;
    let status = child.wait();
    let status = status.with_context(|| format!("waiting for {title}"))?;
    Ok(Ended {
        title,
        lines,
        well: status.success(),
        took: began.elapsed(),
    })
}

fn tell(end: &Ended, tally: &mut Tally) {
    let before = tally.passed();
    for line in &end.lines {
        tally.count(line);
    }
    let passed = tally.passed() - before;
    if !end.well {
        tally.breaks(&end.title);
        println!("FAILED {}, {}:", end.title, told(end.took));
    } else if passed > 0 {
        println!("{passed:>4} passed  {:>9}  {}", told(end.took), end.title);
    }
    let shown = |l: &&String| worth_a_look(l) && (!end.well || l.contains("SKIPPED:"));
    for line in end.lines.iter().filter(shown) {
        println!("{line}");
    }
}

/// Runs one job and prints what it says as it comes, each finished test with the time since the
/// beginning.
pub(crate) fn aloud(job: Job, tally: &mut Tally) -> Result<()> {
    let began = now();
    let title = job.title.clone();
    let (mut child, output) = start(job)?;
    for line in output.lines() {
        let line = line.with_context(|| format!("reading what {title} says"))?;
        tally.count(&line);
        match line.strip_suffix(" ... ok") {
            Some(test) => println!(
                "{:>6.0} s  {}",
                seconds(began),
                test.trim_start_matches("test ")
            ),
            None if worth_a_look(&line) => println!("{line}"),
            None => {}
        }
    }
    let status = child.wait();
    if !status
        .with_context(|| format!("waiting for {title}"))?
        .success()
    {
        tally.breaks(&title);
    }
    Ok(())
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}

/// Starts a job with both its outputs in one pipe, in the order in which it writes.
fn start(job: Job) -> Result<(Child, BufReader<PipeReader>)> {
    let Job { title, mut command } = job;
    let (reader, writer) = std::io::pipe().context("making a pipe")?;
    let second = writer.try_clone().context("making a pipe")?;
    command.stdin(Stdio::null()).stdout(writer).stderr(second);
    let child = command.spawn();
    // The command holds the pipe's other end; while it lives, the pipe never ends.
    drop(command);
    Ok((
        child.with_context(|| format!("starting {title}"))?,
        BufReader::new(reader),
    ))
}
