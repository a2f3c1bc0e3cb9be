//! The board as text: tables of Markdown.

use crate::board::{self, Far, Judged, OfGroup, OfKind, Tally};
use crate::case::{Part, Truth};
use crate::measure::share;

/// Whether the kinds that are held back are told one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seal {
    /// No: nobody tunes on what he has not seen.
    Kept,
    /// Yes, and the part is spent.
    Broken,
}

/// What `judged` comes to kind by kind; of the part that is held back only by groups, while the seal
/// is kept.
#[must_use]
pub fn detail(judged: &[Judged], per_kind: u64, part: Part, seal: Seal) -> String {
    if part == Part::HeldBack && seal == Seal::Kept {
        groups(&board::groups_of(judged, per_kind))
    } else {
        kinds(&board::kinds_of(judged, per_kind))
    }
}

const fn word(truth: Truth) -> &'static str {
    match truth {
        Truth::Harm => "harm",
        Truth::Harmless => "harmless",
        Truth::LoadShift => "load only",
    }
}

/// Three digits, or a dash.
fn three(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |v| format!("{v:.3}"))
}

fn delays(quartiles: Option<[f64; 3]>) -> String {
    quartiles.map_or_else(
        || "–".to_owned(),
        |[low, middle, high]| format!("{middle:.0} ({low:.0}–{high:.0})"),
    )
}

/// Heading of the table of rules.
#[must_use]
pub fn tally_head() -> String {
    "| rule | AUC | F1, best threshold | F1, own level | recall, own level | false, own level | TPR at FPR 1 % | TPR at FPR 5 % | delay in rows, median (quartiles) | CPU per verdict |\n\
     |---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned()
}

/// One rule.
#[must_use]
pub fn tally_row(name: &str, tally: &Tally) -> String {
    format!(
        "| {name} | {} | {} | {:.3} | {:.3} | {:.3} | {} | {} | {} | {:.2} ms |\n",
        three(tally.auc),
        three(tally.best_f1),
        tally.f1,
        tally.recall,
        tally.false_share,
        three(tally.tpr[0]),
        three(tally.tpr[1]),
        delays(tally.delay),
        tally.cpu_ms,
    )
}

/// The kinds of one family.
#[must_use]
pub fn kinds(kinds: &[OfKind]) -> String {
    let mut text = String::from(
        "| kind | truth | cases | called hurt | AUC against all harmless | delay in rows |\n|---|---|---|---|---|---|\n",
    );
    for of in kinds {
        text.push_str(&format!(
            "| {} | {} | {} | {:.1} % | {} | {} |\n",
            of.kind.name,
            word(of.kind.truth),
            of.cases.0,
            100.0 * share(of.cases.1, of.cases.0),
            three(of.auc),
            delays(of.delay),
        ));
    }
    text
}

/// All kinds of one truth in one row.
#[must_use]
pub fn groups(groups: &[OfGroup]) -> String {
    let mut text = String::from(
        "| truth | kinds | cases | called hurt | delay in rows |\n|---|---|---|---|---|\n",
    );
    for of in groups {
        text.push_str(&format!(
            "| {} | {} | {} | {:.1} % | {} |\n",
            word(of.truth),
            of.kinds,
            of.cases.0,
            100.0 * share(of.cases.1, of.cases.0),
            delays(of.delay),
        ));
    }
    text
}

/// Realised against nominal false alarms.
#[must_use]
pub fn far(far: &[Far]) -> String {
    let mut text = String::from(
        "| nominal | windows | alarms | realised (95 % interval) | × nominal |\n|---|---|---|---|---|\n",
    );
    for f in far {
        let (windows, alarms) = f.windows;
        let realised = share(alarms, windows);
        text.push_str(&format!(
            "| {:.0} % | {windows} | {alarms} | {:.2} % ({:.2}–{:.2} %) | {:.2} |\n",
            100.0 * f.nominal,
            100.0 * realised,
            100.0 * f.interval.0,
            100.0 * f.interval.1,
            realised / f.nominal,
        ));
    }
    text
}
