//! What a fresh client meets.

use super::{Inside, PROBE_LIMIT_MS, ProbeReading, ProbeStep};
use crate::cause::Influence;
use crate::load::{beyond, queueing};
use crate::server::{Age, Login};

/// Milliseconds of the probe's steps on an idle server: connect, read, write.
const IDLE_MS: [f64; 3] = [5.5, 0.9, 2.2];

impl Inside {
    /// Connects afresh as the role `app`, reads one row, updates one.
    pub(crate) fn probe(&mut self) -> ProbeReading {
        let role = "app";
        let login = Login {
            role,
            database: "shop",
            age: Age::Fresh,
        };
        let mut reading = ProbeReading {
            at: self.now,
            role: role.to_owned(),
            connect: ProbeStep::Skipped,
            read: ProbeStep::Skipped,
            write: ProbeStep::Skipped,
        };
        reading.connect = self.connect(login);
        if !matches!(reading.connect, ProbeStep::Done { .. }) {
            return reading;
        }
        let influence = Influence::on(&self.server, login);
        let slower = influence.slower * queueing(self.cores, self.weather.stolen);
        reading.read = self.answer(IDLE_MS[1] * slower, influence.timeout_ms);
        reading.write = if influence.stuck_writes > 0.0 {
            ProbeStep::Hung {
                limit_ms: PROBE_LIMIT_MS,
            }
        } else if influence.failing_writes > 0.0 {
            failed("25006", "cannot execute UPDATE in a read-only transaction")
        } else {
            let write_ms = IDLE_MS[2] * slower * influence.slower_writes;
            self.answer(write_ms, influence.timeout_ms)
        };
        reading
    }

    fn connect(&mut self, login: Login<'_>) -> ProbeStep {
        if self.away() {
            return failed("io", "connection refused");
        }
        if !self.server.lets_in(login.role, login.database) {
            return failed("28000", "pg_hba.conf rejects connection");
        }
        if self.sessions() + 3.0 >= self.max_connections() {
            return failed("53300", "sorry, too many clients already");
        }
        let queue = queueing(self.cores, self.weather.stolen);
        self.answer(IDLE_MS[0] * queue, None)
    }

    fn answer(&mut self, mean_ms: f64, limit_ms: Option<f64>) -> ProbeStep {
        let ms = mean_ms * (0.12 * self.probe_noise.normal()).exp();
        if let Some(limit_ms) = limit_ms
            && self.probe_noise.happens(beyond(mean_ms, limit_ms))
        {
            return failed("57014", "canceling statement due to statement timeout");
        }
        if ms >= PROBE_LIMIT_MS {
            return ProbeStep::Hung {
                limit_ms: PROBE_LIMIT_MS,
            };
        }
        ProbeStep::Done { ms }
    }
}

fn failed(class: &str, message: &str) -> ProbeStep {
    ProbeStep::Failed {
        class: class.to_owned(),
        message: message.to_owned(),
    }
}
