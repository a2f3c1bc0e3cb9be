//! Where the recorded data of others are: beside the checkout, never in it.

use std::path::{Path, PathBuf};

/// The folder that holds NAB's `data` and `labels`: `$BACKSTAY_DATA/nab`, else `../shared/data/nab`
/// beside the workspace; `None` when it is not there.
#[must_use]
pub fn nab() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("BACKSTAY_DATA").map_or_else(beside, PathBuf::from);
    let folder = data.join("nab");
    folder.join("labels").is_dir().then_some(folder)
}
