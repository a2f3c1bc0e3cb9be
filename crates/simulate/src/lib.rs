//! What a change would do, told before it is made – and the same outlook on one that was made.
//!
//! A proposal is put on a copy of the configuration; every rule that speaks of a touched setting is
//! evaluated before and after; what the change reaches is followed through the graph; both become
//! mechanisms and reach of a [`backstay_risk::Outlook`]. The guard asks [`outlook`] about a change it
//! has seen, the command line asks [`report`] about one that is only proposed: one path, so that
//! prediction and judgement cannot disagree about what is known.
//!
//! It does not know servers, files or history stores, and it never applies anything.
#![deny(missing_docs)]

pub mod outlook;
pub mod proposal;
pub mod report;

pub use outlook::{Scene, outlook};
pub use proposal::{ProposalError, Proposed};
pub use report::{Report, Ruling, WouldStart, report};
