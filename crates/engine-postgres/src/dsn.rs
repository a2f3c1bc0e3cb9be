//! Where and how to connect, resolved as PostgreSQL's own clients do: connection string, service
//! file, `PG*` environment, defaults, `.pgpass`.
//!
//! Pure: the environment is a map and files come through [`Files`], so every rule is a table in a
//! test. No error and no `Debug` output holds a password.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

mod files;
mod text;

#[cfg(test)]
mod tests;

/// Shown with every error, so that nobody has to look it up.
const EXAMPLE: &str = "postgresql://backstay_observe@db1.example:5432/postgres?sslmode=verify-full";
/// Socket directories that clients try when no host is given, in this order.
const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// Everything needed to open a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Where the server listens.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// The role to log in as.
    pub user: String,
    /// The database to log in to.
    pub database: String,
    /// The password, if one was found.
    pub password: Option<Password>,
    /// How much the connection is protected.
    pub ssl_mode: SslMode,
    /// File with the certificates of authorities to trust.
    pub root_certificate: Option<PathBuf>,
    /// Longest time to wait for a connection, in seconds.
    pub connect_timeout_s: Option<u64>,
    /// Where each part came from.
    pub origins: BTreeMap<String, Origin>,
    /// What was left out or changed, for a person.
    pub notices: Vec<String>,
}

impl Resolved {
    /// A short text that says which server is meant, without a password: `db1:5432/shop`.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.host {
            Host::Tcp { name, .. } => format!("{name}:{}/{}", self.port, self.database),
            Host::Unix { directory } => {
                format!("{}:{}/{}", directory.display(), self.port, self.database)
            }
        }
    }
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// Over the network.
    Tcp {
        /// Name or address; certificates are checked against it.
        name: String,
        /// Address to connect to instead of looking the name up.
        address: Option<std::net::IpAddr>,
    },
    /// Over a Unix socket in a directory.
    Unix {
        /// The directory.
        directory: PathBuf,
    },
}

/// A password; `Debug` shows that there is one, nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The password `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the login alone.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// How much a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Plain text.
    Disable,
    /// Encrypted if the server can; the server's identity is not checked.
    Prefer,
    /// Encrypted; the server's identity is not checked.
    Require,
    /// Encrypted, and the certificate must be valid for the host name.
    VerifyFull,
}

/// Where a part of the connection came from, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The connection string.
    Explicit,
    /// The service file.
    Service,
    /// A `PG*` variable.
    Environment,
    /// The password file.
    PasswordFile,
    /// Nothing said otherwise.
    Default,
}

/// A connection could not be resolved. No variant holds a password.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum DsnError {
    /// Part of the text is wrong.
    #[error("wrong {part} in the connection string: {why}; an example: {EXAMPLE}")]
    Malformed {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A parameter that no PostgreSQL client knows.
    #[error("unknown parameter `{name}` in the connection string; an example: {EXAMPLE}")]
    UnknownParameter {
        /// Its name.
        name: String,
    },
    /// More than one host.
    #[error("the connection string names {count} hosts: give each one as a target of its own")]
    ManyHosts {
        /// How many.
        count: usize,
    },
    /// No role to log in as.
    #[error("no role to log in as: add `user=…` or set PGUSER; an example: {EXAMPLE}")]
    NoUser,
    /// A service that no file describes.
    #[error("service `{name}` is in none of the service files ({tried})")]
    NoService {
        /// Its name.
        name: String,
        /// Where it was looked for.
        tried: String,
    },
}

/// Reads the small files that a client consults.
pub trait Files {
    /// The text and permission bits of the file, `None` when it cannot be read.
    fn read(&self, path: &Path) -> Option<FileText>;
    /// Whether something stands at `path`.
    fn exists(&self, path: &Path) -> bool;
}

/// A file's content and permission bits.
#[derive(Clone, PartialEq, Eq)]
pub struct FileText {
    /// Content.
    pub text: String,
    /// Permission bits, e.g. `0o600`.
    pub mode: u32,
}

impl fmt::Debug for FileText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "FileText {{ mode: {:o}, {} bytes }}",
            self.mode,
            self.text.len()
        )
    }
}

