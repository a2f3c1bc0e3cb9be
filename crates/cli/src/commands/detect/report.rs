//! A verdict on recorded data, told: as a document, as a page, as a picture.

use backstay_detect::choice::{Below, Why};
use backstay_detect::{Clock, Column, Hole};
use backstay_model::Timestamp;
use backstay_model::verdict::{Calibration, Finding};
use serde_json::{Map, Value, json};

use super::story::{Judged, Ruling, Story};
use crate::chart::{Chart, Panel, sparkline};
use crate::out::{Out, Tone};
use crate::page::{Page, cell, dim, plain};
use crate::view::verdict_line;

/// Characters of a course in the terminal.
const COURSE: usize = 64;
/// Courses that a page shows.
const COURSES_MAX: usize = 4;

const fn calibration(calibration: Calibration) -> &'static str {
    match calibration {
        Calibration::None => "none",
        Calibration::Shipped => "shipped tables",
        Calibration::Pooled => "other targets",
        Calibration::Own => "windows of these data without a change",
    }
}

fn finding<'a>(judged: Judged<'a>, column: &Column) -> Option<&'a Finding> {
    let findings = &judged.verdict.verdict.findings;
    findings.iter().find(|f| f.metric == column.name)
}

pub(super) fn document(judged: Judged<'_>, story: &Story) -> Value {
    let verdict = &judged.verdict.verdict;
    let mut per_metric = Map::new();
    for (column, below) in judged.columns.iter().zip(&judged.verdict.below) {
        let found = finding(judged, column);
        per_metric.insert(
            column.name.as_str().to_owned(),
            json!({
                "role": column.role,
                "p_value": found.and_then(|f| f.p_value),
                "alarm_at": found.and_then(|f| f.alarm_at).map(|t| t.to_string()),
                "since": found.and_then(|f| f.since).map(|t| t.to_string()),
                "effect": found.and_then(|f| f.harm),
                "before": found.and_then(|f| f.before),
                "after": found.and_then(|f| f.after),
                "text": found.map(|f| f.text.clone()),
                "baseline": below.id.to_string(),
                "baseline_why": below.why.to_string(),
                "baselines_tried": tried(below),
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
        "since": since(judged).map(|t| t.to_string()),
        "effect": judged.verdict.effect,
        "baseline": judged.verdict.baseline,
        "calibration": verdict.calibration,
        "refusals": verdict.refusals.iter().map(|r| r.words()).collect::<Vec<_>>(),
        "changed_at": judged.changed_at.to_string(),
        "alpha": judged.alpha,
        "least_p_value": judged.verdict.least_p_value,
        "about_extremes": judged.verdict.about_extremes,
        "missing": judged.verdict.holes.iter().map(missing).collect::<Vec<_>>(),
        "explanation": story.document(),
        "per_metric": per_metric,
    })
}

/// When the first of what alarmed began.
fn since(judged: Judged<'_>) -> Option<Timestamp> {
    let findings = judged.verdict.verdict.findings.iter();
    findings.filter_map(|f| f.since).min()
}

fn missing(hole: &Hole) -> Value {
    json!({
        "column": hole.metric.as_str(),
        "from": hole.from.to_string(),
        "to": hole.to.to_string(),
    })
}

fn tried(below: &Below) -> Vec<Value> {
    let tried = below.tried.iter().map(|t| {
        let loss = t.loss.as_ref();
        json!({
            "baseline": t.id.to_string(),
            "loss_median": loss.ok().map(|l| l.middle),
            "loss_p90": loss.ok().map(|l| l.upper),
            "refused": loss.err().map(ToString::to_string),
        })
    });
    tried.collect()
}

/// The columns, those that say most first.
fn ranked(judged: Judged<'_>) -> Vec<usize> {
    let findings = &judged.verdict.verdict.findings;
    let place = |i: &usize| {
        let name = &judged.columns[*i].name;
        let place = findings.iter().position(|f| f.metric == *name);
        place.unwrap_or(usize::MAX)
    };
    let mut order: Vec<usize> = (0..judged.columns.len()).collect();
    order.sort_by_key(place);
    order
}

/// The picture of a judged recording; the columns that say most stand first.
pub(super) fn chart(judged: Judged<'_>, story: &Story, clock: &Clock) -> Chart {
    let panel = |i: usize| {
        let column = &judged.columns[i];
        let found = finding(judged, column);
        let role = serde_json::to_value(column.role).ok();
        let role = role.and_then(|r| r.as_str().map(str::to_owned));
        let mut note: Vec<String> = role.into_iter().filter(|r| r != "other").collect();
        if let Some(harm) = found.filter(|f| f.alarm_at.is_some()).and_then(|f| f.harm) {
            note.push(format!("{:.0} % off", 100.0 * harm.abs()));
        }
        if let Some(p) = found.and_then(|f| f.p_value) {
            note.push(format!("p {p:.4}"));
        }
        note.extend(judged.verdict.below.get(i).map(|b| b.id.to_string()));
        Panel {
            name: column.name.as_str().to_owned(),
            note: note.join("  ·  "),
            points: column.points.clone(),
            bands: judged.verdict.bands.get(i).cloned().unwrap_or_default(),
            alarm_at: found.and_then(|f| f.alarm_at),
        }
    };
    Chart {
        title: verdict_line(&judged.verdict.verdict),
        subtitle: story.sentences.first().cloned().unwrap_or_default(),
        changed_at: judged.changed_at,
        clock: clock.clone(),
        panels: ranked(judged).into_iter().map(panel).collect(),
    }
}

pub(super) fn show(out: Out, judged: Judged<'_>, story: &Story, chart: &Chart) {
    let verdict = &judged.verdict.verdict;
    let tone = match verdict.kind.word() {
        "hurt" => Tone::Bad,
        "healthy" => Tone::Good,
        _ => Tone::Warn,
    };
    let mut page = Page::new(out);
    page.line(&out.paint(tone, &verdict_line(verdict)));
    story.sentences.iter().for_each(|s| page.paragraph(2, s));
    page.gap();
    courses(out, chart, &mut page);
    page.gap();
    page.rows(2, &facts(judged));
    page.gap();
    page.rows(2, &metrics(judged));
    page.gap();
    let rows: Vec<_> = story
        .considered
        .iter()
        .map(|c| {
            let tone = match c.ruling {
                Ruling::RuledOut => Tone::Dim,
                Ruling::Possible | Ruling::Explains => Tone::Warn,
                Ruling::Unknown => Tone::Plain,
            };
            let word = c.ruling.word().replace('_', " ");
            vec![dim(c.what), cell(tone, word), plain(c.text.as_str())]
        })
        .collect();
    page.line(&out.paint(Tone::Dim, "  considered besides the change:"));
    page.rows(2, &rows);
    page.say();
}

/// The courses of the columns that say most.
fn courses(out: Out, chart: &Chart, page: &mut Page) {
    let names = chart.panels.iter().take(COURSES_MAX);
    let wide = names.clone().map(|p| p.name.chars().count()).max();
    let wide = wide.unwrap_or(0).min(24);
    let width = page.room(4 + wide, COURSE);
    for (i, panel) in names.enumerate() {
        let name: String = panel.name.chars().take(wide).collect();
        for (k, line) in sparkline(chart, i, width, out).iter().enumerate() {
            let head = if k == 0 { name.as_str() } else { "" };
            page.line(&format!(
                "  {}  {line}",
                out.paint(Tone::Bold, &format!("{head:<wide$}"))
            ));
        }
    }
}

fn facts(judged: Judged<'_>) -> Vec<Vec<crate::page::Cell>> {
    let verdict = &judged.verdict.verdict;
    let alarm = verdict
        .alarm_at
        .map_or_else(|| "none".into(), |t| t.to_string());
    let mut rows = vec![vec![dim("alarm"), plain(alarm)]];
    if let Some(since) = since(judged) {
        rows.push(vec![dim("since"), plain(since.to_string())]);
    }
    if let Some(effect) = judged.verdict.effect {
        let text = format!("{:+.0} % in the strongest column", effect * 100.0);
        rows.push(vec![dim("effect"), plain(text)]);
    }
    if let Some(p) = verdict.p_value {
        let text = format!("{p:.4}, by {}", calibration(verdict.calibration));
        rows.push(vec![dim("p"), plain(text)]);
    }
    rows.push(vec![dim("baseline"), plain(baselines(judged))]);
    if !verdict.refusals.is_empty() {
        let words: Vec<&str> = verdict.refusals.iter().map(|r| r.words()).collect();
        rows.push(vec![dim("but"), plain(words.join("; "))]);
    }
    rows
}

/// The baselines below the columns, and why, each once.
fn baselines(judged: Judged<'_>) -> String {
    let mut words: Vec<String> = Vec::new();
    for (column, below) in judged.columns.iter().zip(&judged.verdict.below) {
        let why = match below.why {
            Why::Asked => String::new(),
            _ => format!(" ({})", below.why),
        };
        let text = format!("{}{why}", below.id);
        if judged
            .verdict
            .below
            .iter()
            .all(|b| b.id == below.id && b.why == below.why)
        {
            return text;
        }
        words.push(format!("{}: {text}", column.name));
    }
    words.join("; ")
}

fn metrics(judged: Judged<'_>) -> Vec<Vec<crate::page::Cell>> {
    let row = |c: &Column| {
        let found = finding(judged, c);
        let p = found.and_then(|f| f.p_value);
        let p = p.map_or_else(String::new, |p| format!("p {p:.4}"));
        let text = found.map_or("explains only, or too few rows", |f| f.text.as_str());
        vec![cell(Tone::Bold, c.name.as_str()), dim(p), plain(text)]
    };
    judged.columns.iter().map(row).collect()
}
