//! The life of one change set, and the policy that stands between a verdict and an act.
//!
//! [`step`] is the only way a state moves: events in (time, verdicts and replies are events), the
//! next state and commands out. A guard that restarts replays the journal through the same function,
//! so a damaged record shows as [`Illegal`], never as odd behaviour a week later. [`policy::clear`]
//! says whether a plan may run by itself, and if not, why.
//!
//! It does not know engines, stores, metrics or clocks, and it cannot write: a command is a wish that
//! becomes an act only when the journal has recorded it.
#![deny(missing_docs)]

pub mod attempt;
pub mod state;

pub mod invariants;
pub mod policy;

mod halt;
mod illegal;
pub mod joint;
mod proposal;
mod revert;
mod watching;

pub use attempt::{Attempt, Authority, DELIVERIES_MAX, Footing, runnable};
pub use state::{Awaits, Illegal, State, fold, step};

#[cfg(test)]
mod samples;
#[cfg(test)]
mod search;
