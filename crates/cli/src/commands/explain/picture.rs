//! The metrics around a change set as a picture, from the samples that the guard kept.

use std::path::Path;

use backstay_detect::{Clock, Column, Point, judge_series};
use backstay_guard::case::Case;
use backstay_guard::words::values;
use backstay_journal::MetricStore;
use backstay_model::metric::{MetricRole, Worse};
use backstay_model::verdict::Finding;
use backstay_model::{Sample, Span};

use crate::chart::{Chart, Panel, svg};
use crate::commands::record::Book;
use crate::failure::{Code, Failure};
use crate::out::Out;
use crate::view::verdict_line;

/// How long before the change it begins, and how long after the verdict it ends.
const BEFORE: Span = Span::from_secs(900);
const AFTER: Span = Span::from_secs(60);
/// How long after a change it ends while there is no verdict.
const OPEN: Span = Span::from_secs(900);
/// Only for the band: no verdict is made here.
const ALPHA: f64 = 0.05;

/// Writes the picture of a change set into a file.
pub(super) fn write(book: &Book, case: &Case, path: &Path, out: Out) -> Result<(), Failure> {
    let picture = svg(&chart(book, case)?);
    std::fs::write(path, picture)
        .map_err(|e| Failure::of(Code::File, &e).because(format!("file {}", path.display())))?;
    out.note(format!("picture: {}", path.display()));
    Ok(())
}

fn chart(book: &Book, case: &Case) -> Result<Chart, Failure> {
    let id = case.change_set.id;
    let none = |why: &str| {
        Failure::new(Code::Unknown, format!("there is no picture of {id}")).because(why)
    };
    let metrics = book.readers.metrics.as_ref();
    let metrics = metrics.ok_or_else(|| none("this state directory keeps no metrics"))?;
    let verdict = case.verdict.as_ref();
    let verdict = verdict.ok_or_else(|| none("it has no verdict yet"))?;
    let changed_at = case.change_set.effective_at();
    let until = if verdict.at > changed_at {
        verdict.at + AFTER
    } else {
        changed_at + OPEN
    };
    let samples = metrics
        .range(&case.change_set.target, changed_at - BEFORE, until)
        .map_err(|e| Failure::of(Code::Store, &e))?;
    if samples.is_empty() {
        return Err(none("the samples of that time are gone"));
    }
    let columns: Vec<Column> = verdict
        .findings
        .iter()
        .map(|f| column(f, &samples))
        .collect();
    let expected = judge_series(&columns, changed_at, ALPHA).bands;
    let columns = columns.into_iter().zip(expected);
    let panels = verdict.findings.iter().zip(columns);
    Ok(Chart {
        title: format!("{id}  {}", verdict_line(verdict)),
        subtitle: changes(case),
        changed_at,
        clock: Clock::utc(),
        panels: panels
            .filter(|(_, (column, _))| !column.points.is_empty())
            .map(|(found, (column, bands))| Panel {
                name: column.name.as_str().to_owned(),
                note: found.text.clone(),
                points: column.points,
                bands,
                alarm_at: found.alarm_at,
            })
            .collect(),
    })
}

fn column(found: &Finding, samples: &[Sample]) -> Column {
    let point = |sample: &Sample| {
        Some(Point {
            at: sample.at,
            value: sample.get(found.metric.as_str())?,
        })
    };
    Column {
        name: found.metric.clone(),
        role: found.role,
        worse: match found.role {
            MetricRole::Throughput => Worse::Down,
            _ => Worse::Up,
        },
        floor: 0.0,
        points: samples.iter().filter_map(point).collect(),
    }
}

/// `work_mem 4MB -> 64kB, and 2 more`.
fn changes(case: &Case) -> String {
    let changes = &case.change_set.changes;
    let Some(first) = changes.first() else {
        return String::new();
    };
    let (old, new) = values(first);
    let more = match changes.len() - 1 {
        0 => String::new(),
        n => format!(", and {n} more"),
    };
    format!("{} {old} -> {new}{more}", first.key.name)
}
