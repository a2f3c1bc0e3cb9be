//! A guard keeps its graph in Neo4j, and either of them is killed at any moment. In the end the graph is
//! what one undisturbed reading of the journal makes of it: nothing is lost, nothing is there twice.

use std::time::Duration;

use backstay_chance::Dice;
use backstay_graph::GraphStore;
use backstay_model::Timestamp;
use backstay_scratch::neo4j::{
    Access, Installation, Options, Release, Server, own_name, say_skipped,
};
use backstay_store_neo4j::{Address, Deployment, Neo4jGraph, Password};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::bed::{Bed, Person, Wanted, backstay};
use crate::guard::{Guard, PATIENCE, Start};
use crate::say::say;

/// Rounds of each kind of kill, when all are wanted.
const ROUNDS: u64 = 20;
/// Rounds of each when nothing is said.
const ROUNDS_USUAL: u64 = 1;
/// A kill comes so long after the change was seen, at most.
const MOMENT_MAX_MS: u64 = 120;
/// The guard asks a server that was away every 30 s at the longest, and has then to catch up.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(90);
/// Pause between two looks at what `status` tells.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What a guard complains of while its graph store is away.
const AWAY: &str = "the graph store is not fed";

/// Neo4j, PostgreSQL and the names of it all.
struct World {
    bed: Bed,
    neo4j: Server,
    deployment: String,
    graph: String,
}

impl World {
    async fn make(test: &str) -> Option<Self> {
        if let Err(why) = Installation::find(Release::Supported) {
            say_skipped(test, &why);
            return None;
        }
        let bed = Bed::make(Wanted {
            load: None,
            ..Wanted::default()
        });
        let bed = bed.await?;
        let neo4j = Server::start(Options::default()).unwrap();
        let (access, deployment) = (neo4j.access(), own_name().unwrap());
        let graph = format!(
            "store = \"neo4j\"\nuri = \"{}\"\npassword_file = \"{}\"\ndeployment = \"{deployment}\"",
            uri(&access),
            access.password_file.display()
        );
        let world = Self {
            bed,
            neo4j,
            deployment,
            graph,
        };
        world.runs("init", &[&uri(&access)]).await;
        Some(world)
    }

    /// Runs `backstay graph …` on the server.
    async fn runs(&self, verb: &str, arguments: &[&str]) {
        let password = self.neo4j.access().password_file.display().to_string();
        let state = self.state();
        let rest = ["--password-file", &password, "--state-dir", &state];
        let all = [&["graph", verb], arguments, &rest].concat();
        let output = backstay(&all).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "graph {verb}: {said}");
    }

    /// Whom the database does not let in goes on watching, says so, and what it records is not lost.
    async fn goes_on_when_refused(&mut self, person: &Person) {
        let wrong = self.bed.state().join("wrong");
        std::fs::write(&wrong, "not the password\n").unwrap();
        let right = self.neo4j.access().password_file.display().to_string();
        let refused = self.graph.replace(&right, &wrong.display().to_string());
        let right = std::mem::replace(&mut self.graph, refused);
        let mut guard = self.guard().await;
        person.changes(&["ALTER SYSTEM SET work_mem = '7MB'"]).await;
        guard.sees("work_mem").await;
        let told = async {
            loop {
                let store = self.store().await;
                if store["trouble"].is_object() {
                    break store["trouble"].clone();
                }
                sleep(LOOK_EVERY).await;
            }
        };
        let told = timeout(CAUGHT_UP_WITHIN, told).await.unwrap();
        assert!(
            told["what"].as_str().unwrap().contains("does not let"),
            "{told}"
        );
        assert!(
            told["hint"].as_str().unwrap().contains("password"),
            "{told}"
        );
        assert!(!guard.output().contains("not the password"));
        guard.ends_after(&[AWAY]).await;
        self.graph = right;
    }

    fn state(&self) -> String {
        self.bed.state().join("state").display().to_string()
    }

    /// A guard that has begun to watch.
    async fn guard(&self) -> Guard {
        let start = Start {
            mode: "observe",
            graph: Some(&self.graph),
            lasts: "30m",
            ..Start::on(&self.bed)
        };
        let mut guard = Guard::start(&self.bed, &start);
        guard.hears("baseline", PATIENCE, |_| true).await;
        guard
    }

    /// What `status` tells of the graph store.
    async fn store(&self) -> Value {
        let output = backstay(&["status", "--json", "--state-dir", &self.state()])
            .output()
            .await
            .unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        status["graph_store"].clone()
    }

    /// Waits until the guard has fed the store everything that is recorded.
    async fn caught_up(&self, guard: &Guard) {
        let done = async {
            while self.store().await["behind"] != 0 {
                sleep(LOOK_EVERY).await;
            }
        };
        if timeout(CAUGHT_UP_WITHIN, done).await.is_err() {
            panic!(
                "it does not catch up: {}\n{}",
                self.store().await,
                guard.told()
            );
        }
    }

    fn open(&self, deployment: &str) -> Neo4jGraph {
        let access = self.neo4j.access();
        let mut address = Address::parse(&access.uri).unwrap();
        address.user.clone_from(&access.user);
        let password = Password::new(access.password().unwrap());
        Neo4jGraph::open(&address, &password, Deployment::new(deployment).unwrap()).unwrap()
    }

    /// The graph that the guards made is the one that the journal makes in one go. No guard runs.
    async fn is_what_the_journal_says(&self) {
        let oracle = own_name().unwrap();
        let uri = uri(&self.neo4j.access());
        for deployment in [&self.deployment, &oracle] {
            // Ours lacks what the guard recorded at its very end.
            self.runs("sync", &["--to", &uri, "--deployment", deployment])
                .await;
        }
        let (ours, oracle) = (self.open(&self.deployment), self.open(&oracle));
        tokio::task::block_in_place(|| {
            assert_eq!(ours.applied_seq().unwrap(), oracle.applied_seq().unwrap());
            let now = Timestamp(i64::MAX - 1);
            let (made, wanted) = (ours.snapshot(now).unwrap(), oracle.snapshot(now).unwrap());
            assert!(wanted.edges.len() > 100 && !wanted.settings.is_empty());
            assert_eq!(made, wanted);
            for entry in &wanted.settings {
                let (target, setting) = (&entry.target, &entry.key);
                let history = ours.history(target, setting).unwrap();
                assert_eq!(
                    history,
                    oracle.history(target, setting).unwrap(),
                    "{setting:?}"
                );
            }
        });
    }
}

