//! The whole story of a change set: what, who, the evidence, the risk, why it was or was not rolled
//! back, the steps with their seconds, and what a person can do now.

use std::path::Path;

use backstay_guard::case::Case;
use backstay_guard::report::{Done, Report};
use backstay_guard::words::values;
use backstay_journal::record::Answer;
use backstay_journal::{Opinion, Record, Request};
use backstay_lifecycle::State;
use backstay_lifecycle::state::{Awaits, Keeper, Ready};
use backstay_model::Timestamp;
use backstay_model::change::TakesEffect;
use backstay_model::decision::{Clearance, Mode};
use backstay_model::verdict::{Finding, Recovery, VerdictKind};
use serde_json::{Value, json};

use super::picture;
use crate::args::Common;
use crate::commands::record::Book;
use crate::failure::{Exit, Failure};
use crate::out::{Out, Tone};
use crate::page::{Cell, Page, cell, dim, plain};
use crate::view::{band, interval, verdict_line};
use crate::wire;

/// Metrics whose evidence is told.
const FINDINGS_MAX: usize = 8;
/// Nodes of the reach that are told.
const REACH_MAX: usize = 6;

pub(super) fn run(
    word: &str,
    svg: Option<&Path>,
    common: &Common,
    out: Out,
) -> Result<Exit, Failure> {
    let book = Book::open(common)?;
    let case = book.case(word)?;
    if let Some(path) = svg {
        picture::write(&book, case, path, out)?;
    }
    if out.json_wanted() {
        out.document(&document(&book, case))?;
    } else {
        show(out, &book, case);
    }
    Ok(Exit::Ok)
}

/// The story as JSON.
pub(crate) fn document(book: &Book, case: &Case) -> Value {
    let mut document = wire::report(&Report::on(case));
    if let Some(object) = document.as_object_mut() {
        object.insert("kind".into(), json!("change_set"));
        object.insert("target".into(), json!(case.change_set.target.as_str()));
        object.insert("state".into(), json!(case.state.word().replace(' ', "_")));
        object.insert("work".into(), json!(case.work.word()));
        object.insert("why".into(), json!(why(case)));
        object.insert("plan".into(), json!(plan(case).map(wire::plan)));
        object.insert("requests".into(), json!(requests(book, case)));
        object.insert("next".into(), json!(next(book, case)));
    }
    document
}

/// The plan that ran, runs or lies ready; else the one that was ruled on.
pub(crate) fn plan(case: &Case) -> Option<&backstay_model::plan::Plan> {
    case.state.plan().or(case.plan.as_ref())
}

/// What people asked for, and what became of it.
fn requests(book: &Book, case: &Case) -> Vec<Value> {
    let history = book.histories.get(case.change_set.id);
    let entries = history.iter().flat_map(|h| &h.entries);
    entries
        .filter_map(|e| match &e.record {
            Record::Operator {
                by,
                request,
                answer,
            } => {
                let (answer, why) = match answer {
                    Answer::Accepted => ("accepted", None),
                    Answer::Refused { why } => ("refused", Some(why)),
                };
                Some(json!({
                    "at": e.at.to_string(),
                    "by": by,
                    "request": request_word(request),
                    "answer": answer,
                    "why": why,
                }))
            }
            _ => None,
        })
        .collect()
}

/// A request in a word.
pub(crate) const fn request_word(request: &Request) -> &'static str {
    match request {
        Request::Approve { .. } => "approve",
        Request::Deny { .. } => "deny",
        Request::Keep { .. } => "keep",
        Request::Revert { .. } => "run",
        Request::Close { .. } => "close",
        Request::Pause => "pause",
        Request::Resume => "resume",
        Request::TakeSnapshot { .. } => "snapshot",
        Request::Judge(judgement) => match judgement.opinion {
            Opinion::Confirmed => "confirm",
            Opinion::Rejected => "reject",
        },
    }
}

