//! The report as a person reads it, on one screen: change, risk, rules, reach, metrics, history, boot
//! check, undo, next command.

mod markdown;

use std::collections::BTreeSet;

use backstay_catalog::Violation;
use backstay_model::change::TakesEffect;
use backstay_model::risk::{Band, Reach};
use backstay_model::{NodeKey, Severity, ValueSource};
use backstay_risk::history::Outcome;
use backstay_simulate::report::Line;
use backstay_simulate::{Report, Ruling, WouldStart};

use super::boot::{self, BLIND};
use super::{Boot, Gate, Simulation};
use crate::commands::rules::{named, remedy, values};
use crate::out::{Out, Tone};
use crate::page::{Cell, Page, cell, count, dim, plain};
use crate::view::{band, interval};

pub(super) use markdown::markdown;

/// Rules that are told in full; the rest is counted.
const RULES_MAX: usize = 6;
/// Nodes of one kind that are told.
const REACH_MAX: usize = 5;
/// Mechanisms that are told.
const MECHANISMS_MAX: usize = 4;

pub(super) fn table(out: Out, s: &Simulation<'_>) {
    let mut page = Page::new(out);
    page.line(&out.paint(Tone::Dim, &s.ground.title()));
    page.gap();
    diff(&mut page, s);
    risk(&mut page, out, s);
    rules(&mut page, s);
    reach(&mut page, s);
    metrics(&mut page, s);
    similar(&mut page, s);
    start(&mut page, s);
    undo(&mut page, s);
    next(&mut page, out, s);
    page.say();
}

/// When a value would begin to work, and what masks it.
pub(crate) fn effect(s: &Simulation<'_>, line: &Line) -> String {
    let standing = s.ground.live.as_ref();
    let standing = standing.and_then(|l| l.snapshot.settings.get(&line.key));
    match standing.map(|s| &s.source) {
        Some(ValueSource::CommandLine) => {
            return "no effect: the server's command line is stronger".into();
        }
        Some(source @ (ValueSource::Override | ValueSource::Session)) => {
            return format!("no effect: {source}");
        }
        _ => {}
    }
    match line.takes_effect {
        TakesEffect::Now => "reload",
        TakesEffect::NewSessions => "reload, for new sessions",
        TakesEffect::AtRestart => "restart",
        TakesEffect::Masked => "no effect",
    }
    .into()
}

pub(crate) fn change(line: &Line) -> String {
    let value = |v: &Option<String>| match v.as_deref() {
        None => "not set".to_owned(),
        Some("") => "''".to_owned(),
        Some(text) => text.to_owned(),
    };
    format!("{} -> {}", value(&line.old), value(&line.new))
}

fn diff(page: &mut Page, s: &Simulation<'_>) {
    if s.wanted.is_empty() {
        page.line("nothing would change");
    }
    let rows: Vec<Vec<Cell>> = s
        .report
        .lines
        .iter()
        .map(|line| {
            vec![
                cell(Tone::Bold, format!("~ {}", line.key)),
                plain(change(line)),
                plain(effect(s, line)),
            ]
        })
        .collect();
    page.rows(0, &rows);
    for name in &s.unchanged {
        page.rows(0, &[vec![dim(format!("= {name}")), dim("is so already")]]);
    }
}

fn risk(page: &mut Page, out: Out, s: &Simulation<'_>) {
    let risk = &s.report.risk;
    let tone = match risk.band() {
        Band::Low => Tone::Good,
        Band::Medium | Band::High => Tone::Warn,
        Band::Critical => Tone::Bad,
    };
    page.gap();
    let head = format!("risk {:.0} ({}) {}", risk.score, interval(risk), band(risk));
    let factors = format!(
        " = severity {:.2} × probability {:.2} × confidence {:.2}",
        risk.severity,
        risk.probability.get(),
        risk.confidence.get()
    );
    page.line(&format!("{}{factors}", out.paint(tone, &head)));
    let rate = risk.failure_rate;
    let mut rows = vec![vec![
        plain(format!("{:.2}", rate.mean)),
        plain(format!(
            "failure rate of similar changes ({:.2}–{:.2}; {})",
            rate.low,
            rate.high,
            cases(rate.samples)
        )),
    ]];
    rows.extend(risk.terms.iter().map(|t| {
        vec![
            plain(format!("{:+.1}", t.log_odds)),
            plain(format!("{}: {}", t.name, t.reason)),
        ]
    }));
    if s.ground.services().is_empty() {
        rows.push(vec![
            plain(""),
            dim("no services are known here: the reach counts half"),
        ]);
    }
    page.rows(2, &rows);
}

