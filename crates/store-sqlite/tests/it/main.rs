//! What needs a process to be killed, or a file system to be full.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failure, or a skip, is what a test reports"
)]

mod full;
mod kill;
