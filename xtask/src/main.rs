//! `cargo xtask`: sets up what is missing and runs it. Needs nothing but cargo.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks"
)]

mod neo4j;
mod run;
mod servers;
mod setup;
mod suite;
#[cfg(test)]
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
cargo xtask <command>

  demo [options]    install what is missing, build, and play the story on a throw-away PostgreSQL
                    (options go to `backstay demo`: --simulated, --json, --scenario NAME)
  test [filter]     install what is missing and run every test; says what it skipped
  ci                what CI runs: fmt, clippy, test
  tidy              the house rules: sizes, layers, purity, documents
  bench             run the benches and renew bench/RESULTS.md
  scoreboard        judge the change benchmark by our rule and those of others; renews docs/verdict.md
                    (--quick: our rule on the open part, in less than a minute; prints)
  harmless          what must never be called harm: a thousand shifts of the load in the simulated world,
                    then twenty harmless changes in a row on a throw-away PostgreSQL under load, beside
                    two programs that keep two processors busy (about a quarter of an hour; prints)
  docs              renew generated documents: command reference, transcript, pictures
  pack build        rebuild the knowledge packs from scratch servers and documentation packages
                    (--major N: only this one)
  pack train        train the sentence classifier on the labelled examples in the tree
  pack score        measure the packs against check lists, with simpler means beside them;
                    renews docs/scores.md
  pack diff A B     what changed in settings and rules between two major versions
  neo4j start|stop  a throw-away Neo4j to look at, or to test with; start prints how to reach it
  neo4j kill        kill guards and writers of a graph in Neo4j, and Neo4j itself, amid batches, 20 times each
  neo4j bench       one large graph in memory, in SQLite and in Neo4j, side by side (prints)
  setup             only install what is missing
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode> {
    let (command, rest) = arguments
        .split_first()
        .map_or(("help", &[][..]), |(c, r)| (c.as_str(), r));
    match command {
        "demo" => demo(rest),
        "test" => suite::test(rest),
        "ci" => suite::ci(),
        "tidy" => {
            run::cargo(&["test", "--quiet", "--package", "xtask"]).map(|()| ExitCode::SUCCESS)
        }
        "bench" => run::cargo(&["run", "--release", "--package", "backstay-bench"])
            .map(|()| ExitCode::SUCCESS),
        "scoreboard" => scoreboard(rest),
        "harmless" => harmless(),
        "docs" => docs(),
        "pack" => pack(rest),
        "neo4j" => neo4j::command(rest),
        "setup" => {
            setup::postgres()?;
            servers::ensure(&servers::majors());
            neo4j::ensure_all();
            Ok(ExitCode::SUCCESS)
        }
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        other => bail!("unknown command `{other}`\n\n{USAGE}"),
    }
}

/// Builds the release binary and plays the demo; the demo's exit code is ours.
fn demo(rest: &[String]) -> Result<ExitCode> {
    if !rest.iter().any(|a| a == "--simulated") {
        setup::postgres()?;
    }
    eprintln!("building backstay (release); the first time takes some minutes …");
    run::cargo(&["build", "--release", "--package", "backstay-cli"])?;
    run::binary(
        "release",
        "backstay",
        &[&["demo".to_owned()], rest].concat(),
    )
}

/// Judges the change benchmark; who tunes the judge builds fast.
fn scoreboard(rest: &[String]) -> Result<ExitCode> {
    let profile = ["run", "--quiet", "--profile", "tuning"];
    let package = ["--package", "backstay-scoreboard", "--"];
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    run::cargo(&[&profile[..], &package, &rest].concat())?;
    Ok(ExitCode::SUCCESS)
}

/// What must never be called harm, at length: the ordinary suite plays a few of each.
fn harmless() -> Result<ExitCode> {
    setup::postgres()?;
    let shifts = [("BACKSTAY_SHIFTS", "1000")];
    let world = "test --quiet --package backstay-world --test it -- load_shifts --nocapture";
    run::cargo_with(&shifts, &world.split(' ').collect::<Vec<_>>())?;
    let twenty = [("BACKSTAY_TWENTY", "1")];
    let live = "test --quiet --package backstay-e2e --test it -- twenty_harmless --nocapture";
    run::cargo_with(&twenty, &live.split(' ').collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

/// Renews every generated document; each is checked by a test.
fn docs() -> Result<ExitCode> {
    run::cargo(&["build", "--package", "backstay-cli"])?;
    let update = [("INSTA_UPDATE", "always"), ("BACKSTAY_RENEW_DOCS", "1")];
    run::cargo_with(
        &update,
        &["test", "--quiet", "--package", "backstay-cli", "docs"],
    )?;
    Ok(ExitCode::SUCCESS)
}

fn pack(rest: &[String]) -> Result<ExitCode> {
    match rest.split_first() {
        Some((verb, more)) if verb == "build" => build_packs(more),
        Some((verb, more)) if verb == "diff" => extract("diff", more),
        Some((verb, [])) if verb == "score" => score_packs(),
        Some((verb, [])) if verb == "train" => extract("train", &[]),
        _ => bail!("usage: cargo xtask pack build [--major N] | score | train | diff A B"),
    }
}

/// Builds the packs of all major versions, or of one, from pinned servers.
fn build_packs(rest: &[String]) -> Result<ExitCode> {
    let majors = match rest {
        [] => servers::majors(),
        [flag, major] if flag == "--major" => vec![major.parse()?],
        _ => bail!("usage: cargo xtask pack build [--major N]"),
    };
    let there = servers::ensure(&majors);
    setup::documentation(&majors)?;
    for major in &there {
        eprintln!("building the pack of PostgreSQL {major} …");
        extract("build", &["--major".to_owned(), major.to_string()])?;
    }
    if there.len() < majors.len() {
        bail!("built {there:?} of {majors:?}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures the packs whose servers are there, and renews the page of scores.
fn score_packs() -> Result<ExitCode> {
    let majors = servers::ensure(&servers::majors());
    setup::documentation(&majors)?;
    let page = run::root().join("docs").join("scores.md");
    let mut arguments: Vec<String> = majors.iter().map(u32::to_string).collect();
    arguments.extend(["--out".to_owned(), page.display().to_string()]);
    extract("score", &arguments)
}

/// Runs a command of the extractor.
fn extract(verb: &str, rest: &[String]) -> Result<ExitCode> {
    let fixed = [
        "run",
        "--release",
        "--package",
        "backstay-extract",
        "--",
        verb,
    ];
    let rest = rest.iter().map(String::as_str);
    let all: Vec<&str> = fixed.into_iter().chain(rest).collect();
    run::cargo(&all)?;
    Ok(ExitCode::SUCCESS)
}
