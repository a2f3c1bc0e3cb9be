//! Reading recorded metrics: a CSV with a header, a column of moments and columns of numbers. Row by
//! row, so that ten million rows cost their numbers and no more.

use std::io::{BufReader, Read};
use std::path::Path;

use backstay_model::Timestamp;
use csv::ByteRecord;

use super::moment::Reading;
use crate::failure::{Code, Failure};

/// Bytes read at a time.
const BUFFER: usize = 1 << 18;

/// A recording, in order of time.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) at: Vec<Timestamp>,
    /// How the file writes the moments; empty when that was not asked for.
    pub(super) written: Vec<Box<str>>,
    pub(super) columns: Vec<ColumnOfRows>,
    /// What was odd about it.
    pub(super) notes: Vec<String>,
}

/// The values of a column, one for each row; not a number where there is none.
#[derive(Debug)]
pub(super) struct ColumnOfRows {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
}

/// Whether the moments are kept as the file writes them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Writing {
    Kept,
    Dropped,
}

/// Reads a recording; what cannot be judged at all is a failure, what is odd a note. `-` is standard
/// input.
pub(super) fn read(path: &Path, reading: &Reading, writing: Writing) -> Result<Recorded, Failure> {
    let place = path.display().to_string();
    if path.as_os_str() == "-" {
        return parse(std::io::stdin().lock(), &place, reading, writing);
    }
    let file = std::fs::File::open(path)
        .map_err(|e| Failure::of(Code::File, &e).because(format!("file {place}")))?;
    parse(file, &place, reading, writing)
}

fn broken(place: &str, why: impl Into<String>) -> Failure {
    Failure::new(Code::File, format!("{place} is not a recording of metrics"))
        .because(why)
        .hint("a CSV with a header, a column `timestamp` and columns of numbers")
}

fn parse(
    from: impl Read,
    place: &str,
    reading: &Reading,
    writing: Writing,
) -> Result<Recorded, Failure> {
    let mut reader = csv::ReaderBuilder::new()
        .buffer_capacity(BUFFER)
        .from_reader(BufReader::with_capacity(BUFFER, from));
    let heads = reader
        .byte_headers()
        .map_err(|e| broken(place, e.to_string()))?;
    let heads: Vec<String> = heads.iter().map(head).collect();
    let time = time_column(&heads, place)?;
    let mut recorded = Recorded {
        columns: heads.into_iter().map(ColumnOfRows::named).collect(),
        ..Recorded::default()
    };
    let mut record = ByteRecord::new();
    while reader
        .read_byte_record(&mut record)
        .map_err(|e| broken(place, e.to_string()))?
    {
        let cell = text(record.get(time).unwrap_or_default());
        let at = reading.moment(cell).ok_or_else(|| {
            let line = record.position().map_or(0, csv::Position::line);
            broken(place, format!("line {line}: `{cell}` is not a moment"))
        })?;
        recorded.at.push(at);
        if writing == Writing::Kept {
            recorded.written.push(cell.into());
        }
        for (i, column) in recorded.columns.iter_mut().enumerate() {
            if i != time {
                column.values.push(record.get(i).map_or(f64::NAN, number));
            }
        }
    }
    recorded.finished(place)
}

fn time_column(heads: &[String], place: &str) -> Result<usize, Failure> {
    let time = heads
        .iter()
        .position(|h| h.eq_ignore_ascii_case("timestamp"));
    time.ok_or_else(|| {
        let names = heads.join(", ");
        broken(
            place,
            format!("no column is called timestamp; there are: {names}"),
        )
    })
}

/// The name of a column, without a byte order mark and blanks.
fn head(bytes: &[u8]) -> String {
    let name = String::from_utf8_lossy(bytes);
    name.trim_start_matches('\u{feff}').trim().to_owned()
}

/// A cell as text, without blanks; empty when it is none.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default().trim()
}

/// A cell as a number; not a number when it is none, or without end.
fn number(bytes: &[u8]) -> f64 {
    let number = text(bytes).parse().unwrap_or(f64::NAN);
    if f64::is_finite(number) {
        number
    } else {
        f64::NAN
    }
}

