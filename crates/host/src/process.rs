//! Finding the process that runs on a data directory.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::Machine;

/// Most processes that are looked at.
const PROCESSES_MAX: usize = 65_536;

/// A process of the machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Process(pub u32);

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Machine {
    /// The process that serves `data`: named by the lock file in it where we may read that, else found by
    /// its command line. `None` when no such process runs here.
    #[must_use]
    pub fn serving(&self, data: &Path) -> Option<Process> {
        let data = data.to_str().filter(|d| !d.is_empty())?;
        let inside = data.trim_start_matches('/').trim_end_matches('/');
        let locked = self
            .text(&format!("{inside}/postmaster.pid"))
            .and_then(|text| text.lines().next()?.trim().parse().ok().map(Process));
        let runs = |p: &Process| {
            self.program(*p)
                .is_some_and(|name| name.contains("postgres"))
        };
        locked.filter(runs).or_else(|| self.by_command_line(data))
    }

    fn program(&self, process: Process) -> Option<String> {
        self.text(&format!("proc/{process}/comm"))
    }

    fn by_command_line(&self, data: &str) -> Option<Process> {
        let data = data.trim_end_matches('/');
        let entries = fs::read_dir(self.root.join("proc")).ok()?;
        let mut found: Vec<Process> = entries
            .take(PROCESSES_MAX)
            .filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok().map(Process))
            .filter(|p| self.program(*p).is_some_and(|n| n.contains("postgres")))
            .filter(|p| {
                let line = self.text(&format!("proc/{p}/cmdline")).unwrap_or_default();
                line.split('\0').any(|word| {
                    let word = word.strip_prefix("-D").unwrap_or(word);
                    word.trim_end_matches('/') == data
                })
            })
            .collect();
        found.sort();
        found.into_iter().next()
    }
}
