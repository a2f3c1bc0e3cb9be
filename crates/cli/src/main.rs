//! The one binary, `backstay`: reads a command line, calls the rooms, and says what came of it.
//! Data goes to standard output, everything else to standard error.

mod args;
mod chart;
mod commands;
mod failure;
mod far;
mod kept;
mod out;
mod page;
mod postgres;
#[cfg(test)]
mod reference;
mod state;
mod view;
mod wire;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let out = out::Out::new(&arguments.common);
    out::log_to_stderr(&arguments.common);
    match commands::run(arguments, &out) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            out.failure(&failure);
            failure.exit.into()
        }
    }
}
