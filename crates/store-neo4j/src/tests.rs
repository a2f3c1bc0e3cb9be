//! On the real server that `cargo xtask test` starts for all tests. Every store has a deployment of its
//! own.

use backstay_graph::conformance::{Harness, run};
use backstay_graph::store::GraphStore;
use backstay_graph::{Batch, Graph, Op};
use backstay_model::{NodeKey, Timestamp};
use backstay_scratch::neo4j::{own_name, shared_for};

use super::*;

/// Where the server is, and its password; `None`, loudly, where there is none.
fn server(test: &str) -> Option<(Address, Password)> {
    let access = shared_for(test)?;
    let mut address = Address::parse(&access.uri).unwrap();
    address.user.clone_from(&access.user);
    let password = Password::new(access.password().unwrap());
    schema::prepare(&address, &password).unwrap();
    Some((address, password))
}

/// A deployment that nobody else has.
fn own_deployment() -> Deployment {
    Deployment::new(&own_name().unwrap()).unwrap()
}

struct OnServer(Address, Password);

impl Harness for OnServer {
    type Store = Neo4jGraph;

    fn create(&mut self) -> Neo4jGraph {
        Neo4jGraph::open(&self.0, &self.1, own_deployment()).unwrap()
    }

    fn reopen(&mut self, store: Neo4jGraph) -> Neo4jGraph {
        let deployment = store.deployment().clone();
        drop(store);
        Neo4jGraph::open(&self.0, &self.1, deployment).unwrap()
    }
}

#[test]
fn the_graph_in_neo4j_conforms() {
    let Some((address, password)) = server("the_graph_in_neo4j_conforms") else {
        return;
    };
    if let Err(mismatch) = run(&mut OnServer(address, password), 1..=2) {
        panic!("{mismatch}");
    }
}

fn example_batches(count: u64) -> Vec<Batch> {
    let mut dice = backstay_chance::Dice::new(7);
    let batches = (1..=count).map(|seq| backstay_graph::conformance::random_batch(&mut dice, seq));
    batches.collect()
}

#[test]
fn groups_of_batches_give_what_single_ones_give() {
    let Some((address, password)) = server("groups_of_batches_give_what_single_ones_give") else {
        return;
    };
    let batches = example_batches(40);
    let mut memory = Graph::new();
    for batch in &batches {
        memory.apply(batch).unwrap();
    }
    let mut store = Neo4jGraph::open(&address, &password, own_deployment()).unwrap();
    assert_eq!(store.apply_group(&batches[..7]).unwrap(), 7);
    // What is there already is passed over, and a gap is only told when it comes first.
    let mut holed = batches[3..20].to_vec();
    holed.remove(10);
    assert_eq!(store.apply_group(&holed).unwrap(), 13);
    assert!(store.apply_group(&batches[20..]).is_err());
    assert_eq!(store.apply_group(&batches[13..]).unwrap(), 40);
    for at in (-1..42).step_by(5).map(Timestamp) {
        assert_eq!(store.snapshot(at).unwrap(), memory.snapshot(at));
    }
    let (ops, seq) = store.everything().unwrap();
    assert_eq!(seq, 40);
    let mut rebuilt = Graph::new();
    rebuilt.apply(&Batch { seq: 1, ops }).unwrap();
    for at in (-1..42).step_by(5).map(Timestamp) {
        assert_eq!(rebuilt.snapshot(at), memory.snapshot(at));
    }
}

#[test]
fn two_writers_never_apply_a_batch_twice() {
    let Some((address, password)) = server("two_writers_never_apply_a_batch_twice") else {
        return;
    };
    let batches = example_batches(30);
    let mut memory = Graph::new();
    for batch in &batches {
        memory.apply(batch).unwrap();
    }
    let deployment = own_deployment();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let opened = Neo4jGraph::open(&address, &password, deployment.clone());
                let mut store = opened.unwrap();
                for batch in &batches {
                    store.apply(batch).unwrap();
                }
            });
        }
    });
    let store = Neo4jGraph::open(&address, &password, deployment).unwrap();
    assert_eq!(store.applied_seq().unwrap(), 30);
    let at = Timestamp(20);
    assert_eq!(store.snapshot(at).unwrap(), memory.snapshot(at));
}

#[test]
fn a_deployment_is_fed_from_one_journal() {
    let Some((address, password)) = server("a_deployment_is_fed_from_one_journal") else {
        return;
    };
    let mut store = Neo4jGraph::open(&address, &password, own_deployment()).unwrap();
    store.claim("one").unwrap();
    store.claim("one").unwrap();
    let error = store.claim("another").unwrap_err();
    assert!(matches!(error, NeoError::OtherJournal { .. }), "{error}");
    let batch = Batch {
        seq: 1,
        ops: vec![Op::UpsertNode(NodeKey::setting("work_mem"))],
    };
    store.apply_up_to(&[batch], Some("head of one")).unwrap();
    let standing = Standing {
        seq: 1,
        journal: Some("one".into()),
        head: Some("head of one".into()),
    };
    assert_eq!(store.standing().unwrap(), standing);
    // Of a group that is taken in part, nobody knows the head.
    let group = [2, 4].map(|seq| Batch {
        seq,
        ops: Vec::new(),
    });
    assert_eq!(store.apply_up_to(&group, Some("of 4")).unwrap(), 2);
    assert_eq!(store.standing().unwrap().head, None);
}

#[tokio::test]
async fn a_store_works_and_goes_within_another_runtime() {
    let Some((address, password)) = server("a_store_works_and_goes_within_another_runtime") else {
        return;
    };
    let store = Neo4jGraph::open(&address, &password, own_deployment()).unwrap();
    assert_eq!(store.applied_seq().unwrap(), 0);
}

#[test]
fn a_server_that_is_away_is_told_with_a_hint() {
    let address = Address::parse("neo4j://127.0.0.1:1").unwrap();
    let error = Neo4jGraph::open(&address, &Password::new("x"), own_deployment()).unwrap_err();
    assert!(matches!(error, NeoError::Away { .. }), "{error:?}");
    assert!(error.hint().contains("Bolt port"));
}
