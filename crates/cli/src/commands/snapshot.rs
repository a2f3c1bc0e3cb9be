//! `backstay snapshot`: recorded configurations.

mod diff;

use backstay_guard::requests::Letter;
use backstay_journal::{Request, SnapshotLine, SnapshotStore};
use backstay_model::change::Pending;
use backstay_model::{Snapshot, SnapshotId, Value as Setting};
use serde_json::{Value, json};

use crate::args::{self, Common};
use crate::commands::explain::short;
use crate::commands::record::{Book, Running, running};
use crate::commands::rollback::person;
use crate::commands::subject::look;
use crate::failure::{Code, Exit, Failure};
use crate::out::{Out, Tone};
use crate::page::{Page, cell, dim, plain};
use crate::state;

/// Bytes of metric history that a directory made here may hold; the guard sets its own.
const METRICS_BYTES_MAX: u64 = 256 << 20;
/// Characters of an id that people type.
const SHORT_ID: usize = 12;

/// Runs `snapshot create`, `list`, `diff`, `export` or `restore`.
pub(crate) fn run(args: &args::Snapshot, common: &Common, out: Out) -> Result<Exit, Failure> {
    match args {
        args::Snapshot::Create { dsn } => create(dsn, common, out),
        args::Snapshot::List => list(&Book::open(common)?, out),
        args::Snapshot::Diff { old, new } => diff::run(common, old, new.as_deref(), out),
        args::Snapshot::Export { id } => {
            let book = Book::open(common)?;
            out.document(&document(&find(&book, id)?))?;
            Ok(Exit::Ok)
        }
        args::Snapshot::Restore { id } => {
            Err(Failure::not_yet("putting a whole configuration back")
                .hint(format!(
                    "backstay snapshot diff {id}    tells what differs from it"
                ))
                .hint("backstay rollback plan C17    tells how one change is put back"))
        }
    }
}

/// Reads the configuration of a server and stores it; where a guard owns the directory, the guard
/// does it.
fn create(dsn: &str, common: &Common, out: Out) -> Result<Exit, Failure> {
    let directory = state::directory(common);
    if running(&directory) == Running::Yes {
        return by_guard(dsn, common, out);
    }
    let _key = state::key(&directory)?;
    let (snapshot, place) = look(dsn, common)?;
    let mut stores = state::stores(&directory, METRICS_BYTES_MAX)?;
    stores
        .snapshots
        .put(&snapshot)
        .map_err(|e| Failure::of(Code::Store, &e))?;
    if out.json_wanted() {
        out.document(&json!({
            "kind": "snapshot_stored",
            "id": snapshot.id.to_string(),
            "target": snapshot.target.as_str(),
            "settings": snapshot.settings.len(),
        }))?;
    } else {
        out.line(format!(
            "{}  {} at {}, {} settings",
            snapshot.id,
            snapshot.target,
            place.address,
            snapshot.settings.len()
        ));
    }
    Ok(Exit::Ok)
}

/// The guard on this directory watches the same server: it is asked to store what it sees.
fn by_guard(dsn: &str, common: &Common, out: Out) -> Result<Exit, Failure> {
    let address = crate::postgres::resolve(dsn)?.address();
    let book = Book::open(common)?;
    let watched = book.targets.iter().find(|(_, standing)| {
        let watched = standing.watched.as_ref();
        watched.is_some_and(|w| w.address == address)
    });
    let Some((target, _)) = watched else {
        return Err(Failure::new(
            Code::Locked,
            format!(
                "a guard owns {} and does not watch {address}",
                book.directory.display()
            ),
        )
        .hint("give --state-dir another directory"));
    };
    let letter = Letter {
        by: person(),
        request: Request::TakeSnapshot {
            target: target.clone(),
        },
    };
    book.letters()
        .post(&letter)
        .map_err(|e| Failure::of(Code::Store, &e))?;
    out.note(format!(
        "the guard that watches {target} was asked to store it"
    ));
    Ok(Exit::Ok)
}

fn lines(book: &Book) -> Result<Vec<SnapshotLine>, Failure> {
    book.readers
        .snapshots
        .list(None)
        .map_err(|e| Failure::of(Code::Store, &e))
}

