//! Throw-away servers of one engine, throw-away graph databases, and a steady load on the former.
//!
//! The demo, the end-to-end tests, the boot check and the builder of knowledge packs all need a real
//! server that nobody will miss: its own folder, its own port, its own process group, gone when we are
//! gone. Every server proves after its start that it is ours (its data directory is our folder, or it
//! tells us so on a pipe that only we hold) before anything is done to it.
//!
//! This crate does not know Backstay's words: no targets, changes, verdicts or roles of ours. It
//! never touches a server that it did not start.
#![deny(missing_docs)]

pub mod neo4j;
#[cfg(feature = "postgres")]
pub mod postgres;

#[cfg(feature = "postgres")]
pub mod load;

mod caches;
mod port;
mod spawn;
mod sweep;

pub use sweep::sweep;
