//! News as lines.

use backstay_guard::news::{News, Tidings, Waiting};
use backstay_guard::report::{Done, Report};
use backstay_guard::words::values;
use backstay_journal::{Condition, Presence};
use backstay_model::event::WriteReply;
use backstay_model::risk::{Reach, Risk};
use backstay_model::verdict::{Harm, Recovery, Verdict, VerdictKind};
use backstay_model::{Change, ChangeSet, Timestamp};

use super::fold::fold;
use super::notice::notice_lines;
use crate::out::{Out, Tone};
use crate::postgres::{Trouble, trouble};

/// News as lines for a person; empty when it is only of interest to screens.
pub(crate) fn lines(out: Out, news: &News) -> Vec<String> {
    let told = tidings(out, &news.what);
    let clock = out.paint(Tone::Dim, &clock(news.at));
    let indent = " ".repeat(8);
    let whole = told.into_iter().enumerate().map(|(i, line)| {
        let head = if i == 0 { &clock } else { &indent };
        format!("{head}  {line}")
    });
    match out.columns() {
        Some(columns) => whole.flat_map(|line| fold(&line, columns)).collect(),
        None => whole.collect(),
    }
}

/// The time of day, UTC.
pub(crate) fn clock(at: Timestamp) -> String {
    at.to_string().get(11..19).unwrap_or("--:--:--").to_owned()
}

fn tidings(out: Out, what: &Tidings) -> Vec<String> {
    about_target(out, what)
        .or_else(|| about_change(out, what))
        .unwrap_or_default()
}

/// A line that begins with a word in its column.
pub(super) fn headed(out: Out, tone: Tone, word: &str, text: impl AsRef<str>) -> String {
    let word = out.paint(tone, &format!("{word:<10}"));
    format!("{word} {}", text.as_ref())
}

/// A line that belongs to the one above it.
pub(super) fn below(text: impl AsRef<str>) -> String {
    format!("           {}", text.as_ref())
}

/// A target that answers; times as in every other line.
fn answering(condition: &Condition) -> String {
    match condition {
        Condition::Restarted {
            started_at,
            version,
        } => format!("restarted at {}, runs {version}", clock(*started_at)),
        other => other.to_string(),
    }
}

fn about_target(out: Out, what: &Tidings) -> Option<Vec<String>> {
    Some(match what {
        Tidings::Sampled(_) | Tidings::Ours(_) => Vec::new(),
        Tidings::Condition(condition) if condition.watchable() => {
            vec![headed(out, Tone::Good, "target", answering(condition))]
        }
        Tidings::Condition(condition) => trouble_lines(out, condition),
        Tidings::Waiting(waiting) => waiting_lines(out, *waiting),
        Tidings::Notice(notice, presence) => notice_lines(out, notice, *presence),
        Tidings::Baseline {
            settings,
            dependencies,
            services,
        } => {
            let names = services.join(", ");
            let names = if names.is_empty() {
                "none seen yet"
            } else {
                &names
            };
            let text = format!(
                "{settings} settings read, {dependencies} dependencies known; services: {names}"
            );
            vec![headed(out, Tone::Bold, "baseline", text)]
        }
        Tidings::NewServices(names) => {
            let text = format!("also at work now: {}", names.join(", "));
            vec![headed(out, Tone::Plain, "services", text)]
        }
        Tidings::Learning { have_s, want_s } => learning(out, *have_s, *want_s),
        Tidings::Paused(Presence::Begins) => {
            vec![out.paint(Tone::Warn, "paused: nothing is written from now on")]
        }
        Tidings::Paused(Presence::Ends) => {
            vec![out.paint(Tone::Good, "resumed: writing is possible again")]
        }
        Tidings::Stopped { why } => {
            let text = format!("nothing more is written to any database: {why}");
            vec![headed(out, Tone::Bad, "STOPPED", text)]
        }
        _ => return None,
    })
}

