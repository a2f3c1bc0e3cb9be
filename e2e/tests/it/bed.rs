//! A throw-away server with a load, and the roles that `backstay doctor` describes.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use backstay_scratch::load::{Load, LoadHandle, Mix, prepare};
use backstay_scratch::postgres::{Binaries, Options, Server};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::Instant;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::say::say;
use crate::turn::{MyTurn, Turn};

/// Longest wait for a condition in a database or a file.
pub(crate) const SOON: Duration = Duration::from_secs(15);
/// Pause between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The database of every story.
pub(crate) const DATABASE: &str = "shop";
/// The role that observes, made by doctor's statements for mode observe.
pub(crate) const OBSERVER: &str = "backstay_observe";
/// The role that writes, made by doctor's statements for mode auto.
pub(crate) const WRITER: &str = "backstay_auto";
/// A person who may do everything.
pub(crate) const PERSON: &str = "ann";

/// What a story needs.
pub(crate) struct Wanted<'a> {
    pub(crate) turn: Turn,
    pub(crate) load: Option<Mix>,
    /// Settings of the server.
    pub(crate) settings: &'a [(&'a str, &'a str)],
    /// Settings that Backstay may write.
    pub(crate) grants: &'a [&'a str],
    /// Roles whose settings Backstay may write.
    pub(crate) roles: &'a [&'a str],
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self {
            turn: Turn::Beside,
            load: Some(light()),
            settings: &[],
            grants: &["work_mem"],
            roles: &[],
        }
    }
}

/// All four services, at a rate that leaves room for the story beside this one.
pub(crate) fn light() -> Mix {
    Mix::paced([30.0, 50.0, 1.0, 5.0])
}

/// A server with everything on it. Dropping it ends and removes all of it.
pub(crate) struct Bed {
    pub(crate) server: Server,
    _load: Option<LoadHandle>,
    state: TempDir,
    _turn: MyTurn,
}

impl Bed {
    /// Waits for its turn and makes the bed; `None`, said aloud, on a machine without PostgreSQL.
    pub(crate) async fn make(wanted: Wanted<'_>) -> Option<Self> {
        if let Err(why) = Binaries::find() {
            let name = std::thread::current().name().unwrap_or("a test").to_owned();
            say(&format!("SKIPPED: {name}: {why}"));
            return None;
        }
        let turn = MyTurn::comes(wanted.turn).await;
        let pairs = wanted.settings.iter();
        let options = Options {
            settings: pairs
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
            ..Options::default()
        };
        let server = Server::start(options).await.unwrap();
        prepare(&server, DATABASE, 1).await.unwrap();
        server
            .execute(&format!("CREATE ROLE {PERSON} LOGIN SUPERUSER"))
            .await
            .unwrap();
        let mut bed = Self {
            server,
            _load: None,
            state: TempDir::with_prefix("backstay-e2e-").unwrap(),
            _turn: turn,
        };
        bed.roles(&wanted).await;
        if let Some(mix) = &wanted.load {
            bed._load = Some(Load::start(&bed.dsn("app"), mix).unwrap());
        }
        Some(bed)
    }

    /// Runs the statements that doctor prints, as an administrator would.
    async fn roles(&self, wanted: &Wanted<'_>) {
        let admin = self.dsn("postgres");
        let (settings, roles) = (wanted.grants.join(","), wanted.roles.join(","));
        let mut writing = vec!["--mode", "auto", "--role", WRITER, "--probe-role", "app"];
        writing.extend(["--settings", &settings]);
        if !roles.is_empty() {
            writing.extend(["--roles", &roles]);
        }
        let observing = ["--mode", "observe", "--role", OBSERVER].as_slice();
        for arguments in [observing, &writing] {
            let document = doctor(&admin, arguments).await;
            let grants = document["grants"][0]["statements"].as_array().unwrap();
            let probe = document["probe_setup"].as_array().unwrap();
            let probe = probe.iter().filter(|_| arguments != observing);
            for statement in grants.iter().chain(probe) {
                let statement = statement.as_str().unwrap();
                if !statement.starts_with("--") {
                    self.execute(statement).await;
                }
            }
        }
    }

