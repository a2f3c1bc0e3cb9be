//! The configuration file: parsed whole, checked whole, all problems told at once.

use std::collections::BTreeMap;

use backstay_model::decision::Mode;
use backstay_model::{ServiceName, Span};
use serde::Deserialize;

mod graph;
mod problems;

pub use graph::{GraphConfig, Neo4jConfig, Tls};
pub use problems::{ConfigError, Problem};

/// The configuration of a guard.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where the guard keeps its state; the command line gives a default.
    pub state_dir: Option<String>,
    /// What it may do, and how patient it is.
    pub policy: PolicyConfig,
    /// Where it keeps the graph. Default: in the state directory.
    pub graph: GraphConfig,
    /// The databases it watches; names are unique.
    pub targets: Vec<TargetConfig>,
}

/// Policy, with the one place of defaults: [`PolicyConfig::default`].
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyConfig {
    /// How far Backstay may go on a target that does not say otherwise. Default `observe`.
    pub mode: Mode,
    /// How long a change is watched before it is kept. Default 15 min.
    pub watch: Span,
    /// How often a watch that decided nothing is extended by its own length. Default 1.
    pub extensions: u32,
    /// Least history before a change that a verdict needs. Default 60 s.
    pub min_baseline: Span,
    /// How long after a rollback the symptom may take to go away. Default 120 s.
    pub recovery: Span,
    /// After this an intent that was not begun expires. Default 5 min.
    pub intent_ttl: Span,
    /// Least time between two automatic rollbacks of one setting. Default 30 min.
    pub cooldown: Span,
    /// Automatic rollbacks per target and hour. Default 1.
    pub max_auto_per_hour: u32,
    /// Automatic rollbacks per target and day. Default 2.
    pub max_auto_per_day: u32,
    /// Most bytes of metric history on disk. Default 256 MB.
    pub metrics_bytes_max: u64,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            mode: Mode::Observe,
            watch: Span::from_secs(900),
            extensions: 1,
            min_baseline: Span::from_secs(60),
            recovery: Span::from_secs(120),
            intent_ttl: Span::from_secs(300),
            cooldown: Span::from_secs(1_800),
            max_auto_per_hour: 1,
            max_auto_per_day: 2,
            metrics_bytes_max: 256 << 20,
        }
    }
}

/// One database to watch.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetConfig {
    /// Its name.
    pub name: String,
    /// How Backstay connects to it.
    pub dsn: String,
    /// How the probe connects: the way an application does. Default: as `dsn`.
    pub probe_dsn: Option<String>,
    /// How Backstay connects to write. Default: as `dsn`.
    pub control_dsn: Option<String>,
    /// How far Backstay may go here. Default: the policy's mode.
    pub mode: Option<Mode>,
    /// Weight of services in the blast radius, by name; unnamed ones weigh their sessions.
    pub services: BTreeMap<ServiceName, u32>,
}

#[derive(Deserialize)]
struct RawConfig {
    format_version: Option<String>,
    state_dir: Option<String>,
    #[serde(default)]
    policy: RawPolicy,
    #[serde(default)]
    graph: graph::RawGraph,
    #[serde(default)]
    target: Vec<RawTarget>,
}

#[derive(Deserialize, Default)]
struct RawPolicy {
    mode: Option<String>,
    watch: Option<String>,
    extensions: Option<u32>,
    min_baseline: Option<String>,
    recovery: Option<String>,
    intent_ttl: Option<String>,
    cooldown: Option<String>,
    max_auto_per_hour: Option<u32>,
    max_auto_per_day: Option<u32>,
    metrics_bytes_max: Option<u64>,
}

#[derive(Deserialize)]
struct RawTarget {
    name: Option<String>,
    dsn: Option<String>,
    service: Option<String>,
    probe_dsn: Option<String>,
    control_dsn: Option<String>,
    mode: Option<String>,
    #[serde(default)]
    services: BTreeMap<String, u32>,
}

/// Every key the file may hold, for the nearest one when a key is unknown; a test keeps it equal to
/// the structs.
const KEYS: &[(&str, &[&str])] = &[
    (
        "",
        &["format_version", "state_dir", "policy", "graph", "target"],
    ),
    ("graph", graph::KEYS),
    (
        "policy",
        &[
            "mode",
            "watch",
            "extensions",
            "min_baseline",
            "recovery",
            "intent_ttl",
            "cooldown",
            "max_auto_per_hour",
            "max_auto_per_day",
            "metrics_bytes_max",
        ],
    ),
    (
        "target",
        &[
            "name",
            "dsn",
            "service",
            "probe_dsn",
            "control_dsn",
            "mode",
            "services",
        ],
    ),
];

