//! One throw-away server.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::access::Access;
use super::errors::{ServerError, StopError};
use super::home;
use super::installation::{Installation, Release};
use crate::{port, spawn};

/// How the folders of servers begin in the temporary directory; then come our process id, `-` and
/// anything.
pub const SCRATCH_FOLDER: &str = "backstay-neo4j-";
/// Another program may take our port between the choice and the start.
const PORT_ATTEMPTS_MAX: u32 = 5;
/// Pause between two looks at a server that is stopping.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Looks at a server that was asked to stop before it is killed: 30 s in all.
const STOP_LOOKS_MAX: u32 = 1_500;

/// How a server is to be started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which release.
    pub release: Release,
    /// Settings for `neo4j.conf`, over ours.
    pub settings: Vec<(String, String)>,
    /// Whether it speaks TLS.
    pub tls: Tls,
    /// What its Java is tuned for.
    pub jvm: Jvm,
    /// Whether Java keeps what it loads, for the quick start of others.
    pub keep_classes: KeepClasses,
    /// How long the start may take.
    pub ready_within: Duration,
}

/// Whether a server's Java keeps the classes it loads in [`Installation::shared_classes`], as it stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeepClasses {
    /// It does; done once, when the jars are new. The stop takes long then.
    Yes,
    /// It uses what was kept.
    No,
}

/// Whether a server speaks TLS on Bolt; its certificate is one that it signed itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tls {
    /// Never.
    Refused,
    /// With whoever wants to.
    Offered,
    /// With everybody.
    Required,
}

/// What a server's Java is tuned for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Jvm {
    /// Ready soon, little memory (a heap of at most 512 MB), slower later: for tests.
    QuickStart,
    /// As users run it, with a heap of at most 1 GB: for measurements.
    Usual,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            release: Release::Supported,
            settings: Vec::new(),
            tls: Tls::Refused,
            jvm: Jvm::QuickStart,
            keep_classes: KeepClasses::No,
            ready_within: Duration::from_secs(120),
        }
    }
}

/// A running (or stopped) throw-away server, user `neo4j` with a random password, one database of the
/// same name. It dies with us; dropping it kills it and removes its folder.
#[derive(Debug)]
pub struct Server {
    installation: Installation,
    home: TempDir,
    port: u16,
    options: Options,
    child: Option<Child>,
}

impl Server {
    /// Starts a server on an empty store, on a free port of 127.0.0.1, and waits until it is ready.
    ///
    /// # Errors
    /// `ServerError`; nothing is left running.
    pub fn start(options: Options) -> Result<Self, ServerError> {
        let installation = Installation::find(options.release)?;
        let home = tempfile::Builder::new()
            .prefix(&format!("{SCRATCH_FOLDER}{}-", std::process::id()))
            .tempdir()
            .map_err(|source| ServerError::System {
                what: "make a folder",
                source,
            })?;
        let leash = Leash::Ours;
        let (child, port) = launch_anywhere(&installation, home.path(), &options, leash)?;
        Ok(Self {
            installation,
            home,
            port,
            options,
            child: Some(child),
        })
    }

    /// Starts the stopped or killed server again, on the same port and data. One that runs goes on.
    ///
    /// # Errors
    /// `ServerError`; the server does not run then.
    pub fn start_again(&mut self) -> Result<(), ServerError> {
        if self.child.is_none() {
            let at = (self.home.path(), self.port);
            self.child = Some(launch(&self.installation, at, &self.options, Leash::Ours)?);
        }
        Ok(())
    }

    /// Kills the server (`kill -9`); its data stay.
    ///
    /// # Errors
    /// `StopError::Stopped` when it does not run.
    pub fn kill9(&mut self) -> Result<(), StopError> {
        let mut child = self.child.take().ok_or(StopError::Stopped)?;
        let ended = child.kill().and_then(|()| child.wait());
        ended.map(drop).map_err(|source| StopError::System {
            what: "kill",
            source,
        })
    }

    /// An orderly shutdown; after half a minute the server is killed. One that does not run is stopped.
    ///
    /// # Errors
    /// `StopError` when the system did not let us.
    pub fn stop(&mut self) -> Result<(), StopError> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let failed = |what| move |source| StopError::System { what, source };
        let pid = Pid::from_child(&child);
        kill_process(pid, Signal::TERM).map_err(|e| failed("stop")(e.into()))?;
        for _ in 0..STOP_LOOKS_MAX {
            if child.try_wait().map_err(failed("wait for"))?.is_some() {
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let killed = child.kill().and_then(|()| child.wait());
        killed.map(drop).map_err(failed("kill"))
    }

    /// Freezes the server (`SIGSTOP`): connections are taken by the system, and nobody answers.
    ///
    /// # Errors
    /// `StopError` when it does not run.
    pub fn pause(&self) -> Result<(), StopError> {
        self.signal("freeze", Signal::STOP)
    }

    /// Thaws it.
    ///
    /// # Errors
    /// `StopError` when it does not run.
    pub fn resume(&self) -> Result<(), StopError> {
        self.signal("thaw", Signal::CONT)
    }

    /// How it is reached, running or not.
    #[must_use]
    pub fn access(&self) -> Access {
        home::access(self.home.path(), self.port)
    }

    /// The certificate (PEM) that it shows when it speaks TLS.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        home::certificate(self.home.path())
    }

