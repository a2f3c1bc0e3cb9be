//! What somebody decided: which settings they changed together, and which way.

use backstay_model::{Timestamp, Value};
use serde::{Deserialize, Serialize};

use crate::stats::permutation::mix;

/// A number that stands for a text: equal texts, equal tags.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct Tag(pub(crate) u64);

impl Tag {
    /// The tag of `text` (FNV-1a, its bits spread).
    pub(crate) fn of(text: &str) -> Self {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, step)))
    }

    /// The tag of this and then `other`.
    pub(crate) const fn and(self, other: u64) -> Self {
        Self(mix(self.0.rotate_left(17) ^ other))
    }
}

/// A setting's place among those of its engine.
pub(crate) type Place = u16;

/// A value as far as mining needs it: what it is equal to, and how large it is.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// Equal values have equal tags; nothing set has its own.
    tag: Tag,
    size: Option<Size>,
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Size {
    unit: Unit,
    number: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Unit {
    Bare,
    Bytes,
    Micros,
}

/// Units by their spelling in configuration files, in bytes and microseconds.
const UNITS: [(&str, Unit, f64); 11] = [
    ("", Unit::Bare, 1.0),
    ("B", Unit::Bytes, 1.0),
    ("kB", Unit::Bytes, 1024.0),
    ("MB", Unit::Bytes, 1_048_576.0),
    ("GB", Unit::Bytes, 1_073_741_824.0),
    ("TB", Unit::Bytes, 1_099_511_627_776.0),
    ("us", Unit::Micros, 1.0),
    ("ms", Unit::Micros, 1e3),
    ("s", Unit::Micros, 1e6),
    ("min", Unit::Micros, 6e7),
    ("h", Unit::Micros, 3.6e9),
];

const UNSET: Tag = Tag(1);
const SECRET: Tag = Tag(2);
const UP: Tag = Tag(3);
const DOWN: Tag = Tag(4);

/// Longest text that is looked at as a number.
const NUMBER_LEN_MAX: usize = 32;

impl Mark {
    /// The mark of a value; of a secret only whether it is the same one.
    pub(crate) fn of(value: Option<&Value>) -> Self {
        match value {
            None => Self {
                tag: UNSET,
                size: None,
            },
            Some(Value::Text(raw)) => Self {
                tag: Tag::of(raw.as_str()),
                size: size(raw.as_str()),
            },
            Some(Value::Secret(print)) => Self {
                tag: SECRET.and(Tag::of(&print.0).0),
                size: None,
            },
        }
    }

    /// An order of marks without meaning, so that what arrives in any order ends alike.
    pub(crate) const fn rank(&self) -> Tag {
        self.tag
    }

    /// The same value.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.tag == other.tag
    }
}

/// Reads `64MB` or `0.5`; `None` for everything else.
fn size(text: &str) -> Option<Size> {
    let text = text.trim();
    if text.len() > NUMBER_LEN_MAX {
        return None;
    }
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'));
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let unit = unit.trim();
    let (_, unit, scale) = UNITS.iter().find(|(word, _, _)| *word == unit)?;
    let number: f64 = number.parse().ok()?;
    Some(Size {
        unit: *unit,
        number: number * scale,
    })
}

/// The class of a change (dependencies.md, 9.1): up or down for numbers of one unit, else the value it
/// went to. A roll-out that scales a size to every host stays one class.
pub(crate) fn class(old: &Mark, new: &Mark) -> Tag {
    match (old.size, new.size) {
        (Some(a), Some(b)) if a.unit == b.unit && a.number < b.number => UP,
        (Some(a), Some(b)) if a.unit == b.unit && a.number > b.number => DOWN,
        _ => new.tag,
    }
}

/// Which way a value went.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Way {
    Up,
    Down,
    /// Not from number to number of one unit.
    Else,
}

/// Which way a value went.
pub(crate) fn way(old: Option<&Value>, new: Option<&Value>) -> Way {
    match class(&Mark::of(old), &Mark::of(new)) {
        UP => Way::Up,
        DOWN => Way::Down,
        _ => Way::Else,
    }
}

