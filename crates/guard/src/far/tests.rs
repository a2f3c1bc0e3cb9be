use std::sync::{Condvar, Mutex};

use backstay_graph::{Graph, Op};
use backstay_model::{NodeKey, Timestamp};

use super::*;

fn batch(seq: u64) -> Batch {
    let name = format!("s{seq}");
    Batch {
        seq,
        ops: vec![Op::UpsertNode(NodeKey::setting(&name))],
    }
}

/// A store that lives on when its connection does not, and whose answers can be lost.
#[derive(Default)]
struct Server {
    graph: Mutex<Graph>,
    away: Mutex<bool>,
    moved: Condvar,
    /// How often the answer to the next group is lost though it was applied.
    lost: Mutex<u32>,
}

impl Server {
    fn go_away(&self) {
        *self.away.lock().unwrap() = true;
    }

    fn come_back(&self) {
        *self.away.lock().unwrap() = false;
    }

    fn wait_until(&self, seq: u64) {
        let graph = self.graph.lock().unwrap();
        let waited = self.moved.wait_while(graph, |g| g.applied_seq() < seq);
        drop(waited.unwrap());
    }

    fn up(&self) -> Result<(), Trouble> {
        match *self.away.lock().unwrap() {
            true => Err(trouble("it is away")),
            false => Ok(()),
        }
    }
}

fn trouble(what: &str) -> Trouble {
    Trouble {
        what: what.into(),
        hint: "wait".into(),
    }
}

struct Connection(Arc<Server>);

impl FarStore for Connection {
    fn applied_seq(&self) -> Result<u64, Trouble> {
        self.0.up()?;
        Ok(self.0.graph.lock().unwrap().applied_seq())
    }

    fn apply_group(&mut self, batches: &[Batch]) -> Result<u64, Trouble> {
        self.0.up()?;
        let mut graph = self.0.graph.lock().unwrap();
        for batch in batches {
            graph.apply(batch).map_err(|e| trouble(&e.to_string()))?;
        }
        self.0.moved.notify_all();
        let mut lost = self.0.lost.lock().unwrap();
        if *lost > 0 {
            *lost -= 1;
            return Err(trouble("the answer was lost"));
        }
        Ok(graph.applied_seq())
    }
}

struct Dial(Arc<Server>);

impl Reach for Dial {
    type Store = Connection;

    fn open(&mut self) -> Result<Connection, Trouble> {
        self.0.up()?;
        Ok(Connection(Arc::clone(&self.0)))
    }
}

/// A journal of so many entries.
struct Log(Arc<Mutex<u64>>);

impl Replay for Log {
    fn replay(
        &mut self,
        from: u64,
        take: &mut dyn FnMut(Batch) -> ControlFlow<()>,
    ) -> Result<(), Trouble> {
        let head = *self.0.lock().unwrap();
        for seq in from..=head {
            if take(batch(seq)).is_break() {
                break;
            }
        }
        Ok(())
    }
}

struct Scene {
    server: Arc<Server>,
    log: Arc<Mutex<u64>>,
    far: FarGraph,
}

fn scene(server: Arc<Server>, head: u64) -> Scene {
    let log = Arc::new(Mutex::new(head));
    let ends = (Dial(Arc::clone(&server)), Log(Arc::clone(&log)));
    let far = FarGraph::start(ends, head, |_| {}).unwrap();
    Scene { server, log, far }
}

impl Scene {
    fn record(&mut self, count: u64) {
        for _ in 0..count {
            let mut head = self.log.lock().unwrap();
            *head += 1;
            let taken = self.far.apply(&batch(*head));
            assert_eq!(taken.unwrap(), Applied::Now);
        }
    }

    fn complete(&self) {
        let head = *self.log.lock().unwrap();
        self.server.wait_until(head);
        let mut want = Graph::new();
        for seq in 1..=head {
            want.apply(&batch(seq)).unwrap();
        }
        let graph = self.server.graph.lock().unwrap();
        assert_eq!(graph.snapshot(Timestamp(0)), want.snapshot(Timestamp(0)));
        assert_eq!(graph.applied_seq(), head);
    }
}

#[test]
fn what_is_recorded_arrives() {
    let mut scene = scene(Arc::default(), 0);
    scene.record(10);
    scene.complete();
}

#[test]
fn what_was_recorded_before_is_read_from_the_journal() {
    let mut scene = scene(Arc::default(), 5_000);
    scene.record(3);
    scene.complete();
}

#[test]
fn nobody_waits_for_a_store_that_is_away_and_what_does_not_fit_in_line_is_not_lost() {
    let server = Arc::<Server>::default();
    server.go_away();
    let mut scene = scene(server, 0);
    let more = line::BATCHES_MAX as u64 + 100;
    scene.record(more);
    let standing = scene.far.standing();
    assert_eq!((standing.applied, standing.head), (None, more));
    scene.server.come_back();
    scene.complete();
}

#[test]
fn an_answer_that_is_lost_applies_nothing_twice() {
    let server = Arc::<Server>::default();
    *server.lost.lock().unwrap() = 2;
    let mut scene = scene(server, 0);
    for _ in 0..3 {
        scene.record(2);
        scene.complete();
    }
}

#[test]
fn a_guard_that_stops_leaves_nothing_in_line() {
    let mut scene = scene(Arc::default(), 0);
    scene.record(500);
    let Scene { server, far, .. } = scene;
    drop(far);
    assert_eq!(server.graph.lock().unwrap().applied_seq(), 500);
}
