//! The record: what was seen, judged, decided and done, append-only and hash-chained.
//!
//! The journal is the authority. Graph, metric history and the state of every change set can be
//! rebuilt from it. Its second job is a type: an engine writes only what is a [`Recorded`] command,
//! and only [`journal`] makes one, so no byte reaches a database before its intent is durable.
//!
//! Beside the log stand the two stores that a guard needs, as traits with an in-memory twin each:
//! configurations ([`snapshots`]) and samples ([`metrics`]).
//!
//! It does not know engines, verdicts' inner workings, or where its bytes are kept.
#![deny(missing_docs)]

pub mod condition;
pub mod record;

pub mod chain;
pub mod entry;
pub mod recorded;

pub mod store;

pub mod journal;

pub mod export;
pub mod history;
pub mod verify;

pub mod metrics;
pub mod snapshots;

pub mod conformance;
pub mod memory;

pub use chain::{Hash, Head};
pub use condition::{Condition, Notice, Presence};
pub use entry::{Entry, StoredEntry};
pub use history::{Histories, History};
pub use journal::{CommitError, Journal, OpenError};
pub use memory::{Fault, MemoryEntries, MemoryMetrics, MemorySnapshots};
pub use metrics::MetricStore;
pub use record::{Judgement, Opinion, Record, Request};
pub use recorded::{Recorded, Task};
pub use snapshots::{SnapshotLine, SnapshotStore};
pub use store::{Entries, EntryStore, ReadError, StoreError};
pub use verify::{Report, verify};
