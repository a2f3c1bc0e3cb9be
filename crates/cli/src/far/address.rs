//! Which database it is, from the configuration or the command line.

use std::fs;
use std::path::{Path, PathBuf};

use backstay_guard::config::{GraphConfig, Neo4jConfig, Tls};
use backstay_store_neo4j::{Address, Deployment, Encryption, Neo4jGraph, NeoError, Password};

use crate::args::{Common, FarOptions};
use crate::commands::watch::read_config;
use crate::failure::{Code, Failure};
use crate::state;

/// Holds the password where no file is named.
const PASSWORD: &str = "BACKSTAY_NEO4J_PASSWORD";

/// A Neo4j database.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) address: Address,
    password_file: Option<PathBuf>,
}

impl Server {
    fn configured(config: &Neo4jConfig) -> Result<Self, Failure> {
        let mut address = Address::parse(&config.uri).map_err(|e| failure(&e))?;
        if let Some(user) = &config.user {
            address.user.clone_from(user);
        }
        if config.database.is_some() {
            address.database.clone_from(&config.database);
        }
        match config.tls {
            None => {}
            Some(Tls::Off) => address.encryption = Encryption::Off,
            Some(Tls::On) => address.encryption = Encryption::Verified,
            Some(Tls::AnyCertificate) => address.encryption = Encryption::Unverified,
        }
        address.authority.clone_from(&config.ca_file);
        Ok(Self {
            address,
            password_file: config.password_file.as_ref().map(PathBuf::from),
        })
    }

    /// The one of a command line: its URI, or a configuration file's.
    pub(crate) fn named(uri: Option<&str>, options: &FarOptions) -> Result<Self, Failure> {
        let mut server = match (uri, configured(options)?) {
            (Some(uri), None) => Self {
                address: Address::parse(uri).map_err(|e| failure(&e))?,
                password_file: None,
            },
            (None, Some(config)) => Self::configured(&config)?,
            _ => {
                return Err(
                    Failure::new(Code::Usage, "name a database, or a configuration file")
                        .hint("neo4j://USER@HOST:7687, or --config backstay.toml"),
                );
            }
        };
        if let Some(file) = &options.password_file {
            server.password_file = Some(file.clone());
        }
        if let Some(file) = &options.ca_file {
            server.address.authority = Some(file.display().to_string());
        }
        Ok(server)
    }

    /// The password, read anew each time: it may have been changed.
    pub(crate) fn password(&self) -> Result<Password, Failure> {
        match &self.password_file {
            Some(file) => match fs::read_to_string(file) {
                Ok(text) => Ok(Password::first_line(&text)),
                Err(error) => Err(Failure::of(Code::File, &error)
                    .because(format!("password file {}", file.display()))),
            },
            None => match std::env::var(PASSWORD) {
                Ok(text) => Ok(Password::new(text)),
                Err(_) => Err(Failure::new(
                    Code::Usage,
                    format!("there is no password for {}", self.address),
                )
                .hint(format!(
                    "name a file (password_file, --password-file), or set {PASSWORD}"
                ))),
            },
        }
    }
}

/// The state directory that is meant: of the command line, of the configuration file, or the usual one.
pub(crate) fn directory(options: &FarOptions, common: &Common) -> Result<PathBuf, Failure> {
    let named = match (&common.state_dir, &options.config) {
        (None, Some(file)) => read_config(file)?.state_dir,
        _ => None,
    };
    Ok(named.map_or_else(|| state::directory(common), PathBuf::from))
}

/// Where the graph of a configuration is, in one line.
pub(crate) fn place(config: &Neo4jConfig) -> Result<String, Failure> {
    let server = Server::configured(config)?;
    if let Some(name) = &config.deployment {
        Deployment::new(name).map_err(|e| failure(&e))?;
    }
    Ok(server.address.to_string())
}

/// The section of the configuration file that is named, if one is.
fn configured(options: &FarOptions) -> Result<Option<Neo4jConfig>, Failure> {
    let Some(file) = &options.config else {
        return Ok(None);
    };
    match read_config(file)?.graph {
        GraphConfig::Neo4j(config) => Ok(Some(config)),
        GraphConfig::Sqlite => Err(Failure::new(
            Code::Config,
            format!("{} keeps its graph in the state directory", file.display()),
        )
        .hint("[graph]    store = \"neo4j\"    uri = \"neo4j://HOST:7687\"")),
    }
}

/// A graph in Neo4j.
#[derive(Debug, Clone)]
pub(crate) struct Far {
    pub(crate) server: Server,
    pub(crate) deployment: Deployment,
}

impl Far {
    /// The one of a configuration; `directory` has the key that names the deployment.
    pub(crate) fn configured(config: &Neo4jConfig, directory: &Path) -> Result<Self, Failure> {
        Ok(Self {
            server: Server::configured(config)?,
            deployment: deployment(config.deployment.as_deref(), directory)?,
        })
    }

    /// The one of a command line.
    pub(crate) fn named(
        uri: Option<&str>,
        options: &FarOptions,
        directory: &Path,
    ) -> Result<Self, Failure> {
        let named = match &options.deployment {
            Some(name) => Some(name.clone()),
            None => configured(options)?.and_then(|c| c.deployment),
        };
        Ok(Self {
            server: Server::named(uri, options)?,
            deployment: deployment(named.as_deref(), directory)?,
        })
    }

    /// Opens the graph.
    pub(crate) fn open(&self) -> Result<Neo4jGraph, Failure> {
        let password = self.server.password()?;
        let address = &self.server.address;
        let opened = Neo4jGraph::open(address, &password, self.deployment.clone());
        opened.map_err(|e| failure(&e))
    }
}

/// The deployment that is named, else the one of the state directory's key.
fn deployment(name: Option<&str>, directory: &Path) -> Result<Deployment, Failure> {
    match name {
        Some(name) => Deployment::new(name).map_err(|e| failure(&e)),
        None => Ok(Deployment::of_key(&state::key(directory)?)),
    }
}

/// A failure of Neo4j with its code and hint.
pub(crate) fn failure(error: &NeoError) -> Failure {
    let code = match error {
        NeoError::Address { .. } => Code::Dsn,
        NeoError::Away { .. }
        | NeoError::HungUp { .. }
        | NeoError::Certificate { .. }
        | NeoError::NoDatabase { .. }
        | NeoError::OtherVersion { .. } => Code::Unreachable,
        NeoError::Login { .. } => Code::LoginRefused,
        NeoError::NewerForm { .. } => Code::NewerFormat,
        NeoError::OtherJournal { .. } => Code::Conflict,
        _ => Code::Store,
    };
    Failure::of(code, error).hint(error.hint())
}
