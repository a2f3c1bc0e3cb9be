//! Transactions that wait for each other: somebody else's and ours, or two of ours.

use std::sync::Barrier;

use backstay_graph::{Graph, GraphStore};
use backstay_model::Timestamp;
use backstay_scratch::neo4j::Access;
use backstay_store_neo4j::{Neo4jGraph, schema};

use super::bed::{self, Console};

/// Guards that prepare one database at once.
const PREPARING: usize = 4;
/// How often they do: not every time do they get in each other's way.
const ROUNDS: usize = 4;

/// Whoever prepares a database at the same moment as others finds it prepared.
pub(crate) fn of_preparers_is_passed(access: &Access) {
    let (address, password) = (bed::address(access), bed::password(access));
    let person = Console::new(access);
    for _ in 0..ROUNDS {
        for part in ["CONSTRAINT backstay_uid", "INDEX backstay_change_at"] {
            person.ask(&format!("DROP {part} IF EXISTS"), &[]);
        }
        let ready = Barrier::new(PREPARING);
        std::thread::scope(|scope| {
            for _ in 0..PREPARING {
                scope.spawn(|| {
                    ready.wait();
                    schema::prepare(&address, &password).unwrap();
                });
            }
        });
        Neo4jGraph::open(&address, &password, bed::own_deployment()).unwrap();
    }
}

/// Waits until a transaction of the server waits for another one: it is asked again and again.
fn until_blocked(console: &Console) {
    let blocked =
        "SHOW TRANSACTIONS YIELD status WHERE status STARTS WITH 'Blocked' RETURN count(*) AS n";
    while console.count(blocked) == 0 {
        std::thread::yield_now();
    }
}

/// A batch that falls to a deadlock is begun anew.
pub(crate) fn is_passed(access: &Access) {
    let (address, password) = (bed::address(access), bed::password(access));
    let mut store = Neo4jGraph::open(&address, &password, bed::own_deployment()).unwrap();
    let deployment = store.deployment().clone();
    let mut memory = Graph::new();
    for seq in 1..=3 {
        store.apply(&bed::batch(7, seq)).unwrap();
        memory.apply(&bed::batch(7, seq)).unwrap();
    }
    let (theirs, looking) = (Console::new(access), Console::new(access));
    // A person changes nothing, but holds every setting and edge of ours, and then wants what a writer
    // holds first. Theirs is the older transaction: the server ends ours.
    let held = theirs.begin();
    let all =
        format!("MATCH (n {{deployment: '{deployment}'}}) WHERE NOT n:Applied SET n.seq = n.seq");
    let held = theirs.within(held, &all);
    let edges = format!("MATCH ()-[e {{deployment: '{deployment}'}}]->() SET e.seq = e.seq");
    let held = theirs.within(held, &edges);
    let applied = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for seq in 4..=9 {
                store.apply(&bed::batch(7, seq)).unwrap();
            }
            store
        });
        until_blocked(&looking);
        let wanted = format!("MATCH (m:Applied {{deployment: '{deployment}'}}) SET m.seq = m.seq");
        let held = theirs.within(held, &wanted);
        theirs.commit(held);
        writing.join().unwrap()
    });
    for seq in 4..=9 {
        memory.apply(&bed::batch(7, seq)).unwrap();
    }
    assert_eq!(applied.applied_seq().unwrap(), 9);
    let at = Timestamp(20);
    assert_eq!(applied.snapshot(at).unwrap(), memory.snapshot(at));
}
