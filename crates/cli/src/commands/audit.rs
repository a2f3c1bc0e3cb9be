//! `backstay audit`: whether the record is as it was written, and its entries for other tools.

mod aside;

use std::path::{Path, PathBuf};

use backstay_journal::export::{line, read};
use backstay_journal::verify::{Bad, Why, find};
use backstay_journal::{Entries, EntryStore, Hash, Head, Report, verify};
use backstay_model::Seq;
use backstay_store_sqlite::directory::read_log;
use backstay_store_sqlite::{OpenError, SqliteLog};
use serde_json::json;

use self::aside::Consent;
use crate::args::{Audit, Common};
use crate::commands::record::{Book, journal_failure};
use crate::commands::subject::read_text;
use crate::failure::{Code, Exit, Failure};
use crate::out::{Out, Tone};
use crate::state;

const SET_ASIDE: &str =
    "backstay audit set-aside    keeps this journal and lets the next guard begin a new one";

/// Verifies or exports.
pub(crate) fn run(args: &Audit, common: &Common, out: Out) -> Result<Exit, Failure> {
    match args {
        Audit::Verify { journal, head } => {
            let path = place(journal.as_ref(), common);
            check(&path, head.as_deref(), out)
        }
        Audit::Export { journal } => export(&place(journal.as_ref(), common), out),
        Audit::SetAside { yes } => {
            let consent = if *yes {
                Consent::Given
            } else {
                Consent::Missing
            };
            aside::run(common, consent, out)
        }
    }
}

/// What is wrong with the journal of `directory` as a file and as a chain; `None` when all is well.
fn damage(directory: &Path) -> Option<String> {
    let log = match read_log(directory) {
        Ok(log) => log,
        Err(error) => return Some(error.to_string()),
    };
    match verify(&log, &[]) {
        Err(error) => Some(error.to_string()),
        Ok(report) => match report.first_bad {
            Some(bad) => Some(format!("entry {} is bad: {}", bad.seq.0, bad.why)),
            None => match log.integrity() {
                Ok(damage) => damage.into_iter().next(),
                Err(error) => Some(error.to_string()),
            },
        },
    }
}

fn place(journal: Option<&PathBuf>, common: &Common) -> PathBuf {
    journal.map_or_else(|| state::directory(common), Clone::clone)
}

/// Whether a file is an export: lines of JSON.
fn exported(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| e == "jsonl" || e == "json" || e == "ndjson")
}

fn check(path: &Path, head: Option<&str>, out: Out) -> Result<Exit, Failure> {
    if exported(path) {
        let entries = read(&read_text(path)?).map_err(|e| Failure::of(Code::Broken, &e))?;
        return tell(path, &verified(&entries, head)?, &[], out);
    }
    let log = open(path)?;
    let report = verified(&log, head)?;
    // The chain covers what can be read; the rest of the file is the store's own check.
    let damage = log.integrity().unwrap_or_else(|e| vec![e.to_string()]);
    let exit = tell(path, &report, &damage, out)?;
    possible(path)?;
    Ok(exit)
}

/// Opens the log, whatever is left of it.
fn open(path: &Path) -> Result<SqliteLog, Failure> {
    read_log(path).map_err(|error| match error {
        OpenError::Corrupt { .. } => Failure::of(Code::Broken, &error)
            .because("no entry can be read")
            .hint("restore it from a backup")
            .hint(SET_ASIDE),
        _ => state::store_failure(&error),
    })
}

/// A chain that is whole can still tell a life that no change set has: a guard only observes with it.
fn possible(path: &Path) -> Result<(), Failure> {
    let book = Book::open_at(path)?;
    match book.impossible.iter().next() {
        None => Ok(()),
        Some((id, why)) => Err(book.impossible_step(*id, why)),
    }
}

fn verified<S: EntryStore>(log: &S, head: Option<&str>) -> Result<Report, Failure> {
    let known: Vec<Head> = match head {
        Some(text) => vec![known_head(log, text)?],
        None => Vec::new(),
    };
    verify(log, &known).map_err(|e| Failure::of(Code::Store, &e))
}

