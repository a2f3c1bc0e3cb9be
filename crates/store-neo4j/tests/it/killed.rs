//! The writer and the server are killed at any moment: nothing is lost, nothing is there twice.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use backstay_chance::Dice;
use backstay_graph::{Graph, GraphStore};
use backstay_model::Timestamp;
use backstay_scratch::neo4j::Access;
use backstay_store_neo4j::{Deployment, Neo4jGraph, schema};

use super::bed::{self, Console};

/// What the writer that is killed is told: seed and deployment.
const WRITER: &str = "BACKSTAY_NEO4J_WRITER";
/// Rounds of each, when all are wanted.
const ROUNDS: u64 = 20;
/// Rounds of kills of the server when nothing is said: each takes a start of it.
const ROUNDS_USUAL: u64 = 2;
/// Batches that a writer hands over at once, at most.
const GROUP_MAX: u64 = 9;
/// A kill comes so long after the beginning of a group, at most, if it is not over before.
const MOMENT_MAX_MS: u64 = 60;

fn seed() -> u64 {
    let seed = std::env::var("BACKSTAY_SEED")
        .ok()
        .and_then(|s| s.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed} (set BACKSTAY_SEED to run it again)");
    seed
}

fn open(access: &Access, deployment: &Deployment) -> Neo4jGraph {
    let (address, password) = (bed::address(access), bed::password(access));
    Neo4jGraph::open(&address, &password, deployment.clone()).unwrap()
}

/// What a writer is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum News {
    /// It begins to hand over a group of batches.
    Begins,
    /// The graph has everything up to this batch.
    Has(u64),
}

/// Hands over the next few batches, a random number of them at once.
fn step(
    store: &mut Neo4jGraph,
    (seed, dice): (u64, &mut Dice),
    tell: impl Fn(News),
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let have = store.applied_seq()?;
    let count = 1 + dice.below(GROUP_MAX);
    let group = (have + 1..=have + count).map(|s| bed::batch(seed, s));
    let group: Vec<_> = group.collect();
    tell(News::Begins);
    tell(News::Has(store.apply_group(&group)?));
    Ok(())
}

/// What became of a kill.
#[derive(Default)]
struct Killed {
    /// The last batch that was acknowledged.
    acknowledged: u64,
    /// Whether it fell between the beginning of a group and its acknowledgement.
    amid: bool,
}

/// Listens until so many groups are acknowledged, and kills at a random moment of the next one.
fn kill_amid(news: &mpsc::Receiver<News>, dice: &mut Dice, kill: impl FnOnce()) -> Killed {
    let mut killed = Killed::default();
    let mut groups = 1 + dice.below(6);
    let mut hear = |news: News| {
        killed.amid = news == News::Begins;
        if let News::Has(seq) = news {
            killed.acknowledged = seq;
        }
    };
    while groups > 0 {
        let heard = news.recv().expect("the writer writes until it is killed");
        groups -= u64::from(matches!(heard, News::Has(_)));
        hear(heard);
    }
    hear(news.recv().expect("the writer writes until it is killed"));
    let moment = Duration::from_millis(dice.below(MOMENT_MAX_MS));
    if let Ok(heard) = news.recv_timeout(moment) {
        hear(heard);
    }
    kill();
    news.iter().for_each(hear);
    killed
}

/// The graph is what its log says: the same answers as in memory, and no node or edge beside them.
fn check(access: &Access, store: &Neo4jGraph, (seed, acknowledged): (u64, u64)) {
    let have = store.applied_seq().unwrap();
    assert!(
        (acknowledged..=acknowledged + GROUP_MAX).contains(&have),
        "batch {acknowledged} was acknowledged, at most one group more may be there: {have}"
    );
    let mut memory = Graph::new();
    for seq in 1..=have {
        memory.apply(&bed::batch(seed, seq)).unwrap();
    }
    for at in [20, i64::MAX - 1].map(Timestamp) {
        assert_eq!(store.snapshot(at).unwrap(), memory.snapshot(at), "{at:?}");
    }
    let console = Console::new(access);
    let of = store.deployment();
    let twice = format!(
        "MATCH ({{deployment: '{of}'}})-[e]->() WHERE e.edge_id IS NOT NULL \
         WITH e.edge_id AS id, count(*) AS times WHERE times > 1 RETURN count(*) AS n"
    );
    assert_eq!(console.count(&twice), 0, "an edge is there twice");
    let twice = format!(
        "MATCH (n {{deployment: '{of}'}}) WITH n.uid AS uid, count(*) AS times WHERE times > 1 \
         RETURN count(*) AS n"
    );
    assert_eq!(console.count(&twice), 0, "a node is there twice");
}

