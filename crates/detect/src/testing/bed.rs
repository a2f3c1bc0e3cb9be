//! A small target with noise, for the tests of this crate: what it would read each second.

use backstay_model::change::{ChangeTime, Origin, Pending, Standing, TakesEffect};
use backstay_model::metric::{MetricRole, MetricSpec, Worse};
use backstay_model::sample::{Held, ProbeStep};
use backstay_model::value::{Scope, ValueSource};
use backstay_model::verdict::Verdict;
use backstay_model::{
    Author, Change, ChangeSet, ChangeSetId, MetricName, ProbeReading, Sample, SettingKey,
    SettingName, Span, TargetId, Timestamp,
};

use super::{Noise, Random};
use crate::{Banks, DetectPolicy, Opening, Watch};

/// How the target is doing, on average.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) commits: f64,
    pub(crate) writes: f64,
    pub(crate) reads: f64,
    pub(crate) statement_ms: Option<f64>,
    pub(crate) connect_ms: f64,
    pub(crate) read_ms: f64,
    pub(crate) write_ms: f64,
    pub(crate) rollbacks: f64,
    pub(crate) log_errors: f64,
    pub(crate) active: f64,
    pub(crate) sessions: f64,
    pub(crate) waiting: f64,
    pub(crate) temp_bytes: f64,
    pub(crate) hits: f64,
    pub(crate) log_bytes: f64,
    pub(crate) host_busy: f64,
    pub(crate) host_steal: f64,
    /// What other processes take, where that is measured.
    pub(crate) host_others: Option<f64>,
    /// Error class of the probe's steps, with the share of readings that have it.
    pub(crate) connect_error: Option<(&'static str, f64)>,
    pub(crate) read_error: Option<(&'static str, f64)>,
    pub(crate) write_error: Option<(&'static str, f64)>,
    pub(crate) write_hangs: bool,
    pub(crate) held: Held,
    pub(crate) probes: bool,
}

impl State {
    /// A busy target in good health.
    pub(crate) fn good() -> Self {
        Self {
            commits: 1500.0,
            writes: 1200.0,
            reads: 4000.0,
            statement_ms: Some(0.8),
            connect_ms: 7.0,
            read_ms: 2.0,
            write_ms: 3.0,
            rollbacks: 0.0,
            log_errors: 0.0,
            active: 4.0,
            sessions: 12.0,
            waiting: 0.3,
            temp_bytes: 0.0,
            hits: 0.99,
            log_bytes: 200.0,
            host_busy: 0.85,
            host_steal: 0.01,
            host_others: None,
            connect_error: None,
            read_error: None,
            write_error: None,
            write_hangs: false,
            held: Held::Answers,
            probes: true,
        }
    }

    /// The same with other values.
    pub(crate) fn with(mut self, edit: impl FnOnce(&mut Self)) -> Self {
        edit(&mut self);
        self
    }

    /// The same with `factor` times the work done.
    pub(crate) fn work(self, factor: f64) -> Self {
        self.with(|s| {
            s.commits *= factor;
            s.writes *= factor;
            s.reads *= factor;
        })
    }
}

/// How noisy the target is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    /// Relative deviation of the work done.
    pub(crate) work: f64,
    /// Autocorrelation of it.
    pub(crate) phi: f64,
    /// Step of its random walk.
    pub(crate) drift: f64,
    /// Logarithmic deviation of latencies.
    pub(crate) latency: f64,
}

impl Spread {
    pub(crate) const USUAL: Self = Self {
        work: 0.12,
        phi: 0.5,
        drift: 0.0,
        latency: 0.4,
    };
    pub(crate) const WILD: Self = Self {
        work: 0.3,
        phi: 0.5,
        drift: 0.02,
        latency: 0.4,
    };
    pub(crate) const NONE: Self = Self {
        work: 0.0,
        phi: 0.0,
        drift: 0.0,
        latency: 0.0,
    };
}

/// A noisy target.
pub(crate) struct Bed {
    pub(crate) random: Random,
    spread: Spread,
    work: Noise,
    drift: f64,
}

const METRICS: [(&str, MetricRole, Worse, f64); 19] = [
    ("commits_per_s", MetricRole::Throughput, Worse::Down, 1.0),
    ("writes_per_s", MetricRole::Throughput, Worse::Down, 1.0),
    ("reads_per_s", MetricRole::Throughput, Worse::Down, 1.0),
    ("statement_mean_ms", MetricRole::Latency, Worse::Up, 0.2),
    ("probe_connect_ms", MetricRole::Latency, Worse::Up, 10.0),
    ("probe_read_ms", MetricRole::Latency, Worse::Up, 2.0),
    ("probe_write_ms", MetricRole::Latency, Worse::Up, 5.0),
    ("rollbacks_per_s", MetricRole::Errors, Worse::Up, 0.5),
    ("log_errors_per_s", MetricRole::Errors, Worse::Up, 0.5),
    ("deadlocks_per_s", MetricRole::Errors, Worse::Up, 0.1),
    ("active_sessions", MetricRole::Demand, Worse::Both, 1.0),
    ("sessions", MetricRole::Other, Worse::Both, 1.0),
    ("waiting_sessions", MetricRole::Saturation, Worse::Up, 1.0),
    ("temp_bytes_per_s", MetricRole::Saturation, Worse::Up, 1e5),
    ("log_bytes_per_s", MetricRole::Saturation, Worse::Up, 1e5),
    ("hit_ratio", MetricRole::Saturation, Worse::Down, 0.02),
    ("host_cpu_busy", MetricRole::Host, Worse::Up, 0.05),
    ("host_steal", MetricRole::Host, Worse::Up, 0.05),
    ("host_cpu_others", MetricRole::Host, Worse::Up, 0.15),
];

/// The metrics of the bed.
pub(crate) fn specs() -> Vec<MetricSpec> {
    let spec = |(name, role, worse, floor): &(&'static str, MetricRole, Worse, f64)| MetricSpec {
        name: MetricName::from_static(name),
        role: *role,
        worse: *worse,
        floor: *floor,
        help: "of the test bed",
    };
    METRICS.iter().map(spec).collect()
}

impl Bed {
    pub(crate) fn new(seed: u64, spread: Spread) -> Self {
        let work = Noise::new(spread.phi);
        Self {
            random: Random::new(seed),
            spread,
            work,
            drift: 0.0,
        }
    }

    /// What the target reads in the second that ends at `second`.
    pub(crate) fn sample(&mut self, second: i64, state: &State) -> Sample {
        let common = {
            let innovation = self.random.normal();
            self.drift += self.spread.drift * self.random.normal();
            let walk = self.spread.work * self.work.next(innovation) * 0.8 + self.drift;
            walk.exp()
        };
        let (absent, unconnected) = (!state.probes, state.connect_error.is_some());
        let mut metrics = std::collections::BTreeMap::new();
        for (name, ..) in METRICS {
            let value = match name {
                "commits_per_s" => Some(self.work(state.commits * common)),
                "writes_per_s" => Some(self.work(state.writes * common)),
                "reads_per_s" => Some(self.work(state.reads * common)),
                "statement_mean_ms" => state.statement_ms.map(|ms| self.latency(ms, 0.4)),
                "probe_connect_ms" => self.probed(state.connect_ms, &[absent, unconnected]),
                "probe_read_ms" => self.probed(
                    state.read_ms,
                    &[absent, unconnected, state.read_error.is_some()],
                ),
                "probe_write_ms" => {
                    let refused = state.write_error.is_some() || state.write_hangs;
                    self.probed(state.write_ms, &[absent, unconnected, refused])
                }
                "rollbacks_per_s" => Some(self.random.poisson(state.rollbacks)),
                "log_errors_per_s" => Some(self.random.poisson(state.log_errors)),
                "deadlocks_per_s" => Some(0.0),
                "active_sessions" => Some(self.random.poisson(state.active)),
                "sessions" => Some(state.sessions),
                "waiting_sessions" => Some(self.random.poisson(state.waiting)),
                "temp_bytes_per_s" => Some(self.latency(state.temp_bytes, 0.3)),
                "log_bytes_per_s" => Some(self.latency(state.log_bytes, 0.3)),
                "hit_ratio" => Some(state.hits),
                "host_cpu_busy" => {
                    Some((state.host_busy + 0.05 * self.random.normal()).clamp(0.0, 1.0))
                }
                "host_cpu_others" => state
                    .host_others
                    .map(|share| (share + 0.02 * self.random.normal()).clamp(0.0, 1.0)),
                _ => Some((state.host_steal * (0.3 * self.random.normal()).exp()).clamp(0.0, 1.0)),
            };
            if let Some(value) = value {
                metrics.insert(MetricName::from_static(name), value);
            }
        }
        let probes = if state.probes {
            vec![self.reading(second, state)]
        } else {
            Vec::new()
        };
        Sample {
            at: Timestamp::from_secs(second),
            metrics,
            probes,
            held: state.held.clone(),
            holders: Vec::new(),
        }
    }

    fn work(&mut self, mean: f64) -> f64 {
        (mean * (self.spread.work * 0.6 * self.random.normal()).exp())
            .round()
            .max(0.0)
    }

    /// Lognormal, with one spike of five times in thirty.
    fn latency(&mut self, median: f64, share: f64) -> f64 {
        let spike = if self.spread.latency > 0.0 && self.random.unit() < 0.03 {
            5.0
        } else {
            1.0
        };
        median * spike * (self.spread.latency * share / 0.4 * self.random.normal()).exp()
    }

    fn probed(&mut self, ms: f64, trouble: &[bool]) -> Option<f64> {
        let value = self.latency(ms, 0.4);
        trouble.iter().all(|t| !t).then_some(value)
    }

    fn reading(&mut self, second: i64, state: &State) -> ProbeReading {
        let mut step = |error: Option<(&str, f64)>, ms: f64| match error {
            Some((class, share)) if self.random.unit() < share => ProbeStep::Failed {
                class: class.into(),
                message: "no".into(),
            },
            _ => ProbeStep::Done { ms },
        };
        let connect = step(state.connect_error, state.connect_ms);
        let through = !matches!(connect, ProbeStep::Failed { .. });
        let read = if through {
            step(state.read_error, state.read_ms)
        } else {
            ProbeStep::Skipped
        };
        let write = match (through, state.write_hangs) {
            (false, _) => ProbeStep::Skipped,
            (true, true) => ProbeStep::Hung { limit_ms: 2000.0 },
            (true, false) => step(state.write_error, state.write_ms),
        };
        let at = Timestamp::from_secs(second) - Span::from_millis(500);
        ProbeReading {
            at,
            role: "app".into(),
            connect,
            read,
            write,
        }
    }
}

/// A change that took effect at `second`.
pub(crate) fn change(second: i64, takes_effect: TakesEffect, scope: Scope) -> ChangeSet {
    let standing = Standing {
        effective: None,
        source: ValueSource::AutoFile,
        entry: None,
        waiting: None,
        pending_restart: Pending::No,
    };
    let change = Change {
        key: SettingKey {
            scope,
            name: SettingName::new("work_mem"),
        },
        old: standing.clone(),
        new: standing,
        time: ChangeTime {
            not_before: Timestamp::from_secs(second - 1),
            not_after: Timestamp::from_secs(second),
            exact: None,
        },
        author: Author::Unknown,
        description: None,
        application: None,
        origin: Origin::Observed,
        takes_effect,
    };
    ChangeSet {
        id: ChangeSetId(1),
        target: TargetId::new("t"),
        changes: vec![change],
    }
}

/// A whole story: `baseline` seconds of `before`, then `length` seconds of what `during` says for
/// each second since the change.
pub(crate) struct Story<'a> {
    pub(crate) seed: u64,
    pub(crate) spread: Spread,
    pub(crate) baseline: i64,
    pub(crate) length: i64,
    pub(crate) before: State,
    pub(crate) during: &'a dyn Fn(i64) -> State,
    pub(crate) takes_effect: TakesEffect,
    pub(crate) scope: Scope,
}

