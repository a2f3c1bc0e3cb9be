//! Reading recorded metrics: a CSV with a header, a column of moments and columns of numbers.

use std::path::Path;

use backstay_model::Timestamp;

use crate::commands::subject::read_text;
use crate::failure::{Code, Failure};

/// Largest epoch in seconds that is a moment: the end of year 9999.
const EPOCH_MAX: f64 = 253_402_300_799.0;
/// Microseconds in a second.
const MICROS: f64 = 1e6;

/// A recording, in order of time.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) rows: Vec<Row>,
    pub(super) columns: Vec<ColumnOfRows>,
    /// What was odd about it.
    pub(super) notes: Vec<String>,
}

/// A moment, and how the file writes it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) at: Timestamp,
    pub(super) text: String,
}

/// The values of a column, one for each row; `None` where there is no number.
#[derive(Debug)]
pub(super) struct ColumnOfRows {
    pub(super) name: String,
    pub(super) values: Vec<Option<f64>>,
}

/// Reads a moment: RFC 3339, `YYYY-MM-DD HH:MM:SS` (UTC, fraction allowed) or epoch seconds.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        let sane = seconds.is_finite() && seconds.abs() <= EPOCH_MAX;
        return sane.then(|| Timestamp((seconds * MICROS).round() as i64));
    }
    Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{}Z", text.replacen(' ', "T", 1))))
}

/// Reads a recording; what cannot be judged at all is a failure, what is odd a note.
pub(super) fn read(path: &Path) -> Result<Recorded, Failure> {
    let text = read_text(path)?;
    let place = path.display().to_string();
    parse(&text, &place)
}

fn broken(place: &str, why: impl Into<String>) -> Failure {
    Failure::new(Code::File, format!("{place} is not a recording of metrics"))
        .because(why)
        .hint("a CSV with a header, a column `timestamp` and columns of numbers")
}

fn parse(text: &str, place: &str) -> Result<Recorded, Failure> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let heads = reader
        .headers()
        .map_err(|e| broken(place, e.to_string()))?
        .clone();
    let time = heads
        .iter()
        .position(|h| h.eq_ignore_ascii_case("timestamp"));
    let time = time.ok_or_else(|| {
        let names: Vec<&str> = heads.iter().collect();
        broken(
            place,
            format!(
                "no column is called timestamp; there are: {}",
                names.join(", ")
            ),
        )
    })?;
    let mut lines: Vec<(Timestamp, csv::StringRecord)> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| broken(place, e.to_string()))?;
        let cell = record.get(time).unwrap_or_default();
        let at = moment(cell).ok_or_else(|| {
            let line = record.position().map_or(0, csv::Position::line);
            broken(place, format!("line {line}: `{cell}` is not a moment"))
        })?;
        lines.push((at, record));
    }
    if lines.is_empty() {
        return Err(broken(place, "it has no rows"));
    }
    let mut notes = order(&mut lines, place);
    let columns = columns(&heads, time, &lines, &mut notes);
    if columns.is_empty() {
        return Err(broken(
            place,
            "it has no column of numbers beside timestamp",
        ));
    }
    let rows = lines
        .iter()
        .map(|(at, record)| Row {
            at: *at,
            text: record.get(time).unwrap_or_default().to_owned(),
        })
        .collect();
    Ok(Recorded {
        rows,
        columns,
        notes,
    })
}

/// Puts rows in order of time, and tells what was odd.
fn order(lines: &mut [(Timestamp, csv::StringRecord)], place: &str) -> Vec<String> {
    let mut notes = Vec::new();
    if !lines.is_sorted_by_key(|(at, _)| *at) {
        lines.sort_by_key(|(at, _)| *at);
        notes.push(format!("{place}: rows were not in order of time; sorted"));
    }
    let twice = lines
        .windows(2)
        .filter(|pair| matches!(pair, [(a, _), (b, _)] if a == b))
        .count();
    if twice > 0 {
        notes.push(format!("{place}: {twice} moments stand there twice"));
    }
    notes
}

fn columns(
    heads: &csv::StringRecord,
    time: usize,
    lines: &[(Timestamp, csv::StringRecord)],
    notes: &mut Vec<String>,
) -> Vec<ColumnOfRows> {
    let mut columns = Vec::new();
    for (i, head) in heads.iter().enumerate() {
        if i == time || head.is_empty() {
            continue;
        }
        let cell = |record: &csv::StringRecord| {
            let number = record.get(i)?.parse::<f64>().ok();
            number.filter(|n| n.is_finite())
        };
        let values: Vec<Option<f64>> = lines.iter().map(|(_, record)| cell(record)).collect();
        let missing = values.iter().filter(|v| v.is_none()).count();
        if missing == values.len() {
            notes.push(format!("column {head} holds no numbers and is left out"));
            continue;
        }
        if missing > 0 {
            notes.push(format!(
                "column {head} has no number in {missing} of {} rows; they say nothing",
                values.len()
            ));
        }
        columns.push(ColumnOfRows {
            name: head.to_owned(),
            values,
        });
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_three_forms() {
        let at = Timestamp::parse("2026-11-23T18:00:00Z").unwrap();
        for text in [
            "2026-11-23T18:00:00Z",
            "2026-11-23T19:00:00+01:00",
            "2026-11-23 18:00:00",
            "2026-11-23 18:00:00.000",
            "1795456800",
            "1795456800.0",
        ] {
            assert_eq!(moment(text), Some(at), "{text}");
        }
        for text in ["", "yesterday", "NaN", "1e300", "2026-13-01 00:00:00"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn odd_rows_are_told_and_gaps_are_no_numbers() {
        let text = "timestamp,value,host\n20,2,a\n10,1,b\n10,NaN,c\n30,,d\n";
        let recorded = parse(text, "kpi.csv").unwrap();
        assert_eq!(
            recorded
                .rows
                .iter()
                .map(|r| r.text.as_str())
                .collect::<Vec<_>>(),
            ["10", "10", "20", "30"]
        );
        assert_eq!(recorded.columns.len(), 1);
        assert_eq!(
            recorded.columns[0].values,
            [Some(1.0), None, Some(2.0), None]
        );
        insta::assert_snapshot!(recorded.notes.join("\n"), @"
        kpi.csv: rows were not in order of time; sorted
        kpi.csv: 1 moments stand there twice
        column value has no number in 2 of 4 rows; they say nothing
        column host holds no numbers and is left out
        ");
    }

    #[test]
    fn what_is_no_recording_says_why() {
        for (text, why) in [
            ("", "no column is called timestamp; there are: "),
            (
                "time,value\n1,2\n",
                "no column is called timestamp; there are: time, value",
            ),
            ("timestamp,value\n", "it has no rows"),
            ("timestamp,value\nnow,2\n", "line 2: `now` is not a moment"),
            (
                "timestamp,value\n1,a\n",
                "it has no column of numbers beside timestamp",
            ),
        ] {
            let failure = parse(text, "f").unwrap_err();
            assert_eq!(failure.detail.first().map(String::as_str), Some(why));
        }
    }
}
