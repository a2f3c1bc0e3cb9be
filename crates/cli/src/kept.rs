//! Where a guard keeps its graph, and how a store that is far away stands.

use std::fs;
use std::path::{Path, PathBuf};

use backstay_graph::{Applied, ApplyError, Batch, GraphStore, ReadError};
use backstay_guard::books::Feed;
use backstay_guard::config::GraphConfig;
use backstay_guard::far::{FarGraph, Standing};
use backstay_store_sqlite::SqliteGraph;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::far;

/// In the state directory: how the store stands, as the guard said last.
const FILE: &str = "graph-store.json";

/// The graph of a guard.
#[derive(Debug)]
pub(crate) enum KeptGraph {
    Here(SqliteGraph),
    Far(FarGraph),
}

impl KeptGraph {
    /// The graph that `config` asks for, over the journal of `directory`, which has `head` entries.
    pub(crate) fn of(
        config: &GraphConfig,
        here: SqliteGraph,
        (directory, head): (&Path, u64),
    ) -> Result<Self, Failure> {
        match config {
            GraphConfig::Sqlite => {
                // What an earlier guard said about another store is over.
                drop(fs::remove_file(directory.join(FILE)));
                Ok(Self::Here(here))
            }
            GraphConfig::Neo4j(config) => far::start(config, (directory, head)).map(Self::Far),
        }
    }
}

impl Feed for KeptGraph {
    fn applied_seq(&self) -> Result<u64, ReadError> {
        match self {
            Self::Here(graph) => GraphStore::applied_seq(graph),
            Self::Far(graph) => graph.applied_seq(),
        }
    }

    fn apply(&mut self, batch: &Batch) -> Result<Applied, ApplyError> {
        match self {
            Self::Here(graph) => GraphStore::apply(graph, batch),
            Self::Far(graph) => Feed::apply(graph, batch),
        }
    }
}

/// How a store that is far away stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Where it is; no secret is in it.
    pub(crate) address: String,
    pub(crate) deployment: String,
    #[serde(flatten)]
    pub(crate) standing: Standing,
}

impl Told {
    /// What the guard of `directory` said last.
    pub(crate) fn read(directory: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(directory.join(FILE)).ok()?).ok()
    }

    /// Says it to whoever asks later. That it cannot be written harms nobody.
    #[cfg_attr(
        not(feature = "neo4j"),
        expect(dead_code, reason = "this build has no store that is far away")
    )]
    pub(crate) fn write(&self, directory: &Path) {
        let path = directory.join(FILE);
        let beside: PathBuf = directory.join(format!("{FILE}.new"));
        let written = serde_json::to_vec(self).map_err(std::io::Error::from);
        let written = written.and_then(|text| fs::write(&beside, text));
        if let Err(error) = written.and_then(|()| fs::rename(&beside, &path)) {
            tracing::debug!(%error, "how the graph store stands could not be written");
        }
    }

    /// How many entries of a journal of `entries` it lacks; `None` while it has not said.
    pub(crate) fn behind(&self, entries: u64) -> Option<u64> {
        Some(entries.saturating_sub(self.standing.applied?))
    }
}
