//! `backstay explain`: the manual of a setting, or the whole story of a change set.

mod change;
mod setting;

use backstay_model::ChangeSetId;

use crate::args::{Common, Explain};
use crate::failure::{Exit, Failure};
use crate::out::Out;

pub(crate) use change::{
    document as change_document, next, plan, request_word, short, show as show_change, tone, why,
};

/// Explains what the word names: `C17` is a change set, everything else a setting.
pub(crate) fn run(args: &Explain, common: &Common, out: Out) -> Result<Exit, Failure> {
    let word = args.subject.trim();
    let numbered = word.starts_with(['C', 'c']) && ChangeSetId::parse(word).is_some();
    if numbered {
        change::run(word, common, out)
    } else {
        setting::run(word, &args.on, common, out)
    }
}
