//! A verdict in a few sentences: what moved, how much, since when, how sure, and what else was
//! considered.

use backstay_detect::{Column, Point, SeriesVerdict, scores};
use backstay_model::metric::{MetricRole, Worse};
use backstay_model::verdict::{Calibration, Finding, Refusal, VerdictKind};
use backstay_model::{Span, Timestamp};
use serde_json::{Value, json};

/// Values around the change by which load is compared.
const NEAR: usize = 60;
/// Relative move of the demand that is worth a word.
const DEMAND: f64 = 0.15;
/// Improvement that is worth a word.
const BETTER: f64 = 0.1;
/// The shortest restart: rows further apart may have one between them.
const RESTART: Span = Span::from_secs(2);
/// Steps without a row that look like an interruption.
const GAP_STEPS: i64 = 4;
/// Values before the change whose anomaly scores are asked for, and among how many.
const LATELY: usize = 60;
const SCORED: usize = 2_000;
/// Score above which a value was not usual, and how many of them make the time before unusual.
const UNUSUAL: f64 = 0.995;
const UNUSUAL_MIN: usize = 3;

/// Why a verdict is what it is.
#[derive(Debug)]
pub(super) struct Story {
    /// What moved and how sure that is.
    pub(super) sentences: Vec<String>,
    pub(super) considered: Vec<Considered>,
}

/// Another reason for what was seen.
#[derive(Debug)]
pub(super) struct Considered {
    /// `load`, `other columns`, `restart`, `before`, `missing rows`.
    pub(super) what: &'static str,
    pub(super) ruling: Ruling,
    pub(super) text: String,
}

/// What is thought of another reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ruling {
    RuledOut,
    Possible,
    Explains,
    Unknown,
}

impl Ruling {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::RuledOut => "ruled_out",
            Self::Possible => "possible",
            Self::Explains => "explains",
            Self::Unknown => "unknown",
        }
    }
}

/// A judged recording.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged<'a> {
    pub(super) verdict: &'a SeriesVerdict,
    pub(super) columns: &'a [Column],
    pub(super) changed_at: Timestamp,
    pub(super) alpha: f64,
}

