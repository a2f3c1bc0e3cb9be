//! How news reads: as lines for logs and pipes, on one live screen for a person who watches.

mod lines;
pub(crate) mod screen;

pub(crate) use lines::{lines, risk_lines, verdict_line};
