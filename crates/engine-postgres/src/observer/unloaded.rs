//! Values that were edited in configuration files and that no reload has activated. Pure.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::change::FileLine;
use backstay_model::snapshot::Unloaded;
use backstay_model::{SettingName, Span, Timestamp, Value};

use super::faults;
use super::reading::{FileRow, Reading};
use crate::secrets::Redactor;

/// An edit is told when it has stood for so long without a reload: whoever writes a value and reloads at
/// once is told of the change, and not of the moment in between.
const SETTLES: Span = Span::from_millis(400);

/// What the files say of each setting, and where: the last line wins.
type Lines = BTreeMap<SettingName, (Value, FileLine)>;

/// Values that the server refused, by setting.
type Refused = BTreeMap<SettingName, Value>;

/// What stands in the files; nothing where they may not be read.
#[derive(Debug, Clone, Default)]
pub(super) struct Files {
    lines: Lines,
    /// Settings whose line the server cannot use: those are told as refused, and neither a reload nor
    /// its absence makes them loaded.
    faulty: BTreeSet<SettingName>,
    extent: Extent,
}

/// How much of the files was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Extent {
    #[default]
    Whole,
    /// The server stopped at a line that is none: what stands below it, and in later files, is unknown.
    Cut,
}

impl Files {
    /// The files of `reading`.
    pub(super) fn of(reading: &Reading, redactor: &Redactor) -> Self {
        let rows = || reading.files.iter().flatten();
        let line = |row: &FileRow| {
            let name = SettingName::new(row.name.as_deref()?);
            let text = row.setting.as_deref().unwrap_or_default();
            let value = redactor.value(&name, text);
            Some((name, (value, row.place())))
        };
        let stops = |row: &FileRow| row.name.is_none() && row.error.is_some();
        Self {
            lines: rows().filter_map(line).collect(),
            faulty: faults::settings(reading),
            extent: if rows().any(stops) {
                Extent::Cut
            } else {
                Extent::Whole
            },
        }
    }

    /// With what was `refused` before and stands unchanged: while the server takes no line at all, it
    /// does not check their values either.
    fn remembering(mut self, refused: &Refused) -> Self {
        let same = |(name, value): &(&SettingName, &Value)| {
            let line = self.lines.get(*name);
            line.is_some_and(|(now, _)| now == *value)
        };
        let names = refused.iter().filter(same).map(|(name, _)| name.clone());
        let names: Vec<SettingName> = names.collect();
        self.faulty.extend(names);
        self
    }

    /// The values that the server cannot use.
    fn refused(&self) -> Refused {
        let value = |name: &SettingName| Some((name.clone(), self.lines.get(name)?.0.clone()));
        self.faulty.iter().filter_map(value).collect()
    }

    /// The lines, with what the server goes on with in place of those that it cannot use.
    fn usable(&self, loaded: &Lines) -> Lines {
        let mut lines = self.lines.clone();
        for name in &self.faulty {
            match loaded.get(name) {
                Some(before) => lines.insert(name.clone(), before.clone()),
                None => lines.remove(name),
            };
        }
        lines
    }
}

/// Where the files say something else than what the server last `loaded`.
fn edits(loaded: &Lines, now: &Lines) -> Vec<Unloaded> {
    let names: BTreeSet<&SettingName> = loaded.keys().chain(now.keys()).collect();
    let edit = |name: &SettingName| {
        let (before, after) = (loaded.get(name), now.get(name));
        let value = |line: Option<&(Value, FileLine)>| line.map(|(value, _)| value.clone());
        let (old, new) = (value(before), value(after));
        let at = after.or(before).map(|(_, at)| at.clone())?;
        (old != new).then(|| Unloaded {
            name: name.clone(),
            loaded: old,
            edited: new,
            at,
        })
    };
    names.into_iter().filter_map(edit).collect()
}

/// What stands in the files and was not loaded.
#[derive(Debug, Clone, Default)]
pub(super) struct Waits {
    /// The files as the server last read them; `None` when that is not known.
    loaded: Option<Lines>,
    refused: Refused,
    /// What is told.
    told: Vec<Unloaded>,
    /// What is not told yet, and since when it stands.
    fresh: Option<(Vec<Unloaded>, Timestamp)>,
}

impl Waits {
    /// Nothing is known of earlier: what stands in the files is taken for loaded.
    pub(super) fn begun(files: Files) -> Self {
        Self {
            refused: files.refused(),
            loaded: (files.extent == Extent::Whole).then_some(files.lines),
            ..Self::default()
        }
    }

    /// The server has read its files, and this is what they say.
    pub(super) fn reloaded(&self, files: Files) -> Self {
        let files = files.remembering(&self.refused);
        match &self.loaded {
            Some(before) if files.extent == Extent::Whole => Self {
                loaded: Some(files.usable(before)),
                refused: files.refused(),
                ..Self::default()
            },
            _ => Self::begun(files),
        }
    }

