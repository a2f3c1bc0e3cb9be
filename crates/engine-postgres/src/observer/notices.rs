//! What cannot be read, told once.

use std::collections::{BTreeMap, BTreeSet};

use backstay_engine::Notice;

use super::reading::Reading;

/// Notices by topic; each is told once until its topic no longer has it.
#[derive(Debug, Default)]
pub(super) struct Board {
    standing: BTreeMap<&'static str, BTreeSet<Notice>>,
    fresh: Vec<Notice>,
    mended: Vec<Notice>,
}

impl Board {
    /// The notices of `topic` are these now.
    pub(super) fn replace(&mut self, topic: &'static str, notices: Vec<Notice>) {
        let now: BTreeSet<Notice> = notices.into_iter().collect();
        let before = self.standing.insert(topic, now.clone()).unwrap_or_default();
        self.fresh.extend(now.difference(&before).cloned());
        self.mended.extend(before.difference(&now).cloned());
    }

    /// Those that were not told yet.
    pub(super) fn take(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.fresh)
    }

    /// Those that hold no longer.
    pub(super) fn take_mended(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.mended)
    }
}

/// Settings that a value for our own role or database hides.
pub(super) fn hidden(names: &[String]) -> Vec<Notice> {
    let one = |name: &String| Notice {
        what: format!("{name} is set for the role or database that Backstay logs in with"),
        effect: "its value for the whole server is taken from the files only".to_owned(),
        remedy: Some(format!("ALTER ROLE … RESET {name};")),
    };
    names.iter().map(one).collect()
}

/// Whether statements that change configuration are logged at all.
pub(super) fn statements_logged(reading: &Reading) -> Vec<Notice> {
    match reading.setting("log_statement") {
        Some("none") => vec![Notice {
            what: "log_statement is none".to_owned(),
            effect: "authors and reasons of changes stay unknown".to_owned(),
            remedy: Some(
                "ALTER SYSTEM SET log_statement = 'ddl'; SELECT pg_reload_conf();".to_owned(),
            ),
        }],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_told_again_only_after_it_was_mended() {
        let mut board = Board::default();
        let names = ["work_mem".to_owned()];
        board.replace("hidden", hidden(&names));
        board.replace("hidden", hidden(&names));
        assert_eq!(board.take().len(), 1);
        board.replace("hidden", hidden(&names));
        assert!(board.take().is_empty());
        board.replace("hidden", Vec::new());
        assert_eq!(board.take_mended(), hidden(&names));
        board.replace("hidden", hidden(&names));
        assert_eq!(board.take().len(), 1);
    }
}