/// The files of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskFiles;

impl Files for DiskFiles {
    fn read(&self, path: &Path) -> Option<FileText> {
        use std::os::unix::fs::PermissionsExt;
        let text = std::fs::read_to_string(path).ok()?;
        let mode = std::fs::metadata(path).ok()?.permissions().mode();
        Some(FileText { text, mode })
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
}

/// Resolves with this process's environment and this machine's files.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_here(explicit: Option<&str>) -> Result<Resolved, DsnError> {
    let env = std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .collect();
    resolve(explicit, &env, &DiskFiles)
}

/// Resolves a connection: connection string over service file over environment over defaults.
///
/// # Errors
/// When the text is malformed, names several hosts or an unknown service, or nothing says who logs in.
pub fn resolve(
    explicit: Option<&str>,
    env: &BTreeMap<String, String>,
    files: &dyn Files,
) -> Result<Resolved, DsnError> {
    let mut parts = Parts::default();
    if let Some(text) = explicit {
        parts.add(text::parse(text)?, Origin::Explicit);
    }
    let service = parts
        .get("service")
        .map(str::to_owned)
        .or_else(|| env.get("PGSERVICE").cloned());
    if let Some(name) = service {
        parts.add(files::service(&name, env, files)?, Origin::Service);
    }
    parts.add(from_environment(env), Origin::Environment);
    parts.finish(env, files)
}

/// Parameter, variable of the environment.
const VARIABLES: [(&str, &str); 11] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("user", "PGUSER"),
    ("dbname", "PGDATABASE"),
    ("password", "PGPASSWORD"),
    ("passfile", "PGPASSFILE"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("options", "PGOPTIONS"),
];

fn from_environment(env: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let set = |(name, variable): &(&str, &str)| {
        let value = env.get(*variable).filter(|v| !v.is_empty())?;
        Some(((*name).to_owned(), value.clone()))
    };
    VARIABLES.iter().filter_map(set).collect()
}

/// The parameters found so far; the first source of each wins.
#[derive(Default)]
struct Parts {
    values: BTreeMap<String, (String, Origin)>,
    notices: Vec<String>,
}

impl Parts {
    fn add(&mut self, found: BTreeMap<String, String>, origin: Origin) {
        for (name, value) in found {
            self.values.entry(name).or_insert((value, origin));
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(|(value, _)| value.as_str())
            .filter(|v| !v.is_empty())
    }

    fn finish(
        mut self,
        env: &BTreeMap<String, String>,
        files: &dyn Files,
    ) -> Result<Resolved, DsnError> {
        let port = self.port()?;
        let host = self.host(port, files)?;
        let user = self
            .get("user")
            .or_else(|| {
                env.get("USER")
                    .or_else(|| env.get("LOGNAME"))
                    .map(String::as_str)
            })
            .ok_or(DsnError::NoUser)?
            .to_owned();
        let database = self.get("dbname").unwrap_or(&user).to_owned();
        let ssl_mode = self.ssl_mode()?;
        let connect_timeout_s = self.connect_timeout()?;
        if self.get("options").is_some() {
            self.notices.push(
                "startup options (`options=` or PGOPTIONS) are left out: a connection that sets a \
                 parameter at startup cannot see the server change it"
                    .to_owned(),
            );
        }
        let mut origins: BTreeMap<String, Origin> = self
            .values
            .iter()
            .map(|(name, (_, origin))| (name.clone(), *origin))
            .collect();
        let password = match self.get("password") {
            Some(text) => Some(Password::new(text)),
            None => {
                let login = files::Login {
                    host: &host,
                    port,
                    database: &database,
                    user: &user,
                };
                let found = files::password(&login, self.get("passfile"), env, files);
                self.notices.extend(found.notice);
                if found.password.is_some() {
                    origins.insert("password".to_owned(), Origin::PasswordFile);
                }
                found.password
            }
        };
        for name in ["host", "port", "user", "dbname", "sslmode"] {
            origins.entry(name.to_owned()).or_insert(Origin::Default);
        }
        let root_certificate = self.root_certificate(env, files);
        Ok(Resolved {
            host,
            port,
            user,
            database,
            password,
            ssl_mode,
            root_certificate,
            connect_timeout_s,
            origins,
            notices: self.notices,
        })
    }

    fn port(&self) -> Result<u16, DsnError> {
        let Some(text) = self.get("port") else {
            return Ok(5432);
        };
        single("port", text)?;
        match text.trim().parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(malformed(
                "port",
                format!("`{text}` is not a number from 1 to 65535"),
            )),
        }
    }

