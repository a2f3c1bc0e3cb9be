//! A server that outlives the program that started it, for a person to look at.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::access::Access;
use super::errors::ServerError;
use super::installation::Installation;
use super::server::{self, Leash, Options};

/// The file in the home that names the process and the port.
const NOTE: &str = "running";
/// Pause between two looks at a server that is stopping.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Looks at a server that was asked to stop before we give up: 30 s in all.
const STOP_LOOKS_MAX: u32 = 1_500;

/// A server that runs until [`Lasting::stop`], known by the folder it lives in.
#[derive(Debug)]
pub struct Lasting {
    home: PathBuf,
    pid: Pid,
    port: u16,
}

/// A lasting server could not be started, found or stopped.
#[derive(Debug, thiserror::Error)]
pub enum LastingError {
    /// It does not start.
    #[error("cannot start a lasting Neo4j")]
    Start {
        /// Why.
        #[from]
        source: ServerError,
    },
    /// The system refused.
    #[error("cannot {what} a lasting Neo4j")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// It was asked to stop and is still there.
    #[error("the Neo4j with process id {pid} does not stop")]
    Stubborn {
        /// Its process.
        pid: i32,
    },
}

impl Lasting {
    /// The server that runs in `home`; the process that the note there names counts only while its own
    /// command line says that it works in this home.
    #[must_use]
    pub fn find(home: &Path) -> Option<Self> {
        let home = home.canonicalize().ok()?;
        let note = fs::read_to_string(home.join(NOTE)).ok()?;
        let (pid, port) = note.trim().split_once(' ')?;
        let pid = Pid::from_raw(pid.parse().ok()?)?;
        let port = port.parse().ok()?;
        works_in(pid, &home).then_some(Self { home, pid, port })
    }

    /// The server that runs in `home`, or a new one with whatever data are there.
    ///
    /// # Errors
    /// `LastingError`; nothing new is left running.
    pub fn start(home: &Path, options: &Options) -> Result<Self, LastingError> {
        if let Some(there) = Self::find(home) {
            return Ok(there);
        }
        let failed = |what| move |source| LastingError::System { what, source };
        fs::create_dir_all(home).map_err(failed("make a folder for"))?;
        let home = home.canonicalize().map_err(failed("find the folder of"))?;
        let installation = Installation::find(options.release).map_err(ServerError::from)?;
        let (mut child, port) =
            server::launch_anywhere(&installation, &home, options, Leash::Free)?;
        let pid = Pid::from_child(&child);
        let note = format!("{} {port}\n", pid.as_raw_nonzero());
        if let Err(source) = fs::write(home.join(NOTE), note) {
            let ended = child.kill().and_then(|()| child.wait());
            tracing::debug!(?ended, "killed a Neo4j that could not be noted");
            return Err(failed("note")(source));
        }
        Ok(Self { home, pid, port })
    }

    /// How it is reached.
    #[must_use]
    pub fn access(&self) -> Access {
        super::home::access(&self.home, self.port)
    }

    /// Stops it and removes its folder with everything in it.
    ///
    /// # Errors
    /// `LastingError`; the folder is still there then.
    pub fn stop(self) -> Result<(), LastingError> {
        let failed = |what| move |source| LastingError::System { what, source };
        match kill_process(self.pid, Signal::TERM) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => return Err(failed("stop")(error.into())),
        }
        for _ in 0..STOP_LOOKS_MAX {
            if gone(self.pid) {
                return fs::remove_dir_all(&self.home).map_err(failed("remove the folder of"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Err(LastingError::Stubborn {
            pid: self.pid.as_raw_nonzero().get(),
        })
    }
}

/// Whether `pid` is a process whose last argument is `home`.
fn works_in(pid: Pid, home: &Path) -> bool {
    let file = format!("/proc/{}/cmdline", pid.as_raw_nonzero());
    let words = fs::read(file).unwrap_or_default();
    let words = words.strip_suffix(b"\0").unwrap_or(&words);
    let last = words.rsplit(|b| *b == 0).next();
    last == Some(std::os::unix::ffi::OsStrExt::as_bytes(home.as_os_str()))
}

/// Whether there is no such process, or one that only waits to be buried.
fn gone(pid: Pid) -> bool {
    let buried = test_kill_process(pid) == Err(Errno::SRCH);
    let file = format!("/proc/{}/cmdline", pid.as_raw_nonzero());
    buried || fs::read(file).is_ok_and(|words| words.is_empty())
}
