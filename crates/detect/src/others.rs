//! Other targets as controls: what targets without the change show as well has a common cause.

use backstay_model::verdict::Finding;
use backstay_model::{Sample, Span, Timestamp};

use crate::judge::{Column, SeriesVerdict};
use crate::peers;
use crate::residual::Point;
use crate::stats;

/// Fewest other targets that make a control.
const PEERS_MIN: usize = 2;
/// Time before the change that is compared with.
const BEFORE: Span = Span::from_secs(60);
/// Newest time since the change that is compared.
const RECENT: Span = Span::from_secs(10);
/// Fewest values on either side.
const VALUES_MIN: usize = 5;
/// Share of the accused move that counts as moving likewise.
const LIKEWISE: f64 = 0.5;
/// Rows of a recording before the change, and newest ones since, that are compared.
const ROWS_BEFORE: usize = 60;
const ROWS_SINCE: usize = 10;

/// Whether at least half of the `others` (samples around the change, oldest first; at least two of them
/// with enough values) moved like the strongest metric that stands against the change.
#[must_use]
pub fn common_cause(findings: &[Finding], change_at: Timestamp, others: &[Vec<Sample>]) -> bool {
    let accused = findings.iter().find(|f| f.alarm_at.is_some());
    let Some((finding, own)) = accused.and_then(|f| Some((f, step(f.before?, f.after?)?))) else {
        return false;
    };
    let moves: Vec<f64> = others
        .iter()
        .filter_map(|samples| moved(samples, finding, change_at))
        .collect();
    most_like(&moves, own)
}

/// The same of recorded columns: whether at least half of the peers moved from the hour before the change
/// to its newest rows like the strongest column that stands against it. Where peers are taken off that
/// column already, what is left is not theirs.
pub(crate) fn moved_likewise(
    columns: &[Column],
    verdict: &SeriesVerdict,
    (beside, change_at): (&[Column], Timestamp),
) -> bool {
    let moved = |column: &Column| {
        let (before, since) = column
            .points
            .split_at(column.points.partition_point(|p| p.at < change_at));
        let median = |points: &[Point], rows: usize| {
            let newest = &points[points.len().saturating_sub(rows)..];
            let read: Vec<f64> = newest.iter().map(|p| p.value).collect();
            (read.len() >= VALUES_MIN).then(|| stats::median(&read))?
        };
        step(median(before, ROWS_BEFORE)?, median(since, ROWS_SINCE)?)
    };
    let findings = &verdict.verdict.findings;
    let accused = findings.iter().find(|f| f.alarm_at.is_some());
    let own = accused.and_then(|f| columns.iter().position(|c| c.name == f.metric));
    let own = own.filter(|i| {
        verdict
            .below
            .get(*i)
            .is_none_or(|b| !peers::taken_off(&b.id))
    });
    let moves: Vec<f64> = beside.iter().filter_map(moved).collect();
    own.and_then(|i| moved(&columns[i]))
        .is_some_and(|own| most_like(&moves, own))
}

/// Whether there are enough moves, and at least half of them are like one.
fn most_like(moves: &[f64], own: f64) -> bool {
    let likewise = moves.iter().filter(|m| **m / own >= LIKEWISE).count();
    moves.len() >= PEERS_MIN && 2 * likewise >= moves.len()
}

/// How a metric of another target moved, logarithmic.
fn moved(samples: &[Sample], finding: &Finding, change_at: Timestamp) -> Option<f64> {
    let newest = samples.last()?.at;
    let values = |from: Timestamp, to: Timestamp| {
        let within = samples.iter().filter(|s| from < s.at && s.at <= to);
        let read = within.filter_map(|s| s.get(finding.metric.as_str()));
        let read: Vec<f64> = read.collect();
        (read.len() >= VALUES_MIN).then(|| stats::median(&read))?
    };
    let since = (newest - RECENT).max(change_at);
    step(
        values(change_at - BEFORE, change_at)?,
        values(since, newest)?,
    )
}

/// The logarithm of the ratio of two values; what is nothing has none.
fn step(before: f64, after: f64) -> Option<f64> {
    let small = 1e-3 * before.abs();
    let ratio = after.max(small) / before;
    (before > 0.0 && ratio > 0.0 && (ratio - 1.0).abs() > 1e-9).then(|| ratio.ln())
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstay_model::MetricName;
    use backstay_model::metric::MetricRole;

    fn target(before: f64, after: f64) -> Vec<Sample> {
        let at = |second: i64| Sample {
            at: Timestamp::from_secs(second),
            metrics: [(
                MetricName::new("commits_per_s"),
                if second <= 100 { before } else { after },
            )]
            .into(),
            ..Sample::default()
        };
        (1..=130).map(at).collect()
    }

    fn half() -> Vec<Finding> {
        vec![Finding {
            metric: MetricName::new("commits_per_s"),
            role: MetricRole::Throughput,
            before: Some(1_000.0),
            after: Some(500.0),
            harm: Some(0.5),
            p_value: Some(1e-4),
            alarm_at: Some(Timestamp::from_secs(105)),
            since: None,
            text: String::new(),
        }]
    }

    #[test]
    fn what_most_others_show_as_well_has_a_common_cause() {
        let at = Timestamp::from_secs(100);
        let (well, ill, better) = (target(80.0, 81.0), target(80.0, 45.0), target(80.0, 160.0));
        for (others, common) in [
            (vec![ill.clone(), ill.clone()], true),
            (vec![ill.clone(), well.clone()], true),
            (vec![ill.clone(), well.clone(), well.clone()], false),
            (vec![well.clone(), better], false),
            // One other target is no control: it may be the one that is odd.
            (vec![ill.clone()], false),
            (vec![ill.clone(), Vec::new()], false),
            (Vec::new(), false),
        ] {
            assert_eq!(
                common_cause(&half(), at, &others),
                common,
                "{}",
                others.len()
            );
        }
        assert!(!common_cause(&[], at, &[ill.clone(), ill]));
    }
}
