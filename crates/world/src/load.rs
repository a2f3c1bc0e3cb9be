//! The load: services that ask for work, and how much of it a server with a certain configuration
//! gets done in a second. Closed-loop clients wait for answers, paced ones send at their rate, and
//! everything is held together by the same few quantities, so that metrics agree with each other.

use backstay_model::snapshot::ServiceUse;
use backstay_model::{ServiceName, Timestamp};

use crate::cause::Influence;
use crate::server::{Age, Login, Server};
use backstay_chance::Dice;

/// Processor cores of the simulated host.
pub(crate) const CORES: f64 = 8.0;
/// What a client waits after an error before it tries again, in milliseconds.
const BACK_OFF_MS: f64 = 100.0;
/// Milliseconds that a failing statement takes.
const FAIL_MS: f64 = 0.4;
/// Spread (logarithmic) of the times of one service's statements.
const SPREAD: f64 = 0.7;
/// Rounds in which load and speed are brought into agreement.
const ROUNDS: usize = 40;

/// An application that uses the target.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its application name.
    pub name: String,
    /// The role it logs in as.
    pub role: String,
    /// The database it uses.
    pub database: String,
    /// Sessions it holds, or uses at most at the same time.
    pub sessions: u32,
    /// How it asks.
    pub pace: Pace,
    /// Milliseconds that a transaction takes on an idle server.
    pub work_ms: f64,
    /// Rows that a transaction reads.
    pub reads: f64,
    /// Rows that a transaction writes; 0 for services that only read.
    pub writes: f64,
}

/// How a service asks for work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Each session asks again so many milliseconds after an answer.
    Closed {
        /// Time between answer and question.
        think_ms: f64,
    },
    /// So many transactions a second, whatever happens, over pooled sessions.
    Paced {
        /// Transactions per second.
        per_s: f64,
    },
    /// So many transactions a second, each in a session of its own.
    Fresh {
        /// Transactions per second.
        per_s: f64,
    },
}

impl Service {
    fn new(name: &str, sessions: u32, pace: Pace, work_ms: f64, rows: (f64, f64)) -> Self {
        Self {
            name: name.to_owned(),
            role: if name == "reports" { "analyst" } else { "app" }.to_owned(),
            database: "shop".to_owned(),
            sessions,
            pace,
            work_ms,
            reads: rows.0,
            writes: rows.1,
        }
    }

    /// Four services: checkout writes, catalogue reads, reports sort, mobile connects each time.
    #[must_use]
    pub fn fleet() -> Vec<Self> {
        let closed = Pace::Closed { think_ms: 4.0 };
        vec![
            Self::new("checkout", 8, closed, 2.0, (12.0, 4.0)),
            Self::new(
                "catalogue",
                12,
                Pace::Paced { per_s: 300.0 },
                0.8,
                (30.0, 0.0),
            ),
            Self::new(
                "reports",
                4,
                Pace::Paced { per_s: 4.0 },
                60.0,
                (4_000.0, 0.0),
            ),
            Self::new("mobile", 8, Pace::Fresh { per_s: 8.0 }, 2.5, (6.0, 4.0)),
        ]
    }

    pub(crate) fn login(&self) -> Login<'_> {
        let age = match self.pace {
            Pace::Fresh { .. } => Age::Fresh,
            Pace::Closed { .. } | Pace::Paced { .. } => Age::Old,
        };
        Login {
            role: &self.role,
            database: &self.database,
            age,
        }
    }

    pub(crate) fn usage(&self) -> ServiceUse {
        ServiceUse {
            service: ServiceName::new(&self.name),
            role: self.role.clone(),
            database: self.database.clone(),
            sessions: match self.pace {
                Pace::Fresh { .. } => 1,
                Pace::Closed { .. } | Pace::Paced { .. } => self.sessions,
            },
        }
    }
}

