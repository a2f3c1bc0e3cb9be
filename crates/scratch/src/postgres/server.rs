//! One throw-away server.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;
use tokio_postgres::Client;

use super::binaries::Binaries;
use super::data_dir::{DataDir, JSON_LOG_SINCE};
use super::errors::{SignalError, StartError, StopError};
use super::log::{self, LogLine};
use super::session::cells;
use crate::{port, spawn};

/// How a server is to be started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Major version; `None` = the highest there is.
    pub major: Option<u32>,
    /// Settings for `postgresql.conf`, over ours (JSON log, `log_statement = ddl`).
    pub settings: Vec<(String, String)>,
    /// Settings for the command line: stronger than every file.
    pub command_line: Vec<(String, String)>,
    /// How long the start may take until a connection succeeds.
    pub ready_within: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            major: None,
            settings: Vec::new(),
            command_line: Vec::new(),
            ready_within: Duration::from_secs(60),
        }
    }
}

/// How long a fast shutdown may take before the server is killed.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// Pause between two looks at a server that is starting or stopping.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Another program may take our port between the choice and the start.
const PORT_ATTEMPTS_MAX: u32 = 5;
/// Looks at a dying server in `Drop` before it is killed: 3 s in all.
const DROP_LOOKS_MAX: u32 = 150;

/// A running (or stopped) throw-away server. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct Server {
    dir: DataDir,
    child: Option<Child>,
    port: u16,
    options: Options,
    /// Length of the structured log when the present run began.
    log_from: u64,
}

