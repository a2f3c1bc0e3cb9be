//! Times as the log writes them.

use backstay_model::{Span, Timestamp};

/// Reads `2026-11-23 18:00:00.123 UTC`: zone as letters (`zone` ahead of UTC, unless it is UTC or GMT)
/// or as digits (`+03`, `+05:30`).
pub(super) fn parse(text: &str, zone: Span) -> Option<Timestamp> {
    let mut words = text.split_whitespace();
    let (date, clock) = (words.next()?, words.next()?);
    let naive = Timestamp::parse(&format!("{date}T{clock}Z"))?;
    let ahead = match words.next() {
        None | Some("UTC" | "GMT" | "Z") => Span::ZERO,
        Some(word) => digits(word).unwrap_or(zone),
    };
    Some(naive - ahead)
}

/// `+03`, `-0330`, `+05:30`.
fn digits(word: &str) -> Option<Span> {
    let (sign, rest) = match word.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, word.strip_prefix('+')?),
    };
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    let number: i64 = digits.parse().ok()?;
    let minutes = if digits.len() <= 2 {
        number * 60
    } else {
        number / 100 * 60 + number % 100
    };
    Some(Span::from_secs(sign * minutes * 60))
}