/// Why it was rolled back, or why not, in one sentence.
pub(crate) fn why(case: &Case) -> String {
    match &case.state {
        State::Kept {
            by: Keeper::Verdict(verdict),
            ..
        } => format!("kept: {}", verdict_line(verdict)),
        State::Kept {
            by: Keeper::Operator { by },
            ..
        } => format!("kept by {by}"),
        State::Held { reason, .. } => format!("not rolled back: {reason}"),
        State::RolledBack { recovered, .. } => format!("rolled back{}: {}", by(case), {
            match recovered {
                Recovery::Yes if case.blamed() => "it hurt, and the symptom went away with it",
                Recovery::Yes => {
                    "the symptom went away, but this change was not shown to be its cause"
                }
                Recovery::No => "the symptom stayed, so this change was not the cause",
                Recovery::Unknown => "no data to tell whether the symptom went away",
            }
        }),
        State::RollbackFailed { why, .. } => format!("the rollback failed: {why}"),
        State::Refused { why, .. } => format!("refused: {why}"),
        State::Superseded { .. } => {
            let reason = Report::on(case).reason;
            format!("not rolled back: {}", reason.unwrap_or_default())
        }
        State::Dormant { .. } => "not in effect yet, so there is nothing to judge".into(),
        State::Watching { until, .. } => format!("being watched until {until}"),
        State::Judged { .. } => "it hurt; the decision is being made".into(),
        State::Reverting { .. } => format!("being rolled back{}", by(case)),
        State::Verifying { .. } => "put back; whether that helps is being checked".into(),
        State::Proposed { .. } | State::Simulated { .. } | State::Applying { .. } => {
            "proposed through Backstay".into()
        }
    }
}

fn by(case: &Case) -> String {
    match &case.operator {
        Some(who) => format!(" by {who}"),
        None => " automatically".to_owned(),
    }
}

/// What a person can type now: where the guard only observes, the statements themselves, because it
/// refuses to write them.
pub(crate) fn next(book: &Book, case: &Case) -> Vec<String> {
    let mut lines = typed(case);
    if book.mode(&case.change_set.target) != Some(Mode::Observe) {
        return lines;
    }
    let writes = ["backstay rollback approve", "backstay rollback run"];
    lines.retain(|line| !writes.iter().any(|w| line.starts_with(w)));
    match &case.state {
        State::Held {
            ready: Ready::Plan(plan),
            ..
        } if plan.manual.is_none() => [plan.commands.clone(), lines].concat(),
        _ => lines,
    }
}

/// What can be typed where the guard may write.
fn typed(case: &Case) -> Vec<String> {
    let id = case.change_set.id;
    match (&case.state, case.state.awaits()) {
        (
            State::Held {
                ready: Ready::Plan(plan),
                ..
            },
            _,
        ) if plan.manual.is_none() => vec![
            format!("backstay rollback approve {id}"),
            format!("backstay rollback deny {id}"),
        ],
        (
            State::Held {
                ready: Ready::Plan(plan),
                ..
            },
            _,
        ) => {
            let mut lines = plan.commands.clone();
            lines.push(format!("backstay rollback deny {id}"));
            lines
        }
        (State::Held { .. }, Awaits::Operator) => vec![
            format!("backstay rollback plan {id}"),
            format!("backstay rollback approve {id}"),
            format!("backstay rollback deny {id}"),
        ],
        (_, Awaits::Restart) => vec!["restart the server when it suits you".into()],
        (State::RollbackFailed { attempt, .. }, _) => attempt.plan.commands.clone(),
        (State::Watching { .. }, _) => vec![format!(
            "backstay rollback run {id} --confirm {}",
            case.change_set.target
        )],
        _ => Vec::new(),
    }
}

/// A colour for a state.
pub(crate) const fn tone(state: &State) -> Tone {
    match state {
        State::Kept { .. } | State::RolledBack { .. } => Tone::Good,
        State::RollbackFailed { .. } => Tone::Bad,
        State::Held { .. } | State::Judged { .. } | State::Reverting { .. } => Tone::Warn,
        _ => Tone::Plain,
    }
}

