//! How news reads: as lines for logs and pipes, on one live screen for a person who watches.

mod lines;

pub(crate) use lines::{lines, report_lines, risk_lines, verdict_line};
