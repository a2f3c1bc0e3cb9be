//! The same judgement for recorded columns of any sampling step: `backstay detect FILE.csv`.
//!
//! With enough history the placebo windows come from the columns' own past; else the shipped maxima
//! stand in, and the verdict says so.

use backstay_model::metric::{MetricRole, Worse};
use backstay_model::verdict::{Harm, Refusal, Verdict, VerdictKind};
use backstay_model::{MetricName, Span, Timestamp};

use crate::choice::{Below, Choice};
use crate::clock::Clock;
use crate::others;
use crate::policy::DetectPolicy;
use crate::residual::{Band, Point, clean};
use crate::season;
use path::Path;

mod daytime;
mod decide;
mod holes;
mod path;

pub use holes::Hole;

/// Longest horizon that is judged row by row.
const HORIZON_MAX: usize = 120;
/// History that is looked at.
const HISTORY_MAX: Span = Span::from_secs(28 * 86_400);
/// Windows of the past that make a horizon one that can be judged.
const WINDOWS_MIN: i64 = 16;
/// Bins before the change with which the shipped maxima judge all of a horizon.
const BASELINE_MIN: usize = 20;
/// Longest horizon over which the shipped maxima hold: in more time the season moves.
const SHIPPED_MAX: Span = Span::from_secs(6 * 3_600);
/// Share of the chance that goes to the first rows; the rest goes to all of them, in wider bins.
const FIRST: f64 = 0.5;

/// One recorded metric.
#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    /// Its name.
    pub name: MetricName,
    /// Its role; `Other` when nothing is known.
    pub role: MetricRole,
    /// Which way is worse; `Both`: any change counts, and `hurt` then means "changed".
    pub worse: Worse,
    /// Differences below it never matter; zero when nothing is known.
    pub floor: f64,
    /// Its values, in any order; those that are not finite are ignored.
    pub points: Vec<Point>,
}

impl Column {
    /// The column without its rows.
    fn bare(&self) -> Self {
        Self {
            name: self.name.clone(),
            points: Vec::new(),
            ..*self
        }
    }
}

/// The verdict on recorded columns.
#[derive(Clone, PartialEq, Debug)]
pub struct SeriesVerdict {
    /// Kind, chance, score, alarm and one finding for each column.
    pub verdict: Verdict,
    /// Relative effect of the strongest column, "worse" up (`Both`: its size).
    pub effect: Option<f64>,
    /// The smallest chance that the weakest column could have shown, shared over all columns: at a
    /// smaller `alpha` nothing is ever called `hurt` by it, and nothing `healthy`. `None` when no column
    /// is judged.
    pub least_p_value: Option<f64>,
    /// Times without rows since the change, in order of time; too many of them and nothing is `healthy`.
    pub holes: Vec<Hole>,
    /// Whether the verdict is also about the worst values of every column, not about their middle alone:
    /// only windows without a change say which extremes are usual.
    pub about_extremes: bool,
    /// `ln Λ` of the mixture sequential probability ratio test of the strongest column: above 3 it is
    /// said to have moved, at 5 %. It explains; it has no part in the verdict.
    pub ln_likelihood_ratio: Option<f64>,
    /// Name of the baseline below the strongest column.
    pub baseline: String,
    /// The baseline below each column, in their order, and why that one.
    pub below: Vec<Below>,
    /// Where the values of each column were expected, from shortly before the change to the newest
    /// ones that are judged; empty for a column that cannot be judged.
    pub bands: Vec<Vec<Band>>,
}

/// How columns are judged.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// When the change began to work: rows at or after it are "since".
    pub changed_at: Timestamp,
    /// Chance at most of calling a harmless change `hurt`, 0..1.
    pub alpha: f64,
    /// What lies below the columns.
    pub choice: &'a Choice<'a>,
    /// By which seasons know the time of day.
    pub clock: &'a Clock,
    /// The same kinds of metrics of other targets that the change did not touch and that do not depend
    /// on the changed one; those that go with a column are taken off it.
    pub peers: &'a [Column],
}

/// Judges columns around a change at `changed_at` (rows at or after it are "since"), such that a
/// harmless change is called `hurt` with chance `alpha` (0..1) at most.
#[must_use]
pub fn judge_series(columns: &[Column], changed_at: Timestamp, alpha: f64) -> SeriesVerdict {
    judge_series_with(columns, changed_at, alpha, &Choice::Seasonal, &Clock::utc())
}