fn list(book: &Book, out: Out) -> Result<Exit, Failure> {
    let lines = lines(book)?;
    if out.json_wanted() {
        let all: Vec<Value> = lines
            .iter()
            .map(|l| {
                json!({
                    "id": l.id.to_string(),
                    "target": l.target.as_str(),
                    "first_at": l.first_at.to_string(),
                    "last_at": l.last_at.to_string(),
                    "good_at": l.good_at.map(|t| t.to_string()),
                })
            })
            .collect();
        out.document(&json!({ "kind": "snapshots", "snapshots": all }))?;
        return Ok(Exit::Ok);
    }
    let mut page = Page::new(out);
    if lines.is_empty() {
        page.line("no configuration is recorded yet");
    }
    let rows: Vec<_> = lines
        .iter()
        .map(|l| {
            let good = match l.good_at {
                Some(at) => cell(
                    Tone::Good,
                    format!("known good since {}", short(&at.to_string())),
                ),
                None => dim("not known to be good"),
            };
            vec![
                cell(Tone::Bold, short_id(&l.id)),
                plain(l.target.as_str()),
                dim(format!(
                    "{} to {}",
                    short(&l.first_at.to_string()),
                    short(&l.last_at.to_string())
                )),
                good,
            ]
        })
        .collect();
    page.rows(0, &rows);
    page.say();
    Ok(Exit::Ok)
}

/// The beginning of an id: enough to name it.
fn short_id(id: &SnapshotId) -> String {
    id.0.chars().take(SHORT_ID).collect()
}

/// The snapshot whose id begins with `text`.
fn find(book: &Book, text: &str) -> Result<Snapshot, Failure> {
    let wanted = text.to_lowercase();
    let lines = lines(book)?;
    let mut found = lines
        .iter()
        .filter(|l| !wanted.is_empty() && l.id.0.starts_with(&wanted));
    let (first, second) = (found.next(), found.next());
    let line = match (first, second) {
        (Some(line), None) => line,
        (Some(a), Some(b)) => {
            return Err(Failure::new(
                Code::Unknown,
                format!("`{text}` is the beginning of more than one snapshot"),
            )
            .hint(format!("write more of it: {} or {}", a.id, b.id)));
        }
        (None, _) => {
            return Err(Failure::new(
                Code::Unknown,
                format!(
                    "no snapshot `{text}` is recorded in {}",
                    book.directory.display()
                ),
            )
            .hint("backstay snapshot list"));
        }
    };
    let stored = book.readers.snapshots.get(&line.id);
    stored
        .map_err(|e| Failure::of(Code::Store, &e))?
        .ok_or_else(|| Failure::new(Code::Unknown, format!("snapshot {} is gone", line.id)))
}

/// A value for other programs: its text, or only that there is a secret.
fn value(value: Option<&Setting>) -> Value {
    match value {
        None => Value::Null,
        Some(Setting::Text(raw)) => json!({ "text": raw.as_str() }),
        Some(Setting::Secret(_)) => json!({ "redacted": true }),
    }
}

fn document(snapshot: &Snapshot) -> Value {
    json!({
        "kind": "snapshot",
        "id": snapshot.id.to_string(),
        "target": snapshot.target.as_str(),
        "taken_at": snapshot.taken_at.to_string(),
        "server": {
            "engine": snapshot.server.engine.to_string(),
            "version": snapshot.server.version,
            "started_at": snapshot.server.started_at.to_string(),
            "role": snapshot.server.role,
        },
        "settings": snapshot.settings.iter().map(|(key, standing)| json!({
            "setting": key.name.as_str(),
            "scope": key.scope.to_string(),
            "value": value(standing.effective.as_ref()),
            "entry": value(standing.entry.as_ref()),
            "source": standing.source.to_string(),
            "pending_restart": standing.pending_restart == Pending::Restart,
        })).collect::<Vec<_>>(),
        "files": snapshot.files.iter().map(|f| json!({
            "path": f.path,
            "readable": f.fingerprint.is_some(),
            "modified_at": f.modified_at.map(|t| t.to_string()),
        })).collect::<Vec<_>>(),
        "file_errors": snapshot.file_errors.iter().map(|e| json!({
            "path": e.path, "line": e.line, "message": e.message,
        })).collect::<Vec<_>>(),
        "services": snapshot.services.iter().map(|s| json!({
            "service": s.service.as_str(),
            "role": s.role,
            "database": s.database,
            "sessions": s.sessions,
        })).collect::<Vec<_>>(),
    })
}
