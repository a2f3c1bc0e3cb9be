//! `backstay status`: how the watched databases stand, worst first, from the record.

use backstay_guard::case::Case;
use backstay_journal::{Condition, Notice};
use backstay_lifecycle::State;
use backstay_model::TargetId;
use backstay_model::decision::Mode;
use serde_json::{Value, json};

use crate::args::Common;
use crate::commands::changes::told;
use crate::commands::explain::{short, tone, why};
use crate::commands::record::{Book, Running, Standing, running};
use crate::failure::{Exit, Failure};
use crate::out::{Out, Tone};
use crate::page::{Cell, Page, cell, dim, plain};

/// Tells how things stand.
pub(crate) fn run(common: &Common, out: Out) -> Result<Exit, Failure> {
    let book = Book::open(common)?;
    if out.json_wanted() {
        out.document(&document(&book))?;
    } else {
        show(out, &book);
    }
    Ok(Exit::Ok)
}

/// Change sets of a target that are not over, the newest first.
fn open<'a>(book: &'a Book, target: &TargetId) -> Vec<&'a Case> {
    let of_target = |c: &&Case| c.change_set.target == *target && !c.state.settled();
    book.cases.values().rev().filter(of_target).collect()
}

/// How badly a target stands: larger is worse.
fn badness(book: &Book, target: &TargetId, standing: &Standing) -> u8 {
    let watchable = standing
        .condition
        .as_ref()
        .is_none_or(|(_, c)| c.watchable());
    let worst = open(book, target)
        .iter()
        .map(|c| match c.state {
            State::RollbackFailed { .. } => 9,
            State::Judged { .. } | State::Reverting { .. } | State::Verifying { .. } => 6,
            State::Held { .. } => 5,
            _ => 1,
        })
        .max()
        .unwrap_or(0);
    let unsafe_start = not_boot_safe(standing).is_some();
    worst
        .max(if watchable { 0 } else { 8 })
        .max(if unsafe_start { 7 } else { 0 })
}

fn not_boot_safe(standing: &Standing) -> Option<&[String]> {
    standing.notices.iter().find_map(|n| match n {
        Notice::NotBootSafe { lines } => Some(lines.as_slice()),
        _ => None,
    })
}

fn worst_first(book: &Book) -> Vec<(&TargetId, &Standing)> {
    let mut all: Vec<_> = book.targets.iter().collect();
    all.sort_by_key(|(target, standing)| std::cmp::Reverse(badness(book, target, standing)));
    all
}

fn mode(standing: &Standing) -> Mode {
    standing.watched.as_ref().map_or(Mode::Observe, |w| w.mode)
}

fn condition(standing: &Standing) -> (Tone, String) {
    match &standing.condition {
        None => (Tone::Dim, "nothing heard yet".into()),
        Some((_, condition @ (Condition::Up | Condition::Restarted { .. }))) => {
            (Tone::Good, condition.to_string())
        }
        Some((_, condition)) => (Tone::Bad, condition.to_string()),
    }
}

fn guard_line(book: &Book) -> (Tone, String) {
    let at = |t: backstay_model::Timestamp| short(&t.to_string());
    match (running(&book.directory), book.started_at, &book.stopped) {
        (Running::Yes, Some(since), _) => (Tone::Good, format!("runs since {}", at(since))),
        (Running::Yes, None, _) => (Tone::Good, "runs".into()),
        (Running::No, _, Some((when, why))) => {
            (Tone::Warn, format!("stopped at {}: {why}", at(*when)))
        }
        (Running::No, Some(since), None) => (
            Tone::Bad,
            format!(
                "does not run; it began at {} and did not stop in order",
                at(since)
            ),
        ),
        (Running::No, None, None) => (Tone::Dim, "never ran here".into()),
    }
}

fn show(out: Out, book: &Book) {
    let mut page = Page::new(out);
    let (guard_tone, guard) = guard_line(book);
    let mut rows = vec![vec![dim("guard"), cell(guard_tone, guard)]];
    if let Some((by, why)) = book.paused_now() {
        let why = why.map(|w| format!(": {w}")).unwrap_or_default();
        rows.push(vec![
            dim("paused"),
            cell(Tone::Warn, format!("by {by}{why}; `backstay resume`")),
        ]);
    }
    page.rows(0, &rows);
    if book.targets.is_empty() {
        page.line("no target was watched yet");
    }
    for (target, standing) in worst_first(book) {
        one(&mut page, out, book, (target, standing));
    }
    page.say();
}

fn one(page: &mut Page, out: Out, book: &Book, (target, standing): (&TargetId, &Standing)) {
    page.gap();
    let (tone_of, words) = condition(standing);
    let server = standing
        .server
        .as_ref()
        .map_or_else(String::new, |s| format!("  {} {}", s.engine, s.version));
    let address = standing
        .watched
        .as_ref()
        .map_or_else(String::new, |w| format!("  {}", w.address));
    page.line(&format!(
        "{}  {}  {}{}",
        out.paint(Tone::Bold, target.as_str()),
        mode(standing),
        out.paint(tone_of, &words),
        out.paint(Tone::Dim, &format!("{server}{address}"))
    ));
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    if let Some(lines) = not_boot_safe(standing) {
        let text = format!("the server would not start again: {}", lines.join("; "));
        rows.push(vec![dim("not boot-safe"), cell(Tone::Bad, text)]);
    }
    let others = standing
        .notices
        .iter()
        .filter(|n| !matches!(n, Notice::NotBootSafe { .. }));
    rows.extend(others.map(|n| vec![dim("note"), plain(n.to_string())]));
    if let Some((at, id)) = &standing.known_good {
        let id: String = id.0.chars().take(12).collect();
        let text = format!("{id} since {}", short(&at.to_string()));
        rows.push(vec![dim("known good"), plain(text)]);
    }
    page.rows(2, &rows);
    let rows: Vec<Vec<Cell>> = open(book, target)
        .into_iter()
        .map(|c| {
            vec![
                cell(Tone::Bold, c.change_set.id.to_string()),
                cell(tone(&c.state), c.state.word()),
                plain(told(&c.change_set)),
                dim(why(c)),
            ]
        })
        .collect();
    page.rows(2, &rows);
}

fn document(book: &Book) -> Value {
    let targets: Vec<Value> = worst_first(book)
        .into_iter()
        .map(|(target, standing)| {
            json!({
                "target": target.as_str(),
                "mode": mode(standing).word(),
                "address": standing.watched.as_ref().map(|w| w.address.clone()),
                "version": standing.server.as_ref().map(|s| s.version.clone()),
                "condition": standing.condition.as_ref().map(|(_, c)| c.word()),
                "condition_text": standing.condition.as_ref().map(|(_, c)| c.to_string()),
                "boot_safe": not_boot_safe(standing).is_none(),
                "notices": standing.notices.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "known_good": standing.known_good.as_ref().map(|(_, id)| id.to_string()),
                "open": open(book, target).iter().map(|c| json!({
                    "change_set": c.change_set.id.to_string(),
                    "state": c.state.word().replace(' ', "_"),
                    "changes": told(&c.change_set),
                    "why": why(c),
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    let paused = book.paused_now();
    json!({
        "kind": "status",
        "state_dir": book.directory.display().to_string(),
        "guard_running": running(&book.directory) == Running::Yes,
        "started_at": book.started_at.map(|t| t.to_string()),
        "stopped": book.stopped.as_ref().map(|(at, why)| json!({ "at": at.to_string(), "why": why })),
        "paused": paused.as_ref().map(|(by, why)| json!({ "by": by, "why": why })),
        "entries": book.last.0,
        "targets": targets,
    })
}
