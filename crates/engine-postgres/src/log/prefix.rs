//! Plain text: each entry begins with `log_line_prefix`, then its severity; lines that begin with a
//! tab continue it.

use backstay_model::{Span, Timestamp};

use super::{LogLine, time};

/// What says more about the entry before.
const ADDITIONS: [&str; 7] = [
    "STATEMENT",
    "DETAIL",
    "HINT",
    "CONTEXT",
    "QUERY",
    "LOCATION",
    "BACKTRACE",
];
/// The severities that begin an entry.
const SEVERITIES: [&str; 11] = [
    "LOG", "ERROR", "FATAL", "PANIC", "WARNING", "NOTICE", "INFO", "DEBUG", "DEBUG1", "DEBUG2",
    "DEBUG3",
];

/// The complete entries of `text` and how many bytes of it they take. The last entry is complete only
/// when something follows it.
#[must_use]
pub fn entries(text: &str, prefix: &str, zone: Span) -> (Vec<LogLine>, usize) {
    let parts = parts(prefix);
    let mut found: Vec<LogLine> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut used = 0;
    let mut position = 0;
    for piece in text.split_inclusive('\n') {
        let start = position;
        position += piece.len();
        let end = piece.strip_prefix('\u{0}');
        let Some(line) = piece.strip_suffix('\n').or(end) else {
            break;
        };
        match open.last_mut() {
            Some(last) if line.starts_with('\t') => {
                last.push('\n');
                last.push_str(line.trim_start_matches('\t'));
            }
            Some(_) if addition(line) => open.push(line.to_owned()),
            _ => {
                found.extend(entry(&open, &parts, zone));
                open = vec![line.to_owned()];
                used = start;
            }
        }
    }
    (found, used)
}

/// Whether a line says more about the entry before it.
fn addition(line: &str) -> bool {
    let severity = before_severity(line).and_then(|at| line.get(at..));
    severity.is_some_and(|rest| ADDITIONS.iter().any(|word| rest.starts_with(word)))
}

/// An entry from its lines: the message, and what is said about it.
fn entry(lines: &[String], parts: &[Part], zone: Span) -> Option<LogLine> {
    let (first, additions) = lines.split_first()?;
    let mut line = LogLine::default();
    let (severity, message) = read(first, parts, &mut line, zone)?.split_once(':')?;
    line.severity = severity.trim().to_owned();
    line.message = message.trim_start().to_owned();
    let failed = additions
        .iter()
        .find_map(|text| Some(text.split_once("STATEMENT:  ")?.1));
    line.failed = failed.map(str::to_owned);
    SEVERITIES.contains(&line.severity.as_str()).then_some(line)
}

/// A piece of `log_line_prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Text as it is.
    Literal(String),
    /// What stands for a fact: the letter behind `%`.
    Fact(char),
    /// `%q`: processes without a session stop here.
    SessionsOnly,
}

fn parts(prefix: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut chars = prefix.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            literal.push(c);
            continue;
        }
        // Padding (`%-10u`) changes only the number of spaces, which are trimmed anyway.
        while chars.next_if(|c| *c == '-' || c.is_ascii_digit()).is_some() {}
        match chars.next() {
            Some('%') => literal.push('%'),
            Some(letter) => {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(if letter == 'q' {
                    Part::SessionsOnly
                } else {
                    Part::Fact(letter)
                });
            }
            None => {}
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    parts
}

/// Reads the prefix into `line`; what follows it, or `None` when the text does not fit.
fn read<'t>(text: &'t str, parts: &[Part], line: &mut LogLine, zone: Span) -> Option<&'t str> {
    let mut rest = text;
    let mut sessions_only = false;
    for (index, part) in parts.iter().enumerate() {
        let fits = match part {
            Part::Literal(literal) => rest.strip_prefix(literal.as_str()),
            Part::SessionsOnly => {
                sessions_only = true;
                Some(rest)
            }
            Part::Fact(letter) => {
                let until = match parts.get(index + 1) {
                    // Behind the last fact stands the severity, whatever the fact (an application
                    // name, say) holds.
                    Some(Part::Literal(literal)) if index + 2 == parts.len() => {
                        before_severity(rest)
                            .and_then(|end| rest.get(..end)?.strip_suffix(literal.as_str()))
                            .map(str::len)
                    }
                    Some(Part::Literal(literal)) => find(rest, literal, *letter),
                    Some(Part::Fact(_)) => None,
                    Some(Part::SessionsOnly) | None => before_severity(rest),
                };
                until.and_then(|end| {
                    let (fact, after) = rest.split_at_checked(end)?;
                    set(line, *letter, fact.trim(), zone);
                    Some(after)
                })
            }
        };
        match fits {
            Some(after) => rest = after,
            // A process without a session wrote it: the prefix ended at %q.
            None if sessions_only => {
                (line.role, line.database, line.application) = (None, None, None);
                let from = before_severity(text)?;
                return text.get(from..);
            }
            None => return None,
        }
    }
    Some(rest)
}

/// Where the fact before `literal` ends. A time is three words (`%m`, `%t`, `%s`), so it ends behind
/// the second space.
fn find(rest: &str, literal: &str, letter: char) -> Option<usize> {
    let from = match letter {
        'm' | 't' | 's' => rest.match_indices(' ').nth(1).map(|(at, _)| at + 1)?,
        _ => 0,
    };
    rest.get(from..)?.find(literal).map(|at| from + at)
}

/// Where `SEVERITY:  ` begins.
fn before_severity(rest: &str) -> Option<usize> {
    let known = SEVERITIES
        .iter()
        .chain(&["STATEMENT", "DETAIL", "HINT", "CONTEXT"]);
    known
        .filter_map(|word| rest.find(&format!("{word}:  ")))
        .min()
}

fn set(line: &mut LogLine, letter: char, fact: &str, zone: Span) {
    let text = (!fact.is_empty() && fact != "[unknown]").then(|| fact.to_owned());
    match letter {
        'm' | 't' => line.at = time::parse(fact, zone),
        'n' => line.at = fact.parse().ok().map(|s: f64| Timestamp((s * 1e6) as i64)),
        'p' => line.pid = fact.parse().ok(),
        'u' => line.role = text,
        'd' => line.database = text,
        'a' => line.application = text,
        'e' => line.sqlstate = text,
        _ => {}
    }
}
