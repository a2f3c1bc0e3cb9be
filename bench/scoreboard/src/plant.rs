//! A database under load: closed-loop clients that wait for answers, open arrivals that do not, a
//! few classes of queries, processors that queue, and a host that others use too.
//!
//! Everything measured follows from the same few quantities, so that columns agree with each other:
//! when the server slows down, closed-loop clients ask for less.

use backstay_chance::Dice;

use crate::wander::Wander;

/// Rounds in which load and speed are brought into agreement.
const ROUNDS: usize = 24;
/// Sessions that open arrivals use at most.
const POOL: f64 = 100.0;
/// Seconds for which an arrival that hangs is waited for.
const HUNG_S: f64 = 5.0;

/// What the plant is.
#[derive(Debug, Clone)]
pub(crate) struct Plant {
    /// Processor cores.
    pub(crate) cores: f64,
    /// Clients that wait for an answer, think, and ask again.
    pub(crate) clients: f64,
    /// Milliseconds they think.
    pub(crate) think_ms: f64,
    /// Queries per second that come whatever happens.
    pub(crate) open_per_s: f64,
    /// Share of the queries and milliseconds on an idle server, by class.
    pub(crate) classes: Vec<Class>,
    /// Failures per second when all is well, as a share of the queries.
    pub(crate) usual_failures: f64,
}

/// A class of queries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Class {
    pub(crate) share: f64,
    pub(crate) work_ms: f64,
}

/// What works on the plant in one bin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Influence {
    /// Factor on clients and arrivals.
    pub(crate) demand: f64,
    /// Factor on the work of all classes.
    pub(crate) slower: f64,
    /// Factor on the work of the last class alone.
    pub(crate) class_slower: f64,
    /// Share of the clients, and of what else arrives, that hang and never get an answer.
    pub(crate) hung: f64,
    /// Share of queries that fail at once.
    pub(crate) failing: f64,
    /// Queries of the first class that come on top, per second.
    pub(crate) batch_per_s: f64,
    /// Share of the host that somebody else takes.
    pub(crate) stolen: f64,
    /// Milliseconds after which a query is killed.
    pub(crate) timeout_ms: f64,
}

impl Influence {
    /// Nothing in particular.
    pub(crate) const NONE: Self = Self {
        demand: 1.0,
        slower: 1.0,
        class_slower: 1.0,
        hung: 0.0,
        failing: 0.0,
        batch_per_s: 0.0,
        stolen: 0.0,
        timeout_ms: f64::INFINITY,
    };
}

/// What is done in one bin, without the noise of counting; rates per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Done {
    pub(crate) offered: f64,
    pub(crate) started: f64,
    pub(crate) completed: f64,
    pub(crate) failed: f64,
    pub(crate) mean_ms: f64,
    pub(crate) class_ms: f64,
    pub(crate) in_flight: f64,
    pub(crate) busy: f64,
}

