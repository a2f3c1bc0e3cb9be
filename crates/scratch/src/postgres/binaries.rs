//! Finding the server's programs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::caches::caches;

/// The programs of one PostgreSQL installation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Binaries {
    /// Major version, e.g. 15.
    pub major: u32,
    /// Whole version as the server prints it, e.g. `15.18`.
    pub version: String,
    /// Folder with `postgres`, `initdb` and `pg_ctl`.
    pub folder: PathBuf,
}

/// No usable PostgreSQL installation. Nothing was started.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FindError {
    /// None at all.
    #[error(
        "no PostgreSQL server programs in BACKSTAY_PG_BIN, PATH, /usr/lib/postgresql or the cache folder; `cargo xtask setup` installs them"
    )]
    Missing,
    /// None of the wanted major version.
    #[error(
        "no PostgreSQL {wanted} server programs (found major versions {found:?}); `cargo xtask setup` installs them"
    )]
    WrongMajor {
        /// The wanted major version.
        wanted: u32,
        /// Those that are there, highest first.
        found: Vec<u32>,
    },
}

/// Where to look.
#[derive(Clone, Debug, Default)]
struct Places {
    chosen: Option<OsString>,
    path: Option<OsString>,
    distribution: PathBuf,
    caches: Vec<PathBuf>,
}

impl Binaries {
    /// The installation named by `BACKSTAY_PG_BIN`, else the one of the highest major version in
    /// `PATH` and `/usr/lib/postgresql/*/bin`, else the highest in the cache folder of `cargo xtask setup`.
    ///
    /// # Errors
    /// `FindError::Missing` when there is none.
    pub fn find() -> Result<Self, FindError> {
        Self::all().into_iter().next().ok_or(FindError::Missing)
    }

    /// The installation of major version `major`.
    ///
    /// # Errors
    /// `FindError` when there is none.
    pub fn find_major(major: u32) -> Result<Self, FindError> {
        let all = Self::all();
        if all.is_empty() {
            return Err(FindError::Missing);
        }
        let found = all.iter().map(|b| b.major).collect();
        let wanted = all.into_iter().find(|b| b.major == major);
        wanted.ok_or(FindError::WrongMajor {
            wanted: major,
            found,
        })
    }

    /// The installation of major version `major` in the cache folder, which `cargo xtask setup` fills with
    /// versions pinned in its own files; `None` when it is not there.
    #[must_use]
    pub fn pinned(major: u32) -> Option<Self> {
        let of_major = |folder: &PathBuf| {
            let version = folder.parent()?.file_name()?.to_str()?.split('.').next()?;
            (version.parse() == Ok(major)).then_some(())
        };
        let mut folders: Vec<PathBuf> = cached_folders(&caches()).collect();
        folders.sort();
        folders.retain(|folder| of_major(folder).is_some());
        let found = folders.iter().rev().filter_map(|f| Self::in_folder(f));
        found.into_iter().find(|b| b.major == major)
    }

    /// Every installation there was when this program first asked, the preferred one first. Each is
    /// started once to hear its version, which is too much for every server of a test.
    #[must_use]
    pub fn all() -> Vec<Self> {
        static ALL: OnceLock<Vec<Binaries>> = OnceLock::new();
        let places = || Places {
            chosen: std::env::var_os("BACKSTAY_PG_BIN"),
            path: std::env::var_os("PATH"),
            distribution: PathBuf::from("/usr/lib/postgresql"),
            caches: caches(),
        };
        ALL.get_or_init(|| in_places(&places())).clone()
    }

    /// The server program.
    #[must_use]
    pub fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    /// The program that makes a data directory.
    #[must_use]
    pub fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    /// The control program.
    #[must_use]
    pub fn pg_ctl(&self) -> PathBuf {
        self.folder.join("pg_ctl")
    }

    fn in_folder(folder: &Path) -> Option<Self> {
        // The programs find their own library and share folders from where they really are.
        let postgres = folder.join("postgres").canonicalize().ok()?;
        let folder = postgres.parent()?.to_path_buf();
        if !folder.join("initdb").exists() || !folder.join("pg_ctl").exists() {
            return None;
        }
        let said = Command::new(&postgres).arg("--version").output().ok()?;
        let (major, version) = parse_version(&String::from_utf8_lossy(&said.stdout))?;
        Some(Self {
            major,
            version,
            folder,
        })
    }
}

fn in_places(places: &Places) -> Vec<Binaries> {
    let chosen = places.chosen.iter().flat_map(std::env::split_paths);
    let mut found: Vec<Binaries> = chosen.filter_map(|f| Binaries::in_folder(&f)).collect();
    let mut rest: Vec<Binaries> = (places.path.iter().flat_map(std::env::split_paths))
        .chain(distribution_folders(&places.distribution))
        .filter_map(|folder| Binaries::in_folder(&folder))
        .collect();
    let mut cached: Vec<Binaries> = cached_folders(&places.caches)
        .filter_map(|folder| Binaries::in_folder(&folder))
        .collect();
    for some in [&mut rest, &mut cached] {
        some.sort_by(|a, b| b.major.cmp(&a.major).then_with(|| a.folder.cmp(&b.folder)));
    }
    found.extend(rest);
    found.extend(cached);
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|b| seen.insert(b.folder.clone()));
    found
}

fn distribution_folders(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root) else {
        return Vec::new();
    };
    entries
        .filter_map(|e| Some(e.ok()?.path().join("bin")))
        .collect()
}

/// `<cache>/postgresql/<version>/bin` in each cache.
fn cached_folders(caches: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    caches
        .iter()
        .flat_map(|cache| distribution_folders(&cache.join("postgresql")))
}

/// Major and whole version from `postgres (PostgreSQL) 15.18 (Debian …)`.
fn parse_version(said: &str) -> Option<(u32, String)> {
    let version = said
        .split_once("(PostgreSQL) ")?
        .1
        .split_whitespace()
        .next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((digits.parse().ok()?, version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_server_says() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(parse_version(debian), Some((15, "15.18".into())));
        assert_eq!(
            parse_version("postgres (PostgreSQL) 19devel"),
            Some((19, "19devel".into()))
        );
        assert_eq!(parse_version("some other program 3.2"), None);
    }

    #[test]
    fn nowhere_means_none() {
        assert_eq!(in_places(&Places::default()), Vec::new());
    }
}
