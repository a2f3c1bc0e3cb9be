//! Laying text out for a person: rows of columns that are as wide as they need to be, the last one
//! going on below itself where the terminal ends, and a column that does not fit at all going below
//! its row. In a pipe nothing is cut and nothing wraps, unless `COLUMNS` is set.

use crate::out::{Out, Tone};

/// Widest page, so that lines stay readable on a wide screen.
const WIDTH_MAX: usize = 110;
/// Narrowest page that anything is laid out for.
const WIDTH_MIN: usize = 40;
/// Narrowest last column that is worth wrapping into.
const LAST_MIN: usize = 24;
/// How much further in a column stands that went below its row.
const BELOW: usize = 4;

/// Columns from which a picture and its legend fit beside each other.
const WIDE_FROM: usize = 100;

/// A piece of text in a tone.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

/// Text in a tone.
pub(crate) fn cell(tone: Tone, text: impl Into<String>) -> Cell {
    Cell {
        text: text.into(),
        tone,
    }
}

/// Text as it is.
pub(crate) fn plain(text: impl Into<String>) -> Cell {
    cell(Tone::Plain, text)
}

/// Quiet text.
pub(crate) fn dim(text: impl Into<String>) -> Cell {
    cell(Tone::Dim, text)
}

/// A page that is put together, then said at once.
#[derive(Debug)]
pub(crate) struct Page {
    out: Out,
    width: Option<usize>,
    text: String,
}

impl Page {
    pub(crate) fn new(out: Out) -> Self {
        Self {
            out,
            width: out.columns().map(|w| w.clamp(WIDTH_MIN, WIDTH_MAX)),
            text: String::new(),
        }
    }

    /// Whether wide things do not fit beside each other.
    pub(crate) fn narrow(&self) -> bool {
        self.width.is_some_and(|w| w < WIDE_FROM)
    }

    /// Columns for something that would like `wish` of them, at the column `at`.
    pub(crate) fn room(&self, at: usize, wish: usize) -> usize {
        self.width.map_or(wish, |w| wish.min(w.saturating_sub(at)))
    }

    /// An empty line, never two.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A heading over what follows.
    pub(crate) fn head(&mut self, text: &str) {
        self.gap();
        self.line(&self.out.paint(Tone::Bold, text));
    }

    /// A line as it is.
    pub(crate) fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// A paragraph, `indent` columns in.
    pub(crate) fn paragraph(&mut self, indent: usize, text: &str) {
        self.rows(indent, &[vec![plain(text)]]);
    }

    /// Rows of columns, `indent` columns in; each column as wide as its widest cell, the last one
    /// wrapped. An empty cell leaves its column blank.
    pub(crate) fn rows(&mut self, indent: usize, rows: &[Vec<Cell>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|i| rows.iter().map(|r| width_in(r, i)).max().unwrap_or(0))
            .collect();
        for row in rows {
            self.row(indent, row, &widths);
        }
    }

    fn row(&mut self, indent: usize, row: &[Cell], widths: &[usize]) {
        let mut line = " ".repeat(indent);
        let mut at = indent;
        for (i, cell) in row.iter().enumerate() {
            let last = i + 1 == row.len();
            let long = cell.text.chars().count();
            // The last one may go on below itself.
            let needs = if last { long.min(LAST_MIN) } else { long };
            if at > indent + BELOW && !self.fits(at, needs) {
                if !line.trim().is_empty() {
                    self.line(&line);
                }
                at = indent + BELOW;
                line = " ".repeat(at);
            }
            let parts = if last {
                self.wrapped(&cell.text, at)
            } else {
                vec![cell.text.clone()]
            };
            for (k, part) in parts.iter().enumerate() {
                if k > 0 {
                    self.line(&line);
                    line = " ".repeat(at);
                }
                line.push_str(&self.out.paint(cell.tone, part));
            }
            if !last {
                let width = widths.get(i).copied().unwrap_or(0);
                let pad = width.saturating_sub(cell.text.chars().count());
                line.push_str(&" ".repeat(pad + 2));
                at += width + 2;
            }
        }
        self.line(&line);
    }

    /// Whether `columns` fit from column `at` on.
    fn fits(&self, at: usize, columns: usize) -> bool {
        self.width.is_none_or(|width| at + columns <= width)
    }

    /// `text` in pieces that fit between column `at` and the end of the page.
    fn wrapped(&self, text: &str, at: usize) -> Vec<String> {
        let room = self.width.map(|w| w.saturating_sub(at));
        let Some(room) = room.filter(|room| *room >= LAST_MIN) else {
            return vec![text.to_owned()];
        };
        let mut lines = vec![String::new()];
        for word in text.split(' ') {
            let current = lines.last().map_or(0, |l| l.chars().count());
            if current > 0 && current + 1 + word.chars().count() > room {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
        lines
    }

    /// Says the page.
    pub(crate) fn say(self) {
        self.out.text(&self.text);
    }
}

/// Width of the cell `i` of `row`; the last cell of a row may be as wide as it likes.
fn width_in(row: &[Cell], i: usize) -> usize {
    if i + 1 == row.len() {
        return 0;
    }
    row.get(i).map_or(0, |cell| cell.text.chars().count())
}

/// A signed number with a real minus.
pub(crate) fn signed(x: f64) -> String {
    format!("{x:+.2}").replace('-', "−")
}

/// `1 entry`, `3 entries`.
pub(crate) fn counted(n: u64, one: &str, many: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{n} {many}"),
    }
}

/// `1 rule`, `3 rules`.
pub(crate) fn count(n: usize, one: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{n} {one}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_column_goes_on_below_itself() {
        let mut page = Page {
            out: Out::plain(None),
            width: Some(44),
            text: String::new(),
        };
        page.rows(
            2,
            &[
                vec![
                    plain("work_mem"),
                    plain("memory for one sort, taken many times"),
                ],
                vec![plain("jit"), plain("")],
            ],
        );
        insta::assert_snapshot!(page.text, @"
          work_mem  memory for one sort, taken many
                    times
          jit
        ");
    }

    #[test]
    fn a_column_that_does_not_fit_goes_below_its_row() {
        let mut page = Page {
            out: Out::plain(None),
            width: Some(44),
            text: String::new(),
        };
        let row = |how: &str, other: &str, why: &str| {
            let sure = "0.97 [0.88–0.99]";
            vec![plain(how), plain(other), plain(sure), plain(why)]
        };
        page.rows(
            2,
            &[
                row(
                    "is bounded by",
                    "maintenance_work_mem",
                    "taken many times in one statement",
                ),
                row("requires", "jit", "short"),
            ],
        );
        assert!(
            page.text.lines().all(|l| l.chars().count() <= 44),
            "{}",
            page.text
        );
    }
}
