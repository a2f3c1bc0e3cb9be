//! `backstay check`: every rule on a configuration, what is broken and what barely holds, worst first.

use std::collections::{BTreeMap, BTreeSet};

use backstay_catalog::candidate::At;
use backstay_catalog::pack::elsewhere;
use backstay_catalog::{CheckReport, Judgement, ValueError, Violation, check};
use backstay_model::change::Pending;
use backstay_model::snapshot::NodeRole;
use backstay_model::{Scope, SettingName, Severity};

use crate::args::{Check, Common, Format};
use crate::commands::beside::with_beside;
use crate::commands::rules::{advice, named, settings};
use crate::commands::subject::{Ground, live, offline};
use crate::commands::tree::{Placed, Refused, Tree};
use crate::failure::{Code, Exit, Failure};
use crate::out::Out;
use crate::wire::rules::{Spot, sarif};

mod document;
mod markdown;
mod sessions;
mod table;

/// Severities, the worst first.
const WORST_FIRST: [Severity; 5] = [
    Severity::Reject,
    Severity::Silent,
    Severity::Warn,
    Severity::Clamp,
    Severity::Advice,
];

/// What was found.
struct Found<'a> {
    ground: &'a Ground,
    report: CheckReport<'static>,
    /// Rules that do not hold: of the instance, after its next start, and of roles and databases.
    broken: Vec<Broken>,
    /// Lines that the server would not take.
    refused: Vec<Refused>,
    /// Lines of the files, in the order in which they count.
    lines: Vec<Placed>,
    /// Those of them whose text only the server can judge.
    open: Vec<Open>,
    /// The files that were named.
    files: Vec<String>,
}

/// A rule that does not hold.
struct Broken {
    violation: Violation<'static>,
    when: When,
    /// What to do, the best first.
    remedies: Vec<String>,
}

/// A line whose text only the server can judge.
struct Open {
    placed: Placed,
    why: String,
}

/// Where and when a rule does not hold.
#[derive(PartialEq, Eq)]
enum When {
    /// For the instance, now.
    Now,
    /// For the instance, from the next start of the server on.
    NextStart,
    /// For the sessions of these roles and databases only.
    Sessions(Vec<Scope>),
}

impl Broken {
    fn of(violation: Violation<'static>, when: When) -> Self {
        Self {
            remedies: violation.remedies.clone(),
            violation,
            when,
        }
    }

    /// What to do, always something: else the rule itself is.
    fn advice(&self) -> String {
        match self.remedies.is_empty() {
            true => advice(&self.violation),
            false => self.remedies.join(", or "),
        }
    }
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
    let (ground, refused, lines) = configuration(args, common)?;
    let ground = with_beside(ground, args, common)?;
    let report = check(ground.choice.pack, &ground.now);
    let mut ground = ground;
    let mut broken = next_start(&ground, &report);
    let known = report.violations.iter().cloned();
    broken.splice(0..0, known.map(|v| Broken::of(v, When::Now)));
    broken.extend(sessions::broken(&mut ground, &report));
    let found = Found {
        open: open(&ground, &lines),
        broken,
        report,
        refused,
        lines,
        files: args.file.iter().map(|f| f.display().to_string()).collect(),
        ground: &ground,
    };
    found
        .notes()
        .iter()
        .for_each(|n| out.note(format!("note: {n}")));
    match out.format() {
        Format::Json => out.document(&document::document(&found))?,
        Format::Sarif => out.line(
            serde_json::to_string_pretty(&sarif(&document::findings(&found)))
                .map_err(|e| Failure::of(Code::Internal, &e))?,
        ),
        Format::Table => table::show(out, &found),
        Format::Markdown => out.text(&markdown::markdown(&found)),
    }
    let worst = found.broken.iter().any(|b| b.violation.severity >= least);
    Ok(if worst || !found.refused.is_empty() {
        Exit::Gate
    } else {
        Exit::Ok
    })
}

