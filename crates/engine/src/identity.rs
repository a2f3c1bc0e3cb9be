//! The identity of a configuration.

use std::fmt::Write as _;

use backstay_model::id::SnapshotId;
use backstay_model::{Snapshot, Timestamp};
use sha2::{Digest, Sha256};

/// The content hash of `snapshot`: the first 16 bytes of SHA-256 over its canonical form, in hex.
/// What does not belong to a configuration is left out (when it was read, which cluster it is, when the
/// server was started, who was connected, when a file was last touched), so that a configuration that is put back has the
/// identity it had before.
#[must_use]
pub fn snapshot_id(snapshot: &Snapshot) -> SnapshotId {
    let mut content = snapshot.clone();
    content.id = SnapshotId(String::new());
    content.taken_at = Timestamp::default();
    content.server.started_at = Timestamp::default();
    content.server.processes_since = None;
    content.server.system_identifier = None;
    content.services.clear();
    content
        .files
        .iter_mut()
        .for_each(|file| file.modified_at = None);
    content.files.sort_by(|a, b| a.path.cmp(&b.path));
    content.file_errors.sort();
    let bytes =
        serde_json::to_vec(&content).expect("a snapshot has no value that JSON cannot hold");
    let mut hex = String::with_capacity(32);
    for byte in Sha256::digest(&bytes).iter().take(16) {
        write!(hex, "{byte:02x}").expect("a String takes every text");
    }
    SnapshotId(hex)
}

/// The same snapshot under its content hash.
#[must_use]
pub fn identified(mut snapshot: Snapshot) -> Snapshot {
    snapshot.id = snapshot_id(&snapshot);
    snapshot
}