/// The story as a page.
pub(crate) fn show(out: Out, book: &Book, case: &Case) {
    let mut page = Page::new(out);
    heading(&mut page, out, case);
    evidence(&mut page, case);
    risk(&mut page, case);
    decision(&mut page, case);
    steps(&mut page, case);
    let asked = requests(book, case);
    if !asked.is_empty() {
        page.head("asked for");
        let text = |v: &Value, key: &str| v[key].as_str().unwrap_or_default().to_owned();
        let rows: Vec<Vec<Cell>> = asked
            .iter()
            .map(|v| {
                let why = text(v, "why");
                let answer = match why.is_empty() {
                    true => text(v, "answer"),
                    false => format!("{}: {why}", text(v, "answer")),
                };
                vec![
                    dim(short(&text(v, "at"))),
                    plain(text(v, "by")),
                    plain(text(v, "request")),
                    plain(answer),
                ]
            })
            .collect();
        page.rows(2, &rows);
    }
    let next = next(book, case);
    if !next.is_empty() {
        page.head("next");
        next.iter().for_each(|l| page.line(&format!("  {l}")));
    }
    page.say();
}

/// `2026-11-23 18:00:00`.
pub(crate) fn short(at: &str) -> String {
    at.get(..19).unwrap_or(at).replace('T', " ")
}

fn heading(page: &mut Page, out: Out, case: &Case) {
    let set = &case.change_set;
    page.line(&format!(
        "{}  {}  {}",
        out.paint(Tone::Bold, &set.id.to_string()),
        set.target,
        out.paint(tone(&case.state), case.state.word())
    ));
    let rows: Vec<Vec<Cell>> = set
        .changes
        .iter()
        .map(|c| {
            let (old, new) = values(c);
            let effect = effect(case, c.takes_effect, &old);
            vec![
                cell(Tone::Bold, format!("~ {}", c.key)),
                plain(format!("{old} -> {new}")),
                dim(format!("{effect}, from {}", c.new.source)),
            ]
        })
        .collect();
    page.rows(2, &rows);
    let mut rows = vec![vec![dim("author"), plain(set.author().name())]];
    if let Some(text) = set.description() {
        rows.push(vec![dim("because"), plain(text)]);
    }
    if let Some(first) = set.changes.first() {
        rows.push(vec![dim("when"), plain(when(&first.time))]);
    }
    rows.push(vec![dim("outcome"), plain(why(case))]);
    let report = Report::on(case);
    if let Some(cause) = report.root_cause {
        rows.push(vec![dim("root cause"), plain(cause)]);
    }
    page.gap();
    page.rows(2, &rows);
}

/// What a change did or does, in the tense of its state: who reads "rolled back" must not read that it
/// is in effect.
fn effect(case: &Case, takes_effect: TakesEffect, old: &str) -> String {
    let is = match takes_effect {
        TakesEffect::Now => "in effect",
        TakesEffect::NewSessions => "in effect for new sessions",
        // A change that waited and was judged has seen its restart.
        TakesEffect::AtRestart if case.verdict.is_some() => "in effect since a restart",
        TakesEffect::AtRestart => "at the next restart",
        TakesEffect::Masked => "masked by a stronger source",
    };
    match &case.state {
        State::RolledBack { .. } => {
            let felt = matches!(takes_effect, TakesEffect::Now | TakesEffect::NewSessions);
            let read_back_at = case.moments.read_back_at.filter(|_| felt);
            let was = read_back_at.map_or_else(String::new, |at| {
                let seconds = (at - case.change_set.effective_at()).as_secs_f64();
                format!("was {is} for {seconds:.1} s; ")
            });
            format!("{was}put back to {old}")
        }
        State::Superseded { .. } => format!("was {is}; written again since"),
        State::RollbackFailed { .. } => format!("was {is}; putting it back failed"),
        _ => is.to_owned(),
    }
}

fn when(time: &backstay_model::ChangeTime) -> String {
    let at = |t: Timestamp| short(&t.to_string());
    match time.exact {
        Some(exact) => format!("{} UTC, from the server", at(exact)),
        None => format!(
            "between {} and {} UTC",
            at(time.not_before),
            at(time.not_after)
        ),
    }
}

