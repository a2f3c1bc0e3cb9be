use super::*;
use crate::Graph;

struct InMemory;

impl Harness for InMemory {
    type Store = Graph;
    fn create(&mut self) -> Graph {
        Graph::new()
    }
}

#[test]
fn the_graph_in_memory_conforms() {
    if let Err(mismatch) = run(&mut InMemory, 0..200) {
        panic!("{mismatch}");
    }
}
