//! `backstay changes`: the change sets that were seen.

use std::collections::BTreeMap;

use backstay_guard::words::values;
use backstay_model::{ChangeSet, ChangeSetId};
use serde_json::{Value, json};

use crate::args::{Changes, Common};
use crate::commands::explain::{change_document, show_change};
use crate::commands::record::Book;
use crate::failure::{Exit, Failure};
use crate::out::{Out, Tone};
use crate::page::{Cell, Page, cell, dim, plain};
use crate::wire;

/// Changes of one set that a line names.
const NAMED_MAX: usize = 2;

/// Lists them, or shows one.
pub(crate) fn run(args: &Changes, common: &Common, out: Out) -> Result<Exit, Failure> {
    let book = Book::open(common)?;
    match args {
        Changes::List { most } => list(&book, *most, out)?,
        Changes::Show { id } => {
            let own = book.ours.get(&book.id(id)?);
            match own {
                Some(set) => show_own(set, out)?,
                None => {
                    let case = book.case(id)?;
                    if out.json_wanted() {
                        out.document(&change_document(&book, case))?;
                    } else {
                        show_change(out, &book, case);
                    }
                }
            }
        }
    }
    Ok(Exit::Ok)
}

/// One line of the list.
struct Line<'a> {
    set: &'a ChangeSet,
    state: &'a str,
    tone: Tone,
    verdict: Option<&'static str>,
}

fn lines(book: &Book) -> BTreeMap<ChangeSetId, Line<'_>> {
    let lives = book.cases.iter().map(|(id, case)| {
        let line = Line {
            set: &case.change_set,
            state: case.state.word(),
            tone: super::explain::tone(&case.state),
            verdict: case.verdict.as_ref().map(|v| v.kind.word()),
        };
        (*id, line)
    });
    let ours = book.ours.iter().map(|(id, set)| {
        let line = Line {
            set,
            state: "own write",
            tone: Tone::Dim,
            verdict: None,
        };
        (*id, line)
    });
    lives.chain(ours).collect()
}

fn list(book: &Book, most: usize, out: Out) -> Result<(), Failure> {
    let lines = lines(book);
    let newest = lines.iter().rev().take(most);
    if out.json_wanted() {
        let all: Vec<Value> = newest.map(|(_, line)| entry(line)).collect();
        return out.document(&json!({ "kind": "change_sets", "change_sets": all }));
    }
    let mut page = Page::new(out);
    if lines.is_empty() {
        page.line("no change was seen yet");
        page.say();
        return Ok(());
    }
    let head = [
        "change",
        "when, UTC",
        "on",
        "by",
        "state",
        "verdict",
        "what",
    ];
    let head = head.map(dim).to_vec();
    let listed = newest.map(|(id, line)| {
        let verdict = match line.verdict {
            Some(word) if word != line.state => word,
            _ => "",
        };
        vec![
            cell(Tone::Bold, id.to_string()),
            dim(super::explain::short(&line.set.effective_at().to_string())),
            plain(line.set.target.as_str()),
            plain(line.set.author().name()),
            cell(line.tone, line.state),
            plain(verdict),
            plain(told(line.set)),
        ]
    });
    let rows: Vec<Vec<Cell>> = std::iter::once(head).chain(listed).collect();
    page.rows(0, &rows);
    if lines.len() > most {
        page.rows(0, &[vec![dim(format!("and {} older", lines.len() - most))]]);
    }
    page.say();
    Ok(())
}

/// The changes of a set in one line.
pub(crate) fn told(set: &ChangeSet) -> String {
    let one = |c: &backstay_model::Change| {
        let (old, new) = values(c);
        format!("{} {old} -> {new}", c.key)
    };
    let mut named: Vec<String> = set.changes.iter().take(NAMED_MAX).map(one).collect();
    if set.changes.len() > NAMED_MAX {
        named.push(format!("{} more", set.changes.len() - NAMED_MAX));
    }
    named.join(", ")
}

fn entry(line: &Line<'_>) -> Value {
    let mut value = wire::change_set(line.set);
    if let Some(object) = value.as_object_mut() {
        object.insert("target".into(), json!(line.set.target.as_str()));
        object.insert("state".into(), json!(line.state.replace(' ', "_")));
        let verdict = line.verdict.map(|v| v.replace(' ', "_"));
        object.insert("verdict".into(), json!(verdict));
    }
    value
}

/// Backstay's own write: nothing to judge.
fn show_own(set: &ChangeSet, out: Out) -> Result<(), Failure> {
    if out.json_wanted() {
        let line = Line {
            set,
            state: "own write",
            tone: Tone::Dim,
            verdict: None,
        };
        let mut value = entry(&line);
        if let Some(object) = value.as_object_mut() {
            object.insert("kind".into(), json!("change_set"));
        }
        return out.document(&value);
    }
    let mut page = Page::new(out);
    page.line(&format!(
        "{}  {}  Backstay's own write, not judged",
        out.paint(Tone::Bold, &set.id.to_string()),
        set.target
    ));
    page.paragraph(2, &told(set));
    page.say();
    Ok(())
}
