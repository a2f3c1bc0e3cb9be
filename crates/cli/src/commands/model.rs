//! `backstay model`: the performance model comes with a later version.

use crate::args::Model;
use crate::failure::{Exit, Failure};

/// Says so plainly.
pub(crate) fn run(args: &Model) -> Result<Exit, Failure> {
    let Model::Eval { target, .. } = args;
    Err(
        Failure::not_yet(&format!("a performance model to predict `{target}`"))
            .hint("`backstay simulate` names the metrics that would move, without numbers"),
    )
}