fn about_change(out: Out, what: &Tidings) -> Option<Vec<String>> {
    Some(match what {
        Tidings::Seen(set) => seen(out, set),
        Tidings::Watching { change_set, until } => {
            let text = format!("{change_set} until {}", clock(*until));
            vec![headed(out, Tone::Bold, "watching", text)]
        }
        Tidings::Judged {
            change_set,
            verdict,
        } => judged(out, &change_set.to_string(), verdict),
        Tidings::Ruled {
            change_set,
            risk,
            decision,
        } => {
            let text = format!("{change_set} {decision}");
            let head = headed(out, Tone::Bold, "decision", text);
            let lines = std::iter::once(head).chain(risk_lines(out, risk));
            lines.chain(reach_lines(risk)).collect()
        }
        Tidings::Writing {
            change_set,
            intent,
            commands,
        } => {
            let text = format!("{change_set}, snapshot and intent {intent} durable");
            let head = headed(out, Tone::Bold, "rolls back", text);
            std::iter::once(head)
                .chain(commands.iter().map(below))
                .collect()
        }
        Tidings::Replied { change_set, reply } => {
            let text = format!("{change_set} {}", reply_words(reply));
            vec![headed(out, Tone::Bold, "written", text)]
        }
        Tidings::Recovered {
            change_set,
            recovery,
        } => {
            let (tone, words) = recovery_words(*recovery);
            vec![headed(
                out,
                tone,
                "recovery",
                format!("{change_set} {words}"),
            )]
        }
        Tidings::Paged(page) => {
            let text = format!("{}: {}", page.change_set, page.message);
            let head = headed(out, Tone::Bad, "PAGE", text);
            std::iter::once(head)
                .chain(page.next.iter().map(below))
                .collect()
        }
        Tidings::Settled(report) => report_lines(out, report),
        _ => return None,
    })
}

/// A target that cannot be watched: why, what that means, and what to do.
fn trouble_lines(out: Out, condition: &Condition) -> Vec<String> {
    let mut lines = vec![headed(out, Tone::Bad, "target", condition.to_string())];
    if let Some(Trouble { code, hint }) = trouble(condition) {
        let (name, _) = code.entry();
        lines.push(below(format!(
            "nothing is learnt or judged until it answers; code: {name}"
        )));
        lines.push(below(format!("try: {hint}")));
    }
    lines
}

/// Attempts that failed, told ever more rarely: the first, second, fourth, eighth …
fn waiting_lines(out: Out, waiting: Waiting) -> Vec<String> {
    if !waiting.tries.is_power_of_two() {
        return Vec::new();
    }
    let tries = match waiting.tries {
        1 => "1 attempt".to_owned(),
        n => format!("{n} attempts"),
    };
    let text = format!(
        "{tries} without success; the next in {:.1} s",
        waiting.next_in.as_secs_f64()
    );
    vec![headed(out, Tone::Warn, "waiting", text)]
}

const fn recovery_words(recovery: Recovery) -> (Tone, &'static str) {
    match recovery {
        Recovery::Yes => (Tone::Good, "the symptom is gone"),
        Recovery::No => (
            Tone::Bad,
            "the symptom is still there: this change was not the cause",
        ),
        Recovery::Unknown => (Tone::Warn, "no data to tell whether the symptom is gone"),
    }
}

/// Progress every five seconds, and when it is complete.
fn learning(out: Out, have_s: f64, want_s: f64) -> Vec<String> {
    let complete = have_s >= want_s;
    if !complete && !(have_s as u64).is_multiple_of(5) {
        return Vec::new();
    }
    let share = (have_s / want_s.max(1.0)).clamp(0.0, 1.0);
    let filled = (share * 20.0).round() as usize;
    let bar = format!("{}{}", "█".repeat(filled), "░".repeat(20 - filled));
    let text = if complete {
        "enough for a verdict".to_owned()
    } else {
        format!("{have_s:.0} of {want_s:.0} s")
    };
    vec![format!(
        "{} {bar} {text}",
        out.paint(Tone::Bold, "learning  ")
    )]
}

fn seen(out: Out, set: &ChangeSet) -> Vec<String> {
    let mut lines = Vec::new();
    for (i, change) in set.changes.iter().enumerate() {
        let head = if i == 0 {
            out.paint(Tone::Warn, "change    ")
        } else {
            " ".repeat(10)
        };
        let id = if i == 0 {
            format!("{} ", set.id)
        } else {
            " ".repeat(set.id.to_string().len() + 1)
        };
        let (old, new) = values(change);
        let waits = waits(change);
        lines.push(format!("{head} {id}{}  {old} -> {new}{waits}", change.key));
    }
    let why = set
        .description()
        .map(|d| format!(": \"{d}\""))
        .unwrap_or_default();
    lines.push(format!("           by {}{why}", set.author()));
    lines
}

/// `, waits for a restart (postgresql.conf line 12)`, for a value that does.
fn waits(change: &Change) -> String {
    let Some(waiting) = &change.new.waiting else {
        return String::new();
    };
    match &waiting.line {
        Some(line) => format!(", waits for a restart ({line})"),
        None => ", waits for a restart (built in)".to_owned(),
    }
}

