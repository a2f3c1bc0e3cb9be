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
        let address = Address::parse(&config.uri).map_err(|e| failure(&e))?;
        let named = config.uri.contains('@').then(|| address.user.clone());
        let encryption = match config.tls {
            None => None,
            Some(Tls::Off) => Some(Encryption::Off),
            Some(Tls::On) => Some(Encryption::Verified),
            Some(Tls::AnyCertificate) => Some(Encryption::Unverified),
        };
        let asked = Some(address.encryption).filter(|e| *e != Encryption::Off);
        let server = Self {
            address: Address {
                user: one_of("user", (named, config.user.clone()))?
                    .unwrap_or_else(|| address.user.clone()),
                database: one_of(
                    "database",
                    (address.database.clone(), config.database.clone()),
                )?,
                encryption: one_of("tls", (asked, encryption))?.unwrap_or_default(),
                authority: config.ca_file.clone(),
                ..address
            },
            password_file: config.password_file.as_ref().map(PathBuf::from),
        };
        server.sensible()
    }

    /// Itself, unless it asks for what contradicts itself or is not there.
    fn sensible(self) -> Result<Self, Failure> {
        let Some(file) = &self.address.authority else {
            return Ok(self);
        };
        if self.address.encryption != Encryption::Verified {
            let what = format!("{file} is to vouch for a certificate that nobody looks at");
            return Err(
                Failure::new(Code::Config, what).hint("neo4j+s:// or tls = \"on\", or no ca_file")
            );
        }
        match fs::metadata(file) {
            Ok(_) => Ok(self),
            Err(error) => Err(unreadable("the certificates", Path::new(file), &error)),
        }
    }

    /// The one of a command line: its URI, or a configuration file's.
    pub(crate) fn named(uri: Option<&str>, options: &FarOptions) -> Result<Self, Failure> {
        let mut server = match (uri, configured(options)?) {
            (Some(uri), None) => Self {
                address: Address::parse(uri).map_err(|e| failure(&e))?,
                password_file: None,
            },
            (None, Some(config)) => Self::configured(&config)?,
            (Some(_), Some(_)) => {
                return Err(Failure::new(
                    Code::Usage,
                    "a database is named, and a configuration file that names one: not both",
                ));
            }
            (None, None) => {
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
        server.sensible()
    }

    /// The password, read anew each time: it may have been changed.
    pub(crate) fn password(&self) -> Result<Password, Failure> {
        match &self.password_file {
            Some(file) => match fs::read_to_string(file) {
                Ok(text) if text.lines().next().is_none_or(str::is_empty) => {
                    let what = format!("the first line of {} is empty", file.display());
                    Err(Failure::new(Code::File, what).hint("the password stands there"))
                }
                Ok(text) => Ok(Password::first_line(&text)),
                Err(error) => Err(unreadable("the password", file, &error)),
            },
            None => match std::env::var(PASSWORD) {
                Ok(text) if !text.is_empty() => Ok(Password::new(text)),
                _ => Err(Failure::new(
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

/// What the URI says or a key of the configuration does; both may say the same.
fn one_of<T: PartialEq>(key: &str, said: (Option<T>, Option<T>)) -> Result<Option<T>, Failure> {
    match said {
        (Some(uri), Some(own)) if uri != own => Err(Failure::new(
            Code::Config,
            format!("`graph.uri` and `graph.{key}` contradict each other"),
        )
        .hint(format!("say it once: in the URI, or as `{key}`"))),
        (uri, own) => Ok(own.or(uri)),
    }
}

fn unreadable(what: &str, file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::File, format!("{what} cannot be read"))
        .because(format!("{}: {error}", file.display()))
        .hint("does the file exist, and may this user read it?")
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
        NeoError::Away { .. } | NeoError::HungUp { .. } => Code::Unreachable,
        NeoError::Certificate { .. }
        | NeoError::NoDatabase { .. }
        | NeoError::OtherVersion { .. } => Code::Unfit,
        NeoError::Login { .. } => Code::LoginRefused,
        NeoError::NewerForm { .. } => Code::NewerFormat,
        NeoError::OtherJournal { .. } | NeoError::OtherCourse { .. } => Code::Conflict,
        NeoError::BadDeployment { .. } => Code::Usage,
        _ => Code::Store,
    };
    Failure::of(code, error).hint(error.hint())
}
