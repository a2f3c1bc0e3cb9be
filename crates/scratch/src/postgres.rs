//! Throw-away PostgreSQL servers.

mod account;
mod binaries;
mod data_dir;
mod log;
mod server;
mod spawn;

pub use binaries::{Binaries, FindError};
pub use data_dir::{ComputeError, CreateError, DataDir};
pub use log::LogLine;
pub use server::{ExecuteError, Options, Running, Server, SignalError, StartError, StopError};
