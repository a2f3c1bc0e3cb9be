//! `backstay watch`: the guard in the foreground.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backstay_detect::DetectPolicy;
use backstay_guard::Guard;
use backstay_guard::clock::{Clock, SystemClock};
use backstay_guard::config::{Config, GraphConfig, PolicyConfig, TargetConfig, duration};
use backstay_guard::connector::Connector;
use backstay_guard::desk::DeskSetup;
use backstay_guard::news::{News, Tidings};
use backstay_guard::requests::LetterBox;
use backstay_guard::station::Station;
use backstay_lifecycle::policy::Policy;
use backstay_model::decision::Mode;
use backstay_model::{Span, TargetId};

use crate::args::{Common, Watch};
use crate::failure::{Code, Exit, Failure};
use crate::out::Out;
use crate::postgres::{Addresses, PostgresTarget, resolve};
use crate::state::{self, OnDisk};
use crate::{view, wire};

/// Works until Ctrl-C (or `--duration`).
pub(crate) fn run(args: &Watch, common: &Common, out: Out) -> Result<Exit, Failure> {
    let config = configuration(args)?;
    let directory = match (&common.state_dir, &config.state_dir) {
        (None, Some(named)) => named.into(),
        _ => state::directory(common),
    };
    let limit = args
        .duration
        .as_deref()
        .map(|t| span("--duration", t))
        .transpose()?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let station = station(&config, &directory)?;
        let mut over = false;
        let stop = async { over = until(limit).await };
        let mut silent: BTreeSet<TargetId> = config
            .targets
            .iter()
            .map(|t| TargetId::new(&t.name))
            .collect();
        let hear = |news: News| {
            if matches!(news.what, Tidings::Baseline { .. }) {
                silent.remove(&news.target);
            }
            tell(out, &news);
        };
        station.work(hear, stop).await;
        // Who ends a watch by hand knows why; a script that waited for its time must not go on.
        match silent.first().filter(|_| over) {
            None => Ok(Exit::Ok),
            Some(target) => Err(never_read(target)),
        }
    })
}

/// The failure of a guard whose time ends without having seen a target once.
fn never_read(target: &TargetId) -> Failure {
    Failure::new(
        Code::Unreachable,
        format!("{target} was never read: nothing was watched there"),
    )
    .hint("backstay status    says why")
    .hint("backstay doctor DSN")
}

/// An asynchronous runtime with few threads: there is little to do.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::of(Code::Internal, &e))
}

/// One piece of news, as asked for.
pub(crate) fn tell(out: Out, news: &News) {
    if out.json_wanted() {
        if let Some(document) = wire::news(news)
            && let Err(failure) = out.stream(&document)
        {
            out.failure(&failure);
        }
        return;
    }
    for line in view::lines(out, news) {
        out.line(line);
    }
}

/// Ready when somebody ends us, or when the time is over; whether it was the time.
async fn until(limit: Option<Span>) -> bool {
    let over = async {
        match limit {
            Some(span) => tokio::time::sleep(Duration::from_secs_f64(span.as_secs_f64())).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = over => true,
        () = interrupted() => false,
    }
}

/// Ready at Ctrl-C, at SIGTERM, or when the terminal is closed.
pub(crate) async fn interrupted() {
    use tokio::signal::unix::SignalKind;
    let hangup = (!hangup_ignored()).then(SignalKind::hangup);
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = received(Some(SignalKind::terminate())) => {}
        () = received(hangup) => {}
    }
}

