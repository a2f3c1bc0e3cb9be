//! A story told in lines of plain text: text in, text out, for snapshots and the documentation.

use std::fmt::Write as _;

use backstay_guard::news::{News, Tidings};
use backstay_guard::report::{Done, Report};
use backstay_journal::Presence;
use backstay_model::event::WriteReply;
use backstay_model::plan::Found;
use backstay_model::verdict::{Recovery, Verdict};
use backstay_model::{ChangeSet, Timestamp};

use super::{Story, run};
use crate::scenario::Scenario;

/// Plays the scenario in `text` and tells it, with every expectation at the end; or says why it cannot
/// be read or played.
#[must_use]
pub fn check(text: &str) -> String {
    let scenario = match Scenario::parse(text) {
        Ok(scenario) => scenario,
        Err(error) => {
            let lines: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
            return lines.join("\n");
        }
    };
    match run(&scenario) {
        Ok(story) => tell(&story),
        Err(error) => error.to_string(),
    }
}

fn tell(story: &Story) -> String {
    let told = story.news.iter().filter_map(|n| line(n, story.began_at));
    let mut lines: Vec<String> = told.collect();
    for (expectation, met) in &story.checks {
        lines.push(match met {
            Ok(()) => format!("as expected: {expectation}"),
            Err(found) => format!("NOT AS EXPECTED: {expectation}; {found}"),
        });
    }
    lines.join("\n")
}

/// One piece of news as a line; `None` for what is only for screens.
pub(crate) fn line(news: &News, began_at: Timestamp) -> Option<String> {
    let text = match &news.what {
        Tidings::Condition(condition) => format!("condition: {}", condition.word()),
        Tidings::Notice(notice, Presence::Begins) => format!("notice: {notice}"),
        Tidings::Notice(notice, Presence::Ends) => format!("no longer: {notice}"),
        Tidings::NewServices(names) => format!("services {}", names.join(", ")),
        Tidings::Baseline { services, .. } => format!("baseline; {}", services.join(", ")),
        Tidings::Learning { .. } | Tidings::Sampled(_) | Tidings::Waiting(_) => return None,
        Tidings::Seen(set) => format!("seen {}", changes(set)),
        Tidings::Ours(set) => format!("ours {}", changes(set)),
        Tidings::Watching { change_set, until } => {
            let left = (*until - began_at).as_secs_f64();
            format!("{change_set} is watched until {left:.0}s")
        }
        Tidings::Judged {
            change_set,
            verdict,
        } => format!("{change_set} {}", judged(verdict)),
        Tidings::Ruled {
            change_set,
            decision,
            ..
        } => format!("{change_set} decision: {decision}"),
        Tidings::Writing { commands, .. } => format!("writes {}", commands.join(" ")),
        Tidings::Replied { change_set, reply } => format!("{change_set} reply: {}", replied(reply)),
        Tidings::Recovered {
            change_set,
            recovery,
        } => format!("{change_set} recovered: {}", recovered(*recovery)),
        Tidings::Paged(page) => format!("page: {}", page.message),
        Tidings::Settled(report) => settled(report),
        Tidings::Paused(Presence::Begins) => "paused".to_owned(),
        Tidings::Paused(Presence::Ends) => "resumed".to_owned(),
        Tidings::Stopped { why } => format!("stopped: {why}"),
    };
    let second = (news.at - began_at).as_secs_f64();
    Some(format!("{second:>4.0}s {text}"))
}

fn changes(set: &ChangeSet) -> String {
    let mut text = format!("{}:", set.id);
    for change in &set.changes {
        let written = write!(
            text,
            " {} {} -> {},",
            change.key,
            change.old_text(),
            change.new_text()
        );
        written.expect("a String takes every text");
    }
    let why = set
        .description()
        .map_or_else(String::new, |d| format!(" ({d})"));
    format!("{} by {}{why}", text.trim_end_matches(','), set.author())
}

/// The verdict without numbers, which move with every change of the noise.
fn judged(verdict: &Verdict) -> String {
    use backstay_model::verdict::{Harm, VerdictKind};
    let how = match &verdict.kind {
        VerdictKind::Hurt {
            by: Harm::ClassChange(trigger),
        } => format!(": {}", trigger.words()),
        VerdictKind::Hurt {
            by: Harm::Statistical,
        } => ": beyond its band".to_owned(),
        _ => String::new(),
    };
    let refusals: Vec<&str> = verdict.refusals.iter().map(|r| r.words()).collect();
    let but = if refusals.is_empty() {
        String::new()
    } else {
        format!(" ({})", refusals.join("; "))
    };
    format!("{}{how}{but}", verdict.kind.word())
}

fn replied(reply: &WriteReply) -> String {
    match reply {
        WriteReply::Effective { .. } => "effective".to_owned(),
        WriteReply::NotEffective { found } => format!("not effective, {}", stands(found)),
        WriteReply::RestartPending => "waits for a restart".to_owned(),
        WriteReply::Conflict { found } => format!("conflict, {}", stands(found)),
        WriteReply::Refused { why } => format!("refused, {why}"),
        WriteReply::Unknown { why } => format!("unknown, {why}"),
    }
}

fn stands(found: &Found) -> String {
    match found {
        Found::NotApplied => "nothing was written".to_owned(),
        Found::Written => "written and not running".to_owned(),
        Found::Mixed => "half of it is written".to_owned(),
        Found::Effective => "the old value runs".to_owned(),
        Found::Masked { by } => format!("masked by {by}"),
        Found::Foreign { key, found } => {
            let value = found
                .effective
                .as_ref()
                .map_or_else(|| "nothing".to_owned(), ToString::to_string);
            format!("{key} is {value}, somebody else's")
        }
        Found::Unknown { why } => format!("unknown, {why}"),
    }
}

const fn recovered(recovery: Recovery) -> &'static str {
    match recovery {
        Recovery::Yes => "yes",
        Recovery::No => "no",
        Recovery::Unknown => "unknown",
    }
}

fn settled(report: &Report) -> String {
    let id = report.change_set.id;
    let why = report
        .reason
        .as_ref()
        .map_or_else(String::new, |why| format!(": {why}"));
    let run = match report.done {
        Done::WaitsForPerson => format!("; a person runs {}", report.commands.join(" ")),
        Done::Offered => format!("; to have it back: {}", report.commands.join(" ")),
        Done::Nothing | Done::ByBackstay => String::new(),
    };
    format!("{id} {}{why}{run}", report.outcome)
}