fn cases(samples: f64) -> String {
    if samples < 0.05 {
        "no case yet, the prior alone".into()
    } else {
        format!("{samples:.1} cases")
    }
}

fn rules(page: &mut Page, s: &Simulation<'_>) {
    let report = &s.report;
    let own: Vec<&Violation<'_>> = s.broken().collect();
    let before = report.violations.len() - own.len();
    page.head("rules");
    if own.is_empty() {
        page.line("  none is broken by it");
    }
    for v in own.iter().take(RULES_MAX) {
        let tone = match v.severity {
            Severity::Reject | Severity::Silent => Tone::Bad,
            Severity::Warn | Severity::Clamp => Tone::Warn,
            Severity::Advice => Tone::Plain,
        };
        let told = format!("{}: {}", v.constraint.subject, v.constraint.note);
        let word = cell(tone, format!("{:<6}", v.severity.word()));
        page.rows(2, &[vec![word, plain(told)]]);
        let rule = v.constraint.rule.clone().unwrap_or_default();
        page.rows(10, &[vec![dim(format!("{rule} ({})", v.confidence))]]);
        page.rows(10, &[vec![plain(values(v))]]);
        if let Some(text) = remedy(v) {
            page.rows(10, &[vec![plain(text)]]);
        }
    }
    let mut more = Vec::new();
    if own.len() > RULES_MAX {
        more.push(format!("{} more broken", own.len() - RULES_MAX));
    }
    if before > 0 {
        more.push(format!("{before} did not hold before either"));
    }
    if !report.near.is_empty() {
        let subjects: BTreeSet<&str> = report
            .near
            .iter()
            .map(|v| v.constraint.subject.as_str())
            .collect();
        let names: Vec<&str> = subjects.into_iter().collect();
        more.push(format!("barely held: {}", names.join(", ")));
    }
    if !report.unknown.is_empty() {
        more.push(format!(
            "{} cannot be judged without {}",
            count(report.unknown.len(), "rule"),
            missing(report)
        ));
    }
    if !more.is_empty() {
        page.rows(2, &[vec![dim(more.join("; "))]]);
    }
}

/// Texts that nobody has judged, and who could: `only the server can judge lc_time (whether …)`.
pub(super) fn open(s: &Simulation<'_>) -> Option<String> {
    let texts: Vec<String> = s.open().map(|u| format!("{} ({})", u.key, u.why)).collect();
    if texts.is_empty() {
        return None;
    }
    let tried = s.open().any(|u| !boot::replaced(&u.key.name));
    let who = if tried {
        "--boot-check asks one"
    } else {
        "--boot-check leaves it out"
    };
    Some(format!(
        "only the server can judge {}; {who}",
        texts.join(", ")
    ))
}

/// What is not known and would decide a rule.
pub(super) fn missing(report: &Report<'_>) -> String {
    let names: BTreeSet<String> = report
        .unknown
        .iter()
        .flat_map(|(_, nodes)| nodes)
        .map(named)
        .collect();
    let options: Vec<String> = names
        .iter()
        .map(|n| match n.strip_prefix("host.") {
            Some(fact @ ("memory" | "cpus" | "storage")) => format!("--{fact}"),
            _ => n.clone(),
        })
        .collect();
    options.join(", ")
}

