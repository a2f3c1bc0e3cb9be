//! `backstay-extract build`: writes the generated files of a pack.
#![allow(
    clippy::print_stderr,
    reason = "the summary is for the person who runs it"
)]

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

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
        /// Folder of the pack: written to; its overrides.toml is read
        #[arg(long)]
        out: PathBuf,
        /// Folder of the HTML documentation; default: that of the distribution's package
        #[arg(long)]
        docs: Option<PathBuf>,
    },
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
    let Command::Build {
        engine: Engine::Postgresql,
        major,
        out,
        docs,
    } = arguments.command;
    let packaged = || PathBuf::from(format!("/usr/share/doc/postgresql-doc-{major}/html"));
    let docs = docs.unwrap_or_else(packaged);
    let overrides = out.join("overrides.toml");
    let reviewed = if overrides.exists() {
        fs::read_to_string(overrides)?
    } else {
        String::new()
    };
    let built = backstay_extract::postgresql(major, &docs, &reviewed).await?;
    fs::write(out.join("settings.json"), built.settings)?;
    fs::write(out.join("constraints.json"), built.constraints)?;
    Ok(built.summary)
}
