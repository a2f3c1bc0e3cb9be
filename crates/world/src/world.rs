//! A simulated target in virtual time. Whoever asks it something says what time it is; the world then
//! lets everything happen that was due, and answers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backstay_engine::Statement;
use backstay_model::change::Standing;
use backstay_model::sample::{Holding, LockHolder, ProbeStep};
use backstay_model::{
    ProbeReading, Sample, Scope, SettingKey, Snapshot, Span, TargetId, Timestamp,
};

use crate::action::{Action, Door, Fault, Turn};
use crate::cause::Influence;
use crate::load::{self, Demand, Done, Locked, Pace, Service, Weather};
use crate::metrics::{self, Second};
use crate::server::{Age, Login, Server, Values};
use backstay_chance::Dice;

mod probing;

/// The probe's own limit, in milliseconds.
const PROBE_LIMIT_MS: f64 = 2_000.0;

/// What a world begins with.
#[derive(Debug, Clone, PartialEq)]
pub struct Beginning {
    /// Name of the target.
    pub target: TargetId,
    /// Where all randomness comes from.
    pub seed: u64,
    /// When it begins.
    pub at: Timestamp,
    /// `postgresql.conf`.
    pub file: Values,
    /// The server's command line.
    pub command_line: Values,
    /// Applications.
    pub services: Vec<Service>,
    /// How rough load and noise are; 1 is usual.
    pub roughness: f64,
}

impl Beginning {
    /// A quiet evening in a web shop: usual load, a few settings in the file.
    #[must_use]
    pub fn shop(seed: u64) -> Self {
        let file = [
            ("max_connections", "100"),
            ("shared_buffers", "256MB"),
            ("work_mem", "4MB"),
            ("max_wal_size", "2GB"),
            ("log_min_duration_statement", "1s"),
        ];
        let named = |(n, v): (&str, &str)| (backstay_model::SettingName::new(n), v.to_owned());
        Self {
            target: TargetId::new("shop"),
            seed,
            at: Timestamp::from_secs(START_S),
            file: file.into_iter().map(named).collect(),
            command_line: Values::new(),
            services: Service::fleet(),
            roughness: 1.0,
        }
    }
}

/// 2026-11-23T18:00:00Z: where stories begin.
const START_S: i64 = 1_795_456_800;

/// A write that Backstay made, for whoever checks what it may do.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteSeen {
    /// When.
    pub at: Timestamp,
    /// What it undoes.
    pub change_set: backstay_model::ChangeSetId,
    /// Which setting.
    pub key: SettingKey,
    /// What stood there before.
    pub before: Standing,
    /// What the plan expected there.
    pub expected: Standing,
}

/// A simulated target. A clone is another handle to the same one.
#[derive(Debug, Clone)]
pub struct World(Arc<Mutex<Inside>>);

#[derive(Debug)]
pub(crate) struct Inside {
    pub(crate) target: TargetId,
    pub(crate) server: Server,
    pub(crate) now: Timestamp,
    pub(crate) services: Vec<(Service, f64)>,
    demand: Demand,
    noise: Dice,
    probe_noise: Dice,
    schedule: BTreeMap<(Timestamp, u64), Action>,
    scheduled: u64,
    pub(crate) faults: VecDeque<Fault>,
    /// Until when something lasts.
    away_until: Timestamp,
    /// What it said before it went away.
    pub(crate) farewell: Farewell,
    refused_until: Timestamp,
    gap_until: Timestamp,
    neighbour: (f64, Timestamp),
    /// Who locks what is written to, since when and until when.
    lock: (String, Timestamp, Timestamp),
    load_ends: Vec<(Timestamp, Option<String>, f64)>,
    pub(crate) writes: Vec<WriteSeen>,
    /// Statements of the log that were observed already; each is told once.
    pub(crate) log_read: usize,
    pub(crate) guard: Guarding,
    weather: Weather,
    done: Vec<Done>,
    cores: f64,
}

/// What a server says before it stops answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// Nothing: it cannot be reached, or it crashed.
    None,
    /// That it is stopped in order.
    Stopped,
}

/// Whether the guard's process is alive, as far as the world can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guarding {
    Alive,
    Crashed,
}

