//! Names of things in the field: engines, settings, metrics, services.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A database engine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// PostgreSQL.
    Postgresql,
    /// MariaDB, and MySQL where the protocol is the same.
    Mariadb,
    /// Redis.
    Redis,
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgresql => "postgresql",
            Self::Mariadb => "mariadb",
            Self::Redis => "redis",
        })
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Cow<'static, str>);

        impl $name {
            /// A name known when the program is built; it must already be in canonical form.
            #[must_use]
            pub const fn from_static(name: &'static str) -> Self {
                Self(Cow::Borrowed(name))
            }

            /// The canonical text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// Canonical name of a setting: lower case, because the engines compare names without case.
    SettingName
);
name!(
    /// Name of a metric with its unit last: `probe_write_ms`, `commits_per_s`.
    MetricName
);
name!(
    /// Name of a service: an application that uses a target.
    ServiceName
);

impl SettingName {
    /// The canonical form of `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Cow::Owned(name.trim().to_lowercase()))
    }
}

impl MetricName {
    /// A metric named `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Cow::Owned(name.to_owned()))
    }
}

impl ServiceName {
    /// A service named `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_names_ignore_case() {
        assert_eq!(
            SettingName::new("DateStyle"),
            SettingName::from_static("datestyle")
        );
    }
}
