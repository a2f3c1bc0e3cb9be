//! What can go wrong with a server, one enum per operation.

use std::io;

use super::binaries::FindError;
use super::data_dir::CreateError;
use super::log::LogLine;

/// A server could not be started. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There are no server programs.
    #[error("cannot start a scratch server")]
    NoBinaries {
        /// Which, and what helps.
        #[from]
        source: FindError,
    },
    /// Its data directory could not be made.
    #[error("cannot prepare a scratch server")]
    NoData {
        /// Why.
        #[from]
        source: CreateError,
    },
    /// The system refused a file, a port or a process.
    #[error("cannot {what} for a scratch server")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The server itself refused to start.
    #[error("the server does not start: {}", primary(.said))]
    Refused {
        /// Everything it said on the way.
        said: Vec<LogLine>,
    },
    /// It runs, but accepted no connection in time.
    #[error("the server accepts no connection within {limit_s} s: {}", primary(.said))]
    NotReady {
        /// The limit.
        limit_s: u64,
        /// Everything it said so far.
        said: Vec<LogLine>,
        /// What the last attempt met.
        source: Option<tokio_postgres::Error>,
    },
    /// Another server answers in this one's place.
    #[error("the server that answers has data directory {found}, not ours")]
    Foreign {
        /// Its data directory.
        found: String,
    },
}

/// A server could not be stopped cleanly. It is dead all the same.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// It had to be killed.
    #[error("the server did not stop within {limit_s} s and was killed")]
    Killed {
        /// The limit.
        limit_s: u64,
    },
    /// The system did not tell what became of it.
    #[error("cannot wait for the server to end")]
    Wait {
        /// Why.
        source: io::Error,
    },
}

/// A signal could not be sent. It had no effect.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// The server does not run.
    #[error("the server does not run")]
    Stopped,
    /// The system refused.
    #[error("cannot signal the server")]
    System {
        /// Why.
        source: io::Error,
    },
}

/// A statement failed.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// No connection.
    #[error("cannot connect to the scratch server")]
    Connect {
        /// Why.
        source: tokio_postgres::Error,
    },
    /// The server refused the statement.
    #[error("the server refuses the statement")]
    Refused {
        /// Its words.
        source: tokio_postgres::Error,
    },
}

/// The line that explains a refusal best.
fn primary(said: &[LogLine]) -> String {
    let rank = |l: &&LogLine| match l.severity.as_str() {
        "PANIC" | "FATAL" => 3,
        "ERROR" => 2,
        "WARNING" => 1,
        _ => 0,
    };
    // The first of the worst: later ones follow from it.
    let worst = said.iter().rev().max_by_key(rank);
    worst.map_or_else(|| "it said nothing".to_owned(), |l| l.message.clone())
}
