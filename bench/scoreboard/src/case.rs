//! A labelled change event: recorded columns around a moment, and what really happened then.

use std::collections::BTreeMap;

use backstay_detect::Column;
use backstay_model::{Span, Timestamp};

/// Where a case comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// One KPI, a value a minute, days of history, nothing known of its meaning.
    Kpi,
    /// Several metrics of a database with roles, a sample a second to a minute.
    Plant,
    /// Recorded series of real machines with an effect put in, or none.
    Real,
}

impl Family {
    /// Its word in names of cases.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kpi => "kpi",
            Self::Plant => "plant",
            Self::Real => "real",
        }
    }

    /// What a reader of the board is told.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Kpi => "KPIs, one column without a role, 60 s, days of history",
            Self::Plant => "database metrics with roles, 1 s to 60 s, 17 s to days of history",
            Self::Real => "real series of NAB with an effect put in, 5 min to 1 h",
        }
    }
}

/// What happened at the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// Harm that the right answer finds.
    Harm,
    /// Nothing that the change did, or nothing bad.
    Harmless,
    /// Only the load moved.
    LoadShift,
}

/// Who may look at a case. A part that is held back is seen in the end, by one figure after the other:
/// then it joins the open ones, case by case as it was, and a new one is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Everybody: the judge is tuned on it.
    Open,
    /// Everybody since 2026-11-26: what was held back until then, kinds of noise and of harm that
    /// [`Part::Open`] does not have among it.
    Opened,
    /// Nobody who tunes the judge: seeds, noise and kinds that no tuning has seen.
    HeldBack,
}

impl Part {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Opened => "opened",
            Self::HeldBack => "held back",
        }
    }

    /// Its word in what seeds are mixed with. A part keeps it when it is opened, so that its cases
    /// stay the same bytes.
    pub(crate) const fn seed_word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Opened => "held back",
            Self::HeldBack => "sealed",
        }
    }

    /// The name by which case `number` of a kind can be made again: the first part has no word in it.
    pub(crate) fn name(self, family: Family, kind: &Kind, number: u64) -> String {
        let of = match self {
            Self::Open => "",
            Self::Opened => "opened/",
            Self::HeldBack => "held-back/",
        };
        format!("{of}{}/{}/{number}", family.word(), kind.name)
    }
}

/// A kind of case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// What the right answer is.
    pub truth: Truth,
    /// The first part that has it.
    pub part: Part,
}

/// One labelled change event.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// `family/kind/number`, the part before it unless it is the first: it can be made again by it.
    pub name: String,
    /// Where it comes from.
    pub family: Family,
    /// What happens in it.
    pub kind: Kind,
    /// The family of noise it has.
    pub noise: &'static str,
    /// What was recorded.
    pub columns: Vec<Column>,
    /// When the change was made.
    pub changed_at: Timestamp,
    /// When its effect begins; the change itself where there is none.
    pub onset_at: Timestamp,
    /// Usual distance of two rows.
    pub step: Span,
}

impl Case {
    /// Rows of the longest column at or after the change.
    #[must_use]
    pub fn horizon(&self) -> usize {
        let since = |c: &Column| c.points.iter().filter(|p| p.at >= self.changed_at).count();
        self.columns.iter().map(since).max().unwrap_or(0)
    }

    /// The table as CSV with a `timestamp` column in epoch seconds, as `backstay detect` reads it.
    /// Of a doubled row the second is written.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut rows: BTreeMap<Timestamp, Vec<String>> = BTreeMap::new();
        for (i, column) in self.columns.iter().enumerate() {
            for point in &column.points {
                let row = rows.entry(point.at).or_default();
                row.resize(self.columns.len(), String::new());
                row[i] = point.value.to_string();
            }
        }
        let names = self.columns.iter().map(|c| c.name.as_str());
        let names: Vec<&str> = names.collect();
        let mut text = format!("timestamp,{}\n", names.join(","));
        for (at, row) in rows {
            text.push_str(&format!("{},{}\n", at.as_secs_f64(), row.join(",")));
        }
        text
    }
}
