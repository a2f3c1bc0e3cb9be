//! `backstay detect`: the verdict on recorded data, or one anomaly score a row.

mod table;

use std::path::Path;

use backstay_detect::{Column, Point, SeriesVerdict, judge_series, scores};
use backstay_model::metric::{MetricRole, Worse};
use backstay_model::verdict::Calibration;
use backstay_model::{MetricName, Timestamp};
use serde_json::{Map, Value, json};

use crate::args::Detect;
use crate::failure::{Code, Exit, Failure};
use crate::out::{Out, Tone};
use crate::page::{Page, cell, dim, plain};
use crate::view::verdict_line;
use table::{Recorded, moment};

/// Baselines that come with a later version.
const LATER: [&str; 3] = ["prophet", "lstm", "ets"];

/// Judges the file, or scores its rows.
pub(crate) fn run(args: &Detect, out: Out) -> Result<Exit, Failure> {
    baseline(&args.baseline)?;
    if !(args.alpha > 0.0 && args.alpha < 1.0) {
        return Err(Failure::new(
            Code::Usage,
            format!("`--alpha {}` is not a chance between 0 and 1", args.alpha),
        )
        .hint("0.05 is one false alarm in twenty harmless changes"));
    }
    let direction = direction(&args.direction)?;
    let recorded = table::read(&args.file)?;
    let roles = roles(args, &recorded)?;
    recorded
        .notes
        .iter()
        .for_each(|n| out.note(format!("note: {n}")));
    if args.scores {
        write_scores(&recorded, &roles, out)?;
        return Ok(Exit::Ok);
    }
    let changed_at = changed_at(args, &args.file)?;
    let columns = columns(&recorded, &roles, direction);
    let judged = judge_series(&columns, changed_at, args.alpha);
    if out.json_wanted() {
        out.document(&document(&judged, &columns, changed_at, args.alpha))?;
    } else {
        show(out, &judged, &columns);
    }
    Ok(Exit::Ok)
}

fn baseline(word: &str) -> Result<(), Failure> {
    match word {
        "seasonal" | "auto" => Ok(()),
        later if LATER.contains(&later) => {
            Err(Failure::not_yet(&format!("the baseline `{later}`"))
                .hint("--baseline seasonal works now"))
        }
        other => Err(Failure::new(
            Code::Usage,
            format!("`--baseline {other}` is not a baseline"),
        )
        .hint("baselines are seasonal, prophet, lstm, ets and auto")),
    }
}

fn direction(word: &str) -> Result<Worse, Failure> {
    match word {
        "up" => Ok(Worse::Up),
        "down" => Ok(Worse::Down),
        "both" => Ok(Worse::Both),
        other => Err(Failure::new(
            Code::Usage,
            format!("`--direction {other}` is not a direction"),
        )
        .hint("directions are up (more is worse), down and both")),
    }
}

fn changed_at(args: &Detect, file: &Path) -> Result<Timestamp, Failure> {
    let Some(text) = &args.changed_at else {
        return Err(Failure::new(
            Code::Usage,
            "when was the change made? --changed-at is missing",
        )
        .hint(format!(
            "backstay detect {} --changed-at 2026-11-23T18:00:00Z",
            file.display()
        ))
        .hint("--scores needs no moment"));
    };
    moment(text).ok_or_else(|| {
        Failure::new(
            Code::Usage,
            format!("`--changed-at {text}` is not a moment"),
        )
        .hint("write RFC 3339, `YYYY-MM-DD HH:MM:SS` (UTC) or epoch seconds")
    })
}

/// The roles of the command line, by column.
fn roles(args: &Detect, recorded: &Recorded) -> Result<Vec<(String, MetricRole)>, Failure> {
    let mut roles = Vec::new();
    for word in &args.role {
        let (column, role) = word.split_once('=').ok_or_else(|| {
            Failure::new(Code::Usage, format!("`--role {word}` is not COLUMN=ROLE"))
                .hint("--role latency_ms=latency")
        })?;
        let role = MetricRole::parse(role).ok_or_else(|| {
            Failure::new(Code::Usage, format!("`{role}` is not a role"))
                .hint("roles are throughput, latency, errors, demand, saturation and other")
        })?;
        if !recorded.columns.iter().any(|c| c.name == column) {
            let names: Vec<&str> = recorded.columns.iter().map(|c| c.name.as_str()).collect();
            return Err(Failure::new(
                Code::Usage,
                format!("{} has no value column `{column}`", args.file.display()),
            )
            .hint(format!("its value columns are {}", names.join(", "))));
        }
        roles.push((column.to_owned(), role));
    }
    Ok(roles)
}

/// A role says which way is worse; the option speaks for columns without one.
const fn worse(role: MetricRole, direction: Worse) -> Worse {
    match role {
        MetricRole::Throughput => Worse::Down,
        MetricRole::Latency | MetricRole::Errors => Worse::Up,
        _ => direction,
    }
}

fn columns(recorded: &Recorded, roles: &[(String, MetricRole)], direction: Worse) -> Vec<Column> {
    let column = |c: &table::ColumnOfRows| {
        let named = roles.iter().find(|(name, _)| *name == c.name);
        let role = named.map_or(MetricRole::Other, |(_, role)| *role);
        let values = recorded.rows.iter().zip(&c.values);
        Column {
            name: MetricName::new(&c.name),
            role,
            worse: worse(role, direction),
            floor: 0.0,
            points: values
                .filter_map(|(row, value)| {
                    Some(Point {
                        at: row.at,
                        value: (*value)?,
                    })
                })
                .collect(),
        }
    };
    recorded.columns.iter().map(column).collect()
}

