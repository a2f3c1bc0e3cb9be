//! Risk of a change: how bad, how likely, how sure – and whether acting costs less than waiting.
//!
//! The probability of harm starts at the failure rate of similar past changes and moves by additive
//! log-odds terms, so that each term is one line of a report. After the change the evidence of the
//! verdict multiplies the odds. The score is `100 × severity × probability × confidence`, and those
//! are exactly the factors that are shown.
//!
//! It does not know how evidence is gathered, what a graph is, or that databases exist over a
//! network: reach through the graph and findings of a watch arrive as plain data.
#![deny(missing_docs)]

pub mod assess;
pub mod history;
pub mod odds;
pub mod severity;
pub mod threshold;

pub use assess::{Outlook, after, before};
pub use history::{PastChange, Query, failure_rate};
pub use threshold::Costs;
