//! `backstay audit set-aside`: a journal that cannot be gone on with is kept and put out of the way, so
//! that the next guard begins a new one.

use std::fs;
use std::path::Path;

use backstay_guard::requests::LetterBox;
use backstay_store_sqlite::set_aside;
use serde_json::json;

use super::damage;
use crate::args::Common;
use crate::commands::changes::told;
use crate::commands::record::{Book, Running, running};
use crate::failure::{Code, Exit, Failure};
use crate::out::{Out, Tone};
use crate::page::{Page, cell, dim, plain};
use crate::state;

/// What is wrong with the journal, and what goes out of the guard's sight with it.
struct Findings {
    why: String,
    /// Change sets that are not over, in one line each.
    open: Vec<String>,
    /// Who paused; unknown when the journal cannot be read.
    paused: Paused,
}

/// Whether a person said that it shall be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consent {
    Given,
    Missing,
}

enum Paused {
    No,
    By(String),
    Unknown,
}

/// Moves the journal away once that was confirmed; tells what is wrong with it otherwise.
pub(super) fn run(common: &Common, consent: Consent, out: Out) -> Result<Exit, Failure> {
    let directory = state::directory(common);
    let findings = look(&directory)?;
    if running(&directory) == Running::Yes {
        return Err(Failure::new(
            Code::Locked,
            format!("a guard works on {}", directory.display()),
        )
        .hint("stop it first: it goes on with the journal that it has"));
    }
    if consent == Consent::Missing {
        let failure = Failure::new(
            Code::Usage,
            format!("this ends the journal of {}", directory.display()),
        );
        let failure = failure.because(findings.why);
        let failure = findings.open.iter().fold(failure, |f, open| {
            f.because(format!("the next guard will not know {open}"))
        });
        return Err(failure
            .hint("backstay audit export > journal.jsonl    first keeps a copy elsewhere")
            .hint("backstay audit set-aside --yes"));
    }
    keep_paused(&directory, &findings.paused)?;
    let to = set_aside(&directory).map_err(|e| state::store_failure(&e))?;
    if out.json_wanted() {
        out.document(&json!({
            "kind": "journal_set_aside",
            "journal": to.display().to_string(),
            "why": findings.why,
            "left_open": findings.open,
            "paused": !matches!(findings.paused, Paused::No),
        }))?;
        return Ok(Exit::Ok);
    }
    show(&to, &findings, out);
    Ok(Exit::Ok)
}

fn show(to: &Path, findings: &Findings, out: Out) {
    let mut page = Page::new(out);
    let mut rows = vec![
        vec![dim("set aside"), plain(to.display().to_string())],
        vec![dim("because"), plain(findings.why.clone())],
    ];
    for open in &findings.open {
        rows.push(vec![dim("left open"), cell(Tone::Warn, open.clone())]);
    }
    rows.push(vec![
        dim("begins anew"),
        plain("known good configurations, what was learnt, budgets and cool-downs"),
    ]);
    match &findings.paused {
        Paused::No => {}
        Paused::By(who) => rows.push(vec![
            dim("paused"),
            plain(format!("still, by {who}; `backstay resume` ends it")),
        ]),
        Paused::Unknown => rows.push(vec![
            dim("paused"),
            plain("as nobody can read whether it was; `backstay resume` ends it"),
        ]),
    }
    rows.push(vec![
        dim("to read it"),
        plain(format!("backstay audit verify {}", to.display())),
    ]);
    page.rows(0, &rows);
    page.say();
}

/// What is wrong with the journal of `directory`. A good one is not set aside.
fn look(directory: &Path) -> Result<Findings, Failure> {
    let unreadable = |why: String| Findings {
        why,
        open: Vec::new(),
        paused: Paused::Unknown,
    };
    let damage = damage(directory);
    let book = match state::read(directory) {
        Ok(_) => Book::open_at(directory),
        Err(failure) if failure.code == Code::Broken => {
            return Ok(unreadable(failure.primary));
        }
        Err(failure) => return Err(failure),
    };
    let book = match (book, &damage) {
        (Ok(book), _) => book,
        (Err(_), Some(why)) => return Ok(unreadable(why.clone())),
        (Err(failure), None) => return Ok(unreadable(failure.primary)),
    };
    let impossible = book.impossible.iter().next();
    let impossible =
        impossible.map(|(id, why)| format!("{id} holds a step that cannot have happened: {why}"));
    let Some(why) = damage.or(impossible) else {
        return Err(Failure::new(
            Code::Usage,
            format!(
                "the journal of {} is good: a guard can go on with it",
                directory.display()
            ),
        )
        .hint("backstay audit verify"));
    };
    let open = book.cases.values().filter(|c| !c.state.settled());
    let open = open.map(|c| {
        let set = &c.change_set;
        format!(
            "{} {}: {}, {}",
            set.id,
            set.target,
            told(set),
            c.state.word()
        )
    });
    let paused = book.paused.as_ref().map(|(by, _)| by.clone());
    Ok(Findings {
        why,
        open: open.collect(),
        paused: paused.map_or(Paused::No, Paused::By),
    })
}

/// A pause outlives the journal that it stands in.
fn keep_paused(directory: &Path, paused: &Paused) -> Result<(), Failure> {
    let letters = LetterBox::of(directory);
    let by = match paused {
        Paused::No => return Ok(()),
        _ if letters.paused() => return Ok(()),
        Paused::By(who) => who.as_str(),
        Paused::Unknown => "audit set-aside",
    };
    let note = format!("{by}\nthe journal was set aside\n");
    fs::write(letters.pause_file(), note).map_err(|e| Failure::of(Code::Store, &e))
}
