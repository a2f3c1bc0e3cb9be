//! What the classifier needs to know about a setting.

use serde::{Deserialize, Serialize};

/// What a setting holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something that can be off: a boolean, or a choice with `off` among its words.
    Switch,
    /// One of several words.
    Choice,
    /// A number.
    Number,
    /// Text or a list.
    Text,
}

/// What a number measures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dimension {
    /// Things, or no number at all.
    Count,
    /// Time.
    Time,
    /// Memory or disk space.
    Size,
}

/// A setting, as far as sentences about it are concerned.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Setting {
    /// Canonical name, lower case.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// What it measures.
    pub dimension: Dimension,
}

impl Setting {
    /// The setting `name`.
    #[must_use]
    pub fn new(name: &str, kind: Kind, dimension: Dimension) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            dimension,
        }
    }

    /// Whether both are numbers of one measure, so that they can be compared.
    #[must_use]
    pub fn comparable(&self, other: &Self) -> bool {
        self.kind == Kind::Number && other.kind == Kind::Number && self.dimension == other.dimension
    }

    /// The words of the name.
    pub(crate) fn words(&self) -> Vec<&str> {
        self.name.split(['_', '-', '.']).collect()
    }
}

/// Words before the one that tells the family: `max_wal_size` belongs to `wal`.
const GENERIC: [&str; 9] = [
    "max",
    "min",
    "default",
    "enable",
    "effective",
    "log",
    "debug",
    "no",
    "maximum",
];

/// The family of a setting by its name: settings of one family are described in like words.
#[must_use]
pub fn family(name: &str) -> &str {
    let mut words = name.split(['_', '-', '.']);
    words
        .clone()
        .find(|w| !GENERIC.contains(w))
        .or_else(|| words.next())
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_skip_generic_words() {
        assert_eq!(family("max_wal_size"), "wal");
        assert_eq!(family("wal_level"), "wal");
        assert_eq!(family("log"), "log");
        assert_eq!(family("tls-port"), "tls");
    }
}
