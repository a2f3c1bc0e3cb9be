//! What can go wrong with Neo4j, and what a person can do about it.

use std::error::Error;

use neo4rs::{Neo4jClientErrorKind, Neo4jErrorKind};

use crate::address::{Address, Encryption};

/// Neo4j could not do what was asked. Effect: none, but for `Lost`.
#[derive(Debug, thiserror::Error)]
pub enum NeoError {
    /// The address cannot be used.
    #[error("the address of Neo4j cannot be used: {what}")]
    Address {
        /// What is wrong with it.
        what: String,
    },
    /// Nothing answers there, or what answered is gone.
    #[error("Neo4j does not answer at {address}")]
    Away {
        /// Where.
        address: String,
        /// What the network says.
        source: Cause,
    },
    /// Something is there and hangs up before it says anything.
    #[error("{address} hangs up before it says anything")]
    HungUp {
        /// Where.
        address: String,
        /// Whether we spoke TLS.
        encrypted: bool,
        /// What the network says.
        source: Cause,
    },
    /// The certificate of the server is not trusted.
    #[error("the certificate of {address} is not trusted")]
    Certificate {
        /// Where.
        address: String,
        /// What is wrong with it.
        source: Cause,
    },
    /// User or password are not accepted.
    #[error("Neo4j does not let {address} in: {says}")]
    Login {
        /// As whom, and where.
        address: String,
        /// What the server says.
        says: String,
    },
    /// There is no such database.
    #[error("there is no such database at {address}: {says}")]
    NoDatabase {
        /// As whom, and where.
        address: String,
        /// What the server says.
        says: String,
    },
    /// The server is of a version that was not tried, or no Neo4j.
    #[error("{address} is not a Neo4j of version 5 or newer: {found}")]
    OtherVersion {
        /// Where.
        address: String,
        /// What was found.
        found: String,
    },
    /// The database was not prepared, or its constraint was dropped since.
    #[error("the database lacks {lacks}")]
    NotPrepared {
        /// What it lacks.
        lacks: String,
    },
    /// A newer Backstay prepared the database.
    #[error("the graph in this database has form {found}, this Backstay knows {known}")]
    NewerForm {
        /// The form that was found.
        found: i64,
        /// The newest form known here.
        known: i64,
    },
    /// The deployment belongs to another journal.
    #[error("the graph of deployment {deployment} was made from another journal")]
    OtherJournal {
        /// The deployment.
        deployment: String,
    },
    /// The journal went another way since: it ends before what the graph holds, or says something else.
    #[error(
        "the graph of deployment {deployment} holds {seq} entries, and this journal went another way before that"
    )]
    OtherCourse {
        /// The deployment.
        deployment: String,
        /// Number of the last entry that is in the graph.
        seq: u64,
    },
    /// A name that a deployment cannot have.
    #[error("`{name}` is no name of a deployment")]
    BadDeployment {
        /// The name.
        name: String,
    },
    /// Others hold what is needed, also after several attempts.
    #[error("Neo4j is busy, also after {attempts} attempts")]
    Busy {
        /// How often it was tried.
        attempts: u32,
        /// What the server said last.
        source: Cause,
    },
    /// The connection was lost while a batch was made durable: `applied_seq` says whether it is there.
    #[error("the connection was lost at the end of a batch")]
    Lost {
        /// What the network says.
        source: Cause,
    },
    /// What was written is not what was meant: somebody else changed the graph.
    #[error("the graph in Neo4j is not as it was left: {what}")]
    Altered {
        /// What differs.
        what: String,
    },
    /// What is kept cannot be understood.
    #[error("Neo4j holds something that is not a graph of ours: {what}")]
    Odd {
        /// What was found.
        what: String,
    },
    /// The server did not carry out a statement.
    #[error("Neo4j did not do what was asked")]
    Statement {
        /// What it says.
        source: Cause,
    },
}

/// Whether somebody has answered on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Contact {
    /// Nobody yet.
    First,
    /// Yes.
    Later,
}

/// What lies beneath.
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

impl NeoError {
    pub(crate) const fn address(what: String) -> Self {
        Self::Address { what }
    }

    pub(crate) fn odd(what: impl Into<String>) -> Self {
        Self::Odd { what: what.into() }
    }

