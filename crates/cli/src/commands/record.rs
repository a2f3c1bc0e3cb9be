//! The record, read back: every change set with its state, every target as it stands.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use backstay_guard::case::Case;
use backstay_guard::requests::LetterBox;
use backstay_journal::record::Watched;
use backstay_journal::{
    Condition, Entries, Entry, Head, Histories, Notice, Presence, ReadError, Record,
};
use backstay_model::change::Origin;
use backstay_model::decision::Mode;
use backstay_model::snapshot::Server;
use backstay_model::{ChangeSet, ChangeSetId, Seq, SnapshotId, TargetId, Timestamp};
use backstay_store_sqlite::Readers;

use crate::args::Common;
use crate::failure::{Code, Failure};
use crate::out::warn_once;
use crate::state;

/// Everything that the journal says, folded.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) directory: PathBuf,
    pub(crate) readers: Readers,
    /// Change sets that have a life.
    pub(crate) cases: BTreeMap<ChangeSetId, Case>,
    /// Change sets whose record holds a step that cannot have happened, and which.
    pub(crate) impossible: BTreeMap<ChangeSetId, String>,
    /// Backstay's own writes.
    pub(crate) ours: BTreeMap<ChangeSetId, ChangeSet>,
    pub(crate) targets: BTreeMap<TargetId, Standing>,
    /// The last start and stop of a guard.
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) stopped: Option<(Timestamp, String)>,
    /// Who paused, and why, as the journal says.
    pub(crate) paused: Option<(String, Option<String>)>,
    /// The last entry read.
    pub(crate) last: Seq,
    pub(crate) histories: Histories,
}

/// How a target stands, as far as it is recorded.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub(crate) watched: Option<Watched>,
    pub(crate) condition: Option<(Timestamp, Condition)>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) server: Option<Server>,
    pub(crate) snapshot: Option<SnapshotId>,
    pub(crate) known_good: Option<(Timestamp, SnapshotId)>,
    /// When the guard that watched it left; a later one does not watch it.
    pub(crate) left_at: Option<Timestamp>,
    /// Its last entry.
    heard_at: Option<Timestamp>,
}

impl Book {
    /// How far the guard that watched `target` last may go there; `None` when none did.
    pub(crate) fn mode(&self, target: &TargetId) -> Option<Mode> {
        Some(self.targets.get(target)?.watched.as_ref()?.mode)
    }

    /// Reads the state directory of the command line.
    pub(crate) fn open(common: &Common) -> Result<Self, Failure> {
        Self::open_at(&state::directory(common))
    }

    /// Reads a state directory, or the journal file in one.
    pub(crate) fn open_at(path: &Path) -> Result<Self, Failure> {
        let readers = state::read(path)?;
        let directory = if path.is_dir() {
            path.to_owned()
        } else {
            path.parent().unwrap_or(Path::new(".")).to_owned()
        };
        let entries = entries(&readers, &directory, Head::EMPTY).collect::<Result<Vec<Entry>, _>>();
        let entries = entries.map_err(|e| journal_failure(&e, &directory))?;
        let mut book = Self {
            directory,
            readers,
            cases: BTreeMap::new(),
            impossible: BTreeMap::new(),
            ours: BTreeMap::new(),
            targets: BTreeMap::new(),
            started_at: None,
            stopped: None,
            paused: None,
            last: Seq(0),
            histories: Histories::default(),
        };
        for entry in &entries {
            book.fold(entry);
        }
        book.histories = entries.into_iter().collect();
        book.read_cases();
        Ok(book)
    }

    /// The record of the command line's state directory, when there is one.
    pub(crate) fn if_any(common: &Common) -> Result<Option<Self>, Failure> {
        there(common).then(|| Self::open(common)).transpose()
    }

