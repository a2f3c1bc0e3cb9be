//! The machine that was measured on.

use std::fs;
use std::process::Command;

use anyhow::Result;

/// Facts that numbers depend on.
#[derive(Debug)]
pub(crate) struct Machine {
    facts: Vec<(&'static str, String)>,
}

impl Machine {
    /// Looks at this machine, before anything is measured.
    pub(crate) fn look() -> Result<Self> {
        let cores = std::thread::available_parallelism()?;
        let memory_kb = line_of("/proc/meminfo", "MemTotal")
            .and_then(|v| v.split_whitespace().next()?.parse::<f64>().ok())
            .unwrap_or_default();
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load: Vec<&str> = load.split_whitespace().take(3).collect();
        let state = backstay_bench::books::folder()?;
        Ok(Self {
            facts: vec![
                ("date", date()),
                ("commit", commit()),
                ("toolchain", said("rustc", &["--version"])),
                ("profile", "release (bench profile: the same)".to_owned()),
                (
                    "processor",
                    line_of("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
                ),
                ("cores", cores.to_string()),
                ("memory", format!("{:.1} GiB", memory_kb / 1_048_576.0)),
                ("kernel", kernel()),
                ("books on", file_system(&state.path().to_string_lossy())),
                ("load average at the start", load.join(" ")),
            ],
        })
    }

    /// As a table.
    pub(crate) fn markdown(&self) -> String {
        let rows = self.facts.iter().map(|(k, v)| format!("| {k} | {v} |\n"));
        format!("| machine | |\n|---|---|\n{}", rows.collect::<String>())
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn date() -> String {
    let now = jiff::Timestamp::now().to_string();
    format!("{} UTC", now.get(..16).unwrap_or(&now).replace('T', " "))
}

fn commit() -> String {
    let head = said("git", &["rev-parse", "--short=12", "HEAD"]);
    let changed = said("git", &["diff", "--name-only", "HEAD"]);
    // This program's own output is no reason to call the tree changed.
    let changed: Vec<&str> = changed
        .lines()
        .filter(|l| *l != unknown() && *l != "bench/RESULTS.md")
        .collect();
    match changed.as_slice() {
        [] => head,
        [one] => format!("{head}, with an uncommitted change of {one}"),
        more => format!("{head}, with uncommitted changes of {} files", more.len()),
    }
}

fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("Linux {}", release.trim())
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .output();
    match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => unknown(),
    }
}

/// The value of the first line `key : value` of a file.
fn line_of(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|l| l.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The kind of file system that holds `path`: its longest mount point.
fn file_system(path: &str) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let holds = mounts.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (point, kind) = (words.next()?, words.next()?);
        path.starts_with(point).then_some((point.len(), kind))
    });
    holds
        .max_by_key(|(length, _)| *length)
        .map_or_else(unknown, |(_, kind)| kind.to_owned())
}
