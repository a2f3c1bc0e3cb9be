//! What scratch servers say and do when settings are tried on them.
//!
//! The plan is bounded: every setting alone at its ends, the pairs that documentation or names
//! propose at theirs, all against `postgres -C` where that is enough, else by a reload of a live
//! server, and last a start of a real one for several settings at once, apart again only when
//! something happened.

use std::collections::BTreeMap;
use std::time::Duration;

use backstay_scratch::postgres::{
    Binaries, CreateError, DataDir, LogLine, Options, Server, StartError,
};
use tokio_postgres::SimpleQueryMessage;

use crate::catalogue::Known;

pub(crate) mod bounds;
pub(crate) mod memo;
pub(crate) mod probe;
pub(crate) mod trial;
pub(crate) mod verdict;

/// Settings to try together.
pub(crate) type Assignment = Vec<(String, String)>;

/// Effective values by name.
pub(crate) type Values = BTreeMap<String, String>;

/// The scratch servers could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// No data directory.
    #[error("cannot make a scratch data directory")]
    Create {
        /// Why.
        #[from]
        source: CreateError,
    },
    /// No server with its own defaults.
    #[error("cannot start a scratch server with its defaults")]
    Start {
        /// Why.
        #[from]
        source: StartError,
    },
    /// The defaults could not be read.
    #[error("cannot read the settings of a scratch server")]
    Read {
        /// Why.
        #[from]
        source: tokio_postgres::Error,
    },
}

/// A stopped data directory, and a live server for reloads.
pub(crate) struct Bench {
    pub(crate) binaries: Binaries,
    pub(crate) stopped: DataDir,
    pub(crate) live: Server,
    /// Effective values of the live server with its defaults; what moves by itself is not in it.
    pub(crate) base: Values,
    pub(crate) memo: memo::Memo,
}

/// What a try brought.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Whether the server stood in the end.
    pub(crate) end: End,
    /// Lines worth reading.
    pub(crate) lines: Vec<LogLine>,
    /// Effective values that differ from the defaults, those that were set excluded.
    pub(crate) moved: Values,
}

/// How a try ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum End {
    /// The server stood, with the settings.
    Stood,
    /// It did not start, or let nobody in.
    #[default]
    Fell,
}

impl Outcome {
    /// Anything happened beside what was asked for.
    fn telling(&self) -> bool {
        self.end == End::Fell || !self.lines.is_empty() || !self.moved.is_empty()
    }
}

/// Settings that would take the bench away from us, or that no server of ours may have.
const UNTRIED: [&str; 12] = [
    "port",
    "listen_addresses",
    "unix_socket_directories",
    "data_directory",
    "config_file",
    "hba_file",
    "ident_file",
    "external_pid_file",
    "log_directory",
    "log_filename",
    "log_destination",
    "lc_messages",
];

const SETTINGS: &str = "SELECT lower(name), setting FROM pg_catalog.pg_settings";

impl Bench {
    pub(crate) async fn open(binaries: &Binaries, memo: memo::Memo) -> Result<Self, ServerError> {
        let stopped = DataDir::create(binaries)?;
        let live = Server::start_in(DataDir::create(binaries)?, Options::default()).await?;
        let mut base = effective(&live).await?;
        let again = effective(&live).await?;
        // Totals are probed apart: everything moves them.
        base.retain(|name, value| {
            again.get(name) == Some(value) && !probe::TOTALS.contains(&name.as_str())
        });
        Ok(Self {
            binaries: binaries.clone(),
            stopped,
            live,
            base,
            memo,
        })
    }

    /// Whether `setting` may be tried at all.
    pub(crate) fn tries(setting: &Known) -> bool {
        use backstay_catalog::pack::Context;
        setting.fact.context != Context::Internal && !UNTRIED.contains(&setting.fact.name.as_str())
    }

