//! The imperative shell: takes in what engines see, lets the pure rooms decide, writes it into the
//! journal, and only then acts.
//!
//! Read [`tick`] first: the whole loop on one screen. [`inbox`] is everything that can arrive,
//! [`news`] everything that is told, [`case`] the file on one change set, [`run`] the tasks around a
//! real target, [`lockstep`] the same around a simulated one.
//!
//! It does not know HTTP, SQL, or how anything is said to a person.
#![deny(missing_docs)]

pub mod tick;

pub mod inbox;
pub mod news;

pub mod books;
pub mod case;
pub mod desk;
pub mod report;
pub mod words;

mod ask;
mod evidence;
pub mod far;
mod files;
mod judge;
mod keep;
pub mod knowledge;
mod late;
pub mod learning;
pub mod learnt;
pub mod mend;
mod observe;
mod ours;
mod resume;
mod rule;
mod suspects;
mod turn;
mod unstored;
mod usual;
mod work;

pub mod clock;
pub mod config;
pub mod connector;
pub mod lockstep;
pub mod requests;
pub mod run;
pub mod station;

pub use tick::{Guard, Ticked};
