//! What was found, for a person: one screen, worst first.

use std::collections::BTreeSet;

use backstay_catalog::Violation;
use backstay_model::Severity;

use super::{Broken, Found, Many, Open, WORST_FIRST, When};
use crate::commands::rules::{consequence, named, values};
use crate::commands::tree::Placed;
use crate::out::{Out, Tone};
use crate::page::{Page, cell, count, dim, plain};

/// Facts that are not known and that are named at most.
const UNKNOWN_SHOWN_MAX: usize = 4;
/// Roles and databases with the same values that are named at most.
const SCOPES_SHOWN_MAX: usize = 3;
/// Longest value that is shown, in characters.
pub(super) const SHOWN_MAX: usize = 160;

const fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Reject | Severity::Silent => Tone::Bad,
        Severity::Warn | Severity::Clamp => Tone::Warn,
        Severity::Advice => Tone::Plain,
    }
}

pub(super) fn show(out: Out, found: &Found<'_>) {
    let mut page = Page::new(out);
    let files = if found.files.is_empty() {
        String::new()
    } else {
        format!("{}, for ", found.files.join(" + "))
    };
    page.line(&format!("{files}{}", found.ground.title()));
    page.line(&out.paint(verdict_tone(found), &summary(found)));
    refused(&mut page, out, found);
    for severity in WORST_FIRST {
        let group = found.of(severity);
        if group.is_empty() {
            continue;
        }
        page.gap();
        let head = out.paint(tone(severity), severity.word());
        let what = out.paint(Tone::Dim, consequence(severity));
        page.line(&format!("{head}  {what}"));
        for b in group {
            rule(&mut page, found, b);
        }
    }
    near(&mut page, out, found);
    undecided(&mut page, out, found);
    unknown(&mut page, found);
    page.say();
}

fn verdict_tone(found: &Found<'_>) -> Tone {
    let worst = found.broken.iter().map(|b| b.violation.severity).max();
    match worst {
        _ if !found.refused.is_empty() => Tone::Bad,
        Some(severity) if severity > Severity::Advice => tone(severity),
        _ => Tone::Good,
    }
}

/// What was found, in one line.
pub(super) fn summary(found: &Found<'_>) -> String {
    let (judged, near, broken) = (found.judged(), found.report.near.len(), found.count());
    if broken == 0 {
        return format!("all {judged} rules that can be judged hold, {near} of them barely");
    }
    let verb = if broken == 1 { "does" } else { "do" };
    let tally = found.tally();
    let head = count(broken, "rule");
    format!("{head} {verb} not hold ({tally}), {near} barely; {judged} were judged")
}

fn refused(page: &mut Page, out: Out, found: &Found<'_>) {
    if found.refused.is_empty() {
        return;
    }
    page.gap();
    let head = out.paint(Tone::Bad, "refused");
    let what = out.paint(
        Tone::Dim,
        "lines that the server does not take, and with them the file",
    );
    page.line(&format!("{head}  {what}"));
    let many = found.many_files() == Many::Yes;
    for r in &found.refused {
        let place = if many || found.files.len() != 1 {
            format!("{}:{}", r.file, r.line)
        } else {
            format!("line {}", r.line)
        };
        page.rows(
            2,
            &[vec![cell(Tone::Bold, place), plain(shortened(&r.why))]],
        );
        page.rows(4, &[vec![dim("do  "), plain(r.remedy.clone())]]);
    }
}

/// When and for whom a rule does not hold, as a person reads it behind the note: nothing for everybody now.
pub(super) fn place(when: &When) -> String {
    match when {
        When::Now => String::new(),
        When::NextStart => " (after the next start of the server)".to_owned(),
        When::Sessions(whose) => {
            let shown = whose.iter().take(SCOPES_SHOWN_MAX).map(ToString::to_string);
            let shown = shown.collect::<Vec<_>>().join(", ");
            match whose.len().saturating_sub(SCOPES_SHOWN_MAX) {
                0 => format!(" (for {shown})"),
                more => format!(" (for {shown} and {more} more)"),
            }
        }
    }
}