    /// Connection string of `role` to the database of the story.
    pub(crate) fn dsn(&self, role: &str) -> String {
        self.server.dsn(role, DATABASE)
    }

    /// The folder around the guard's state directory.
    pub(crate) fn state(&self) -> &Path {
        self.state.path()
    }

    /// Runs a statement as superuser in the database of the story.
    pub(crate) async fn execute(&self, sql: &str) {
        let done = self.server.execute_in(DATABASE, sql).await;
        done.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }

    /// The person's session.
    pub(crate) async fn person(&self) -> Person {
        let client = self.server.connect_as(PERSON, DATABASE).await.unwrap();
        let person = Person(client);
        // People mend things with tools that do not fall to what they mend.
        person.says("SET statement_timeout = 0").await;
        person
    }

    /// What a new session of `role` gets for `name`, `None` while it gets nothing.
    pub(crate) async fn fresh(&self, role: &str, name: &str) -> Option<String> {
        let client = self.server.connect_as(role, DATABASE).await.ok()?;
        cell(&client, &format!("SHOW {name}")).await
    }

    /// The lines of `postgresql.auto.conf` without comments.
    pub(crate) fn auto_conf(&self) -> Vec<String> {
        let text = self.read("postgresql.auto.conf");
        let lines = text.lines().filter(|l| !l.starts_with('#'));
        lines.map(str::to_owned).collect()
    }

    /// The entry of `name` in `postgresql.auto.conf`.
    pub(crate) fn entry(&self, name: &str) -> Option<String> {
        let lines = self.auto_conf();
        lines
            .into_iter()
            .find(|l| l.split([' ', '=']).next() == Some(name))
    }

    /// A file of the data directory.
    pub(crate) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.server.data_dir().join(file)).unwrap()
    }

    /// Writes a file of the data directory, in place: its owner stays.
    pub(crate) fn write(&self, file: &str, text: &str) {
        std::fs::write(self.server.data_dir().join(file), text).unwrap();
    }
}

/// A person's own session, opened before any trouble.
pub(crate) struct Person(pub(crate) Client);

impl Person {
    /// Runs one statement.
    pub(crate) async fn says(&self, sql: &str) {
        let done = self.0.simple_query(sql).await;
        done.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }

    /// Runs statements and the reload that makes them work; the answer is the moment of that.
    pub(crate) async fn changes(&self, statements: &[&str]) -> Instant {
        for statement in statements {
            self.says(statement).await;
        }
        self.says("SELECT pg_reload_conf()").await;
        Instant::now()
    }

    /// The one cell of an answer.
    pub(crate) async fn asks(&self, sql: &str) -> String {
        cell(&self.0, sql).await.unwrap_or_default()
    }

    /// Asks until the answer is `wanted`.
    pub(crate) async fn waits(&self, sql: &str, wanted: &str) {
        let until = Instant::now() + SOON;
        let mut last = String::new();
        while Instant::now() < until {
            last = self.asks(sql).await;
            if last == wanted {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        panic!("{sql} never said {wanted:?}, but {last:?}");
    }
}

async fn cell(client: &Client, sql: &str) -> Option<String> {
    let answer = client.simple_query(sql).await.ok()?;
    answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    })
}

/// Waits for a condition on this machine.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The binary beside this test.
pub(crate) fn binary() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("backstay");
    assert!(
        path.exists(),
        "{} is missing: run `cargo build -p backstay-cli` first",
        path.display()
    );
    path
}

/// The binary, without anything of this machine's environment that would change what it does.
pub(crate) fn backstay(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for (name, _) in std::env::vars() {
        if name.starts_with("PG") || name.starts_with("BACKSTAY_") {
            command.env_remove(name);
        }
    }
    command
}

/// What `backstay doctor … --json` says.
pub(crate) async fn doctor(dsn: &str, arguments: &[&str]) -> Value {
    let all = [&["doctor", dsn, "--json"], arguments].concat();
    let output = backstay(&all).output().await.unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        let said = String::from_utf8_lossy(&output.stderr);
        panic!("doctor said no JSON ({e}): {said}")
    })
}