impl Server {
    /// Starts a server on a fresh data directory and waits until it accepts connections.
    ///
    /// # Errors
    /// `StartError`; nothing is left running.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let binaries = match options.major {
            Some(major) => Binaries::find_major(major)?,
            None => Binaries::find()?,
        };
        Self::start_in(DataDir::create(&binaries)?, options).await
    }

    /// Starts a server on `dir` and waits until it accepts connections; `options.major` has no effect.
    ///
    /// # Errors
    /// `StartError`; nothing is left running, and `dir` is gone.
    pub async fn start_in(dir: DataDir, options: Options) -> Result<Self, StartError> {
        dir.configure(&options.settings)
            .map_err(|source| StartError::System {
                what: "write the configuration",
                source,
            })?;
        let mut server = Self {
            dir,
            child: None,
            port: 0,
            options,
            log_from: 0,
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            server.port = free_port()?;
            match server.start_again().await {
                Err(StartError::Refused { said })
                    if port_taken(&said) && attempt < PORT_ATTEMPTS_MAX => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(server),
            }
        }
    }

    /// Starts the stopped or killed server again, on the same port and data.
    ///
    /// # Errors
    /// `StartError`; the server does not run then.
    pub async fn start_again(&mut self) -> Result<(), StartError> {
        let deadline = Instant::now() + self.options.ready_within;
        loop {
            self.spawn()?;
            match self.ready(deadline).await {
                // After a kill the old back ends need a moment to notice.
                Err(StartError::Refused { said })
                    if still_in_use(&said) && Instant::now() < deadline =>
                {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(error) => {
                    self.end();
                    return Err(error);
                }
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Fast shutdown; after half a minute the server is killed.
    ///
    /// # Errors
    /// `StopError::Killed` when that was necessary.
    pub async fn stop(&mut self) -> Result<(), StopError> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        signal(&child, Signal::CONT);
        signal(&child, Signal::INT);
        let deadline = Instant::now() + STOP_WITHIN;
        loop {
            match child.try_wait() {
                Ok(Some(_)) => return Ok(()),
                Ok(None) if Instant::now() < deadline => tokio::time::sleep(LOOK_EVERY).await,
                Ok(None) => {
                    child
                        .kill()
                        .and_then(|()| child.wait())
                        .map_err(|source| StopError::Wait { source })?;
                    return Err(StopError::Killed {
                        limit_s: STOP_WITHIN.as_secs(),
                    });
                }
                Err(source) => return Err(StopError::Wait { source }),
            }
        }
    }

    /// Stops and starts again.
    ///
    /// # Errors
    /// `StartError` when it does not come up again.
    pub async fn restart(&mut self) -> Result<(), StartError> {
        if let Err(error) = self.stop().await {
            tracing::warn!(%error, "a scratch server stopped badly");
        }
        self.start_again().await
    }

    /// Kills the server as a power cut would (`kill -9`); its data directory stays.
    ///
    /// # Errors
    /// `SignalError::Stopped` when it does not run.
    pub fn kill9(&mut self) -> Result<(), SignalError> {
        let mut child = self.child.take().ok_or(SignalError::Stopped)?;
        let ended = child.kill().and_then(|()| child.wait());
        ended
            .map(drop)
            .map_err(|source| SignalError::System { source })
    }

    /// Freezes the postmaster (`SIGSTOP`): new connections hang, old ones go on.
    ///
    /// # Errors
    /// `SignalError` when it does not run.
    pub fn pause(&self) -> Result<(), SignalError> {
        self.signal(Signal::STOP)
    }

    /// Thaws the postmaster.
    ///
    /// # Errors
    /// `SignalError` when it does not run.
    pub fn resume(&self) -> Result<(), SignalError> {
        self.signal(Signal::CONT)
    }

    /// Makes the server read its configuration files again.
    ///
    /// # Errors
    /// `SignalError` when it does not run.
    pub fn reload(&self) -> Result<(), SignalError> {
        self.signal(Signal::HUP)
    }

    /// Whether the server's process is there.
    pub fn running(&mut self) -> Running {
        match self.child.as_mut().map(Child::try_wait) {
            Some(Ok(None)) => Running::Yes,
            _ => Running::No,
        }
    }

    /// Process id of the postmaster while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The programs it runs from.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.dir.binaries
    }

    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path()
    }

    /// The folder of its log files.
    #[must_use]
    pub fn log_dir(&self) -> PathBuf {
        self.data_dir().join("log")
    }

    /// The folder of its Unix socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        self.dir.root()
    }

    /// Connection string over loopback: `postgresql://app@127.0.0.1:41234/shop`.
    #[must_use]
    pub fn dsn(&self, user: &str, database: &str) -> String {
        format!("postgresql://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// What the server said since it was last started, oldest first.
    #[must_use]
    pub fn said(&self) -> Vec<LogLine> {
        let stderr = fs::read(self.dir.root().join("stderr.log")).unwrap_or_default();
        let mut lines = log::from_stderr(&String::from_utf8_lossy(&stderr));
        lines.extend(self.said_since(self.log_from));
        lines
    }

    /// Length of its structured log now: a place for [`Server::said_since`].
    #[must_use]
    pub fn log_end(&self) -> u64 {
        fs::metadata(self.log_file()).map_or(0, |meta| meta.len())
    }

    /// What stands in its structured log (JSON, CSV before version 15) after the place `from`.
    #[must_use]
    pub fn said_since(&self, from: u64) -> Vec<LogLine> {
        let mut text = Vec::new();
        let read = File::open(self.log_file()).and_then(|mut file| {
            file.seek(SeekFrom::Start(from))?;
            file.read_to_end(&mut text)
        });
        match read {
            Ok(_) if self.logs_json() => log::from_json(&String::from_utf8_lossy(&text)),
            Ok(_) => log::from_csv(&String::from_utf8_lossy(&text)),
            Err(_) => Vec::new(),
        }
    }

    /// Whether this version can write its log as JSON.
    fn logs_json(&self) -> bool {
        self.dir.binaries.major >= JSON_LOG_SINCE
    }

    fn log_file(&self) -> PathBuf {
        let ending = if self.logs_json() { "json" } else { "csv" };
        self.log_dir().join(format!("postgresql.{ending}"))
    }

    fn spawn(&mut self) -> Result<(), StartError> {
        self.log_from = self.log_end();
        let stderr = File::create(self.dir.root().join("stderr.log")).map_err(|source| {
            StartError::System {
                what: "open a log",
                source,
            }
        })?;
        let mut command = spawn::leashed(&self.dir.binaries.postgres());
        command.arg("-D").arg(self.data_dir());
        let ours = [
            ("port".to_owned(), self.port.to_string()),
            ("listen_addresses".to_owned(), "127.0.0.1".to_owned()),
            (
                "unix_socket_directories".to_owned(),
                self.socket_dir().display().to_string(),
            ),
        ];
        for (name, value) in ours.iter().chain(&self.options.command_line) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr);
        command
            .current_dir(self.dir.root())
            .env("LC_ALL", "C")
            .process_group(0);
        self.dir.account.dress(&mut command);
        let child = spawn::spawn(command).map_err(|source| StartError::System {
            what: "start a process",
            source,
        })?;
        self.child = Some(child);
        Ok(())
    }

    async fn ready(&mut self, deadline: Instant) -> Result<(), StartError> {
        loop {
            let source = match self.connect("postgres").await {
                Ok(client) => return self.prove_ours(&client).await,
                Err(error) => error,
            };
            if self.running() == Running::No {
                self.child = None;
                return Err(StartError::Refused { said: self.said() });
            }
            // Who is refused by name or password will be refused again.
            let unwelcome = source
                .code()
                .is_some_and(|state| state.code().starts_with("28"));
            if unwelcome || Instant::now() >= deadline {
                let limit_s = self.options.ready_within.as_secs();
                return Err(StartError::NotReady {
                    limit_s,
                    said: self.said(),
                    source: Some(source),
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A port may belong to another server: nothing is done before this holds.
    async fn prove_ours(&self, client: &Client) -> Result<(), StartError> {
        let rows = client
            .simple_query("SHOW data_directory")
            .await
            .map_err(|source| StartError::NotReady {
                limit_s: self.options.ready_within.as_secs(),
                said: self.said(),
                source: Some(source),
            })?;
        let found = rows
            .iter()
            .find_map(cells)
            .and_then(|row| row.into_iter().next().flatten())
            .unwrap_or_default();
        let ours = self.data_dir();
        let same = Path::new(&found).canonicalize().ok() == ours.canonicalize().ok();
        if same {
            Ok(())
        } else {
            Err(StartError::Foreign { found })
        }
    }

    fn signal(&self, what: Signal) -> Result<(), SignalError> {
        let child = self.child.as_ref().ok_or(SignalError::Stopped)?;
        kill_process(Pid::from_child(child), what)
            .map_err(|e| SignalError::System { source: e.into() })
    }

    /// Ends the server now, without an orderly shutdown.
    fn end(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        signal(&child, Signal::CONT);
        signal(&child, Signal::QUIT);
        for _ in 0..DROP_LOOKS_MAX {
            match child.try_wait() {
                Ok(None) => std::thread::sleep(LOOK_EVERY),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        if let Err(error) = child.kill().and_then(|()| child.wait()) {
            tracing::warn!(%error, "a scratch server could not be killed");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether a server's process is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Running {
    /// It is.
    Yes,
    /// It ended, or was never started.
    No,
}

fn signal(child: &Child, what: Signal) {
    if let Err(error) = kill_process(Pid::from_child(child), what) {
        tracing::debug!(%error, "a scratch server was gone before a signal");
    }
}

fn free_port() -> Result<u16, StartError> {
    port::free().map_err(|source| StartError::System {
        what: "find a port",
        source,
    })
}

fn port_taken(said: &[LogLine]) -> bool {
    said.iter()
        .any(|l| l.message.contains("could not create any TCP/IP sockets"))
}

fn still_in_use(said: &[LogLine]) -> bool {
    said.iter()
        .any(|l| l.message.contains("shared memory block") && l.message.contains("in use"))
}