/// How a story ended.
pub(crate) struct End {
    pub(crate) watch: Watch,
    pub(crate) last: Verdict,
    /// Seconds from the change to the first `hurt`.
    pub(crate) hurt_after: Option<i64>,
}

impl Story<'_> {
    pub(crate) fn samples(&self) -> Vec<Sample> {
        let mut bed = Bed::new(self.seed, self.spread);
        let past = (1..=self.baseline).map(|s| (s, self.before.clone()));
        let since = (1..=self.length).map(|s| (self.baseline + s, (self.during)(s)));
        past.chain(since)
            .map(|(s, state)| bed.sample(s, &state))
            .collect()
    }

    pub(crate) fn open(&self, samples: &[Sample], banks: &Banks) -> Watch {
        let policy = DetectPolicy::standard(Span::from_secs(self.length));
        Watch::open(&Opening {
            change: &change(self.baseline, self.takes_effect, self.scope.clone()),
            specs: &specs(),
            history: samples,
            banks,
            policy: &policy,
            until: Timestamp::from_secs(self.baseline + self.length),
            lock_waits: crate::LockWaits::Excused,
        })
    }

    pub(crate) fn play(&self) -> End {
        let samples = self.samples();
        let policy = DetectPolicy::standard(Span::from_secs(self.length));
        let (past, since) = samples.split_at(self.baseline as usize);
        let mut watch = self.open(past, &Banks::new(&specs(), &policy));
        let mut hurt_after = None;
        for sample in since {
            if let Some(verdict) = watch.push(sample)
                && verdict.kind.word() == "hurt"
                && hurt_after.is_none()
            {
                hurt_after = Some(sample.at.0 / 1_000_000 - self.baseline);
            }
        }
        let last = watch.verdict(Timestamp::from_secs(self.baseline + self.length));
        End {
            watch,
            last,
            hurt_after,
        }
    }
}
