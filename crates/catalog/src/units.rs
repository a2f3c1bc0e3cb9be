//! Values as the engine reads them: units, ranges, words.
//!
//! A bare number counts the setting's own base unit (8 kB pages for `shared_buffers`); sizes become
//! bytes and times microseconds, so that two settings can be compared. `-1`, which never is a size or a
//! time but always has a meaning of its own, stays `-1` whatever the unit.

use std::fmt;

use crate::pack::{SettingDef, ValueKind};
use crate::text::Judgement;

mod error;
mod number;

pub use error::ValueError;
pub(crate) use number::{scan, to_i128};

/// Longest value that is read; a longer one is refused. No engine has use for more.
pub const VALUE_LEN_MAX: usize = 1 << 20;

/// A value that can be compared with others of its kind.
#[derive(Clone, PartialEq, Debug)]
pub enum Quantity {
    /// A size in bytes; -1 is the special value.
    Bytes(i128),
    /// A time in microseconds; -1 is the special value.
    Micros(i128),
    /// A number of things.
    Count(i128),
    /// A number that need not be whole.
    Fraction(f64),
    /// On or off.
    Bool(bool),
    /// A text, or the word of an enum in the engine's own spelling.
    Text(String),
    /// Items.
    List(Vec<String>),
    /// No limit: what a special value may stand for.
    Unlimited,
}

/// A unit of size or time: what a bare number counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Unit {
    /// So many bytes.
    Bytes(u64),
    /// So many microseconds.
    Micros(u64),
}

/// What a number measures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Dimension {
    /// Sizes.
    Bytes,
    /// Times.
    Micros,
    /// Plain numbers.
    Plain,
}

const SIZES: [(&str, u64); 5] = [
    ("B", 1),
    ("kB", 1 << 10),
    ("MB", 1 << 20),
    ("GB", 1 << 30),
    ("TB", 1 << 40),
];
const TIMES: [(&str, u64); 6] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("min", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

/// Spellings that an engine takes for a word of an enum: setting (empty for any), spelling, word.
const SYNONYMS: &[(&str, &str, &str)] = &[
    ("wal_level", "archive", "replica"),
    ("wal_level", "hot_standby", "replica"),
    ("", "debug", "debug2"),
    // Never written to a log; for a client the same as the next one up.
    ("client_min_messages", "info", "notice"),
];

impl Unit {
    /// Reads a unit as an engine names it: `kB`, `8kB`, `min`. Case counts.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        let times: u64 = if digits.is_empty() {
            1
        } else {
            digits.parse().ok()?
        };
        let word = text.get(digits.len()..)?;
        let find = |table: &[(&str, u64)]| table.iter().find(|(w, _)| *w == word).map(|(_, n)| *n);
        let sized = find(&SIZES).map(|n| (Self::Bytes as fn(u64) -> Self, n));
        let (make, one) =
            sized.or_else(|| find(&TIMES).map(|n| (Self::Micros as fn(u64) -> Self, n)))?;
        times.checked_mul(one).filter(|n| *n > 0).map(make)
    }

    /// How many bytes or microseconds it is.
    #[must_use]
    pub const fn size(self) -> u64 {
        match self {
            Self::Bytes(n) | Self::Micros(n) => n,
        }
    }

    /// The units that may be written after a number of this one, smallest first.
    #[must_use]
    pub fn allowed(self) -> Vec<&'static str> {
        match self {
            Self::Bytes(_) => SIZES.iter().map(|(w, _)| *w).collect(),
            Self::Micros(_) => TIMES.iter().map(|(w, _)| *w).collect(),
        }
    }

    /// `n` of this unit, as a quantity.
    #[must_use]
    pub fn quantity(self, n: i128) -> Option<Quantity> {
        let total = if n == -1 {
            Some(-1)
        } else {
            n.checked_mul(i128::from(self.size()))
        }?;
        Some(match self {
            Self::Bytes(_) => Quantity::Bytes(total),
            Self::Micros(_) => Quantity::Micros(total),
        })
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (table, n): (&[(&str, u64)], u64) = match self {
            Self::Bytes(n) => (&SIZES, *n),
            Self::Micros(n) => (&TIMES, *n),
        };
        let (word, one) = largest(table, i128::from(n));
        match n / one {
            1 => f.write_str(word),
            times => write!(f, "{times}{word}"),
        }
    }
}