    /// What a person can do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Address { .. } => {
                "neo4j://USER@HOST:PORT/DATABASE; the password comes from a file or the environment"
            }
            Self::Away { .. } => "is the server up, and is this its Bolt port, usually 7687?",
            Self::HungUp {
                encrypted: false, ..
            } => "the server may require TLS (neo4j+s://, or tls = \"on\"), or be no Neo4j at all",
            Self::HungUp { .. } => "the server may not speak TLS: neo4j://, or tls = \"off\"",
            Self::Certificate { .. } => {
                "name the authority's certificate file (ca_file), or trust any: neo4j+ssc://"
            }
            Self::Login { .. } => {
                "check user and password file; a new server wants its first password changed"
            }
            Self::NoDatabase { .. } => "the community edition has one, usually called neo4j",
            Self::OtherVersion { .. } => "Backstay was tried with Neo4j 5.26",
            Self::NotPrepared { .. } => "backstay graph init    prepares it, and harms nothing",
            Self::NewerForm { .. } => "use the newer Backstay, or another database",
            Self::OtherJournal { .. } => {
                "name another deployment, or the state directory that it was made from"
            }
            Self::OtherCourse { .. } => {
                "a state directory that was restored or copied? Name another deployment; docs/neo4j.md \
                 says how to remove the old one"
            }
            Self::BadDeployment { .. } => "1 to 40 of a-z, 0-9, - and _",
            Self::Busy { .. } | Self::Lost { .. } => "it is tried again",
            Self::Altered { .. } | Self::Odd { .. } => {
                "name another deployment: the journal is the authority, a new graph is made from it"
            }
            Self::Statement { .. } => "the log of the server may say more",
        }
    }

    /// Whether the same thing may succeed when it is begun anew.
    pub(crate) const fn passes(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Lost { .. })
    }

    /// Whether a part of the schema was not made because it is there.
    pub(crate) fn already_there(&self) -> bool {
        let Self::Statement { source } = self else {
            return false;
        };
        match source.downcast_ref() {
            Some(neo4rs::Error::Neo4j(error)) => error.code().ends_with("AlreadyExists"),
            _ => false,
        }
    }

    /// What the driver says, in our words.
    pub(crate) fn of(error: neo4rs::Error, address: &Address, contact: Contact) -> Self {
        use neo4rs::Error as Driver;
        let at = address.to_string();
        match error {
            Driver::AuthenticationError(says) => Self::Login { address: at, says },
            Driver::Neo4j(error) => Self::of_server(error, at),
            Driver::UnsupportedVersion(major, minor) => Self::OtherVersion {
                address: at,
                found: match (major, minor) {
                    (0, 0) => "no protocol in common".to_owned(),
                    _ => format!("it speaks Bolt {major}.{minor}"),
                },
            },
            Driver::ProtocolMismatch(word) => Self::OtherVersion {
                address: at,
                found: match word.to_be_bytes() {
                    [b'H', b'T', b'T', b'P'] => "a web server answers".to_owned(),
                    _ => "what answers does not speak Bolt".to_owned(),
                },
            },
            Driver::IOError { detail } => Self::of_network(detail, address, contact),
            Driver::DeserializationError(error) => Self::odd(error.to_string()),
            error @ (Driver::ConnectionError | Driver::ConnectionTimedOut) => Self::Away {
                address: at,
                source: error.into(),
            },
            error => Self::Statement {
                source: error.into(),
            },
        }
    }

    fn of_server(error: neo4rs::Neo4jError, address: String) -> Self {
        let says = error.message().to_owned();
        let code = error.code().to_owned();
        match error.kind() {
            Neo4jErrorKind::Client(Neo4jClientErrorKind::Security(_)) => {
                Self::Login { address, says }
            }
            Neo4jErrorKind::Client(Neo4jClientErrorKind::FatalDiscovery) => {
                Self::NoDatabase { address, says }
            }
            Neo4jErrorKind::Transient => Self::Busy {
                attempts: 1,
                source: neo4rs::Error::Neo4j(error).into(),
            },
            // The server says so when it is not sure itself whether a commit came through.
            Neo4jErrorKind::Database if code.contains("TransactionCommitFailed") => Self::Lost {
                source: neo4rs::Error::Neo4j(error).into(),
            },
            _ => Self::Statement {
                source: neo4rs::Error::Neo4j(error).into(),
            },
        }
    }

    fn of_network(detail: std::io::Error, address: &Address, contact: Contact) -> Self {
        use std::io::ErrorKind::{ConnectionReset, InvalidData, UnexpectedEof};
        let encrypted = address.encryption != Encryption::Off;
        let source = detail.to_string();
        let at = address.to_string();
        match detail.kind() {
            InvalidData if source.contains("certificate") => Self::Certificate {
                address: at,
                source: detail.into(),
            },
            InvalidData | UnexpectedEof | ConnectionReset if contact == Contact::First => {
                Self::HungUp {
                    address: at,
                    encrypted,
                    source: detail.into(),
                }
            }
            _ => Self::Away {
                address: at,
                source: detail.into(),
            },
        }
    }
}
