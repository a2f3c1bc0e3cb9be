//! What the rules of others look at: the columns that may speak against a change, before and since.

use std::time::Duration;

use backstay_model::Timestamp;
use backstay_model::metric::{MetricRole, Worse};

use super::{Alarm, Answer};
use crate::case::Case;

/// One column around the change: finite values in order of time, of doubled moments the last.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Around {
    pub(super) role: MetricRole,
    pub(super) worse: Worse,
    pub(super) before: Vec<(Timestamp, f64)>,
    pub(super) since: Vec<(Timestamp, f64)>,
}

impl Around {
    /// The newest `most` values before the change.
    pub(super) fn newest(&self, most: usize) -> Vec<f64> {
        let from = self.before.len().saturating_sub(most);
        self.before[from..].iter().map(|(_, v)| *v).collect()
    }

    /// `away` (upwards positive) as harm: negative when it is an improvement.
    pub(super) fn harm(&self, away: f64) -> f64 {
        match self.worse {
            Worse::Up => away,
            Worse::Down => -away,
            Worse::Both => away.abs(),
        }
    }
}

/// The outcomes, or without any all that do not only explain: the same columns that our judge takes.
pub(super) fn columns(case: &Case) -> Vec<Around> {
    let outcomes = case.columns.iter().any(|c| c.role.outcome());
    let counts = |role: MetricRole| {
        role.outcome() || (!outcomes && !matches!(role, MetricRole::Demand | MetricRole::Host))
    };
    let around = |c: &backstay_detect::Column| {
        let mut rows: Vec<(Timestamp, f64)> = Vec::with_capacity(c.points.len());
        let mut points = c.points.clone();
        points.retain(|p| p.value.is_finite());
        points.sort_by_key(|p| p.at);
        for point in points {
            rows.pop_if(|last| last.0 == point.at);
            rows.push((point.at, point.value));
        }
        let since = rows.split_off(rows.partition_point(|r| r.0 < case.changed_at));
        Around {
            role: c.role,
            worse: c.worse,
            before: rows,
            since,
        }
    };
    case.columns
        .iter()
        .filter(|c| counts(c.role))
        .map(around)
        .collect()
}

/// What one column says: its score, and when it alarmed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Said {
    pub(super) score: f64,
    pub(super) alarm_at: Option<Timestamp>,
}

impl Said {
    /// The same as the answer of a rule that knows no chance, after so much processor time.
    pub(super) fn answer(self, case: &Case, cpu: Duration) -> Answer {
        let rows = |at: Timestamp| at.since(case.onset_at).as_secs_f64() / case.step.as_secs_f64();
        Answer {
            score: self.score,
            alarm: self.alarm_at.map_or(Alarm::Silent, |at| Alarm::Raised {
                rows: Some(rows(at)),
            }),
            p_value: None,
            cpu,
        }
    }

    /// A column that cannot be judged.
    pub(super) const NOTHING: Self = Self {
        score: 0.0,
        alarm_at: None,
    };
}

/// The loudest column counts, and the earliest alarm.
pub(super) fn loudest(said: impl Iterator<Item = Said>) -> Said {
    said.fold(Said::NOTHING, |all, one| Said {
        score: all.score.max(one.score),
        alarm_at: all.alarm_at.into_iter().chain(one.alarm_at).min(),
    })
}
