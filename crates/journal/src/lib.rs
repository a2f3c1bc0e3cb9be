//! The record: what was seen, judged, decided and done, append-only and hash-chained.
//!
//! The journal is the authority. Graph, metric history and the state of every change set can be
//! rebuilt from it. Its second job is a type: an engine writes only what is a [`Recorded`] command,
//! and only [`journal`] makes one, so no byte reaches a database before its intent is durable.
//!
//! It does not know engines, verdicts' inner workings, or where its bytes are kept.
#![deny(missing_docs)]

pub mod recorded;

pub use recorded::Recorded;
