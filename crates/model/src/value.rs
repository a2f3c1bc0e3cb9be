//! Values of settings, where they stand and where they come from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::SettingName;

/// Text of a value exactly as the engine or a file holds it. Never compare it to a normalised one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RawValue(pub String);

impl RawValue {
    /// The text `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RawValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for RawValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Keyed hash (HMAC-SHA256 under the installation's key) of a secret value, in hex. Equal secrets of
/// one setting of one target have equal fingerprints; nothing else can be learnt from it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

/// A value as we keep it: its text, or only the fingerprint of a secret. A secret is turned into a
/// fingerprint where it enters (the engine crate) and its text is in no type of ours after that.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// The text.
    Text(RawValue),
    /// A secret, known only by its fingerprint.
    Secret(Fingerprint),
}

impl Value {
    /// A value with this text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(RawValue::new(text))
    }

    /// The text, unless it is a secret.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(raw) => Some(raw.as_str()),
            Self::Secret(_) => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(raw) => f.pad(raw.as_str()),
            Self::Secret(_) => f.pad("(secret)"),
        }
    }
}

/// Where in a target a setting stands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The whole instance: configuration files, ALTER SYSTEM, command line.
    Instance,
    /// One database (`ALTER DATABASE … SET`).
    Database {
        /// Name of the database.
        database: String,
    },
    /// One role in every database (`ALTER ROLE … SET`).
    Role {
        /// Name of the role.
        role: String,
    },
    /// One role in one database (`ALTER ROLE … IN DATABASE … SET`).
    RoleInDatabase {
        /// Name of the role.
        role: String,
        /// Name of the database.
        database: String,
    },
    /// A rule in a host-based authentication file; the setting name is `pg_hba` and the rule is its
    /// position among the rules, from 1.
    FileRule {
        /// Position, from 1.
        rule: u32,
    },
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance => f.write_str("instance"),
            Self::Database { database } => write!(f, "database {database}"),
            Self::Role { role } => write!(f, "role {role}"),
            Self::RoleInDatabase { role, database } => {
                write!(f, "role {role} in database {database}")
            }
            Self::FileRule { rule } => write!(f, "rule {rule}"),
        }
    }
}

/// A scoped setting: which one, and where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SettingKey {
    /// Where.
    pub scope: Scope,
    /// Which.
    pub name: SettingName,
}

impl SettingKey {
    /// The setting `name` of the whole instance.
    #[must_use]
    pub fn instance(name: &str) -> Self {
        Self {
            scope: Scope::Instance,
            name: SettingName::new(name),
        }
    }
}

impl fmt::Display for SettingKey {
    /// `work_mem`, or `work_mem (role app)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope {
            Scope::Instance => write!(f, "{}", self.name),
            ref scope => write!(f, "{} ({scope})", self.name),
        }
    }
}

/// What gave a setting the value it has. Order of the variants is PostgreSQL's precedence, weak to
/// strong (documentation, chapter "Setting Parameters").
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueSource {
    /// Built in.
    Default,
    /// An environment variable of the server process.
    Environment,
    /// A configuration file that people edit.
    File {
        /// Path as the server reports it.
        path: String,
    },
    /// The file that `ALTER SYSTEM` writes (`postgresql.auto.conf`).
    AutoFile,
    /// The server's command line: stronger than every file.
    CommandLine,
    /// `ALTER DATABASE … SET`.
    Database,
    /// `ALTER ROLE … SET`.
    Role,
    /// `ALTER ROLE … IN DATABASE … SET`.
    RoleInDatabase,
    /// Derived by the server itself.
    Override,
    /// Set by the connection that looked; such a reading says nothing about the server.
    Session,
    /// A source this version does not know, as the server names it.
    Other(String),
}

impl fmt::Display for ValueSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Environment => f.write_str("environment"),
            Self::File { path } => f.write_str(path),
            Self::AutoFile => f.write_str("ALTER SYSTEM"),
            Self::CommandLine => f.write_str("command line"),
            Self::Database => f.write_str("ALTER DATABASE"),
            Self::Role | Self::RoleInDatabase => f.write_str("ALTER ROLE"),
            Self::Override => f.write_str("derived by the server"),
            Self::Session => f.write_str("session"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_its_text_or_fingerprint() {
        let secret = Value::Secret(Fingerprint("ab12".into()));
        assert_eq!(secret.to_string(), "(secret)");
        assert_eq!(secret.as_text(), None);
    }

    #[test]
    fn keys_say_where_only_when_it_is_not_the_instance() {
        assert_eq!(SettingKey::instance("work_mem").to_string(), "work_mem");
        let key = SettingKey {
            scope: Scope::RoleInDatabase {
                role: "app".into(),
                database: "shop".into(),
            },
            name: SettingName::new("work_mem"),
        };
        assert_eq!(key.to_string(), "work_mem (role app in database shop)");
    }
}
