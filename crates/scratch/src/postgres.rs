//! Throw-away PostgreSQL servers.

mod account;
mod bare;
mod binaries;
mod data_dir;
mod errors;
mod log;
mod server;
mod session;

pub use bare::{Bare, BareEnd};
pub use binaries::{Binaries, FindError};
pub use data_dir::{ComputeError, CreateError, DataDir, SCRATCH_FOLDER};
pub use errors::{ExecuteError, SignalError, StartError, StopError};
pub use log::LogLine;
pub use server::{Options, Running, Server};

pub(crate) use account::Account;