impl Config {
    /// Reads a configuration file's text.
    ///
    /// # Errors
    /// Every problem of the file at once: syntax (with line), unknown keys (with the nearest known
    /// one), values that are no mode or length of time, targets without address or with equal names.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let deserializer =
            toml::Deserializer::parse(text).map_err(|e| ConfigError::syntax(&e, text))?;
        let raw: RawConfig = serde_ignored::deserialize(deserializer, |path| {
            problems.push(Problem::unknown_key(&path.to_string(), KEYS));
        })
        .map_err(|e| ConfigError::syntax(&e, text))?;
        if let Some(version) = raw
            .format_version
            .as_deref()
            .filter(|v| !v.starts_with("1."))
        {
            problems.push(Problem::newer_format(version));
        }
        let policy = policy(raw.policy, &mut problems);
        let graph = graph::graph(raw.graph, &mut problems);
        let targets = targets(raw.target, &mut problems);
        if problems.is_empty() {
            Ok(Self {
                state_dir: raw.state_dir,
                policy,
                graph,
                targets,
            })
        } else {
            Err(ConfigError { problems })
        }
    }
}

fn policy(raw: RawPolicy, problems: &mut Vec<Problem>) -> PolicyConfig {
    let default = PolicyConfig::default();
    let mut span = |key: &str, text: Option<String>, otherwise: Span| match text {
        None => otherwise,
        Some(text) => duration(&text).unwrap_or_else(|| {
            problems.push(Problem::bad_span(key, &text));
            otherwise
        }),
    };
    let watch = span("policy.watch", raw.watch, default.watch);
    let min_baseline = span(
        "policy.min_baseline",
        raw.min_baseline,
        default.min_baseline,
    );
    let recovery = span("policy.recovery", raw.recovery, default.recovery);
    let intent_ttl = span("policy.intent_ttl", raw.intent_ttl, default.intent_ttl);
    let cooldown = span("policy.cooldown", raw.cooldown, default.cooldown);
    PolicyConfig {
        mode: mode("policy.mode", raw.mode, problems).unwrap_or(default.mode),
        watch,
        extensions: raw.extensions.unwrap_or(default.extensions),
        min_baseline,
        recovery,
        intent_ttl,
        cooldown,
        max_auto_per_hour: raw.max_auto_per_hour.unwrap_or(default.max_auto_per_hour),
        max_auto_per_day: raw.max_auto_per_day.unwrap_or(default.max_auto_per_day),
        metrics_bytes_max: raw.metrics_bytes_max.unwrap_or(default.metrics_bytes_max),
    }
}

fn targets(raw: Vec<RawTarget>, problems: &mut Vec<Problem>) -> Vec<TargetConfig> {
    let mut targets: Vec<TargetConfig> = Vec::new();
    for (place, target) in raw.into_iter().enumerate() {
        let Some(name) = target.name else {
            problems.push(Problem::no_name(place + 1));
            continue;
        };
        if targets.iter().any(|t| t.name == name) {
            problems.push(Problem::two_targets(&name));
        }
        let dsn = match (target.dsn, target.service) {
            (Some(dsn), None) => dsn,
            (None, Some(service)) => format!("service={service}"),
            (Some(_), Some(_)) => {
                problems.push(Problem::two_addresses(&name));
                continue;
            }
            (None, None) => {
                problems.push(Problem::no_address(&name));
                continue;
            }
        };
        targets.push(TargetConfig {
            mode: mode(&format!("target {name}: mode"), target.mode, problems),
            name,
            dsn,
            probe_dsn: target.probe_dsn,
            control_dsn: target.control_dsn,
            services: target
                .services
                .into_iter()
                .map(|(n, w)| (ServiceName::new(&n), w))
                .collect(),
        });
    }
    targets
}

fn mode(key: &str, word: Option<String>, problems: &mut Vec<Problem>) -> Option<Mode> {
    let word = word?;
    let mode = Mode::parse(&word);
    if mode.is_none() {
        problems.push(Problem::bad_mode(key, &word));
    }
    mode
}

/// Reads a length of time: `90s`, `15m`, `24h`, `1h 30m`. Must be above zero.
#[must_use]
pub fn duration(text: &str) -> Option<Span> {
    let span: jiff::SignedDuration = text.trim().parse().ok()?;
    let micros = i64::try_from(span.as_micros()).ok()?;
    (micros > 0).then_some(Span(micros))
}

#[cfg(test)]
mod tests;