impl Story {
    pub(super) fn of(judged: Judged<'_>) -> Self {
        let mut sentences = vec![moved(judged), sure(judged)];
        sentences.extend(middle(judged));
        sentences.extend(beyond(judged));
        // That there is nothing to compare is said before anything else.
        let outside = outside(judged);
        Self {
            sentences: outside.into_iter().chain(sentences).collect(),
            considered: [
                Some(load(judged)),
                Some(others(judged)),
                Some(restart(judged)),
                Some(before(judged)),
                missing(judged),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    }

    pub(super) fn document(&self) -> Value {
        let considered = self
            .considered
            .iter()
            .map(|c| json!({ "what": c.what, "ruling": c.ruling.word(), "text": c.text }));
        json!({
            "text": self.sentences.join(" "),
            "considered": considered.collect::<Vec<_>>(),
        })
    }
}

/// `7 min`.
fn long(span: Span) -> String {
    match span.0 / 1_000_000 {
        s if s < 120 => format!("{s} s"),
        s if s < 7_200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3_600),
    }
}

/// The first finding that alarmed.
fn alarmed(judged: Judged<'_>) -> Option<&Finding> {
    let findings = &judged.verdict.verdict.findings;
    findings.iter().find(|f| f.alarm_at.is_some())
}

fn moved(judged: Judged<'_>) -> String {
    let Some((found, at)) = alarmed(judged).and_then(|f| Some((f, f.alarm_at?))) else {
        return match judged.verdict.verdict.findings.first() {
            Some(first) => quiet(judged, first),
            None => "No column could be judged.".to_owned(),
        };
    };
    let sign = match found.role {
        MetricRole::Throughput | MetricRole::Latency | MetricRole::Errors => " worse",
        _ => " away from before",
    };
    // What scatters or stands still has no middle that went somewhere.
    // And where the newest rows are better than before, what alarmed is not them.
    let told = found.harm.filter(|harm| *harm > 0.0);
    let told = told.filter(|_| found.text.contains(" -> "));
    let size = told.map_or_else(String::new, |harm| format!(", {:.0} %{sign}", 100.0 * harm));
    let later = long(at.since(judged.changed_at));
    format!("{}{size}; noticed {later} after the change.", found.text)
}

/// No column alarmed: only what is worse was looked for, unless any change counts.
fn quiet(judged: Judged<'_>, nearest: &Finding) -> String {
    let column = judged.columns.iter().find(|c| c.name == nearest.metric);
    let sides = column.map_or(Worse::Both, |c| c.worse);
    if sides == Worse::Both {
        return format!(
            "No column left what is usual; the nearest: {}.",
            nearest.text
        );
    }
    let better = nearest.harm.filter(|harm| *harm <= -BETTER);
    let better = better.map_or_else(String::new, |harm| {
        format!(", {:.0} % better", 100.0 * harm.abs())
    });
    format!(
        "No column became worse than is usual; the nearest: {}{better}.",
        nearest.text
    )
}

/// That the change lies where there are no rows, or at their very edge.
fn outside(judged: Judged<'_>) -> Option<String> {
    let rows = || {
        judged
            .columns
            .iter()
            .flat_map(|c| [c.points.first(), c.points.last()])
    };
    let moments: Vec<Timestamp> = rows().flatten().map(|p| p.at).collect();
    let (first, last) = (moments.iter().min()?, moments.iter().max()?);
    let at = judged.changed_at;
    if at > *last {
        return Some(format!(
            "The change at {at} comes after the last row, of {last}: nothing was recorded since."
        ));
    }
    (at <= *first).then(|| {
        format!("The change at {at} comes before the second row, the first is of {first}: nothing was recorded before.")
    })
}

/// What *healthy* is about.
fn middle(judged: Judged<'_>) -> Option<String> {
    let healthy = matches!(judged.verdict.verdict.kind, VerdictKind::Healthy { .. });
    let text = if judged.verdict.about_extremes {
        "The worst of the values are what they were, too."
    } else {
        "This is about the middle of the values: too few rows before the change tell how far the worst of them usually are."
    };
    healthy.then(|| text.to_owned())
}

/// A level that these rows cannot show, either way.
fn beyond(judged: Judged<'_>) -> Option<String> {
    let least = judged.verdict.least_p_value.filter(|p| *p > judged.alpha)?;
    Some(format!(
        "With so few rows before the change no chance below {} can be told for every column: a level of {} decides nothing.",
        percent(least),
        percent(judged.alpha)
    ))
}

fn sure(judged: Judged<'_>) -> String {
    let verdict = &judged.verdict.verdict;
    let Some(p) = verdict.p_value else {
        return "How likely that is by chance cannot be told from these rows.".to_owned();
    };
    let by = match verdict.calibration {
        Calibration::Own => "by windows of these rows without a change",
        Calibration::Pooled => "by windows of other targets",
        Calibration::Shipped => {
            "by shipped tables: the rows before the change are too few for their own"
        }
        Calibration::None => "by nothing",
    };
    format!(
        "A harmless change looks like that with chance {}, {by}; at most {} of harmless changes are called hurt.",
        percent(p),
        percent(judged.alpha)
    )
}

fn percent(share: f64) -> String {
    match 100.0 * share {
        p if p >= 9.95 => format!("{p:.0} %"),
        p if p >= 0.095 => format!("{p:.1} %"),
        p if p > 0.0 => format!("{p:.2} %"),
        _ => "0 %".to_owned(),
    }
}

fn load(judged: Judged<'_>) -> Considered {
    let considered = |ruling, text| Considered {
        what: "load",
        ruling,
        text,
    };
    let Some(demand) = judged.columns.iter().find(|c| c.role == MetricRole::Demand) else {
        return considered(
            Ruling::Unknown,
            "no column says how much was asked for: --role COLUMN=demand".to_owned(),
        );
    };
    let Some((was, is)) = around(demand, judged.changed_at) else {
        return considered(Ruling::Unknown, format!("{} has too few rows", demand.name));
    };
    let by = if was.abs() > 0.0 { is / was - 1.0 } else { 0.0 };
    let words = format!("{} {:+.0} %", demand.name, 100.0 * by);
    match judged.verdict.verdict.kind {
        VerdictKind::WorkloadShift => {
            considered(Ruling::Explains, format!("{words}: it explains what moved"))
        }
        _ if by.abs() < DEMAND => considered(Ruling::RuledOut, format!("{words}: level")),
        VerdictKind::Hurt { .. } => considered(
            Ruling::RuledOut,
            format!("{words}: it moved, and does not explain what was seen"),
        ),
        _ => considered(Ruling::Possible, format!("{words}: it moved")),
    }
}

/// Medians of a column shortly before and since a moment.
fn around(column: &Column, at: Timestamp) -> Option<(f64, f64)> {
    let median = |points: Vec<&Point>| {
        let mut values: Vec<f64> = points.iter().map(|p| p.value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let split = column.points.partition_point(|p| p.at < at);
    let (before, since) = column.points.split_at(split);
    let was = median(before.iter().rev().take(NEAR).collect())?;
    let is = median(since.iter().rev().take(NEAR).collect())?;
    Some((was, is))
}

fn others(judged: Judged<'_>) -> Considered {
    let findings = &judged.verdict.verdict.findings;
    let first = alarmed(judged).map(|f| &f.metric);
    let rest: Vec<&Finding> = findings
        .iter()
        .filter(|f| Some(&f.metric) != first)
        .collect();
    let moved: Vec<&str> = rest
        .iter()
        .filter(|f| f.alarm_at.is_some())
        .map(|f| f.metric.as_str())
        .collect();
    let (ruling, text) = match (judged.columns.len(), moved.len(), rest.len()) {
        (1, ..) => (Ruling::Unknown, "there is only one".to_owned()),
        (_, 0, 0) => (Ruling::Unknown, "no other could be judged".to_owned()),
        (_, 0, quiet) => (Ruling::RuledOut, format!("{quiet} judged, none moved")),
        _ => (
            Ruling::Possible,
            format!("moved as well: {}", moved.join(", ")),
        ),
    };
    Considered {
        what: "other columns",
        ruling,
        text,
    }
}

/// Rows that are missing right at the change look like a restart.
fn restart(judged: Judged<'_>) -> Considered {
    let longest = judged.columns.iter().filter_map(|c| {
        let split = c.points.partition_point(|p| p.at < judged.changed_at);
        let (before, since) = (c.points.get(split.checked_sub(1)?)?, c.points.get(split)?);
        let lately = c.points.get(split.saturating_sub(NEAR)..split)?;
        let steps = lately.windows(2).map(|w| w[1].at.since(w[0].at).0);
        let usual = steps.max().filter(|s| *s > 0)?;
        let gap = since.at.since(before.at);
        (gap.0 > GAP_STEPS * usual).then_some(gap)
    });
    let (ruling, text) = match longest.max() {
        Some(gap) => (
            Ruling::Possible,
            format!(
                "no row for {} at the change: the first rows may be those of a cold start",
                long(gap)
            ),
        ),
        None => unbroken(judged),
    };
    Considered {
        what: "restart",
        ruling,
        text,
    }
}

/// No row is missing at the change: what that says of a restart.
fn unbroken(judged: Judged<'_>) -> (Ruling, String) {
    let at = judged.changed_at;
    let around = judged.columns.iter().filter_map(|c| {
        let split = c.points.partition_point(|p| p.at < at);
        let (before, since) = (c.points.get(split.checked_sub(1)?)?, c.points.get(split)?);
        Some(since.at.since(before.at))
    });
    match around.min() {
        None => (
            Ruling::Unknown,
            "there are no rows on both sides of the change".to_owned(),
        ),
        Some(apart) if apart <= RESTART => (
            Ruling::RuledOut,
            "no row is missing at the change".to_owned(),
        ),
        Some(apart) => (
            Ruling::Unknown,
            format!(
                "no row is missing at the change, but rows {} apart do not show a short one",
                long(apart)
            ),
        ),
    }
}

/// Times without rows since the change.
fn missing(judged: Judged<'_>) -> Option<Considered> {
    let holes = &judged.verdict.holes;
    let longest = holes.iter().max_by_key(|h| h.to.since(h.from))?;
    let more = match holes.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let text = format!(
        "{} has no row from {} to {} ({}){more}",
        longest.metric,
        longest.from,
        longest.to,
        long(longest.to.since(longest.from))
    );
    Some(Considered {
        what: "missing rows",
        ruling: Ruling::Possible,
        text,
    })
}

/// Whether the strongest column was already unusual before the change.
fn before(judged: Judged<'_>) -> Considered {
    let considered = |ruling, text: String| Considered {
        what: "before",
        ruling,
        text,
    };
    let first = judged.verdict.verdict.findings.first();
    let column = judged
        .columns
        .iter()
        .find(|c| first.is_some_and(|f| f.metric == c.name));
    let Some(column) = column else {
        return considered(Ruling::Unknown, "nothing was judged".to_owned());
    };
    let old = judged.verdict.verdict.refusals.contains(&Refusal::NotNew);
    if let Some(since) = first.and_then(|f| f.since).filter(|_| old) {
        return considered(
            Ruling::Explains,
            format!("{} moved at {since}, before the change", column.name),
        );
    }
    let split = column.points.partition_point(|p| p.at < judged.changed_at);
    let scores = scores(&column.points[split.saturating_sub(SCORED)..split]);
    if scores.len() < 2 * LATELY {
        return considered(
            Ruling::Unknown,
            "too few rows to know what was usual".to_owned(),
        );
    }
    let lately = &scores[scores.len() - LATELY..];
    let odd = lately.iter().filter(|s| **s >= UNUSUAL).count();
    if odd >= UNUSUAL_MIN {
        return considered(
            Ruling::Possible,
            format!(
                "{} was unusual in {odd} of the {LATELY} rows before the change",
                column.name
            ),
        );
    }
    considered(
        Ruling::RuledOut,
        format!(
            "{} was usual in the {LATELY} rows before the change",
            column.name
        ),
    )
}
