//! The host's load, from `/proc`, when the server is on this machine.

use std::collections::BTreeMap;

use backstay_model::MetricName;

/// Processor time since the host was started, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuTimes {
    total: u64,
    idle: u64,
    steal: u64,
    /// Processes that run or wait for a processor now.
    running: u64,
}

impl CpuTimes {
    /// Reads the text of `/proc/stat`; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let cpu = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = cpu
            .split_whitespace()
            .map_while(|t| t.parse().ok())
            .collect();
        // user nice system idle iowait irq softirq steal; guest time is in user already.
        let &[_, _, _, idle, waiting, _, _, steal, ..] = ticks.as_slice() else {
            return None;
        };
        let running = text
            .lines()
            .find_map(|line| line.strip_prefix("procs_running "))?;
        Some(Self {
            total: ticks.iter().take(8).sum(),
            idle: idle + waiting,
            steal,
            running: running.trim().parse().ok()?,
        })
    }

    /// Reads this machine's times.
    #[must_use]
    pub fn read() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/stat").ok()?)
    }

    /// The metrics of the stretch since `before`.
    #[must_use]
    pub fn metrics(&self, before: Option<&Self>) -> BTreeMap<MetricName, f64> {
        let mut found = BTreeMap::new();
        // The process that reads this runs too.
        let queue = self.running.saturating_sub(1) as f64;
        found.insert(MetricName::from_static("host_run_queue"), queue);
        let passed = before
            .and_then(|b| self.total.checked_sub(b.total))
            .filter(|t| *t > 0);
        if let (Some(before), Some(total)) = (before, passed) {
            let share = |part: u64| (part as f64 / total as f64).min(1.0);
            let idle = share(self.idle.saturating_sub(before.idle));
            let steal = share(self.steal.saturating_sub(before.steal));
            let busy = (1.0 - idle - steal).clamp(0.0, 1.0);
            found.insert(MetricName::from_static("host_cpu_busy"), busy);
            found.insert(MetricName::from_static("host_steal"), steal);
        }
        found
    }
}
