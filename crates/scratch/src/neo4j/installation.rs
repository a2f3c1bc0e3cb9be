//! Finding the server's jars and a Java to run them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::caches::caches;

/// Our program around the server's classes; an installation holds it compiled.
pub const LAUNCHER: &str = include_str!("../../neo4j/Main.java");
/// What Maven reads to fetch the server's jars; property `neo4j.version` says which.
pub const POM: &str = include_str!("../../neo4j/pom.xml");

/// Lowest major version of Java that runs every release here.
const JAVA_MIN: u32 = 17;

/// The releases that tests run on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Release {
    /// The long-term one that we support.
    #[default]
    Supported,
    /// One of an older major version, which must be refused politely.
    Older,
}

impl Release {
    /// Whole version: `5.26.31`.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::Supported => "5.26.31",
            Self::Older => "4.4.48",
        }
    }
}

/// The jars of one release, our compiled launcher, and a Java that runs them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Installation {
    /// Which release.
    pub release: Release,
    /// The folder with `lib` (the jars), `launcher.jar` and its source.
    pub folder: PathBuf,
    /// The Java program.
    pub java: PathBuf,
}

/// No usable installation. Nothing was started.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FindError {
    /// No Java, or one that is too old.
    #[error("no Java {JAVA_MIN} or newer in JAVA_HOME or PATH; `cargo xtask setup` installs one")]
    NoJava,
    /// No jars of the release.
    #[error("no jars of Neo4j {version} in the cache folder; `cargo xtask setup` fetches them")]
    NoJars {
        /// The release.
        version: &'static str,
    },
}

impl Installation {
    /// The jars of `release` in the cache folder of `cargo xtask setup`, and the Java of `JAVA_HOME`, else of
    /// `PATH`.
    ///
    /// # Errors
    /// `FindError` when either is missing.
    pub fn find(release: Release) -> Result<Self, FindError> {
        let java = java().ok_or(FindError::NoJava)?;
        let folders = caches().into_iter().map(|c| Self::place(&c, release));
        let folder = folders.into_iter().find(|f| Self::complete(f));
        let folder = folder.ok_or(FindError::NoJars {
            version: release.version(),
        })?;
        Ok(Self {
            release,
            folder,
            java,
        })
    }

    /// Where in a cache folder the installation of `release` belongs.
    #[must_use]
    pub fn place(cache: &Path, release: Release) -> PathBuf {
        cache.join("neo4j").join(release.version())
    }

    /// Whether `folder` holds an installation with our present launcher.
    #[must_use]
    pub fn complete(folder: &Path) -> bool {
        let launcher = std::fs::read_to_string(folder.join("Main.java"));
        launcher.is_ok_and(|text| text == LAUNCHER)
            && folder.join("launcher.jar").is_file()
            && folder.join("lib").is_dir()
    }

    /// What `java -cp` takes.
    #[must_use]
    pub fn class_path(&self) -> String {
        let (launcher, lib) = (self.folder.join("launcher.jar"), self.folder.join("lib"));
        format!("{}:{}/*", launcher.display(), lib.display())
    }

    /// Classes as Java keeps them for a quick start. Used when it is there, and when the Java that made
    /// it is the one that runs.
    #[must_use]
    pub fn shared_classes(&self) -> PathBuf {
        self.folder.join("classes.jsa")
    }
}

/// A Java program that is new enough.
fn java() -> Option<PathBuf> {
    let named = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    named
        .into_iter()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("java"))
        .find(|program| new_enough(program))
}

fn new_enough(program: &Path) -> bool {
    let Ok(output) = Command::new(program).arg("-version").output() else {
        return false;
    };
    major(&String::from_utf8_lossy(&output.stderr)).is_some_and(|found| found >= JAVA_MIN)
}

/// Major version in what `java -version` says: `openjdk version "17.0.15" 2025-04-15`.
fn major(said: &str) -> Option<u32> {
    let version = said.split_once("version \"")?.1;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_java_says() {
        let debian = "openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime Environment\n";
        assert_eq!(major(debian), Some(17));
        assert_eq!(major("java version \"1.8.0_402\""), Some(1));
        assert_eq!(major("openjdk version \"25-ea\" 2025-09-16"), Some(25));
        assert_eq!(major("command not found"), None);
    }

    #[test]
    fn an_installation_with_another_launcher_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("lib")).unwrap();
        std::fs::write(at("launcher.jar"), "x").unwrap();
        std::fs::write(at("Main.java"), LAUNCHER).unwrap();
        assert!(Installation::complete(folder.path()));
        std::fs::write(at("Main.java"), "class Main {}").unwrap();
        assert!(!Installation::complete(folder.path()));
    }
}
