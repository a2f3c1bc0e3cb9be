//! The table, and the page around it.

use std::time::Duration;

use crate::machine::Machine;

/// How a measurement stands to its target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    Met,
    Missed,
    /// There is no target.
    Open,
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) target: String,
    pub(crate) measured: String,
    pub(crate) standing: Standing,
    pub(crate) how: String,
}

/// Rows under a heading.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) rows: Vec<Row>,
    /// Said under the table.
    pub(crate) notes: Vec<String>,
}

/// What may not be passed, or must be reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    Below(f64),
    AtLeast(f64),
    None,
}

impl Row {
    /// A row whose number decides whether the target is met; `shown` puts numbers into words.
    pub(crate) fn measured(
        what: &str,
        target: Target,
        number: f64,
        shown: impl Fn(f64) -> String,
        how: impl Into<String>,
    ) -> Self {
        let (target, met) = match target {
            Target::Below(limit) => (format!("< {}", shown(limit)), Some(number < limit)),
            Target::AtLeast(limit) => (format!("≥ {}", shown(limit)), Some(number >= limit)),
            Target::None => ("–".to_owned(), None),
        };
        Self {
            what: what.to_owned(),
            target,
            measured: shown(number),
            standing: match met {
                Some(true) => Standing::Met,
                Some(false) => Standing::Missed,
                None => Standing::Open,
            },
            how: how.into(),
        }
    }

    /// Adds to what was measured, without changing how it stands.
    pub(crate) fn also(mut self, more: &str) -> Self {
        self.measured.push_str(more);
        self
    }
}

/// Nanoseconds in the unit that fits.
pub(crate) fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{} µs", digits(ns / 1e3)),
        ns if ns < 1e9 => format!("{} ms", digits(ns / 1e6)),
        ns => format!("{} s", digits(ns / 1e9)),
    }
}

/// So many a second.
pub(crate) fn rate(per_s: f64) -> String {
    format!("{}/s", count(per_s.round().max(0.0) as u64))
}

/// A number with commas.
pub(crate) fn count(number: u64) -> String {
    let whole = number.to_string();
    let mut text = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in MB of a million bytes.
pub(crate) fn megabytes(bytes: f64) -> String {
    format!("{} MB", digits(bytes / 1e6))
}

/// A share of one core.
pub(crate) fn percent(share: f64) -> String {
    let number = format!("{:.3}", share * 100.0);
    let short = number.trim_end_matches('0').trim_end_matches('.');
    format!("{short} %")
}

/// Three digits that count.
fn digits(number: f64) -> String {
    match number {
        n if n < 10.0 && n.fract() != 0.0 => format!("{n:.2}"),
        n if n < 100.0 && n.fract() != 0.0 => format!("{n:.1}"),
        n => format!("{n:.0}"),
    }
}

/// The sections as Markdown.
pub(crate) fn markdown(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections {
        text.push_str(&format!("## {}\n\n", section.title));
        if !section.rows.is_empty() {
            text.push_str("| what | target | measured | | how |\n|---|---|---|---|---|\n");
        }
        for row in &section.rows {
            let standing = match row.standing {
                Standing::Met => "met",
                Standing::Missed => "**missed**",
                Standing::Open => "",
            };
            text.push_str(&format!(
                "| {} | {} | {} | {standing} | {} |\n",
                row.what, row.target, row.measured, row.how
            ));
        }
        text.push('\n');
        for note in &section.notes {
            text.push_str(&format!("- {note}\n"));
        }
        if !section.notes.is_empty() {
            text.push('\n');
        }
    }
    text
}

/// What follows this line in the page is written by hand, and kept.
pub(crate) const BY_HAND: &str = "<!-- what follows is written by hand, and kept -->";

/// The whole page; `old` is the one that it replaces.
pub(crate) fn document(
    machine: &Machine,
    sections: &[Section],
    took: Duration,
    old: &str,
) -> String {
    let by_hand = old.split_once(BY_HAND).map_or("", |(_, text)| text.trim());
    let missed: Vec<&str> = sections
        .iter()
        .flat_map(|s| &s.rows)
        .filter(|r| r.standing == Standing::Missed)
        .map(|r| r.what.as_str())
        .collect();
    let missed = if missed.is_empty() {
        "Every target was met.".to_owned()
    } else {
        format!("Missed: {}.", missed.join("; "))
    };
    format!(
        "# Results\n\nMeasured by `cargo xtask bench` (in {took:.0} s, after the build). {missed}\nA number is one run on one machine: compare runs on the same one.\n\n{facts}\n{table}\n{BY_HAND}\n\n{by_hand}\n",
        took = took.as_secs_f64(),
        facts = machine.markdown(),
        table = markdown(sections).trim_end().to_owned() + "\n",
    )
}