type Configuration = (Ground, Vec<Refused>, Vec<Placed>);

fn configuration(args: &Check, common: &Common) -> Result<Configuration, Failure> {
    match (&args.dsn, args.file.is_empty()) {
        (Some(_), false) => Err(Failure::new(
            Code::Usage,
            "a server and a file were named: one of them is checked",
        )
        .hint("backstay check -f FILE")
        .hint("backstay check DSN")),
        (None, true) => Err(Failure::new(Code::Usage, "there is nothing to check")
            .hint("backstay check postgresql://me@host/database")
            .hint("backstay check -f postgresql.conf --memory 64GB --cpus 16")),
        (Some(dsn), true) => {
            let ground = live(dsn, &args.subject, common)?;
            let refused = of_server(&ground);
            Ok((ground, refused, Vec::new()))
        }
        (None, false) => files(args),
    }
}

fn files(args: &Check) -> Result<Configuration, Failure> {
    let mut ground = offline(&args.subject, None)?;
    let (mut lines, mut refused) = (Vec::new(), Vec::new());
    for path in &args.file {
        let tree = Tree::read(path)?;
        lines.extend(tree.lines);
        refused.extend(tree.refused);
        ground.notes.extend(tree.notes);
    }
    for placed in counted(&lines) {
        if let Err(error) = ground
            .now
            .assign(placed.line.name.as_str(), &placed.line.value)
        {
            refused.push(value_refused(placed, &error, &ground));
        }
    }
    Ok((ground, refused, lines))
}

/// The lines that count: the server does not read a value that stands again further down.
fn counted(lines: &[Placed]) -> impl Iterator<Item = &Placed> {
    let numbered = lines.iter().enumerate();
    let last: BTreeMap<&SettingName, usize> = numbered.map(|(i, p)| (&p.line.name, i)).collect();
    let counts = move |i: usize, p: &Placed| last.get(&p.line.name) == Some(&i);
    let numbered = lines.iter().enumerate();
    numbered.filter_map(move |(i, p)| counts(i, p).then_some(p))
}

fn open(ground: &Ground, lines: &[Placed]) -> Vec<Open> {
    let pack = ground.choice.pack;
    let judged = |p: &Placed| match pack.judge_text(&p.line.name, &p.line.value)? {
        Judgement::Undecided(why) => Some(Open {
            placed: p.clone(),
            why: why.into_owned(),
        }),
        Judgement::Taken | Judgement::Refused(_) => None,
    };
    counted(lines).filter_map(judged).collect()
}

/// A line whose value or name the server would not take; of another version, when it is one's.
fn value_refused(placed: &Placed, error: &ValueError, ground: &Ground) -> Refused {
    let name = &placed.line.name;
    let of = elsewhere(ground.choice.pack.engine, ground.major, name);
    let rule = match error {
        ValueError::UnknownSetting { .. } => "file.unknown_setting",
        ValueError::NotSettable { .. } => "file.not_settable",
        _ => "file.bad_value",
    };
    let (why, remedy) = match (rule, of) {
        ("file.unknown_setting", Some(of)) => (
            format!("{name}: not in version {}: {of}", ground.major),
            "take the line out: the server refuses the whole file".to_owned(),
        ),
        _ => (
            error.to_string(),
            "correct the line: the server refuses the whole file".to_owned(),
        ),
    };
    Refused {
        file: placed.file.clone(),
        line: placed.line.line,
        rule,
        setting: Some(name.as_str().to_owned()),
        why,
        remedy,
    }
}

/// Lines of a running server's own files that it cannot use: it lives with them until its next start.
fn of_server(ground: &Ground) -> Vec<Refused> {
    let errors = ground.live.iter().flat_map(|l| &l.snapshot.file_errors);
    errors
        .map(|e| Refused {
            file: e.path.clone(),
            line: e.line,
            rule: "file.server_error",
            setting: None,
            why: format!("the server says: {}", e.message),
            remedy: "correct the line: the next start of the server fails on it".to_owned(),
        })
        .collect()
}

