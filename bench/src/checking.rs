//! `backstay check` on a live server, from the start of the process to its end.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use backstay_scratch::postgres::{Binaries, Options, Server};

use crate::table::{Row, Section, Target, time};

/// Runs that count; one before them fills the caches.
const RUNS: usize = 40;
/// Target for the median, in nanoseconds.
const CHECK_NS: f64 = 150e6;

const TITLE: &str = "A check of a live PostgreSQL";

/// Measures on every installed major version, or says loudly that it cannot.
pub(crate) fn run(backstay: &Path) -> Result<Section> {
    let mut rows = Vec::new();
    let mut notes = vec![format!(
        "The release binary as a new process: start, login, one snapshot, every rule, table. Median of {RUNS} \
         runs; throw-away server on this machine."
    )];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    for (_, major) in backstay_catalog::pack::packs() {
        match Binaries::find_major(major) {
            Ok(_) => rows.push(runtime.block_on(measure(backstay, major))?),
            Err(error) => {
                eprintln!("\nSKIPPED: checks of a PostgreSQL {major}: {error}\n");
                notes.push(format!("**SKIPPED on {major}**: {error}."));
            }
        }
    }
    Ok(Section {
        title: TITLE,
        rows,
        notes,
    })
}

async fn measure(backstay: &Path, major: u32) -> Result<Row> {
    let options = Options {
        major: Some(major),
        ..Options::default()
    };
    let server = Server::start(options).await?;
    let dsn = server.dsn("postgres", "postgres");
    let mut took = Vec::with_capacity(RUNS);
    for run in 0..=RUNS {
        let began = Instant::now();
        let status = Command::new(backstay)
            .args(["check", &dsn])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("running a check")?;
        let ns = began.elapsed().as_secs_f64() * 1e9;
        // 3 means that something is broken: our scratch configuration may well be.
        ensure!(
            matches!(status.code(), Some(0 | 3)),
            "the check ended with {status}"
        );
        if run > 0 {
            took.push(ns);
        }
    }
    took.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (share * (took.len() - 1) as f64).round() as usize;
        took.get(index).copied().unwrap_or(f64::NAN)
    };
    let slow = format!(", 95 % under {}", time(at(0.95)));
    let version = &server.binaries().version;
    let what = format!("`backstay check` of a PostgreSQL {version}");
    let row = Row::measured(&what, Target::Below(CHECK_NS), at(0.5), time, "end to end");
    Ok(row.also(&slow))
}
