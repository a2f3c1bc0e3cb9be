//! Sentences for a person: `commits 1965/s -> 0/s since 18:04:11`.

use backstay_model::verdict::Finding;
use backstay_model::{MetricName, Timestamp};

/// What moved, from where to where, since when.
pub(crate) fn moved(metric: &MetricName, before: Option<f64>, after: Option<f64>) -> String {
    let (what, unit) = words(metric.as_str());
    match (before, after) {
        (Some(b), Some(a)) => format!("{what} {} -> {}", unit.text(b), unit.text(a)),
        (None, Some(a)) => format!("{what} {}, nothing known from before", unit.text(a)),
        (Some(b), None) => format!("{what} {} -> no reading", unit.text(b)),
        (None, None) => format!("{what}: no reading"),
    }
}

/// One value came again and again.
pub(crate) fn stands_still(metric: &MetricName, value: f64) -> String {
    let (what, unit) = words(metric.as_str());
    format!("{what} stands still at {}", unit.text(value))
}

/// Values scatter so many times as much as before.
pub(crate) fn scatters(metric: &MetricName, times: f64) -> String {
    let (what, _) = words(metric.as_str());
    format!("{what} scatters {} times as much", short(times))
}

/// The same with the moment.
pub(crate) fn since(text: &str, at: Timestamp) -> String {
    format!("{text} since {}", clock(at))
}

/// The same with another moment, where it tells one.
pub(crate) fn rather_since(text: &mut String, told: Timestamp, at: Timestamp) {
    if let Some(stem) = text.strip_suffix(&since("", told)) {
        *text = since(stem, at);
    }
}

/// Says of a finding where the worst twentieth of its values went.
pub(crate) fn add_worst(finding: &mut Finding, before: f64, after: f64) {
    let (_, unit) = words(finding.metric.as_str());
    let (before, after) = (unit.text(before), unit.text(after));
    finding.text += &format!("; its worst twentieth {before} -> {after}");
}

/// Time of day, UTC: `18:04:11`.
pub(crate) fn clock(at: Timestamp) -> String {
    let second = at.0.div_euclid(1_000_000).rem_euclid(86_400);
    format!(
        "{:02}:{:02}:{:02}",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[derive(Clone, Copy)]
enum Unit {
    PerSecond,
    BytesPerSecond,
    Milliseconds,
    Share,
    Bare,
}

impl Unit {
    fn text(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{}/s", short(value)),
            Self::BytesPerSecond => bytes(value),
            Self::Milliseconds => format!("{} ms", short(value)),
            Self::Share => format!("{} %", short(value * 100.0)),
            Self::Bare => short(value),
        }
    }
}

/// The words of a metric's name and its unit.
fn words(name: &str) -> (String, Unit) {
    let (stem, unit) = if let Some(stem) = name.strip_suffix("_bytes_per_s") {
        (format!("{stem}_bytes"), Unit::BytesPerSecond)
    } else if let Some(stem) = name.strip_suffix("_per_s") {
        (stem.to_owned(), Unit::PerSecond)
    } else if let Some(stem) = name.strip_suffix("_ms") {
        (stem.to_owned(), Unit::Milliseconds)
    } else if name.ends_with("_ratio") {
        (
            name.trim_end_matches("_ratio").to_owned() + "_share",
            Unit::Share,
        )
    } else {
        (name.to_owned(), Unit::Bare)
    };
    (stem.replace('_', " "), unit)
}

/// Three significant digits below a thousand, whole numbers above.
fn short(value: f64) -> String {
    let text = match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn bytes(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{} MB/s", short(value / 1e6)),
        v if v >= 1e3 => format!("{} kB/s", short(value / 1e3)),
        _ => format!("{} B/s", short(value)),
    }
}

#[cfg(test)]
mod tests {
    use backstay_model::Span;

    use super::*;

    #[test]
    fn sentences_read_well() {
        let since = Timestamp::parse("2026-11-23T18:04:11.4Z").unwrap();
        for (name, before, after, text) in [
            (
                "commits_per_s",
                Some(1965.3),
                Some(0.0),
                "commits 1965/s -> 0/s since 18:04:11",
            ),
            (
                "probe_read_ms",
                Some(1.5),
                Some(289.4),
                "probe read 1.5 ms -> 289 ms since 18:04:11",
            ),
            (
                "log_bytes_per_s",
                Some(0.0),
                Some(5.5e6),
                "log bytes 0 B/s -> 5.5 MB/s since 18:04:11",
            ),
            (
                "active_sessions",
                Some(2.0),
                None,
                "active sessions 2 -> no reading since 18:04:11",
            ),
        ] {
            assert_eq!(
                super::since(&moved(&MetricName::new(name), before, after), since),
                text
            );
        }
        let mut text = super::since(&stands_still(&MetricName::new("probe_read_ms"), 1.5), since);
        assert_eq!(text, "probe read stands still at 1.5 ms since 18:04:11");
        rather_since(&mut text, since, since - Span::from_secs(71));
        assert_eq!(text, "probe read stands still at 1.5 ms since 18:03:00");
        assert_eq!(
            scatters(&MetricName::new("probe_read_ms"), 2.503),
            "probe read scatters 2.5 times as much"
        );
    }
}
