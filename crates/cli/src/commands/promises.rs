//! The realised false-alarm rate of a target: what harmless moments would have been, had something been
//! changed in them, beside what was promised.

use backstay_detect::Realised;
use backstay_detect::audit::Promise;
use backstay_guard::learnt::realised;
use backstay_journal::MetricStore;
use backstay_model::TargetId;
use serde_json::{Value, json};

use crate::commands::record::Book;
use crate::out::Tone;
use crate::page::{Cell, cell, dim, plain};

/// The rates that are kept of a target; none before the first harmless window ended, or when they cannot
/// be read.
pub(crate) fn of(book: &Book, target: &TargetId) -> Vec<Realised> {
    let kept = book.readers.metrics.as_ref();
    let kept = kept.and_then(|store| store.learnt(target).ok().flatten());
    let mut rates = kept.as_deref().and_then(realised).unwrap_or_default();
    rates.retain(|rate| rate.windows > 0);
    rates
}

/// How much of the rates a screen shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Much {
    /// Each metric.
    All,
    /// Whole decisions, and metrics whose promise is not simply kept.
    Odd,
}

/// One row for each rate that is shown, the whole decision first.
pub(crate) fn rows(rates: &[Realised], much: Much) -> Vec<Vec<Cell>> {
    let odd = |rate: &Realised| matches!(rate.state, Promise::Lowered | Promise::Broken);
    let shown = |rate: &&Realised| much == Much::All || rate.metric.is_none() || odd(rate);
    rates.iter().filter(shown).map(row).collect()
}

fn row(rate: &Realised) -> Vec<Cell> {
    let what = rate
        .metric
        .as_ref()
        .map_or("changes blamed", |m| m.as_str());
    let realised = rate.realised.map_or("–".to_owned(), percent);
    let (low, high) = (percent(rate.low), percent(rate.high));
    let tone = match rate.state {
        Promise::Kept => Tone::Good,
        Promise::Learning => Tone::Dim,
        Promise::Lowered => Tone::Warn,
        Promise::Broken => Tone::Bad,
    };
    vec![
        dim("false alarms"),
        plain(what),
        dim(window(rate)),
        plain(format!("{realised} ({low} to {high})")),
        dim(format!("of {} promised", percent(rate.nominal))),
        dim(format!("{} windows", rate.windows)),
        cell(tone, rate.state.word()),
    ]
}

fn window(rate: &Realised) -> String {
    let seconds = rate.window.0 / 1_000_000;
    match seconds {
        s if s % 3_600 == 0 => format!("in {} h", s / 3_600),
        s if s % 60 == 0 => format!("in {} min", s / 60),
        s => format!("in {s} s"),
    }
}

fn percent(share: f64) -> String {
    let text = format!("{:.1}", 100.0 * share);
    format!("{} %", text.trim_end_matches(".0"))
}

/// The same for programs.
pub(crate) fn document(rates: &[Realised]) -> Value {
    let one = |rate: &Realised| {
        json!({
            "metric": rate.metric.as_ref().map(|m| m.as_str()),
            "window_s": rate.window.as_secs_f64(),
            "nominal": rate.nominal,
            "realised": rate.realised,
            "interval": [rate.low, rate.high],
            "windows": rate.windows,
            "alarms": rate.alarms,
            "level": rate.level,
            "bank": rate.bank,
            "state": rate.state.word(),
        })
    };
    rates.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstay_model::{MetricName, Span};

    #[test]
    fn a_rate_reads_well_and_has_all_its_numbers() {
        let rate = Realised {
            metric: Some(MetricName::new("commits_per_s")),
            window: Span::from_secs(900),
            nominal: 0.05,
            realised: Some(0.07),
            low: 0.0343,
            high: 0.1375,
            windows: 100,
            alarms: 7,
            level: 0.041,
            bank: 100,
            state: Promise::Lowered,
        };
        assert_eq!(window(&rate), "in 15 min");
        assert_eq!(percent(0.07), "7 %");
        assert_eq!(percent(0.0343), "3.4 %");
        let fine = Realised {
            state: Promise::Kept,
            ..rate.clone()
        };
        assert_eq!(rows(&[rate.clone(), fine.clone()], Much::Odd).len(), 1);
        assert_eq!(rows(&[rate.clone(), fine], Much::All).len(), 2);
        let document = document(&[rate]);
        assert_eq!(document[0]["alarms"], 7);
        assert_eq!(document[0]["interval"][1], 0.1375);
        assert_eq!(document[0]["state"], "lowered");
    }
}
