//! Opening connections, and what their errors mean.
//!
//! One [`Dialer`] per purpose is made once and opens any number of connections, each a [`Session`].
//! Every wait has a limit.

use std::error::Error as _;
use std::future::{Future, poll_fn};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use backstay_engine::ReadError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, SimpleQueryMessage, SimpleQueryRow};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::dsn::{Host, Resolved, SslMode};

mod tls;

/// Longest time for connecting and logging in when the connection string gives none.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Longest time to wait for a connection to say goodbye.
const CLOSE_MAX: Duration = Duration::from_millis(200);

/// Longest time that sent bytes may stay without a sign of the other side: a host that vanished.
const UNSEEN_MAX: Duration = Duration::from_secs(25);
/// Longest time for asking the server to stop a statement.
const CANCEL_MAX: Duration = Duration::from_secs(2);

/// What a connection is for.
#[derive(Debug, Clone)]
pub struct Purpose {
    /// Its name in `pg_stat_activity`: `backstay/observer`. Names that begin `backstay/` are never
    /// counted as load.
    pub application: String,
    /// Parameters set at startup (`-c name=value …`), for the control connection alone: whoever sets
    /// a parameter at startup cannot see the server change it.
    pub startup: Option<String>,
    /// Longest time for connecting and logging in; the connection string's own limit wins if shorter.
    pub limit: Duration,
}

impl Purpose {
    /// A connection named `backstay/{job}` with the usual limit and no startup parameters.
    #[must_use]
    pub fn of(job: &str) -> Self {
        Self {
            application: format!("backstay/{job}"),
            startup: None,
            limit: CONNECT_MAX,
        }
    }
}

/// Opens connections for one purpose.
#[derive(Clone)]
pub struct Dialer {
    config: tokio_postgres::Config,
    tls: Option<MakeRustlsConnect>,
    limit: Duration,
    unix: bool,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl Dialer {
    /// Prepares connections to `dsn` for `purpose`.
    ///
    /// # Errors
    /// When the certificates to trust cannot be read.
    pub fn new(dsn: &Resolved, purpose: &Purpose) -> Result<Self, ReadError> {
        let mut config = tokio_postgres::Config::new();
        config.user(&dsn.user).dbname(&dsn.database).port(dsn.port);
        config.application_name(&purpose.application);
        if let Some(password) = &dsn.password {
            config.password(password.reveal());
        }
        if let Some(options) = &purpose.startup {
            config.options(options);
        }
        let unix = match &dsn.host {
            Host::Unix { directory } => {
                config.host_path(directory);
                true
            }
            Host::Tcp { name, address } => {
                config.host(name);
                if let Some(address) = address {
                    config.hostaddr(*address);
                }
                false
            }
        };
        config
            .keepalives(true)
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(UNSEEN_MAX);
        let ssl_mode = if unix { SslMode::Disable } else { dsn.ssl_mode };
        config.ssl_mode(match ssl_mode {
            SslMode::Disable => tokio_postgres::config::SslMode::Disable,
            SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
            SslMode::Require | SslMode::VerifyFull => tokio_postgres::config::SslMode::Require,
        });
        let tls = tls::connector(ssl_mode, dsn.root_certificate.as_deref())?;
        let own = dsn.connect_timeout_s.map(Duration::from_secs);
        let limit = own.map_or(purpose.limit, |own| own.min(purpose.limit));
        Ok(Self {
            config,
            tls,
            limit,
            unix,
        })
    }

    /// Connects and logs in.
    ///
    /// # Errors
    /// `Unreachable`, `LoginRefused`, `Timeout`, or `Failed`.
    pub async fn connect(&self) -> Result<Session, ReadError> {
        within(self.limit, "a connection", self.open()).await
    }

    /// Connects and logs in without a limit of its own and without translating the error.
    pub(crate) async fn open(&self) -> Result<Session, tokio_postgres::Error> {
        let farewell = Farewell::default();
        let (client, driver) = match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                (client, drive(connection, farewell.clone()))
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                (client, drive(connection, farewell.clone()))
            }
        };
        Ok(Session {
            client,
            driver,
            farewell,
        })
    }

    /// Whether the connection goes over a Unix socket, that is, stays on this machine.
    pub(crate) const fn over_unix_socket(&self) -> bool {
        self.unix
    }
}

/// What the server said when it ended a connection by itself.
#[derive(Debug, Clone, Default)]
struct Farewell(Arc<OnceLock<ReadError>>);

impl Farewell {
    fn note(&self, answer: &DbError) {
        if let Some(error) = ending(answer) {
            // The first word counts.
            drop(self.0.set(error));
        }
    }
}

/// What an answer says of the server's own end, if it does.
fn ending(answer: &DbError) -> Option<ReadError> {
    let why = format!("{} ({})", answer.message(), answer.code().code());
    match *answer.code() {
        SqlState::ADMIN_SHUTDOWN => Some(ReadError::Stopped { why }),
        SqlState::CRASH_SHUTDOWN => Some(ReadError::Fell { why }),
        _ => None,
    }
}

/// Reads and writes the socket until the session is dropped or breaks; the error, if any, reaches
/// whoever waits for an answer. A server that is stopped, or that crashed, says so as it goes.
fn drive<S, T>(mut connection: Connection<S, T>, farewell: Farewell) -> JoinHandle<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            match message {
                Ok(AsyncMessage::Notice(notice)) => farewell.note(&notice),
                Ok(_) => {}
                Err(error) => {
                    if let Some(answer) = error.as_db_error() {
                        farewell.note(answer);
                    }
                    tracing::debug!(error = %words(&error), "connection ended");
                    return;
                }
            }
        }
    })
}