    fn host(&self, port: u16, files: &dyn Files) -> Result<Host, DsnError> {
        let address = match self.get("hostaddr") {
            None => None,
            Some(text) => {
                single("hostaddr", text)?;
                let parsed: std::net::IpAddr = text.parse().map_err(|_| {
                    malformed("hostaddr", format!("`{text}` is not an internet address"))
                })?;
                Some(parsed)
            }
        };
        let Some(name) = self.get("host") else {
            return Ok(match address {
                Some(a) => Host::Tcp {
                    name: a.to_string(),
                    address,
                },
                None => default_host(port, files),
            });
        };
        single("host", name)?;
        if name.starts_with('/') {
            return Ok(Host::Unix {
                directory: PathBuf::from(name),
            });
        }
        if name.contains([' ', '/', '@']) {
            return Err(malformed(
                "host",
                "a host name has no space, `/` or `@`".to_owned(),
            ));
        }
        Ok(Host::Tcp {
            name: name.to_owned(),
            address,
        })
    }

    fn ssl_mode(&mut self) -> Result<SslMode, DsnError> {
        Ok(match self.get("sslmode").unwrap_or("prefer") {
            "disable" => SslMode::Disable,
            "allow" | "prefer" => SslMode::Prefer,
            "require" => SslMode::Require,
            "verify-full" => SslMode::VerifyFull,
            "verify-ca" => {
                self.notices.push(
                    "sslmode=verify-ca is carried out as verify-full: the certificate must also \
                     fit the host name"
                        .to_owned(),
                );
                SslMode::VerifyFull
            }
            other => {
                let why = format!(
                    "`{other}` is none of disable, allow, prefer, require, verify-ca, verify-full"
                );
                return Err(malformed("sslmode", why));
            }
        })
    }

    fn connect_timeout(&self) -> Result<Option<u64>, DsnError> {
        let Some(text) = self.get("connect_timeout") else {
            return Ok(None);
        };
        let seconds: u64 = text.trim().parse().map_err(|_| {
            malformed(
                "connect_timeout",
                format!("`{text}` is not a number of seconds"),
            )
        })?;
        Ok(Some(seconds).filter(|s| *s > 0))
    }

    fn root_certificate(
        &self,
        env: &BTreeMap<String, String>,
        files: &dyn Files,
    ) -> Option<PathBuf> {
        match self.get("sslrootcert") {
            Some("system") => Some(PathBuf::from("/etc/ssl/certs/ca-certificates.crt")),
            Some(path) => Some(PathBuf::from(path)),
            None => {
                let default = Path::new(env.get("HOME")?).join(".postgresql/root.crt");
                files.exists(&default).then_some(default)
            }
        }
    }
}

fn default_host(port: u16, files: &dyn Files) -> Host {
    let holds_socket =
        |directory: &&str| files.exists(&Path::new(directory).join(format!(".s.PGSQL.{port}")));
    match SOCKET_DIRECTORIES.iter().find(|d| holds_socket(d)) {
        Some(directory) => Host::Unix {
            directory: PathBuf::from(directory),
        },
        None => Host::Tcp {
            name: "localhost".to_owned(),
            address: None,
        },
    }
}

/// Refuses lists: "whichever answers" is no identity for a target.
fn single(part: &'static str, text: &str) -> Result<(), DsnError> {
    match text.split(',').count() {
        1 => Ok(()),
        count if part == "port" => Err(malformed(
            part,
            format!("{count} ports; give each server as a target of its own"),
        )),
        count => Err(DsnError::ManyHosts { count }),
    }
}

fn malformed(part: &'static str, why: String) -> DsnError {
    DsnError::Malformed { part, why }
}
