//! Stories with the real guard on simulated targets.

mod scenarios;
mod sweep;