/// How far a value went: doublings for positive numbers of one unit (negative for halvings), 1 for
/// switched on, −1 for switched off; `None` for everything else.
pub(crate) fn dose(old: Option<&Value>, new: Option<&Value>) -> Option<f64> {
    let (a, b) = (Mark::of(old), Mark::of(new));
    if let (Some(a), Some(b)) = (a.size, b.size) {
        let positive = a.unit == b.unit && a.number > 0.0 && b.number > 0.0;
        return positive.then(|| (b.number / a.number).log2());
    }
    let word = |v: Option<&Value>| v.and_then(Value::as_text).map(str::to_owned);
    match (word(old).as_deref(), word(new).as_deref()) {
        (Some("off"), Some("on")) => Some(1.0),
        (Some("on"), Some("off")) => Some(-1.0),
        _ => None,
    }
}

/// One setting in a decision.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Touch {
    pub(crate) setting: Place,
    /// When it was first changed.
    pub(crate) first_at: Timestamp,
    pub(crate) class: Tag,
}

/// Settings that one actor changed on one target in one go.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Decision {
    pub(crate) target: Tag,
    pub(crate) actor: Tag,
    /// When the last of them was changed.
    pub(crate) at: Timestamp,
    /// At least one, in the order of their places.
    pub(crate) touches: Vec<Touch>,
}

impl Decision {
    /// Equal for the same changes by the same actor, whatever the target.
    pub(crate) fn fingerprint(&self) -> Tag {
        let all = self.touches.iter();
        all.fold(self.actor, |hash, t| {
            hash.and(u64::from(t.setting)).and(t.class.0)
        })
    }

    pub(crate) fn places(&self) -> Vec<Place> {
        self.touches.iter().map(|t| t.setting).collect()
    }
}

#[cfg(test)]
mod tests {
    use backstay_model::value::Fingerprint;

    use super::*;

    fn class_of(old: Option<&str>, new: Option<&str>) -> Tag {
        let mark = |v: Option<&str>| Mark::of(v.map(Value::text).as_ref());
        class(&mark(old), &mark(new))
    }

    #[test]
    fn sizes_go_up_and_down_and_words_go_somewhere() {
        assert_eq!(class_of(Some("4MB"), Some("1GB")), UP);
        assert_eq!(class_of(Some("1GB"), Some("4MB")), DOWN);
        assert_eq!(class_of(Some("2min"), Some("90s")), DOWN);
        assert_eq!(class_of(Some("-1"), Some("0.5")), UP);
        assert_eq!(class_of(Some("off"), Some("on")), Tag::of("on"));
        assert_eq!(class_of(None, Some("1GB")), Tag::of("1GB"));
        assert_eq!(class_of(Some("100"), Some("1MB")), Tag::of("1MB"));
        assert_eq!(class_of(Some("on"), None), UNSET);
        let long = "9".repeat(10_000);
        assert_eq!(class_of(Some("1"), Some(&long)), Tag::of(&long));
    }

    #[test]
    fn doses_are_doublings_or_switches() {
        let dose_of = |a: &str, b: &str| dose(Some(&Value::text(a)), Some(&Value::text(b)));
        for (a, b, expected) in [
            ("4MB", "16MB", Some(2.0)),
            ("2s", "1000ms", Some(-1.0)),
            ("off", "on", Some(1.0)),
            ("on", "off", Some(-1.0)),
            ("-1", "100", None),
            ("1MB", "5", None),
            ("replica", "logical", None),
        ] {
            assert_eq!(dose_of(a, b), expected, "{a} {b}");
        }
        assert_eq!(dose(None, Some(&Value::text("1"))), None);
    }

    #[test]
    fn a_secret_has_no_size_and_no_text() {
        let secret = |p: &str| Mark::of(Some(&Value::Secret(Fingerprint(p.into()))));
        assert!(secret("ab").same(&secret("ab")));
        assert!(!secret("ab").same(&secret("cd")));
        assert!(!secret("ab").same(&Mark::of(Some(&Value::text("ab")))));
    }
}
