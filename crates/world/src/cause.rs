//! Planted causes: what settings do to the statements of a session. Sizes follow faults measured on
//! a real PostgreSQL 15 under load: signs and orders of magnitude, not digits.

use crate::server::{Login, Server};

/// What the configuration does to the transactions of one kind of session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Influence {
    /// Factor on the time that statements take.
    pub(crate) slower: f64,
    /// Further factor on transactions that write.
    pub(crate) slower_writes: f64,
    /// Share of writing transactions that wait for ever.
    pub(crate) stuck_writes: f64,
    /// Share of writing transactions that fail at once.
    pub(crate) failing_writes: f64,
    /// Share of writing transactions that fail at their end.
    pub(crate) conflicts: f64,
    /// Milliseconds after which a statement is killed.
    pub(crate) timeout_ms: Option<f64>,
    /// Bytes that each statement adds to the server's log.
    pub(crate) log_bytes: f64,
    /// Bytes that each sort adds to temporary files.
    pub(crate) temp_bytes: f64,
    /// Factor on blocks read.
    pub(crate) blocks: f64,
    /// Buffers that checkpoints write each second.
    pub(crate) checkpoints: f64,
}

impl Influence {
    const NONE: Self = Self {
        slower: 1.0,
        slower_writes: 1.0,
        stuck_writes: 0.0,
        failing_writes: 0.0,
        conflicts: 0.0,
        timeout_ms: None,
        log_bytes: 0.0,
        temp_bytes: 0.0,
        blocks: 1.0,
        checkpoints: 20.0,
    };

    /// What the configuration of `server` does to a session of `login`.
    pub(crate) fn on(server: &Server, login: Login<'_>) -> Self {
        let seen = Seen { server, login };
        let mut influence = Self::NONE;
        influence.plans(&seen);
        influence.writes(&seen);
        influence.limits(&seen);
        influence.logging(&seen);
        influence
    }

    /// Plans: compilation of every statement, no index to use.
    fn plans(&mut self, seen: &Seen<'_>) {
        let compiles = |name| {
            seen.number(name)
                .is_some_and(|cost| (0.0..1_000.0).contains(&cost))
        };
        if seen.on("jit") && compiles("jit_above_cost") {
            let optimises =
                compiles("jit_optimize_above_cost") || compiles("jit_inline_above_cost");
            self.slower *= if optimises { 60.0 } else { 12.0 };
        }
        let scans = [
            "enable_indexscan",
            "enable_bitmapscan",
            "enable_indexonlyscan",
        ];
        if scans.iter().all(|scan| !seen.on(scan)) {
            self.slower *= 50.0;
            self.blocks *= 5.0;
        }
        if seen
            .number("work_mem")
            .is_some_and(|bytes| bytes < 1_048_576.0)
        {
            self.temp_bytes += 1.2e6;
        }
        if seen
            .number("shared_buffers")
            .is_some_and(|bytes| bytes < 16.0 * 1_048_576.0)
        {
            self.slower *= 2.6;
            self.blocks *= 30.0;
        }
    }

    /// Commits: who waits for what.
    fn writes(&mut self, seen: &Seen<'_>) {
        let commit = seen.text("synchronous_commit");
        let lax = matches!(commit.as_str(), "off" | "local");
        if !seen.text("synchronous_standby_names").is_empty() && !lax {
            self.stuck_writes = 1.0;
        }
        if seen.on("default_transaction_read_only") {
            self.failing_writes = 1.0;
        }
        if commit == "off" {
            self.slower_writes *= 0.45;
        }
        if !seen.on("fsync") {
            self.slower_writes *= 0.4;
        }
        if seen.text("default_transaction_isolation") == "serializable" {
            self.conflicts = 0.4;
            self.slower_writes *= 1.5;
            self.log_bytes += 600.0;
        }
        if seen
            .number("max_wal_size")
            .is_some_and(|bytes| bytes < 64.0 * 1_048_576.0)
        {
            self.checkpoints = 1_800.0;
        }
    }

    fn limits(&mut self, seen: &Seen<'_>) {
        let limit = seen.number("statement_timeout").filter(|us| *us > 0.0);
        self.timeout_ms = limit.map(|us| us / 1_000.0);
        if seen
            .number("lock_timeout")
            .is_some_and(|us| us > 0.0 && us <= 2_000.0)
        {
            self.conflicts = self.conflicts.max(0.004);
        }
    }

    fn logging(&mut self, seen: &Seen<'_>) {
        let all = seen.text("log_statement") == "all";
        let timed = seen.text("log_min_duration_statement") == "0" || seen.on("log_duration");
        let lines = f64::from(u8::from(all)) + f64::from(u8::from(timed));
        self.slower *= 1.0 + 0.9 * lines;
        self.log_bytes += 350.0 * lines;
    }
}

struct Seen<'a> {
    server: &'a Server,
    login: Login<'a>,
}

impl Seen<'_> {
    fn text(&self, name: &str) -> String {
        self.server.session(name, self.login).unwrap_or_default()
    }

    fn on(&self, name: &str) -> bool {
        self.text(name) == "on"
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.server
            .number(name, &self.server.session(name, self.login)?)
    }
}
