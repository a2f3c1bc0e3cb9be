//! The test suite: set up, run everything, say what was skipped, add it up.

use std::io::{BufRead, BufReader};
use std::process::{ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::{run, servers, setup};

/// What the runs printed, added up.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: Vec<String>,
    broken: Vec<String>,
}

/// Everything: unit, property, scenario and doc tests, then end-to-end on a real server.
pub(crate) fn test(rest: &[String]) -> Result<ExitCode> {
    let mut tally = Tally::default();
    if let Err(error) = setup::postgres() {
        eprintln!("SKIPPED: everything that needs a real PostgreSQL: {error:#}");
    }
    servers::ensure(&servers::majors());
    let filter: Vec<&str> = rest.iter().map(String::as_str).collect();
    step(
        &mut tally,
        "build",
        &["build", "--quiet", "--package", "backstay-cli"],
    )?;
    let all = [
        &[
            "test",
            "--no-fail-fast",
            "--workspace",
            "--all-features",
            "--exclude",
            "backstay-e2e",
        ],
        &filter[..],
    ]
    .concat();
    step(&mut tally, "unit, property, scenario and doc tests", &all)?;
    let real = [&["test", "--package", "backstay-e2e"], &filter[..]].concat();
    step(&mut tally, "end to end, on a real PostgreSQL", &real)?;
    Ok(close(&tally))
}

/// What CI runs.
pub(crate) fn ci() -> Result<ExitCode> {
    run::cargo(&["fmt", "--all", "--check"])?;
    run::cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ])?;
    test(&[])
}

fn step(tally: &mut Tally, title: &str, arguments: &[&str]) -> Result<()> {
    eprintln!("\n== {title}");
    let started = now();
    let mut child = run::cargo_command(arguments)
        .env("CARGO_TERM_COLOR", "never")
        .stdout(Stdio::piped())
        .spawn()
        .context("starting cargo")?;
    let output = child.stdout.take().context("reading cargo's output")?;
    for line in BufReader::new(output).lines() {
        tally.take(&line.context("reading cargo's output")?);
    }
    let status = child.wait().context("waiting for cargo")?;
    if !status.success() {
        tally.broken.push(title.to_owned());
    }
    eprintln!("== {title}: {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a task runner times its steps")]
fn now() -> Instant {
    Instant::now()
}

impl Tally {
    /// Prints what a person wants to see, counts the rest.
    fn take(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("test result:") {
            self.passed += count_before(rest, " passed");
            self.failed += count_before(rest, " failed");
        } else if let Some(why) = line.trim().strip_prefix("SKIPPED:") {
            self.skipped.push(why.trim().to_owned());
        }
        let quiet = line.is_empty() || line.ends_with("... ok") || line.starts_with("running ");
        if !quiet && !line.contains(" 0 passed; 0 failed") {
            println!("{line}");
        }
    }
}

fn count_before(text: &str, word: &str) -> u64 {
    let before = text.split(word).next().unwrap_or("");
    before
        .rsplit(|c: char| !c.is_ascii_digit())
        .next()
        .and_then(|d| d.parse().ok())
        .unwrap_or(0)
}

/// The closing lines: what was skipped, what broke, and the sum.
fn close(tally: &Tally) -> ExitCode {
    println!();
    for why in &tally.skipped {
        println!("SKIPPED: {why}");
    }
    for title in &tally.broken {
        println!("FAILED: {title}");
    }
    println!(
        "{} passed, {} failed, {} skipped",
        tally.passed,
        tally.failed,
        tally.skipped.len()
    );
    if tally.failed == 0 && tally.broken.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
