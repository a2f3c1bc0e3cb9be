//! `backstay audit`: whether the record is as it was written, and its entries for other tools.

mod aside;

use std::path::{Path, PathBuf};

use backstay_journal::export::{line, read};
use backstay_journal::verify::find;
use backstay_journal::{Entries, EntryStore, Hash, Head, Report, verify};
use backstay_model::Seq;
use backstay_store_sqlite::directory::read_log;
use serde_json::json;

use self::aside::Consent;
use crate::args::{Audit, Common};
use crate::commands::record::{Book, journal_failure};
use crate::commands::subject::read_text;
use crate::failure::{Code, Exit, Failure};
use crate::out::{Out, Tone};
use crate::state;

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
    let log = read_log(path).map_err(|e| state::store_failure(&e))?;
    let report = verified(&log, head)?;
    // The chain covers what can be read; the rest of the file is the store's own check.
    let damage = log.integrity().unwrap_or_else(|e| vec![e.to_string()]);
    let exit = tell(path, &report, &damage, out)?;
    possible(path)?;
    Ok(exit)
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
    Err(Failure::new(
        Code::Broken,
        format!("entry {} is bad: {}", bad.seq.0, bad.why),
    )
    .because(format!(
        "{} entries before it are good, the last is {}",
        report.entries, report.head
    ))
    .hint("restore the journal from a backup, and find out who had access to it")
    .hint(format!(
        "backstay audit export {}    writes the good entries",
        path.display()
    )))
}

/// Every entry as a line, up to the first that cannot be read.
fn export(path: &Path, out: Out) -> Result<Exit, Failure> {
    let log = read_log(path).map_err(|e| state::store_failure(&e))?;
    for entry in Entries::new(&log, Seq(1)) {
        let entry = entry.map_err(|e| journal_failure(&e, path))?;
        let text = line(&entry).ok_or_else(|| {
            Failure::new(
                Code::Broken,
                format!(
                    "entry {} is damaged; the export ends before it",
                    entry.seq.0
                ),
            )
            .hint(format!("backstay audit verify {}", path.display()))
        })?;
        out.line(text);
    }
    Ok(Exit::Ok)
}
