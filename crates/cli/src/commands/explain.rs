//! `backstay explain`: the manual of a setting, why a dependency is believed, or the whole story of a
//! change set.

mod change;
mod edge;
mod modified;
mod picture;
mod setting;

use backstay_model::ChangeSetId;

use crate::args::{Common, Explain};
use crate::commands::graph::edge::names_edge;
use crate::commands::graph::lens::Lens;
use crate::commands::simulate::proposal::split;
use crate::failure::{Code, Exit, Failure};
use crate::out::Out;

pub(crate) use change::{
    document as change_document, next, plan, request_word, short, show as show_change, tone, why,
};

/// Explains what the words name: `C17` is a change set, `a -> b` a dependency, everything else a
/// setting.
pub(crate) fn run(args: &Explain, common: &Common, out: Out) -> Result<Exit, Failure> {
    let (dsn, words) = split(&args.words)?;
    let text = words.join(" ");
    let text = text.trim();
    let numbered = text.starts_with(['C', 'c']) && ChangeSetId::parse(text).is_some();
    if numbered {
        return change::run(text, args.svg.as_deref(), common, out);
    }
    if text.is_empty() {
        return Err(
            Failure::new(Code::Usage, "nothing is named that could be explained")
                .hint("backstay explain work_mem")
                .hint("backstay explain 'jit_above_cost -> jit'"),
        );
    }
    if args.svg.is_some() {
        return Err(Failure::new(
            Code::Usage,
            format!("`{text}` is no change set: there is nothing to draw"),
        )
        .hint("backstay explain C17 --svg C17.svg")
        .hint("backstay graph show SETTING --svg FILE draws what depends on a setting"));
    }
    let lens = Lens::open(dsn, &args.place, common, args.file.as_deref())?;
    let notes = &lens.ground.notes;
    notes.iter().for_each(|n| out.note(format!("note: {n}")));
    if names_edge(text, &lens) {
        edge::run(text, &lens, out)
    } else {
        setting::run(text, &lens, out)
    }
}