/// A head as it was noted: `#812:9f3c…`, or its hash alone.
fn known_head<S: EntryStore>(log: &S, text: &str) -> Result<Head, Failure> {
    let text = text.trim().trim_start_matches('#');
    if let Some(head) = Head::parse(text) {
        return Ok(head);
    }
    let hash = Hash::parse(text).ok_or_else(|| {
        Failure::new(Code::Usage, format!("`--head {text}` is not a head"))
            .hint("write it as `audit verify` printed it: 812:9f3c… with all 64 digits")
    })?;
    match find(log, hash) {
        Ok(Some(head)) => Ok(head),
        Ok(None) => Err(Failure::new(
            Code::Broken,
            "the journal holds no entry with this hash: it was cut off or replaced",
        )),
        Err(e) => Err(Failure::of(Code::Broken, &e)),
    }
}

fn tell(path: &Path, report: &Report, damage: &[String], out: Out) -> Result<Exit, Failure> {
    let whole = report.first_bad.is_none() && damage.is_empty();
    if out.json_wanted() {
        out.document(&json!({
            "kind": "audit",
            "journal": path.display().to_string(),
            "ok": whole,
            "entries": report.entries,
            "head": report.head.to_string(),
            "first_bad": report.first_bad.as_ref().map(|b| json!({
                "entry": b.seq.0, "why": b.why.to_string(),
            })),
            "damage": damage,
        }))?;
    } else if whole {
        out.line(format!(
            "{} {} entries, head {}",
            out.paint(Tone::Good, "ok:"),
            report.entries,
            report.head
        ));
    }
    let Some(bad) = &report.first_bad else {
        return match damage.first() {
            None => Ok(Exit::Ok),
            Some(first) => Err(Failure::new(
                Code::Broken,
                format!(
                    "every entry is as it was written, but {} is damaged",
                    path.display()
                ),
            )
            .because(first.clone())
            .hint("export what can be read now: backstay audit export")),
        };
    };
    let (primary, detail) = found(report, bad);
    let failure = Failure::new(Code::Broken, primary)
        .because(detail)
        .hint("restore the journal from a backup, and find out who had access to it");
    let export = format!(
        "backstay audit export {}    writes the good entries",
        path.display()
    );
    let failure = if report.entries == 0 {
        failure
    } else {
        failure.hint(export)
    };
    Err(failure.hint(SET_ASIDE))
}

/// What is bad, and what is good before it.
fn found(report: &Report, bad: &Bad) -> (String, String) {
    let good = report.entries;
    match &bad.why {
        Why::Damaged { why } if good == 0 => ("no entry can be read".to_owned(), why.clone()),
        Why::Damaged { why } => (
            format!("entries 1–{good} are good; what follows cannot be read"),
            format!("{why}; the last good entry is {}", report.head),
        ),
        why => (
            format!("entry {} is bad: {why}", bad.seq.0),
            format!(
                "{good} entries before it are good, the last is {}",
                report.head
            ),
        ),
    }
}

/// Every good entry as a line: an export of a journal that was altered ends before the first bad one.
fn export(path: &Path, out: Out) -> Result<Exit, Failure> {
    let log = open(path)?;
    let report = verified(&log, None)?;
    let good = usize::try_from(report.entries).unwrap_or(usize::MAX);
    for entry in Entries::new(&log, Seq(1)).take(good) {
        let entry = entry.map_err(|e| journal_failure(&e, path))?;
        let text = line(&entry).ok_or_else(|| {
            Failure::new(
                Code::Broken,
                format!("entry {} is no text that can be exported", entry.seq.0),
            )
        })?;
        out.line(text);
    }
    let Some(bad) = &report.first_bad else {
        return Ok(Exit::Ok);
    };
    let (primary, _) = found(&report, bad);
    Err(Failure::new(Code::Broken, primary)
        .because(format!(
            "the export ends there: it holds {} good entries",
            report.entries
        ))
        .hint(format!("backstay audit verify {}", path.display())))
}