impl World {
    /// A world that begins as told.
    #[must_use]
    pub fn new(beginning: Beginning) -> Self {
        let Beginning {
            target,
            seed,
            at,
            file,
            command_line,
            services,
            roughness,
        } = beginning;
        let mut demand = Demand::new(seed);
        demand.roughness = roughness;
        let long_ago = at - Span::from_secs(86_400);
        Self(Arc::new(Mutex::new(Inside {
            target,
            server: Server::start(file, command_line, long_ago),
            now: at,
            services: services.into_iter().map(|s| (s, 1.0)).collect(),
            demand,
            noise: Dice::of(seed, "metrics"),
            probe_noise: Dice::of(seed, "probe"),
            schedule: BTreeMap::new(),
            scheduled: 0,
            faults: VecDeque::new(),
            away_until: long_ago,
            farewell: Farewell::None,
            refused_until: long_ago,
            gap_until: long_ago,
            neighbour: (0.0, long_ago),
            lock: (String::new(), long_ago, long_ago),
            load_ends: Vec::new(),
            writes: Vec::new(),
            log_read: 0,
            guard: Guarding::Alive,
            weather: Weather {
                demand: 1.0,
                stolen: 0.0,
                locked: Locked::No,
            },
            done: Vec::new(),
            cores: 2.0,
        })))
    }

    /// Lets `action` happen at `at`. Requests to the guard and its deaths are not the world's: they
    /// are left to whoever plays the story.
    pub fn schedule(&self, at: Timestamp, action: Action) {
        let mut inside = self.inside();
        inside.scheduled += 1;
        let order = inside.scheduled;
        inside.schedule.insert((at, order), action);
    }

    /// Makes the next write that has no fault yet go wrong.
    pub fn fault(&self, fault: Fault) {
        self.inside().faults.push_back(fault);
    }

    /// What time it is there.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inside().now
    }

    /// Its target.
    #[must_use]
    pub fn target(&self) -> TargetId {
        self.inside().target.clone()
    }

    /// How a setting stands now.
    #[must_use]
    pub fn standing(&self, key: &SettingKey) -> Standing {
        self.inside().server.standing(key)
    }

    /// Every write that Backstay made so far.
    #[must_use]
    pub fn writes(&self) -> Vec<WriteSeen> {
        self.inside().writes.clone()
    }

    /// Whether a fault let the guard die; asking brings it back to life.
    #[must_use]
    pub fn take_crash(&self) -> bool {
        let mut inside = self.inside();
        std::mem::replace(&mut inside.guard, Guarding::Alive) == Guarding::Crashed
    }

    pub(crate) fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world at `now`, everything until then done.
    pub(crate) fn at(&self, now: Timestamp) -> MutexGuard<'_, Inside> {
        let mut inside = self.inside();
        inside.advance(now);
        inside
    }
}

impl Inside {
    /// Lets everything happen that is due by `now`, then lets the second that ends `now` be worked.
    fn advance(&mut self, now: Timestamp) {
        if now <= self.now {
            return;
        }
        while let Some(((at, _), _)) = self.schedule.first_key_value()
            && *at <= now
            && let Some(((at, _), action)) = self.schedule.pop_first()
        {
            self.happen(at, action);
        }
        self.now = now;
        let ends = std::mem::take(&mut self.load_ends);
        for (until, service, times) in ends {
            if until <= now {
                self.multiply(service.as_deref(), 1.0 / times);
            } else {
                self.load_ends.push((until, service, times));
            }
        }
        let stolen = if now <= self.neighbour.1 {
            self.neighbour.0 * load::CORES
        } else {
            0.0
        };
        self.weather = Weather {
            demand: self.demand.second(now),
            stolen,
            locked: if self.locked() {
                Locked::Yes
            } else {
                Locked::No
            },
        };
        (self.done, self.cores) = load::second(&self.server, &self.services, self.weather);
    }

