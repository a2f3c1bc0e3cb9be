//! Building all test programs at once, with one set of features, and finding them.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::run;

/// A test program that cargo built.
pub(crate) struct Program {
    pub(crate) package: String,
    /// Its source in the workspace: `crates/cli/tests/it/main.rs`.
    pub(crate) title: String,
    folder: PathBuf,
    file: PathBuf,
}

/// Something to run, and its name for people.
pub(crate) struct Job {
    pub(crate) title: String,
    pub(crate) command: Command,
}

/// Builds every test program and the binaries that they start.
pub(crate) fn build() -> Result<Vec<Program>> {
    let arguments = [
        "test",
        "--workspace",
        "--all-features",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ];
    let mut child = run::cargo_command(&arguments)
        .stdout(Stdio::piped())
        .spawn()
        .context("starting cargo")?;
    let output = child.stdout.take().context("reading cargo's output")?;
    let mut programs = Vec::new();
    for line in BufReader::new(output).lines() {
        programs.extend(program(&line.context("reading cargo's output")?));
    }
    if !child.wait().context("waiting for cargo")?.success() {
        bail!("the tests do not build");
    }
    Ok(programs)
}

/// The test program that one of cargo's messages tells of.
fn program(message: &str) -> Option<Program> {
    let message: Value = serde_json::from_str(message).ok()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let manifest = PathBuf::from(text(&message["manifest_path"])?);
    let source = PathBuf::from(text(&message["target"]["src_path"])?);
    let shown = source.strip_prefix(run::root()).unwrap_or(&source);
    Some(Program {
        package: package(&text(&message["package_id"])?),
        title: shown.display().to_string(),
        folder: manifest.parent()?.to_path_buf(),
        file: PathBuf::from(text(&message["executable"])?),
    })
}

/// The name in `path+file:///somewhere/e2e#backstay-e2e@0.0.0`, also where it is the folder's.
fn package(id: &str) -> String {
    let (before, after) = id.split_once('#').unwrap_or((id, ""));
    match after.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => Path::new(before)
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
    }
}

impl Program {
    /// To be run as `cargo test` runs it: in its package's folder, knowing its package.
    pub(crate) fn job(&self, threads: usize, filter: &[&str]) -> Job {
        let mut command = Command::new(&self.file);
        command
            .arg(format!("--test-threads={threads}"))
            .args(filter)
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .env("CARGO_PKG_NAME", &self.package);
        Job {
            title: self.title.clone(),
            command,
        }
    }
}

/// The examples in the documentation; cargo compiles and runs them in one go.
pub(crate) fn documentation(filter: &[&str]) -> Job {
    let fixed = ["test", "--quiet", "--workspace", "--all-features", "--doc"];
    let arguments = [&fixed[..], &["--no-fail-fast", "--"], filter].concat();
    let mut command = run::cargo_command(&arguments);
    command.env("CARGO_TERM_COLOR", "never");
    Job {
        title: "examples in the documentation".to_owned(),
        command,
    }
}

#[cfg(test)]
mod tests {
    use super::package;

    #[test]
    fn packages_are_read_from_cargos_ids() {
        let long = "path+file:///somewhere/e2e#backstay-e2e@0.0.0";
        assert_eq!(package(long), "backstay-e2e");
        assert_eq!(package("path+file:///somewhere/xtask#0.0.0"), "xtask");
    }
}
