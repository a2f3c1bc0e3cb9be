//! The dependency graph of settings, metrics, resources and services, in memory.
//!
//! Edges are typed, carry evidence and confidence, and hold from one moment to another; nothing is
//! ever deleted, so every question can be asked *as of* a moment. Upon that: what a change can reach
//! (`impact`), what-if copies (`overlay`), the projection of constraints to edges, exports, and the
//! drawing of an impact cone.
//!
//! This crate knows no store on disk, no engine and no clock. Stores implement
//! [`store::GraphStore`] and prove themselves with [`conformance`].
#![deny(missing_docs)]

pub mod direction;
pub mod identity;
pub mod op;
pub mod setting;

pub mod store;

mod line;
pub mod memory;
pub mod overlay;

pub mod compact;
pub mod impact;
pub mod project;

pub mod cone;
pub mod export;

pub mod conformance;
pub mod synthetic;

pub use compact::CompactGraph;
pub use cone::Cone;
pub use direction::{KindSet, Walk};
pub use identity::{EdgeId, EdgeScope};
pub use impact::{Impact, ImpactSpec};
pub use memory::Graph;
pub use op::{Applied, ApplyError, Batch, Op};
pub use overlay::Overlay;
pub use project::project;
pub use setting::{SettingState, SettingVersion};
pub use store::{EdgeFilter, GraphDiff, GraphSnapshot, GraphStore, ReadError, StoredEdge, View};
