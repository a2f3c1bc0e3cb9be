//! What the machine gives a server that runs on it: memory, processors, disk space, open files, huge
//! pages – with the limits of its control group, which is what counts in a container.
//!
//! A server is here when its data directory is and a process of this machine runs on it; a connection over
//! loopback proves nothing, because tunnels and forwarded ports end there too. Facts are read, never
//! guessed: what cannot be read is left out, with a note.
//!
//! This crate does not know: settings, rules, connections, or anything but Linux. Elsewhere nothing is found.
#![deny(missing_docs)]

pub mod process;

pub mod limits;

mod disk;

use std::fs;
use std::path::{Path, PathBuf};

pub use process::Process;

/// A fact about the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// Its name in rules, after `host.`: `memory`, `cpus`, `disk_free`, `disk_size`, `huge_pages`,
    /// `open_files`, `stack`, `storage`.
    pub name: &'static str,
    /// What is so.
    pub value: Measured,
    /// Where that was read, for a person: `control group`.
    pub from: &'static str,
}

/// A value of a fact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measured {
    /// A size in bytes.
    Bytes(u64),
    /// A number of things.
    Count(u64),
    /// A word: `ssd`, `nvme`.
    Word(&'static str),
}

/// A machine: the folder under which its `proc` and `sys` are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    root: PathBuf,
}

impl Machine {
    /// The machine that we run on.
    #[must_use]
    pub fn here() -> Self {
        Self::under("/")
    }

    /// A machine whose `proc` and `sys` stand under `root`.
    #[must_use]
    pub fn under(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    /// What the machine gives `process`, whose data are in `data`, in the order of the names.
    #[must_use]
    pub fn facts(&self, process: Process, data: &Path) -> Vec<Fact> {
        let mut facts: Vec<Fact> = [
            self.memory(process),
            self.cpus(process),
            self.open_files(process),
            self.stack(process),
            self.huge_pages(),
        ]
        .into_iter()
        .flatten()
        .collect();
        facts.extend(self.disk(data));
        facts.sort_by_key(|f| f.name);
        facts
    }

    /// Memory of the machine, or what its control group leaves the process, where that is less.
    fn memory(&self, process: Process) -> Option<Fact> {
        let table = self.text("proc/meminfo")?;
        let all = limits::table_bytes(&table, "MemTotal:")?;
        let (bytes, from) = match self.group_memory(process) {
            Some(limit) if limit < all => (limit, "control group"),
            _ => (all, "this machine"),
        };
        Some(Fact {
            name: "memory",
            value: Measured::Bytes(bytes),
            from,
        })
    }

    /// Processors that the process may run on, or what its control group gives it in time.
    fn cpus(&self, process: Process) -> Option<Fact> {
        let status = self.text(&format!("proc/{process}/status"))?;
        let list = status
            .lines()
            .find_map(|l| l.strip_prefix("Cpus_allowed_list:"))?;
        let allowed = limits::listed(list)?;
        let (cpus, from) = match self.group_cpus(process) {
            Some(share) if share < allowed => (share, "control group"),
            _ => (allowed, "this machine"),
        };
        Some(Fact {
            name: "cpus",
            value: Measured::Count(cpus),
            from,
        })
    }

    fn open_files(&self, process: Process) -> Option<Fact> {
        let limits = self.text(&format!("proc/{process}/limits"))?;
        Some(Fact {
            name: "open_files",
            value: Measured::Count(limits::soft_limit(&limits, "Max open files")?),
            from: "the server's process",
        })
    }

    /// How far the stack of the process may grow; its children inherit it.
    fn stack(&self, process: Process) -> Option<Fact> {
        let limits = self.text(&format!("proc/{process}/limits"))?;
        Some(Fact {
            name: "stack",
            value: Measured::Bytes(limits::soft_limit(&limits, "Max stack size")?),
            from: "the server's process",
        })
    }

    /// Memory set aside as huge pages of the usual size, taken or not.
    fn huge_pages(&self) -> Option<Fact> {
        let table = self.text("proc/meminfo")?;
        let pages = limits::table_number(&table, "HugePages_Total:")?;
        let size = limits::table_bytes(&table, "Hugepagesize:")?;
        Some(Fact {
            name: "huge_pages",
            value: Measured::Bytes(pages.checked_mul(size)?),
            from: "this machine",
        })
    }

    fn group_memory(&self, process: Process) -> Option<u64> {
        let groups = limits::groups(&self.text(&format!("proc/{process}/cgroup"))?);
        let unified = groups.unified.iter().flat_map(|path| {
            limits::upwards(path)
                .into_iter()
                .filter_map(|p| self.text(&format!("sys/fs/cgroup{p}/memory.max")))
        });
        let split = groups.memory.iter().flat_map(|path| {
            limits::upwards(path).into_iter().filter_map(|p| {
                self.text(&format!("sys/fs/cgroup/memory{p}/memory.limit_in_bytes"))
            })
        });
        // No limit is the word "max", or a number near the end of the range.
        unified
            .chain(split)
            .filter_map(|text| text.trim().parse().ok())
            .min()
    }

    fn group_cpus(&self, process: Process) -> Option<u64> {
        let groups = limits::groups(&self.text(&format!("proc/{process}/cgroup"))?);
        let unified = groups.unified.iter().flat_map(|path| {
            limits::upwards(path)
                .into_iter()
                .filter_map(|p| self.text(&format!("sys/fs/cgroup{p}/cpu.max")))
                .filter_map(|text| {
                    let (quota, period) = text.trim().split_once(' ')?;
                    limits::share(quota, period)
                })
        });
        let split = groups.cpu.iter().flat_map(|path| {
            limits::upwards(path).into_iter().filter_map(|p| {
                let folder = format!("sys/fs/cgroup/cpu{p}");
                let quota = self.text(&format!("{folder}/cpu.cfs_quota_us"))?;
                let period = self.text(&format!("{folder}/cpu.cfs_period_us"))?;
                limits::share(quota.trim(), period.trim())
            })
        });
        unified.chain(split).min()
    }
}

#[cfg(test)]
mod tests;
