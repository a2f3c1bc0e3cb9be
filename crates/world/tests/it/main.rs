//! Stories with the real guard on simulated targets.
#![allow(clippy::unwrap_used, reason = "a failure is what a test reports")]

mod board;
mod learnt;
mod scenarios;
mod shifts;
mod sweep;
mod together;
