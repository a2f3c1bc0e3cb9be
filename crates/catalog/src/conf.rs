//! Reads `postgresql.conf` and its relatives. Total: every text gives lines and notes.
//!
//! Bytes that are no UTF-8 are the caller's (read them with replacement characters). Includes are
//! reported, not followed, because this crate reads no files.

use std::collections::BTreeMap;

use backstay_model::SettingName;

/// A setting in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfLine {
    /// The setting.
    pub name: SettingName,
    /// Its text, without quotes and escapes.
    pub value: String,
    /// The line, from 1.
    pub line: u32,
}

/// Something to know about a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The line, from 1.
    pub line: u32,
    /// What.
    pub what: Remark,
}

/// What is to know about a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Remark {
    /// It includes other files, which were not read.
    Include {
        /// Which directive.
        directive: Directive,
        /// The path as written.
        path: String,
    },
    /// The server cannot read it, and refuses the whole file.
    Syntax {
        /// Why, for a person.
        why: String,
    },
    /// The same setting stands again further down, and that line counts.
    Superseded {
        /// The setting.
        name: SettingName,
        /// The line that counts.
        by: u32,
    },
}

/// Directives that include other files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Directive {
    /// `include`
    Include,
    /// `include_if_exists`
    IncludeIfExists,
    /// `include_dir`
    IncludeDir,
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.what {
            Remark::Include { path, .. } => write!(f, "includes {path}, which was not read"),
            Remark::Syntax { why } => f.write_str(why),
            Remark::Superseded { name, by } => write!(f, "{name} is set again in line {by}"),
        }
    }
}

/// Reads the text of a configuration file.
#[must_use]
pub fn parse_conf(text: &str) -> (Vec<ConfLine>, Vec<Note>) {
    let (mut lines, mut notes) = (Vec::new(), Vec::new());
    for (number, text) in (1_u32..).zip(text.lines()) {
        match read_line(text) {
            Ok(None) => {}
            Ok(Some((name, value))) => match directive(&name) {
                Some(directive) => {
                    notes.push(Note {
                        line: number,
                        what: Remark::Include {
                            directive,
                            path: value,
                        },
                    });
                }
                None => lines.push(ConfLine {
                    name: SettingName::new(&name),
                    value,
                    line: number,
                }),
            },
            Err(why) => {
                notes.push(Note {
                    line: number,
                    what: Remark::Syntax {
                        why: why.to_owned(),
                    },
                });
            }
        }
    }
    notes.extend(superseded(&lines));
    notes.sort_by_key(|n| n.line);
    (lines, notes)
}

fn superseded(lines: &[ConfLine]) -> Vec<Note> {
    let last: BTreeMap<_, _> = lines.iter().map(|l| (&l.name, l.line)).collect();
    let earlier = lines.iter().filter_map(|l| {
        let by = last.get(&l.name).copied().filter(|by| *by != l.line)?;
        Some(Note {
            line: l.line,
            what: Remark::Superseded {
                name: l.name.clone(),
                by,
            },
        })
    });
    earlier.collect()
}

fn directive(name: &str) -> Option<Directive> {
    match name.to_ascii_lowercase().as_str() {
        "include" => Some(Directive::Include),
        "include_if_exists" => Some(Directive::IncludeIfExists),
        "include_dir" => Some(Directive::IncludeDir),
        _ => None,
    }
}

/// Name and value of a line; `None` when it is empty or a comment.
fn read_line(text: &str) -> Result<Option<(String, String)>, &'static str> {
    let text = text.trim_matches(blank);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let inside = |c: char| letter(c) || c.is_ascii_digit() || matches!(c, '$' | '.');
    let end = text.find(|c| !inside(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    if !name.starts_with(letter) {
        return Err("a line begins with the name of a setting");
    }
    if name.matches('.').count() > 1 {
        return Err("the name of a setting has one dot at most in a file");
    }
    let rest = rest.trim_start_matches(blank);
    let rest = rest
        .strip_prefix('=')
        .unwrap_or(rest)
        .trim_start_matches(blank);
    let (value, rest) = match rest.strip_prefix('\'') {
        Some(quoted_text) => quoted(quoted_text)?,
        None => bare(rest)?,
    };
    let rest = rest.trim_start_matches(blank);
    if !rest.is_empty() && !rest.starts_with('#') {
        return Err("after the value there may only be a comment; quote values with spaces");
    }
    Ok(Some((name.to_owned(), value)))
}

fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r')
}

/// What may begin a word.
fn letter(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn bare(rest: &str) -> Result<(String, &str), &'static str> {
    let starts = |c: char| letter(c) || c.is_ascii_digit() || matches!(c, '-' | '+' | '.');
    let inside = |c: char| starts(c) || matches!(c, ':' | '/' | '$');
    let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
    match rest.split_at_checked(end) {
        Some((value, _)) if value.starts_with(starts) && split_number(value) => Err(
            "a number with a fraction or an exponent takes no unit outside quotes; quote the value",
        ),
        Some((value, rest)) if value.starts_with(starts) => Ok((value.to_owned(), rest)),
        _ if rest.is_empty() || rest.starts_with('#') => Err("there is no value"),
        _ => Err("the value must be quoted"),
    }
}

/// Whether the server reads a bare value that begins as a number in two pieces: a fraction ends before
/// its unit (`1.5` `MB`), and without a point there is no exponent (`1e` `3`).
fn split_number(value: &str) -> bool {
    let unsigned = value.strip_prefix(['+', '-']).unwrap_or(value);
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return false;
    }
    let (_, rest) = unsigned.split_at(digits(unsigned));
    let Some(fraction) = rest.strip_prefix('.') else {
        let hex = unsigned.starts_with("0x");
        return !hex && !rest.bytes().all(|b| b.is_ascii_alphabetic());
    };
    let (_, rest) = fraction.split_at(digits(fraction));
    let exponent = rest.strip_prefix(['e', 'E']).unwrap_or_default();
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let whole = !exponent.is_empty() && digits(exponent) == exponent.len();
    !rest.is_empty() && !whole
}

/// The text up to the closing quote, and what is after it.
fn quoted(rest: &str) -> Result<(String, &str), &'static str> {
    let (mut value, mut ends) = (String::new(), None);
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' if chars.peek().is_some_and(|(_, c)| *c == '\'') => {
                chars.next();
                value.push('\'');
            }
            '\'' => {
                value.truncate(ends.unwrap_or(value.len()));
                return Ok((value, rest.get(at + 1..).unwrap_or_default()));
            }
            '\\' => match chars.next() {
                Some((_, 'b')) => value.push('\u{8}'),
                Some((_, 'f')) => value.push('\u{c}'),
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, first @ '0'..='7')) => {
                    let mut code = first.to_digit(8).unwrap_or(0);
                    for _ in 0..2 {
                        let Some(digit) = chars.peek().and_then(|(_, c)| c.to_digit(8)) else {
                            break;
                        };
                        code = code * 8 + digit;
                        chars.next();
                    }
                    if code & 0xff == 0 {
                        // The server's texts end at a null character.
                        ends.get_or_insert(value.len());
                    }
                    value.push(char::from_u32(code & 0xff).unwrap_or('\u{fffd}'));
                }
                Some((_, c)) => value.push(c),
                None => return Err("the quote is not closed"),
            },
            c => value.push(c),
        }
    }
    Err("the quote is not closed")
}

#[cfg(test)]
mod tests;
