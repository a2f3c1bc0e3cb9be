//! What needs a process to be killed, or a file system to be full.
#![allow(clippy::unwrap_used, reason = "a failure is what a test reports")]

mod full;
mod kill;
