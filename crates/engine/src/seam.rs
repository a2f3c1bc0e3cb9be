//! The traits.

use std::future::Future;

use backstay_journal::Recorded;
use backstay_model::event::WriteReply;
use backstay_model::metric::MetricSpec;
use backstay_model::plan::{Found, Write};
use backstay_model::sample::{ProbeReading, Sample};
use backstay_model::{Snapshot, Timestamp};

use crate::observe::{Notice, Poll};

/// A target could not be read. Effect on the target: none.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// Nobody answers at the address.
    #[error("the server does not answer: {why}")]
    Unreachable {
        /// The client's words, without secrets.
        why: String,
    },
    /// The server said that it is being stopped, in order, and has ended the connection.
    #[error("the server was stopped: {why}")]
    Stopped {
        /// Its words.
        why: String,
    },
    /// The server said that it fell: a process of it crashed and it begins anew.
    #[error("the server crashed: {why}")]
    Fell {
        /// Its words.
        why: String,
    },
    /// The server answers and refuses the login.
    #[error("the server refused the login: {why}")]
    LoginRefused {
        /// The server's words.
        why: String,
    },
    /// Another server answers at the address than the one that was watched.
    #[error("another server answers: {found}, expected {expected}")]
    AnotherServer {
        /// What tells it apart: `data directory /a`, `system identifier 7`.
        found: String,
        /// The same of the watched one.
        expected: String,
    },
    /// The role lacks a right.
    #[error("missing right to read {what}")]
    MissingRight {
        /// What could not be read.
        what: String,
        /// The statement that grants it.
        grant: String,
    },
    /// No answer within the limit.
    #[error("no answer within {limit_ms} ms")]
    Timeout {
        /// The limit.
        limit_ms: u64,
    },
    /// Something else.
    #[error("reading {what} failed: {why}")]
    Failed {
        /// What was read.
        what: String,
        /// The server's words, without secrets.
        why: String,
    },
}

/// Reads the complete configuration.
pub trait ConfigReader: Send {
    /// The complete configuration now. `now` stamps the snapshot.
    fn snapshot(
        &mut self,
        now: Timestamp,
    ) -> impl Future<Output = Result<Snapshot, ReadError>> + Send;
}

/// Notices that something moved.
pub trait ChangeSource: Send {
    /// The cheap look, to be had each second; reads everything only when something moved. The first
    /// call always reads everything.
    fn poll(&mut self, now: Timestamp) -> impl Future<Output = Result<Poll, ReadError>> + Send;

    /// What became known since the last call about parts that cannot be read. Each is said once until
    /// it is mended and breaks again.
    fn notices(&mut self) -> Vec<Notice> {
        Vec::new()
    }

    /// What was told by [`ChangeSource::notices`] and is so no longer, since the last call.
    fn mended(&mut self) -> Vec<Notice> {
        Vec::new()
    }
}

/// Measures.
pub trait MetricSource: Send {
    /// The metrics it can measure, and how to judge each.
    fn specs(&self) -> Vec<MetricSpec>;

    /// The second that ends `now`; the first call has no differences yet and returns few metrics.
    fn sample(&mut self, now: Timestamp) -> impl Future<Output = Result<Sample, ReadError>> + Send;
}

/// Looks at the target as a new client does.
pub trait Probe: Send {
    /// Connects afresh, reads one row, updates one; never longer than its own limit.
    fn probe(&mut self, now: Timestamp) -> impl Future<Output = ProbeReading> + Send;
}

/// The only door to a target's configuration.
pub trait ConfigWriter: Send {
    /// Carries out a recorded write under the target's lock: compare with what is expected, write,
    /// activate, read back in a fresh session. Taking the token by value makes a second use of one
    /// record impossible.
    fn apply(
        &mut self,
        write: Recorded<Write>,
        now: Timestamp,
    ) -> impl Future<Output = WriteReply> + Send;

    /// What stands at the settings of a write now. Never writes.
    fn inspect(&mut self, write: &Recorded<Write>) -> impl Future<Output = Found> + Send;
}