impl Quantity {
    /// A size with its unit: `64GB`. Of bare numbers only 0 is one: whoever writes 64 means no 64 bytes.
    /// For facts about a host.
    #[must_use]
    pub fn parse_bytes(text: &str) -> Option<Self> {
        let (number, unit) = scan(text)?;
        let unit = if unit.is_empty() && number.as_f64() == 0.0 {
            Unit::Bytes(1)
        } else {
            Unit::parse(unit)?
        };
        if !matches!(unit, Unit::Bytes(_)) {
            return None;
        }
        to_i128(number.as_f64() * unit.size() as f64)
            .filter(|n| *n >= 0)
            .map(Self::Bytes)
    }

    /// What it measures; `None` when it is no number.
    #[must_use]
    pub const fn dimension(&self) -> Option<Dimension> {
        match self {
            Self::Bytes(_) => Some(Dimension::Bytes),
            Self::Micros(_) => Some(Dimension::Micros),
            Self::Count(_) | Self::Fraction(_) => Some(Dimension::Plain),
            Self::Bool(_) | Self::Text(_) | Self::List(_) | Self::Unlimited => None,
        }
    }
}

impl fmt::Display for Quantity {
    /// As the engine shows it: the largest unit that leaves a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Bytes(n) => with_unit(&SIZES, *n),
            Self::Micros(n) => with_unit(&TIMES, *n),
            Self::Count(n) => n.to_string(),
            Self::Fraction(x) => x.to_string(),
            Self::Bool(on) => if *on { "on" } else { "off" }.to_owned(),
            Self::Text(text) => text.clone(),
            Self::List(items) => items.join(", "),
            Self::Unlimited => "no limit".to_owned(),
        };
        f.pad(&text)
    }
}

