//! How a server is reached.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;

/// Environment variable that names the shared server: `uri,user,password file`, as [`Access`] prints.
pub const SHARED: &str = "BACKSTAY_TEST_NEO4J";

/// How a server is reached. Prints and parses as `uri,user,password file`; the password itself is only
/// in that file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// `bolt://127.0.0.1:41234`.
    pub uri: String,
    /// A user who may do everything.
    pub user: String,
    /// The file with the password: one line, readable by its owner only.
    pub password_file: PathBuf,
}

/// There is no shared server to test with.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotShared {
    /// The variable is not set.
    #[error(
        "{SHARED} is not set; `cargo xtask test` starts a Neo4j, `cargo xtask neo4j start` prints one to set it to"
    )]
    Unset,
    /// The variable makes no sense.
    #[error("{SHARED} is not `uri,user,password file`: {found}")]
    Unreadable {
        /// What it is set to.
        found: String,
    },
}

/// The server that [`SHARED`] names; its data is shared too.
///
/// # Errors
/// `NotShared` when the variable is missing or makes no sense. The server is not asked.
pub fn shared() -> Result<Access, NotShared> {
    let found = std::env::var(SHARED).map_err(|_| NotShared::Unset)?;
    found.parse()
}

/// The server that [`SHARED`] names, for a test; `None`, loudly, where there is none.
pub fn shared_for(test: &str) -> Option<Access> {
    shared().map_err(|error| say_skipped(test, &error)).ok()
}

/// Says that a test is skipped, past the harness, which would keep it to itself.
pub fn say_skipped(test: &str, why: &dyn Display) {
    // Where nobody can be told, nobody is.
    writeln!(io::stdout(), "SKIPPED: {test}: {why}").ok();
}

/// A word that nobody else has, to tell what is one's own on a shared server: `t`, and 16 digits.
///
/// # Errors
/// The system has no random bytes.
pub fn own_name() -> io::Result<String> {
    Ok(format!("t{}", super::home::random_hex(8)?))
}

impl Access {
    /// The password in the file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn password(&self) -> std::io::Result<String> {
        Ok(std::fs::read_to_string(&self.password_file)?
            .trim_end()
            .to_owned())
    }
}

impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            uri,
            user,
            password_file,
        } = self;
        write!(f, "{uri},{user},{}", password_file.display())
    }
}

impl FromStr for Access {
    type Err = NotShared;

    fn from_str(text: &str) -> Result<Self, NotShared> {
        // A path may hold commas; the others do not.
        let parts: Vec<&str> = text.splitn(3, ',').collect();
        match parts.as_slice() {
            [uri, user, file] if !uri.is_empty() && !user.is_empty() && !file.is_empty() => {
                Ok(Self {
                    uri: (*uri).to_owned(),
                    user: (*user).to_owned(),
                    password_file: PathBuf::from(file),
                })
            }
            _ => Err(NotShared::Unreadable {
                found: text.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read() {
        let access = Access {
            uri: "bolt://127.0.0.1:41234".into(),
            user: "neo4j".into(),
            password_file: "/tmp/a, b/password".into(),
        };
        assert_eq!(access.to_string().parse(), Ok(access));
        for bad in ["", "bolt://127.0.0.1:1", "bolt://127.0.0.1:1,neo4j", "a,,c"] {
            assert!(bad.parse::<Access>().is_err(), "{bad}");
        }
    }
}
