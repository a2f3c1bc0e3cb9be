//! Throw-away Neo4j servers: the real community server, as a process of its own, spoken to over Bolt.
//!
//! `cargo xtask setup` fetches its jars by Maven into the cache folder; nothing of it is in this
//! repository or in anything we ship. There are two ways to a server:
//!
//! - [`shared`]: the one that `cargo xtask test` starts for all tests (or `cargo xtask neo4j start` for
//!   a person), named by the environment variable [`SHARED`]. Tests share it, so each uses a random
//!   deployment of its own ([`own_name`]) and touches nothing else. Without a server [`shared_for`] says
//!   so, past the harness.
//! - [`Server::start`]: one of your own, to kill, to stop, to configure. Takes seconds.

mod access;
mod errors;
mod home;
mod installation;
mod lasting;
mod server;

pub use access::{Access, NotShared, SHARED, own_name, say_skipped, shared, shared_for};
pub use errors::{ServerError, StopError};
pub use installation::{FindError, Installation, LAUNCHER, POM, Release};
pub use lasting::{Lasting, LastingError};
pub use server::{Jvm, KeepClasses, Options, SCRATCH_FOLDER, Server, Tls};