/// How much is asked for over time: season, slow drift, noise from second to second, and spikes.
#[derive(Debug, Clone)]
pub(crate) struct Demand {
    dice: Dice,
    drift: f64,
    noise: f64,
    spike: u32,
    /// How rough the weather is: 1 is usual.
    pub(crate) roughness: f64,
}

impl Demand {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            dice: Dice::of(seed, "demand"),
            drift: 0.0,
            noise: 0.0,
            spike: 0,
            roughness: 1.0,
        }
    }

    /// The factor on all load in the second that ends `at`.
    pub(crate) fn second(&mut self, at: Timestamp) -> f64 {
        let day = std::f64::consts::TAU * (at.as_secs_f64() / 86_400.0).fract();
        let season = 1.0 - 0.25 * day.cos();
        self.drift = 0.99 * self.drift + 0.004 * self.roughness * self.dice.normal();
        self.noise = 0.5 * self.noise + 0.02 * self.roughness * self.dice.normal();
        if self.spike == 0 && self.dice.happens(0.003 * self.roughness) {
            self.spike = 1 + u32::try_from(self.dice.below(3)).unwrap_or(0);
        }
        let spike = if self.spike > 0 { 1.35 } else { 1.0 };
        self.spike = self.spike.saturating_sub(1);
        season * spike * (self.drift + self.noise).exp()
    }
}

/// What a service got done in a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Done {
    /// Transactions committed per second.
    pub(crate) commits: f64,
    /// Transactions rolled back per second.
    pub(crate) failures: f64,
    /// Attempts to connect that failed, per second.
    pub(crate) refused: f64,
    /// Mean time of a committed transaction, in milliseconds.
    pub(crate) mean_ms: f64,
    /// Transactions in flight at any moment.
    pub(crate) in_flight: f64,
    /// How many of those wait for a standby.
    pub(crate) stuck: f64,
    /// How many of them wait for a lock.
    pub(crate) blocked: f64,
    /// Processor time used, in cores.
    pub(crate) cores: f64,
    /// Rows read and written per second.
    pub(crate) rows: (f64, f64),
    /// Bytes per second: server log, temporary files.
    pub(crate) bytes: (f64, f64),
}

/// What every service met in a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weather {
    /// Factor on the load.
    pub(crate) demand: f64,
    /// Cores that somebody else on the host uses.
    pub(crate) stolen: f64,
    /// Whether somebody keeps what is written to locked.
    pub(crate) locked: Locked,
}

/// Whether somebody keeps what is written to locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locked {
    No,
    Yes,
}

/// How slow a server is at this use of its cores: 1 when idle.
pub(crate) fn queueing(used: f64, stolen: f64) -> f64 {
    let busy = (used / (CORES - stolen).max(0.5)).clamp(0.0, 0.97);
    1.0 + busy.powi(4) / (1.0 - busy)
}

/// What all services get done in one second, and the cores they use together.
pub(crate) fn second(
    server: &Server,
    services: &[(Service, f64)],
    weather: Weather,
) -> (Vec<Done>, f64) {
    let influences: Vec<Influence> = services
        .iter()
        .map(|(s, _)| Influence::on(server, s.login()))
        .collect();
    let mut used = 2.0;
    let mut done = Vec::new();
    for _ in 0..ROUNDS {
        let queue = queueing(used, weather.stolen);
        done = services
            .iter()
            .zip(&influences)
            .map(|((service, factor), influence)| {
                let doors = server.lets_in(&service.role, &service.database);
                let fresh = matches!(service.pace, Pace::Fresh { .. });
                if fresh && !doors {
                    refused(service, factor * weather.demand)
                } else if weather.locked == Locked::Yes && service.writes > 0.0 {
                    blocked(service, *factor)
                } else {
                    served(service, factor * weather.demand, influence, queue)
                }
            })
            .collect::<Vec<Done>>();
        let wanted: f64 = done.iter().map(|d| d.cores).sum();
        used = 0.6 * used + 0.4 * wanted;
    }
    let room = (CORES - weather.stolen).max(0.5);
    (done, used.min(room))
}

