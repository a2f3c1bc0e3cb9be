//! What can go wrong with a server, one enum per operation.

use std::io;

use super::installation::FindError;

/// A server could not be started. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// There is no installation.
    #[error("cannot start a scratch Neo4j")]
    NoInstallation {
        /// What is missing, and what helps.
        #[from]
        source: FindError,
    },
    /// The system refused a file, a port or a process.
    #[error("cannot {what} for a scratch Neo4j")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("openssl makes no certificate: {said}")]
    Certificate {
        /// Its words.
        said: String,
    },
    /// The server itself refused to start.
    #[error("Neo4j does not start: {}", last(.said))]
    Refused {
        /// Everything it said on the way.
        said: String,
    },
    /// It runs, but was not ready in time.
    #[error("Neo4j is not ready within {limit_s} s: {}", last(.said))]
    Late {
        /// The limit.
        limit_s: u64,
        /// Everything it said so far.
        said: String,
    },
}

/// A server could not be stopped or killed.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// It does not run.
    #[error("the Neo4j does not run")]
    Stopped,
    /// The system did not let us, or did not tell what became of it.
    #[error("cannot {what} the Neo4j")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

/// The line that explains a Java program's end best: the innermost cause.
fn last(said: &str) -> String {
    let cause = |l: &&str| l.starts_with("Caused by: ") || l.starts_with("Exception in thread");
    let line = said.lines().rfind(cause).or_else(|| said.lines().last());
    line.map_or_else(|| "it said nothing".to_owned(), str::to_owned)
}
