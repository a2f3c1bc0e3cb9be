//! The dependency graph in Neo4j: the same answers as the graph in memory and in SQLite, in a database
//! that people query with Cypher and join with graphs of their own.
//!
//! It is fed from the journal alone and can be dropped and rebuilt from it. Everything that is ours
//! carries the label `Backstay` and a `uid` that begins with the deployment; no statement touches
//! anything else, so that it lives beside foreign data. Only what the community edition allows is used.
//! The schema is in [`schema`]; no Cypher leaves this crate.
//!
//! It does not know engines, verdicts or the journal, and no other store.
#![deny(missing_docs)]

pub mod address;
pub mod error;
pub mod schema;

mod cone;
mod read;
mod rows;
mod session;
mod store;
mod uid;
mod write;

pub use address::{Address, Deployment, Encryption, Password};
pub use error::NeoError;
pub use store::{Neo4jGraph, Standing};

#[cfg(test)]
mod tests;
