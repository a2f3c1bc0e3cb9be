//! Running other programs.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

/// The workspace's folder: the one that cargo runs us in, for a build folder that several checkouts
/// share may give one of them the program that was built for another.
pub(crate) fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR");
    let manifest = here.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map_or(manifest.clone(), PathBuf::from)
}

/// Runs cargo in the workspace; its failure is ours.
pub(crate) fn cargo(arguments: &[&str]) -> Result<()> {
    cargo_with(&[], arguments)
}

/// Runs cargo with some environment variables more.
pub(crate) fn cargo_with(environment: &[(&str, &str)], arguments: &[&str]) -> Result<()> {
    let status = cargo_command(arguments)
        .envs(environment.iter().copied())
        .status();
    check(
        status.context("starting cargo")?,
        &format!("cargo {}", arguments.join(" ")),
    )
}

/// A cargo command in the workspace, not started yet.
pub(crate) fn cargo_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(arguments);
    // What cargo says of us would go to every build script below, and some are run again for it:
    // then each change between `cargo xtask` and `cargo` would build them and all above them anew.
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs one of our binaries and hands on its exit code. Ctrl-C and the end of the terminal reach it
/// directly, and we wait for it to clean up: a shell that gets the terminal back before would leave it
/// in the state that a live screen made.
pub(crate) fn binary(profile: &str, name: &str, arguments: &[String]) -> Result<ExitCode> {
    let path = target_dir().join(profile).join(name);
    let status = wait_for(Command::new(&path).args(arguments))
        .with_context(|| format!("starting {}", path.display()))?;
    let code = status
        .code()
        .and_then(|c| u8::try_from(c).ok())
        .unwrap_or(130);
    Ok(ExitCode::from(code))
}

/// Runs `command` to its end and lives through the signals that a terminal sends to both of us. They
/// are caught, not ignored: a program that is started inherits what is ignored.
fn wait_for(command: &mut Command) -> Result<ExitStatus> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let _entered = runtime.enter();
    let _caught = [SignalKind::interrupt(), SignalKind::hangup()]
        .map(|kind| signal(kind).context("catching signals"));
    Ok(command.status()?)
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Runs a program with root's rights: directly when we are root, through sudo otherwise.
pub(crate) fn as_root(program: &str, arguments: &[&str]) -> Result<()> {
    let mut command = if am_root()? {
        Command::new(program)
    } else {
        Command::new("sudo")
    };
    if !am_root()? {
        command.arg(program);
    }
    let line = format!("{program} {}", arguments.join(" "));
    eprintln!("+ {line}");
    let status = command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status();
    check(status.with_context(|| format!("starting {line}"))?, &line)
}

/// Runs a program in `folder` quietly; what it complains of is in the error.
pub(crate) fn in_folder(program: &str, arguments: &[&str], folder: &Path) -> Result<()> {
    let line = format!("{program} {}", arguments.join(" "));
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .with_context(|| format!("starting `{line}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` ended with {}: {}", output.status, said.trim());
    }
    Ok(())
}

pub(crate) fn am_root() -> Result<bool> {
    let output = Command::new("id")
        .arg("-u")
        .output()
        .context("asking who we are")?;
    Ok(output.stdout.trim_ascii() == b"0")
}

fn check(status: ExitStatus, line: &str) -> Result<()> {
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_of_the_terminal_ends_the_program_and_not_us() {
        // The shell sends to us what a terminal would send to both, and ends by itself.
        for kind in ["INT", "HUP"] {
            let script = format!("kill -{kind} $PPID; exit 7");
            let status = wait_for(Command::new("sh").args(["-c", &script])).unwrap();
            assert_eq!(status.code(), Some(7), "{kind}");
            // What it inherited is not deaf.
            let script = format!("kill -{kind} $$; exit 7");
            let status = wait_for(Command::new("sh").args(["-c", &script])).unwrap();
            assert_eq!(status.code(), None, "{kind}");
        }
    }
}
