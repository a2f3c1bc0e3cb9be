//! Where the database is, and as whom and how to talk to it.

use std::fmt;

use sha2::{Digest, Sha256};
use url::Url;

use crate::error::NeoError;

/// Port of Bolt when none is named.
const PORT: u16 = 7687;
/// Longest name of a deployment, in bytes.
const DEPLOYMENT_MAX: usize = 40;

/// Whose graph it is: several installations of Backstay may keep theirs in one database.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Deployment(String);

impl Deployment {
    /// A deployment called `name`: 1 to 40 lower-case letters, digits, `-` and `_`.
    ///
    /// # Errors
    /// `NeoError::BadDeployment` when it is anything else.
    pub fn new(name: &str) -> Result<Self, NeoError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if name.is_empty() || name.len() > DEPLOYMENT_MAX || !name.chars().all(plain) {
            return Err(NeoError::BadDeployment {
                name: name.to_owned(),
            });
        }
        Ok(Self(name.to_owned()))
    }

    /// The deployment of whoever holds `key`: the same for the same key, and nothing of the key can be
    /// learnt from it.
    #[must_use]
    pub fn of_key(key: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"backstay graph deployment");
        hash.update(key);
        let digest = hash.finalize();
        let hex: String = digest.iter().take(6).map(|b| format!("{b:02x}")).collect();
        Self(format!("b{hex}"))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whether the connection is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Encryption {
    /// Not at all.
    #[default]
    Off,
    /// With a certificate that an authority of this machine vouches for.
    Verified,
    /// With any certificate: whoever stands between can read along.
    Unverified,
}

/// A password; it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The password `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The password in the first line of a file's `text`.
    #[must_use]
    pub fn first_line(text: &str) -> Self {
        Self(text.lines().next().unwrap_or_default().to_owned())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// A database, and as whom to talk to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// Name or number of its host.
    pub host: String,
    /// Port of Bolt.
    pub port: u16,
    /// Who we are there.
    pub user: String,
    /// The database; `None` = the one that the server gives this user.
    pub database: Option<String>,
    /// Whether the connection is encrypted.
    pub encryption: Encryption,
    /// A file with certificates of authorities to trust instead of the machine's, for
    /// [`Encryption::Verified`].
    pub authority: Option<String>,
}

impl Address {
    /// Reads `neo4j://USER@HOST:PORT/DATABASE` (or `bolt://…`; with `+s` for TLS, with `+ssc` for TLS
    /// with any certificate). User `neo4j`, port 7687 and the user's own database when they are left out.
    ///
    /// # Errors
    /// `NeoError::Address`: no such scheme, no host, or a password, which other users of the machine
    /// would see in the process list.
    pub fn parse(uri: &str) -> Result<Self, NeoError> {
        let url = Url::parse(uri).map_err(|e| NeoError::address(format!("the URI: {e}")))?;
        let encryption = match url.scheme() {
            "neo4j" | "bolt" => Encryption::Off,
            "neo4j+s" | "bolt+s" => Encryption::Verified,
            "neo4j+ssc" | "bolt+ssc" => Encryption::Unverified,
            other => {
                return Err(NeoError::address(format!(
                    "`{other}://` is not spoken here: neo4j://, bolt://, each with +s or +ssc for TLS"
                )));
            }
        };
        if url.password().is_some() {
            return Err(NeoError::address(
                "a password in the URI can be seen by others".into(),
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(NeoError::address(
                "the URI goes on after the database; nothing there means anything".into(),
            ));
        }
        let host = url.host_str().filter(|h| !h.is_empty());
        let host = host.ok_or_else(|| NeoError::address("the URI names no host".into()))?;
        let database = url.path().trim_start_matches('/');
        Ok(Self {
            host: host.to_owned(),
            port: url.port().unwrap_or(PORT),
            user: match url.username() {
                "" => "neo4j".to_owned(),
                user => user.to_owned(),
            },
            database: (!database.is_empty()).then(|| database.to_owned()),
            encryption,
            authority: None,
        })
    }

    /// The URI as the driver takes it. Always direct: the driver cannot route.
    pub(crate) fn direct(&self) -> String {
        let scheme = match self.encryption {
            Encryption::Off => "bolt",
            Encryption::Verified => "bolt+s",
            Encryption::Unverified => "bolt+ssc",
        };
        format!("{scheme}://{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Address {
    /// `neo4j@host:7687/database`, without any secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}:{}", self.user, self.host, self.port)?;
        match &self.database {
            Some(database) => write!(f, "/{database}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_with_its_defaults() {
        let full = Address::parse("neo4j+s://ann@graph.example:7000/fleet").unwrap();
        assert_eq!(full.to_string(), "ann@graph.example:7000/fleet");
        assert_eq!(full.direct(), "bolt+s://graph.example:7000");
        let short = Address::parse("bolt://127.0.0.1").unwrap();
        assert_eq!(short.to_string(), "neo4j@127.0.0.1:7687");
        assert_eq!(short.encryption, Encryption::Off);
        for bad in [
            "http://x",
            "neo4j://a:b@x",
            "neo4j://",
            "x",
            "neo4j://x/db?tls=on",
        ] {
            let error = Address::parse(bad).unwrap_err();
            assert!(matches!(error, NeoError::Address { .. }), "{bad}");
        }
    }

    #[test]
    fn deployments_are_plain_names() {
        assert!(Deployment::new("prod-1").is_ok());
        for bad in ["", "a/b", "Prod", &"x".repeat(41)] {
            assert!(Deployment::new(bad).is_err(), "{bad}");
        }
        let own = Deployment::of_key(&[7; 32]);
        assert_eq!(Deployment::new(own.as_str()).unwrap(), own);
        assert_ne!(own, Deployment::of_key(&[8; 32]));
    }

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(
            format!("{:?}", Password::first_line("geheim\nrest")),
            "(secret)"
        );
        assert_eq!(Password::first_line("geheim\nrest").reveal(), "geheim");
    }
}
