//! The account that servers run under: PostgreSQL refuses to run as root.

use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Whose process a server is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Account {
    /// Ours: we are not root.
    Own,
    /// Another's, because we are root.
    Other {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
    },
}

/// Ids of `nobody` where the account file does not say.
const NOBODY: u32 = 65_534;

impl Account {
    /// Our own account, or `postgres` (else `nobody`) when we are root.
    pub(crate) fn choose() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self::Own;
        }
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let (uid, gid) = ids(&accounts, "postgres")
            .or_else(|| ids(&accounts, "nobody"))
            .unwrap_or((NOBODY, NOBODY));
        Self::Other { uid, gid }
    }

    /// User id of the account.
    pub(crate) fn uid(self) -> u32 {
        match self {
            Self::Own => rustix::process::geteuid().as_raw(),
            Self::Other { uid, .. } => uid,
        }
    }

    /// Makes `command` run under the account.
    pub(crate) fn dress(self, command: &mut Command) {
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
    }

    /// Gives the file or folder `path` to the account.
    pub(crate) fn give(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid } => chown(path, Some(uid), Some(gid)),
        }
    }
}

/// User and group id of `name` in the text of an account file.
fn ids(accounts: &str, name: &str) -> Option<(u32, u32)> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::ids;

    #[test]
    fn an_account_file_is_read_by_name() {
        let text = "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:PG:/var/lib:/bin/sh\n";
        assert_eq!(ids(text, "postgres"), Some((101, 104)));
        assert_eq!(ids(text, "nobody"), None);
        assert_eq!(ids("postgres:x:many:104", "postgres"), None);
    }
}
