//! PostgreSQL behind the seams of `engine`: resolving connection strings as its own clients do,
//! noticing every kind of configuration change within a second on one long-lived connection,
//! naming the author from the server's log, measuring once a second, and probing as a new client.
//! The only crate that holds PostgreSQL's SQL.
//!
//! It does not know verdicts, risk, policy or the lifecycle, and it never decides to write.
#![deny(missing_docs)]

pub mod dsn;

pub mod connect;

pub mod log;

pub mod observer;

pub mod files;

pub mod metrics;

pub mod probe;

pub mod secrets;

pub mod sql;

pub mod dialect;

pub mod write;

pub mod doctor;

pub use dialect::PostgresDialect;
pub use metrics::specs;
pub use observer::{PostgresObserver, WATCH_CLASS};
pub use probe::PostgresProbe;
pub use write::PostgresWriter;
