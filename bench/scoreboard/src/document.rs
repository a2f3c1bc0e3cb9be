//! `docs/verdict.md`: everything that was measured, with the machine and the commit it was measured on.

use std::fmt::Write as _;
use std::time::Instant;

use crate::board::{self, Judged, Size};
use crate::case::{Family, Part};
use crate::rule::ours::Ours;
use crate::rule::{self, Promise, Rule};
use crate::{measure, nab, page, recorded};

/// Families in the order of the document.
const FAMILIES: [Family; 3] = [Family::Kpi, Family::Plant, Family::Real];
/// Real series repeat themselves: so many of their windows are enough.
const REAL_MAX: u64 = 400;

const HEAD: &str = "\
# How good the verdict is

Written by `cargo xtask scoreboard`. Each case is recorded columns around a change of known time with a
label of what really happened; `backstay_detect::judge_series` judges them, the code of `backstay detect`,
and beside it the rules that others use, written anew, and three simple ones (*max robust z*, *mean-shift z*,
*seasonal median, scan, placebo*) whose figures on a collection of real labelled changes are known. Nobody tunes on the held-back part: other seeds,
half of them with kinds of noise that the open part does not have, and kinds of harm of its own.
*Called hurt* and *own level* are at a chance of 5 % for a false alarm, the command's default; delays are
rows from the beginning of the effect. The best threshold on the score is chosen on the same cases, so
those figures flatter everybody alike.
";

/// Runs everything; what is left out is said in the text and on standard error by the caller.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "how long it took is told; nothing decides by it"
)]
pub fn write(size: Size, threads: usize, stamp: &str, beside: &str) -> String {
    let began = Instant::now();
    let mut text = format!("{HEAD}\n{stamp}\n");
    for part in [Part::Open, Part::HeldBack] {
        let title = match part {
            Part::Open => "The open part",
            Part::HeldBack => "The held-back part",
        };
        add(&mut text, format_args!("\n## {title}\n"));
        for family in FAMILIES {
            text.push_str(&section(family, part, size, threads));
        }
    }
    text.push_str(beside);
    text.push_str("\n## NAB\n\n");
    match recorded::nab().map(|folder| nab::read(&folder)) {
        Some(Ok(corpus)) => text.push_str(&nab::report::markdown(&nab::report::report(&corpus))),
        Some(Err(error)) => add(&mut text, format_args!("Left out: {error:#}.\n")),
        None => text.push_str("Left out: its data are not at hand.\n"),
    }
    let took = began.elapsed().as_secs();
    add(
        &mut text,
        format_args!("\nAll of it took {took} s on {threads} threads.\n"),
    );
    text
}

/// Writing to a string does not fail.
fn add(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes everything");
}

/// One family, judged by all rules.
fn section(family: Family, part: Part, size: Size, threads: usize) -> String {
    let size = match family {
        Family::Real => Size {
            unchanged: size.unchanged.min(REAL_MAX),
            ..size
        },
        Family::Kpi | Family::Plant => size,
    };
    let recipes = board::recipes(family, part, size);
    let mut rules: Vec<&dyn Rule> = vec![&Ours];
    rules.extend(rule::beside());
    let judged = board::judge(&rules, &recipes, threads);
    let ours = &judged[0];
    let mut text = format!("\n### {}\n\n", family.words());
    if ours.is_empty() {
        text.push_str("Left out: the recorded data are not at hand.\n");
        return text;
    }
    let (harmful, harmless) = board::tally(ours, size.per_kind).cases;
    add(
        &mut text,
        format_args!(
            "{harmful} harmful and {harmless} harmless cases, seeds 0 to {}.\n\n",
            size.per_kind - 1
        ),
    );
    text.push_str(&page::tally_head());
    let mut quiet = String::new();
    for (rule, judged) in rules.iter().zip(&judged) {
        text.push_str(&page::tally_row(
            rule.name(),
            &board::tally(judged, size.per_kind),
        ));
        quiet.push_str(&quiet_line(*rule, judged));
    }
    text.push_str("\nBackstay by kind:\n\n");
    text.push_str(&page::kinds(&board::kinds_of(ours, size.per_kind)));
    text.push_str("\nFalse alarms of Backstay on windows without a change:\n\n");
    text.push_str(&page::far(&board::far(ours)));
    text.push_str("\nAlarms on the same windows at each rule's own level:\n\n");
    text.push_str(&quiet);
    let (blamed, load) = board::blamed_load(ours);
    if load > 0 {
        add(
            &mut text,
            format_args!("\nMere load shifts called hurt: {blamed} of {load}.\n"),
        );
    }
    text
}

fn quiet_line(rule: &dyn Rule, judged: &[Judged]) -> String {
    let (alarms, windows) = board::quiet_alarms(judged);
    let (low, high) = measure::wilson(alarms, windows);
    let promise = match rule.promise() {
        Promise::Level | Promise::Once => "promised 5 %",
        Promise::None => "promises nothing",
    };
    format!(
        "- {} ({promise}): {:.1} % ({:.1}–{:.1} %)\n",
        rule.name(),
        100.0 * measure::share(alarms, windows),
        100.0 * low,
        100.0 * high
    )
}
