//! `docs/verdict.md`: everything that was measured, with the machine and the commit it was measured on.

use std::fmt::Write as _;
use std::time::Instant;

use crate::board::{self, Judged, Size};
use crate::case::{Family, Part};
use crate::page::Seal;
use crate::rule::ours::Ours;
use crate::rule::{self, Promise, Rule};
use crate::{measure, nab, page, recorded};

/// Families in the order of the document.
pub const FAMILIES: [Family; 3] = [Family::Kpi, Family::Plant, Family::Real];
/// Real series repeat themselves: so many of their windows are enough.
const REAL_MAX: u64 = 400;

const HEAD: &str = "\
# How good the verdict is

Written by `cargo xtask scoreboard`. Each case is recorded columns around a change of known time with a
label of what really happened; `backstay_detect::judge_series` judges them, the code of `backstay detect`,
and beside it the rules that others use, written anew, and three simple ones (*max robust z*, *mean-shift z*,
*seasonal median, scan, placebo*) whose figures on a collection of real labelled changes are known. The judge
is tuned on the open parts; the second of them was held back until 2026-11-26. Nobody tunes on the part that
is held back now: noise, kinds of change and seeds of its own, written without a look at the judge; only its
totals are told. Its mix of sizes was set so that the simple rules do on its KPIs about what they do on that
collection.
*Called hurt* and *own level* are at a chance of 5 % for a false alarm, the command's default; delays are
rows from the beginning of the effect. The best threshold on the score is chosen on the same cases, so
those figures flatter everybody alike.
";

/// What the simple rules reach on real changes, to compare the tables with.
const RECORDED: &str = "
### How hard that is

On 368 labelled changes of real KPIs (60 s, half of them harmful; best thresholds) the simple rules reach
the following, by measurements of the project's research:

| rule | AUC | F1 | TPR at FPR 5 % |
|---|---|---|---|
| max robust z, 24 h | 0.855 | 0.811 | 0.64 |
| mean-shift z, 120 rows | 0.786 | 0.740 | 0.30 |
| Mann-Whitney, −log p | 0.637 | 0.673 | 0.01 |
| Kayenta, at its own level | – | 0.62–0.66 | – |
| seasonal median, scan, placebo | 0.937–0.945 | 0.901–0.909 | 0.67–0.74 |
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
    for part in [Part::Open, Part::Opened, Part::HeldBack] {
        let title = match part {
            Part::Open => "The open part",
            Part::Opened => "The opened part, held back until 2026-11-26",
            Part::HeldBack => "The held-back part",
        };
        add(&mut text, format_args!("\n## {title}\n"));
        for family in FAMILIES {
            text.push_str(&section(family, part, size, threads, Seal::Kept));
        }
    }
    text.push_str(RECORDED);
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
#[must_use]
pub fn section(family: Family, part: Part, size: Size, threads: usize, seal: Seal) -> String {
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
    text.push_str(match part {
        Part::Open | Part::Opened => "\nBackstay by kind:\n\n",
        Part::HeldBack => "\nBackstay by truth:\n\n",
    });
    text.push_str(&page::detail(ours, size.per_kind, part, seal));
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
