//! What is known about the settings of each engine, before anybody looks at a server.
//!
//! A *pack* per engine and major version holds facts (type, unit, range, context, class) and reviewed
//! rules over several settings; the small expression language says what a rule means, and `check`
//! evaluates every rule on a candidate configuration. Values are read with the engine's own units, and
//! what cannot be known is unknown, never "fine". Everything is data that is embedded when the
//! program is built.
//!
//! This crate does not know: servers, files on disk, the dependency graph, history, or whether a
//! violated rule ever hurt anybody.
#![deny(missing_docs)]

pub mod text;
pub mod units;

pub mod expr;

pub mod class;
pub mod pack;

pub mod conf;
pub mod pooler;

pub mod candidate;
pub mod check;
pub mod overlay;

pub use candidate::{At, Candidate};
pub use check::{CheckReport, Unanswered, Violation, check, check_touched};
pub use class::{Secrecy, class_of, class_of_change, secret, secret_text};
pub use conf::{ConfLine, Note, parse_conf};
pub use expr::{Environment, Expr, Slack, Tri};
pub use pack::{
    Context, Effect, NoPack, Pack, PackChoice, PackFit, ResourceClass, SettingDef, ValueKind, pack,
};
pub use text::Judgement;
pub use units::{Quantity, Unit, ValueError};
