//! Where a guard keeps its books, as one bundle of stores.

use backstay_graph::{Applied, ApplyError, Batch, GraphStore, ReadError};
use backstay_journal::{EntryStore, MetricStore, SnapshotStore};

/// The kinds of stores a guard works with: on disk in production, in memory in tests and worlds.
pub trait Books {
    /// Holds the journal.
    type Entries: EntryStore;
    /// Holds configurations.
    type Snapshots: SnapshotStore;
    /// Holds samples.
    type Metrics: MetricStore;
    /// Holds the graph; fed from the journal, never waited for by a decision.
    type Graph: Feed;
}

/// What takes the batches that are made of the records.
pub trait Feed {
    /// Number of the last batch it has.
    ///
    /// # Errors
    /// When it cannot say; it is offered everything again then.
    fn applied_seq(&self) -> Result<u64, ReadError>;

    /// Takes a batch, all of it or nothing.
    ///
    /// # Errors
    /// As [`GraphStore::apply`]; the batch is offered again.
    fn apply(&mut self, batch: &Batch) -> Result<Applied, ApplyError>;
}

impl<G: GraphStore> Feed for G {
    fn applied_seq(&self) -> Result<u64, ReadError> {
        GraphStore::applied_seq(self)
    }

    fn apply(&mut self, batch: &Batch) -> Result<Applied, ApplyError> {
        GraphStore::apply(self, batch)
    }
}

/// The stores themselves.
#[derive(Debug)]
pub struct Shelf<B: Books> {
    /// Holds the journal.
    pub entries: B::Entries,
    /// Holds configurations.
    pub snapshots: B::Snapshots,
    /// Holds samples.
    pub metrics: B::Metrics,
    /// Holds the graph.
    pub graph: B::Graph,
}

/// Everything in memory: for tests, simulated worlds and replays.
#[derive(Debug)]
pub struct InMemory;

impl Books for InMemory {
    type Entries = backstay_journal::MemoryEntries;
    type Snapshots = backstay_journal::MemorySnapshots;
    type Metrics = backstay_journal::MemoryMetrics;
    type Graph = backstay_graph::Graph;
}

impl Shelf<InMemory> {
    /// Empty books; `samples_max` bounds the metric history.
    #[must_use]
    pub fn in_memory(samples_max: usize) -> Self {
        Self {
            entries: backstay_journal::MemoryEntries::new(),
            snapshots: backstay_journal::MemorySnapshots::new(),
            metrics: backstay_journal::MemoryMetrics::new(samples_max),
            graph: backstay_graph::Graph::new(),
        }
    }
}