/// What it reaches beside metrics: services with their way, the rest by name.
fn reach(page: &mut Page, s: &Simulation<'_>) {
    let reach = &s.report.risk.reach;
    let of =
        |kind: &str| -> Vec<&Reach> { reach.iter().filter(|r| r.node.kind() == kind).collect() };
    let services = of("service");
    let mut rows: Vec<Vec<Cell>> = services
        .iter()
        .take(REACH_MAX)
        .map(|r| {
            let text = format!("{} {}, by {}", r.node, r.confidence, path(r));
            vec![dim("service"), plain(text)]
        })
        .collect();
    for (kind, head) in [("setting", "settings"), ("resource", "resources")] {
        let all = of(kind);
        if !all.is_empty() {
            rows.push(vec![dim(head), plain(names(&all))]);
        }
    }
    page.head("reaches");
    if rows.is_empty() {
        page.line("  nothing that is known");
    }
    page.rows(2, &rows);
}

/// The strongest by name, and how many more there are.
fn names(all: &[&Reach]) -> String {
    let first = all.iter().take(REACH_MAX);
    let mut names: Vec<String> = first
        .map(|r| format!("{} {}", r.node, r.confidence))
        .collect();
    if all.len() > REACH_MAX {
        names.push(format!("{} more", all.len() - REACH_MAX));
    }
    names.join(", ")
}

fn path(reach: &Reach) -> String {
    let nodes: Vec<&str> = reach.path.iter().map(NodeKey::name).collect();
    nodes.join(" > ")
}

/// Metrics by the mechanism that would move them, the surest first.
fn metrics(page: &mut Page, s: &Simulation<'_>) {
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for e in &s.report.prediction {
        let told = format!("{} {}", e.metric, e.confidence);
        match groups.iter_mut().find(|(m, _)| *m == e.mechanism) {
            Some((_, metrics)) => metrics.push(told),
            None => groups.push((&e.mechanism, vec![told])),
        }
    }
    if groups.is_empty() {
        return;
    }
    page.head("metrics that would move (how far: no measured case, so no number)");
    for (mechanism, mut metrics) in groups.into_iter().take(MECHANISMS_MAX) {
        let more = metrics.len().saturating_sub(REACH_MAX);
        metrics.truncate(REACH_MAX);
        if more > 0 {
            metrics.push(format!("{more} more"));
        }
        page.rows(2, &[vec![plain(format!("{mechanism}:"))]]);
        page.rows(4, &[vec![dim(metrics.join(", "))]]);
    }
}

/// How a past change ended, in words.
pub(crate) const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Harm => "hurt, rolled back and recovered",
        Outcome::Fine => "kept by a person",
        Outcome::QuietlyFine => "kept after its watch",
        Outcome::FalseRollback => "rolled back without need",
    }
}

fn similar(page: &mut Page, s: &Simulation<'_>) {
    page.head("similar changes");
    if s.report.similar.is_empty() {
        page.line("  none is recorded here");
    }
    let rows: Vec<Vec<Cell>> = s
        .report
        .similar
        .iter()
        .map(|p| {
            vec![
                dim(p.at.to_string().get(..10).unwrap_or_default()),
                plain(p.setting.as_str()),
                plain(outcome(p.outcome)),
            ]
        })
        .collect();
    page.rows(2, &rows);
}

/// Whether the server would start, and who says so.
pub(super) fn start_text(s: &Simulation<'_>) -> (Tone, String) {
    match (&s.boot, s.report.would_start) {
        (Boot::Passed { version }, _) => (
            Tone::Good,
            format!(
                "passed: a PostgreSQL {version} started with it, checked on this machine; {BLIND}"
            ),
        ),
        (Boot::Failed { said }, _) => (
            Tone::Bad,
            format!("failed, checked on this machine: {said}"),
        ),
        (Boot::NotRun { why } | Boot::NoRoom { why }, _) => (Tone::Warn, format!("not run: {why}")),
        (Boot::NotAsked, WouldStart::Yes) => (
            Tone::Plain,
            "no rule speaks against a start; --boot-check starts a scratch server to see".into(),
        ),
        (Boot::NotAsked, WouldStart::No) => (
            Tone::Bad,
            "a rule says that the server would not start".into(),
        ),
        (Boot::NotAsked, WouldStart::Unknown) => {
            let rules = Some(missing(&s.report)).filter(|m| !m.is_empty());
            let rules = rules.map(|m| format!("unknown without {m}"));
            let told = open(s).into_iter().chain(rules).collect::<Vec<_>>();
            (Tone::Warn, told.join("; "))
        }
    }
}

