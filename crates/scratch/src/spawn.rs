//! Starting child processes that die with us.
//!
//! `setpriv --pdeathsig KILL` (util-linux) asks the kernel to kill the server when its parent goes,
//! also when that parent is itself killed. The kernel means the parent *thread*, so one thread that
//! lives as long as the process starts all servers. Where there is no `setpriv`, a killed parent
//! leaves its servers behind; `Drop` still stops them in every other case.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc;

type Job = (Command, mpsc::Sender<io::Result<Child>>);

/// A command that runs `program` and dies with us where the system can do that.
pub(crate) fn leashed(program: &Path) -> Command {
    match setpriv() {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args([
                OsStr::new("--pdeathsig"),
                OsStr::new("KILL"),
                OsStr::new("--"),
            ]);
            command.arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// Starts `command` from the thread that outlives all others.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    let (reply, child) = mpsc::channel();
    keeper()?
        .send((command, reply))
        .map_err(|_| io::Error::other("the keeper thread is gone"))?;
    child
        .recv()
        .map_err(|_| io::Error::other("the keeper thread is gone"))?
}

fn keeper() -> io::Result<mpsc::Sender<Job>> {
    static KEEPER: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    if let Some(keeper) = KEEPER.get() {
        return Ok(keeper.clone());
    }
    let (jobs, inbox) = mpsc::channel::<Job>();
    std::thread::Builder::new()
        .name("scratch-keeper".into())
        .spawn(move || {
            for (mut command, reply) in inbox {
                if let Err(mpsc::SendError(Ok(mut orphan))) = reply.send(command.spawn()) {
                    let ended = orphan.kill().and_then(|()| orphan.wait());
                    tracing::debug!(?ended, "killed a child nobody waited for");
                }
            }
        })?;
    // When two threads race here, the second keeper ends at once: its sender is dropped.
    Ok(KEEPER.get_or_init(|| jobs).clone())
}

fn setpriv() -> Option<&'static Path> {
    static SETPRIV: OnceLock<Option<&'static Path>> = OnceLock::new();
    *SETPRIV.get_or_init(|| {
        let places = ["/usr/bin/setpriv", "/bin/setpriv", "/usr/local/bin/setpriv"];
        let found = places.into_iter().map(Path::new).find(|p| {
            let said = Command::new(p).arg("--help").output();
            said.is_ok_and(|s| String::from_utf8_lossy(&s.stdout).contains("--pdeathsig"))
        });
        if found.is_none() {
            tracing::warn!("no setpriv with --pdeathsig: scratch servers outlive a killed parent");
        }
        found
    })
}
