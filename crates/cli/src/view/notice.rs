//! Notices as lines.

use backstay_journal::{Notice, Presence};

use super::lines::{below, headed};
use crate::out::{Out, Tone};

/// What narrows Backstay's sight or hand, as it begins and ends.
pub(super) fn notice_lines(out: Out, notice: &Notice, presence: Presence) -> Vec<String> {
    match (notice, presence) {
        (_, Presence::Ends) => vec![headed(out, Tone::Good, "note", notice.over())],
        (Notice::MayNotWrite { grants, .. }, Presence::Begins) => {
            let head = headed(out, Tone::Bad, "note", notice.to_string());
            let run = (!grants.is_empty()).then_some("run as a superuser:");
            let ask = "backstay doctor DSN --mode auto    tells what is missing";
            let lines = run.into_iter().chain(grants.iter().map(String::as_str));
            let told = lines.chain([ask]).map(below);
            std::iter::once(head).chain(told).collect()
        }
        (_, Presence::Begins) => vec![headed(out, Tone::Warn, "note", notice.to_string())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_may_not_write_is_told_with_what_to_run() {
        let notice = Notice::MayNotWrite {
            role: "weak".into(),
            missing: vec!["set any parameter (ALTER SYSTEM)".into()],
            grants: vec!["GRANT ALTER SYSTEM ON PARAMETER work_mem TO weak;".into()],
        };
        let told = |presence| {
            let lines = notice_lines(Out::plain(None), &notice, presence);
            lines.join("\n")
        };
        insta::assert_snapshot!(told(Presence::Begins), @r"
        note       nothing is put back here: weak may not set any parameter (ALTER SYSTEM); what hurts is held for a person
                   run as a superuser:
                   GRANT ALTER SYSTEM ON PARAMETER work_mem TO weak;
                   backstay doctor DSN --mode auto    tells what is missing
        ");
        insta::assert_snapshot!(told(Presence::Ends), @"note       weak may put settings back now");
    }
}
