//! Running the binary, and a state directory to ask about.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use backstay_guard::Guard;
use backstay_guard::books::{Books, Shelf};
use backstay_guard::desk::DeskSetup;
use backstay_guard::lockstep::Lockstep;
use backstay_model::{SettingKey, Span, Timestamp};
use backstay_store_sqlite::{
    Limits, SqliteGraph, SqliteLog, SqliteMetrics, SqliteSnapshots, Stores,
};
use backstay_world::action::{Action, Door, Turn};
use backstay_world::{World, demo};
use serde_json::Value;
use tempfile::TempDir;

/// A folder for the files of one test, and its empty state directory.
pub(crate) struct Bench {
    dir: TempDir,
}

/// What a run said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Standard output as a JSON document.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.err))
    }

    /// The failure on standard error as a JSON document.
    pub(crate) fn failure(&self) -> Value {
        let line = self.err.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {}", self.err))
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// The state directory; the binary is always pointed here, never at the user's own.
    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// A file of the test.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The binary with these words, in the folder, with nothing of the user's environment.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstay"));
        command
            .args(words)
            .env_clear()
            .env("HOME", self.dir.path())
            .env("USER", "ann")
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("BACKSTAY_STATE_DIR", self.state())
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        Ran::of(&self.command(words).output().unwrap())
    }

    /// The same, words separated by blanks.
    pub(crate) fn say(&self, line: &str) -> Ran {
        self.run(&line.split_whitespace().collect::<Vec<_>>())
    }
}

/// Books on disk.
pub(crate) struct OnDisk;

impl Books for OnDisk {
    type Entries = SqliteLog;
    type Snapshots = SqliteSnapshots;
    type Metrics = SqliteMetrics;
    type Graph = SqliteGraph;
}

/// A guard on a simulated database, on the books of a bench.
pub(crate) struct Watched {
    pub(crate) guard: Guard<OnDisk>,
    pub(crate) lockstep: Lockstep<World>,
    now: Timestamp,
}

/// When the third change is made: durability, so it waits for a person.
const FSYNC_AT: Span = Span::from_millis(65_400);
/// By then it is held.
const HELD_S: u32 = 95;
/// When the server is restarted, in a story of a restart.
const RESTART_AT: Span = Span::from_secs(5);
/// By then it is up again.
const RESTARTED_S: u32 = 12;
/// When a later guard begins, on the same clock.
const LATER: Span = Span::from_secs(600);

impl Watched {
    /// Plays the story of the demo, and then a change of durability: one kept, one rolled back, one
    /// held. Virtual time, so every run is the same.
    pub(crate) fn story(bench: &Bench) -> Self {
        let world = demo::world(7);
        let began_at = world.now();
        let turn = Turn {
            by: Some("bob".to_owned()),
            key: SettingKey::instance("fsync"),
            door: Door::Statement,
            value: Some("off".to_owned()),
            why: Some("OPS-90 faster import".to_owned()),
        };
        world.schedule(began_at + FSYNC_AT, Action::Change(turn));
        let desks = vec![demo::desk(&world)];
        let mut watched = Self::of(bench, world, desks, began_at);
        (0..HELD_S).for_each(|_| watched.second());
        watched
    }

    /// A guard of the demo's database, whose server is restarted; it is up again.
    pub(crate) fn restarted(bench: &Bench) -> Self {
        let world = demo::quiet_world(7);
        let began_at = world.now();
        let lasts = Span::from_secs(2);
        world.schedule(began_at + RESTART_AT, Action::Restart { lasts });
        let desks = vec![demo::desk(&world)];
        let mut watched = Self::of(bench, world, desks, began_at);
        (0..RESTARTED_S).for_each(|_| watched.second());
        watched
    }

    /// A later guard of the demo's database, that has heard nothing yet.
    pub(crate) fn begin(bench: &Bench) -> Self {
        let world = demo::quiet_world(7);
        let desks = vec![demo::desk(&world)];
        Self::later(bench, world, desks)
    }

    /// A later guard that watches nothing.
    pub(crate) fn nothing(bench: &Bench) -> Self {
        Self::later(bench, demo::quiet_world(7), Vec::new())
    }

    fn later(bench: &Bench, world: World, desks: Vec<DeskSetup>) -> Self {
        let now = world.now() + LATER;
        let mut watched = Self::of(bench, world, desks, now);
        watched.guard.tick(now, Vec::new()).unwrap();
        watched
    }

    fn of(bench: &Bench, world: World, desks: Vec<DeskSetup>, now: Timestamp) -> Self {
        let limits = Limits {
            metrics_bytes_max: 16 << 20,
            journal_bytes_max: None,
        };
        let stores = Stores::open(&bench.state(), &limits).unwrap();
        let shelf = Shelf {
            entries: stores.log,
            snapshots: stores.snapshots,
            metrics: stores.metrics,
            graph: stores.graph,
        };
        Self {
            guard: Guard::begin(shelf, desks, now).unwrap(),
            lockstep: Lockstep::new(world.target(), world),
            now,
        }
    }

    /// Lets one virtual second pass.
    pub(crate) fn second(&mut self) {
        self.now = self.now + Span::from_secs(1);
        let told = backstay_world::story::at_once(self.lockstep.second(&mut self.guard, self.now));
        told.unwrap().unwrap();
    }
}

/// Copies a state directory, to damage the copy.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
