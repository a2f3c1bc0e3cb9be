//! The boot check: a scratch server of the same major version is really started with the candidate
//! configuration.

use std::time::Duration;

use backstay_catalog::Quantity;
use backstay_catalog::expr::Environment;
use backstay_model::{Scope, SettingName, Value, ValueSource};
use backstay_scratch::postgres::{
    Binaries, ComputeError, DataDir, LogLine, Options, Server, StartError,
};
use backstay_simulate::Proposed;

use crate::commands::machine::memory_line;
use crate::commands::subject::Ground;
use crate::commands::watch::runtime;
use crate::failure::{Code, Failure};

/// How long the start may take.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// Settings that must differ on a scratch server; each is a blind spot, and is told as one.
const REPLACED: [&str; 24] = [
    "port",
    "listen_addresses",
    "unix_socket_directories",
    "unix_socket_group",
    "unix_socket_permissions",
    "data_directory",
    "config_file",
    "hba_file",
    "ident_file",
    "external_pid_file",
    "logging_collector",
    "log_destination",
    "log_directory",
    "log_filename",
    "log_file_mode",
    "log_statement",
    "lc_messages",
    "archive_mode",
    "archive_command",
    "archive_library",
    "restore_command",
    "recovery_end_command",
    "archive_cleanup_command",
    "primary_conninfo",
];
/// Whether the boot check leaves the setting `name` out.
pub(super) fn replaced(name: &SettingName) -> bool {
    REPLACED.contains(&name.as_str())
}

/// The blind spots in words.
pub(crate) const BLIND: &str = "addresses, log files, access files, archiving, recovery and replication role were not part of it";

/// What the boot check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Boot {
    NotAsked,
    /// It could not be run.
    NotRun {
        why: String,
    },
    /// It needs more memory than there is to try it.
    NoRoom {
        why: String,
    },
    /// A server of this version started and took a connection.
    Passed {
        version: String,
    },
    /// It did not; the server's last words.
    Failed {
        said: String,
    },
}

/// Starts a scratch server with the configuration and the proposal on it. Always removed again.
pub(super) fn check(ground: &Ground, proposal: &[Proposed]) -> Result<Boot, Failure> {
    let major = ground
        .live
        .as_ref()
        .map_or(ground.choice.pack.major, |l| l.snapshot.server.major());
    let binaries = match Binaries::find_major(major) {
        Ok(binaries) => binaries,
        Err(error) => {
            return Ok(Boot::NotRun {
                why: error.to_string(),
            });
        }
    };
    let settings = settings(ground, proposal);
    let dir = DataDir::create(&binaries).map_err(|e| Failure::of(Code::NoBinaries, &e))?;
    match dir.computed("shared_memory_size", &settings) {
        Err(ComputeError::Refused { said }) => {
            return Ok(Boot::Failed {
                said: last_words(&said),
            });
        }
        Err(error @ ComputeError::Run { .. }) => {
            return Ok(Boot::NotRun {
                why: error.to_string(),
            });
        }
        Ok(megabytes) => {
            let free = memory_line("MemAvailable:");
            if let Some(boot) = no_room(&megabytes, free, stated_memory(ground)) {
                return Ok(boot);
            }
        }
    }
    let version = binaries.version.clone();
    let options = Options {
        major: Some(major),
        settings,
        command_line: Vec::new(),
        ready_within: READY_WITHIN,
    };
    Ok(
        match runtime()?.block_on(async { Server::start_in(dir, options).await.map(drop) }) {
            Ok(()) => Boot::Passed { version },
            Err(StartError::Refused { said }) => Boot::Failed { said: fatal(&said) },
            Err(StartError::NotReady { limit_s, said, .. }) => Boot::Failed {
                said: format!("not ready within {limit_s} s; {}", fatal(&said)),
            },
            Err(error) => Boot::NotRun {
                why: error.to_string(),
            },
        },
    )
}

/// The memory of another host, as an option told it: no server was asked.
fn stated_memory(ground: &Ground) -> Option<i128> {
    match (&ground.live, ground.now.host("memory")) {
        (None, Some(Quantity::Bytes(n))) => Some(n),
        _ => None,
    }
}

/// More shared memory than this machine has free. Where another host is known to have it, a refusal
/// here would say nothing about that one; else it is a shortage.
fn no_room(megabytes: &str, free: Option<u64>, stated: Option<i128>) -> Option<Boot> {
    let wanted = megabytes.trim().parse::<u64>().ok()? << 20;
    let free = free.filter(|free| wanted > *free)?;
    let why = format!(
        "it needs {} MB of shared memory, this machine has {} MB free",
        wanted >> 20,
        free >> 20
    );
    Some(if stated.is_some_and(|n| n >= i128::from(wanted)) {
        Boot::NotRun { why }
    } else {
        Boot::NoRoom { why }
    })
}

/// What the server would read: values that somebody set, then the proposal.
fn settings(ground: &Ground, proposal: &[Proposed]) -> Vec<(String, String)> {
    let mut all: Vec<(SettingName, String)> = Vec::new();
    for line in &ground.lines {
        all.push((line.name.clone(), line.value.clone()));
    }
    for (key, standing) in ground.live.iter().flat_map(|l| &l.snapshot.settings) {
        let set = matches!(
            standing.source,
            ValueSource::File { .. } | ValueSource::AutoFile | ValueSource::CommandLine
        );
        let text = standing.entry.as_ref().or(standing.effective.as_ref());
        if let (Scope::Instance, true, Some(text)) =
            (&key.scope, set, text.and_then(Value::as_text))
        {
            all.push((key.name.clone(), text.to_owned()));
        }
    }
    for p in proposal {
        all.retain(|(name, _)| *name != p.key.name);
        if let Some(text) = &p.new {
            all.push((p.key.name.clone(), text.clone()));
        }
    }
    all.retain(|(name, _)| !REPLACED.contains(&name.as_str()));
    all.into_iter()
        .map(|(name, text)| (name.as_str().to_owned(), text))
        .collect()
}

/// The last line that stopped the server.
fn fatal(said: &[LogLine]) -> String {
    let serious = said.iter().rev().find(|l| l.serious());
    let last = serious.or(said.last());
    last.map_or_else(
        || "the server said nothing".to_owned(),
        |l| {
            let detail = [l.detail.as_str(), l.hint.as_str()]
                .into_iter()
                .filter(|t| !t.is_empty())
                .map(|t| format!("; {t}"))
                .collect::<String>();
            format!("{}{detail}", l.message)
        },
    )
}

/// The last line of a server's words, without its label.
fn last_words(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    let labelled = |l: &&&str| l.contains("FATAL:") || l.contains("ERROR:") || l.contains("LOG:");
    let line = lines.iter().find(labelled).or(lines.last());
    let text = line.copied().unwrap_or("the server said nothing");
    text.split_once(":  ")
        .map_or(text, |(_, words)| words)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_room_is_a_shortage_unless_another_host_has_it() {
        let free = Some(22_222 << 20);
        let why = "it needs 45511 MB of shared memory, this machine has 22222 MB free".to_owned();
        let short = Some(Boot::NoRoom { why: why.clone() });
        assert_eq!(no_room("45511\n", free, None), short);
        assert_eq!(no_room("45511", free, Some(32 << 30)), short);
        assert_eq!(
            no_room("45511", free, Some(64 << 30)),
            Some(Boot::NotRun { why })
        );
        assert_eq!(no_room("143", free, None), None);
        assert_eq!(no_room("45511", None, None), None);
    }
}
