//! Folders of things that are fetched once per machine.

use std::path::PathBuf;

/// Cache folders that may exist, the same as `cargo xtask setup` chooses from. Root's own home is closed
/// to the account that servers run under, so root's is a common one.
pub(crate) fn caches() -> Vec<PathBuf> {
    let named = std::env::var_os("BACKSTAY_CACHE").map(PathBuf::from);
    let xdg = std::env::var_os("XDG_CACHE_HOME").map(|p| PathBuf::from(p).join("backstay"));
    let home = std::env::var_os("HOME").map(|p| PathBuf::from(p).join(".cache/backstay"));
    let common = PathBuf::from("/var/cache/backstay");
    named
        .into_iter()
        .chain(xdg)
        .chain(home)
        .chain([common])
        .collect()
}