    /// What `postgres -C` is asked for when only its checks matter: reading a computed value makes it go
    /// through every check of a start. Version 14 computes none, and checks each value alone.
    pub(crate) fn computed(&self) -> &'static str {
        if self.binaries.major >= COMPUTES_SINCE {
            probe::MEMORY
        } else {
            "shared_buffers"
        }
    }

    /// Whether a server with `settings` takes little memory; of a version that cannot tell, whether the
    /// numbers are small.
    pub(crate) fn modest(&self, settings: &Assignment) -> bool {
        let Ok(told) = self.compute(self.computed(), settings) else {
            return false;
        };
        if self.binaries.major >= COMPUTES_SINCE {
            return told.parse::<f64>().is_ok_and(|mb| mb < MODEST_MB);
        }
        let small = |value: &str| value.parse::<f64>().map_or(true, |n| n < MODEST_NUMBER);
        settings.iter().all(|(_, value)| small(value))
    }

    /// The sample configuration, as `initdb` left it in a data directory.
    pub(crate) fn sample(&self) -> String {
        let file = self.stopped.path().join("postgresql.conf");
        std::fs::read_to_string(file).unwrap_or_default()
    }

    /// Tries `settings` by `postgres -C` on the stopped data directory.
    pub(crate) fn compute(
        &self,
        name: &str,
        settings: &Assignment,
    ) -> Result<String, Vec<LogLine>> {
        if let Some(told) = self.memo.computed(name, settings) {
            return told;
        }
        let told = self
            .stopped
            .computed(name, settings)
            .map_err(|error| match error {
                backstay_scratch::postgres::ComputeError::Refused { said } => vec![LogLine {
                    severity: "FATAL".into(),
                    message: said,
                    ..LogLine::default()
                }],
                backstay_scratch::postgres::ComputeError::Run { .. } => Vec::new(),
            });
        self.memo.keep_computed(name, settings, &told);
        told
    }

    /// Tries `settings` by a reload of the live server, in place of what was tried before.
    pub(crate) async fn reload(&self, settings: &Assignment) -> Outcome {
        if let Some(known) = self.memo.outcome("reload", settings) {
            return known;
        }
        let before = self.live.log_end();
        let mut outcome = Outcome::default();
        if self.write(settings).await {
            if let Ok(values) = effective(&self.live).await {
                outcome.moved = self.moved(&values, settings);
            }
            outcome.lines = self
                .live
                .said_since(before)
                .into_iter()
                .filter(telling)
                .collect();
            self.memo.keep_outcome("reload", settings, &outcome);
        }
        outcome
    }

    /// Tries `settings` by the start of a server of their own.
    pub(crate) async fn start(&self, settings: &Assignment) -> Result<Outcome, ServerError> {
        if let Some(known) = self.memo.outcome("start", settings) {
            return Ok(known);
        }
        let outcome = self.start_fresh(settings).await?;
        self.memo.keep_outcome("start", settings, &outcome);
        Ok(outcome)
    }

    async fn start_fresh(&self, settings: &Assignment) -> Result<Outcome, ServerError> {
        let mut all = settings.clone();
        if !all.iter().any(|(name, _)| name == "fsync") {
            all.push(("fsync".to_owned(), "off".to_owned()));
        }
        let options = Options {
            settings: all.clone(),
            ready_within: Duration::from_secs(15),
            ..Options::default()
        };
        match Server::start_in(DataDir::create(&self.binaries)?, options).await {
            Ok(server) => {
                let mut outcome = Outcome {
                    end: End::Stood,
                    ..Outcome::default()
                };
                if let Ok(values) = effective(&server).await {
                    outcome.moved = self.moved(&values, &all);
                }
                outcome.lines = server.said().into_iter().filter(telling).collect();
                Ok(outcome)
            }
            Err(StartError::Refused { said } | StartError::NotReady { said, .. }) => Ok(Outcome {
                lines: said.into_iter().filter(telling).collect(),
                ..Outcome::default()
            }),
            Err(error) => Err(error.into()),
        }
    }

    fn moved(&self, values: &Values, set: &Assignment) -> Values {
        let ours = |name: &str| set.iter().any(|(n, _)| n == name) || UNTRIED.contains(&name);
        let differs = |name: &str, value: &String| self.base.get(name).is_some_and(|b| b != value);
        values
            .iter()
            .filter(|(name, value)| !ours(name) && differs(name, value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Puts `settings` where `ALTER SYSTEM` would and waits until they are loaded.
    async fn write(&self, settings: &Assignment) -> bool {
        let mut text = String::new();
        for (name, value) in settings {
            text.push_str(&format!("{name} = '{}'\n", value.replace('\'', "''")));
        }
        let file = self.live.data_dir().join("postgresql.auto.conf");
        let before = self.live.log_end();
        if std::fs::write(file, text).is_err() || self.live.reload().is_err() {
            return false;
        }
        for _ in 0..LOOKS_MAX {
            if self
                .live
                .said_since(before)
                .iter()
                .any(|l| l.message.starts_with("received SIGHUP"))
            {
                // The line comes before the work; back ends take their turn after it.
                tokio::time::sleep(SETTLE).await;
                return true;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        false
    }
}

/// First version that computes values without a start.
const COMPUTES_SINCE: u32 = 15;
/// Most shared memory that a started server may take, in megabytes.
const MODEST_MB: f64 = 1024.0;
/// Numbers below this ask for little of anything.
const MODEST_NUMBER: f64 = 20_000.0;
const LOOK_EVERY: Duration = Duration::from_millis(2);
const LOOKS_MAX: u32 = 1000;
const SETTLE: Duration = Duration::from_millis(4);

/// Lines about settings, not about the server's life or about who may come in: those our own
/// waiting brings.
fn telling(line: &LogLine) -> bool {
    let ours = ["57", "28"]
        .iter()
        .any(|class| line.sqlstate.starts_with(class));
    let rejected = line.message.contains("parameter \"") && !line.message.contains("changed to");
    !ours && (line.serious() || rejected)
}

/// Effective values as a new session sees them.
async fn effective(server: &Server) -> Result<Values, tokio_postgres::Error> {
    let client = server.connect("postgres").await?;
    let rows = client.simple_query(SETTINGS).await?;
    Ok(rows
        .iter()
        .filter_map(|reply| match reply {
            SimpleQueryMessage::Row(row) => Some((row.get(0)?.to_owned(), row.get(1)?.to_owned())),
            _ => None,
        })
        .collect())
}

/// Values at which a setting is tried: both ends of a range, every word, the other state.
pub(crate) fn ends(setting: &Known, bench: &Bench) -> Vec<String> {
    let fact = &setting.fact;
    let current = bench.base.get(&fact.name);
    let mut values: Vec<String> = match fact.kind.as_str() {
        "bool" => vec!["on".into(), "off".into()],
        "enum" => fact.values.clone(),
        "integer" => [fact.min, fact.max]
            .iter()
            .flatten()
            .map(|v| format!("{v:.0}"))
            .collect(),
        "real" => [fact.min, fact.max]
            .iter()
            .flatten()
            .map(|v| format!("{v}"))
            .collect(),
        _ => TEXTS
            .iter()
            .find(|text| accepted(bench, &fact.name, text))
            .map(|t| vec![(*t).to_owned()])
            .unwrap_or_default(),
    };
    values.retain(|v| Some(v) != current);
    values
}

/// Texts that one kind of setting or another accepts: a word, numbers, a time, a position in the log.
const TEXTS: [&str; 5] = [
    "immediate",
    "1000",
    "2030-01-01 00:00:00+00",
    "0/1000000",
    "sample",
];

fn accepted(bench: &Bench, name: &str, text: &str) -> bool {
    bench
        .compute(name, &vec![(name.to_owned(), text.to_owned())])
        .is_ok()
}

#[cfg(test)]
mod tests;