fn refused(service: &Service, factor: f64) -> Done {
    let Pace::Fresh { per_s } = service.pace else {
        return Done::default();
    };
    Done {
        refused: per_s * factor,
        ..Done::default()
    }
}

/// Every session waits for a lock.
fn blocked(service: &Service, factor: f64) -> Done {
    let sessions = match service.pace {
        Pace::Closed { .. } => f64::from(service.sessions) * factor,
        Pace::Paced { .. } | Pace::Fresh { .. } => f64::from(service.sessions),
    };
    Done {
        in_flight: sessions,
        blocked: sessions,
        ..Done::default()
    }
}

/// One service at one speed of the server.
fn served(service: &Service, factor: f64, influence: &Influence, queue: f64) -> Done {
    let writes = service.writes > 0.0;
    let slower = influence.slower * if writes { influence.slower_writes } else { 1.0 };
    let work_ms = service.work_ms * slower;
    let answer_ms = work_ms * queue;
    let killed = influence
        .timeout_ms
        .map_or(0.0, |limit| beyond(answer_ms, limit));
    let failing = if writes {
        influence.failing_writes
    } else {
        0.0
    };
    let conflicts = if writes { influence.conflicts } else { 0.0 };
    let stuck = if writes { influence.stuck_writes } else { 0.0 };
    let survivor_ms = influence
        .timeout_ms
        .map_or(answer_ms, |limit| answer_ms.min(0.6 * limit));
    let good = (1.0 - failing) * (1.0 - killed) * (1.0 - conflicts);
    let killed_ms = influence.timeout_ms.unwrap_or(answer_ms).min(answer_ms);
    let mean_ms =
        failing * FAIL_MS + (1.0 - failing) * (killed * killed_ms + (1.0 - killed) * survivor_ms);
    let sessions = match service.pace {
        Pace::Closed { .. } => f64::from(service.sessions) * factor,
        Pace::Paced { .. } | Pace::Fresh { .. } => f64::from(service.sessions),
    };
    if stuck > 0.0 {
        return Done {
            in_flight: sessions,
            stuck: sessions,
            ..Done::default()
        };
    }
    let most = 1_000.0 * sessions / mean_ms.max(1e-6);
    let attempts = match service.pace {
        Pace::Closed { think_ms } => {
            1_000.0 * sessions / (mean_ms + think_ms + BACK_OFF_MS * (1.0 - good))
        }
        Pace::Paced { per_s } | Pace::Fresh { per_s } => (per_s * factor).min(most),
    };
    let commits = attempts * good;
    let busy_ms = if failing > 0.5 {
        FAIL_MS
    } else {
        work_ms.min(killed_ms)
    };
    Done {
        commits,
        failures: attempts - commits,
        refused: 0.0,
        mean_ms: survivor_ms,
        in_flight: (attempts * mean_ms / 1_000.0).min(sessions),
        stuck: 0.0,
        blocked: 0.0,
        cores: attempts * busy_ms / 1_000.0,
        rows: (
            attempts * (1.0 - failing) * service.reads,
            commits * service.writes,
        ),
        bytes: (
            attempts * influence.log_bytes * (1.0 + service.writes) + 200.0 * (attempts - commits),
            if service.reads > 1_000.0 {
                attempts * influence.temp_bytes
            } else {
                0.0
            },
        ),
    }
}

/// Share of statements with a mean of `mean_ms` that take longer than `limit_ms`.
pub(crate) fn beyond(mean_ms: f64, limit_ms: f64) -> f64 {
    let z = (mean_ms.max(1e-9) / limit_ms.max(1e-9)).ln() / SPREAD;
    // Logistic approximation of the normal distribution function.
    1.0 / (1.0 + (-1.702 * z).exp())
}
