//! The seams to a database, one trait per need, and the conformance suite every engine passes.
//!
//! An engine crate (`engine-postgres`, …) implements these traits over one wire protocol; the
//! simulated `world` implements them too. What an observation means is decided above: this crate
//! only pairs what stood before with what stands now, and statements with the settings they name.
//!
//! It does not know verdicts, risk or the lifecycle, and no driver.
#![deny(missing_docs)]

pub mod observe;
pub mod seam;

pub mod attribute;
pub mod backoff;
pub mod conformance;
pub mod identity;
pub mod metric;
pub mod work;

pub use attribute::changes;
pub use observe::{Notice, Observation, Poll, Statement};
pub use seam::{ChangeSource, ConfigReader, ConfigWriter, MetricSource, Probe, ReadError};
