//! `graph init`, `graph sync` and `graph import`: the graph in a Neo4j database.

#[cfg(feature = "neo4j")]
mod with;

use crate::args::{Common, FarCommand};
use crate::failure::{Exit, Failure};
use crate::out::Out;

/// Runs one of them.
#[cfg(feature = "neo4j")]
pub(super) fn run(command: &FarCommand, common: &Common, out: Out) -> Result<Exit, Failure> {
    match command {
        FarCommand::Init { uri, options } => with::init((uri.as_deref(), options), out),
        FarCommand::Sync {
            to,
            follow,
            options,
        } => {
            let follow = match follow {
                true => with::Until::CtrlC,
                false => with::Until::Now,
            };
            with::sync((to.as_deref(), options), follow, (common, out))
        }
        FarCommand::Import { from, options } => {
            with::import((from.as_deref(), options), common, out)
        }
    }
}

/// Says that this build cannot.
#[cfg(not(feature = "neo4j"))]
pub(super) fn run(_command: &FarCommand, _common: &Common, _out: Out) -> Result<Exit, Failure> {
    Err(crate::far::not_built())
}