/// An open connection. Dropping it says goodbye in the background.
#[derive(Debug)]
pub struct Session {
    client: Client,
    driver: JoinHandle<()>,
    farewell: Farewell,
}

impl Session {
    /// The driver's client.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the connection is gone.
    #[must_use]
    pub fn closed(&self) -> bool {
        self.client.is_closed()
    }

    /// What the server said of its end, when it ended the connection because it was stopped or crashed.
    #[must_use]
    pub fn farewell(&self) -> Option<&ReadError> {
        self.farewell.0.get()
    }

    /// The rows of all statements in `sql`, as text, in one round trip.
    ///
    /// # Errors
    /// As [`read_error`], and `Timeout` after `limit`.
    pub async fn rows(
        &self,
        what: &str,
        sql: &str,
        limit: Duration,
    ) -> Result<Vec<SimpleQueryRow>, ReadError> {
        let messages = within(limit, what, self.client.simple_query(sql)).await?;
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    /// Asks the server to stop what this session waits for, and forgets the session. For a statement
    /// that did not answer: without this its server process would wait on, one more after each try.
    pub(crate) fn abandon(self, dialer: &Dialer) {
        let token = self.client.cancel_token();
        let tls = dialer.tls.clone();
        tokio::spawn(async move {
            let cancelled = async {
                match tls {
                    None => token.cancel_query(NoTls).await,
                    Some(tls) => token.cancel_query(tls).await,
                }
            };
            match tokio::time::timeout(CANCEL_MAX, cancelled).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(error = %words(&error), "cancel failed"),
                Err(_) => tracing::debug!("cancel was not answered"),
            }
            drop(self);
        });
    }

    /// Says goodbye and waits (not long) until the server's side is gone.
    pub async fn close(self) {
        let Self {
            client, mut driver, ..
        } = self;
        drop(client);
        if tokio::time::timeout(CLOSE_MAX, &mut driver).await.is_err() {
            driver.abort();
        }
    }
}

/// Waits for an answer of the server, but not longer than `limit`.
///
/// # Errors
/// As [`read_error`], and `Timeout` after `limit`.
pub async fn within<T>(
    limit: Duration,
    what: &str,
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, ReadError> {
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(read_error(what, &error)),
        Err(_) => Err(ReadError::Timeout {
            limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
        }),
    }
}

/// What a driver's error means for whoever wanted to read `what`.
#[must_use]
pub fn read_error(what: &str, error: &tokio_postgres::Error) -> ReadError {
    let why = words(error);
    let Some(answer) = error.as_db_error() else {
        return if error.is_closed() || io_inside(error) {
            ReadError::Unreachable { why }
        } else if why.contains("password") || why.contains("authentication") {
            ReadError::LoginRefused { why }
        } else {
            ReadError::Failed {
                what: what.to_owned(),
                why,
            }
        };
    };
    let code = answer.code();
    if code.code().starts_with("28") || *code == SqlState::INVALID_CATALOG_NAME {
        return ReadError::LoginRefused { why };
    }
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        let grant = "see `backstay doctor`".to_owned();
        return ReadError::MissingRight {
            what: what.to_owned(),
            grant,
        };
    }
    if let Some(error) = ending(answer) {
        return error;
    }
    if *code == SqlState::CANNOT_CONNECT_NOW {
        return ReadError::Unreachable { why };
    }
    ReadError::Failed {
        what: what.to_owned(),
        why,
    }
}

/// The innermost words of an error, in one line: the server's message, or the system's.
#[must_use]
pub fn words(error: &tokio_postgres::Error) -> String {
    if let Some(answer) = error.as_db_error() {
        return format!("{} ({})", answer.message(), answer.code().code());
    }
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(source) = inner {
        text = source.to_string();
        inner = source.source();
    }
    text
}

fn io_inside(error: &tokio_postgres::Error) -> bool {
    let mut inner = error.source();
    while let Some(source) = inner {
        if source.is::<std::io::Error>() {
            return true;
        }
        inner = source.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::dsn::{DiskFiles, resolve};

    #[tokio::test]
    async fn nobody_at_the_address_is_unreachable() {
        let port = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        };
        let text = format!("host=127.0.0.1 port={port} user=ann password=hunter2");
        let dsn = resolve(Some(&text), &BTreeMap::new(), &DiskFiles).unwrap();
        let error = Dialer::new(&dsn, &Purpose::of("observer"))
            .unwrap()
            .connect()
            .await
            .unwrap_err();
        assert!(matches!(error, ReadError::Unreachable { .. }), "{error:?}");
        assert!(!format!("{error:?} {dsn:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_is_a_timeout() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = silent.local_addr().unwrap().port();
        let text = format!("host=127.0.0.1 port={port} user=ann");
        let dsn = resolve(Some(&text), &BTreeMap::new(), &DiskFiles).unwrap();
        let purpose = Purpose {
            limit: Duration::from_millis(30),
            ..Purpose::of("observer")
        };
        let error = Dialer::new(&dsn, &purpose)
            .unwrap()
            .connect()
            .await
            .unwrap_err();
        assert_eq!(error, ReadError::Timeout { limit_ms: 30 });
    }
}
