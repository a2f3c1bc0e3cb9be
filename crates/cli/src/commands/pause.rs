//! `backstay pause` and `backstay resume`: the stop button. A file, so that it works with nothing but
//! a shell, and also while no guard runs.

use std::fs;

use backstay_guard::requests::{Letter, LetterBox};
use backstay_journal::Request;
use serde_json::json;

use crate::args::{Common, Pause};
use crate::commands::record::{Book, Running, pause_note, running};
use crate::commands::rollback::person;
use crate::failure::{Code, Exit, Failure};
use crate::out::{Out, Tone};
use crate::state;

/// Stops all writing.
pub(crate) fn pause(args: &Pause, common: &Common, out: Out) -> Result<Exit, Failure> {
    let directory = state::directory(common);
    if !directory.is_dir() {
        return Err(nowhere(common));
    }
    let letters = LetterBox::of(&directory);
    let by = person();
    // One line each, whatever was typed.
    let why = args
        .why
        .as_deref()
        .unwrap_or_default()
        .replace(['\n', '\r'], " ");
    let draft = directory.join("PAUSE.draft");
    fs::write(&draft, format!("{by}\n{why}\n"))
        .and_then(|()| fs::rename(&draft, letters.pause_file()))
        .map_err(|e| {
            Failure::of(Code::Store, &e)
                .because(format!("file {}", letters.pause_file().display()))
                .hint(format!("touch {}", letters.pause_file().display()))
        })?;
    tell(
        common,
        out,
        &Told {
            word: "paused",
            tone: Tone::Warn,
            text: "nothing is written from now on",
        },
    )
}

/// Allows writing again.
pub(crate) fn resume(common: &Common, out: Out) -> Result<Exit, Failure> {
    let directory = state::directory(common);
    if !directory.is_dir() {
        return Err(nowhere(common));
    }
    let letters = LetterBox::of(&directory);
    if !letters.paused() {
        out.note("it was not paused");
        return Ok(Exit::Ok);
    }
    let (by, why) = pause_note(&directory);
    fs::remove_file(letters.pause_file()).map_err(|e| {
        Failure::of(Code::Store, &e).because(format!("file {}", letters.pause_file().display()))
    })?;
    if running(&directory) == Running::Yes {
        let letter = Letter {
            by: person(),
            request: Request::Resume,
        };
        letters
            .post(&letter)
            .map_err(|e| Failure::of(Code::Store, &e))?;
    }
    let why = why.map(|w| format!(" ({w})")).unwrap_or_default();
    out.note(format!("it was paused by {by}{why}"));
    tell(
        common,
        out,
        &Told {
            word: "resumed",
            tone: Tone::Good,
            text: "writing is possible again",
        },
    )
}

struct Told {
    word: &'static str,
    tone: Tone,
    text: &'static str,
}

fn tell(common: &Common, out: Out, told: &Told) -> Result<Exit, Failure> {
    let directory = state::directory(common);
    let book = Book::if_any(common).ok().flatten();
    let targets: Vec<String> = book
        .iter()
        .flat_map(|b| &b.targets)
        .filter(|(_, standing)| standing.left_at.is_none())
        .map(|(target, _)| target.to_string())
        .collect();
    let guard = running(&directory);
    if out.json_wanted() {
        out.document(&json!({
            "kind": told.word,
            "state_dir": directory.display().to_string(),
            "targets": targets,
            "guard_running": guard == Running::Yes,
        }))?;
        return Ok(Exit::Ok);
    }
    let about = match targets.as_slice() {
        [] => "every target of this state directory".to_owned(),
        named => named.join(", "),
    };
    out.line(format!(
        "{}: {}; {about}",
        out.paint(told.tone, told.word),
        told.text
    ));
    if guard == Running::No {
        out.note("no guard runs here now; it holds for the next one");
    }
    Ok(Exit::Ok)
}

fn nowhere(common: &Common) -> Failure {
    let directory = state::directory(common);
    Failure::new(
        Code::NoGuard,
        format!("there is no state directory at {}", directory.display()),
    )
    .hint("give --state-dir the directory of the guard that is to be stopped")
}
