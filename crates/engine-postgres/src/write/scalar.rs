//! When two texts are the same value to the server: `8MB` in a file and `8192` in the running server.

use crate::sql::Known;

/// A value in the form in which two can be compared.
#[derive(Debug, Clone, PartialEq)]
enum Canonical {
    Switch(Switch),
    /// In the setting's own unit.
    Number(f64),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Switch {
    On,
    Off,
}

/// Largest relative difference of two reals that are one value: the server prints six digits.
const REAL_TOLERANCE: f64 = 1e-6;

/// Whether `a` and `b` are the same value of a setting of which the server says `known`.
pub(super) fn same(known: Option<&Known>, a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let Some(known) = known else { return false };
    match (canonical(known, a), canonical(known, b)) {
        (Canonical::Number(a), Canonical::Number(b)) => {
            (a - b).abs() <= REAL_TOLERANCE * a.abs().max(b.abs())
        }
        (a, b) => a == b,
    }
}

/// As [`same`], also forgiving the server's own re-writing of texts: case, spaces and quotes of lists,
/// words of an enumeration that stand for a switch. For telling an edit from a spelling, never for
/// compare-and-set.
pub(super) fn alike(known: &Known, a: &str, b: &str) -> bool {
    let plain = |text: &str| -> String {
        let kept = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '"' && *c != '\'');
        kept.flat_map(char::to_lowercase).collect()
    };
    let switches = || switch(a).is_some() && switch(a) == switch(b);
    same(Some(known), a, b) || plain(a) == plain(b) || (known.kind == "enum" && switches())
}

fn canonical(known: &Known, text: &str) -> Canonical {
    let parsed = match known.kind.as_str() {
        "bool" => switch(text).map(Canonical::Switch),
        "integer" => number(text, known.unit.as_deref()).map(|n| Canonical::Number(n.round())),
        "real" => number(text, known.unit.as_deref()).map(Canonical::Number),
        "enum" => Some(Canonical::Text(text.to_lowercase())),
        _ => None,
    };
    parsed.unwrap_or_else(|| Canonical::Text(text.to_owned()))
}

/// A switch as the server reads it: whole words, digits, and beginnings that are not ambiguous.
fn switch(text: &str) -> Option<Switch> {
    let text = text.to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if text == "1" || text == "on" || begins("true", 1) || begins("yes", 1) {
        Some(Switch::On)
    } else if text == "0" || begins("off", 2) || begins("false", 1) || begins("no", 1) {
        Some(Switch::Off)
    } else {
        None
    }
}

/// A number with an optional unit, in multiples of `base`.
fn number(text: &str, base: Option<&str>) -> Option<f64> {
    let text = text.trim();
    let end = text
        .char_indices()
        .find(|(i, c)| !numeric(text, *i, *c))
        .map_or(text.len(), |(i, _)| i);
    let (digits, unit) = text.split_at_checked(end)?;
    let value = plain_number(digits)?;
    let unit = unit.trim();
    if unit.is_empty() {
        return Some(value);
    }
    let (own_dimension, own) = size(base?)?;
    let (dimension, factor) = size(unit)?;
    (dimension == own_dimension).then_some(value * factor / own)
}

/// Whether `c` at `i` goes on with a number: digits, point, sign, exponent, or a hexadecimal digit.
fn numeric(text: &str, i: usize, c: char) -> bool {
    let hex = text
        .trim_start_matches(['+', '-'])
        .to_ascii_lowercase()
        .starts_with("0x");
    let sign = (c == '-' || c == '+')
        && (i == 0 || text.get(..i).is_some_and(|t| t.ends_with(['e', 'E'])));
    let exponent = c.eq_ignore_ascii_case(&'e')
        && text
            .get(i + 1..)
            .is_some_and(|rest| rest.starts_with(|n: char| n.is_ascii_digit() || n == '-'));
    c.is_ascii_digit()
        || c == '.'
        || sign
        || exponent
        || (hex && (c.is_ascii_hexdigit() || c == 'x' || c == 'X'))
}