    fn happen(&mut self, at: Timestamp, action: Action) {
        match action {
            Action::Change(turn) => self.turn(at, &turn),
            Action::Load {
                times,
                lasts,
                service,
            } => {
                self.multiply(service.as_deref(), times);
                if let Some(lasts) = lasts {
                    self.load_ends.push((at + lasts, service, times));
                }
            }
            Action::Neighbour { share, lasts } => {
                self.neighbour = (share.clamp(0.0, 0.95), at + lasts);
            }
            Action::Lock { by, lasts } => self.lock = (by, at, at + lasts),
            Action::Gap { lasts } => self.gap_until = at + lasts,
            Action::Away { lasts } => self.go(at + lasts, Farewell::None),
            Action::LoginRefused { lasts } => self.refused_until = at + lasts,
            Action::Restart { lasts } => {
                self.go(at + lasts, Farewell::Stopped);
                self.server.restart(at + lasts);
            }
            Action::Crash { lasts } => {
                self.go(at + lasts, Farewell::None);
                self.server.restart(at + lasts);
            }
            Action::GuardDies { .. } | Action::Request { .. } | Action::Pause { .. } => {}
        }
    }

    /// Whether somebody keeps what is written to locked.
    fn locked(&self) -> bool {
        self.now <= self.lock.2
    }

    /// Who keeps that lock, once they have been idle for a second.
    fn holder(&self) -> Option<LockHolder> {
        let (by, since, _) = &self.lock;
        let idle = self.locked() && self.now.since(*since) >= Span::from_secs(1);
        idle.then(|| LockHolder {
            session: 4_711,
            application: "psql".to_owned(),
            role: by.clone(),
            doing: Holding::Idle,
            since: *since,
        })
    }

    /// Does not answer until then.
    fn go(&mut self, until: Timestamp, farewell: Farewell) {
        self.away_until = self.away_until.max(until);
        self.farewell = farewell;
    }

    fn multiply(&mut self, service: Option<&str>, times: f64) {
        for (known, factor) in &mut self.services {
            if service.is_none_or(|s| s == known.name) {
                *factor *= times;
            }
        }
    }

    /// Somebody changes a setting, with reload, and the log says so when it knows who it was.
    pub(crate) fn turn(&mut self, at: Timestamp, turn: &Turn) {
        let value = turn.value.as_deref();
        match (&turn.key.scope, turn.door) {
            (Scope::FileRule { rule }, _) => self.server.edit_rule(*rule, value),
            (Scope::Instance, Door::Statement) => {
                self.server.alter_system(&turn.key.name, value);
                self.server.reload();
            }
            (Scope::Instance, Door::File) => {
                self.server.edit_file(&turn.key.name, value);
                self.server.reload();
            }
            _ => self.server.alter_scoped(&turn.key, value),
        }
        if turn.door == Door::Statement
            && !matches!(turn.key.scope, Scope::FileRule { .. })
            && let Some(by) = &turn.by
        {
            self.server.log.push(Statement {
                at: Some(at),
                role: Some(by.clone()),
                application: Some("psql".to_owned()),
                keys: vec![turn.key.clone()],
                description: turn.why.clone(),
            });
        }
    }

    pub(crate) fn away(&self) -> bool {
        self.now <= self.away_until
    }

    pub(crate) fn refuses_us(&self) -> bool {
        self.now <= self.refused_until
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let services = self.services.iter().map(|(s, _)| s.usage()).collect();
        self.server.snapshot(&self.target, services, self.now)
    }

    fn sessions(&self) -> f64 {
        let held = |(s, factor): &(Service, f64)| match s.pace {
            Pace::Closed { .. } => f64::from(s.sessions) * factor,
            Pace::Paced { .. } => f64::from(s.sessions),
            Pace::Fresh { .. } => 1.0,
        };
        self.services.iter().map(held).sum::<f64>().round()
    }

    fn max_connections(&self) -> f64 {
        let text = self.server.running("max_connections").unwrap_or_default();
        self.server
            .number("max_connections", &text)
            .unwrap_or(100.0)
    }

    /// The second that ends now, measured.
    pub(crate) fn sample(&mut self) -> Sample {
        let mut sample = Sample {
            at: self.now,
            ..Sample::default()
        };
        let login = Login {
            role: "app",
            database: "shop",
            age: Age::Old,
        };
        let influence = Influence::on(&self.server, login);
        let second = Second {
            done: &self.done,
            sessions: self.sessions(),
            max_connections: self.max_connections(),
            cores_used: self.cores,
            stolen: self.weather.stolen,
            blocks: influence.blocks,
            checkpoints: influence.checkpoints,
            kept: self.holder().is_some(),
        };
        let metrics = metrics::measured(&second, &mut self.noise);
        if self.now > self.gap_until {
            sample.metrics = metrics;
            sample.holders = self.holder().into_iter().collect();
        }
        sample
    }
}