    /// Its folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    fn signal(&self, what: &'static str, signal: Signal) -> Result<(), StopError> {
        let child = self.child.as_ref().ok_or(StopError::Stopped)?;
        kill_process(Pid::from_child(child), signal).map_err(|e| StopError::System {
            what,
            source: e.into(),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match self.kill9() {
            Ok(()) | Err(StopError::Stopped) => {}
            Err(error) => tracing::warn!(%error, "a scratch Neo4j could not be killed"),
        }
    }
}

/// Whether a server dies with us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Leash {
    /// It does.
    Ours,
    /// It goes on without us.
    Free,
}

/// Starts a server on whatever port is free; gives its process and the port.
pub(crate) fn launch_anywhere(
    installation: &Installation,
    home: &Path,
    options: &Options,
    leash: Leash,
) -> Result<(Child, u16), ServerError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let port = free_port()?;
        home::prepare(home, port, options)?;
        match launch(installation, (home, port), options, leash) {
            Err(ServerError::Refused { said })
                if said.contains("Address already in use") && attempt < PORT_ATTEMPTS_MAX => {}
            Err(error) => return Err(error),
            Ok(child) => return Ok((child, port)),
        }
    }
}

/// Starts a server in a prepared home and waits for the word that it is ready. It says so on a pipe
/// that only we hold: another server on the port cannot pass for it.
fn launch(
    installation: &Installation,
    (home, port): (&Path, u16),
    options: &Options,
    leash: Leash,
) -> Result<Child, ServerError> {
    let failed = |what| move |source| ServerError::System { what, source };
    let log = home.join("said.log");
    let said = || fs::read_to_string(&log).unwrap_or_default();
    let mut command = java(installation, home, options, leash);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&log).map_err(failed("open a log"))?);
    tracing::debug!(port, "starting a scratch Neo4j");
    let mut child = spawn::spawn(command).map_err(failed("start a process"))?;
    let news = child.stdout.take().map(listen);
    let heard = news.map(|n| n.recv_timeout(options.ready_within));
    if matches!(heard, Some(Ok(()))) {
        return Ok(child);
    }
    let ended = child.try_wait();
    let killed = child.kill().and_then(|()| child.wait());
    tracing::debug!(?ended, ?killed, "a scratch Neo4j did not get ready");
    match heard {
        Some(Err(mpsc::RecvTimeoutError::Timeout)) => Err(ServerError::Late {
            limit_s: options.ready_within.as_secs(),
            said: said(),
        }),
        _ => Err(ServerError::Refused { said: said() }),
    }
}

fn java(installation: &Installation, home: &Path, options: &Options, leash: Leash) -> Command {
    let mut command = match leash {
        Leash::Ours => spawn::leashed(&installation.java),
        Leash::Free => Command::new(&installation.java),
    };
    let tuning: &[&str] = match options.jvm {
        Jvm::QuickStart => &["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
        Jvm::Usual => &["-Xmx1g"],
    };
    command.args(tuning);
    let shared = installation.shared_classes();
    if options.keep_classes == KeepClasses::Yes {
        command.arg(format!("-XX:ArchiveClassesAtExit={}", shared.display()));
    } else if shared.is_file() {
        command.arg(format!("-XX:SharedArchiveFile={}", shared.display()));
        command.args(["-Xshare:auto", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]);
    }
    if installation.release == Release::Older {
        command.args(OPENED.iter().flat_map(|p| ["--add-opens", p]));
    }
    command
        .arg("-cp")
        .arg(installation.class_path())
        .arg("Main")
        .arg(home)
        .current_dir(home)
        .process_group(0);
    command
}

/// Packages of Java that the older release reaches into.
const OPENED: [&str; 5] = [
    "java.base/java.lang=ALL-UNNAMED",
    "java.base/java.nio=ALL-UNNAMED",
    "java.base/java.io=ALL-UNNAMED",
    "java.base/sun.nio.ch=ALL-UNNAMED",
    "java.base/java.util.concurrent=ALL-UNNAMED",
];

/// Reads what the server prints until its end; one message when it is ready.
fn listen(output: ChildStdout) -> mpsc::Receiver<()> {
    let (sender, news) = mpsc::channel();
    std::thread::spawn(move || {
        let mut sender = Some(sender);
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let told = (line == "ready").then(|| sender.take()).flatten();
            if told.is_some_and(|s| s.send(()).is_err()) {
                tracing::debug!("a scratch Neo4j was ready too late");
            }
        }
    });
    news
}

fn free_port() -> Result<u16, ServerError> {
    port::free().map_err(|source| ServerError::System {
        what: "find a port",
        source,
    })
}
