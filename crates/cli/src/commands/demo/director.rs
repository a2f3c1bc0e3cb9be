//! The story: who does what when, driven by what Backstay says. Knows no database and no clock.

use backstay_guard::news::{News, Tidings};
use backstay_model::{ChangeSetId, MetricName};

/// A harmful change that the story can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Ticket and reason, as the person writes them into the statement.
    pub(crate) comment: &'static str,
    /// Settings and values.
    pub(crate) values: &'static [(&'static str, &'static str)],
    /// Database and query-heavy load, where the harm needs one.
    pub(crate) load: LoadKind,
}

/// The load under a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoadKind {
    Mixed,
    QueryHeavy,
}

/// The harmless change of every story.
pub(crate) const HARMLESS: Scenario = Scenario {
    name: "harmless",
    about: "a little more memory for sorts",
    comment: "OPS-76 reports spill to disk",
    values: &[("work_mem", "8MB")],
    load: LoadKind::Mixed,
};

/// Every harmful one; the first is the default.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "read-only",
        about: "every new transaction refuses to write",
        comment: "OPS-77 protect the replica from writes",
        values: &[("default_transaction_read_only", "on")],
        load: LoadKind::Mixed,
    },
    Scenario {
        name: "hang",
        about: "commits wait for a standby that does not exist",
        comment: "OPS-78 wait for the new standby",
        values: &[("synchronous_standby_names", "nosuch")],
        load: LoadKind::Mixed,
    },
    Scenario {
        name: "jit",
        about: "every small query is compiled first",
        comment: "OPS-79 speed up the big reports",
        values: &[
            ("jit_above_cost", "0"),
            ("jit_inline_above_cost", "0"),
            ("jit_optimize_above_cost", "0"),
        ],
        load: LoadKind::QueryHeavy,
    },
    Scenario {
        name: "timeout",
        about: "statements are cut off after a millisecond",
        comment: "OPS-80 no runaway queries",
        values: &[("statement_timeout", "1ms")],
        load: LoadKind::Mixed,
    },
];

/// Something the stage has to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cue {
    /// A person makes the harmless change.
    Harmless,
    /// The harmful change is given to the simulator, then a person makes it all the same.
    Harmful,
    /// The story is over.
    End(Ending),
}

/// How the story ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The harmless change was kept and the harmful one rolled back.
    AsTold,
    /// It went another way.
    Otherwise,
}

/// Where the story is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Learning how the database usually behaves.
    Baseline,
    /// The harmless change is being watched.
    Harmless,
    /// The harmful change is being watched, judged, put back.
    Harmful,
    /// Over.
    Over,
}

impl Act {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Baseline => "1 of 3  learning how the database usually behaves",
            Self::Harmless => "2 of 3  a harmless change",
            Self::Harmful => "3 of 3  a harmful change",
            Self::Over => "the end",
        }
    }
}

/// Listens to the news and gives the cues.
#[derive(Debug)]
pub(crate) struct Director {
    pub(crate) act: Act,
    playing: Option<ChangeSetId>,
    kept: bool,
}

impl Director {
    pub(crate) const fn new() -> Self {
        Self {
            act: Act::Baseline,
            playing: None,
            kept: false,
        }
    }

    /// Hears one piece of news.
    pub(crate) fn hear(&mut self, news: &News) -> Option<Cue> {
        match (&news.what, self.act) {
            (Tidings::Learning { have_s, want_s }, Act::Baseline) if have_s >= want_s => {
                self.act = Act::Harmless;
                Some(Cue::Harmless)
            }
            (Tidings::Seen(set), Act::Harmless | Act::Harmful) => {
                self.playing = Some(set.id);
                None
            }
            (Tidings::Settled(report), act) if self.playing == Some(report.change_set.id) => {
                self.playing = None;
                Some(self.settled(act, &report.outcome))
            }
            _ => None,
        }
    }

    fn settled(&mut self, act: Act, outcome: &str) -> Cue {
        if act == Act::Harmless {
            self.kept = outcome == "kept";
            self.act = Act::Harmful;
            return Cue::Harmful;
        }
        self.act = Act::Over;
        let as_told = self.kept && outcome == "rolled back";
        Cue::End(if as_told {
            Ending::AsTold
        } else {
            Ending::Otherwise
        })
    }
}

/// The metrics that the screen shows, with what they count.
pub(crate) const SHOWN: [(MetricName, &str); 5] = [
    (MetricName::from_static("commits_per_s"), "commits/s"),
    (MetricName::from_static("writes_per_s"), "rows written/s"),
    (MetricName::from_static("rollbacks_per_s"), "rollbacks/s"),
    (
        MetricName::from_static("active_sessions"),
        "active sessions",
    ),
    (MetricName::from_static("probe_write_ms"), "probe write, ms"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use backstay_model::{TargetId, Timestamp};

    fn news(what: Tidings) -> News {
        News {
            at: Timestamp(0),
            target: TargetId::new("demo"),
            what,
        }
    }

    #[test]
    fn the_harmless_change_waits_for_the_baseline() {
        let mut director = Director::new();
        assert_eq!(
            director.hear(&news(Tidings::Learning {
                have_s: 3.0,
                want_s: 15.0
            })),
            None
        );
        let cue = director.hear(&news(Tidings::Learning {
            have_s: 15.0,
            want_s: 15.0,
        }));
        assert_eq!(cue, Some(Cue::Harmless));
        assert_eq!(director.act, Act::Harmless);
    }

    #[test]
    fn scenarios_have_names_of_their_own() {
        let names: std::collections::BTreeSet<_> = SCENARIOS.iter().map(|s| s.name).collect();
        assert_eq!(names.len(), SCENARIOS.len());
    }
}