impl ColumnOfRows {
    fn named(name: String) -> Self {
        let values = Vec::new();
        Self { name, values }
    }
}

impl Recorded {
    /// Puts the rows in order and drops what holds no numbers.
    fn finished(mut self, place: &str) -> Result<Self, Failure> {
        if self.at.is_empty() {
            return Err(broken(place, "it has no rows"));
        }
        self.order(place);
        let rows = self.at.len();
        let notes = &mut self.notes;
        self.columns.retain(|column| {
            // The column of moments has no values of its own.
            if column.name.is_empty() || column.values.is_empty() {
                return false;
            }
            let missing = column.values.iter().filter(|v| v.is_nan()).count();
            if missing == rows {
                notes.push(format!(
                    "column {} holds no numbers and is left out",
                    column.name
                ));
                return false;
            }
            if missing > 0 {
                notes.push(format!(
                    "column {} has no number in {missing} of {rows} rows; they say nothing",
                    column.name
                ));
            }
            true
        });
        if self.columns.is_empty() {
            return Err(broken(
                place,
                "it has no column of numbers beside timestamp",
            ));
        }
        Ok(self)
    }

    /// Puts rows in order of time (those of one moment as the file has them), and tells what was odd.
    fn order(&mut self, place: &str) {
        if !self.at.is_sorted() {
            let mut places: Vec<usize> = (0..self.at.len()).collect();
            places.sort_by_key(|i| self.at[*i]);
            self.at = places.iter().map(|i| self.at[*i]).collect();
            if !self.written.is_empty() {
                let written = &mut self.written;
                *written = places
                    .iter()
                    .map(|i| std::mem::take(&mut written[*i]))
                    .collect();
            }
            for column in self.columns.iter_mut().filter(|c| !c.values.is_empty()) {
                column.values = places.iter().map(|i| column.values[*i]).collect();
            }
            let note = format!("{place}: rows were not in order of time; sorted");
            self.notes.push(note);
        }
        let twice = self.at.windows(2).filter(|pair| pair[0] == pair[1]).count();
        if twice > 0 {
            let note = format!("{place}: {twice} moments stand there twice");
            self.notes.push(note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Recorded, Failure> {
        let utc = Reading::new(None).unwrap();
        parse(text.as_bytes(), "kpi.csv", &utc, Writing::Kept)
    }

    #[test]
    fn odd_rows_are_told_and_gaps_are_no_numbers() {
        let text = "timestamp,value,host\n20,2,a\n10,1,b\n10,NaN,c\n30,,d\n";
        let recorded = parsed(text).unwrap();
        let written: Vec<&str> = recorded.written.iter().map(AsRef::as_ref).collect();
        assert_eq!(written, ["10", "10", "20", "30"]);
        assert_eq!(recorded.columns.len(), 1);
        let values = &recorded.columns[0].values;
        assert_eq!(format!("{values:?}"), "[1.0, NaN, 2.0, NaN]");
        insta::assert_snapshot!(recorded.notes.join("\n"), @"
        kpi.csv: rows were not in order of time; sorted
        kpi.csv: 1 moments stand there twice
        column value has no number in 2 of 4 rows; they say nothing
        column host holds no numbers and is left out
        ");
    }

    #[test]
    fn marks_blanks_quotes_and_bytes_that_are_no_text_are_taken() {
        let recorded = parsed("\u{feff}\"Timestamp\" , value ,\r\n\" 10\", 1.5 ,9\r\n20,inf,\r\n");
        let recorded = recorded.unwrap();
        assert_eq!(recorded.columns[0].name, "value");
        assert_eq!(format!("{:?}", recorded.columns[0].values), "[1.5, NaN]");
        let utc = Reading::new(None).unwrap();
        let bytes = b"timestamp,value\n10,\xff\n20,2\n".as_slice();
        let odd = parse(bytes, "kpi.csv", &utc, Writing::Dropped).unwrap();
        assert_eq!(format!("{:?}", odd.columns[0].values), "[NaN, 2.0]");
        assert!(odd.written.is_empty());
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
            let failure = parsed(text).unwrap_err();
            assert_eq!(failure.detail.first().map(String::as_str), Some(why));
        }
    }
}
