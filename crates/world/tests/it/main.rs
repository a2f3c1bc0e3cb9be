//! Stories with the real guard on simulated targets.

mod board;
mod learnt;
mod scenarios;
mod shifts;
mod sweep;
