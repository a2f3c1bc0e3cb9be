//! From evidence to belief, and from history to evidence.
//!
//! A dependency is believed as far as its evidence goes: likelihood ratios from documentation, names,
//! servers, people and the installation's own past are folded to log-odds, a confidence and an
//! interval ([`belief`]). What happened – changes, watches, reverts, values that moved – becomes such
//! evidence here, incrementally and in the same way live and at a replay.
//!
//! Everything is plain data in, plain data out. It does not know the graph, packs, stores or clocks.
#![deny(missing_docs)]

pub mod belief;
pub mod calibrate;

pub mod effect;
pub mod fix;

pub mod derive;
pub mod invariant;
pub mod learner;
pub mod mining;

pub mod stats;
pub mod synthetic;
