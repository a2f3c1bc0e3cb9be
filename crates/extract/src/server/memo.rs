//! What servers said to what was tried, kept between builds: asking again gives the same answer.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use backstay_scratch::postgres::LogLine;
use serde::{Deserialize, Serialize};

use super::{Assignment, End, Outcome, Values};

/// Answers by what was asked.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    file: Option<PathBuf>,
    known: RefCell<BTreeMap<String, Answer>>,
}

/// What a try brought.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Answer {
    stood: bool,
    /// The computed value, of a try that computed one.
    value: String,
    lines: Vec<[String; 6]>,
    moved: Values,
}

impl Memo {
    /// Answers of earlier builds of the server `version` in the folder `shelf`; none, no answers.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub(crate) fn open(shelf: Option<&Path>, version: &str) -> io::Result<Self> {
        let file = shelf.map(|shelf| shelf.join(format!("postgresql-{version}.json")));
        let known = match file.as_ref().filter(|f| f.exists()) {
            Some(file) => serde_json::from_slice(&fs::read(file)?)?,
            None => BTreeMap::new(),
        };
        Ok(Self {
            file,
            known: RefCell::new(known),
        })
    }

    /// Writes the answers down.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn save(&self) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        if let Some(shelf) = file.parent() {
            fs::create_dir_all(shelf)?;
        }
        fs::write(file, serde_json::to_vec(&*self.known.borrow())?)
    }

    pub(crate) fn computed(
        &self,
        name: &str,
        settings: &Assignment,
    ) -> Option<Result<String, Vec<LogLine>>> {
        let known = self.known.borrow();
        let answer = known.get(&key("compute", name, settings))?;
        Some(if answer.stood {
            Ok(answer.value.clone())
        } else {
            Err(lines_of(&answer.lines))
        })
    }

    pub(crate) fn keep_computed(
        &self,
        name: &str,
        settings: &Assignment,
        told: &Result<String, Vec<LogLine>>,
    ) {
        let answer = Answer {
            stood: told.is_ok(),
            value: told.clone().unwrap_or_default(),
            lines: told.as_ref().err().map(|l| cells(l)).unwrap_or_default(),
            moved: Values::new(),
        };
        self.keep(key("compute", name, settings), answer);
    }

    /// The outcome of a `start` or `reload`.
    pub(crate) fn outcome(&self, how: &str, settings: &Assignment) -> Option<Outcome> {
        let known = self.known.borrow();
        let answer = known.get(&key(how, "", settings))?;
        Some(Outcome {
            end: if answer.stood { End::Stood } else { End::Fell },
            lines: lines_of(&answer.lines),
            moved: answer.moved.clone(),
        })
    }

    pub(crate) fn keep_outcome(&self, how: &str, settings: &Assignment, outcome: &Outcome) {
        let answer = Answer {
            stood: outcome.end == End::Stood,
            value: String::new(),
            lines: cells(&outcome.lines),
            moved: outcome.moved.clone(),
        };
        self.keep(key(how, "", settings), answer);
    }

    fn keep(&self, key: String, answer: Answer) {
        if self.file.is_some() {
            self.known.borrow_mut().insert(key, answer);
        }
    }
}

fn key(how: &str, name: &str, settings: &Assignment) -> String {
    let settings: Vec<String> = settings.iter().map(|(n, v)| format!("{n}={v}")).collect();
    format!("{how} {name}\n{}", settings.join("\n"))
}

fn cells(lines: &[LogLine]) -> Vec<[String; 6]> {
    let one = |l: &LogLine| {
        let l = l.clone();
        [
            l.severity, l.sqlstate, l.message, l.detail, l.hint, l.backend,
        ]
    };
    lines.iter().map(one).collect()
}

fn lines_of(cells: &[[String; 6]]) -> Vec<LogLine> {
    let one = |[severity, sqlstate, message, detail, hint, backend]: [String; 6]| LogLine {
        severity,
        sqlstate,
        message,
        detail,
        hint,
        backend,
    };
    cells.iter().cloned().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_there_again() {
        let shelf = std::env::temp_dir().join(format!("backstay-memo-{}", std::process::id()));
        let tried = vec![("a".to_owned(), "1".to_owned())];
        let line = LogLine {
            severity: "FATAL".into(),
            message: "no".into(),
            ..LogLine::default()
        };
        let memo = Memo::open(Some(&shelf), "9.9").unwrap();
        assert!(memo.computed("x", &tried).is_none());
        memo.keep_computed("x", &tried, &Err(vec![line.clone()]));
        memo.keep_computed("y", &tried, &Ok("8".into()));
        memo.save().unwrap();
        let again = Memo::open(Some(&shelf), "9.9").unwrap();
        assert_eq!(again.computed("x", &tried), Some(Err(vec![line])));
        assert_eq!(again.computed("y", &tried), Some(Ok("8".into())));
        assert!(again.computed("y", &Vec::new()).is_none());
        fs::remove_dir_all(shelf).unwrap();
    }
}
