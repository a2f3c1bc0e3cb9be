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

/// Makes sure the documentation packages that the distribution has are there, and says which it lacks;
/// only building a pack needs them.
pub(crate) fn documentation(majors: &[u32]) -> Result<()> {
    let folder = |major: u32| PathBuf::from(format!("/usr/share/doc/postgresql-doc-{major}/html"));
    let missing: Vec<u32> = (majors.iter().copied())
        .filter(|m| !folder(*m).is_dir())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let offered: Vec<String> = (missing.iter())
        .map(|m| format!("postgresql-doc-{m}"))
        .filter(|package| offers(package))
        .collect();
    for major in missing {
        let package = format!("postgresql-doc-{major}");
        if !offered.contains(&package) {
            eprintln!(
                "NOTE: this distribution has no {package}: sentences of the nearest version count half"
            );
        }
    }
    if offered.is_empty() {
        return Ok(());
    }
    apt_install(&offered.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Packages of a Java compiler that is new enough, the best first.
const JAVAS: [&str; 2] = ["openjdk-21-jdk-headless", "openjdk-17-jdk-headless"];

/// Makes sure there are a Java compiler and Maven; installs the distribution's where one is missing.
pub(crate) fn java() -> Result<()> {
    let mut missing = Vec::new();
    if !on_path("javac") {
        let offered = JAVAS.into_iter().find(|package| offers(package));
        missing.push(offered.context("this distribution has no Java 17 or 21")?);
    }
    if !on_path("mvn") {
        missing.push("maven");
    }
    if missing.is_empty() {
        return Ok(());
    }
    apt_install(&missing)
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Whether the distribution has a package.
fn offers(package: &str) -> bool {
    let shown = std::process::Command::new("apt-cache")
        .args(["show", "--no-all-versions", package])
        .output();
    shown.is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
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
