//! `backstay check`: every rule on a configuration.

use backstay_catalog::{CheckReport, ConfLine, ValueError, Violation, check};
use backstay_model::Severity;
use serde_json::{Value, json};

use crate::args::{Check, Common, Format};
use crate::commands::rules::{advice, consequence, named, remedy, values};
use crate::commands::subject::{Ground, live, offline, read_conf};
use crate::failure::{Code, Exit, Failure};
use crate::out::{Out, Tone};
use crate::page::{Page, cell, count, dim, plain};
use crate::wire::rules::{Finding, Level, Spot, sarif, violation};

/// Rules that cannot be judged and that are named at most.
const UNKNOWN_SHOWN_MAX: usize = 4;

/// What was found.
struct Found<'a> {
    ground: &'a Ground,
    report: CheckReport<'static>,
    /// Lines of the file that the server would not take.
    refused: Vec<Refused>,
    file: Option<String>,
}

/// A line that the server would refuse, and with it the whole file.
struct Refused {
    line: u32,
    error: ValueError,
}

/// Evaluates every rule of the pack.
pub(crate) fn run(args: &Check, common: &Common, out: Out) -> Result<Exit, Failure> {
    let least = Severity::parse(&args.fail_on).ok_or_else(|| {
        Failure::new(
            Code::Usage,
            format!("`--fail-on {}` is not a severity", args.fail_on),
        )
        .hint("severities, mildest first: advice, clamp, warn, silent, reject")
    })?;
    let (ground, refused) = configuration(args, common)?;
    let found = Found {
        report: check(ground.choice.pack, &ground.now),
        refused,
        file: args.file.as_ref().map(|f| f.display().to_string()),
        ground: &ground,
    };
    ground
        .notes
        .iter()
        .for_each(|n| out.note(format!("note: {n}")));
    match out.format() {
        Format::Json => out.document(&document(&found))?,
        Format::Sarif => out.line(
            serde_json::to_string_pretty(&sarif(&findings(&found)))
                .map_err(|e| Failure::of(Code::Internal, &e))?,
        ),
        Format::Table => show(out, &found),
        Format::Markdown => {
            return Err(Failure::new(Code::Usage, "`check` has no markdown output")
                .hint("outputs of check: table, json, sarif"));
        }
    }
    let worst = found.report.violations.iter().any(|v| v.severity >= least);
    Ok(if worst || !found.refused.is_empty() {
        Exit::Gate
    } else {
        Exit::Ok
    })
}

fn configuration(args: &Check, common: &Common) -> Result<(Ground, Vec<Refused>), Failure> {
    match (&args.dsn, &args.file) {
        (Some(_), Some(_)) => Err(Failure::new(
            Code::Usage,
            "a server and a file were named: one of them is checked",
        )
        .hint("backstay check -f FILE")
        .hint("backstay check DSN")),
        (None, None) => Err(Failure::new(Code::Usage, "there is nothing to check")
            .hint("backstay check postgresql://me@host/database")
            .hint("backstay check -f postgresql.conf --memory 64GB --cpus 16")),
        (Some(dsn), None) => Ok((live(dsn, &args.subject, common)?, Vec::new())),
        (None, Some(path)) => {
            let mut ground = offline(&args.subject, None)?;
            let (lines, notes) = read_conf(path)?;
            let (now, errors) = ground.now.clone().with_conf(&lines);
            ground.now = now;
            ground.lines = lines;
            let noted = notes.iter().map(|n| format!("{}: {n}", path.display()));
            ground.notes.extend(noted);
            let refused = errors
                .into_iter()
                .map(|(line, error)| Refused { line, error });
            Ok((ground, refused.collect()))
        }
    }
}

impl Found<'_> {
    /// Where the setting that a rule is about stands in the file.
    fn spot(&self, v: &Violation<'_>) -> Option<Spot> {
        let file = self.file.clone()?;
        let named =
            |l: &&ConfLine| crate::commands::rules::settings(v.constraint).contains(&&l.name);
        let own = |l: &&ConfLine| l.name == v.constraint.subject;
        let lines = &self.ground.lines;
        let line = lines
            .iter()
            .rev()
            .find(own)
            .or(lines.iter().rev().find(named))?;
        Some(Spot {
            file,
            line: line.line,
        })
    }

    fn refused_spot(&self, refused: &Refused) -> Option<Spot> {
        self.file.clone().map(|file| Spot {
            file,
            line: refused.line,
        })
    }
}

/// Stable names of what the server refuses in a file.
const fn refused_rule(error: &ValueError) -> &'static str {
    match error {
        ValueError::UnknownSetting { .. } => "file.unknown_setting",
        ValueError::NotSettable { .. } => "file.not_settable",
        _ => "file.bad_value",
    }
}