impl Plant {
    /// A plant of that kind: mostly idle to well used.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let cores = dice.one_of(&[2.0, 4.0, 8.0, 16.0]);
        let short = dice.log_between(0.3, 8.0);
        let long = short * dice.log_between(3.0, 30.0);
        let rare = dice.one_of(&[0.05, 0.1, 0.2, 0.4]);
        let classes = vec![
            Class {
                share: 1.0 - rare,
                work_ms: short,
            },
            Class {
                share: rare,
                work_ms: long,
            },
        ];
        let mean_ms = (1.0 - rare) * short + rare * long;
        let most = 1_000.0 * cores / mean_ms;
        let used = dice.between(0.15, 0.7);
        // How much of the load waits for answers.
        let closed = dice.one_of(&[0.0, 0.5, 1.0, 1.0]);
        let think_ms = dice.log_between(2.0, 200.0);
        let clients = (used * closed * most * (mean_ms + think_ms) / 1_000.0).ceil();
        Self {
            cores,
            clients: if closed > 0.0 { clients.max(2.0) } else { 0.0 },
            think_ms,
            open_per_s: used * (1.0 - closed) * most,
            classes,
            usual_failures: dice.one_of(&[0.0, 0.0, 0.001, 0.01]),
        }
    }

    fn work_ms(&self, influence: &Influence, class: usize) -> f64 {
        let last = class + 1 == self.classes.len();
        let own = if last { influence.class_slower } else { 1.0 };
        self.classes[class].work_ms * influence.slower * own
    }

    /// One bin.
    pub(crate) fn bin(&self, influence: &Influence) -> Done {
        let works: Vec<f64> = (0..self.classes.len())
            .map(|c| self.work_ms(influence, c))
            .collect();
        let clients = self.clients * influence.demand;
        let arriving = self.open_per_s * influence.demand;
        let (free, open) = (
            clients * (1.0 - influence.hung),
            arriving * (1.0 - influence.hung),
        );
        let cores = (self.cores * (1.0 - influence.stolen)).max(0.25);
        let good = 1.0 - influence.failing;
        let (mut queue, mut answered) = (1.0, 0.0);
        let mut shares: Vec<f64> = self.classes.iter().map(|c| c.share).collect();
        for _ in 0..ROUNDS {
            let work_ms = weighted(&shares, &works);
            let closed = 1_000.0 * free / (good * work_ms * queue + self.think_ms);
            let asked = closed + open;
            answered = (asked + influence.batch_per_s).min(980.0 * cores / work_ms.max(1e-9));
            let batch = influence.batch_per_s / (asked + influence.batch_per_s).max(1e-9);
            for (i, share) in shares.iter_mut().enumerate() {
                let own = if i == 0 { batch } else { 0.0 };
                *share = self.classes[i].share * (1.0 - batch) + own;
            }
            let used = (answered * good * work_ms / 1_000.0 / cores).clamp(0.0, 0.985);
            queue = 0.6 * queue + 0.4 * (1.0 + used.powi(4) / (1.0 - used));
        }
        let work_ms = weighted(&shares, &works);
        let class_ms = works.last().copied().unwrap_or(0.0) * queue;
        // Killed at their limit: only the shorter classes are left to tell how long work takes.
        let killed = if class_ms > influence.timeout_ms {
            shares[shares.len() - 1]
        } else {
            0.0
        };
        let mean_ms = if killed > 0.0 { works[0] } else { work_ms } * queue;
        let waiting = clients - free + (HUNG_S * (arriving - open)).min(POOL);
        Done {
            offered: self.offered(influence),
            started: answered + arriving - open,
            completed: answered * good * (1.0 - killed),
            failed: answered * (1.0 - good * (1.0 - killed) + self.usual_failures),
            mean_ms,
            class_ms,
            in_flight: (answered * good * mean_ms / 1_000.0).min(clients + POOL) + waiting,
            busy: (answered * good * work_ms / 1_000.0 / self.cores + influence.stolen).min(1.0),
        }
    }

    /// What is asked for on a healthy server: the application's own counter.
    fn offered(&self, influence: &Influence) -> f64 {
        let works: Vec<f64> = self.classes.iter().map(|c| c.work_ms).collect();
        let shares: Vec<f64> = self.classes.iter().map(|c| c.share).collect();
        let closed = 1_000.0 * self.clients / (weighted(&shares, &works) + self.think_ms);
        (closed + self.open_per_s) * influence.demand + influence.batch_per_s
    }
}

fn weighted(shares: &[f64], works: &[f64]) -> f64 {
    shares.iter().zip(works).map(|(s, w)| s * w).sum()
}

/// How much the plant moves when nothing happens.
#[derive(Debug, Clone)]
pub(crate) struct Restless {
    demand: Wander,
    speed: Wander,
    pub(crate) jitter: f64,
    checkpoint: Option<(usize, usize, f64)>,
    pause: Option<(usize, f64)>,
    cycle: Option<(usize, f64)>,
    burst: Option<(f64, f64, usize)>,
    heavy: bool,
}

impl Restless {
    /// By the name of a family of noise.
    pub(crate) fn draw(name: &str, dice: &mut Dice) -> Self {
        let (demand, speed) = match name {
            "contended" => (0.03, dice.between(0.05, 0.2)),
            "steady" => (0.01, 0.01),
            _ => (0.04, 0.03),
        };
        let memory = dice.one_of(&[0.3, 0.8, 0.95]);
        Self {
            demand: Wander::new(memory, demand, dice),
            speed: Wander::new(0.9, speed, dice),
            jitter: dice.between(0.01, 0.08),
            checkpoint: (name == "checkpoints").then(|| {
                let every = dice.whole(40, 300);
                (every, dice.whole(2, 8), dice.between(1.3, 2.5))
            }),
            pause: (name == "pauses").then(|| (dice.whole(15, 45), dice.between(3.0, 10.0))),
            cycle: (name == "two-phase").then(|| (dice.whole(20, 60), dice.between(0.3, 0.7))),
            burst: (name == "bursty")
                .then(|| (dice.between(0.01, 0.05), dice.between(1.3, 2.2), 0)),
            heavy: name == "heavy",
        }
    }

    /// What it does to bin `i`: factor on demand and on work.
    pub(crate) fn bin(&mut self, i: usize, dice: &mut Dice) -> (f64, f64) {
        let mut demand = self.demand.step(dice).exp();
        let mut slower = self.speed.step(dice).exp();
        if let Some((every, long, times)) = self.checkpoint
            && i % every < long
        {
            slower *= times;
        }
        if let Some((every, times)) = self.pause
            && i.is_multiple_of(every)
        {
            slower *= times;
        }
        if let Some((every, share)) = self.cycle
            && (i / every) % 2 == 1
        {
            demand *= 1.0 - share;
        }
        if let Some((often, times, left)) = self.burst {
            let now = left > 0;
            let begins = !now && dice.happens(often);
            self.burst = Some((
                often,
                times,
                if begins {
                    dice.whole(2, 8)
                } else {
                    left.saturating_sub(1)
                },
            ));
            if now {
                demand *= times;
            }
        }
        if self.heavy {
            slower *= (0.15 * dice.student(3)).clamp(-0.6, 1.5).exp();
        }
        (demand, slower)
    }
}
