//! `cargo xtask scoreboard`: judges the cases of the change benchmark and writes the board.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use backstay_scoreboard::board::{self, Judged, Recipe, Size};
use backstay_scoreboard::case::{Case, Part, Truth};
use backstay_scoreboard::document::FAMILIES;
use backstay_scoreboard::page::Seal;
use backstay_scoreboard::rule::ours::Ours;
use backstay_scoreboard::rule::{self, Rule};
use backstay_scoreboard::{document, nab, page, prophet, recorded, stamp};

const USAGE: &str = "\
backstay-scoreboard                    everything, by all rules, every part; renews docs/verdict.md
backstay-scoreboard --small            the same of fewer cases, when the machine has no time
backstay-scoreboard --quick            the open parts in a minute or two, our judge only; prints
backstay-scoreboard --held-back        the held-back part by all rules, totals only; prints.
                                       With --small of fewer cases. Not for who tunes the judge
backstay-scoreboard --held-back --unseal
                                       each kind of it too: once seen the part is spent, and another
                                       has to be written. With --small of fewer cases
backstay-scoreboard --beside           how hard each part is, by the rules of others alone; prints.
                                       With --held-back of that part only
backstay-scoreboard --misses KIND      the open parts, and each case of that kind that was judged wrongly
backstay-scoreboard csv NAME           one open case as CSV, as `backstay detect` reads it
backstay-scoreboard show NAME          what is known of one open case, and our verdict
backstay-scoreboard nab                NAB's score of the score stream; prints
backstay-scoreboard prophet            Python Prophet and our judge on a few cases; prints";

const NO_DATA: &str = "NAB's data are neither beside the checkout nor where BACKSTAY_DATA says";

const SPENT: &str = "\
The seal is broken: these kinds are known now, and the part is spent. Say so in `docs/verdict.md`'s words,
open it (`Part::Opened` tells how that was done last time) and have another one written.";

