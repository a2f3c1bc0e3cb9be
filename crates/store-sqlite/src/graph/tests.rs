use backstay_graph::conformance::{Harness, run};
use tempfile::TempDir;

use super::*;
use crate::directory::tests::LIMITS;
use crate::{Readers, Stores};

#[derive(Default)]
struct OnDisk(Vec<TempDir>);

impl Harness for OnDisk {
    type Store = SqliteGraph;

    fn create(&mut self) -> SqliteGraph {
        let directory = tempfile::tempdir().unwrap();
        let graph = Stores::open(directory.path(), &LIMITS).unwrap().graph;
        self.0.push(directory);
        graph
    }

    fn reopen(&mut self, store: SqliteGraph) -> SqliteGraph {
        let directory = store.shared.path().parent().unwrap().to_owned();
        drop(store);
        Stores::open(&directory, &LIMITS).unwrap().graph
    }
}

#[test]
fn the_graph_on_disk_conforms() {
    run(&mut OnDisk::default(), 1..=8).unwrap();
}

#[test]
fn a_reader_cannot_change_the_graph() {
    let directory = tempfile::tempdir().unwrap();
    let owner = Stores::open(directory.path(), &LIMITS).unwrap();
    let mut reader = Readers::open(directory.path()).unwrap();
    let batch = Batch {
        seq: 1,
        ops: vec![Op::UpsertNode(NodeKey::setting("work_mem"))],
    };
    assert!(matches!(
        reader.graph.apply(&batch),
        Err(ApplyError::Store { .. })
    ));
    assert_eq!(owner.graph.applied_seq().unwrap(), 0);
}

#[test]
fn damage_is_said_and_does_not_panic() {
    let directory = tempfile::tempdir().unwrap();
    let mut stores = Stores::open(directory.path(), &LIMITS).unwrap();
    let batch = Batch {
        seq: 1,
        ops: vec![Op::UpsertNode(NodeKey::setting("work_mem"))],
    };
    stores.graph.apply(&batch).unwrap();
    stores
        .graph
        .shared
        .read(|connection| connection.execute("UPDATE node SET kind = 'spell'", []))
        .unwrap();
    let error = stores.graph.snapshot(Timestamp(0)).unwrap_err();
    assert!(matches!(error, ReadError::Corrupt { .. }), "{error}");
}

#[test]
fn a_graph_is_replaced_by_a_copy_of_another() {
    let batch = |seq, name| Batch {
        seq,
        ops: vec![Op::UpsertNode(NodeKey::setting(name))],
    };
    let mut disk = OnDisk::default();
    let mut store = disk.create();
    store.apply(&batch(1, "work_mem")).unwrap();
    store.restore(&batch(7, "fsync").ops, 7).unwrap();
    assert_eq!(store.applied_seq().unwrap(), 7);
    let nodes = |store: &SqliteGraph| store.snapshot(Timestamp(0)).unwrap().nodes;
    assert_eq!(nodes(&store), [NodeKey::setting("fsync")]);
    store.apply(&batch(8, "work_mem")).unwrap();
    assert_eq!(nodes(&store).len(), 2);
    store.restore(&[], 0).unwrap();
    assert_eq!((store.applied_seq().unwrap(), nodes(&store).len()), (0, 0));
}
