//! `backstay detect`: the verdict on recorded data, or one anomaly score a row.

mod baselines;
mod columns;
mod moment;
mod report;
mod story;
mod table;

use std::path::Path;

use backstay_detect::{Column, Terms, judge_series_on, scores};
use backstay_model::Timestamp;
use backstay_model::metric::Worse;

use crate::args::Detect;
use crate::chart;
use crate::failure::{Code, Exit, Failure};
use crate::out::Out;
use baselines::Asked;
use columns::Named;
use moment::Reading;
use story::{Judged, Story};
use table::{Recorded, Writing};

/// Bytes of scores that are written at a time.
const CHUNK: usize = 1 << 16;

/// Judges the file, or scores its rows.
pub(crate) fn run(args: &Detect, out: Out) -> Result<Exit, Failure> {
    let asked = Asked::parse(&args.baseline)?;
    if !(args.alpha > 0.0 && args.alpha < 1.0) {
        return Err(Failure::new(
            Code::Usage,
            format!("`--alpha {}` is not a chance between 0 and 1", args.alpha),
        )
        .hint("0.05 is one false alarm in twenty harmless changes"));
    }
    let direction = direction(&args.direction)?;
    let reading = Reading::new(args.tz.as_deref())?;
    let writing = if args.scores {
        Writing::Kept
    } else {
        Writing::Dropped
    };
    let recorded = table::read(&args.file, &reading, writing)?;
    let mut said = columns::said(&args.role, &recorded, &args.file)?;
    let note = |text: &String| out.note(format!("note: {text}"));
    recorded.notes.iter().for_each(note);
    said.notes().iter().for_each(note);
    if args.guess_roles {
        said.guess(&recorded).iter().for_each(note);
    }
    if args.scores {
        write_scores(&recorded, &said.roles, out)?;
        return Ok(Exit::Ok);
    }
    let changed_at = changed_at(args, &reading, &args.file)?;
    let last = recorded.at.last().copied().unwrap_or(changed_at);
    let first = recorded.at.first().copied().unwrap_or(changed_at);
    let clock = reading.clock(first.min(changed_at), last.max(changed_at));
    let (columns, notes) = columns::columns(recorded, &said.roles, direction, changed_at);
    notes.iter().for_each(note);
    let peer = |c: &Column| said.peers.iter().any(|name| name == c.name.as_str());
    let (peers, columns): (Vec<Column>, Vec<Column>) = columns.into_iter().partition(peer);
    columns::unjudged(&columns).iter().for_each(note);
    let terms = Terms {
        changed_at,
        alpha: args.alpha,
        choice: &asked.choice(),
        clock: &clock,
        peers: &peers,
    };
    let verdict = judge_series_on(&columns, &terms);
    let judged = Judged {
        verdict: &verdict,
        columns: &columns,
        changed_at,
        alpha: args.alpha,
    };
    let story = Story::of(judged);
    let chart = report::chart(judged, &story, &clock);
    if let Some(path) = &args.svg {
        std::fs::write(path, chart::svg(&chart))
            .map_err(|e| Failure::of(Code::File, &e).because(format!("file {}", path.display())))?;
        out.note(format!("picture: {}", path.display()));
    }
    if out.json_wanted() {
        out.document(&report::document(judged, &story))?;
    } else {
        report::show(out, judged, &story, &chart);
    }
    Ok(Exit::Ok)
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

fn changed_at(args: &Detect, reading: &Reading, file: &Path) -> Result<Timestamp, Failure> {
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
    reading.moment(text).ok_or_else(|| {
        Failure::new(
            Code::Usage,
            format!("`--changed-at {text}` is not a moment"),
        )
        .hint("write RFC 3339, `YYYY-MM-DD HH:MM:SS` (UTC, or as --tz says) or epoch seconds")
    })
}

fn write_scores(recorded: &Recorded, roles: &[Named], out: Out) -> Result<(), Failure> {
    let column = scored(recorded, roles)?;
    let points = columns::points(&recorded.at, column);
    let mut scores = scores(&points).into_iter();
    out.text("timestamp,value,anomaly_score\n");
    let mut text = String::new();
    for (written, value) in recorded.written.iter().zip(&column.values) {
        // A row without a number cannot be judged: it says nothing, and scores zero.
        let (shown, score) = if value.is_finite() {
            (value.to_string(), scores.next().unwrap_or(0.0))
        } else {
            (String::new(), 0.0)
        };
        text.push_str(&format!("{written},{shown},{score:.6}\n"));
        if text.len() >= CHUNK {
            out.text(&text);
            text.clear();
        }
    }
    out.text(&text);
    Ok(())
}

/// The column to score: the only one, the one named `value`, or the only one with a role.
fn scored<'a>(recorded: &'a Recorded, roles: &[Named]) -> Result<&'a table::ColumnOfRows, Failure> {
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