fn document(found: &Found<'_>) -> Value {
    let pack = found.ground.choice.pack;
    let one = |v: &Violation<'_>| violation(pack, v, found.spot(v).as_ref());
    let refused = found.refused.iter().map(|r| {
        json!({
            "constraint": refused_rule(&r.error),
            "settings": [r.error.setting().as_str()],
            "rule": null,
            "values": {},
            "slack": null,
            "severity": Severity::Reject.word(),
            "confidence": 1.0,
            "evidence": [],
            "note": r.error.to_string(),
            "remedy": "correct the line: the server refuses the whole file",
            "file": found.file,
            "line": r.line,
        })
    });
    let violations = found.report.violations.iter().map(one);
    json!({
        "kind": "check",
        "subject": found.ground.title(),
        "violations": refused.chain(violations).collect::<Vec<_>>(),
        "near": found.report.near.iter().map(one).collect::<Vec<_>>(),
        "unknown": found.report.unknown.iter().map(|u| json!({
            "constraint": u.constraint.id,
            "missing": u.missing.iter().map(named).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "rules": pack.constraints.iter().filter(|c| c.rule.is_some()).count(),
    })
}

fn findings(found: &Found<'_>) -> Vec<Finding> {
    let pack = found.ground.choice.pack;
    let target = found.ground.target();
    let refused = found.refused.iter().map(|r| Finding {
        rule: refused_rule(&r.error).to_owned(),
        level: Level::Error,
        message: r.error.to_string(),
        spot: found.refused_spot(r),
        about: format!("{target}:{}", r.error.setting()),
    });
    let violated = found.report.violations.iter().map(|v| Finding {
        rule: v.constraint.id.clone(),
        level: Level::of(v.severity),
        message: format!("{} ({}); {}", v.constraint.note, values(v), advice(pack, v)),
        spot: found.spot(v),
        about: format!("{target}:{}", v.constraint.subject),
    });
    refused.chain(violated).collect()
}

const fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Reject | Severity::Silent => Tone::Bad,
        Severity::Warn | Severity::Clamp => Tone::Warn,
        Severity::Advice => Tone::Plain,
    }
}

fn show(out: Out, found: &Found<'_>) {
    let report = &found.report;
    let mut page = Page::new(out);
    let file = found.file.as_deref().map(|f| format!("{f}, for "));
    page.line(&format!(
        "{}{}",
        file.unwrap_or_default(),
        found.ground.title()
    ));
    page.line(&summary(found));
    if !found.refused.is_empty() {
        page.head("lines that the server refuses, and with them the file");
        let rows: Vec<_> = found
            .refused
            .iter()
            .map(|r| {
                vec![
                    cell(Tone::Bad, format!("line {}", r.line)),
                    plain(r.error.to_string()),
                ]
            })
            .collect();
        page.rows(2, &rows);
    }
    for severity in [
        Severity::Reject,
        Severity::Silent,
        Severity::Warn,
        Severity::Clamp,
        Severity::Advice,
    ] {
        let group: Vec<&Violation<'_>> = report
            .violations
            .iter()
            .filter(|v| v.severity == severity)
            .collect();
        if group.is_empty() {
            continue;
        }
        page.gap();
        page.line(&format!(
            "{}  {}",
            out.paint(tone(severity), severity.word()),
            out.paint(Tone::Dim, consequence(severity))
        ));
        for v in group {
            rule(&mut page, found, v);
        }
    }
    if !report.near.is_empty() {
        page.gap();
        page.line(&format!(
            "{}  {}",
            out.paint(Tone::Bold, "near"),
            out.paint(Tone::Dim, "these hold, with less than a fifth to spare")
        ));
        let rows: Vec<_> = report
            .near
            .iter()
            .map(|v| {
                vec![
                    plain(v.constraint.subject.as_str()),
                    dim(left(v)),
                    plain(format!("{} ({})", v.constraint.note, values(v))),
                ]
            })
            .collect();
        page.rows(2, &rows);
    }
    unknown(&mut page, found);
    page.say();
}

fn left(v: &Violation<'_>) -> String {
    v.slack
        .map(|s| format!("{:.0} % left", s.margin * 100.0))
        .unwrap_or_default()
}

fn summary(found: &Found<'_>) -> String {
    let report = &found.report;
    let judged = found
        .ground
        .choice
        .pack
        .constraints
        .iter()
        .filter(|c| c.rule.is_some())
        .count()
        - report.unknown.len();
    let broken = report.violations.len() + found.refused.len();
    let near = report.near.len();
    if broken == 0 {
        format!("all {judged} rules that can be judged hold, {near} of them barely")
    } else {
        let verb = if broken == 1 { "does" } else { "do" };
        format!(
            "{} {verb} not hold, {near} barely; {judged} were judged",
            count(broken, "rule")
        )
    }
}

fn rule(page: &mut Page, found: &Found<'_>, v: &Violation<'_>) {
    let place = found
        .spot(v)
        .map(|s| format!(" (line {})", s.line))
        .unwrap_or_default();
    page.rows(
        2,
        &[vec![
            cell(Tone::Bold, v.constraint.subject.as_str()),
            plain(format!("{}{place}", v.constraint.note)),
        ]],
    );
    let rule = v.constraint.rule.clone().unwrap_or_default();
    let mut rows = vec![
        vec![dim("now "), plain(values(v))],
        vec![dim("rule"), plain(rule)],
    ];
    if let Some(text) = remedy(found.ground.choice.pack, v) {
        rows.push(vec![dim("do  "), plain(text)]);
    }
    let sure = format!("{}, confidence {}", v.constraint.id, v.confidence);
    rows.push(vec![dim("id  "), dim(sure)]);
    page.rows(4, &rows);
}

fn unknown(page: &mut Page, found: &Found<'_>) {
    let unknown = &found.report.unknown;
    if unknown.is_empty() {
        return;
    }
    let mut missing: Vec<String> = unknown.iter().flat_map(|u| &u.missing).map(named).collect();
    missing.sort();
    missing.dedup();
    let more = missing.len().saturating_sub(UNKNOWN_SHOWN_MAX);
    missing.truncate(UNKNOWN_SHOWN_MAX);
    let mut names = missing.join(", ");
    if more > 0 {
        names.push_str(&format!(" and {more} more"));
    }
    let options = if names.contains("host.") && found.ground.live.is_none() {
        "; give --memory, --cpus and --storage"
    } else {
        ""
    };
    page.gap();
    page.paragraph(
        0,
        &format!(
            "{} cannot be judged, because these are not known: {names}{options}",
            count(unknown.len(), "rule")
        ),
    );
}
