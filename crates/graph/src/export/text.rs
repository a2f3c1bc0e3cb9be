//! Quoting, so that no name or rule can become part of the syntax around it.

/// A field of CSV: quoted when it must be (RFC 4180).
pub(super) fn csv_field(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A string literal of Cypher. Everything but printable ASCII without quotes and backslash is written
/// as a code unit, because Cypher reads `\uXXXX` before anything else.
pub(super) fn cypher_text(text: &str) -> String {
    let mut quoted = "'".to_owned();
    for c in text.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    quoted.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    quoted.push('\'');
    quoted
}

/// A quoted string of DOT.
pub(super) fn dot_text(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace(['\n', '\r'], " ");
    format!("\"{text}\"")
}

/// A quoted label of Mermaid, which knows entities but no escapes.
pub(super) fn mermaid_text(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '#' | '<' | '>' | '&' | '`' | '\\' => {
                quoted.push_str(&format!("#{};", u32::from(c)))
            }
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
