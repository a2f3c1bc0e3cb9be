//! What a secret looks like inside a text.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Stands where a secret stood.
const HIDDEN: &str = "(secret)";

/// A pattern whose group `s` is the secret part.
struct Pattern {
    regex: LazyLock<Regex>,
}

macro_rules! pattern {
    ($text:expr) => {
        Pattern {
            regex: LazyLock::new(|| Regex::new($text).expect("the pattern is fixed and tested")),
        }
    };
}

/// What is looked for, in the order in which it is replaced. A quoted part may hold doubled quotes or
/// escapes; an unquoted one ends at white space or a separator.
static PATTERNS: [Pattern; 6] = [
    // the password of a role or a subscription in a statement: PASSWORD 'x', also E'x'
    pattern!(r"(?i)\bpassword\s+(?<s>e?'(?:[^'\\]|''|\\.)*(?:'|$))"),
    // userinfo with a password in any URI
    pattern!(r"(?i)\b[a-z][a-z0-9+.-]*://[^\s:/@'\x22]*:(?<s>[^\s/'\x22]+)@"),
    // keyword = value, as in connection strings, command lines and query strings
    pattern!(concat!(
        r"(?i)(?:^|[^a-z0-9])(?:[a-z0-9_-]*(?:password|passwd|passphrase|secret|token|api_?key|access_?key(?:_?id)?|private_?key|sas_?url|credentials?))",
        r"\x22?\s*[=:]\s*(?<s>''[^']+(?:''|$)|'(?:[^'\\]|''|\\.)*(?:'|$)|\x22(?:[^\x22\\]|\\.)*(?:\x22|$)|[^\s'\x22&;,)]+)"
    )),
    // --password x, --token x
    pattern!(
        r"(?i)--?[a-z0-9-]*(?:password|passphrase|secret|token|key)[ =]+(?<s>'[^']*'|\x22[^\x22]*\x22|[^\s'\x22-][^\s'\x22]*)"
    ),
    // authorisation headers
    pattern!(r"(?i)\b(?:bearer|basic)\s+(?<s>[a-z0-9+/_.=~-]{8,})"),
    // well-known shapes of tokens, and stored passwords
    pattern!(
        r"(?<s>\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgl[a-z]{2,4}-[A-Za-z0-9_-]{20,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bhvs\.[A-Za-z0-9_-]{20,}|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*|SCRAM-SHA-256\$[^\s']+|\bmd5[0-9a-f]{32}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----)"
    ),
];

/// Whether `text` holds something that looks like a secret.
pub(super) fn holds_secret(text: &str) -> bool {
    PATTERNS.iter().any(|p| p.regex.is_match(text))
}

/// `text` with every part that looks like a secret replaced by `(secret)`: for log lines, errors and
/// statements. Total; text without secrets comes back unchanged.
#[must_use]
pub fn redact_text(text: &str) -> String {
    PATTERNS.iter().fold(text.to_owned(), |text, pattern| {
        let replaced = pattern.regex.replace_all(&text, |found: &Captures<'_>| {
            let (Some(whole), Some(secret)) = (found.get(0), found.name("s")) else {
                return HIDDEN.to_owned();
            };
            if HIDDEN.starts_with(secret.as_str()) {
                return whole.as_str().to_owned();
            }
            let before = text.get(whole.start()..secret.start()).unwrap_or_default();
            let after = text.get(secret.end()..whole.end()).unwrap_or_default();
            format!("{before}{HIDDEN}{after}")
        });
        replaced.into_owned()
    })
}

/// Whether a value can hold no secret whatever its setting: a switch, or a number with at most a unit.
pub(super) fn harmless(text: &str) -> bool {
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^-?[0-9]{1,12}(?:\.[0-9]{1,6})?\s?[a-zA-Z]{0,3}$")
            .expect("the pattern is fixed and tested")
    });
    let switch = ["on", "off", "true", "false", "yes", "no"]
        .iter()
        .any(|s| text.eq_ignore_ascii_case(s));
    switch || NUMBER.is_match(text)
}
