//! Installing what is missing, and only that.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::run;

/// Makes sure there are PostgreSQL server binaries; installs the distribution's when none are found.
/// The server that the package would start is kept from being made.
pub(crate) fn postgres() -> Result<PathBuf> {
    if let Some(found) = find_postgres() {
        return Ok(found);
    }
    eprintln!("no PostgreSQL server binaries found: installing the distribution's");
    keep_the_package_from_starting_a_server()?;
    apt_install(&["postgresql-15"])?;
    find_postgres()
        .context("PostgreSQL was installed, but its server binaries are not where they should be")
}

/// Makes sure the documentation package is there; only building a pack needs it.
pub(crate) fn documentation() -> Result<()> {
    if Path::new("/usr/share/doc/postgresql-doc-15/html").is_dir() {
        return Ok(());
    }
    apt_install(&["postgresql-doc-15"])
}

/// The newest folder with server binaries: `BACKSTAY_PG_BIN`, the distribution's folders, the path.
fn find_postgres() -> Option<PathBuf> {
    let named = std::env::var_os("BACKSTAY_PG_BIN").map(PathBuf::from);
    let mut packaged: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|e| e.path().join("bin")).collect())
        .unwrap_or_default();
    packaged.sort();
    let on_path = std::env::var_os("PATH")
        .map(|p| std::env::split_paths(&p).collect::<Vec<_>>())
        .unwrap_or_default();
    named
        .into_iter()
        .chain(packaged.into_iter().rev())
        .chain(on_path)
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

fn apt_install(packages: &[&str]) -> Result<()> {
    if !Path::new("/usr/bin/apt-get").is_file() {
        bail!(
            "this is no Debian: install {} by hand, then run this again",
            packages.join(" ")
        );
    }
    run::as_root("apt-get", &["update", "-qq"])?;
    let mut arguments = vec![
        "install",
        "-y",
        "-qq",
        "--no-install-recommends",
        "-o",
        "Dpkg::Options::=--force-confold",
    ];
    arguments.extend_from_slice(packages);
    run::as_root("apt-get", &arguments)
}

/// Debian's package makes and starts a server on port 5432; its own switch turns that off.
fn keep_the_package_from_starting_a_server() -> Result<()> {
    let switch = "/etc/postgresql-common/createcluster.conf";
    if Path::new(switch).exists() {
        return Ok(());
    }
    let line = "create_main_cluster = false";
    run::as_root(
        "sh",
        &[
            "-c",
            &format!("mkdir -p /etc/postgresql-common && echo '{line}' > {switch}"),
        ],
    )
}