    /// One life that cannot be told does not hide the others.
    fn read_cases(&mut self) {
        for history in self.histories.iter() {
            let case = match Case::replay(history) {
                Ok(case) => case,
                Err(illegal) => {
                    self.impossible.insert(history.id, illegal.to_string());
                    continue;
                }
            };
            match (case, history.change_set()) {
                (Some(case), _) => {
                    self.cases.insert(history.id, case);
                }
                (None, Some(set)) if set.changes.iter().any(|c| c.origin == Origin::Ours) => {
                    self.ours.insert(history.id, set.clone());
                }
                (None, _) => {}
            }
        }
    }

    /// The failure of a command that needs a life which cannot be told.
    pub(crate) fn impossible_step(&self, id: ChangeSetId, why: &str) -> Failure {
        Failure::new(
            Code::Broken,
            format!("the record of {id} holds a step that cannot have happened"),
        )
        .because(why)
        .because("its target is only observed as long as this journal is in use")
        .hint("backstay audit set-aside    keeps this journal and lets the next guard begin a new one")
    }

    fn fold(&mut self, entry: &Entry) {
        self.last = entry.seq;
        match &entry.record {
            Record::Started { targets, .. } => {
                self.leave(targets, entry.at);
                self.started_at = Some(entry.at);
                self.stopped = None;
                for watched in targets {
                    // What the guard before saw may be over: this one tells what it finds.
                    let standing = self.targets.entry(watched.target.clone()).or_default();
                    standing.watched = Some(watched.clone());
                    standing.left_at = None;
                    standing.condition = None;
                    standing.notices.clear();
                }
            }
            Record::Stopped { why } => self.stopped = Some((entry.at, why.clone())),
            Record::Paused { by, why } => self.paused = Some((by.clone(), why.clone())),
            Record::Resumed { .. } => self.paused = None,
            _ => self.fold_target(entry),
        }
    }

    /// A guard starts with `targets`: what is not among them is not watched any more, since the guard
    /// before stopped or was last heard of it.
    fn leave(&mut self, targets: &[Watched], now: Timestamp) {
        let stopped = self.stopped.as_ref().map(|(at, _)| *at);
        for (target, standing) in &mut self.targets {
            if standing.left_at.is_none() && !targets.iter().any(|w| w.target == *target) {
                standing.left_at = stopped.or(standing.heard_at).or(Some(now));
            }
        }
    }

    fn fold_target(&mut self, entry: &Entry) {
        let Some(target) = entry.record.target() else {
            return;
        };
        let standing = self.targets.entry(target.clone()).or_default();
        standing.heard_at = Some(entry.at);
        match &entry.record {
            Record::Baseline {
                snapshot, server, ..
            } => {
                standing.server = Some(server.clone());
                standing.snapshot = Some(snapshot.clone());
            }
            Record::Seen {
                snapshot: Some(snapshot),
                ..
            } => standing.snapshot = Some(snapshot.clone()),
            Record::Condition { condition, .. } => {
                standing.condition = Some((entry.at, condition.clone()));
            }
            Record::KnownGood { snapshot, .. } => {
                standing.known_good = Some((entry.at, snapshot.clone()));
            }
            Record::Notice {
                notice, presence, ..
            } => {
                // A new word about the same thing replaces the old one.
                let same = |n: &Notice| std::mem::discriminant(n) == std::mem::discriminant(notice);
                match (presence, notice) {
                    (Presence::Begins, Notice::NotBootSafe { .. } | Notice::MayNotWrite { .. }) => {
                        standing.notices.retain(|n| !same(n));
                        standing.notices.push(notice.clone());
                    }
                    (Presence::Begins, _) if !standing.notices.contains(notice) => {
                        standing.notices.push(notice.clone());
                    }
                    (Presence::Begins, _) => {}
                    (Presence::Ends, Notice::NotBootSafe { .. }) => {
                        standing.notices.retain(|n| !same(n));
                    }
                    (Presence::Ends, _) => standing.notices.retain(|n| n != notice),
                }
            }
            _ => {}
        }
    }

