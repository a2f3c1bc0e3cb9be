//! The only place that makes SQL text from names and values.
//!
//! `ALTER SYSTEM` and `ALTER ROLE` take no parameters, so their text must be built; everything here
//! is total and refuses what it cannot write without doubt. Rules: PostgreSQL documentation, chapter
//! "Lexical Structure", and `flatten_set_variable_args` in the server's `guc.c` (read, not copied).

use std::collections::BTreeMap;

use backstay_model::plan::{Inverse, PlanStep, Route};
use backstay_model::{Scope, SettingKey, SettingName, Value};

use crate::observer::EVERY_ROLE;

mod keywords;
mod list;

/// The server cuts identifiers at this many bytes; a longer one would name something else.
pub const IDENTIFIER_BYTES_MAX: usize = 63;

/// Text could not be made. Effect on the target: none.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum SqlError {
    /// An identifier is empty, too long or has characters that no catalogue holds.
    #[error("{identifier:?} cannot be written as an identifier")]
    Identifier {
        /// The text.
        identifier: String,
    },
    /// A value holds a NUL or a line break, which no configuration file can hold.
    #[error("the value of {setting} holds a line break or NUL")]
    ControlCharacter {
        /// Whose value.
        setting: SettingName,
    },
    /// The list cannot be split into its elements.
    #[error("the value of {setting} is not a list")]
    List {
        /// Whose value.
        setting: SettingName,
    },
    /// The statement has no way to write an empty list for this setting.
    #[error("an empty list for {setting} cannot be written by a statement")]
    EmptyList {
        /// Whose value.
        setting: SettingName,
    },
    /// Only the fingerprint of the value is known.
    #[error("the old value of {setting} is a secret that is not kept")]
    Secret {
        /// Whose value.
        setting: SettingName,
    },
    /// The route is for people.
    #[error("{key} is not written by a statement")]
    NoStatement {
        /// Which setting.
        key: SettingKey,
    },
    /// The target does not know a setting of this name.
    #[error("the target has no setting named {setting}")]
    UnknownSetting {
        /// The name.
        setting: SettingName,
    },
}

/// `text` as an identifier, in double quotes unless it is plain.
///
/// # Errors
/// When it is empty, longer than [`IDENTIFIER_BYTES_MAX`] or holds control characters.
pub fn identifier(text: &str) -> Result<String, SqlError> {
    if text.is_empty() || text.len() > IDENTIFIER_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(SqlError::Identifier {
            identifier: text.to_owned(),
        });
    }
    if plain(text) {
        Ok(text.to_owned())
    } else {
        Ok(format!("\"{}\"", text.replace('"', "\"\"")))
    }
}

/// `text` as a string literal that reads the same whether or not `standard_conforming_strings` is on.
///
/// # Errors
/// When it holds a NUL or a line break; `setting` is named in the error.
pub fn literal(setting: &SettingName, text: &str) -> Result<String, SqlError> {
    if text.contains(['\0', '\n', '\r']) {
        return Err(SqlError::ControlCharacter {
            setting: setting.clone(),
        });
    }
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        Ok(format!("E'{}'", quoted.replace('\\', "\\\\")))
    } else {
        Ok(format!("'{quoted}'"))
    }
}

/// A setting's name as an identifier, each part of a dotted name by itself.
///
/// # Errors
/// As [`identifier`], and when it has more than one dot.
pub fn setting_identifier(name: &SettingName) -> Result<String, SqlError> {
    match name.as_str().split_once('.') {
        None => identifier(name.as_str()),
        Some((_, rest)) if rest.contains('.') => Err(SqlError::Identifier {
            identifier: name.as_str().to_owned(),
        }),
        Some((prefix, rest)) => Ok(format!("{}.{}", identifier(prefix)?, identifier(rest)?)),
    }
}