fn judged(out: Out, id: &str, verdict: &Verdict) -> Vec<String> {
    let tone = match verdict.kind {
        VerdictKind::Hurt { .. } => Tone::Bad,
        VerdictKind::Healthy { excludes } if excludes < UNPROVEN => Tone::Good,
        _ => Tone::Warn,
    };
    let mut lines = vec![format!(
        "{} {id} {}",
        out.paint(tone, "verdict   "),
        verdict_line(verdict)
    )];
    lines.extend(
        verdict
            .findings
            .iter()
            .filter(|f| f.alarm_at.is_some())
            .take(4)
            .map(|f| format!("           {}", f.text)),
    );
    if !verdict.refusals.is_empty() {
        let words: Vec<&str> = verdict.refusals.iter().map(|r| r.words()).collect();
        lines.push(format!("           but: {}", words.join("; ")));
    }
    lines
}

/// Harm that must be ruled out before anything is called healthy, as excess factor.
const UNPROVEN: f64 = 0.5;

/// A verdict in one line.
pub(crate) fn verdict_line(verdict: &Verdict) -> String {
    match &verdict.kind {
        VerdictKind::Hurt {
            by: Harm::ClassChange(trigger),
        } => format!("hurt: {}", trigger.words()),
        VerdictKind::Hurt {
            by: Harm::Statistical,
        } => match verdict.p_value {
            Some(p) => format!("hurt: chance of this without a change {p:.4}"),
            None => "hurt".to_owned(),
        },
        VerdictKind::Healthy { excludes } if *excludes >= UNPROVEN => format!(
            "no harm seen; only harm of {:.0} % or more can be ruled out",
            excludes * 100.0
        ),
        VerdictKind::Healthy { excludes } => format!(
            "healthy: harm of {:.0} % or more is ruled out",
            excludes * 100.0
        ),
        other => other.word().to_owned(),
    }
}

/// Points of score from which an interval is so wide that its reason is told.
const WIDE_FROM: f64 = 20.0;

/// The interval of a risk, and what makes it wide: `35–92: no similar change known`.
pub(crate) fn interval(risk: &Risk) -> String {
    let (low, high) = risk.interval;
    let range = format!("{low:.0}–{high:.0}");
    if high - low < WIDE_FROM {
        return range;
    }
    let known = match risk.failure_rate.samples {
        none if none < 0.5 => "no similar change".to_owned(),
        one if one < 1.5 => "only 1 similar change".to_owned(),
        some => format!("only {some:.0} similar changes"),
    };
    format!("{range}: {known} known")
}

/// The band of a risk, and why it is critical where the number alone does not make it so.
pub(crate) fn band(risk: &Risk) -> String {
    let word = risk.band().word();
    match risk.blocked_by {
        Some(_) if risk.score < Risk::CRITICAL_FROM => format!("{word}, because a rule blocks it"),
        _ => word.to_owned(),
    }
}

/// Risk with its three factors, then what moved the probability, then what is reached.
pub(crate) fn risk_lines(out: Out, risk: &Risk) -> Vec<String> {
    let mut lines = vec![format!(
        "           risk {:.0} ({}) {} = severity {:.2} × probability {:.2} × confidence {:.2}",
        risk.score,
        interval(risk),
        out.paint(Tone::Bold, &band(risk)),
        risk.severity,
        risk.probability.get(),
        risk.confidence.get()
    )];
    lines.push(format!(
        "           failure rate of similar changes {:.2} ({:.2}–{:.2}); acts above probability {:.2}",
        risk.failure_rate.mean, risk.failure_rate.low, risk.failure_rate.high, risk.act_above
    ));
    lines.extend(
        risk.terms
            .iter()
            .map(|t| format!("           {:+.1} {} – {}", t.log_odds, t.name, t.reason)),
    );
    lines
}

/// Nodes of one kind that a line names at most.
const NODES_MAX: usize = 4;

/// What the graph says the change reaches: metrics, and through them services.
pub(crate) fn reach_lines(risk: &Risk) -> Vec<String> {
    let named = |kind: &str, title: &str| {
        let all: Vec<&Reach> = risk
            .reach
            .iter()
            .filter(|r| r.node.kind() == kind)
            .collect();
        let first = all.iter().take(NODES_MAX);
        let shown: Vec<String> = first
            .map(|r| format!("{} {}", r.node, r.confidence))
            .collect();
        let more = match all.len().saturating_sub(NODES_MAX) {
            0 => String::new(),
            more => format!(", {more} more"),
        };
        (!all.is_empty()).then(|| format!("           {title} {}{more}", shown.join(", ")))
    };
    let lines = [named("metric", "reaches"), named("service", "so also")];
    lines.into_iter().flatten().collect()
}

