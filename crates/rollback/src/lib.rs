//! How a change set is put back: a plan as immutable data, and a linter that re-checks it.
//!
//! [`plan`] turns the recorded pre-state into the smallest correct inverse: a RESET where there was
//! no entry, the old raw entry where there was one, in an order in which every prefix keeps the
//! constraints. What Backstay must not write (files that people own, the command line, secrets, code)
//! becomes instructions for a person. No choice is left for run time, and the same request gives the
//! same bytes.
//!
//! It does not know servers, statements' syntax (a [`backstay_model::plan::Dialect`] does), verdicts,
//! policy or clocks.
#![deny(missing_docs)]

pub mod lint;
pub mod plan;

mod inverse;
mod order;
mod words;

pub use lint::{LintError, lint};
pub use plan::{Guilty, Request, hash, plan};

#[cfg(test)]
mod samples;
