//! Values that were edited in configuration files and that no reload has activated. Pure.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::change::FileLine;
use backstay_model::snapshot::Unloaded;
use backstay_model::{SettingName, Span, Timestamp, Value};

use super::reading::Reading;
use crate::secrets::Redactor;

/// An edit is told when it has stood for so long without a reload: whoever writes a value and reloads at
/// once is told of the change, and not of the moment in between.
const SETTLES: Span = Span::from_millis(400);

/// What the files say of each setting, and where: the last line wins.
pub(super) type Lines = BTreeMap<SettingName, (Value, FileLine)>;

/// The lines of `reading`; none where the files may not be read.
pub(super) fn lines(reading: &Reading, redactor: &Redactor) -> Lines {
    let rows = reading.files.iter().flatten();
    let line = |row: &super::reading::FileRow| {
        let name = SettingName::new(row.name.as_deref()?);
        let text = row.setting.as_deref().unwrap_or_default();
        let value = redactor.value(&name, text);
        Some((name, (value, row.place())))
    };
    rows.filter_map(line).collect()
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
    /// The files as the server last read them.
    loaded: Lines,
    /// What is told.
    told: Vec<Unloaded>,
    /// What is not told yet, and since when it stands.
    fresh: Option<(Vec<Unloaded>, Timestamp)>,
}

impl Waits {
    /// The server has read its files, and this is what they say.
    pub(super) fn loaded(lines: Lines) -> Self {
        Self {
            loaded: lines,
            ..Self::default()
        }
    }

    /// The files say `lines` now, and the server has not read them since.
    pub(super) fn edited(&self, lines: &Lines, now: Timestamp) -> Self {
        let edits = edits(&self.loaded, lines);
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

    fn files(text: &str) -> Lines {
        let line = |(line, text): (u32, &str)| {
            let (name, value) = text.split_once('=').unwrap();
            let path = "/data/postgresql.conf".to_owned();
            let place = FileLine { path, line };
            (SettingName::new(name), (Value::text(value), place))
        };
        (1..).zip(text.split_whitespace()).map(line).collect()
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
        let begun = Waits::loaded(files("work_mem=4MB jit=on port=5432"));
        let edited = files("port=5432 work_mem=8MB a.b=1");
        let first = begun.edited(&edited, at(0));
        assert!(told(&first).is_empty() && !first.due(at(300)));
        assert!(first.due(at(400)));
        let later = first.edited(&edited, at(500));
        assert_eq!(
            told(&later),
            [
                "a.b - -> 1 line 3",
                "jit on -> - line 2",
                "work_mem 4MB -> 8MB line 2"
            ]
        );
        assert!(!later.due(at(9_000)));
        let undone = later.edited(&begun.loaded, at(1_000));
        assert!(
            told(&undone).is_empty(),
            "an edit that is taken back is over at once"
        );
    }

    #[test]
    fn lines_that_move_are_no_edit() {
        let begun = Waits::loaded(files("work_mem=4MB jit=on"));
        let moved = begun.edited(&files("jit=on work_mem=4MB"), Timestamp::from_secs(1));
        assert!(!moved.due(Timestamp::from_secs(9)));
    }
}
