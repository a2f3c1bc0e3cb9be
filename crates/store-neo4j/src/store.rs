//! The graph as a store: batches in, answers out.

use std::collections::BTreeSet;

use backstay_graph::store::{EdgeFilter, GraphSnapshot, GraphStore, ReadError};
use backstay_graph::{Applied, ApplyError, Batch, Impact, ImpactSpec, Op, SettingVersion};
use backstay_model::{Edge, NodeKey, SettingKey, TargetId, Timestamp};
use neo4rs::{BoltNull, BoltType, Txn};
use serde::Deserialize;

use crate::address::{Address, Deployment, Password};
use crate::cone;
use crate::error::NeoError;
use crate::read::{self, StandingRow};
use crate::schema;
use crate::session::{Session, patiently};
use crate::uid;
use crate::write::Work;

/// Most nodes remembered as already stored, so that a burst of changes does not store them again.
const KNOWN_NODES_MAX: usize = 65_536;

/// The dependency graph of one deployment in a Neo4j database.
///
/// Every batch, or group of batches, is one transaction, which first locks the node that says how far the
/// deployment is: two writers never write at once, and after a crash on either side a replay of the
/// journal goes on exactly where it stopped.
#[derive(Debug)]
pub struct Neo4jGraph {
    session: Session,
    deployment: Deployment,
    known: BTreeSet<NodeKey>,
}

impl Neo4jGraph {
    /// Opens the graph of `deployment` in a database that [`schema::prepare`] has prepared.
    ///
    /// # Errors
    /// `NeoError`, with a hint; nothing was changed.
    pub fn open(
        address: &Address,
        password: &Password,
        deployment: Deployment,
    ) -> Result<Self, NeoError> {
        let session = Session::new(address, password)?;
        session.wait(schema::check(&session))?;
        Ok(Self {
            session,
            deployment,
            known: BTreeSet::new(),
        })
    }

    /// Which deployment it is of.
    #[must_use]
    pub const fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Makes sure that this graph is fed from `journal`, a word that no other journal has; the first who
    /// asks decides. Gives how far it is.
    ///
    /// # Errors
    /// `NeoError::OtherJournal` when it is fed from another one; else as [`Self::open`].
    pub fn claim(&mut self, journal: &str) -> Result<Standing, NeoError> {
        let session = &self.session;
        session.wait(async {
            let mut txn = session.begin().await?;
            match claimed(session, &mut txn, (&self.deployment, journal)).await {
                Ok(standing) => session.commit(txn).await.map(|()| standing),
                Err(error) => {
                    session.undo(txn).await;
                    Err(error)
                }
            }
        })
    }

    /// How far this graph is, and from which journal.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn standing(&self) -> Result<Standing, NeoError> {
        self.session
            .wait(read::standing(&self.session, &self.deployment))
    }

    /// Applies several batches in one transaction, all of those that are taken or nothing; gives the
    /// number of the last batch that is in the graph now. Batches that are there already count as taken.
    /// A batch that cannot be kept is only told when it comes first: those before it are applied.
    ///
    /// # Errors
    /// As [`GraphStore::apply`]. After `Store` the effect is what `applied_seq` says.
    pub fn apply_group(&mut self, batches: &[Batch]) -> Result<u64, ApplyError> {
        self.apply_up_to(batches, None)
    }

    /// [`Self::apply_group`], and notes the hash of the journal's entry that the last batch was made from:
    /// by it [`Standing::head`] tells a course of the journal from another one that began alike.
    ///
    /// # Errors
    /// As [`Self::apply_group`].
    pub fn apply_up_to(
        &mut self,
        batches: &[Batch],
        head: Option<&str>,
    ) -> Result<u64, ApplyError> {
        let done = patiently(|| {
            let group = Group {
                batches,
                head,
                known: &self.known,
            };
            match self
                .session
                .wait(one_group(&self.session, &self.deployment, &group))
            {
                Ok(done) => Ok(Ok(done)),
                Err(Failure::Refused(error)) => Ok(Err(error)),
                Err(Failure::Store(error)) => {
                    // Whoever was in the way may have taken away what we know.
                    self.known.clear();
                    Err(error)
                }
            }
        });
        let (seq, nodes) = done.map_err(|error| ApplyError::Store {
            source: Box::new(error),
        })??;
        let nodes = nodes.unwrap_or_default();
        if self.known.len() + nodes.len() > KNOWN_NODES_MAX {
            self.known.clear();
        }
        self.known.extend(nodes);
        Ok(seq)
    }

    /// Everything that makes the graph what it is, as ops in an order in which another store can take
    /// them, and the number of the last batch that is in it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn everything(&self) -> Result<(Vec<Op>, u64), NeoError> {
        self.session
            .wait(read::everything(&self.session, &self.deployment))
    }
}

