//! Did this change hurt?
//!
//! Samples of one target around a change of known time become a [`backstay_model::verdict::Verdict`]:
//! residuals against a frozen baseline, a sequential scan, calibration by *placebo* windows of the
//! same target in which nothing was changed, class-change triggers that need no model, and a matrix
//! that tells harm from a shift of the load. Where the evidence does not suffice it says so, and
//! why. It knows nothing of databases, settings, clocks or stores: time comes in with the samples,
//! and a watch is plain data that survives a restart.
#![deny(missing_docs)]

pub mod clock;
pub mod history;
pub mod policy;

pub mod audit;
pub mod banks;

pub mod background;
pub mod baseline;
pub mod choice;
pub mod residual;

pub mod judge;
pub mod others;
mod placebo;
pub mod scores;
pub mod slow;
pub mod watch;

mod combine;
mod cycle;
mod effect;
mod evidence;
mod held_up;
mod load;
mod matrix;
mod msprt;
mod names;
mod onset;
mod own;
mod peers;
mod probes;
mod recovery;
mod scan;
mod season;
mod shipped;
mod stats;
mod trace;
mod track;
mod trigger;
mod walk;
mod wording;

#[cfg(test)]
mod testing;

pub use banks::{Banks, Realised};
pub use choice::Choice;
pub use clock::Clock;
pub use held_up::LockWaits;
pub use history::History;
pub use judge::{
    Column, Hole, SeriesVerdict, Terms, judge_series, judge_series_on, judge_series_with,
};
pub use names::role_of_name;
pub use policy::DetectPolicy;
pub use residual::{Band, Point};
pub use scores::scores;
pub use slow::Slow;
pub use watch::{Opening, Watch};
