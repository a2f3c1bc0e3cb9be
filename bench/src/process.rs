//! What Linux says about a process.

use std::fs;

use anyhow::{Context, Result};

/// Ticks of `/proc/<pid>/stat` per second: `USER_HZ`, 100 on every platform that Linux runs on today.
const TICKS_PER_S: f64 = 100.0;

/// Processor time of a process and of those of its children that have ended and were waited for, in
/// seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) own_s: f64,
    pub(crate) ended_children_s: f64,
}

/// Processor time so far, all threads, in steps of 10 ms.
pub(crate) fn spent(pid: u32) -> Result<Spent> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("process {pid} is gone"))?;
    // The name may hold blanks; what follows it does not.
    let (_, rest) = text
        .rsplit_once(')')
        .context("a line of /proc without a name")?;
    let fields: Vec<f64> = rest
        .split_whitespace()
        .map(|w| w.parse().unwrap_or(0.0))
        .collect();
    let ticks = |i: usize| fields.get(i).copied().unwrap_or(0.0) / TICKS_PER_S;
    // Fields 14 to 17 of proc(5); the first here is number 3.
    Ok(Spent {
        own_s: ticks(11) + ticks(12),
        ended_children_s: ticks(13) + ticks(14),
    })
}

/// Processor time of a process with one thread, in seconds, exact to the nanosecond where the kernel
/// counts so.
pub(crate) fn spent_exactly(pid: u32) -> Result<f64> {
    let counted = fs::read_to_string(format!("/proc/{pid}/schedstat"))
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    match counted {
        Some(ns) if ns > 0.0 => Ok(ns / 1e9),
        _ => Ok(spent(pid)?.own_s),
    }
}

/// Resident memory now and at its highest, in bytes.
pub(crate) fn resident(pid: u32) -> Result<(f64, f64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("process {pid} is gone"))?;
    let bytes = |key: &str| {
        let line = text.lines().find(|l| l.starts_with(key))?;
        let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib * 1024.0)
    };
    bytes("VmRSS:")
        .zip(bytes("VmHWM:"))
        .context("no resident size in /proc")
}