async fn received(kind: Option<tokio::signal::unix::SignalKind>) {
    match kind.and_then(|kind| tokio::signal::unix::signal(kind).ok()) {
        Some(mut signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether whoever started us wants us to outlive the terminal (`nohup`).
fn hangup_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|l| l.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

/// A station with every target of the configuration, its books open.
pub(crate) fn station(
    config: &Config,
    directory: &Path,
) -> Result<Station<OnDisk, PostgresTarget>, Failure> {
    let key = state::key(directory)?;
    let clock = Arc::new(SystemClock::start());
    let mut connectors = Vec::new();
    let mut desks = Vec::new();
    for target in &config.targets {
        let id = TargetId::new(&target.name);
        let addresses = addresses(target)?;
        let address = addresses.observe.address();
        let connector = PostgresTarget::new(id.clone(), addresses, key.clone())?;
        desks.push(DeskSetup {
            target: id.clone(),
            address,
            policy: policy(&config.policy, target.mode),
            weights: target.services.clone(),
            dialect: connector.dialect(),
            detect: detect(&config.policy),
        });
        connectors.push((id, connector));
    }
    let shelf = state::own(directory, config.policy.metrics_bytes_max, &config.graph)?;
    let guard = Guard::begin(shelf, desks, clock.now()).map_err(|e| {
        Failure::of(Code::Broken, &e).hint(format!("backstay audit verify {}", directory.display()))
    })?;
    let station = Station::new(guard, clock, LetterBox::of(directory));
    Ok(connectors
        .into_iter()
        .fold(station, |s, (id, c)| s.with_target(id, c)))
}

fn addresses(target: &TargetConfig) -> Result<Addresses, Failure> {
    let or_same = |dsn: &Option<String>| resolve(dsn.as_deref().unwrap_or(&target.dsn));
    Ok(Addresses {
        observe: resolve(&target.dsn)?,
        probe: or_same(&target.probe_dsn)?,
        control: or_same(&target.control_dsn)?,
    })
}

/// The lifecycle's policy out of the configuration's.
pub(crate) fn policy(config: &PolicyConfig, mode: Option<Mode>) -> Policy {
    Policy {
        mode: mode.unwrap_or(config.mode),
        watch: config.watch,
        extension: config.watch,
        extensions_max: config.extensions,
        intent_ttl: config.intent_ttl,
        cooldown: config.cooldown,
        budget_per_hour: config.max_auto_per_hour,
        budget_per_day: config.max_auto_per_day,
        recovery_window: config.recovery,
        ..Policy::observe()
    }
}

fn detect(config: &PolicyConfig) -> DetectPolicy {
    DetectPolicy {
        min_baseline: config.min_baseline,
        ..DetectPolicy::standard(config.watch)
    }
}

/// The configuration: of the file, or put together from the command line.
fn configuration(args: &Watch) -> Result<Config, Failure> {
    let mut config = match &args.config {
        Some(path) => read_config(path)?,
        None => from_arguments(args)?,
    };
    let set = |option: &str, text: &Option<String>, at: &mut Span| -> Result<(), Failure> {
        if let Some(text) = text {
            *at = span(option, text)?;
        }
        Ok(())
    };
    set("--watch", &args.watch, &mut config.policy.watch)?;
    set(
        "--min-baseline",
        &args.min_baseline,
        &mut config.policy.min_baseline,
    )?;
    set("--recovery", &args.recovery, &mut config.policy.recovery)?;
    if let Some(times) = args.extensions {
        config.policy.extensions = times;
    }
    if let Some(word) = &args.mode {
        config.policy.mode = mode(word)?;
    }
    if config.targets.is_empty() {
        return Err(Failure::new(Code::Usage, "there is nothing to watch")
            .hint("backstay watch postgresql://backstay@host/database")
            .hint("backstay demo    to see it work without a database of your own"));
    }
    Ok(config)
}

/// Reads a configuration file, telling all that is wrong with it.
pub(crate) fn read_config(path: &Path) -> Result<Config, Failure> {
    let bytes = fs::read(path).map_err(|e| {
        Failure::of(Code::File, &e)
            .because(format!("file {}", path.display()))
            .hint("give the path of a backstay.toml")
    })?;
    Config::parse(&String::from_utf8_lossy(&bytes)).map_err(|error| {
        let head = Failure::new(Code::Config, format!("{} cannot be used", path.display()));
        error
            .problems
            .iter()
            .fold(head, |f, p| f.because(p.what.clone()).hint(p.hint.clone()))
    })
}

fn from_arguments(args: &Watch) -> Result<Config, Failure> {
    let mut targets: Vec<TargetConfig> = Vec::new();
    for dsn in &args.dsn {
        let base = resolve(dsn)?.database;
        let taken = targets
            .iter()
            .filter(|t| t.name == base || t.name.starts_with(&format!("{base}-")))
            .count();
        let name = if taken == 0 {
            base
        } else {
            format!("{base}-{}", taken + 1)
        };
        targets.push(TargetConfig {
            name,
            dsn: dsn.clone(),
            probe_dsn: args.probe_dsn.clone(),
            control_dsn: args.control_dsn.clone(),
            mode: None,
            services: std::collections::BTreeMap::new(),
        });
    }
    Ok(Config {
        state_dir: None,
        policy: PolicyConfig::default(),
        graph: GraphConfig::Sqlite,
        targets,
    })
}

pub(crate) fn mode(word: &str) -> Result<Mode, Failure> {
    Mode::parse(word).ok_or_else(|| {
        Failure::new(Code::Usage, format!("`{word}` is not a mode"))
            .hint("modes are observe, approve and auto")
    })
}

fn span(option: &str, text: &str) -> Result<Span, Failure> {
    duration(text).ok_or_else(|| {
        Failure::new(
            Code::Usage,
            format!("`{option} {text}` is not a length of time"),
        )
        .hint("write a number with a unit: 90s, 15m, 24h")
    })
}
