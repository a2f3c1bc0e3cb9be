//! One start of a plain server: how it ends and every word it says, wherever it says it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, timeout};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::data_dir::DataDir;
use super::log::{self, LogLine};
use crate::{port, spawn};

/// Pause between two looks at a server that is starting or stopping.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long a start, a visit and a stop may take, each.
const WITHIN: Duration = Duration::from_secs(20);
/// The line of `postmaster.pid` that says how far the server is.
const STATUS_LINE: usize = 7;

/// How a plain start ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BareEnd {
    /// It stood and let a session in.
    Stood,
    /// It stood, but no session could be opened.
    Closed,
    /// It refused to start.
    Fell,
    /// It neither stood nor fell in time, or did not stop in time, and was killed.
    Late,
}

/// What came of a plain start.
#[derive(Clone, PartialEq, Debug)]
pub struct Bare {
    /// How it ended.
    pub end: BareEnd,
    /// Everything it said from start to stop, on standard error and in log files, oldest first per
    /// place.
    pub said: Vec<LogLine>,
}

impl DataDir {
    /// Starts the server with `conf` as the end of its configuration file and nothing of ours but
    /// port, addresses and language; visits it, stops it, and puts the file back.
    ///
    /// # Errors
    /// The file system or the system refused; nothing is left running.
    pub async fn bare_start(&self, conf: &str) -> io::Result<Bare> {
        let file = self.path().join("postgresql.conf");
        let kept = fs::read(&file)?;
        let port = port::free()?;
        let ours = "\nlisten_addresses = '127.0.0.1'\nlc_messages = 'C'\n";
        let text = [kept.as_slice(), ours.as_bytes(), conf.as_bytes(), b"\n"].concat();
        fs::write(&file, text)?;
        if let Err(error) = fs::remove_dir_all(self.path().join("log")) {
            tracing::trace!(%error, "no log files of an earlier start");
        }
        let outcome = self.run_bare(port).await;
        fs::write(&file, kept)?;
        outcome
    }

    async fn run_bare(&self, port: u16) -> io::Result<Bare> {
        let said = self.root().join("bare.log");
        let mut command = spawn::leashed(&self.binaries.postgres());
        command
            .arg("-D")
            .arg(self.path())
            .args(["-p", &port.to_string()])
            .arg("-k")
            .arg(self.root())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&said)?)
            .current_dir(self.root())
            .env("LC_ALL", "C");
        self.account.dress(&mut command);
        let mut child = spawn::spawn(command)?;
        let end = match self.until_ready(&mut child).await? {
            BareEnd::Stood => {
                let visited = timeout(WITHIN, visit(port, &self.path())).await;
                let visited = visited.unwrap_or(Err(io::ErrorKind::TimedOut.into()));
                if visited.is_ok() {
                    BareEnd::Stood
                } else {
                    BareEnd::Closed
                }
            }
            other => other,
        };
        let end = if stopped(&mut child).await? {
            end
        } else {
            BareEnd::Late
        };
        let mut lines = log::from_stderr(&String::from_utf8_lossy(&fs::read(&said)?));
        for file in self.log_files() {
            let text = fs::read(&file)?;
            let text = String::from_utf8_lossy(&text);
            lines.extend(match file.extension().and_then(|e| e.to_str()) {
                Some("json") => log::from_json(&text),
                _ => log::from_stderr(&text),
            });
        }
        Ok(Bare { end, said: lines })
    }

    async fn until_ready(&self, child: &mut Child) -> io::Result<BareEnd> {
        let deadline = Instant::now() + WITHIN;
        loop {
            if child.try_wait()?.is_some() {
                return Ok(BareEnd::Fell);
            }
            let status = fs::read_to_string(self.path().join("postmaster.pid")).unwrap_or_default();
            let status = status.lines().nth(STATUS_LINE).unwrap_or_default().trim();
            if matches!(status, "ready" | "standby") {
                return Ok(BareEnd::Stood);
            }
            if Instant::now() >= deadline {
                return Ok(BareEnd::Late);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn log_files(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path().join("log")) else {
            return Vec::new();
        };
        let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
        files.sort();
        files
    }
}

/// A session as an application would open it, on a server that is ours.
async fn visit(port: u16, data: &Path) -> io::Result<()> {
    let parameters = format!("host=127.0.0.1 port={port} user=postgres dbname=postgres");
    let (client, connection) = tokio_postgres::connect(&parameters, NoTls)
        .await
        .map_err(io::Error::other)?;
    let driver = tokio::spawn(connection);
    let messages = client
        .simple_query("SHOW data_directory")
        .await
        .map_err(io::Error::other)?;
    let found = messages.iter().find_map(|m| match m {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let ours = found.is_some_and(|f| Path::new(f).canonicalize().ok() == data.canonicalize().ok());
    if !ours {
        return Err(io::Error::other("another server answers on this port"));
    }
    drop(client);
    driver
        .await
        .map_err(io::Error::other)?
        .map_err(io::Error::other)
}

/// Fast shutdown; killed when that takes too long.
async fn stopped(child: &mut Child) -> io::Result<bool> {
    let deadline = Instant::now() + WITHIN;
    if child.try_wait()?.is_some() {
        return Ok(true);
    }
    kill_process(Pid::from_child(child), Signal::INT)?;
    while Instant::now() < deadline {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    child.kill()?;
    child.wait()?;
    Ok(false)
}
