//! Typed identities: one type per kind, so that two kinds cannot be mixed up.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Name of a watched database instance, as the configuration gives it. Never contains `/`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TargetId(String);

impl TargetId {
    /// A target named `name`; a `/` in it becomes `_`, because ids are joined by `/`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.replace('/', "_"))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! numbered_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// Reads the form that `Display` writes (prefix optional, any case).
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let digits = text.trim_start_matches([$prefix.to_ascii_lowercase(), $prefix]);
                digits.parse().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

numbered_id!(
    /// A change set: changes that took effect together. Shown as `C17`; the number is the journal
    /// sequence of its first entry, so it is unique in one journal and in order.
    ChangeSetId,
    'C'
);
numbered_id!(
    /// A durable record of a write that is about to be made. Shown as `I42`.
    IntentId,
    'I'
);
numbered_id!(
    /// Position in the journal, gapless from 1: the only order that counts.
    Seq,
    '#'
);

/// Content hash of a snapshot, the first 16 bytes of SHA-256, in hex: equal configurations have
/// equal ids.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnapshotId(pub String);

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// SHA-256 of a plan's canonical bytes, in hex: the plan that was shown is the plan that is run.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanHash(pub String);

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_what_they_write() {
        assert_eq!(ChangeSetId::parse("C17"), Some(ChangeSetId(17)));
        assert_eq!(ChangeSetId::parse("c17"), Some(ChangeSetId(17)));
        assert_eq!(ChangeSetId::parse("17"), Some(ChangeSetId(17)));
        assert_eq!(ChangeSetId::parse("X17"), None);
        assert_eq!(IntentId(3).to_string(), "I3");
    }
}