/// What waits for a restart may break rules that hold until then.
fn next_start(ground: &Ground, now: &CheckReport<'static>) -> Vec<Broken> {
    let Some(live) = &ground.live else {
        return Vec::new();
    };
    let waits = |s: &backstay_model::change::Standing| s.pending_restart == Pending::Restart;
    if !live.snapshot.settings.values().any(waits) {
        return Vec::new();
    }
    let (later, _) = ground
        .now
        .clone()
        .with_snapshot(&live.snapshot, At::NextStart);
    let known: BTreeSet<&str> = now
        .violations
        .iter()
        .map(|v| v.constraint.id.as_str())
        .collect();
    let report = check(ground.choice.pack, &later);
    let new = report.violations.into_iter();
    new.filter(|v| !known.contains(v.constraint.id.as_str()))
        .map(|v| Broken::of(v, When::NextStart))
        .collect()
}

/// Whether lines stand in more than one file.
#[derive(PartialEq, Eq)]
enum Many {
    Yes,
    No,
}

impl Found<'_> {
    fn many_files(&self) -> Many {
        let files: BTreeSet<&String> = self.lines.iter().map(|p| &p.file).collect();
        if files.len() > 1 { Many::Yes } else { Many::No }
    }

    fn of(&self, severity: Severity) -> Vec<&Broken> {
        let of = |b: &&Broken| b.violation.severity == severity;
        self.broken.iter().filter(of).collect()
    }

    /// Where the setting that a rule is about stands: its own line, else that of another participant.
    fn spot(&self, v: &Violation<'_>) -> Option<Spot> {
        let stands = |name: &SettingName| {
            let of = |p: &&Placed| p.line.name == *name;
            self.lines.iter().rev().find(of)
        };
        let placed = settings(v.constraint).into_iter().find_map(stands)?;
        Some(Spot {
            file: placed.file.clone(),
            line: placed.line.line,
        })
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.ground.notes.clone();
        let told = self.broken.iter().map(|b| &b.violation);
        let fact = |v: &Violation<'_>, f: &str| v.values.keys().any(|k| named(k) == f);
        let stack = told.chain(&self.report.near).any(|v| fact(v, "host.stack"));
        if stack && !self.ground.host.contains_key("stack") {
            let what = "the stack limit of the server is not known: the usual 8MB is assumed; give --stack-limit";
            notes.push(what.to_owned());
        }
        let standby = self
            .ground
            .live
            .as_ref()
            .is_some_and(|l| l.snapshot.server.role == NodeRole::Standby);
        let beside = self.ground.beside.iter().any(|b| b.starts_with("primary "));
        if standby && !beside {
            let what = "this is a standby: rules between it and its primary were not judged; give --primary DSN";
            notes.push(what.to_owned());
        }
        notes
    }

    /// Rules that were judged.
    fn judged(&self) -> usize {
        let pack = self.ground.choice.pack;
        let about_us = |c: &&backstay_model::Constraint| {
            c.rule.is_some() && backstay_catalog::Environment::joined(&self.ground.now, c.reach)
        };
        pack.constraints.iter().filter(about_us).count() - self.report.unknown.len()
    }

    /// The number of findings.
    fn count(&self) -> usize {
        self.broken.len() + self.refused.len()
    }

    /// `2 reject, 1 silent`: what is broken by severity, refused lines among the worst.
    fn tally(&self) -> String {
        let words = WORST_FIRST.iter().filter_map(|s| {
            let lines = if *s == Severity::Reject {
                self.refused.len()
            } else {
                0
            };
            let n = self.of(*s).len() + lines;
            (n > 0).then(|| format!("{n} {}", s.word()))
        });
        words.collect::<Vec<_>>().join(", ")
    }
}
