//! `backstay status`: how the watched databases stand, worst first, from the record.

use std::cmp::Reverse;

use backstay_guard::case::Case;
use backstay_journal::{Condition, Notice};
use backstay_lifecycle::State;
use backstay_model::decision::Mode;
use backstay_model::{TargetId, Timestamp};
use serde_json::{Value, json};

use crate::args::{Common, Status};
use crate::commands::changes::told;
use crate::commands::explain::{next, short, tone, why};
use crate::commands::promises::{self, Much};
use crate::commands::record::{Book, Running, Standing, running};
use crate::failure::{Exit, Failure};
use crate::kept::Told;
use crate::out::{Out, Tone};
use crate::page::{Cell, Page, cell, count, counted, dim, plain};

/// Tells how things stand.
pub(crate) fn run(args: &Status, common: &Common, out: Out) -> Result<Exit, Failure> {
    let book = Book::open(common)?;
    if out.json_wanted() {
        out.document(&document(&book))?;
    } else {
        show(out, &book, args);
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

/// Why a target whose mode lets Backstay act is not acted on, if it is not.
fn acts_not(book: &Book, standing: &Standing) -> Option<String> {
    if mode(standing) == Mode::Observe {
        return Some("its mode is observe".to_owned());
    }
    if running(&book.directory) == Running::No || standing.left_at.is_some() {
        return Some("it is not watched".to_owned());
    }
    if book.paused_now().is_some() {
        return Some("Backstay is paused".to_owned());
    }
    may_not_write(standing).map(ToString::to_string)
}

fn may_not_write(standing: &Standing) -> Option<&Notice> {
    let mut notices = standing.notices.iter();
    notices.find(|n| matches!(n, Notice::MayNotWrite { .. }))
}

fn not_boot_safe(standing: &Standing) -> Option<&Notice> {
    let mut notices = standing.notices.iter();
    notices.find(|n| matches!(n, Notice::NotBootSafe { .. }))
}

/// What is watched first, worst first; then what an earlier guard watched, the latest first.
fn worst_first(book: &Book) -> Vec<(&TargetId, &Standing)> {
    let mut all: Vec<_> = book.targets.iter().collect();
    all.sort_by_key(|(target, standing)| {
        let bad = badness(book, target, standing);
        (
            standing.left_at.is_some(),
            Reverse(standing.left_at),
            Reverse(bad),
        )
    });
    all
}

fn mode(standing: &Standing) -> Mode {
    standing.watched.as_ref().map_or(Mode::Observe, |w| w.mode)
}

/// What a condition says now: a restart is over when it is told.
fn condition_word(condition: &Condition) -> &'static str {
    match condition {
        Condition::Restarted { .. } => "up",
        other => other.word(),
    }
}

fn condition_words(condition: &Condition) -> String {
    match condition {
        Condition::Restarted { started_at, .. } => {
            format!("up, restarted {} UTC", at(*started_at))
        }
        other => other.to_string(),
    }
}

/// How a target stands in words; without a guard that looks, how it stood.
fn condition(guard: Running, standing: &Standing) -> (Tone, String) {
    if let Some(left_at) = standing.left_at {
        let text = format!("not watched since {} UTC", at(left_at));
        return (Tone::Dim, text);
    }
    match (&standing.condition, guard) {
        (None, Running::Yes) => (Tone::Warn, "nothing heard of it yet".into()),
        (None, Running::No) => (Tone::Dim, "not watched now; nothing was heard of it".into()),
        (Some((_, condition)), Running::No) => {
            let words = condition_words(condition);
            (Tone::Dim, format!("not watched now; last seen: {words}"))
        }
        (Some((_, condition)), Running::Yes) if condition.watchable() => {
            (Tone::Good, condition_words(condition))
        }
        (Some((since, condition)), Running::Yes) => {
            let words = condition_words(condition);
            (Tone::Bad, format!("{words} (since {} UTC)", at(*since)))
        }
    }
}

fn at(t: Timestamp) -> String {
    short(&t.to_string())
}

fn guard_line(book: &Book) -> (Tone, String) {
    match (running(&book.directory), book.started_at, &book.stopped) {
        (Running::Yes, Some(since), _) => (
            Tone::Good,
            format!("runs since {} UTC, watches {}", at(since), watched(book)),
        ),
        (Running::Yes, None, _) => (Tone::Good, "runs".into()),
        (Running::No, _, Some((when, why))) => (
            Tone::Warn,
            format!("stopped at {} UTC: {why}; nothing is watched", at(*when)),
        ),
        (Running::No, Some(since), None) => (
            Tone::Bad,
            format!(
                "does not run: nothing is watched; it began at {} UTC and did not stop in order",
                at(since)
            ),
        ),
        (Running::No, None, None) => (Tone::Dim, "never ran here".into()),
    }
}

/// How a graph store that is far away stands, against the journal as it is now.
fn graph_store(told: &Told, book: &Book) -> (Tone, String) {
    let at = format!("Neo4j, {}, deployment {}", told.address, told.deployment);
    let behind = match told.behind(book.last.0) {
        None => format!(
            "has not said how far it is; the journal has {}",
            counted(book.last.0, "entry", "entries")
        ),
        Some(0) => "up to date".to_owned(),
        Some(n) => format!("{} behind", counted(n, "entry", "entries")),
    };
    match &told.standing.trouble {
        Some(trouble) => {
            let what = &trouble.what;
            (Tone::Warn, format!("{at}: {behind}; {what}"))
        }
        None if told.behind(book.last.0) == Some(0) => (Tone::Good, format!("{at}: {behind}")),
        None => (Tone::Dim, format!("{at}: {behind}")),
    }
}

/// Targets of the guard of now, by name.
fn watched(book: &Book) -> String {
    let now = book.targets.iter().filter(|(_, s)| s.left_at.is_none());
    let names: Vec<&str> = now.map(|(target, _)| target.as_str()).collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

fn show(out: Out, book: &Book, args: &Status) {
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
    for (id, why) in &book.impossible {
        let text = format!(
            "{id} holds a step that cannot have happened ({why}), so its target is only observed; \
             `backstay audit set-aside`"
        );
        rows.push(vec![dim("journal"), cell(Tone::Bad, text)]);
    }
    if let Some(told) = Told::read(&book.directory) {
        let (tone, text) = graph_store(&told, book);
        rows.push(vec![dim("graph store"), cell(tone, text)]);
        let trouble = told.standing.trouble.iter();
        rows.extend(trouble.map(|t| vec![dim(""), dim(t.hint.clone())]));
    }
    page.rows(0, &rows);
    if book.targets.is_empty() {
        page.line("no target was watched yet");
    }
    let (earlier, current): (Vec<_>, Vec<_>) = worst_first(book)
        .into_iter()
        .partition(|(_, standing)| standing.left_at.is_some());
    let much = if args.all || current.len() == 1 {
        Much::All
    } else {
        Much::Odd
    };
    for target in current {
        one(&mut page, out, book, (target, much));
    }
    if args.all {
        for target in earlier {
            one(&mut page, out, book, (target, much));
        }
    } else if !earlier.is_empty() {
        page.gap();
        page.rows(0, &earlier_rows(book, &earlier));
    }
    page.say();
}

/// Targets of earlier guards, one line each: since when nobody looks, and what was left open.
fn earlier_rows(book: &Book, earlier: &[(&TargetId, &Standing)]) -> Vec<Vec<Cell>> {
    let row = |(target, standing): &(&TargetId, &Standing)| {
        let left = standing.left_at.map(at).unwrap_or_default();
        let open = open(book, target).len();
        let open = match open {
            0 => String::new(),
            n => format!("; {} left open", count(n, "change set")),
        };
        vec![
            dim(target.as_str()),
            dim(format!(
                "not watched since {left} UTC{open}; --all tells more"
            )),
        ]
    };
    earlier.iter().map(row).collect()
}

fn one(page: &mut Page, out: Out, book: &Book, (of, much): ((&TargetId, &Standing), Much)) {
    let (target, standing) = of;
    page.gap();
    let (tone_of, words) = condition(running(&book.directory), standing);
    let server = standing
        .server
        .as_ref()
        .map_or_else(String::new, |s| format!("  {} {}", s.engine, s.version));
    let address = standing
        .watched
        .as_ref()
        .map_or_else(String::new, |w| format!("  {}", w.address));
    page.line(&format!(
        "{}  mode {}  {}{}",
        out.paint(Tone::Bold, target.as_str()),
        mode(standing),
        out.paint(tone_of, &words),
        out.paint(Tone::Dim, &format!("{server}{address}"))
    ));
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    if let Some(notice) = not_boot_safe(standing) {
        rows.push(vec![
            dim("not boot-safe"),
            cell(Tone::Bad, notice.to_string()),
        ]);
    }
    if let Some(lack @ Notice::MayNotWrite { grants, .. }) = may_not_write(standing) {
        rows.push(vec![dim("acts"), cell(Tone::Bad, format!("no: {lack}"))]);
        rows.extend(grants.iter().map(|g| vec![dim(""), plain(g.clone())]));
    }
    let others = standing
        .notices
        .iter()
        .filter(|n| !matches!(n, Notice::NotBootSafe { .. } | Notice::MayNotWrite { .. }))
        .filter(|n| stands(book, n));
    rows.extend(others.map(|n| vec![dim("note"), plain(n.to_string())]));
    if let Some((since, id)) = &standing.known_good {
        let id: String = id.0.chars().take(12).collect();
        let text = format!("configuration {id}, found good at {} UTC", at(*since));
        rows.push(vec![dim("known good"), plain(text)]);
    }
    page.rows(2, &rows);
    page.rows(2, &promises::rows(&promises::of(book, target), much));
    for case in open(book, target) {
        open_case(page, book, case);
    }
}

/// Whether a notice about a change still holds: late harm ends with the change that does it.
fn stands(book: &Book, notice: &Notice) -> bool {
    let Notice::LateHarm { change_set, .. } = notice else {
        return true;
    };
    let state = book.cases.get(change_set).map(|case| &case.state);
    matches!(state, Some(State::Kept { .. } | State::Held { .. }))
}

/// A change set that is not over: what it is, why it stands so, and what a person can type.
fn open_case(page: &mut Page, book: &Book, case: &Case) {
    let head = vec![
        cell(Tone::Bold, case.change_set.id.to_string()),
        cell(tone(&case.state), case.state.word()),
        plain(format!(
            "{}, by {}",
            told(&case.change_set),
            case.change_set.author().name()
        )),
    ];
    page.rows(2, &[head]);
    page.rows(6, &[vec![dim(why(case))]]);
    page.rows(
        6,
        &next(book, case)
            .into_iter()
            .map(|l| vec![plain(l)])
            .collect::<Vec<_>>(),
    );
}

fn document(book: &Book) -> Value {
    let targets: Vec<Value> = worst_first(book)
        .into_iter()
        .map(|(target, standing)| target_document(book, target, standing))
        .collect();
    let paused = book.paused_now();
    json!({
        "kind": "status",
        "state_dir": book.directory.display().to_string(),
        "guard_running": running(&book.directory) == Running::Yes,
        "started_at": book.started_at.map(|t| t.to_string()),
        "stopped": book.stopped.as_ref().map(|(at, why)| json!({ "at": at.to_string(), "why": why })),
        "paused": paused.as_ref().map(|(by, why)| json!({ "by": by, "why": why })),
        "impossible": book.impossible.iter().map(|(id, why)| json!({
            "change_set": id.to_string(), "why": why,
        })).collect::<Vec<_>>(),
        "entries": book.last.0,
        "graph_store": Told::read(&book.directory).map(|told| json!({
            "address": told.address,
            "deployment": told.deployment,
            "applied": told.standing.applied,
            "behind": told.behind(book.last.0),
            "trouble": told.standing.trouble,
        })),
        "targets": targets,
    })
}

fn target_document(book: &Book, target: &TargetId, standing: &Standing) -> Value {
    let restarted = standing.condition.as_ref().and_then(|(_, c)| match c {
        Condition::Restarted { started_at, .. } => Some(started_at.to_string()),
        _ => None,
    });
    json!({
        "target": target.as_str(),
        "mode": mode(standing).word(),
        "address": standing.watched.as_ref().map(|w| w.address.clone()),
        "version": standing.server.as_ref().map(|s| s.version.clone()),
        "watched": standing.left_at.is_none() && running(&book.directory) == Running::Yes,
        "not_watched_since": standing.left_at.map(|t| t.to_string()),
        "condition": standing.condition.as_ref().map(|(_, c)| condition_word(c)),
        "condition_text": standing.condition.as_ref().map(|(_, c)| condition_words(c)),
        "condition_since": standing.condition.as_ref().map(|(at, _)| at.to_string()),
        "restarted_at": restarted,
        "boot_safe": not_boot_safe(standing).is_none(),
        "acts": acts_not(book, standing).is_none(),
        "acts_not_because": acts_not(book, standing),
        "notices": standing.notices.iter().filter(|n| stands(book, n)).map(ToString::to_string).collect::<Vec<_>>(),
        "known_good": standing.known_good.as_ref().map(|(_, id)| id.to_string()),
        "false_alarms": promises::document(&promises::of(book, target)),
        "open": open(book, target).iter().map(|c| json!({
            "change_set": c.change_set.id.to_string(),
            "state": c.state.word().replace(' ', "_"),
            "changes": told(&c.change_set),
            "author": c.change_set.author().name(),
            "why": why(c),
            "next": next(book, c),
        })).collect::<Vec<_>>(),
    })
}
