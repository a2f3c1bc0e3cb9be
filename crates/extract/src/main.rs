//! `backstay-extract build`: writes the generated files of a pack.
#![allow(
    clippy::print_stderr,
    reason = "the summary is for the person who runs it"
)]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use backstay_catalog::pack::diff::diff as difference;
use backstay_catalog::{PackFit, pack};
use backstay_extract::{Docs, Places};
use backstay_model::name::EngineKind;
use clap::{Parser, Subcommand, ValueEnum};

/// Head of the page of scores.
const HEAD: &str = "\
# How good the packs are

Written by `cargo xtask pack score`. The check lists are in `crates/extract/data/checklist/`: they were
made by other routes than the packs, and no pack is built from them. No list is complete: what a pack
knows and a list does not counts as wrong here, so that precision is a lower bound.
The verdicts on pairs that are in no list are by somebody who had not seen the packs and judged them
hidden among listed pairs (47 of 52 called real) and random ones (6 of 90 called real). Not fully blind:
the figures of an earlier measurement, not the lists, were seen while the packs were pruned.
Brier score (mean squared distance of confidence and truth) and expected calibration error (ten bins) are
over the dependencies whose pair is in the expert's list or was judged: n. Nearly all of those are real, so
both say how far a confidence stands from one, and next to nothing of how well a false pair is told. What is
labelled is whether there is a dependency, not whether its type is right.

";

#[derive(Parser)]
#[command(about = "Builds knowledge packs for Backstay")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build settings.json and constraints.json from the server and documentation installed here
    Build {
        #[arg(long, value_enum, default_value = "postgresql")]
        engine: Engine,
        /// Major version
        #[arg(long)]
        major: u32,
        /// Folder of the pack; default: the one in this workspace
        #[arg(long)]
        out: Option<PathBuf>,
        /// Folder of the HTML documentation; default: that of the distribution's package
        #[arg(long)]
        docs: Option<PathBuf>,
        /// Folder that keeps what servers said: another build asks only what is not in it
        #[arg(long)]
        tries: Option<PathBuf>,
    },
    /// Tell what changed in settings and rules between two major versions
    Diff {
        /// First major version
        from: u32,
        /// Second major version
        to: u32,
    },
    /// Train the sentence classifier on the labelled examples in the tree; write weights and scores
    Train,
    /// Print every pair of settings in a sentence, for a person to label
    Candidates {
        #[command(flatten)]
        sources: Sources,
    },
    /// Read the labelled examples anew from documentation, and add labels
    Label {
        /// File with more labels, in the form of documentation.tsv; anchor and features may be empty
        #[arg(long)]
        add: Option<PathBuf>,
        #[command(flatten)]
        sources: Sources,
    },
    /// Measure shipped packs against check lists, with simpler means beside them
    Score {
        /// Major versions
        #[arg(required = true)]
        majors: Vec<u32>,
        /// Write the page here as well
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

/// Where documentation with labelled sentences is found on this machine.
#[derive(clap::Args)]
struct Sources {
    /// Folder of PostgreSQL 15's HTML documentation
    #[arg(long)]
    postgresql: Option<PathBuf>,
    /// Output of `mariadbd --no-defaults --verbose --help`
    #[arg(long)]
    mariadb: Option<PathBuf>,
    /// The commented redis.conf of the distribution
    #[arg(long)]
    redis: Option<PathBuf>,
    /// Folder of Pgpool-II's HTML documentation
    #[arg(long)]
    pgpool: Option<PathBuf>,
    /// PgBouncer's manual page pgbouncer.5, unpacked
    #[arg(long)]
    pgbouncer: Option<PathBuf>,
}

impl From<Sources> for Places {
    fn from(sources: Sources) -> Self {
        Self {
            postgresql: sources.postgresql,
            mariadb: sources.mariadb,
            redis: sources.redis,
            pgpool: sources.pgpool,
            pgbouncer: sources.pgbouncer,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Engine {
    Postgresql,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(summary) => {
            eprint!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<String, Box<dyn Error>> {
    match arguments.command {
        Command::Build {
            engine: Engine::Postgresql,
            major,
            out,
            docs,
            tries,
        } => build(major, out, docs, tries.as_deref()).await,
        Command::Diff { from, to } => diff(from, to),
        Command::Train => Ok(backstay_extract::train(&examples())?),
        Command::Candidates { sources } => Ok(backstay_extract::candidates(&sources.into())?),
        Command::Label { add, sources } => {
            let lost = backstay_extract::label(&examples(), &sources.into(), add.as_deref())?;
            Ok(format!(
                "{} rows not found in this documentation\n{}\n",
                lost.len(),
                lost.join("\n")
            ))
        }
        Command::Score { majors, out } => score(&majors, out.as_deref()).await,
    }
}

async fn build(
    major: u32,
    out: Option<PathBuf>,
    docs: Option<PathBuf>,
    tries: Option<&Path>,
) -> Result<String, Box<dyn Error>> {
    let docs = docs.map_or_else(|| Docs::packaged(major), |folder| Docs::Own { folder });
    if !matches!(docs, Docs::Own { .. }) {
        eprintln!(
            "NOTE: there is no documentation of PostgreSQL {major} here: {} is used",
            docs.words()
        );
    }
    let built = backstay_extract::postgresql(major, &docs, tries).await?;
    let out = out.unwrap_or_else(|| shipped(major));
    fs::create_dir_all(&out)?;
    fs::write(out.join("settings.json"), built.settings)?;
    fs::write(out.join("constraints.json"), built.constraints)?;
    Ok(built.summary)
}

/// Where the labelled examples of this workspace are.
fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../typing/data")
}

/// Where the packs of this workspace are.
fn shipped(major: u32) -> PathBuf {
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalog/packs/postgresql");
    packs.join(major.to_string())
}

/// What changed between the shipped packs of two major versions.
fn diff(from: u32, to: u32) -> Result<String, Box<dyn Error>> {
    let exact = |major| match pack(EngineKind::Postgresql, major) {
        Ok(choice) if choice.fit == PackFit::Exact => Ok(choice.pack),
        Ok(_) => Err(format!("there is no pack of PostgreSQL {major} itself").into()),
        Err(error) => Err(Box::<dyn Error>::from(error)),
    };
    Ok(difference(exact(from)?, exact(to)?).to_string())
}

async fn score(majors: &[u32], out: Option<&Path>) -> Result<String, Box<dyn Error>> {
    let mut page = String::from(HEAD);
    for &major in majors {
        let docs = packaged(major);
        let docs = docs.is_dir().then_some(docs.as_path());
        page += &backstay_extract::score::score(major, docs).await?;
    }
    if let Some(path) = out {
        fs::write(path, &page)?;
    }
    Ok(page)
}

/// Where the distribution's package puts the documentation.
fn packaged(major: u32) -> PathBuf {
    PathBuf::from(format!("/usr/share/doc/postgresql-doc-{major}/html"))
}
