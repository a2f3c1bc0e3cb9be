//! Where the graph is kept.

use serde::Deserialize;

use super::Problem;

/// Where a guard keeps its graph.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum GraphConfig {
    /// In the state directory.
    #[default]
    Sqlite,
    /// In a Neo4j database.
    Neo4j(Neo4jConfig),
}

/// A Neo4j database. There is no key for the password itself: it stands in a file of its own, or in
/// `BACKSTAY_NEO4J_PASSWORD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neo4jConfig {
    /// `neo4j://HOST:PORT`.
    pub uri: String,
    /// Who we are there. Default: as the URI says, else `neo4j`.
    pub user: Option<String>,
    /// The file whose first line is the password.
    pub password_file: Option<String>,
    /// The database. Default: as the URI says, else the one that the server gives the user.
    pub database: Option<String>,
    /// Whether to speak TLS. Default: as the URI says.
    pub tls: Option<Tls>,
    /// A file with the certificates to trust instead of the machine's.
    pub ca_file: Option<String>,
    /// Name of this installation's graph there. Default: made from the key of the state directory.
    pub deployment: Option<String>,
}

/// Whether to speak TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// No.
    Off,
    /// Yes, with a certificate that is trusted.
    On,
    /// Yes, with any certificate.
    AnyCertificate,
}

impl Tls {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "off" => Some(Self::Off),
            "on" => Some(Self::On),
            "any-certificate" => Some(Self::AnyCertificate),
            _ => None,
        }
    }
}

#[derive(Deserialize, Default)]
pub(super) struct RawGraph {
    store: Option<String>,
    uri: Option<String>,
    user: Option<String>,
    password_file: Option<String>,
    database: Option<String>,
    tls: Option<String>,
    ca_file: Option<String>,
    deployment: Option<String>,
}

/// The keys of `[graph]`.
pub(super) const KEYS: &[&str] = &[
    "store",
    "uri",
    "user",
    "password_file",
    "database",
    "tls",
    "ca_file",
    "deployment",
];

pub(super) fn graph(raw: RawGraph, problems: &mut Vec<Problem>) -> GraphConfig {
    let tls = raw.tls.as_deref().and_then(|word| {
        let tls = Tls::parse(word);
        if tls.is_none() {
            problems.push(Problem::bad_tls(word));
        }
        tls
    });
    match (raw.store.as_deref(), raw.uri) {
        (None | Some("sqlite"), None) => GraphConfig::Sqlite,
        (None | Some("sqlite"), Some(_)) => {
            problems.push(Problem::idle_uri());
            GraphConfig::Sqlite
        }
        (Some("neo4j"), None) => {
            problems.push(Problem::no_uri());
            GraphConfig::Sqlite
        }
        (Some("neo4j"), Some(uri)) => GraphConfig::Neo4j(Neo4jConfig {
            uri,
            user: raw.user,
            password_file: raw.password_file,
            database: raw.database,
            tls,
            ca_file: raw.ca_file,
            deployment: raw.deployment,
        }),
        (Some(other), _) => {
            problems.push(Problem::bad_store(other));
            GraphConfig::Sqlite
        }
    }
}