fn reply_words(reply: &WriteReply) -> String {
    match reply {
        WriteReply::Effective { timing } => format!(
            "and read back in a new session: lock {:.0} ms, check {:.0} ms, write {:.0} ms, read-back {:.0} ms",
            timing.lock_s * 1e3,
            timing.check_s * 1e3,
            timing.write_s * 1e3,
            timing.read_back_s * 1e3
        ),
        WriteReply::NotEffective { .. } => {
            "but a new session does not see the old value".to_owned()
        }
        WriteReply::RestartPending => "takes effect at the next restart".to_owned(),
        WriteReply::Conflict { .. } => {
            "not written: somebody else wrote meanwhile, and is not overwritten".to_owned()
        }
        WriteReply::Refused { why } => format!("not written: {why}"),
        WriteReply::Unknown { why } => format!("reply lost ({why}); the server is asked"),
    }
}

/// The report on a change set that came to rest.
pub(crate) fn report_lines(out: Out, report: &Report) -> Vec<String> {
    let tone = match report.outcome.as_str() {
        "kept" | "rolled back" => Tone::Good,
        "held" | "superseded" => Tone::Warn,
        _ => Tone::Bad,
    };
    let reason = report
        .reason
        .as_ref()
        .map(|r| format!(": {r}"))
        .unwrap_or_default();
    let word = out.paint(tone, &format!("{:<10}", report.outcome.to_uppercase()));
    let mut lines = vec![format!("{word} {}{reason}", report.change_set.id)];
    if report.outcome == "kept" && report.root_cause.is_none() {
        return lines;
    }
    let columns = out.columns().map_or(TEXT_COLUMNS, |all| {
        all.saturating_sub(TEXT_AT).clamp(TEXT_MIN, TEXT_COLUMNS)
    });
    let mut row = |name: &str, text: &str| lines.extend(rows(name, text, columns));
    if let Some(cause) = &report.root_cause {
        row("root cause", cause);
    }
    if !report.services.is_empty() {
        let names: Vec<&str> = report.services.iter().map(|s| s.as_str()).collect();
        row("impacted services", &names.join(", "));
    }
    let head = match report.done {
        Done::ByBackstay => "remediation",
        Done::Offered => "to have it back",
        _ => "to be run by you",
    };
    for (i, command) in report.commands.iter().enumerate() {
        row(if i == 0 { head } else { "" }, command);
    }
    for (i, step) in report.steps.iter().enumerate() {
        let text = format!("{:>6.2} s  {}", step.seconds, step.what);
        row(if i == 0 { "steps" } else { "" }, &text);
    }
    for (i, what) in report.does_not_undo.iter().enumerate() {
        row(if i == 0 { "not put back" } else { "" }, what);
    }
    lines
}

/// Columns of text beside the names of a report's rows, at most and at least.
const TEXT_COLUMNS: usize = 68;
const TEXT_MIN: usize = 30;
/// Columns in front of that text.
const TEXT_AT: usize = 41;

/// A named row of a report; text that is too long goes on below itself.
fn rows(name: &str, text: &str, columns: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + word.chars().count() >= columns {
            rows.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    rows.push(line);
    let named = |(i, text): (usize, String)| {
        let name = if i == 0 { name } else { "" };
        format!("           {name:<18} {text}")
    };
    rows.into_iter().enumerate().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstay_model::verdict::Calibration;

    #[test]
    fn a_restart_is_told_by_the_clock() {
        let restarted = Condition::Restarted {
            started_at: Timestamp::from_secs(1_000_000),
            version: "15.20".into(),
        };
        assert_eq!(answering(&restarted), "restarted at 13:46:40, runs 15.20");
    }

    #[test]
    fn only_what_rules_out_less_than_half_as_bad_again_is_called_healthy() {
        let told = |excludes| {
            verdict_line(&Verdict {
                kind: VerdictKind::Healthy { excludes },
                at: Timestamp(0),
                p_value: None,
                score: 0.0,
                alarm_at: None,
                findings: Vec::new(),
                refusals: Vec::new(),
                calibration: Calibration::None,
            })
        };
        assert_eq!(told(0.3), "healthy: harm of 30 % or more is ruled out");
        assert_eq!(
            told(1.0),
            "no harm seen; only harm of 100 % or more can be ruled out"
        );
    }
}
