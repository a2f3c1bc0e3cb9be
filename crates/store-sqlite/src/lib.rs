//! The state directory: journal, snapshots and graph in `journal.db`, samples in `metrics.db`.
//!
//! SQLite, because an operator can look into it by hand, and because one file with one writer, a
//! write-ahead log and a full synchronisation per commit is exactly what an audit log needs. Samples
//! have a file of their own: they are many, bounded in size, and may lose the last second when power
//! goes.
//!
//! It does not know engines, verdicts or the lifecycle, and no network.
#![deny(missing_docs)]

pub mod directory;
pub mod error;

mod aside;
mod checkpoint;
mod connection;
mod lock;
mod note;
mod private;

pub mod log;
pub mod snapshots;

mod graph;
mod graph_rows;

mod codec;
pub mod metrics;

pub mod ingest;

pub use aside::set_aside;
pub use directory::{Limits, Readers, Stores};
pub use error::OpenError;
pub use graph::SqliteGraph;
pub use log::SqliteLog;
pub use metrics::SqliteMetrics;
pub use private::make_directory;
pub use snapshots::SqliteSnapshots;