fn evidence(page: &mut Page, case: &Case) {
    let Some(verdict) = &case.verdict else { return };
    page.head(&format!("verdict: {}", verdict_line(verdict)));
    let alarmed = |f: &&Finding| f.alarm_at.is_some();
    let hurt = matches!(verdict.kind, VerdictKind::Hurt { .. });
    let shown: Vec<&Finding> = if hurt {
        verdict.findings.iter().filter(alarmed).collect()
    } else {
        verdict.findings.iter().collect()
    };
    let rows: Vec<Vec<Cell>> = shown
        .iter()
        .take(FINDINGS_MAX)
        .map(|f| {
            let p = f.p_value.map_or_else(String::new, |p| format!("p {p:.4}"));
            vec![plain(f.metric.as_str()), dim(p), plain(f.text.clone())]
        })
        .collect();
    page.rows(2, &rows);
    if !verdict.refusals.is_empty() {
        let words: Vec<&str> = verdict.refusals.iter().map(|r| r.words()).collect();
        page.rows(2, &[vec![dim("against"), plain(words.join("; "))]]);
    }
}

fn risk(page: &mut Page, case: &Case) {
    let Some(risk) = &case.risk else { return };
    page.head(&format!(
        "risk {:.0} ({}) {} = severity {:.2} × probability {:.2} × confidence {:.2}",
        risk.score,
        interval(risk),
        band(risk),
        risk.severity,
        risk.probability.get(),
        risk.confidence.get()
    ));
    let mut rows = vec![vec![
        plain(format!("{:.2}", risk.failure_rate.mean)),
        plain(format!(
            "failure rate of similar changes; acts above probability {:.2}",
            risk.act_above
        )),
    ]];
    rows.extend(risk.terms.iter().map(|t| {
        vec![
            plain(format!("{:+.1}", t.log_odds)),
            plain(format!("{}: {}", t.name, t.reason)),
        ]
    }));
    page.rows(2, &rows);
    for kind in ["service", "metric"] {
        let named: Vec<String> = risk
            .reach
            .iter()
            .filter(|r| r.node.kind() == kind)
            .take(REACH_MAX)
            .map(|r| format!("{} {}", r.node, r.confidence))
            .collect();
        if !named.is_empty() {
            let head = format!("{kind}s");
            page.rows(
                2,
                &[vec![dim(format!("{head:<8}")), plain(named.join(", "))]],
            );
        }
    }
}

fn decision(page: &mut Page, case: &Case) {
    let decided = match &case.clearance {
        None => None,
        Some(Clearance::Automatic) => Some("policy lets it run by itself".to_owned()),
        Some(Clearance::Approval { why }) => Some(format!("waits for approval: {why}")),
        Some(Clearance::Manual { why }) => Some(format!("waits for a person: {why}")),
    };
    if let Some(text) = decided {
        page.head(&format!("decision: {text}"));
    }
    let Some(plan) = plan(case) else { return };
    let done = Report::on(case).done;
    page.head(match done {
        Done::ByBackstay => "what was run",
        Done::WaitsForPerson => "what would be run",
        Done::Offered => "to have it back",
        Done::Nothing => "the plan, not run",
    });
    plan.commands
        .iter()
        .for_each(|c| page.line(&format!("  {c}")));
    let short: String = plan.hash.0.chars().take(12).collect();
    page.rows(2, &[vec![dim(format!("plan {short}"))]]);
    for what in &plan.does_not_undo {
        page.rows(2, &[vec![dim("stays so"), dim(what.clone())]]);
    }
    if let Some(trouble) = &case.trouble {
        page.rows(
            2,
            &[vec![cell(Tone::Bad, "trouble"), plain(trouble.clone())]],
        );
    }
}

fn steps(page: &mut Page, case: &Case) {
    let steps = Report::on(case).steps;
    if steps.is_empty() {
        return;
    }
    page.head("steps");
    let mut rows: Vec<Vec<Cell>> = steps
        .iter()
        .map(|s| {
            vec![
                dim(short(&s.at.to_string())),
                plain(format!("{:>7.2} s", s.seconds)),
                plain(s.what.clone()),
            ]
        })
        .collect();
    if let Some(t) = case.timing {
        rows.push(vec![
            plain(""),
            plain(""),
            dim(format!(
                "lock {:.0} ms, check {:.0} ms, write {:.0} ms, read-back {:.0} ms",
                t.lock_s * 1e3,
                t.check_s * 1e3,
                t.write_s * 1e3,
                t.read_back_s * 1e3
            )),
        ]);
    }
    page.rows(2, &rows);
}