fn write_scores(
    recorded: &Recorded,
    roles: &[(String, MetricRole)],
    out: Out,
) -> Result<(), Failure> {
    let column = scored(recorded, roles)?;
    let points: Vec<Point> = recorded
        .rows
        .iter()
        .zip(&column.values)
        .filter_map(|(row, value)| {
            Some(Point {
                at: row.at,
                value: (*value)?,
            })
        })
        .collect();
    let mut scores = scores(&points).into_iter();
    let mut text = String::from("timestamp,value,anomaly_score\n");
    for (row, value) in recorded.rows.iter().zip(&column.values) {
        // A row without a number cannot be judged: it says nothing, and scores zero.
        let (shown, score) = match value {
            Some(value) => (value.to_string(), scores.next().unwrap_or(0.0)),
            None => (String::new(), 0.0),
        };
        text.push_str(&format!("{},{shown},{score:.6}\n", row.text));
    }
    out.text(&text);
    Ok(())
}

/// The column to score: the only one, the one named `value`, or the only one with a role.
fn scored<'a>(
    recorded: &'a Recorded,
    roles: &[(String, MetricRole)],
) -> Result<&'a table::ColumnOfRows, Failure> {
    let columns = &recorded.columns;
    let named = |name: &str| columns.iter().find(|c| c.name == name);
    let found = match (columns.as_slice(), roles) {
        ([only], _) => Some(only),
        (_, [(name, _)]) => named(name),
        _ => named("value"),
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        Failure::new(
            Code::Usage,
            format!("--scores takes one column, there are {}", names.join(", ")),
        )
        .hint("name one: --role COLUMN=other")
    })
}

const fn calibration(calibration: Calibration) -> &'static str {
    match calibration {
        Calibration::None => "none",
        Calibration::Shipped => "shipped tables",
        Calibration::Pooled => "other targets",
        Calibration::Own => "windows of these data without a change",
    }
}

fn document(
    judged: &SeriesVerdict,
    columns: &[Column],
    changed_at: Timestamp,
    alpha: f64,
) -> Value {
    let verdict = &judged.verdict;
    let mut per_metric = Map::new();
    for column in columns {
        let found = verdict.findings.iter().find(|f| f.metric == column.name);
        per_metric.insert(
            column.name.as_str().to_owned(),
            json!({
                "role": column.role,
                "p_value": found.and_then(|f| f.p_value),
                "alarm_at": found.and_then(|f| f.alarm_at).map(|t| t.to_string()),
                "effect": found.and_then(|f| f.harm),
                "before": found.and_then(|f| f.before),
                "after": found.and_then(|f| f.after),
                "text": found.map(|f| f.text.clone()),
            }),
        );
    }
    let wire = crate::wire::verdict(verdict);
    json!({
        "kind": "detection",
        "verdict": verdict.kind.word().replace(' ', "_"),
        "by": wire["by"],
        "excludes_harm_of": wire["excludes_harm_of"],
        "p_value": verdict.p_value,
        "score": verdict.score,
        "alarm_at": verdict.alarm_at.map(|t| t.to_string()),
        "effect": judged.effect,
        "baseline": judged.baseline,
        "calibration": verdict.calibration,
        "refusals": verdict.refusals.iter().map(|r| r.words()).collect::<Vec<_>>(),
        "changed_at": changed_at.to_string(),
        "alpha": alpha,
        "per_metric": per_metric,
    })
}

fn show(out: Out, judged: &SeriesVerdict, columns: &[Column]) {
    let verdict = &judged.verdict;
    let tone = match verdict.kind.word() {
        "hurt" => Tone::Bad,
        "healthy" => Tone::Good,
        _ => Tone::Warn,
    };
    let mut page = Page::new(out);
    page.line(&out.paint(tone, &verdict_line(verdict)));
    let alarm = verdict
        .alarm_at
        .map_or_else(|| "none".into(), |t| t.to_string());
    let mut rows = vec![vec![dim("alarm"), plain(alarm)]];
    if let Some(effect) = judged.effect {
        let text = format!("{:+.0} % in the strongest column", effect * 100.0);
        rows.push(vec![dim("effect"), plain(text)]);
    }
    if let Some(p) = verdict.p_value {
        let text = format!("{p:.4}, by {}", calibration(verdict.calibration));
        rows.push(vec![dim("p"), plain(text)]);
    }
    rows.push(vec![dim("baseline"), plain(judged.baseline.clone())]);
    if !verdict.refusals.is_empty() {
        let words: Vec<&str> = verdict.refusals.iter().map(|r| r.words()).collect();
        rows.push(vec![dim("but"), plain(words.join("; "))]);
    }
    page.rows(2, &rows);
    page.gap();
    let rows: Vec<_> = columns
        .iter()
        .map(|c| {
            let found = verdict.findings.iter().find(|f| f.metric == c.name);
            let p = found.and_then(|f| f.p_value);
            let p = p.map_or_else(String::new, |p| format!("p {p:.4}"));
            let text = found.map_or("explains only, or too few rows", |f| f.text.as_str());
            vec![cell(Tone::Bold, c.name.as_str()), dim(p), plain(text)]
        })
        .collect();
    page.rows(2, &rows);
    page.say();
}