/// How far a graph is, and from which journal.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// Number of the last batch in it; 0 when there is none.
    pub seq: u64,
    /// The journal that it is fed from, as [`Neo4jGraph::claim`] was told; `None` before that.
    pub journal: Option<String>,
    /// Hash of the journal's entry with the number `seq`; `None` where it was not said.
    pub head: Option<String>,
}

/// Why a group was not applied.
enum Failure {
    Store(NeoError),
    Refused(ApplyError),
}

impl From<NeoError> for Failure {
    fn from(error: NeoError) -> Self {
        Self::Store(error)
    }
}

/// Number of the last batch in the graph, and the nodes that are known to be stored; no nodes when all
/// of a group was there already.
type Done = (u64, Option<BTreeSet<NodeKey>>);

/// What is applied in one transaction.
struct Group<'a> {
    batches: &'a [Batch],
    /// Hash of the entry that the last of them was made from.
    head: Option<&'a str>,
    /// Nodes that need not be stored again.
    known: &'a BTreeSet<NodeKey>,
}

async fn one_group(
    session: &Session,
    deployment: &Deployment,
    group: &Group<'_>,
) -> Result<Done, Failure> {
    let mut txn = session.begin().await?;
    match within(session, &mut txn, (deployment, group)).await {
        Ok(done) => {
            match done.1 {
                Some(_) => session.commit(txn).await?,
                None => session.undo(txn).await,
            }
            Ok(done)
        }
        Err(failure) => {
            session.undo(txn).await;
            Err(failure)
        }
    }
}