    /// The files say `files` now, and the server has not read them since.
    pub(super) fn edited(&self, files: Files, now: Timestamp) -> Self {
        let files = files.remembering(&self.refused);
        let Some(loaded) = self
            .loaded
            .as_ref()
            .filter(|_| files.extent == Extent::Whole)
        else {
            // What is told still is so, as far as anybody can see.
            return Self {
                fresh: None,
                ..self.clone()
            };
        };
        let edits = edits(loaded, &files.usable(loaded));
        let since = match &self.fresh {
            Some((fresh, since)) if *fresh == edits => *since,
            _ => now,
        };
        let settled = edits.is_empty() || now.since(since) >= SETTLES;
        let (told, fresh) = match settled || edits == self.told {
            true => (edits, None),
            false => (self.told.clone(), Some((edits, since))),
        };
        Self {
            loaded: self.loaded.clone(),
            refused: files.refused(),
            told,
            fresh,
        }
    }

    /// What is worth telling.
    pub(super) fn told(&self) -> Vec<Unloaded> {
        self.told.clone()
    }

    /// Whether something has stood long enough to be told.
    pub(super) fn due(&self, now: Timestamp) -> bool {
        let fresh = self.fresh.as_ref();
        fresh.is_some_and(|(_, since)| now.since(*since) >= SETTLES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name=value …`, one a line; `name=value!` is a line that the server cannot use, `?` one at which
    /// it stops reading.
    fn files(text: &str) -> Files {
        let mut files = Files::default();
        for (line, text) in (1..).zip(text.split_whitespace()) {
            let Some((name, value)) = text.split_once('=') else {
                files.extent = Extent::Cut;
                break;
            };
            let name = SettingName::new(name);
            if value.ends_with('!') {
                files.faulty.insert(name.clone());
            }
            let path = "/data/postgresql.conf".to_owned();
            let place = FileLine { path, line };
            files.lines.insert(name, (Value::text(value), place));
        }
        files
    }

    fn told(waits: &Waits) -> Vec<String> {
        let text = |value: &Option<Value>| value.as_ref().map_or("-".into(), Value::to_string);
        let line = |u: &Unloaded| {
            let (name, line) = (&u.name, u.at.line);
            format!(
                "{name} {} -> {} line {line}",
                text(&u.loaded),
                text(&u.edited)
            )
        };
        waits.told().iter().map(line).collect()
    }

    #[test]
    fn an_edit_is_told_once_it_has_stood_for_a_moment() {
        let at = |millis: i64| Timestamp(millis * 1_000);
        let begun = Waits::begun(files("work_mem=4MB jit=on port=5432"));
        let edited = files("port=5432 work_mem=8MB a.b=1");
        let first = begun.edited(edited.clone(), at(0));
        assert!(told(&first).is_empty() && !first.due(at(300)));
        assert!(first.due(at(400)));
        let later = first.edited(edited.clone(), at(500));
        assert_eq!(
            told(&later),
            [
                "a.b - -> 1 line 3",
                "jit on -> - line 2",
                "work_mem 4MB -> 8MB line 2"
            ]
        );
        assert!(!later.due(at(9_000)));
        let undone = later.edited(files("work_mem=4MB jit=on port=5432"), at(1_000));
        assert!(
            told(&undone).is_empty(),
            "an edit that is taken back is over at once"
        );
    }

    #[test]
    fn lines_that_move_are_no_edit() {
        let begun = Waits::begun(files("work_mem=4MB jit=on"));
        let moved = begun.edited(files("jit=on work_mem=4MB"), Timestamp::from_secs(1));
        assert!(!moved.due(Timestamp::from_secs(9)));
    }

    #[test]
    fn a_line_that_is_refused_is_no_edit_before_and_after_the_reload() {
        let at = Timestamp::from_secs;
        let begun = Waits::begun(files("work_mem=4MB jit=on"));
        let edited = files("work_mem=lots! jit=off a.b=nonsense!");
        let first = begun
            .edited(edited.clone(), at(0))
            .edited(edited.clone(), at(1));
        assert_eq!(told(&first), ["jit on -> off line 2"]);
        let reloaded = first.reloaded(edited);
        assert!(told(&reloaded).is_empty());
        // A name that nobody knows keeps the server from checking values.
        let unchecked = files("work_mem=lots! jit=off a.b=nonsense!");
        let unchecked = Files {
            faulty: BTreeSet::new(),
            ..unchecked
        };
        let unchecked = reloaded.edited(unchecked, at(2));
        assert!(told(&unchecked).is_empty() && !unchecked.due(at(9)));
        let mended = files("work_mem=8MB jit=off");
        let mended = reloaded
            .edited(mended.clone(), at(2))
            .edited(mended.clone(), at(3));
        assert_eq!(told(&mended), ["work_mem 4MB -> 8MB line 1"]);
    }

    #[test]
    fn what_stands_below_the_line_at_which_the_server_stops_is_not_taken_for_gone() {
        let at = Timestamp::from_secs;
        let begun = Waits::begun(files("work_mem=4MB jit=on"));
        let cut = files("work_mem=8MB ? jit=on");
        let seen = begun.edited(cut.clone(), at(0)).edited(cut.clone(), at(1));
        assert!(told(&seen).is_empty() && !seen.due(at(9)));
        // Begun in front of such a file, nobody knows what the server has of the rest.
        let whole = files("work_mem=8MB jit=on");
        let begun = Waits::begun(cut).edited(whole.clone(), at(2));
        assert!(told(&begun.edited(whole.clone(), at(3))).is_empty());
    }
}