/// A minute's worth.
const QUICK: Size = Size {
    per_kind: 24,
    unchanged: 300,
    load: 24,
};
/// A board in a quarter of an hour on a busy machine; its intervals are wide.
const SMALL: Size = Size {
    per_kind: 16,
    unchanged: 160,
    load: 40,
};
/// Cases of each kind of KPI that Python's Prophet judges.
const PROPHET: u64 = 3;
/// Enough to tell 1.2 × from 1 × at nominal 5 %, and a thousand load shifts.
const FULL: Size = Size {
    per_kind: 100,
    unchanged: 3_000,
    load: 200,
};

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => everything(FULL),
        ["--small"] => everything(SMALL),
        ["--quick"] => quick(None),
        ["--misses", kind] => quick(Some(kind)),
        ["--beside"] => beside(&[Part::Open, Part::Opened, Part::HeldBack]),
        ["--beside", "--held-back"] => beside(&[Part::HeldBack]),
        words if words.contains(&"--held-back") => held_back(words),
        ["csv", name] => {
            print!("{}", case(name)?.csv());
            Ok(())
        }
        ["nab"] => nab(),
        ["prophet"] => {
            print!("{}", prophet::section(PROPHET)?);
            Ok(())
        }
        ["show", name] => show(&case(name)?),
        other => bail!("`{}` is not a command\n\n{USAGE}", other.join(" ")),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn case(name: &str) -> Result<Case> {
    let recipe = Recipe::named(name);
    let recipe = recipe.with_context(|| format!("there is no open case `{name}`"))?;
    recipe.make().context(NO_DATA)
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Every part by all rules, into the document.
fn everything(size: Size) -> Result<()> {
    ensure!(
        !cfg!(debug_assertions),
        "numbers of a debug build are worth nothing: `cargo xtask scoreboard`"
    );
    if recorded::nab().is_none() {
        eprintln!("SKIPPED: real series and NAB: {NO_DATA}");
    }
    let stamp = stamp::stamp();
    let prophets = (size.per_kind / 16).clamp(1, PROPHET);
    let beside = prophet::section(prophets).unwrap_or_else(|error| {
        eprintln!("SKIPPED: Python Prophet: {error:#}");
        format!("\n## Python Prophet 1.5.0 side by side\n\nLeft out: {error:#}.\n")
    });
    let text = document::write(size, threads(), &stamp, &beside);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verdict.md");
    std::fs::write(&path, &text).with_context(|| format!("writing {}", path.display()))?;
    print!("{text}");
    Ok(())
}

/// The held-back part by all rules, by its totals; kind by kind when somebody breaks the seal.
fn held_back(words: &[&str]) -> Result<()> {
    let known = |w: &&str| matches!(*w, "--held-back" | "--small" | "--unseal");
    ensure!(
        words.iter().all(known),
        "`{}` is not a command\n\n{USAGE}",
        words.join(" ")
    );
    let size = if words.contains(&"--small") {
        SMALL
    } else {
        QUICK
    };
    let seal = if words.contains(&"--unseal") {
        Seal::Broken
    } else {
        Seal::Kept
    };
    for family in FAMILIES {
        print!(
            "{}",
            document::section(family, Part::HeldBack, size, threads(), seal)
        );
    }
    if seal == Seal::Broken {
        println!("\n{SPENT}");
    }
    Ok(())
}

/// How hard each part is, by rules that are not ours.
fn beside(parts: &[Part]) -> Result<()> {
    for part in parts.iter().copied() {
        for family in FAMILIES {
            let kinds = board::kinds(family, part);
            let harmful = kinds.iter().filter(|k| k.truth == Truth::Harm).count() as u64;
            // As many windows without a change as may be wanted to balance what is harmful.
            let size = Size {
                per_kind: QUICK.per_kind,
                unchanged: QUICK.per_kind * harmful,
                load: 0,
            };
            let recipes = board::recipes(family, part, size);
            let rules = rule::beside();
            let judged = board::judge(&rules, &recipes, threads());
            print!(
                "\n## {}, {}\n\n{}",
                family.words(),
                part.word(),
                page::tally_head()
            );
            for (rule, judged) in rules.iter().zip(&judged) {
                print!(
                    "{}",
                    page::tally_row(rule.name(), &board::tally(judged, size.per_kind))
                );
            }
        }
    }
    Ok(())
}

/// The open parts by our judge alone.
fn quick(misses: Option<&str>) -> Result<()> {
    for part in [Part::Open, Part::Opened] {
        quick_part(part, misses);
    }
    Ok(())
}

fn quick_part(part: Part, misses: Option<&str>) {
    for family in FAMILIES {
        let recipes = board::recipes(family, part, QUICK);
        let judged = board::judge(&[&Ours], &recipes, threads()).remove(0);
        println!("\n## {}, {}\n", family.words(), part.word());
        if judged.is_empty() {
            println!("SKIPPED: {NO_DATA}");
            continue;
        }
        print!("{}", page::tally_head());
        let tally = board::tally(&judged, QUICK.per_kind);
        print!("{}", page::tally_row(Ours.name(), &tally));
        println!();
        print!("{}", page::kinds(&board::kinds_of(&judged, QUICK.per_kind)));
        println!();
        print!("{}", page::far(&board::far(&judged)));
        println!();
        print!("{}", by_noise(&judged));
        if let Some(kind) = misses {
            wrong(&judged, kind);
        }
    }
}

/// NAB's score of the score stream.
fn nab() -> Result<()> {
    let folder = recorded::nab().context(NO_DATA)?;
    let report = nab::report::report(&nab::read(&folder)?);
    print!("{}", nab::report::markdown(&report));
    Ok(())
}

/// False alarms of quiet windows by the family of noise.
fn by_noise(judged: &[Judged]) -> String {
    let mut of: BTreeMap<&str, Vec<Judged>> = BTreeMap::new();
    for j in judged.iter().filter(|j| j.kind.name == "quiet") {
        of.entry(j.noise).or_default().push(j.clone());
    }
    let row = |(noise, judged): (&&str, &Vec<Judged>)| {
        let far = board::far(judged);
        let alarms: Vec<String> = far.iter().map(|f| f.windows.1.to_string()).collect();
        format!(
            "{noise}: {} of {} quiet windows alarm at 1, 2, 5, 10 %\n",
            alarms.join(", "),
            judged.len()
        )
    };
    of.iter().map(row).collect()
}

fn wrong(judged: &[Judged], kind: &str) {
    for j in judged.iter().filter(|j| j.kind.name == kind) {
        if j.answer.alarm.raised() != (j.kind.truth == Truth::Harm) {
            println!(
                "{} ({}): score {:.3}, p {:?}",
                j.name, j.noise, j.answer.score, j.answer.p_value
            );
        }
    }
}

fn show(case: &Case) -> Result<()> {
    let judged = backstay_detect::judge_series(&case.columns, case.changed_at, board::ALPHA);
    println!("{}: {:?}, noise {}", case.name, case.kind.truth, case.noise);
    let since = case.onset_at.since(case.changed_at).as_secs_f64();
    println!(
        "changed at {}, effect {since} s later",
        case.changed_at.as_secs_f64()
    );
    for column in &case.columns {
        let rows = column
            .points
            .iter()
            .filter(|p| p.at < case.changed_at)
            .count();
        println!(
            "  {} {:?}: {rows} rows before, {} since",
            column.name.as_str(),
            column.role,
            column.points.len() - rows
        );
    }
    println!("{:#?}", judged.verdict);
    Ok(())
}