/// The process that is killed. As an ordinary test it has nothing to do.
#[test]
fn writer() {
    let Ok(told) = std::env::var(WRITER) else {
        return;
    };
    let (seed, deployment) = told.split_once(' ').unwrap();
    let seed = seed.parse().unwrap();
    let access = backstay_scratch::neo4j::shared().unwrap();
    let mut store = open(&access, &Deployment::new(deployment).unwrap());
    let mut dice = Dice::new(seed ^ u64::from(std::process::id()));
    let tell = |news: News| match news {
        News::Begins => println!("\nbegins"),
        News::Has(seq) => println!("\nhas {seq}"),
    };
    while step(&mut store, (seed, &mut dice), tell).is_ok() {}
}

fn spawn_writer(seed: u64, deployment: &Deployment) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["killed::writer", "--exact", "--nocapture"])
        .env(WRITER, format!("{seed} {deployment}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets a writer write and kills it.
fn write_and_kill(seed: u64, deployment: &Deployment, dice: &mut Dice) -> Killed {
    let mut child = spawn_writer(seed, deployment);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, news) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for line in lines {
                let line = line.unwrap();
                // The kill may cut the last line short; what is cut was not acknowledged.
                let seq = line.strip_prefix("has ").and_then(|seq| seq.parse().ok());
                let begins = (line == "begins").then_some(News::Begins);
                if let Some(news) = seq.map(News::Has).or(begins) {
                    sender.send(news).expect("somebody listens");
                }
            }
        });
        let killed = kill_amid(&news, dice, || child.kill().unwrap());
        child.wait().unwrap();
        killed
    })
}

#[test]
fn a_writer_that_is_killed_loses_nothing_and_does_nothing_twice() {
    let test = "a_writer_that_is_killed_loses_nothing_and_does_nothing_twice";
    let Some(access) = bed::shared(test) else {
        return;
    };
    let seed = seed();
    let mut dice = Dice::new(seed);
    let deployment = bed::own_deployment();
    let mut amid = 0;
    for _ in 0..ROUNDS {
        let killed = write_and_kill(seed, &deployment, &mut dice);
        amid += u64::from(killed.amid);
        check(
            &access,
            &open(&access, &deployment),
            (seed, killed.acknowledged),
        );
    }
    println!("{amid} of {ROUNDS} kills fell amid a group");
    assert!(amid > 0, "no kill fell amid a group");
}

fn rounds() -> u64 {
    let asked = std::env::var("BACKSTAY_NEO4J_ROUNDS").ok();
    let rounds = asked.map_or(ROUNDS_USUAL, |r| r.parse().expect("a number of rounds"));
    if rounds < ROUNDS {
        bed::say(&format!(
            "SKIPPED: {} of {ROUNDS} rounds in which Neo4j is killed: `cargo xtask neo4j kill` plays them",
            ROUNDS - rounds
        ));
    }
    rounds
}

#[test]
fn a_server_that_is_killed_loses_nothing_and_gets_nothing_twice() {
    let test = "a_server_that_is_killed_loses_nothing_and_gets_nothing_twice";
    let Some(mut server) = bed::plain(test) else {
        return;
    };
    let (seed, rounds) = (seed(), rounds());
    let access = server.access();
    schema::prepare(&bed::address(&access), &bed::password(&access)).unwrap();
    let deployment = bed::own_deployment();
    let mut store = open(&access, &deployment);
    let mut dice = Dice::new(seed);
    for round in 0..rounds {
        let (sender, news) = mpsc::channel();
        let mut writing = Dice::new(seed + round);
        let (killed, error);
        (store, killed, error) = std::thread::scope(|scope| {
            let writer = scope.spawn(move || {
                let tell = |news: News| sender.send(news).expect("somebody listens");
                loop {
                    if let Err(error) = step(&mut store, (seed, &mut writing), tell) {
                        drop(sender);
                        return (store, error);
                    }
                }
            });
            let killed = kill_amid(&news, &mut dice, || server.kill9().unwrap());
            let (store, error) = writer.join().unwrap();
            (store, killed, error)
        });
        let (have, amid) = (killed.acknowledged, killed.amid);
        println!("round {round}: batch {have} acknowledged, amid a group: {amid}, then: {error:?}");
        server.start_again().unwrap();
        // The same session goes on with the server that is back.
        check(&access, &store, (seed, have));
    }
}
