//! The recorded data of others: beside the checkout, never in it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::nab::{self, Series};

/// Groups of real machines' series that effects are put into.
const REAL: [&str; 2] = ["realAWSCloudwatch", "realKnownCause"];

/// The folder that holds NAB's `data` and `labels`: `$BACKSTAY_DATA/nab`, else `../shared/data/nab`
/// beside the workspace; `None` when it is not there.
#[must_use]
pub fn nab() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("BACKSTAY_DATA").map_or_else(beside, PathBuf::from);
    let folder = data.join("nab");
    folder.join("labels").is_dir().then_some(folder)
}

/// Series of real machines, read once; none when they are not at hand.
#[must_use]
pub fn real() -> &'static [Series] {
    static SERIES: OnceLock<Vec<Series>> = OnceLock::new();
    SERIES.get_or_init(|| groups(&REAL))
}

/// All recorded series, what is not a machine's too, read once; none when they are not at hand.
#[must_use]
pub fn all() -> &'static [Series] {
    static SERIES: OnceLock<Vec<Series>> = OnceLock::new();
    SERIES.get_or_init(|| groups(&["real"]))
}

/// The series of the groups whose names begin like one of these.
fn groups(beginnings: &[&str]) -> Vec<Series> {
    let mut all = nab()
        .and_then(|folder| nab::read(&folder).ok())
        .unwrap_or_default();
    all.retain(|s| beginnings.iter().any(|begin| s.name.starts_with(begin)));
    all
}