fn plain_number(digits: &str) -> Option<f64> {
    let (sign, magnitude) = match digits.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, digits.strip_prefix('+').unwrap_or(digits)),
    };
    let lower = magnitude.to_ascii_lowercase();
    let octal = lower.len() > 1 && lower.starts_with('0') && lower.chars().all(|c| c.is_digit(8));
    let value = if let Some(hex) = lower.strip_prefix("0x") {
        i64::from_str_radix(hex, 16).ok()? as f64
    } else if octal {
        i64::from_str_radix(&lower, 8).ok()? as f64
    } else {
        lower.parse().ok()?
    };
    Some(sign * value)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Memory,
    Time,
}

/// A unit's dimension and size in bytes or microseconds; a base unit may have a count (`8kB`). Case
/// counts, as in the server.
fn size(unit: &str) -> Option<(Dimension, f64)> {
    let letters = unit.trim_start_matches(|c: char| c.is_ascii_digit());
    let count = match unit.strip_suffix(letters) {
        Some("") | None => 1.0,
        Some(digits) => digits.parse().ok()?,
    };
    let (dimension, factor) = match letters {
        "B" => (Dimension::Memory, 1.0),
        "kB" => (Dimension::Memory, 1024.0),
        "MB" => (Dimension::Memory, 1024.0 * 1024.0),
        "GB" => (Dimension::Memory, 1024.0 * 1024.0 * 1024.0),
        "TB" => (Dimension::Memory, 1024.0 * 1024.0 * 1024.0 * 1024.0),
        "us" => (Dimension::Time, 1.0),
        "ms" => (Dimension::Time, 1e3),
        "s" => (Dimension::Time, 1e6),
        "min" => (Dimension::Time, 60e6),
        "h" => (Dimension::Time, 3_600e6),
        "d" => (Dimension::Time, 86_400e6),
        _ => return None,
    };
    Some((dimension, count * factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(kind: &str, unit: &str) -> Known {
        let unit = (!unit.is_empty()).then(|| unit.to_owned());
        Known {
            kind: kind.into(),
            unit,
            context: "user".into(),
        }
    }

    #[test]
    fn spellings_of_one_value_are_the_same() {
        for (kind, unit, a, b) in [
            ("integer", "kB", "4MB", "4096"),
            ("integer", "kB", "4096", "4096kB"),
            ("integer", "8kB", "128MB", "16384"),
            ("integer", "ms", "1min", "60000"),
            ("integer", "ms", "0", "0s"),
            ("integer", "kB", "1.5MB", "1536"),
            ("integer", "", "0x10", "16"),
            ("integer", "", "-1", "-1"),
            ("real", "ms", "0.2s", "200"),
            ("real", "", "1e-3", "0.001"),
            ("bool", "", "on", "TRUE"),
            ("bool", "", "f", "off"),
            ("enum", "", "Replica", "replica"),
        ] {
            assert!(
                same(Some(&known(kind, unit)), a, b),
                "{kind} {unit} {a} {b}"
            );
        }
    }

    #[test]
    fn different_values_are_not() {
        for (kind, unit, a, b) in [
            ("integer", "kB", "4MB", "4"),
            ("integer", "kB", "4mb", "4096"),
            ("integer", "kB", "4s", "4000"),
            ("integer", "", "4MB", "4194304"),
            ("bool", "", "o", "on"),
            ("string", "", "4MB", "4096"),
            ("string", "", "a", "A"),
        ] {
            assert!(
                !same(Some(&known(kind, unit)), a, b),
                "{kind} {unit} {a} {b}"
            );
        }
        assert!(
            !same(None, "4MB", "4096"),
            "unknown settings are compared as text"
        );
    }

    #[test]
    fn the_servers_own_spelling_is_no_edit() {
        assert!(alike(&known("string", ""), "iso, mdy", "ISO, MDY"));
        assert!(alike(&known("enum", ""), "true", "on"));
        assert!(!alike(&known("string", ""), "a", "b"));
    }
}
