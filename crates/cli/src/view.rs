//! How news reads: as lines for logs and pipes, on one live screen for a person who watches.

mod fold;
mod lines;
mod notice;
pub(crate) mod screen;

pub(crate) use fold::fold;
pub(crate) use lines::{band, interval, lines, risk_lines, verdict_line};
