//! What people ask of a running guard from another terminal: a folder of small files in the state
//! directory, and the file `PAUSE`, which works with nothing but a shell.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use backstay_journal::Request;
use serde::{Deserialize, Serialize};

/// Requests that are taken in at once; the rest waits.
const TAKEN_MAX: usize = 64;
/// A request file larger than this is not one.
const BYTES_MAX: u64 = 64 * 1024;

/// A request, with who makes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// Who.
    pub by: String,
    /// What for.
    pub request: Request,
}

/// The letter box of a state directory.
#[derive(Debug, Clone)]
pub struct LetterBox {
    state: PathBuf,
}

impl LetterBox {
    /// The letter box of the state directory `state`.
    #[must_use]
    pub fn of(state: &Path) -> Self {
        Self {
            state: state.to_owned(),
        }
    }

    fn folder(&self) -> PathBuf {
        self.state.join("requests")
    }

    /// The file whose existence pauses all writing.
    #[must_use]
    pub fn pause_file(&self) -> PathBuf {
        self.state.join("PAUSE")
    }

    /// Whether the pause file is there; a directory that cannot be read counts as paused.
    #[must_use]
    pub fn paused(&self) -> bool {
        self.pause_file().try_exists().unwrap_or(true)
    }

    /// Who wrote the pause file: its first line, `the PAUSE file` when it is empty.
    #[must_use]
    pub fn paused_by(&self) -> String {
        let text = fs::read_to_string(self.pause_file()).unwrap_or_default();
        let by = text.lines().next().unwrap_or_default().trim();
        if by.is_empty() {
            "the PAUSE file".to_owned()
        } else {
            by.chars().take(200).collect()
        }
    }

    /// Puts a letter in. Written beside and renamed, so that the guard never sees half of one.
    ///
    /// # Errors
    /// The file system's.
    pub fn post(&self, letter: &Letter) -> io::Result<()> {
        let folder = self.folder();
        fs::create_dir_all(&folder)?;
        let bytes = serde_json::to_vec(letter)?;
        let mut number = newest(&folder)? + 1;
        // The draft is the claim to a number: whoever else writes at this moment takes the next one.
        let stem = loop {
            let stem = folder.join(format!("{number:012}"));
            match fs::File::create_new(stem.with_extension("draft")) {
                Ok(mut draft) if !stem.with_extension("json").exists() => {
                    draft.write_all(&bytes)?;
                    break stem;
                }
                Ok(_) => fs::remove_file(stem.with_extension("draft"))?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            number += 1;
        };
        fs::rename(stem.with_extension("draft"), stem.with_extension("json"))
    }

    /// Takes out what lies there, oldest name first. What is no letter is put aside, not obeyed.
    #[must_use]
    pub fn take(&self) -> Vec<Letter> {
        let Ok(entries) = fs::read_dir(self.folder()) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries
            .flatten()
            .map(|e| e.path())
            .filter(|p| p.extension().is_some_and(|e| e == "json"))
            .collect();
        paths.sort();
        paths
            .into_iter()
            .take(TAKEN_MAX)
            .filter_map(|path| open(&path))
            .collect()
    }
}

/// The largest number that a file of `folder` has, so that names are in the order of arrival.
fn newest(folder: &Path) -> io::Result<u64> {
    let mut newest = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|s| s.to_str());
        newest = newest.max(stem.and_then(|s| s.parse().ok()).unwrap_or(0));
    }
    Ok(newest)
}

fn open(path: &Path) -> Option<Letter> {
    let small = fs::metadata(path).is_ok_and(|m| m.len() <= BYTES_MAX);
    let letter = small.then(|| fs::read(path).ok()).flatten();
    let letter = letter.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let outcome = match &letter {
        Some(_) => fs::remove_file(path),
        None => fs::rename(path, path.with_extension("refused")),
    };
    if let Err(error) = outcome {
        tracing::warn!(%error, path = %path.display(), "a request could not be taken out");
        return None;
    }
    letter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_arrives_once_and_rubbish_is_put_aside() {
        let state = tempfile::tempdir().unwrap();
        let letters = LetterBox::of(state.path());
        assert!(letters.take().is_empty());
        let letter = Letter {
            by: "ann".into(),
            request: Request::Pause,
        };
        letters.post(&letter).unwrap();
        fs::write(state.path().join("requests/zz.json"), "{").unwrap();
        assert_eq!(letters.take(), [letter]);
        assert!(letters.take().is_empty());
        assert!(state.path().join("requests/zz.refused").exists());
    }

    #[test]
    fn letters_posted_at_once_all_arrive_in_order() {
        let state = tempfile::tempdir().unwrap();
        let letters = LetterBox::of(state.path());
        let letter = |by: String| Letter {
            by,
            request: Request::Pause,
        };
        // Somebody's unfinished draft has the first number.
        letters.post(&letter("first".into())).unwrap();
        fs::write(state.path().join("requests/000000000002.draft"), "").unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let letters = &letters;
                scope.spawn(move || {
                    for n in 0..10 {
                        letters.post(&letter(format!("{writer} {n:02}"))).unwrap();
                    }
                });
            }
        });
        let taken: Vec<String> = letters.take().into_iter().map(|l| l.by).collect();
        assert_eq!(taken.len(), 41);
        assert_eq!(taken[0], "first");
        for writer in ["0 ", "1 ", "2 ", "3 "] {
            let own: Vec<_> = taken.iter().filter(|by| by.starts_with(writer)).collect();
            assert!(own.is_sorted() && own.len() == 10, "{own:?}");
        }
    }

    #[test]
    fn the_pause_file_pauses() {
        let state = tempfile::tempdir().unwrap();
        let letters = LetterBox::of(state.path());
        assert!(!letters.paused());
        fs::write(letters.pause_file(), "").unwrap();
        assert!(letters.paused());
    }
}
