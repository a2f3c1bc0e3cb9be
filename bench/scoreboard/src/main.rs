//! `cargo xtask scoreboard`: judges the cases of the change benchmark and writes the board.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks"
)]

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use backstay_scoreboard::board::{self, Judged, Recipe, Size};
use backstay_scoreboard::case::{Family, Part, Truth};
use backstay_scoreboard::rule::Rule;
use backstay_scoreboard::rule::ours::Ours;
use backstay_scoreboard::{nab, page, recorded};

const USAGE: &str = "\
backstay-scoreboard --quick            the open part in less than a minute, our judge only; prints
backstay-scoreboard --misses KIND      the same, and each case of that kind that was judged wrongly
backstay-scoreboard csv NAME           one open case as CSV, as `backstay detect` reads it
backstay-scoreboard show NAME          what is known of one open case, and our verdict
backstay-scoreboard nab                NAB's score of the score stream; prints";

/// A minute's worth.
const QUICK: Size = Size {
    per_kind: 24,
    unchanged: 300,
};

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--quick"] => quick(None),
        ["--misses", kind] => quick(Some(kind)),
        ["csv", name] => {
            print!("{}", recipe(name)?.make().csv());
            Ok(())
        }
        ["nab"] => nab(),
        ["show", name] => show(&recipe(name)?),
        other => bail!("`{}` is not a command\n\n{USAGE}", other.join(" ")),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn recipe(name: &str) -> Result<Recipe> {
    Recipe::named(name, Part::Open).with_context(|| format!("there is no case `{name}`"))
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The open part by our judge alone.
fn quick(misses: Option<&str>) -> Result<()> {
    for family in [Family::Kpi, Family::Plant] {
        let recipes = board::recipes(family, Part::Open, QUICK);
        let judged = board::judge(&Ours, &recipes, threads());
        println!("\n## {}\n", family.words());
        print!("{}", page::tally_head());
        print!(
            "{}",
            page::tally_row(Ours.name(), &board::tally(&judged, QUICK.per_kind))
        );
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
    Ok(())
}

/// NAB's score of the score stream.
fn nab() -> Result<()> {
    let folder = recorded::nab()
        .context("NAB's data are neither beside the checkout nor in $BACKSTAY_DATA")?;
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

fn show(recipe: &Recipe) -> Result<()> {
    let case = recipe.make();
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
