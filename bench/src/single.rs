//! What criterion's means cannot say: tails, first times, new processes, memory after hours.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use backstay_bench::books::{folder, shelf};
use backstay_bench::graphs;
use backstay_bench::guards::{guard, pass};
use backstay_catalog::pack;
use backstay_model::name::EngineKind;

use crate::process::resident;
use crate::table::{Row, Section, Target, megabytes, time};

const MILLISECOND: f64 = 1e6;
const MEGABYTE: f64 = 1e6;
/// Traces of which the tail is told.
const TRACES: usize = 5_000;
/// New processes of which the median is told.
const PROCESSES: usize = 15;
/// Hours of samples after which the guard's memory is measured: what it keeps is full after two.
pub(crate) const HOURS: i64 = 4;
/// Seconds after which memory counts as that of a young guard.
const YOUNG_S: i64 = 75;

/// This program, also when cargo has put a newer one in its place meanwhile.
const ME: &str = "/proc/self/exe";

const COLD_PACK: &str = "child-cold-pack";
const MEMORY: &str = "child-memory";

/// Measures all of it.
pub(crate) fn run(backstay: &Path) -> Result<Section> {
    eprintln!("traces one by one, new processes …");
    let mut rows = tails();
    rows.push(cold_pack()?);
    rows.extend(commands(backstay)?);
    Ok(Section {
        title: "Tails and new processes",
        rows,
        notes: vec![format!(
            "Of new processes the median of {PROCESSES} is told; the files are in the page cache."
        )],
    })
}

/// Does the work of a child process; false when `part` names none.
pub(crate) fn child(part: &str) -> Result<bool> {
    match part {
        COLD_PACK => {
            let began = Instant::now();
            black_box(pack(EngineKind::Postgresql, 15)?);
            println!("{}", began.elapsed().as_nanos());
        }
        MEMORY => println!("{}", growth()?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn tails() -> Vec<Row> {
    let graph = graphs::large();
    let spec = graphs::trace();
    let mut times = Vec::with_capacity(TRACES);
    let mut reached = 0;
    for start in graphs::starts(2).take(TRACES) {
        let began = Instant::now();
        let found = graph.trace(&[start], &spec);
        times.push(began.elapsed().as_nanos() as f64);
        reached += found.len();
    }
    times.sort_by(f64::total_cmp);
    let how = format!(
        "{TRACES} random starts one by one, {} nodes reached on average",
        reached / TRACES
    );
    let quantile = |name: &str, q: f64| {
        let what = format!("impact trace, depth 3, 1 M / 10 M, {name}");
        Row::measured(&what, Target::Below(MILLISECOND), at(&times, q), time, &how)
    };
    vec![quantile("p50", 0.5), quantile("p99", 0.99)]
}

/// The value at `q` of sorted values.
fn at(sorted: &[f64], q: f64) -> f64 {
    let i = (q * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(i).copied().unwrap_or(f64::NAN)
}

fn cold_pack() -> Result<Row> {
    let mut times = Vec::new();
    for _ in 0..PROCESSES {
        times.push(own_child(COLD_PACK)?);
    }
    times.sort_by(f64::total_cmp);
    Ok(Row::measured(
        "loading the PostgreSQL 15 pack, cold",
        Target::None,
        at(&times, 0.5),
        time,
        "the first `catalog::pack` of a new process",
    ))
}

/// Runs this program as a child that prints one number.
fn own_child(part: &str) -> Result<f64> {
    let output = Command::new(ME)
        .arg(part)
        .output()
        .with_context(|| format!("starting {part}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{part} failed: {said}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .with_context(|| format!("{part} said {text:?}"))
}

fn commands(backstay: &Path) -> Result<Vec<Row>> {
    let state = folder()?;
    let state = state.path().to_string_lossy().into_owned();
    let whole = |arguments: &[&str]| -> Result<f64> {
        let mut times = Vec::new();
        for _ in 0..PROCESSES {
            let began = Instant::now();
            let output = Command::new(backstay)
                .args(arguments)
                .args(["--state-dir", &state])
                .output()
                .context("starting backstay")?;
            times.push(began.elapsed().as_nanos() as f64);
            // 3 says "risky", which is an answer.
            let code = output.status.code();
            ensure!(
                matches!(code, Some(0 | 3 | 4)),
                "backstay {arguments:?} ended with {code:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        times.sort_by(f64::total_cmp);
        Ok(at(&times, 0.5))
    };
    Ok(vec![
        Row::measured(
            "`backstay --help`",
            Target::Below(20.0 * MILLISECOND),
            whole(&["--help"])?,
            time,
            "whole process",
        ),
        Row::measured(
            "`backstay simulate work_mem=256MB --memory 64GB`",
            Target::Below(1_000.0 * MILLISECOND),
            whole(&["simulate", "work_mem=256MB", "--memory", "64GB"])?,
            time,
            "whole process, cold knowledge, no server",
        ),
        binary(backstay)?,
    ])
}

/// What is shipped has no line tables; they are not loaded when it runs.
fn binary(backstay: &Path) -> Result<Row> {
    let directory = folder()?;
    let copy = directory.path().join("backstay");
    std::fs::copy(backstay, &copy).context("copying the binary")?;
    let size = |path: &Path| std::fs::metadata(path).map(|m| m.len() as f64);
    let built = size(backstay).context("looking at the binary")?;
    let limit = Target::Below(40.0 * MEGABYTE);
    let stripped = Command::new("strip").arg(&copy).status();
    Ok(match stripped {
        Ok(status) if status.success() => Row::measured(
            "the binary, stripped",
            limit,
            size(&copy)?,
            megabytes,
            format!(
                "libc dynamic; {} as built, with line tables",
                megabytes(built)
            ),
        ),
        _ => Row::measured(
            "the binary",
            limit,
            built,
            megabytes,
            "libc dynamic; with line tables, because there is no `strip` here",
        ),
    })
}

/// Bytes by which a guard of one target grows from its second minute on.
fn growth() -> Result<f64> {
    let me = std::process::id();
    let directory = folder()?;
    let (mut guard, mut feed) = guard(shelf(directory.path())?, 1)?;
    let (mut young, mut most) = (0.0_f64, 0.0_f64);
    for second in 1..=HOURS * 3_600 {
        pass(&mut guard, feed.next_second())?;
        if second == YOUNG_S {
            young = resident(me)?.0;
        } else if second > YOUNG_S && second % 60 == 0 {
            most = most.max(resident(me)?.0);
        }
    }
    Ok((most - young).max(0.0))
}

/// Bytes by which a guard grows over [`HOURS`], measured in a new process.
pub(crate) fn growth_over_hours() -> Result<f64> {
    eprintln!("a guard over {HOURS} hours of samples …");
    own_child(MEMORY)
}
