//! What changed between two readings, since when, by whom and why.
//!
//! Pure. A change is a difference of two snapshots, never a statement alone: what a statement says
//! becomes a change when the server has it. Statements only name the author, the reason and the exact
//! moment. Nothing is guessed: no statement, no author.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::change::{AuthorEvidence, ChangeTime, Pending, Standing, TakesEffect};
use backstay_model::{
    Author, Change, Origin, Scope, SettingKey, SettingName, Snapshot, Span, Timestamp, ValueSource,
};

use crate::observe::{EVERY_SETTING, Observation, Statement};

mod rules;

#[cfg(test)]
mod tests;

/// Application names of Backstay's own connections begin so.
pub const OWN_APPLICATION: &str = "backstay/";
/// How far the clocks of server and observer may be apart when a statement is put beside a change.
const CLOCK_SLACK: Span = Span::from_secs(1);

/// The changes that lead from `old` to what was seen now, in the order of their keys.
///
/// A value that waited for a restart (`old.pending_restart`) and runs now is a change too; whoever
/// saw it being written before can tell by [`woken_by_restart`]. Settings that the server derives from
/// others are no changes of their own, and a reading that the observing session's own settings hide
/// says nothing.
#[must_use]
pub fn changes(old: &Snapshot, seen: &Observation) -> Vec<Change> {
    let window = Window::of(old, seen);
    let new = &seen.snapshot;
    let mut pairs = rules::differences(&old.settings, &new.settings);
    let keys: BTreeSet<&SettingKey> = old.settings.keys().chain(new.settings.keys()).collect();
    for key in keys
        .into_iter()
        .filter(|key| !matches!(key.scope, Scope::FileRule { .. }))
    {
        if let Some((before, after)) = difference(old.settings.get(key), new.settings.get(key)) {
            pairs.insert(key.clone(), (before, after));
        }
    }
    let change = |(key, (before, after))| change(key, (before, after), seen, window);
    pairs.into_iter().map(change).collect()
}

/// Whether `change` is a value that stood in the files before and was waiting for the restart that has
/// happened now.
#[must_use]
pub fn woken_by_restart(change: &Change) -> bool {
    change.old.pending_restart == Pending::Restart
        && change.new.pending_restart == Pending::No
        && change.old.entry == change.new.entry
        && change.old.effective != change.new.effective
}

/// Standings by key, before and after.
type Pairs = BTreeMap<SettingKey, (Standing, Standing)>;

/// The standings before and after, when they differ by somebody's doing.
fn difference(old: Option<&Standing>, new: Option<&Standing>) -> Option<(Standing, Standing)> {
    let (before, after) = match (old, new) {
        (Some(old), Some(new)) if old.differs(new) => (old.clone(), new.clone()),
        (None, Some(new)) => (Standing::absent(new.source.clone()), new.clone()),
        (Some(old), None) => (old.clone(), Standing::absent(old.source.clone())),
        _ => return None,
    };
    // A library that is loaded or no longer loaded brings and takes its defaults.
    let library = (old.is_none() || new.is_none())
        && matches!(before.source, ValueSource::Default | ValueSource::Override);
    let hidden = before.source == ValueSource::Session || after.source == ValueSource::Session;
    let derived = after.source == ValueSource::Override && before.entry == after.entry;
    (!library && !hidden && !derived).then_some((before, after))
}

fn change(
    key: SettingKey,
    (old, new): (Standing, Standing),
    seen: &Observation,
    window: Window,
) -> Change {
    let takes_effect = takes_effect(&key, &old, &new, &seen.session_start);
    let named = |s: &&Statement| names(s, &key) && s.at.is_none_or(|at| window.holds(at));
    let candidates: Vec<&Statement> = seen.statements.iter().filter(named).collect();
    let said = candidates
        .iter()
        .filter(|s| s.role.is_some())
        .max_by_key(|s| s.at);
    let ours = said.is_some_and(|s| own(s));
    let author = match said.and_then(|s| s.role.clone()) {
        Some(_) if ours => Author::Known {
            name: "backstay".to_owned(),
            via: AuthorEvidence::OwnWrite,
        },
        Some(name) => Author::Known {
            name,
            via: AuthorEvidence::ServerLog,
        },
        None => Author::Unknown,
    };
    let time = ChangeTime {
        not_before: window.not_before,
        not_after: window.not_after,
        exact: exact(&candidates, said.copied(), window),
    };
    let application = said.and_then(|s| s.application.clone());
    let description = said.and_then(|s| s.description.clone());
    let origin = if ours { Origin::Ours } else { Origin::Observed };
    Change {
        key,
        old,
        new,
        time,
        author,
        description,
        application,
        origin,
        takes_effect,
    }
}

/// Whether Backstay itself ran the statement.
fn own(statement: &Statement) -> bool {
    statement
        .application
        .as_deref()
        .is_some_and(|a| a.starts_with(OWN_APPLICATION))
}

fn names(statement: &Statement, key: &SettingKey) -> bool {
    statement
        .keys
        .iter()
        .any(|k| k == key || (k.scope == key.scope && k.name == EVERY_SETTING))
}

/// The server's own word on when the value changed, else when the statement ran, if that was between
/// the two readings (a statement may run long before the reload that activates it). By our clock it
/// was within the window; where the server's clock, or the digits that its log leaves off, say up to
/// [`CLOCK_SLACK`] else, the end of the window that is nearer is the best that can be said.
fn exact(candidates: &[&Statement], said: Option<&Statement>, window: Window) -> Option<Timestamp> {
    let server = candidates
        .iter()
        .filter(|s| s.role.is_none())
        .filter_map(|s| s.at)
        .max();
    let between = |at: &Timestamp| *at >= window.not_before - CLOCK_SLACK && window.holds(*at);
    let exact = server
        .filter(between)
        .or_else(|| said.and_then(|s| s.at).filter(between))?;
    Some(exact.clamp(window.not_before, window.not_after))
}

fn takes_effect(
    key: &SettingKey,
    old: &Standing,
    new: &Standing,
    session_start: &BTreeSet<SettingName>,
) -> TakesEffect {
    if key.scope != Scope::Instance {
        return TakesEffect::NewSessions;
    }
    if new.pending_restart == Pending::Restart {
        return TakesEffect::AtRestart;
    }
    let same = old.effective == new.effective && old.source == new.source;
    let masked = old.entry != new.entry && new.source != ValueSource::AutoFile;
    // A RESET of a value that waited for a restart ends the waiting; nothing masks it.
    let waited = old.pending_restart == Pending::Restart;
    if same && masked && !waited {
        return TakesEffect::Masked;
    }
    if session_start.contains(&key.name) {
        TakesEffect::NewSessions
    } else {
        TakesEffect::Now
    }
}

/// The stretch in which a change must have taken effect.
#[derive(Clone, Copy)]
struct Window {
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Window {
    fn of(old: &Snapshot, seen: &Observation) -> Self {
        let not_before = seen
            .unmoved_at
            .map_or(old.taken_at, |at| at.max(old.taken_at));
        let begun_at = seen.snapshot.taken_at;
        let not_after = seen.complete_at.map_or(begun_at, |at| at.max(begun_at));
        Self {
            not_before: not_before.min(not_after),
            not_after,
        }
    }

    /// Whether a statement that ran at `at` can have led to what was seen. Only the end counts: a
    /// statement may wait long for the reload that activates it.
    fn holds(self, at: Timestamp) -> bool {
        at <= self.not_after + CLOCK_SLACK
    }
}
