//! Batches: the only way a graph changes. Gapless numbers make replay exact.

use backstay_model::{
    Author, ChangeSetId, Edge, EdgeKind, NodeKey, SettingKey, TargetId, Timestamp, Value,
};
use serde::{Deserialize, Serialize};

use crate::identity::{EdgeScope, LineKey};

/// One thing that happens to a graph.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// There is such a node. Nodes are not temporal: once known, always known.
    UpsertNode(NodeKey),
    /// A setting of a target gets a value at `at`, and keeps it until the next entry of the same
    /// setting. A late arrival takes its place in time; two entries at one moment: the later op wins.
    SetValue {
        /// The target.
        target: TargetId,
        /// The setting and where it stands.
        key: SettingKey,
        /// What it was, as far as the writer knows; not checked.
        old: Option<Value>,
        /// What it is now; `None` when the entry is taken away.
        new: Option<Value>,
        /// Who did it.
        author: Author,
        /// When it took effect.
        at: Timestamp,
        /// The change set; `None` for a first observation.
        change_set: Option<ChangeSetId>,
    },
    /// A version of an edge holds from `edge.valid_from` until `edge.valid_to`. In its line (scope,
    /// ends, kind) it replaces a version that begins at the same moment, ends one that is still
    /// running at its beginning, and itself ends where a later one begins. An interval without length
    /// is not kept.
    OpenEdge {
        /// Where it belongs.
        scope: EdgeScope,
        /// The version.
        edge: Edge,
    },
    /// The version of the line that is visible at `at` ends at `at`; one that would begin and end
    /// there is not kept. Nothing happens when none is visible.
    CloseEdge {
        /// Where it belongs.
        scope: EdgeScope,
        /// What depends.
        from: NodeKey,
        /// On what it depends.
        to: NodeKey,
        /// How.
        kind: EdgeKind,
        /// First moment it no longer holds.
        at: Timestamp,
    },
}

impl Op {
    /// Opens `edge` in `scope`.
    #[must_use]
    pub fn open(scope: &EdgeScope, edge: Edge) -> Self {
        Self::OpenEdge {
            scope: scope.clone(),
            edge,
        }
    }

    /// Closes the line at `at`.
    #[must_use]
    pub fn close(line: LineKey, at: Timestamp) -> Self {
        let LineKey {
            scope,
            from,
            to,
            kind,
        } = line;
        Self::CloseEdge {
            scope,
            from,
            to,
            kind,
            at,
        }
    }

    /// The nodes that become known by it: ends of an edge that is opened, setting and target of a value.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeKey> {
        match self {
            Self::UpsertNode(node) => vec![node.clone()],
            Self::SetValue { target, key, .. } => {
                vec![
                    NodeKey::Setting(key.name.clone()),
                    NodeKey::Target(target.clone()),
                ]
            }
            Self::OpenEdge { edge, .. } => vec![edge.from.clone(), edge.to.clone()],
            Self::CloseEdge { .. } => Vec::new(),
        }
    }
}

/// Ops that become visible together.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Batch {
    /// Its number, gapless from 1.
    pub seq: u64,
    /// What happens, in order.
    pub ops: Vec<Op>,
}

/// What became of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Applied {
    /// It was the next one and is in the graph now.
    Now,
    /// It was there already; nothing happened.
    Before,
}

/// Why a batch was not applied. The graph is unchanged in every case but `Store`, where the effect is
/// what `applied_seq` says afterwards.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A batch is missing in between.
    #[error("batch {got} does not follow batch {have}")]
    Gap {
        /// The last batch applied.
        have: u64,
        /// The batch offered.
        got: u64,
    },
    /// An op cannot be kept.
    #[error("operation {index} of batch {seq} cannot be kept: {why}")]
    Invalid {
        /// The batch.
        seq: u64,
        /// Position of the op in it, from 0.
        index: usize,
        /// What is wrong with it.
        why: InvalidOp,
    },
    /// The store failed.
    #[error("the graph store failed")]
    Store {
        /// Its own words.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What can be wrong with an op.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidOp {
    /// GR-1: every edge has evidence.
    #[error("the edge has no evidence")]
    NoEvidence,
    /// Not-a-number and infinities do not enter.
    #[error("a number in the evidence is not finite")]
    NotFinite,
    /// A NUL character cannot be kept by every store.
    #[error("a text holds a NUL character")]
    Nul,
}

impl Batch {
    /// Whether a graph that has applied batches up to `have` takes this one. Every store asks this
    /// first, so that all of them refuse the same batches.
    ///
    /// # Errors
    /// `Gap` when a batch is missing in between, `Invalid` when an op cannot be kept.
    pub fn admit(&self, have: u64) -> Result<Applied, ApplyError> {
        if self.seq <= have {
            return Ok(Applied::Before);
        }
        if self.seq != have + 1 {
            return Err(ApplyError::Gap {
                have,
                got: self.seq,
            });
        }
        for (index, op) in self.ops.iter().enumerate() {
            check(op).map_err(|why| ApplyError::Invalid {
                seq: self.seq,
                index,
                why,
            })?;
        }
        Ok(Applied::Now)
    }
}

fn check(op: &Op) -> Result<(), InvalidOp> {
    match op {
        Op::UpsertNode(node) => no_nul(node.name()),
        Op::SetValue {
            target,
            key,
            new,
            author,
            ..
        } => {
            no_nul(target.as_str())?;
            no_nul(&key.to_string())?;
            no_nul(author.name())?;
            new.as_ref().and_then(Value::as_text).map_or(Ok(()), no_nul)
        }
        Op::OpenEdge { scope, edge } => {
            no_nul(&scope.to_string())?;
            check_edge(edge)
        }
        Op::CloseEdge {
            scope, from, to, ..
        } => {
            no_nul(&scope.to_string())?;
            no_nul(from.name())?;
            no_nul(to.name())
        }
    }
}

fn check_edge(edge: &Edge) -> Result<(), InvalidOp> {
    if edge.evidence.is_empty() {
        return Err(InvalidOp::NoEvidence);
    }
    if edge.evidence.iter().any(|e| !e.log_lr.is_finite()) {
        return Err(InvalidOp::NotFinite);
    }
    let anchors = edge.evidence.iter().map(|e| e.anchor.as_str());
    let texts = [edge.from.name(), edge.to.name()]
        .into_iter()
        .chain(anchors);
    let optional = edge.rule.iter().chain(&edge.constraint).map(String::as_str);
    texts.chain(optional).try_for_each(no_nul)
}

fn no_nul(text: &str) -> Result<(), InvalidOp> {
    if text.contains('\0') {
        Err(InvalidOp::Nul)
    } else {
        Ok(())
    }
}
