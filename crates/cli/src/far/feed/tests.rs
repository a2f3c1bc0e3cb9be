use backstay_guard::Guard;
use backstay_guard::config::GraphConfig;
use backstay_guard::lockstep::Lockstep;
use backstay_model::{Span, Timestamp};
use backstay_scratch::neo4j::{own_name, shared_for};
use backstay_store_neo4j::{Password, schema};
use backstay_world::{World, demo};

use super::*;
use crate::state::OnDisk;

/// A guard on the database of the demo, which keeps its graph far away.
struct Watched {
    guard: Guard<OnDisk>,
    lockstep: Lockstep<World>,
    now: Timestamp,
}

impl Watched {
    fn begin(directory: &Path, config: &Neo4jConfig) -> Self {
        let world = demo::world(7);
        let now = world.now();
        let graph = GraphConfig::Neo4j(config.clone());
        let shelf = state::own(directory, 16 << 20, &graph).unwrap();
        let guard = Guard::begin(shelf, vec![demo::desk(&world)], now).unwrap();
        let lockstep = Lockstep::new(world.target(), world);
        Self {
            guard,
            lockstep,
            now,
        }
    }

    fn seconds(&mut self, count: u32) {
        for _ in 0..count {
            self.now = self.now + Span::from_secs(1);
            let told =
                backstay_world::story::at_once(self.lockstep.second(&mut self.guard, self.now));
            drop(told.unwrap().unwrap());
        }
    }
}

fn config(uri: &str, password_file: &Path) -> Neo4jConfig {
    Neo4jConfig {
        uri: uri.to_owned(),
        user: None,
        password_file: Some(password_file.display().to_string()),
        database: None,
        tls: None,
        ca_file: None,
        deployment: Some(own_name().unwrap()),
    }
}

#[test]
fn a_guard_does_not_wait_for_a_graph_that_is_away() {
    let directory = tempfile::tempdir().unwrap();
    let password = directory.path().join("password");
    std::fs::write(&password, "x").unwrap();
    let config = config("neo4j://127.0.0.1:1", &password);
    let state = directory.path().join("state");
    let mut watched = Watched::begin(&state, &config);
    watched.seconds(60);
    let graph = watched.guard.graph();
    assert!(graph.applied_seq() > 5, "the guard went on");
    assert!(!graph.snapshot(watched.now).edges.is_empty());
    drop(watched);
    let told = Told::read(&state).unwrap();
    let trouble = told.standing.trouble.clone().unwrap();
    assert!(trouble.what.contains("does not answer"), "{trouble:?}");
    assert_eq!(told.behind(9), None);
}

#[test]
fn a_guard_feeds_a_graph_far_away_and_the_next_one_goes_on() {
    let Some(access) = shared_for("a_guard_feeds_a_graph_far_away_and_the_next_one_goes_on") else {
        return;
    };
    let config = config(&access.uri, &access.password_file);
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path();
    let far = Far::configured(&config, state).unwrap();
    let password = Password::new(access.password().unwrap());
    schema::prepare(&far.server.address, &password).unwrap();
    let mut first = Watched::begin(state, &config);
    first.seconds(50);
    let (began, now) = (first.now, first.now);
    let mut graph = arrived(&far, first.guard);
    // The second one begins while its database is away; the third gets what was recorded meanwhile.
    for (nth, config) in [(1, away(&config)), (2, config)] {
        let graph_at = GraphConfig::Neo4j(config.clone());
        let shelf = state::own(state, 16 << 20, &graph_at).unwrap();
        let later = began + Span::from_secs(600 * nth);
        let mut guard = Guard::<OnDisk>::begin(shelf, Vec::new(), later).unwrap();
        guard.tick(later, Vec::new()).unwrap();
        guard.keep_books();
        let before = graph.applied_seq();
        if config.uri == away(&config).uri {
            drop(guard);
            assert_eq!(far.open().unwrap().applied_seq().unwrap(), before);
        } else {
            graph = arrived(&far, guard);
            assert_eq!(graph.applied_seq(), before + 2);
        }
    }
    let store = far.open().unwrap();
    assert_eq!(store.snapshot(now).unwrap(), graph.snapshot(now));
    assert!(!graph.snapshot(now).settings.is_empty());
}

/// The graph of a guard, once it has arrived far away; the guard is gone then.
fn arrived(far: &Far, mut guard: Guard<OnDisk>) -> backstay_graph::Graph {
    guard.keep_books();
    let graph = guard.graph().clone();
    let store = far.open().unwrap();
    while store.applied_seq().unwrap() < graph.applied_seq() {
        std::thread::yield_now();
    }
    drop(guard);
    assert_eq!(store.applied_seq().unwrap(), graph.applied_seq());
    graph
}

fn away(config: &Neo4jConfig) -> Neo4jConfig {
    Neo4jConfig {
        uri: "neo4j://127.0.0.1:1".to_owned(),
        ..config.clone()
    }
}
