//! Against real servers of our own. Skipped, loudly, where there are no server programs.
#![expect(clippy::print_stderr, reason = "a skipped test must be seen")]

mod bed;
mod write;
