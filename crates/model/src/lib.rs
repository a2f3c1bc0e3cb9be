//! The words of Backstay, as types.
//!
//! Every other room speaks in these: a *setting* of a *target* gets a *change*, a *watch* ends in a
//! *verdict*, the verdict and its *risk* lead to a *decision*, a decision to roll back becomes a
//! *plan*, a plan a durable *write*. Plain data with invariants in the constructors.
//!
//! This crate knows nothing else: no I/O, no clock, no engine, no graph. It derives `serde` for one
//! purpose only, the journal's own versioned encoding; what users see is shaped elsewhere
//! (`cli::wire`).
#![deny(missing_docs)]

pub mod time;

pub mod confidence;
pub mod id;
pub mod name;
pub mod value;

pub mod change;
pub mod sample;
pub mod snapshot;

pub mod dependency;
pub mod metric;
pub mod work;

pub mod decision;
pub mod plan;
pub mod risk;
pub mod verdict;

pub mod event;

pub use change::{Author, Change, ChangeSet, ChangeTime, Origin};
pub use confidence::Confidence;
pub use dependency::{Constraint, Edge, EdgeKind, Evidence, NodeKey, Reach, Severity, Versions};
pub use event::{Command, Event};
pub use id::{ChangeSetId, IntentId, Seq, SnapshotId, TargetId};
pub use name::{MetricName, ServiceName, SettingName};
pub use sample::{ProbeReading, Sample};
pub use snapshot::Snapshot;
pub use time::{Span, Timestamp};
pub use value::{RawValue, Scope, SettingKey, Value, ValueSource};
pub use work::WorkClass;
