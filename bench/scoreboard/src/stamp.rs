//! The machine and the commit that were measured on.

use std::process::Command;

/// As a table of Markdown. What cannot be found out is called unknown.
#[must_use]
pub fn stamp() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split_whitespace().take(3).collect();
    let cores = std::thread::available_parallelism().map_or_else(|_| unknown(), |n| n.to_string());
    let facts = [
        ("date", date()),
        ("commit", commit()),
        ("toolchain", said("rustc", &["--version"])),
        ("profile", profile()),
        ("processor", processor()),
        ("cores", cores),
        ("load average at the start", load.join(" ")),
    ];
    let rows = facts.iter().map(|(k, v)| format!("| {k} | {v} |\n"));
    format!("| machine | |\n|---|---|\n{}", rows.collect::<String>())
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn profile() -> String {
    let word = if cfg!(debug_assertions) {
        "a debug build: times are worth nothing"
    } else {
        "tuning (release without link-time optimisation)"
    };
    word.to_owned()
}

fn date() -> String {
    let now = jiff::Timestamp::now().to_string();
    format!("{} UTC", now.get(..16).unwrap_or(&now).replace('T', " "))
}

fn commit() -> String {
    let head = said("git", &["rev-parse", "--short=12", "HEAD"]);
    let changed = said("git", &["diff", "--name-only", "HEAD"]);
    // This program's own output is no reason to call the tree changed.
    let others = |l: &&str| *l != unknown() && *l != "docs/verdict.md";
    match changed.lines().filter(others).count() {
        0 => head,
        n => format!("{head}, with uncommitted changes of {n} files"),
    }
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with("model name"));
    line.and_then(|l| l.split_once(':'))
        .map_or_else(unknown, |(_, v)| v.trim().to_owned())
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    match output {
        Ok(o) if o.status.success() && !o.stdout.is_empty() => {
            String::from_utf8_lossy(&o.stdout).trim().to_owned()
        }
        _ => unknown(),
    }
}
