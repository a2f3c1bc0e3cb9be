//! How a graph in Neo4j is fed from a journal: by a guard on a thread of its own, or by hand.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use backstay_graph::{ApplyError, Batch, GraphStore, ReadError};
use backstay_guard::config::Neo4jConfig;
use backstay_guard::far::{FarGraph, FarStore, Group, Reach, Replay, Standing, Trouble};
use backstay_guard::learning::Known;
use backstay_guard::learning::checkpoint::Kept;
use backstay_journal::{Entries, EntryStore, Head};
use backstay_model::Seq;
use backstay_store_neo4j::{Neo4jGraph, NeoError};
use backstay_store_sqlite::Readers;

use crate::failure::{Code, Failure};
use crate::far::{Far, failure};
use crate::kept::Told;
use crate::state;

/// Begins to feed the graph that `config` names from the journal of `directory`, which has `head`
/// entries. Nobody waits for it.
pub(crate) fn start(
    config: &Neo4jConfig,
    (directory, head): (&Path, u64),
) -> Result<FarGraph, Failure> {
    let far = Far::configured(config, directory)?;
    let mut told = told(&far);
    let journal = Journal(directory.to_owned());
    let dial = Dial {
        far,
        directory: directory.to_owned(),
    };
    let at = directory.to_owned();
    told.write(&at);
    let tell = move |standing: &Standing| {
        told.standing.clone_from(standing);
        told.write(&at);
    };
    FarGraph::start((dial, journal), head, tell).map_err(|e| Failure::of(Code::Internal, &e))
}

/// What is told of a graph that has not said anything yet.
fn told(far: &Far) -> Told {
    Told {
        address: far.server.address.to_string(),
        deployment: far.deployment.to_string(),
        standing: Standing::default(),
    }
}

/// Opens a graph, and makes sure that it is fed from this journal alone.
pub(crate) struct Dial {
    pub(crate) far: Far,
    pub(crate) directory: PathBuf,
}

impl Dial {
    /// Opens it.
    pub(crate) fn open(&self) -> Result<Neo4jGraph, Failure> {
        let mut graph = self.far.open()?;
        let readers = state::read(&self.directory)?;
        if let Some(journal) = first_entry(&readers)? {
            graph.claim(&journal).map_err(|e| failure(&e))?;
        }
        Ok(graph)
    }
}

/// What no other journal has: the hash of its first entry.
pub(crate) fn first_entry(readers: &Readers) -> Result<Option<String>, Failure> {
    let first = readers.log.read(Seq(1), 1);
    let first = first.map_err(|e| Failure::of(Code::Store, &e))?;
    Ok(first.first().map(|entry| entry.hash.to_string()))
}

impl Reach for Dial {
    type Store = Neo4jStore;

    fn open(&mut self) -> Result<Neo4jStore, Trouble> {
        Self::open(self)
            .map(Neo4jStore)
            .map_err(Failure::into_trouble)
    }
}

/// A graph in Neo4j, with troubles in the guard's words.
pub(crate) struct Neo4jStore(Neo4jGraph);

impl FarStore for Neo4jStore {
    fn applied_seq(&self) -> Result<u64, Trouble> {
        self.0
            .applied_seq()
            .map_err(|error| unreadable(error).into_trouble())
    }

    fn apply_group(&mut self, batches: &[Batch]) -> Result<u64, Trouble> {
        let applied = self.0.apply_group(batches);
        applied.map_err(|error| refused(error).into_trouble())
    }
}

impl Failure {
    fn into_trouble(self) -> Trouble {
        let mut what = vec![self.primary];
        what.extend(self.detail);
        Trouble {
            what: what.join(": "),
            hint: self.hints.into_iter().next().unwrap_or_default(),
        }
    }
}

fn unreadable(error: ReadError) -> Failure {
    let source = match &error {
        ReadError::Unavailable { source } => Some(source.as_ref()),
        ReadError::Corrupt { .. } => None,
    };
    by(source, &error)
}

fn refused(error: ApplyError) -> Failure {
    let source = match &error {
        ApplyError::Store { source } => Some(source.as_ref()),
        _ => None,
    };
    by(source, &error)
}

/// What Neo4j says lies beneath an error, in its own words; else the error itself.
fn by(source: Option<&(dyn Error + Send + Sync + 'static)>, error: &dyn Error) -> Failure {
    match source.and_then(|s| s.downcast_ref::<NeoError>()) {
        Some(neo) => failure(neo),
        None => Failure::of(Code::Store, error),
    }
}

/// The journal of a state directory, read again.
struct Journal(PathBuf);

impl Replay for Journal {
    fn replay(
        &mut self,
        from: u64,
        take: &mut dyn FnMut(Batch) -> ControlFlow<()>,
    ) -> Result<(), Trouble> {
        let readers = state::read(&self.0).map_err(Failure::into_trouble)?;
        let mut course = Course::before(readers, from);
        course
            .go_on(&mut |batch| Ok(take(batch)))
            .map_err(Failure::into_trouble)
    }
}

/// The course of a journal, as batches: what is known goes along.
pub(crate) struct Course {
    readers: Readers,
    known: Known,
    head: Head,
    from: u64,
}

impl Course {
    /// The course of the batches from `from` on.
    pub(crate) fn before(readers: Readers, from: u64) -> Self {
        let kept = Kept::of(&readers.log, |why| {
            tracing::warn!(%why, "the journal is learnt from its beginning instead");
        });
        let kept = match kept.head.seq.0 < from {
            true => kept,
            false => Kept::nothing(),
        };
        Self {
            readers,
            known: kept.known,
            head: kept.head,
            from,
        }
    }

    /// Hands on the batches of what was recorded since, until `take` has enough.
    pub(crate) fn go_on(
        &mut self,
        take: &mut dyn FnMut(Batch) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<(), Failure> {
        let broken =
            |e: &dyn std::error::Error| Failure::of(Code::Broken, e).hint("backstay audit verify");
        for entry in Entries::new(&self.readers.log, self.head.next()).decoded() {
            let entry = entry.map_err(|e| broken(&e))?;
            let place = (entry.seq.0, entry.at);
            let batch = self
                .known
                .enter(place, &entry.record, &self.readers.snapshots);
            self.head = Head {
                seq: entry.seq,
                hash: entry.hash,
            };
            if batch.seq >= self.from && take(batch)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Puts into `graph` what it lacks; gives the batches and ops that were new, and how far it is then.
    pub(crate) fn feed(&mut self, graph: &mut Neo4jGraph) -> Result<Fed, Failure> {
        let mut fed = Fed::default();
        let mut group = Group::default();
        self.go_on(&mut |batch| {
            group.push(batch);
            if group.full() {
                fed.put(graph, &group.take())?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        fed.put(graph, &group.take())?;
        Ok(fed)
    }
}

/// What was put into a graph.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fed {
    pub(crate) batches: u64,
    pub(crate) ops: u64,
}

impl Fed {
    fn put(&mut self, graph: &mut Neo4jGraph, group: &[Batch]) -> Result<(), Failure> {
        if group.is_empty() {
            return Ok(());
        }
        graph.apply_group(group).map_err(refused)?;
        self.batches += group.len() as u64;
        self.ops += group.iter().map(|b| b.ops.len() as u64).sum::<u64>();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