fn start(page: &mut Page, s: &Simulation<'_>) {
    let (tone, text) = start_text(s);
    page.head("start");
    page.rows(2, &[vec![cell(tone, text)]]);
}

fn undo(page: &mut Page, s: &Simulation<'_>) {
    let Some(plan) = &s.undo else { return };
    page.head("undo");
    for command in &plan.commands {
        page.rows(2, &[vec![plain(command.clone())]]);
    }
    for words in restart_words(s) {
        page.rows(2, &[vec![plain(words)]]);
    }
    if let Some(why) = &plan.manual {
        page.rows(2, &[vec![dim(format!("by a person: {why}"))]]);
    }
    for (i, what) in plan.does_not_undo.iter().enumerate() {
        let head = if i == 0 { "stays so" } else { "" };
        page.rows(2, &[vec![dim(format!("{head:<8}")), dim(what.clone())]]);
    }
}

/// What the commands of the undo leave out when a setting changes only at a restart.
pub(crate) fn restart_words(s: &Simulation<'_>) -> Vec<String> {
    let waiting = s.report.lines.iter();
    let waiting = waiting.filter(|l| l.takes_effect == TakesEffect::AtRestart);
    let names: Vec<&str> = waiting.map(|l| l.key.name.as_str()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let names = names.join(", ");
    vec![
        format!("then restart the server: once it runs with {names}, a reload does not undo it"),
        format!(
            "if it does not start: take {names} out of postgresql.auto.conf by hand, then start it; \
             backstay rescue --pgdata DIR tells how"
        ),
    ]
}

/// What to type next.
pub(super) fn next_command(s: &Simulation<'_>) -> String {
    match (&s.gate, s.ruling()) {
        (Gate::Inconclusive { .. }, _)
            if s.boot == Boot::NotAsked && s.open().any(|u| !boot::replaced(&u.key.name)) =>
        {
            "the same with --boot-check: a scratch server of this version is started with it".into()
        }
        (Gate::Inconclusive { .. }, _) if s.open().next().is_some() => {
            "the same with --allow-inconclusive, once somebody has looked".into()
        }
        (Gate::Inconclusive { .. }, _) if s.ground.host.is_empty() => {
            "say what the host has: --memory 64GB --cpus 16 --storage ssd".into()
        }
        (Gate::Tripped { .. }, _) | (_, Ruling::Block) => format!(
            "backstay explain {}",
            s.wanted
                .first()
                .map_or("SETTING", |w| w.proposed.key.name.as_str())
        ),
        _ => "backstay watch DSN".into(),
    }
}

/// The ruling and the gate in one line.
pub(super) fn verdict_line(s: &Simulation<'_>) -> (Tone, String) {
    match &s.gate {
        Gate::Tripped { why } => (Tone::Bad, format!("gate tripped: {why}")),
        Gate::Inconclusive { why } => (Tone::Warn, format!("inconclusive: {why}")),
        Gate::Passed => match s.ruling() {
            Ruling::Ok => (Tone::Good, "ok to apply".into()),
            Ruling::Warn => (
                Tone::Warn,
                format!("apply with a watch; under the threshold {:.0}", s.threshold),
            ),
            Ruling::Block => (
                Tone::Warn,
                format!("critical, but under the threshold {:.0}", s.threshold),
            ),
        },
    }
}

fn next(page: &mut Page, out: Out, s: &Simulation<'_>) {
    let (tone, text) = verdict_line(s);
    page.gap();
    page.rows(0, &[vec![cell(tone, text)]]);
    page.line(&format!(
        "{} {}",
        out.paint(Tone::Dim, "next:"),
        next_command(s)
    ));
}