/// The same over the baselines that `choice` puts below the columns, with the season by `clock`.
/// Placebo windows stand on the same line as the change.
#[must_use]
pub fn judge_series_with(
    columns: &[Column],
    changed_at: Timestamp,
    alpha: f64,
    choice: &Choice<'_>,
    clock: &Clock,
) -> SeriesVerdict {
    let terms = Terms {
        changed_at,
        alpha,
        choice,
        clock,
        peers: &[],
    };
    judge_series_on(columns, &terms)
}

/// The same on all terms. Harm that the peers share is `confounded`: it has a common cause.
#[must_use]
pub fn judge_series_on(columns: &[Column], terms: &Terms<'_>) -> SeriesVerdict {
    let columns = cleaned(columns, terms.changed_at);
    let peers = cleaned(terms.peers, terms.changed_at);
    let alone = at_all_times(
        &columns,
        &Terms {
            peers: &[],
            ..*terms
        },
    );
    if peers.is_empty() {
        return alone;
    }
    let beside = Terms {
        peers: &peers,
        ..*terms
    };
    let mut verdict = at_all_times(&columns, &beside);
    let likewise = || others::moved_likewise(&columns, &verdict, (&peers, terms.changed_at));
    if harm(&alone) && (!harm(&verdict) || likewise()) {
        verdict.verdict.kind = VerdictKind::Confounded;
        verdict.verdict.refusals.push(Refusal::CommonCause);
    }
    verdict
}

/// The rows that matter, in order of time: older ones than four weeks, or than the placebo windows
/// reach, are left behind.
fn cleaned(columns: &[Column], changed_at: Timestamp) -> Vec<Column> {
    let clean = |c: &Column| {
        let step = season::step_of(&c.points).0;
        let from = changed_at - Span(HISTORY_MAX.0.max(season::ROWS_MAX as i64 * step));
        let kept = c.points.iter().filter(|p| p.at >= from).copied();
        Column {
            points: clean(kept.collect()),
            ..c.bare()
        }
    };
    columns.iter().map(clean).collect()
}

fn harm(verdict: &SeriesVerdict) -> bool {
    matches!(verdict.verdict.kind, VerdictKind::Hurt { .. })
}

/// Clean columns, judged at all widths, and class changes that come later than that.
fn at_all_times(columns: &[Column], terms: &Terms<'_>) -> SeriesVerdict {
    let at = terms.changed_at;
    let mut verdict = at_all_widths(columns, terms);
    holes::weigh(&mut verdict, columns, at);
    let rows = columns.iter().map(|c| since(c, at)).max().unwrap_or(0);
    let mut path = Path::unjudged(columns, at);
    if rows > HORIZON_MAX
        && path.quick()
        && !harm(&verdict)
        && let Some(class) = path.replay(columns, at)
    {
        decide::add_class_change(&mut verdict, &path, class);
    }
    verdict
}

/// Clean columns, judged row by row and, when there are many rows since the change, in wider bins.
fn at_all_widths(columns: &[Column], terms: &Terms<'_>) -> SeriesVerdict {
    let at = terms.changed_at;
    let horizon = columns.iter().map(|c| horizon(c, at)).max().unwrap_or(0);
    if horizon <= HORIZON_MAX {
        let first: Vec<Column> = columns.iter().map(|c| shortened(c, at)).collect();
        return judged(&first, terms);
    }
    let wide = horizon.div_ceil(HORIZON_MAX);
    let each = |f: &dyn Fn(&Column) -> Column, columns: &[Column]| -> Vec<Column> {
        columns.iter().map(f).collect()
    };
    let widen = |c: &Column| widened(c, at, wide);
    let shared = Terms {
        alpha: terms.alpha * FIRST,
        ..*terms
    };
    let peers = each(&widen, terms.peers);
    let wider = Terms {
        peers: &peers,
        ..shared
    };
    together(
        judged(&each(&|c| shortened(c, at), columns), &shared),
        judged(&each(&widen, columns), &wider),
    )
}

/// Clean columns, judged at their own step.
fn judged(columns: &[Column], terms: &Terms<'_>) -> SeriesVerdict {
    let policy = DetectPolicy {
        alpha_act: terms.alpha,
        alpha_warn: terms.alpha,
        ..DetectPolicy::standard(Span::ZERO)
    };
    let mut path = Path::open(columns, terms);
    let tripped = path.replay(columns, terms.changed_at);
    decide::conclude(&path, &policy, tripped)
}

