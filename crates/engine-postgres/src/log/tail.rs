//! Reading what was appended to the log, a bounded piece at a time.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use backstay_engine::{Notice, Statement};
use backstay_model::Span;

use super::{Format, LogLine, Parser, statement};

/// The most that is read in one look.
const READ_BYTES_MAX: u64 = 1 << 20;
/// When more than this waits to be read, the older part is given up.
const BEHIND_BYTES_MAX: u64 = 8 << 20;
/// The most statements that are kept until somebody asks.
const STATEMENTS_MAX: usize = 1_000;

/// Where the log is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSource {
    /// The file, as this machine sees it.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
    /// How far its time zone is ahead of UTC.
    pub zone: Span,
}

/// Whether the log can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogState {
    /// It can.
    Reading,
    /// It cannot.
    Off(Notice),
}

/// What was counted since the last call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogCounts {
    /// Entries of severity `ERROR` and worse.
    pub errors: u64,
    /// Bytes by which the log grew.
    pub bytes: u64,
}

/// Follows the server's log over rotations.
#[derive(Debug, Default)]
pub struct Tailer {
    open: Option<Open>,
    statements: Vec<Kept>,
    entry: u64,
    counts: LogCounts,
}

/// The file that is followed.
#[derive(Debug)]
struct Open {
    source: LogSource,
    parser: Parser,
    offset: u64,
    size: u64,
    inode: Option<u64>,
}

/// A statement and the entry it came from, so that a failure of that entry can take it back.
#[derive(Debug)]
struct Kept {
    pid: Option<u32>,
    entry: u64,
    statement: Statement,
}

impl Tailer {
    /// Follows `source` from now on. The first file is read from its end, a later one (a rotation) from
    /// its beginning, after the rest of the one before.
    pub fn follow(&mut self, source: LogSource) {
        if self.open.as_ref().is_some_and(|open| open.source == source) {
            return;
        }
        let rotated = self.open.is_some();
        if rotated {
            // The rest of the old file; if it is gone already, nothing can be said about it.
            if let LogState::Off(notice) = self.read() {
                tracing::debug!(what = %notice.what, "the rest of a rotated log was not read");
            }
        }
        let metadata = std::fs::metadata(&source.path).ok();
        let end = metadata.as_ref().map_or(0, std::fs::Metadata::len);
        let offset = if rotated { 0 } else { end };
        let parser = Parser::new(source.format.clone(), source.zone);
        let inode = metadata.map(|m| m.ino());
        self.open = Some(Open {
            source,
            parser,
            offset,
            size: offset,
            inode,
        });
    }

    /// Follows nothing.
    pub fn stop(&mut self) {
        self.open = None;
    }

    /// Whether a log is followed.
    #[must_use]
    pub const fn following(&self) -> bool {
        self.open.is_some()
    }

    /// Reads what was appended.
    pub fn read(&mut self) -> LogState {
        let Some(open) = self.open.as_mut() else {
            return LogState::Reading;
        };
        match open.lines() {
            Ok(lines) => {
                self.counts.bytes += lines.grown;
                lines.found.into_iter().for_each(|line| self.take(&line));
                match lines.given_up {
                    0 => LogState::Reading,
                    bytes => LogState::Off(given_up(bytes)),
                }
            }
            Err(error) => LogState::Off(unreadable(&open.source.path, error.kind())),
        }
    }

    fn take(&mut self, line: &LogLine) {
        self.entry += 1;
        if line.error() {
            self.counts.errors += 1;
            if line.failed.as_deref().is_some_and(statement::relevant) {
                self.take_back(line.pid);
            }
            return;
        }
        let entry = self.entry;
        let kept = |statement| Kept {
            pid: line.pid,
            entry,
            statement,
        };
        self.statements
            .extend(statement::all_from_line(line).into_iter().map(kept));
        if let Some(over) = self
            .statements
            .len()
            .checked_sub(STATEMENTS_MAX)
            .filter(|n| *n > 0)
        {
            tracing::warn!(
                over,
                "more configuration statements than are kept; the oldest are dropped"
            );
            self.statements.drain(..over);
        }
    }

    /// Takes back the last statement of process `pid`: it was logged before it ran, and it failed.
    fn take_back(&mut self, pid: Option<u32>) {
        if let Some(last) = self
            .statements
            .iter()
            .rev()
            .find(|k| k.pid == pid)
            .map(|k| k.entry)
        {
            self.statements.retain(|kept| kept.entry != last);
        }
    }

    /// The statements that were read and not yet taken. They stay.
    #[must_use]
    pub fn statements(&self) -> Vec<Statement> {
        self.statements
            .iter()
            .map(|kept| kept.statement.clone())
            .collect()
    }

    /// Drops the statements that `keep` does not want.
    pub fn keep(&mut self, keep: impl Fn(&Statement) -> bool) {
        self.statements.retain(|kept| keep(&kept.statement));
    }

    /// What was counted since the last call; `None` when no log is followed.
    pub fn counts(&mut self) -> Option<LogCounts> {
        self.open.as_ref()?;
        Some(std::mem::take(&mut self.counts))
    }
}

/// What one look found.
struct Lines {
    found: Vec<LogLine>,
    grown: u64,
    given_up: u64,
}

