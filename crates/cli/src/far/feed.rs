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
use backstay_store_neo4j::{Deployment, Neo4jGraph, NeoError, Standing as GraphStanding};
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

/// Opens a graph, and makes sure that it is fed from this journal alone, as the journal went until now.
pub(crate) struct Dial {
    pub(crate) far: Far,
    pub(crate) directory: PathBuf,
}

impl Dial {
    /// Opens it, and what it is fed from.
    pub(crate) fn open(&self) -> Result<(Neo4jGraph, Readers), Failure> {
        let mut graph = self.far.open()?;
        let readers = state::read(&self.directory)?;
        let standing = match first_entry(&readers)? {
            Some(journal) => graph.claim(&journal),
            None => graph.standing(),
        };
        let standing = standing.map_err(|e| failure(&e))?;
        same_course(&readers, &standing, &self.far.deployment)?;
        Ok((graph, readers))
    }
}

/// Whether the journal still says what the graph was made from: a state directory may have been
/// restored, or copied, and gone another way since.
pub(crate) fn same_course(
    readers: &Readers,
    standing: &GraphStanding,
    deployment: &Deployment,
) -> Result<(), Failure> {
    let own = entry_hash(readers, standing.seq)?;
    let same = match (&own, &standing.head) {
        (Some(own), Some(noted)) => own == noted,
        (Some(_), None) => true,
        (None, _) => standing.seq == 0,
    };
    if same {
        return Ok(());
    }
    Err(failure(&NeoError::OtherCourse {
        deployment: deployment.to_string(),
        seq: standing.seq,
    }))
}

/// What no other journal has: the hash of its first entry.
pub(crate) fn first_entry(readers: &Readers) -> Result<Option<String>, Failure> {
    entry_hash(readers, 1)
}

/// The hash of the entry with the number `seq`, if the journal has it.
fn entry_hash(readers: &Readers, seq: u64) -> Result<Option<String>, Failure> {
    let found = readers.log.read(Seq(seq), 1);
    let found = found.map_err(|e| Failure::of(Code::Store, &e))?;
    let entry = found.first().filter(|entry| entry.seq.0 == seq);
    Ok(entry.map(|entry| entry.hash.to_string()))
}

impl Reach for Dial {
    type Store = Neo4jStore;

    fn open(&mut self) -> Result<Neo4jStore, Trouble> {
        let opened = Self::open(self).map(|(graph, journal)| Neo4jStore { graph, journal });
        opened.map_err(Failure::into_trouble)
    }
}

/// A graph in Neo4j, with troubles in the guard's words.
pub(crate) struct Neo4jStore {
    graph: Neo4jGraph,
    journal: Readers,
}

impl FarStore for Neo4jStore {
    fn applied_seq(&self) -> Result<u64, Trouble> {
        self.graph
            .applied_seq()
            .map_err(|error| unreadable(error).into_trouble())
    }

    fn apply_group(&mut self, batches: &[Batch]) -> Result<u64, Trouble> {
        let last = batches.last().map_or(0, |b| b.seq);
        let head = entry_hash(&self.journal, last).map_err(Failure::into_trouble)?;
        let applied = self.graph.apply_up_to(batches, head.as_deref());
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
            .go_on(&mut |batch, _head| Ok(take(batch)))
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

    /// Hands on the batches of what was recorded since, each with the head of the journal at that point,
    /// until `take` has enough.
    pub(crate) fn go_on(
        &mut self,
        take: &mut dyn FnMut(Batch, Head) -> Result<ControlFlow<()>, Failure>,
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
            if batch.seq >= self.from && take(batch, self.head)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Puts into `graph` what it lacks; gives the batches and ops that were new, and how far it is then.
    pub(crate) fn feed(&mut self, graph: &mut Neo4jGraph) -> Result<Fed, Failure> {
        let mut fed = Fed::default();
        let mut group = Group::default();
        self.go_on(&mut |batch, head| {
            group.push(batch);
            if group.full() {
                fed.put(graph, &group.take(), head)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        fed.put(graph, &group.take(), self.head)?;
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
    fn put(&mut self, graph: &mut Neo4jGraph, group: &[Batch], head: Head) -> Result<(), Failure> {
        if group.is_empty() {
            return Ok(());
        }
        let hash = head.hash.to_string();
        graph.apply_up_to(group, Some(&hash)).map_err(refused)?;
        self.batches += group.len() as u64;
        self.ops += group.iter().map(|b| b.ops.len() as u64).sum::<u64>();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
