//! Stories with the real guard on simulated targets.

mod board;
mod scenarios;
mod shifts;
mod sweep;
