//! One module per command.

mod audit;
mod beside;
mod changes;
mod check;
mod config;
pub(crate) mod demo;
mod detect;
mod doctor;
mod explain;
mod graph;
mod known;
mod machine;
mod model;
mod pause;
mod promises;
mod record;
mod replay;
mod rescue;
mod rollback;
pub(crate) mod rules;
pub(crate) mod simulate;
mod snapshot;
mod status;
mod subject;
mod topic;
mod tree;
pub(crate) mod watch;

use clap::CommandFactory;

use crate::args::{Arguments, Command, Format};
use crate::failure::{Code, Exit, Failure};
use crate::out::Out;

/// Runs a command line.
pub(crate) fn run(arguments: Arguments, out: &Out) -> Result<Exit, Failure> {
    let Arguments { common, command } = arguments;
    speaks(&command, out.format())?;
    match command {
        Command::Demo(args) => demo::run(&args, *out),
        Command::Watch(args) => watch::run(&args, &common, *out),
        Command::Simulate(args) => simulate::run(&args, &common, *out),
        Command::Check(args) => check::run(&args, &common, *out),
        Command::Graph(args) => graph::run(&args, &common, *out),
        Command::Explain(args) => explain::run(&args, &common, *out),
        Command::Changes(args) => changes::run(&args, &common, *out),
        Command::Detect(args) => detect::run(&args, *out),
        Command::Model(args) => model::run(&args),
        Command::Config(args) => config::run(&args, *out),
        Command::Rollback(args) => rollback::run(&args, &common, *out),
        Command::Snapshot(args) => snapshot::run(&args, &common, *out),
        Command::Replay(args) => replay::run(&args, &common, *out),
        Command::Audit(args) => audit::run(&args, &common, *out),
        Command::Pause(args) => pause::pause(&args, &common, *out),
        Command::Resume => pause::resume(&common, *out),
        Command::Status(args) => status::run(&args, &common, *out),
        Command::Rescue(args) => rescue::run(&args),
        Command::Doctor(args) => doctor::run(&args, *out),
        Command::Topic { topic } => topic::run(topic.as_deref(), *out),
        Command::Completion { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "backstay", &mut text);
            out.text(&String::from_utf8_lossy(&text));
            Ok(Exit::Ok)
        }
    }
}

/// Whether a command can answer in a format: a pipeline must not be handed something else.
fn speaks(command: &Command, format: Format) -> Result<(), Failure> {
    let reports = matches!(command, Command::Simulate(_) | Command::Check(_));
    let word = match format {
        Format::Table | Format::Json => return Ok(()),
        _ if reports => return Ok(()),
        Format::Markdown => "markdown",
        Format::Sarif => "sarif",
    };
    let why = format!("this command does not write {word}: check and simulate do");
    Err(Failure::new(Code::Usage, why).hint("-o json, or -o table"))
}
