//! Files and directories that only their owner may read, from the first moment: they are made with the
//! mode, not given it afterwards. What is there already and is wider is narrowed when it is opened.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Mode of our files.
const FILE: u32 = 0o600;
/// Mode of our directories.
const DIRECTORY: u32 = 0o700;
/// What others may do.
const OTHERS: u32 = 0o077;

/// Makes `directory` and what is missing above it, for its owner only. One that is there stays as it
/// is: whoever made it chose who may look into it.
///
/// # Errors
/// The file system's.
pub fn make_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY)
        .create(directory)
}

/// Opens `path` to read and write; makes it when it is not there.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(FILE)
        .open(path)
}

/// Takes `path` from everybody but its owner, where it is there and somebody else's too.
pub(crate) fn narrow(path: &Path) -> io::Result<()> {
    let mode = match path.metadata() {
        Ok(metadata) => metadata.permissions().mode(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if mode & OTHERS == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS))
}