fn rule(page: &mut Page, found: &Found<'_>, b: &Broken) {
    let v = &b.violation;
    let many = found.many_files() == Many::Yes;
    let place = match found.spot(v) {
        Some(s) if many => format!(" ({}:{})", s.file, s.line),
        Some(s) => format!(" (line {})", s.line),
        None => place(&b.when),
    };
    let note = plain(format!("{}{place}", v.constraint.note));
    let subject = cell(Tone::Bold, v.constraint.subject.as_str());
    page.rows(2, &[vec![subject, note]]);
    let rule = v.constraint.rule.clone().unwrap_or_default();
    let sure = format!("{}, confidence {}", v.constraint.id, v.confidence);
    page.rows(
        4,
        &[
            vec![dim("now "), plain(shortened(&values(v)))],
            vec![dim("do  "), cell(Tone::Good, b.advice())],
            vec![dim("rule"), dim(format!("{rule}  [{sure}]"))],
        ],
    );
}

fn near(page: &mut Page, out: Out, found: &Found<'_>) {
    if found.report.near.is_empty() {
        return;
    }
    page.gap();
    let head = out.paint(Tone::Bold, "near");
    let what = out.paint(Tone::Dim, "these hold, with less than a fifth to spare");
    page.line(&format!("{head}  {what}"));
    let rows: Vec<_> = found
        .report
        .near
        .iter()
        .map(|v| {
            vec![
                plain(v.constraint.subject.as_str()),
                dim(left(v)),
                plain(format!("{} ({})", v.constraint.note, shortened(&values(v)))),
            ]
        })
        .collect();
    page.rows(2, &rows);
}

/// How much is left before the rule is broken.
pub(super) fn left(v: &Violation<'_>) -> String {
    v.slack
        .map(|s| format!("{:.0} % left", s.margin * 100.0))
        .unwrap_or_default()
}

/// A long text of a value, cut: it belongs to the JSON.
pub(super) fn shortened(text: &str) -> String {
    if text.chars().count() <= SHOWN_MAX {
        return text.to_owned();
    }
    let head: String = text.chars().take(SHOWN_MAX).collect();
    format!("{head}…")
}

/// What cannot be judged and what is missing for it; nothing when everything can.
pub(super) fn unjudged(found: &Found<'_>) -> Option<String> {
    let unknown = &found.report.unknown;
    if unknown.is_empty() {
        return None;
    }
    let missing: BTreeSet<String> = unknown.iter().flat_map(|u| &u.missing).map(named).collect();
    let options: Vec<&str> = missing.iter().filter_map(|n| option(n)).collect();
    let shown: Vec<&str> = missing
        .iter()
        .map(String::as_str)
        .take(UNKNOWN_SHOWN_MAX)
        .collect();
    let more = missing.len() - shown.len();
    let mut text = format!(
        "{} cannot be judged, because these are not known: {}",
        count(unknown.len(), "rule"),
        shown.join(", ")
    );
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    if !options.is_empty() {
        text.push_str(&format!("; give {}", options.join(", ")));
    }
    Some(text)
}

/// The option that tells a fact.
fn option(fact: &str) -> Option<&'static str> {
    Some(match fact {
        "host.memory" => "--memory",
        "host.cpus" => "--cpus",
        "host.storage" => "--storage",
        "host.disk_free" => "--disk-free",
        "host.open_files" => "--open-files",
        "host.stack" => "--stack-limit",
        "host.huge_pages" => "--huge-pages",
        _ => return None,
    })
}

/// What texts depend on that only the server can judge, with their places, in the order of the files.
pub(super) fn open<'a>(found: &'a Found<'_>) -> Vec<(String, &'a str)> {
    let many = found.many_files();
    let told = |o: &Open| {
        let Placed { file, line } = &o.placed;
        match many {
            Many::Yes => format!("{} ({file}:{})", line.name, line.line),
            Many::No => format!("{} (line {})", line.name, line.line),
        }
    };
    let mut groups: Vec<(String, &str)> = Vec::new();
    for o in &found.open {
        match groups.iter_mut().find(|(_, why)| *why == o.why) {
            Some((names, _)) => names.push_str(&format!(", {}", told(o))),
            None => groups.push((told(o), &o.why)),
        }
    }
    groups
}

fn undecided(page: &mut Page, out: Out, found: &Found<'_>) {
    let groups = open(found);
    if groups.is_empty() {
        return;
    }
    page.gap();
    let head = out.paint(Tone::Bold, "undecided");
    let what = out.paint(Tone::Dim, "texts that only the server can judge");
    page.line(&format!("{head}  {what}"));
    let rows: Vec<_> = groups
        .into_iter()
        .map(|(names, why)| vec![plain(names), plain(why)])
        .collect();
    page.rows(2, &rows);
}

fn unknown(page: &mut Page, found: &Found<'_>) {
    if let Some(text) = unjudged(found) {
        page.gap();
        page.paragraph(0, &text);
    }
}