/// Rows since the change that the time before it can judge: all, while the shipped maxima reach so far,
/// else as many as so many windows of the past hold.
fn horizon(column: &Column, changed_at: Timestamp) -> usize {
    let rows = since(column, changed_at);
    let pre = &column.points[..column.points.len() - rows];
    let step = season::step_of(&column.points);
    let shipped = pre.len() >= BASELINE_MIN * rows.div_ceil(HORIZON_MAX);
    if shipped && Span(step.0 * rows as i64) <= SHIPPED_MAX {
        return rows;
    }
    let span = pre
        .last()
        .zip(pre.first())
        .map_or(0, |(b, a)| b.at.since(a.at).0);
    let learns = if season::long_enough(pre) {
        season::LEARNS.0
    } else {
        0
    };
    let own = (span - learns) / (WINDOWS_MIN * step.0.max(1));
    rows.min(usize::try_from(own).unwrap_or(0).max(HORIZON_MAX))
}

/// Rows of a clean column since the change.
fn since(column: &Column, changed_at: Timestamp) -> usize {
    let points = &column.points;
    points.len() - points.partition_point(|p| p.at < changed_at)
}

/// The column without the rows after the first horizon.
fn shortened(column: &Column, changed_at: Timestamp) -> Column {
    let before = column.points.len() - since(column, changed_at);
    let end = (before + HORIZON_MAX).min(column.points.len());
    Column {
        points: column.points[..end].to_vec(),
        ..column.bare()
    }
}

/// The column in bins of `wide` steps, counted from the change; a bin is the mean of its values, and
/// stands at its beginning. Bins with fewer than half of their values are left out.
fn widened(column: &Column, changed_at: Timestamp, wide: usize) -> Column {
    let width = season::step_of(&column.points).0 * wide as i64;
    let bin = |p: &Point| p.at.since(changed_at).0.div_euclid(width);
    let whole = |points: &[Point]| {
        let first = points.first()?;
        let sum: f64 = points.iter().map(|p| p.value).sum();
        (2 * points.len() >= wide).then(|| Point {
            at: changed_at + Span(bin(first) * width),
            value: sum / points.len() as f64,
        })
    };
    let bins = column.points.chunk_by(|a, b| bin(a) == bin(b));
    let horizon = changed_at + Span(width * HORIZON_MAX as i64);
    Column {
        points: bins
            .filter_map(whole)
            .take_while(|p| p.at < horizon)
            .collect(),
        ..column.bare()
    }
}

/// Two looks at the same columns, each with half of the chance.
fn together(first: SeriesVerdict, all: SeriesVerdict) -> SeriesVerdict {
    let chances = [first.verdict.p_value, all.verdict.p_value];
    let least = chances.iter().flatten().copied().min_by(f64::total_cmp);
    let p_value = least.map(|p| (p / FIRST).min(1.0));
    let score = first.verdict.score.max(all.verdict.score);
    let leasts = [first.least_p_value, all.least_p_value];
    let least_p_value = leasts.iter().flatten().copied().max_by(f64::total_cmp);
    let alarms = [first.verdict.alarm_at, all.verdict.alarm_at];
    let alarm_at = alarms.into_iter().flatten().min();
    let at = first.verdict.at.max(all.verdict.at);
    let (mut told, other) = if harm(&first) {
        (first, all)
    } else {
        (all, first)
    };
    for finding in &mut told.verdict.findings {
        decide::backdate(finding, &other.verdict.findings);
    }
    let apart = other.verdict.refusals.contains(&Refusal::OnlyExtremes);
    if apart && matches!(told.verdict.kind, VerdictKind::Healthy { .. }) {
        told.verdict.kind = VerdictKind::Inconclusive;
        told.verdict.refusals.push(Refusal::OnlyExtremes);
    }
    told.about_extremes |= other.about_extremes;
    // What one look saw begin before the change is not new because wider bins do not show it.
    let old = other.verdict.refusals.contains(&Refusal::NotNew);
    let statistical = VerdictKind::Hurt {
        by: Harm::Statistical,
    };
    if old && told.verdict.kind == statistical {
        told.verdict.kind = VerdictKind::Confounded;
        told.verdict.refusals.push(Refusal::NotNew);
    }
    told.least_p_value = least_p_value.map(|p| (p / FIRST).min(1.0));
    told.verdict = Verdict {
        p_value,
        score,
        alarm_at,
        at,
        ..told.verdict
    };
    told
}

#[cfg(test)]
mod tests;