/// The right-hand side of `SET name =`: one literal, or one for each element of a list whose elements
/// the server quotes itself.
///
/// # Errors
/// When the text holds a line break, or is no list where one is needed.
pub fn set_value(name: &SettingName, text: &str) -> Result<String, SqlError> {
    let Some(kind) = list::kind(name) else {
        return literal(name, text);
    };
    let elements = list::split(kind, text).ok_or_else(|| SqlError::List {
        setting: name.clone(),
    })?;
    if elements.is_empty() {
        return Err(SqlError::EmptyList {
            setting: name.clone(),
        });
    }
    let literals: Result<Vec<_>, _> = elements.iter().map(|e| literal(name, e)).collect();
    Ok(literals?.join(", "))
}

/// The statement that runs `step`, without a comment, closed by a semicolon.
///
/// # Errors
/// When the route is for people, the value is a secret, or text cannot be written safely.
pub fn statement(step: &PlanStep) -> Result<String, SqlError> {
    let name = &step.key.name;
    let subject = match (&step.route, &step.key.scope) {
        (Route::AlterSystem, Scope::Instance) => "ALTER SYSTEM".to_owned(),
        (Route::RoleOrDatabase, scope) => {
            subject(scope).ok_or_else(|| SqlError::NoStatement {
                key: step.key.clone(),
            })??
        }
        _ => {
            return Err(SqlError::NoStatement {
                key: step.key.clone(),
            });
        }
    };
    let target = setting_identifier(name)?;
    match &step.inverse {
        Inverse::Reset => Ok(format!("{subject} RESET {target};")),
        Inverse::Set(Value::Text(raw)) => Ok(format!(
            "{subject} SET {target} = {};",
            set_value(name, raw.as_str())?
        )),
        Inverse::Set(Value::Secret(_)) => Err(SqlError::Secret {
            setting: name.clone(),
        }),
    }
}

/// `ALTER DATABASE x`, `ALTER ROLE x` or `ALTER ROLE x IN DATABASE y`; `None` for other scopes.
fn subject(scope: &Scope) -> Option<Result<String, SqlError>> {
    match scope {
        Scope::Database { database } => {
            Some(identifier(database).map(|d| format!("ALTER DATABASE {d}")))
        }
        Scope::Role { role } if role == EVERY_ROLE => Some(Ok("ALTER ROLE ALL".to_owned())),
        Scope::Role { role } => Some(identifier(role).map(|r| format!("ALTER ROLE {r}"))),
        Scope::RoleInDatabase { role, database } => {
            Some(identifier(role).and_then(|r| {
                identifier(database).map(|d| format!("ALTER ROLE {r} IN DATABASE {d}"))
            }))
        }
        Scope::Instance | Scope::FileRule { .. } => None,
    }
}

/// Lower-case letters, digits and underscores, not starting with a digit, and no reserved word.
fn plain(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let letters = text
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    starts && letters && !keywords::reserved(text)
}

/// What the target's own catalogue says about a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// `bool`, `integer`, `real`, `enum` or `string`.
    pub kind: String,
    /// The unit of a number without one: `kB`, `8kB`, `ms`.
    pub unit: Option<String>,
    /// When it takes effect: `postmaster`, `sighup`, …
    pub context: String,
}

/// The names that the target knows. A name from anywhere else never reaches a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    known: BTreeMap<SettingName, Known>,
    in_files: std::collections::BTreeSet<SettingName>,
}

impl Catalogue {
    /// A catalogue of `known` settings (`pg_settings`) and of names that stand in the configuration
    /// files without being known to this session: extensions' settings.
    #[must_use]
    pub fn new(
        known: BTreeMap<SettingName, Known>,
        in_files: impl IntoIterator<Item = SettingName>,
    ) -> Self {
        Self {
            known,
            in_files: in_files.into_iter().collect(),
        }
    }

    /// Accepts `name` when the target knows it.
    ///
    /// # Errors
    /// When neither `pg_settings` nor `pg_file_settings` has it.
    pub fn accept(&self, name: &SettingName) -> Result<(), SqlError> {
        if self.known.contains_key(name) || self.in_files.contains(name) {
            return Ok(());
        }
        Err(SqlError::UnknownSetting {
            setting: name.clone(),
        })
    }

    /// What `pg_settings` says about `name`.
    #[must_use]
    pub fn known(&self, name: &SettingName) -> Option<&Known> {
        self.known.get(name)
    }
}

#[cfg(test)]
mod tests;