async fn within(
    session: &Session,
    txn: &mut Txn,
    (deployment, group): (&Deployment, &Group<'_>),
) -> Result<Done, Failure> {
    let have = lock(session, txn, deployment).await?.seq;
    let wanted = admitted(group.batches, have).map_err(Failure::Refused)?;
    let Some(last) = wanted.last() else {
        return Ok((have, None));
    };
    // Of a group that is taken in part, nobody said where that part ends.
    let whole = group.batches.last().is_some_and(|b| b.seq == last.seq);
    let head = group.head.filter(|_| whole);
    let mut work = Work::of(wanted, deployment, group.known);
    work.read(session, txn).await?;
    work.write(session, txn).await?;
    let statement = "MATCH (m:Backstay {uid: $uid}) SET m.seq = $seq, m.head = $head REMOVE m.held RETURN m.seq AS seq";
    let parameters = vec![
        ("uid", uid::applied(deployment).into()),
        ("seq", last.seq.cast_signed().into()),
        ("head", head.map_or(BoltType::Null(BoltNull), Into::into)),
    ];
    session.ask::<Moved>(txn, (statement, parameters)).await?;
    Ok((last.seq, Some(work.into_nodes())))
}

/// Those of `batches` that come next after `have`, up to one that cannot be kept.
fn admitted(batches: &[Batch], have: u64) -> Result<&[Batch], ApplyError> {
    let before = batches.iter().take_while(|b| b.seq <= have).count();
    let new = batches.get(before..).unwrap_or_default();
    let mut last = have;
    for (count, batch) in new.iter().enumerate() {
        match batch.admit(last) {
            Ok(_) => last = batch.seq,
            Err(error) if count == 0 => return Err(error),
            Err(_) => return Ok(new.get(..count).unwrap_or_default()),
        }
    }
    Ok(new)
}

#[derive(Deserialize)]
struct Moved {
    #[expect(dead_code, reason = "only that there is a row counts")]
    seq: i64,
}

/// Locks the node that says how far the deployment is, until the transaction ends. It is read by a
/// statement of its own: what one reads before it has the lock may be out of date.
async fn lock(
    session: &Session,
    txn: &mut Txn,
    deployment: &Deployment,
) -> Result<Standing, NeoError> {
    let statement = "MERGE (m:Backstay {uid: $uid}) \
         ON CREATE SET m:Applied, m.deployment = $deployment, m.seq = 0 \
         SET m.held = true RETURN 0 AS seq";
    let uid = uid::applied(deployment);
    let parameters = vec![
        ("uid", uid.as_str().into()),
        ("deployment", deployment.as_str().into()),
    ];
    session.ask::<Moved>(txn, (statement, parameters)).await?;
    let statement =
        "MATCH (m:Backstay {uid: $uid}) RETURN m.seq AS seq, m.journal AS journal, m.head AS head";
    let parameters = vec![("uid", uid.into())];
    let found: Vec<StandingRow> = session.ask(txn, (statement, parameters)).await?;
    // Two of them can only be where the constraint was dropped.
    match <[StandingRow; 1]>::try_from(found) {
        Ok([row]) => Ok(row.into()),
        Err(found) => Err(NeoError::Altered {
            what: format!(
                "{} nodes say how far deployment {deployment} is",
                found.len()
            ),
        }),
    }
}

async fn claimed(
    session: &Session,
    txn: &mut Txn,
    (deployment, journal): (&Deployment, &str),
) -> Result<Standing, NeoError> {
    let standing = lock(session, txn, deployment).await?;
    let other = match &standing.journal {
        Some(known) => known != journal,
        None => false,
    };
    if other {
        return Err(NeoError::OtherJournal {
            deployment: deployment.to_string(),
        });
    }
    let statement = "MATCH (m:Backstay {uid: $uid}) SET m.journal = $journal REMOVE m.held \
                     RETURN m.seq AS seq";
    let parameters = vec![
        ("uid", uid::applied(deployment).into()),
        ("journal", journal.into()),
    ];
    session.ask::<Moved>(txn, (statement, parameters)).await?;
    Ok(Standing {
        journal: Some(journal.to_owned()),
        ..standing
    })
}

fn unreadable(error: NeoError) -> ReadError {
    match error {
        NeoError::Odd { what } => ReadError::Corrupt { what },
        other => ReadError::Unavailable {
            source: Box::new(other),
        },
    }
}

impl GraphStore for Neo4jGraph {
    fn apply(&mut self, batch: &Batch) -> Result<Applied, ApplyError> {
        // What was there before the first attempt is told apart from what an attempt put there.
        let before = self.applied_seq().map_err(|e| ApplyError::Store {
            source: Box::new(e),
        })?;
        self.apply_group(std::slice::from_ref(batch))?;
        Ok(match batch.seq <= before {
            true => Applied::Before,
            false => Applied::Now,
        })
    }

    fn applied_seq(&self) -> Result<u64, ReadError> {
        let session = &self.session;
        let seq = session.wait(read::applied_seq(session, &self.deployment));
        seq.map_err(unreadable)
    }

    fn edges(&self, at: Timestamp, filter: &EdgeFilter) -> Result<Vec<Edge>, ReadError> {
        let session = &self.session;
        let edges = session.wait(read::edges(session, &self.deployment, (at, filter)));
        edges.map_err(unreadable)
    }

    fn snapshot(&self, at: Timestamp) -> Result<GraphSnapshot, ReadError> {
        let session = &self.session;
        let snapshot = session.wait(read::snapshot(session, &self.deployment, at));
        snapshot.map_err(unreadable)
    }

    fn history(
        &self,
        target: &TargetId,
        key: &SettingKey,
    ) -> Result<Vec<SettingVersion>, ReadError> {
        let session = &self.session;
        let place = (target.clone(), key.clone());
        let history = session.wait(read::history(session, &self.deployment, &place));
        history.map_err(unreadable)
    }

    fn impact(&self, start: &[NodeKey], spec: &ImpactSpec) -> Result<Vec<Impact>, ReadError> {
        let session = &self.session;
        let found = session.wait(cone::impact(session, &self.deployment, (start, spec)));
        found.map_err(unreadable)
    }
}
