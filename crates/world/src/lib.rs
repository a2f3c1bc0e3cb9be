//! Simulated targets in virtual time: a PostgreSQL 15 with configuration, load and trouble, behind
//! the same traits as a real one, so that the very same guard is tried on it.
//!
//! [`World`] is one target; [`action`] what can happen to it. A [`scenario`] is a story in plain
//! text, [`story`] plays it and compares it with what is expected, [`random`] makes stories up from a
//! seed, [`demo`] holds the one that `backstay demo --simulated` plays, [`annals`] the record of months. Everything follows from the
//! seed: the same story gives the same journal, byte for byte.
//!
//! It does not know the network, the machine's clock, or any real driver.
#![deny(missing_docs)]

pub mod world;

pub mod action;
pub mod scenario;

pub mod story;

pub mod annals;
pub mod demo;
pub mod invariants;
pub mod random;

pub mod load;
pub mod server;

mod cause;
mod dialect;
pub mod metrics;
mod target;
mod write;

pub use dialect::WorldDialect;
pub use scenario::Scenario;
pub use story::{Story, check, run};
pub use target::{WorldObserver, WorldProbe, WorldWriter};
pub use world::{Beginning, World};