/// The URI with its user, as people write it.
fn uri(access: &Access) -> String {
    let (scheme, rest) = access.uri.split_once("://").unwrap();
    format!("{scheme}://{}@{rest}", access.user)
}

/// What is killed in a round, and when.
#[derive(Clone, Copy, Debug)]
enum Kill {
    /// The guard, at any moment after it saw the change.
    Guard,
    /// The guard, while Neo4j owes it an answer.
    GuardWaiting,
    /// Neo4j, at any moment after the guard saw the change.
    Neo4j,
}

/// A change, and a kill in the middle of what follows from it; the guard that runs then.
async fn round(
    world: &mut World,
    mut guard: Guard,
    (kill, person, dice): (Kill, &Person, &mut Dice),
) -> Guard {
    guard.forget();
    if matches!(kill, Kill::GuardWaiting) {
        world.neo4j.pause().unwrap();
    }
    let size = 4_096 + 64 * dice.below(1_000);
    person
        .changes(&[
            &format!("ALTER SYSTEM SET work_mem = '{size}kB'"),
            &format!("ALTER SYSTEM SET maintenance_work_mem = '{}kB'", 16 * size),
        ])
        .await;
    guard.sees("work_mem").await;
    // Any moment is a good one to be killed at.
    sleep(Duration::from_millis(dice.below(MOMENT_MAX_MS))).await;
    if matches!(kill, Kill::Neo4j) {
        tokio::task::block_in_place(|| {
            world.neo4j.kill9().unwrap();
            world.neo4j.start_again().unwrap();
        });
        return guard;
    }
    guard.kill9().await;
    if matches!(kill, Kill::GuardWaiting) {
        world.neo4j.resume().unwrap();
    }
    world.guard().await
}

fn rounds(test: &str) -> u64 {
    let asked = std::env::var("BACKSTAY_NEO4J_ROUNDS").ok();
    let rounds = asked.map_or(ROUNDS_USUAL, |r| r.parse().expect("a number of rounds"));
    if rounds < ROUNDS {
        let left = ROUNDS - rounds;
        say(&format!(
            "SKIPPED: {test}: {left} of {ROUNDS} rounds: `cargo xtask neo4j kill` plays them"
        ));
    }
    rounds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_the_graph_is_what_the_journal_says() {
    let test = "whatever_is_killed_the_graph_is_what_the_journal_says";
    let Some(mut world) = World::make(test).await else {
        return;
    };
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let (mut dice, rounds) = (Dice::new(seed), rounds(test));
    let person = world.bed.person().await;
    world.goes_on_when_refused(&person).await;
    let began = Instant::now();
    for turn in 0..rounds {
        let mut guard = world.guard().await;
        for kill in [Kill::Guard, Kill::GuardWaiting, Kill::Neo4j] {
            guard = round(&mut world, guard, (kill, &person, &mut dice)).await;
        }
        world.caught_up(&guard).await;
        guard.ends_after(&[AWAY]).await;
        world.is_what_the_journal_says().await;
        println!("round {turn}: {:.0} s", began.elapsed().as_secs_f64());
    }
}