    /// The change set `text`, with a life.
    pub(crate) fn case(&self, text: &str) -> Result<&Case, Failure> {
        let id = self.id(text)?;
        if let Some(why) = self.impossible.get(&id) {
            return Err(self.impossible_step(id, why));
        }
        self.cases.get(&id).ok_or_else(|| {
            if self.ours.contains_key(&id) {
                Failure::new(
                    Code::Unknown,
                    format!("{id} is Backstay's own write: it has no verdict and no plan"),
                )
            } else {
                self.no_such(id)
            }
        })
    }

    /// Reads an id of a change set.
    pub(crate) fn id(&self, text: &str) -> Result<ChangeSetId, Failure> {
        ChangeSetId::parse(text).ok_or_else(|| {
            Failure::new(
                Code::Unknown,
                format!("`{text}` is not the id of a change set"),
            )
            .hint("ids look like C17; `backstay changes list` tells them")
        })
    }

    pub(crate) fn no_such(&self, id: ChangeSetId) -> Failure {
        let newest = self.cases.keys().next_back();
        let failure = Failure::new(
            Code::Unknown,
            format!(
                "no change set {id} is recorded in {}",
                self.directory.display()
            ),
        );
        match newest {
            Some(newest) => {
                failure.hint(format!("the newest is {newest}; `backstay changes list`"))
            }
            None => failure.hint("no change set is recorded yet; `backstay status`"),
        }
    }

    /// The letter box of the directory.
    pub(crate) fn letters(&self) -> LetterBox {
        LetterBox::of(&self.directory)
    }

    /// Who paused, and why: as the file says, which counts at once, else as the journal does.
    pub(crate) fn paused_now(&self) -> Option<(String, Option<String>)> {
        if self.letters().paused() {
            return Some(pause_note(&self.directory));
        }
        let guard = running(&self.directory) == Running::Yes;
        self.paused.clone().filter(|_| guard)
    }
}

/// The entries after `before`, and a warning when one is not as it was written.
pub(crate) fn entries(
    readers: &Readers,
    directory: &Path,
    before: Head,
) -> impl Iterator<Item = Result<Entry, ReadError>> {
    let mut head = Some(before);
    Entries::new(&readers.log, before.next()).map(move |stored| {
        let stored = stored?;
        if head.is_some_and(|head| !stored.follows(head)) {
            warn_once(&format!(
                "the journal was altered at entry {}: do not trust what is told from there on; backstay audit verify {}",
                stored.seq.0,
                directory.display()
            ));
            head = None;
        }
        head = head.map(|_| stored.head());
        let entry = stored.decode();
        entry.map_err(|source| ReadError::Decode { source })
    })
}

/// Whether the command line's state directory holds a record.
pub(crate) fn there(common: &Common) -> bool {
    state::directory(common).join("journal.db").exists()
}

/// Who wrote the pause file, and why: its two lines.
pub(crate) fn pause_note(directory: &Path) -> (String, Option<String>) {
    let letters = LetterBox::of(directory);
    let text = std::fs::read_to_string(letters.pause_file()).unwrap_or_default();
    let why = text.lines().nth(1).map(str::trim).filter(|w| !w.is_empty());
    (letters.paused_by(), why.map(str::to_owned))
}

/// A journal that cannot be read.
pub(crate) fn journal_failure(error: &ReadError, directory: &Path) -> Failure {
    Failure::of(Code::Broken, error).hint(format!("backstay audit verify {}", directory.display()))
}

/// Whether a guard owns a state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Running {
    Yes,
    No,
}

/// Asks the lock of the directory. The lock is only looked at: a guard that starts in the same
/// instant finds it taken for a moment and says so.
pub(crate) fn running(directory: &Path) -> Running {
    let lock = OpenOptions::new().read(true).open(directory.join("LOCK"));
    let taken = |file: File| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    if lock.is_ok_and(taken) {
        Running::Yes
    } else {
        Running::No
    }
}
