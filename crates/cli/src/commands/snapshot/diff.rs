//! What differs between two recorded configurations.

use std::collections::BTreeSet;

use backstay_catalog::{pack, units};
use backstay_journal::SnapshotStore;
use backstay_model::change::Standing;
use backstay_model::{SettingKey, Snapshot, Value as Setting};
use serde_json::{Value, json};

use super::{find, short_id, value};
use crate::args::Common;
use crate::commands::record::Book;
use crate::failure::{Code, Exit, Failure};
use crate::out::{Out, Tone};
use crate::page::{Page, cell, count, dim, plain};

/// A setting that stands differently.
struct Differs<'a> {
    key: &'a SettingKey,
    old: Option<&'a Standing>,
    new: Option<&'a Standing>,
}

pub(super) fn run(
    common: &Common,
    old: &str,
    new: Option<&str>,
    out: Out,
) -> Result<Exit, Failure> {
    let book = Book::open(common)?;
    let old = find(&book, old)?;
    let new = match new {
        Some(text) => find(&book, text)?,
        None => latest(&book, &old)?,
    };
    if old.target != new.target {
        out.note(format!(
            "note: these are configurations of two targets, {} and {}",
            old.target, new.target
        ));
    }
    let differs = compare(&old, &new);
    if out.json_wanted() {
        out.document(&document(&old, &new, &differs))?;
    } else {
        show(out, &old, &new, &differs);
    }
    Ok(Exit::Ok)
}

fn latest(book: &Book, old: &Snapshot) -> Result<Snapshot, Failure> {
    let latest = book.readers.snapshots.latest(&old.target);
    let latest = latest.map_err(|e| Failure::of(Code::Store, &e))?;
    latest.ok_or_else(|| {
        Failure::new(
            Code::Unknown,
            format!("no configuration of {} is recorded", old.target),
        )
    })
}

fn compare<'a>(old: &'a Snapshot, new: &'a Snapshot) -> Vec<Differs<'a>> {
    let keys: BTreeSet<&SettingKey> = old.settings.keys().chain(new.settings.keys()).collect();
    keys.into_iter()
        .map(|key| Differs {
            key,
            old: old.settings.get(key),
            new: new.settings.get(key),
        })
        .filter(|d| d.old != d.new)
        .collect()
}

/// A value with the unit of its setting.
fn told(snapshot: &Snapshot, key: &SettingKey, standing: Option<&Standing>) -> String {
    let value = standing.and_then(|s| s.effective.as_ref().or(s.entry.as_ref()));
    match value {
        None => "not set".into(),
        Some(Setting::Secret(_)) => "(secret)".into(),
        Some(Setting::Text(raw)) => {
            let choice = pack(snapshot.server.engine, snapshot.server.major()).ok();
            let def = choice.and_then(|c| c.pack.def(key.name.as_str()));
            let read = def.and_then(|d| units::parse(d, raw.as_str()).ok());
            read.map_or_else(|| raw.as_str().to_owned(), |q| q.to_string())
        }
    }
}

/// What differs beside the value.
fn beside(d: &Differs<'_>) -> String {
    let (Some(old), Some(new)) = (d.old, d.new) else {
        return d
            .new
            .or(d.old)
            .map_or_else(String::new, |s| s.source.to_string());
    };
    let mut parts = Vec::new();
    if old.source == new.source {
        parts.push(format!("from {}", new.source));
    } else {
        parts.push(format!("from {}, before from {}", new.source, old.source));
    }
    if old.effective == new.effective && old.entry != new.entry {
        let entry = |s: &Standing| {
            s.entry
                .as_ref()
                .map_or_else(|| "none".into(), ToString::to_string)
        };
        parts.push(format!(
            "entry in the file {} -> {}",
            entry(old),
            entry(new)
        ));
    }
    if old.pending_restart != new.pending_restart {
        parts.push("waiting for a restart changed".into());
    }
    parts.join("; ")
}

fn show(out: Out, old: &Snapshot, new: &Snapshot, differs: &[Differs<'_>]) {
    let mut page = Page::new(out);
    page.line(&format!(
        "{} -> {}: {}",
        short_id(&old.id),
        short_id(&new.id),
        match differs.len() {
            0 => "no setting differs".to_owned(),
            1 => "1 setting differs".to_owned(),
            n => format!("{} differ", count(n, "setting")),
        }
    ));
    let rows: Vec<_> = differs
        .iter()
        .map(|d| {
            vec![
                cell(Tone::Bold, format!("~ {}", d.key)),
                plain(format!(
                    "{} -> {}",
                    told(old, d.key, d.old),
                    told(new, d.key, d.new)
                )),
                dim(beside(d)),
            ]
        })
        .collect();
    page.rows(2, &rows);
    let files: Vec<&str> = changed_files(old, new);
    if !files.is_empty() {
        page.rows(2, &[vec![dim("files"), plain(files.join(", "))]]);
    }
    page.say();
}

fn changed_files<'a>(old: &Snapshot, new: &'a Snapshot) -> Vec<&'a str> {
    let before = |path: &str| old.files.iter().find(|f| f.path == path);
    new.files
        .iter()
        .filter(|f| before(&f.path).is_none_or(|b| b.fingerprint != f.fingerprint))
        .map(|f| f.path.as_str())
        .collect()
}

fn document(old: &Snapshot, new: &Snapshot, differs: &[Differs<'_>]) -> Value {
    let standing = |s: Option<&Standing>| {
        s.map(|s| {
            json!({
                "value": value(s.effective.as_ref()),
                "entry": value(s.entry.as_ref()),
                "source": s.source.to_string(),
            })
        })
    };
    json!({
        "kind": "snapshot_diff",
        "old": old.id.to_string(),
        "new": new.id.to_string(),
        "settings": differs.iter().map(|d| json!({
            "setting": d.key.name.as_str(),
            "scope": d.key.scope.to_string(),
            "old": standing(d.old),
            "new": standing(d.new),
        })).collect::<Vec<_>>(),
        "files": changed_files(old, new),
    })
}
