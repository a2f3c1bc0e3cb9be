//! What others keep in the same database stays as it is.

use backstay_graph::GraphStore;
use backstay_model::Timestamp;
use backstay_scratch::neo4j::Access;
use backstay_store_neo4j::{Neo4jGraph, schema};

use super::bed::{self, Console};

/// A graph with the same labels, types and property names as ours, but not ours.
const THEIRS: &str = "CREATE (a:Setting {name: 'work_mem', value: '4MB', uid: 'x', deployment: 'theirs'}), \
     (b:Setting {name: 'work_mem', value: '4MB', uid: 'x'}), \
     (t:Target {name: 'shop-1', kind: 'target'}), (s:Service {name: 'shop'}), \
     (d:SettingDef {name: 'a', kind: 'setting'}), (c:Change {name: 'work_mem', at: 5}), \
     (m:Applied {seq: 7}), (k:Constraint {id: 'pg.a.b'}), (o:Person {name: 'ann'}), \
     (a)-[:REQUIRES {edge_id: 'e', valid_from: 0, valid_to: 9}]->(b), (s)-[:USES]->(t), \
     (t)-[:HAS]->(a), (c)-[:CHANGED]->(a), (k)-[:CONSTRAINS]->(d), (o)-[:OWNS]->(t), \
     (d)-[:REQUIRES {edge_id: 'e', scope: 'rule:postgresql/15', confidence: 1.0}]->(d)";

/// Everything in the database that does not carry our label, in an order.
const DUMP: &str = "MATCH (n) WHERE NOT n:Backstay \
     OPTIONAL MATCH (n)-[e]->(m) \
     RETURN elementId(n) AS id, labels(n) AS labels, properties(n) AS properties, \
            type(e) AS type, properties(e) AS inside, elementId(m) AS other \
     ORDER BY id, type, other";

/// Foreign data are left alone.
pub(crate) fn are_left_alone(access: &Access) {
    let console = Console::new(access);
    console.ask(THEIRS, &[]);
    console.ask(
        "CREATE CONSTRAINT theirs FOR (p:Person) REQUIRE p.name IS UNIQUE",
        &[],
    );
    let before = console.ask(DUMP, &[]);
    assert_eq!(before.len(), 9);

    let (address, password) = (bed::address(access), bed::password(access));
    schema::prepare(&address, &password).unwrap();
    let mut store = Neo4jGraph::open(&address, &password, bed::own_deployment()).unwrap();
    let mut memory = backstay_graph::Graph::new();
    for seq in 1..=30 {
        let batch = bed::batch(3, seq);
        store.apply(&batch).unwrap();
        memory.apply(&batch).unwrap();
    }
    // A neighbour of ours from them changes nothing in what we answer.
    console.ask(
        "MATCH (p:Person), (t:Backstay:Target) MERGE (p)-[:OWNS]->(t) MERGE (t)-[:SEEN]->(p)",
        &[],
    );
    let at = Timestamp(20);
    assert_eq!(store.snapshot(at).unwrap(), memory.snapshot(at));
    assert_eq!(store.everything().unwrap().1, 30);
    schema::prepare(&address, &password).unwrap();

    console.ask("MATCH (:Person)-[e:OWNS]-(:Backstay) DELETE e", &[]);
    console.ask("MATCH (:Person)-[e:SEEN]-(:Backstay) DELETE e", &[]);
    assert_eq!(console.ask(DUMP, &[]), before);
    let constraint = "SHOW CONSTRAINTS YIELD name WHERE name = 'theirs' RETURN count(*) AS n";
    assert_eq!(console.count(constraint), 1);
}
