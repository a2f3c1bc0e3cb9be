//! The state directory: where it is, its key, and opening what is in it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use backstay_graph::GraphStore;
use backstay_guard::books::{Books, Shelf};
use backstay_guard::config::GraphConfig;
use backstay_journal::EntryStore;
use backstay_store_sqlite::{
    Limits, OpenError, Readers, SqliteLog, SqliteMetrics, SqliteSnapshots, Stores, make_directory,
};

use crate::args::Common;
use crate::failure::{Code, Failure};
use crate::kept::KeptGraph;

/// Bytes of the installation's key.
const KEY_BYTES: usize = 32;

/// Books on disk.
#[derive(Debug)]
pub(crate) struct OnDisk;

impl Books for OnDisk {
    type Entries = SqliteLog;
    type Snapshots = SqliteSnapshots;
    type Metrics = SqliteMetrics;
    type Graph = KeptGraph;
}

/// The state directory: `--state-dir`, `BACKSTAY_STATE_DIR`, or the user's own state folder.
pub(crate) fn directory(common: &Common) -> PathBuf {
    if let Some(named) = &common.state_dir {
        return named.clone();
    }
    let home = || std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".local/state"));
    let base = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(home);
    base.unwrap_or_else(|| PathBuf::from(".")).join("backstay")
}

/// Opens the directory as its one owner, with the graph where `graph` wants it.
pub(crate) fn own(
    directory: &Path,
    metrics_bytes_max: u64,
    graph: &GraphConfig,
) -> Result<Shelf<OnDisk>, Failure> {
    let stores = stores(directory, metrics_bytes_max)?;
    let head = stores
        .log
        .head()
        .map_err(|e| Failure::of(Code::Store, &e))?;
    let mut here = stores.graph;
    if here.applied_seq().is_ok_and(|applied| applied > head.seq.0) {
        // It was imported, or the journal under it is another one: the journal is the authority.
        let emptied = here.restore(&[], 0);
        emptied.map_err(|e| Failure::of(Code::Store, &e))?;
    }
    let graph = KeptGraph::of(graph, here, (directory, head.seq.0))?;
    Ok(Shelf {
        entries: stores.log,
        snapshots: stores.snapshots,
        metrics: stores.metrics,
        graph,
    })
}

/// The stores in the directory, opened as their one owner.
pub(crate) fn stores(directory: &Path, metrics_bytes_max: u64) -> Result<Stores, Failure> {
    let limits = Limits {
        metrics_bytes_max,
        journal_bytes_max: journal_limit(),
    };
    Stores::open(directory, &limits).map_err(|e| store_failure(&e))
}

/// A bound on the journal's size from the environment, for small disks; reaching it is like a full
/// disk.
fn journal_limit() -> Option<u64> {
    std::env::var("BACKSTAY_JOURNAL_BYTES_MAX")
        .ok()?
        .parse()
        .ok()
}

/// Opens the directory (or a journal file) to read, also while a guard runs.
pub(crate) fn read(path: &Path) -> Result<Readers, Failure> {
    Readers::open(path).map_err(|e| store_failure(&e))
}

/// A store's failure with its code and hints.
pub(crate) fn store_failure(error: &OpenError) -> Failure {
    let code = match error {
        OpenError::NewerFormat { .. } => Code::NewerFormat,
        OpenError::Locked { .. } => Code::Locked,
        OpenError::DiskFull { .. } => Code::Full,
        OpenError::Corrupt { .. } => Code::Broken,
        _ => Code::Store,
    };
    error
        .hints()
        .into_iter()
        .fold(Failure::of(code, error), Failure::hint)
}

/// The key under which secrets become fingerprints; made at the first use, readable by its owner only.
pub(crate) fn key(directory: &Path) -> Result<Vec<u8>, Failure> {
    let path = directory.join("key");
    let failed = |e: &std::io::Error| {
        Failure::of(Code::Store, e).because(format!("file {}", path.display()))
    };
    if let Ok(key) = fs::read(&path) {
        if key.len() == KEY_BYTES {
            return Ok(key);
        }
        return Err(Failure::new(
            Code::Store,
            format!(
                "{} is no key: {} bytes instead of {KEY_BYTES}",
                path.display(),
                key.len()
            ),
        )
        .hint(
            "restore it from a backup; without it, secrets of old snapshots cannot be compared",
        ));
    }
    make_directory(directory).map_err(|e| failed(&e))?;
    let mut key = vec![0; KEY_BYTES];
    getrandom::fill(&mut key)
        .map_err(|e| Failure::new(Code::Internal, format!("no random bytes to be had: {e}")))?;
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    file.and_then(|mut f| f.write_all(&key).and_then(|()| f.sync_all()))
        .map_err(|e| failed(&e))?;
    Ok(key)
}
