//! `cargo xtask bench`: runs the criterion benches, measures a guard on a throw-away PostgreSQL, and
//! writes `bench/RESULTS.md`. Nothing is asserted: a missed target is said, not failed.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "it measures time; nothing decides by it"
)]

mod board;
mod checking;
mod live;
mod machine;
mod process;
mod recall;
mod single;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use backstay_bench::records;

use machine::Machine;
use table::Section;

const USAGE: &str = "\
backstay-bench            everything; writes bench/RESULTS.md (release builds only)
backstay-bench criterion  only the criterion benches; prints
backstay-bench single     only what is measured once, in new processes; prints
backstay-bench check      only `check` on throw-away PostgreSQLs; prints
backstay-bench live       only the guard on a throw-away PostgreSQL; prints
backstay-bench recall     only how long it takes to know again what years taught; prints
backstay-bench record DIR writes a journal of 100,000 changes into DIR, for whoever looks where time goes";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => everything(),
        ["criterion"] => print(&[board::run()?]),
        ["single"] => print(&[single::run(&backstay()?)?]),
        ["check"] => print(&[checking::run(&backstay()?)?]),
        ["live"] => print(&[live::run(&backstay()?, single::growth_over_hours()?)?]),
        ["recall"] => print(&[recall::run(&backstay()?)?]),
        ["record", directory] => {
            let entries = records::write(Path::new(directory), recall::RECORDED)?;
            println!("{entries} entries");
            Ok(())
        }
        [part] if single::child(part)? => Ok(()),
        other => bail!("`{}` is not a part\n\n{USAGE}", other.join(" ")),
    }
}

fn print(sections: &[Section]) -> Result<()> {
    print!("{}", table::markdown(sections));
    Ok(())
}

fn everything() -> Result<()> {
    ensure!(
        !cfg!(debug_assertions),
        "numbers of a debug build are worth nothing: `cargo xtask bench`"
    );
    let backstay = backstay()?;
    board::build()?;
    let machine = Machine::look()?;
    let began = Instant::now();
    let sections = [
        board::run()?,
        single::run(&backstay)?,
        recall::run(&backstay)?,
        checking::run(&backstay)?,
        live::run(&backstay, single::growth_over_hours()?)?,
    ];
    let took = began.elapsed();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let document = table::document(&machine, &sections, took, &old);
    std::fs::write(&path, &document).with_context(|| format!("writing {}", path.display()))?;
    print!("{document}");
    Ok(())
}

/// The product's binary, built like this program and standing beside it.
fn backstay() -> Result<PathBuf> {
    let mut arguments = vec!["build", "--quiet", "--package", "backstay-cli"];
    if !cfg!(debug_assertions) {
        arguments.push("--release");
    }
    cargo(&arguments, &[])?;
    let program = std::env::current_exe().context("asking where this program is")?;
    let path = program.with_file_name("backstay");
    ensure!(path.is_file(), "{} was not built", path.display());
    Ok(path)
}

/// Runs cargo in this workspace.
fn cargo(arguments: &[&str], environment: &[(&str, &Path)]) -> Result<()> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .envs(environment.iter().copied());
    // What cargo tells a program that it runs: with it in their environment, some build scripts run
    // anew, and all that depends on them is built again.
    let told = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(told) {
            command.env_remove(name);
        }
    }
    let status = command.status().context("starting cargo")?;
    ensure!(status.success(), "`cargo {}` failed", arguments.join(" "));
    Ok(())
}