impl Open {
    fn lines(&mut self) -> std::io::Result<Lines> {
        let mut file = File::open(&self.source.path)?;
        let metadata = file.metadata()?;
        let size = metadata.len();
        // The same name, another file, or the same file emptied: from its beginning.
        if self.inode.is_some_and(|known| known != metadata.ino()) || size < self.offset {
            (self.offset, self.size) = (0, 0);
            self.parser = Parser::new(self.source.format.clone(), self.source.zone);
        }
        self.inode = Some(metadata.ino());
        let grown = size.saturating_sub(self.size);
        self.size = size;
        let mut given_up = 0;
        if size - self.offset > BEHIND_BYTES_MAX {
            given_up = size - self.offset - READ_BYTES_MAX;
            self.offset += given_up;
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.offset))?;
        file.take(READ_BYTES_MAX).read_to_end(&mut bytes)?;
        // Up to the last whole line, so that no character is torn; one endless line is taken as it is.
        let whole = match bytes.iter().rposition(|b| *b == b'\n') {
            Some(end) => end + 1,
            None if bytes.len() as u64 == READ_BYTES_MAX => bytes.len(),
            None => 0,
        };
        bytes.truncate(whole);
        self.offset += whole as u64;
        let mut found = self.parser.push(&String::from_utf8_lossy(&bytes));
        if self.offset == size {
            found.extend(self.parser.flush());
        }
        Ok(Lines {
            found,
            grown,
            given_up,
        })
    }
}

fn given_up(bytes: u64) -> Notice {
    Notice {
        what: "the server's log grows faster than it is read".to_owned(),
        effect: format!("{bytes} bytes were skipped: the author of a change in them stays unknown"),
        remedy: None,
    }
}

fn unreadable(path: &Path, kind: ErrorKind) -> Notice {
    let (why, remedy) = match kind {
        ErrorKind::NotFound => ("is not there", None),
        ErrorKind::PermissionDenied => (
            "may not be read",
            Some(
                "ALTER SYSTEM SET log_file_mode = '0640'; and run backstay in the group of the \
                 server's user"
                    .to_owned(),
            ),
        ),
        _ => ("cannot be read", None),
    };
    Notice {
        what: format!("the server's log {} {why}", path.display()),
        effect: "authors and reasons of changes, and errors per second, stay unknown".to_owned(),
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn append(path: &Path, text: &str) {
        File::options()
            .append(true)
            .create(true)
            .open(path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    fn entry(pid: u32, severity: &str, rest: &str) -> String {
        format!(
            "{{\"timestamp\":\"2026-11-23 18:00:00.123 UTC\",\"user\":\"ann\",\"pid\":{pid},\"error_severity\":\"{severity}\",{rest}}}\n"
        )
    }

    fn set(pid: u32, name: &str) -> String {
        entry(
            pid,
            "LOG",
            &format!("\"message\":\"statement: ALTER SYSTEM SET {name} = 'ü'\""),
        )
    }

    fn names(tailer: &Tailer) -> String {
        let names = tailer.statements().into_iter().flat_map(|s| s.keys);
        names
            .map(|k| k.name.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn source(path: &Path) -> LogSource {
        LogSource {
            path: path.to_owned(),
            format: Format::Json,
            zone: Span::ZERO,
        }
    }

    #[test]
    fn it_follows_appends_rotations_and_truncations() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (
            folder.path().join("one.json"),
            folder.path().join("two.json"),
        );
        append(&one, &set(1, "before"));
        let mut tailer = Tailer::default();
        assert_eq!(tailer.counts(), None);
        tailer.follow(source(&one));
        assert_eq!(tailer.read(), LogState::Reading);
        assert_eq!(names(&tailer), "");
        let (head, rest) = set(1, "torn")
            .split_at_checked(40)
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        append(&one, &head);
        assert_eq!(tailer.read(), LogState::Reading);
        assert_eq!(names(&tailer), "");
        append(&one, &rest);
        append(&one, &entry(2, "ERROR", "\"message\":\"division by zero\""));
        tailer.read();
        assert_eq!(names(&tailer), "torn");
        let bytes = std::fs::metadata(&one).unwrap().len() - set(1, "before").len() as u64;
        assert_eq!(tailer.counts(), Some(LogCounts { errors: 1, bytes }));
        append(&one, &set(1, "last_of_one"));
        append(&two, &set(1, "first_of_two"));
        tailer.follow(source(&two));
        tailer.read();
        assert_eq!(names(&tailer), "torn last_of_one first_of_two");
        std::fs::write(&two, set(1, "x")).unwrap();
        tailer.keep(|s| s.keys[0].name.as_str() != "torn");
        tailer.read();
        assert_eq!(names(&tailer), "last_of_one first_of_two x");
    }

    #[test]
    fn a_statement_that_failed_explains_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.json");
        append(&path, "");
        let mut tailer = Tailer::default();
        tailer.follow(source(&path));
        append(&path, &(set(1, "good") + &set(2, "bad")));
        let failed =
            "\"message\":\"permission denied\",\"statement\":\"ALTER SYSTEM SET bad = 'ü'\"";
        append(&path, &entry(2, "ERROR", failed));
        append(
            &path,
            &entry(1, "ERROR", "\"message\":\"no\",\"statement\":\"SELECT 1\""),
        );
        tailer.read();
        assert_eq!(names(&tailer), "good");
    }

    #[test]
    fn a_file_that_vanished_is_a_notice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.json");
        append(&path, "");
        let mut tailer = Tailer::default();
        tailer.follow(source(&path));
        std::fs::remove_file(&path).unwrap();
        let LogState::Off(notice) = tailer.read() else {
            panic!("it is gone")
        };
        assert!(notice.what.ends_with("log.json is not there"), "{notice:?}");
        append(&path, &set(1, "back"));
        assert_eq!(tailer.read(), LogState::Reading);
        assert_eq!(names(&tailer), "back");
    }
}
