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
    /// The part of `total` that the database server took since it was started, where that can be told.
    server: Option<u64>,
}

/// Server processes that are added up; with more of them the sum would cost the host too much.
const CHILDREN_MAX: usize = 200;

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
            server: None,
        })
    }

    /// Reads this machine's times; `backend` is a process of the database server.
    #[must_use]
    pub fn read(backend: u32) -> Option<Self> {
        let times = Self::parse(&std::fs::read_to_string("/proc/stat").ok()?)?;
        Some(times.with_server(server_ticks(backend)))
    }

    /// The same times with what the database server took of them.
    #[must_use]
    pub fn with_server(self, ticks: Option<u64>) -> Self {
        Self {
            server: ticks,
            ..self
        }
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
            let server = before
                .server
                .zip(self.server)
                .and_then(|(then, now)| now.checked_sub(then));
            if let Some(server) = server {
                let others = (busy - share(server)).max(0.0);
                found.insert(MetricName::from_static("host_cpu_others"), others);
            }
        }
        found
    }
}

/// Ticks that the server of `backend` took since its start: those of the postmaster, of the children
/// it buried, and of the living ones.
fn server_ticks(backend: u32) -> Option<u64> {
    let postmaster = Ticks::of(&backend.to_string())?.parent;
    let children =
        std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).ok()?;
    if children.split_whitespace().count() > CHILDREN_MAX {
        return None;
    }
    let own = Ticks::of(&postmaster)?;
    // A child that ends meanwhile is counted a second later, among the buried.
    let living = children
        .split_whitespace()
        .filter_map(Ticks::of)
        .map(|child| child.own);
    Some(own.own + own.buried + living.sum::<u64>())
}

/// What a process took.
#[derive(Debug, PartialEq, Eq)]
struct Ticks {
    parent: String,
    own: u64,
    buried: u64,
}

impl Ticks {
    fn of(pid: &str) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Reads the text of `/proc/<pid>/stat`; `None` when it is no process of PostgreSQL.
    fn parse(text: &str) -> Option<Self> {
        let (head, tail) = text.rsplit_once(") ")?;
        if !head.ends_with("(postgres") {
            return None;
        }
        let fields: Vec<&str> = tail.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            parent: (*fields.get(1)?).to_owned(),
            own: ticks(11)? + ticks(12)?,
            buried: ticks(13)? + ticks(14)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Ticks;

    #[test]
    fn only_processes_of_the_server_are_added_up() {
        let line = |name: &str| {
            format!("42 ({name}) S 7 42 42 0 -1 4194560 1 2 3 4 50 6 70 8 20 0 1 0 99")
        };
        let ticks = Ticks {
            parent: "7".into(),
            own: 56,
            buried: 78,
        };
        assert_eq!(Ticks::parse(&line("postgres")), Some(ticks));
        assert_eq!(Ticks::parse(&line("other) S (x")), None);
        assert_eq!(Ticks::parse("42 (postgres) S 7"), None);
    }
}
