//! `csvlog`: comma-separated values; an entry may take several lines.

use backstay_model::Span;

use super::{LogLine, time};

/// Positions of the columns that we read; those behind the message came in over the versions, but
/// these never moved.
const TIME: usize = 0;
const ROLE: usize = 1;
const DATABASE: usize = 2;
const PID: usize = 3;
const SEVERITY: usize = 11;
const SQLSTATE: usize = 12;
const MESSAGE: usize = 13;
const FAILED: usize = 19;
const APPLICATION: usize = 22;

/// The complete entries of `text` and how many bytes of it they take.
#[must_use]
pub fn entries(text: &str, zone: Span) -> (Vec<LogLine>, usize) {
    let mut found = Vec::new();
    let mut used = 0;
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for (index, c) in text.char_indices() {
        match c {
            // A doubled quote ends and begins a quoted stretch; the quote itself is put back then.
            '"' => {
                quoted = !quoted;
                if quoted && text.get(..index).is_some_and(|t| t.ends_with('"')) {
                    push(&mut fields, '"');
                }
            }
            ',' if !quoted => fields.push(String::new()),
            '\n' if !quoted => {
                found.extend(entry(&fields, zone));
                fields = vec![String::new()];
                used = index + 1;
            }
            _ => push(&mut fields, c),
        }
    }
    (found, used)
}

fn push(fields: &mut [String], c: char) {
    if let Some(last) = fields.last_mut() {
        last.push(c);
    }
}

fn entry(fields: &[String], zone: Span) -> Option<LogLine> {
    let text = |index: usize| fields.get(index).filter(|t| !t.is_empty()).cloned();
    Some(LogLine {
        at: text(TIME).and_then(|t| time::parse(&t, zone)),
        pid: text(PID).and_then(|p| p.parse().ok()),
        role: text(ROLE),
        database: text(DATABASE),
        application: text(APPLICATION),
        sqlstate: text(SQLSTATE),
        severity: text(SEVERITY)?,
        message: text(MESSAGE).unwrap_or_default(),
        failed: text(FAILED),
    })
}