fn with_unit(table: &[(&'static str, u64)], n: i128) -> String {
    if n == 0 || n == -1 {
        return n.to_string();
    }
    let (word, one) = largest(table, n);
    format!("{}{word}", n / i128::from(one))
}

fn largest(table: &[(&'static str, u64)], n: i128) -> (&'static str, u64) {
    let fits = table
        .iter()
        .rev()
        .find(|(_, one)| n % i128::from(*one) == 0);
    fits.copied()
        .unwrap_or(table.first().copied().unwrap_or(("", 1)))
}

/// Reads `text` as a value that somebody offers for the setting `def`, as its engine would.
///
/// # Errors
/// What is wrong with it, naming the setting and what it takes instead.
pub fn offered(def: &SettingDef, text: &str) -> Result<Quantity, ValueError> {
    let spoken = matches!(def.kind, ValueKind::Text | ValueKind::List);
    match def.form.judge(text) {
        Judgement::Refused(form) if spoken => Err(ValueError::BadForm {
            setting: def.name.clone(),
            text: error::shorten(text),
            form,
        }),
        _ => parse(def, text),
    }
}

/// Reads `text` as a value that the setting `def` has: of a text nothing is asked that the engine asks only of
/// what is offered to it.
///
/// # Errors
/// What is wrong with it, naming the setting and what it takes instead.
pub fn parse(def: &SettingDef, text: &str) -> Result<Quantity, ValueError> {
    let at = || (def.name.clone(), error::shorten(text));
    if text.len() > VALUE_LEN_MAX || text.contains('\0') {
        let (setting, text) = at();
        return Err(ValueError::Unwritable { setting, text });
    }
    match &def.kind {
        ValueKind::Bool => parse_bool(text).map(Quantity::Bool).ok_or_else(|| {
            let (setting, text) = at();
            ValueError::NotBool { setting, text }
        }),
        ValueKind::Enum(words) => word_of(def.name.as_str(), words, text)
            .map(Quantity::Text)
            .ok_or_else(|| {
                let (setting, text) = at();
                ValueError::NotAWord {
                    setting,
                    text,
                    allowed: words.join(", "),
                }
            }),
        ValueKind::Integer | ValueKind::Real => parse_number(def, text),
        ValueKind::Text => Ok(Quantity::Text(text.to_owned())),
        ValueKind::List => Ok(Quantity::List(def.form.items(text))),
    }
}

/// On or off as PostgreSQL spells it: any unique beginning of on, off, true, false, yes, no; 1 and 0.
#[must_use]
pub fn parse_bool(text: &str) -> Option<bool> {
    let text = text.trim().to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if text == "1" || begins("true", 1) || begins("yes", 1) || begins("on", 2) {
        Some(true)
    } else if text == "0" || begins("false", 1) || begins("no", 1) || begins("off", 2) {
        Some(false)
    } else {
        None
    }
}

/// The items of a list: parted by commas, spaces around them dropped, double quotes taken off and what
/// is not quoted in lower case, as identifiers are.
#[must_use]
pub fn items(text: &str) -> Vec<String> {
    let (mut found, mut item, mut quoted) = (Vec::new(), String::new(), false);
    let mut keep = |item: &mut String| {
        let item = std::mem::take(item);
        if !item.trim().is_empty() {
            found.push(item.trim().to_owned());
        }
    };
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => keep(&mut item),
            c if quoted => item.push(c),
            c => item.extend(c.to_lowercase()),
        }
    }
    keep(&mut item);
    found
}

fn word_of(setting: &str, words: &[String], text: &str) -> Option<String> {
    let text = text.trim();
    let find = |text: &str| words.iter().find(|w| w.eq_ignore_ascii_case(text)).cloned();
    let synonym = || {
        let (_, _, word) = SYNONYMS.iter().find(|(s, spelling, _)| {
            (s.is_empty() || *s == setting) && spelling.eq_ignore_ascii_case(text)
        })?;
        find(word)
    };
    // Of an enum the server takes the whole words only, of a switch their beginnings as well.
    let spelt = ["true", "false", "yes", "no", "1", "0"];
    let switch = || {
        spelt.iter().find(|w| w.eq_ignore_ascii_case(text))?;
        find(if parse_bool(text)? { "on" } else { "off" })
    };
    find(text).or_else(synonym).or_else(switch)
}

fn parse_number(def: &SettingDef, text: &str) -> Result<Quantity, ValueError> {
    let (setting, shown) = (def.name.clone(), error::shorten(text));
    let whole = matches!(def.kind, ValueKind::Integer);
    let Some((number, unit)) = scan(text).filter(|(n, _)| whole || !n.radix_prefixed()) else {
        return Err(ValueError::NotANumber {
            setting,
            text: shown,
            unit: def.unit,
        });
    };
    let factor = match (def.unit, unit) {
        (_, "") => 1.0,
        (None, _) => {
            return Err(ValueError::UnitUnwanted {
                setting,
                text: shown,
                unit: unit.to_owned(),
            });
        }
        (Some(base), word) => match Unit::parse(word).filter(|_| base.allowed().contains(&word)) {
            Some(written) => written.size() as f64 / base.size() as f64,
            None => {
                let allowed = base.allowed().join(", ");
                return Err(ValueError::WrongUnit {
                    setting,
                    text: shown,
                    unit: word.to_owned(),
                    allowed,
                });
            }
        },
    };
    let counted = number.as_f64() * factor;
    let counted = if whole {
        counted.round_ties_even()
    } else {
        counted
    };
    let outside = || ValueError::OutOfRange {
        setting,
        text: shown,
        range: error::range(def),
    };
    let low = def.min.is_some_and(|min| counted < min);
    let high = def.max.is_some_and(|max| counted > max);
    if !counted.is_finite() || low || high {
        return Err(outside());
    }
    quantity_of(def, counted).ok_or_else(outside)
}

/// `counted` base units of the setting as a quantity.
fn quantity_of(def: &SettingDef, counted: f64) -> Option<Quantity> {
    match (def.unit, &def.kind) {
        (Some(unit), ValueKind::Integer) => unit.quantity(to_i128(counted)?),
        (Some(unit), _) if counted < 0.0 => unit.quantity(-1),
        (Some(unit), _) => {
            let total = to_i128((counted * unit.size() as f64).round())?;
            Some(match unit {
                Unit::Bytes(_) => Quantity::Bytes(total),
                Unit::Micros(_) => Quantity::Micros(total),
            })
        }
        (None, ValueKind::Integer) => to_i128(counted).map(Quantity::Count),
        (None, _) => Some(Quantity::Fraction(counted)),
    }
}

#[cfg(test)]
mod tests;
