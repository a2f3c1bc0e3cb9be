//! `jsonlog`: one JSON object a line.

use backstay_model::Span;
use serde_json::Value;

use super::{LogLine, time};

/// The complete entries of `text` and how many bytes of it they take.
#[must_use]
pub fn entries(text: &str, zone: Span) -> (Vec<LogLine>, usize) {
    let used = text.rfind('\n').map_or(0, |end| end + 1);
    let complete = text.get(..used).unwrap_or_default();
    (
        complete
            .lines()
            .filter_map(|line| entry(line, zone))
            .collect(),
        used,
    )
}

fn entry(line: &str, zone: Span) -> Option<LogLine> {
    let object: Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(LogLine {
        at: text("timestamp").and_then(|t| time::parse(&t, zone)),
        pid: object
            .get("pid")
            .and_then(Value::as_u64)
            .and_then(|p| u32::try_from(p).ok()),
        role: text("user"),
        database: text("dbname"),
        application: text("application_name"),
        sqlstate: text("state_code"),
        severity: text("error_severity")?,
        message: text("message").unwrap_or_default(),
        failed: text("statement"),
    })
}
