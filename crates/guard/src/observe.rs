//! Taking in what an engine saw: snapshots become change sets, change sets get a life.

use std::collections::BTreeMap;

use backstay_engine::attribute::{changes, woken_by_restart};
use backstay_engine::{Observation, ReadError};
use backstay_journal::{Condition, Notice, Presence, Record, SnapshotStore};
use backstay_model::change::{Author, AuthorEvidence, Origin, TakesEffect};
use backstay_model::decision::SettingClass;
use backstay_model::snapshot::ServiceUse;
use backstay_model::{Change, ChangeSet, Event, Snapshot, Span, Timestamp};

use crate::books::Books;
use crate::case::Case;
use crate::desk::{Desk, Ending, Moved, Mover, Sight};
use crate::evidence::{away, began, note_end};
use crate::files::{not_boot_safe, tell_file_errors, tell_unloaded};
use crate::keep::{record_reading, stored};
use crate::knowledge::knowledge;
use crate::news::Tidings;
use crate::ours::{entry_of, is_ours, of_somebody};
use crate::tick::Guard;
use crate::turn::Turn;

/// A change may be seen this much later than it can be.
const BLIND_MAX: Span = Span::from_secs(10);

impl<B: Books> Guard<B> {
    /// A complete reading: the first one ever is the baseline, every later one is compared with the one
    /// before it, which may be one that an earlier guard recorded.
    pub(crate) fn observed(
        &mut self,
        desk: &mut Desk,
        mut observation: Observation,
        turn: &mut Turn,
    ) {
        if desk.sight == Sight::NotYet && observation.unmoved_at.is_none() {
            observation.unmoved_at = last_looked_at(desk, self.began_at);
        }
        let new = &observation.snapshot;
        if let Some(error) = another_server(desk, new) {
            desk.sight = Sight::Another;
            self.failed(desk, &error, turn);
            return;
        }
        self.store_configuration(desk, new, turn);
        let sight = std::mem::replace(&mut desk.sight, Sight::Itself);
        let Some(old) = desk.snapshot.replace(new.clone()) else {
            record_reading(desk, new, turn);
            self.baseline(desk, new, turn);
            self.first_look(desk, new, turn);
            return;
        };
        // What ended it while no guard looked is not known.
        match sight {
            Sight::NotYet => self.first_look(desk, new, turn),
            Sight::Itself if new.server.began_anew(&old.server) => {
                note_end(desk, began(&new.server));
            }
            Sight::Itself | Sight::Another => {}
        }
        self.compared(desk, &old, &observation, turn);
        if sight == Sight::Itself {
            // A new observer does not know what was loaded before it came.
            tell_unloaded(desk, &old, new, turn);
            tell_new_services(desk, &old, new, turn);
        }
        // After what moved, so that the graph has its authors.
        if sight == Sight::NotYet || teaches(&old, new) {
            record_reading(desk, new, turn);
        }
    }

    /// What moved between two readings.
    fn compared(
        &mut self,
        desk: &mut Desk,
        old: &Snapshot,
        observation: &Observation,
        turn: &mut Turn,
    ) {
        let new = &observation.snapshot;
        let restarted = new.server.started_at > old.server.started_at;
        if restarted {
            self.restarted(desk, new, turn);
        } else {
            self.answers(desk, turn);
        }
        tell_file_errors(desk, old, new, turn);
        let seen = changes(old, observation);
        // What waited for the restart was seen when it was written, also when the guard that saw the
        // restart ended before the next reading was recorded.
        let (woken, fresh): (Vec<Change>, Vec<Change>) = seen
            .into_iter()
            .partition(|c| woken_by_restart(c) && known_to_wait(desk, c));
        tracing::debug!(woken = woken.len(), fresh = fresh.len(), target = %desk.target, "configuration moved");
        let (ours, others): (Vec<Change>, Vec<Change>) =
            fresh.into_iter().partition(|c| is_ours(desk, c));
        if !ours.is_empty() {
            self.record_ours(desk, ours, new, turn);
        }
        let others = others.into_iter().map(of_somebody).collect();
        for together in by_effect(others) {
            self.seen(desk, together, new, turn);
        }
    }

    /// The first configuration ever read is the one to go back to; unless something is open, because
    /// then the books of an earlier guard were lost and this one may be what hurts.
    fn baseline(&mut self, desk: &mut Desk, new: &Snapshot, turn: &mut Turn) {
        if !desk.open_cases().is_empty() {
            return;
        }
        desk.good = Some(new.clone());
        turn.record(Record::KnownGood {
            target: desk.target.clone(),
            snapshot: new.id.clone(),
            change_set: None,
        });
        self.mark_good(new, turn.now);
    }

    /// What every guard tells of a target that it reads for the first time.
    fn first_look(&mut self, desk: &Desk, new: &Snapshot, turn: &mut Turn) {
        if let Some(choice) = knowledge(&new.server)
            && let backstay_catalog::PackFit::Carried { from } = choice.fit
        {
            let notice = Notice::CarriedKnowledge {
                known: from,
                major: new.server.major(),
            };
            self.noticed(desk, notice, Presence::Begins, turn);
        }
        let dependencies =
            knowledge(&new.server).map_or(0, |c| c.pack.constraints.len() + c.pack.effects.len());
        if !new.file_errors.is_empty() {
            let notice = not_boot_safe(&new.file_errors);
            self.noticed(desk, notice, Presence::Begins, turn);
        }
        let mut services: Vec<String> =
            new.services.iter().map(|s| s.service.to_string()).collect();
        services.dedup();
        turn.tell(
            &desk.target,
            Tidings::Baseline {
                settings: new.settings.len(),
                dependencies,
                services,
            },
        );
    }

    pub(crate) fn mark_good(&mut self, snapshot: &Snapshot, at: Timestamp) {
        // A mark that the journal does not know of would be one too many after the next start.
        if self.stopped().is_some() {
            return;
        }
        if let Err(error) = self.snapshots.mark_good(&snapshot.id, at) {
            tracing::warn!(%error, "a snapshot could not be marked as good");
        }
    }

    /// The server came back from a restart: what waited for it takes effect now.
    fn restarted(&mut self, desk: &mut Desk, new: &Snapshot, turn: &mut Turn) {
        let condition = Condition::Restarted {
            started_at: new.server.started_at,
            version: new.server.version.clone(),
        };
        desk.condition = Some(condition.clone());
        turn.record(Record::Condition {
            target: desk.target.clone(),
            condition: condition.clone(),
        });
        turn.tell(&desk.target, Tidings::Condition(condition));
        desk.disturb(turn.now);
        for id in desk.open_cases() {
            let event = Event::Restarted {
                at: turn.now,
                watch_until: turn.now + desk.detect.watch,
            };
            let moved = self.advance(desk, id, &event, turn);
            // A watch that was open goes on, with what it knows of the time before.
            if moved && !desk.watches.contains_key(&id) {
                self.open_watch(desk, id, turn);
            }
        }
    }

    /// Our own write showed up: it moves the graph and nothing else.
    fn record_ours(
        &mut self,
        desk: &mut Desk,
        mut changes: Vec<Change>,
        new: &Snapshot,
        turn: &mut Turn,
    ) {
        for change in &mut changes {
            change.origin = Origin::Ours;
            change.author = Author::Known {
                name: "backstay".into(),
                via: AuthorEvidence::OwnWrite,
            };
        }
        let change_set = ChangeSet {
            id: turn.next_change_set(),
            target: desk.target.clone(),
            changes,
        };
        note_moved(desk, &change_set, Mover::Us);
        turn.tell(&desk.target, Tidings::Ours(change_set.clone()));
        turn.record(Record::Seen {
            change_set,
            snapshot: stored(desk, new),
        });
    }

    /// Somebody else's changes: what they overwrite is superseded, and they get a life of their own.
    fn seen(&mut self, desk: &mut Desk, changes: Vec<Change>, new: &Snapshot, turn: &mut Turn) {
        let id = turn.next_change_set();
        let change_set = ChangeSet {
            id,
            target: desk.target.clone(),
            changes,
        };
        turn.record(Record::Seen {
            change_set: change_set.clone(),
            snapshot: stored(desk, new),
        });
        note_moved(desk, &change_set, Mover::Others);
        turn.tell(&desk.target, Tidings::Seen(change_set.clone()));
        desk.banks.disturb(turn.now);
        desk.slow.disturb(turn.now);
        self.supersede(desk, &change_set, turn);
        let event = Event::SeenLive {
            at: turn.now,
            takes_effect: change_set.takes_effect(),
            watch_until: turn.now.max(change_set.effective_at()) + desk.detect.watch,
            change_set: change_set.clone(),
        };
        match Case::open(change_set.clone(), &event) {
            Ok((case, commands)) => {
                desk.cases.insert(id, case);
                turn.step(&desk.target.clone(), id, event, commands);
                if matches!(
                    change_set.takes_effect(),
                    TakesEffect::Now | TakesEffect::NewSessions
                ) {
                    self.open_watch(desk, id, turn);
                }
            }
            Err(error) => tracing::error!(%error, %id, "a change set could not begin its life"),
        }
        report_durability(desk, &change_set, turn);
    }

    /// Change sets of which a setting was written again are over.
    fn supersede(&mut self, desk: &mut Desk, by: &ChangeSet, turn: &mut Turn) {
        for id in desk.open_cases() {
            let Some(case) = desk.cases.get(&id) else {
                continue;
            };
            let keys: Vec<_> = case
                .change_set
                .changes
                .iter()
                .map(|c| c.key.clone())
                .collect();
            let Some(change) = by.changes.iter().find(|c| keys.contains(&c.key)) else {
                continue;
            };
            let event = Event::Overwritten {
                at: turn.now,
                by: by.id,
                key: change.key.clone(),
                found: change.new.effective.clone(),
            };
            if self.advance(desk, id, &event, turn) {
                self.settle(desk, id, turn);
            }
        }
    }

    /// The target could not be read.
    pub(crate) fn failed(&mut self, desk: &mut Desk, error: &ReadError, turn: &mut Turn) {
        desk.ending = match error {
            ReadError::Stopped { .. } => Ending::Stopped,
            ReadError::Fell { .. } if desk.ending == Ending::Unsaid => Ending::Fell,
            _ => desk.ending,
        };
        let condition = condition(error);
        if away(&condition) {
            desk.away_at = desk.away_at.max(turn.now);
        }
        if desk
            .condition
            .as_ref()
            .is_some_and(|c| c.word() == condition.word())
        {
            return;
        }
        desk.condition = Some(condition.clone());
        desk.disturb(turn.now);
        turn.record(Record::Condition {
            target: desk.target.clone(),
            condition: condition.clone(),
        });
        turn.tell(&desk.target, Tidings::Condition(condition));
    }

    /// The target answers (again).
    pub(crate) fn answers(&mut self, desk: &mut Desk, turn: &mut Turn) {
        if desk.ending == Ending::Fell {
            note_end(desk, turn.now);
        }
        desk.ending = Ending::Unsaid;
        if desk.condition.as_ref().is_some_and(Condition::watchable) || desk.sight == Sight::Another
        {
            return;
        }
        desk.condition = Some(Condition::Up);
        turn.record(Record::Condition {
            target: desk.target.clone(),
            condition: Condition::Up,
        });
        turn.tell(&desk.target, Tidings::Condition(Condition::Up));
    }

    pub(crate) fn noticed(
        &mut self,
        desk: &Desk,
        notice: Notice,
        presence: Presence,
        turn: &mut Turn,
    ) {
        turn.record(Record::Notice {
            target: Some(desk.target.clone()),
            notice: notice.clone(),
            presence,
        });
        turn.tell(&desk.target, Tidings::Notice(notice, presence));
    }
}

/// When an earlier guard last found nothing moved: it looked before each sample, and its cheap looks
/// may have been blind for as long as [`BLIND_MAX`].
fn last_looked_at(desk: &Desk, began_at: Timestamp) -> Option<Timestamp> {
    Some(desk.history.answered_before(began_at)? - BLIND_MAX)
}

/// Another server than the one whose configuration is known: its settings say nothing about ours. A
/// cluster that was made anew has another identifier, a copy of one another directory.
fn another_server(desk: &Desk, new: &Snapshot) -> Option<ReadError> {
    let known = &desk.snapshot.as_ref()?.server;
    let other = |what: &str, expected: &str, found: &str| {
        (expected != found).then(|| ReadError::AnotherServer {
            found: format!("{what} {found}"),
            expected: format!("{what} {expected}"),
        })
    };
    let identifiers = known
        .system_identifier
        .as_ref()
        .zip(new.server.system_identifier.as_ref());
    let by_identifier = identifiers.and_then(|(a, b)| other("system identifier", a, b));
    by_identifier.or_else(|| {
        let (expected, found) = (&known.data_directory, &new.server.data_directory);
        // Where the directory may not be read, an identifier stands in its place.
        let paths = expected.starts_with('/') && found.starts_with('/');
        other("data directory", expected, found).filter(|_| paths)
    })
}

/// Whether a reading holds something for the graph beside changes: services that were not there, or
/// another version of the server.
fn teaches(old: &Snapshot, new: &Snapshot) -> bool {
    let there = |used: &ServiceUse| old.services.iter().any(|s| s.service == used.service);
    old.server.version != new.server.version || !new.services.iter().all(there)
}

/// Services that were not there are told; the graph learns them from the reading.
fn tell_new_services(desk: &Desk, old: &Snapshot, new: &Snapshot, turn: &mut Turn) {
    let there = |used: &&ServiceUse| old.services.iter().any(|s| s.service == used.service);
    let fresh = new.services.iter().filter(|used| !there(used));
    let mut names: Vec<String> = fresh.map(|s| s.service.to_string()).collect();
    names.dedup();
    if !names.is_empty() {
        turn.tell(&desk.target, Tidings::NewServices(names));
    }
}

/// Whether the value that woke is one of which somebody was told when it was written, or ours.
fn known_to_wait(desk: &Desk, change: &Change) -> bool {
    let seen = |case: &Case| {
        let mut seen = case.change_set.changes.iter();
        seen.any(|c| c.key == change.key && c.new.entry == change.new.entry)
    };
    let ours = |case: &Case| {
        let mut steps = case.state.plan().into_iter().flat_map(|p| &p.steps);
        steps.any(|s| s.key == change.key && entry_of(s) == change.new.entry.as_ref())
    };
    desk.cases.values().any(|case| seen(case) || ours(case))
}

/// Notes that the settings of `change_set` were seen moving.
fn note_moved(desk: &mut Desk, change_set: &ChangeSet, by: Mover) {
    let seq = change_set.id.0;
    for change in &change_set.changes {
        desk.moved.insert(change.key.clone(), Moved { seq, by });
    }
}

/// Changes that begin to work at different moments cannot be judged by one watch: those that work
/// now, those that wait for a restart, and those that are masked.
fn by_effect(changes: Vec<Change>) -> Vec<Vec<Change>> {
    let mut groups: BTreeMap<TakesEffect, Vec<Change>> = BTreeMap::new();
    for change in changes {
        let when = match change.takes_effect {
            TakesEffect::NewSessions => TakesEffect::Now,
            other => other,
        };
        groups.entry(when).or_default().push(change);
    }
    groups.into_values().collect()
}

/// Durability is reported whatever the metrics say: its harm shows only after a crash.
fn report_durability(desk: &Desk, change_set: &ChangeSet, turn: &mut Turn) {
    for change in &change_set.changes {
        if class_of(desk, change) != SettingClass::Durability {
            continue;
        }
        let notice = Notice::Durability {
            change_set: change_set.id,
            setting: change.key.name.clone(),
            text: durability_text(change),
        };
        turn.record(Record::Notice {
            target: Some(desk.target.clone()),
            notice: notice.clone(),
            presence: Presence::Begins,
        });
        turn.tell(&desk.target, Tidings::Notice(notice, Presence::Begins));
    }
}

fn durability_text(change: &Change) -> String {
    let (old, new) = crate::words::values(change);
    format!(
        "{} {old} -> {new}: durability or data safety; no metric shows this harm, so it waits for a person",
        change.key
    )
}

/// The class of the setting of a change.
pub(crate) fn class_of(desk: &Desk, change: &Change) -> SettingClass {
    use backstay_model::Scope;
    if matches!(change.key.scope, Scope::FileRule { .. }) {
        return SettingClass::Authentication;
    }
    let choice = desk.snapshot.as_ref().and_then(|s| knowledge(&s.server));
    let name = &change.key.name;
    let class = match choice {
        Some(choice) => choice.pack.class_of(name),
        None => {
            backstay_catalog::class_of(backstay_model::name::EngineKind::Postgresql, name, None)
        }
    };
    let new = change.new.effective.as_ref().and_then(|v| v.as_text());
    backstay_catalog::class_of_change(name, class, new)
}

fn condition(error: &ReadError) -> Condition {
    match error {
        ReadError::Unreachable { why } | ReadError::Stopped { why } | ReadError::Fell { why } => {
            Condition::Unreachable { why: why.clone() }
        }
        ReadError::LoginRefused { why } => Condition::LoginRefused { why: why.clone() },
        ReadError::AnotherServer { found, expected } => Condition::AnotherServer {
            found: found.clone(),
            expected: expected.clone(),
        },
        ReadError::MissingRight { what, grant } => Condition::MissingRight {
            what: what.clone(),
            grant: grant.clone(),
        },
        ReadError::Timeout { limit_ms } => Condition::TooSlow {
            limit_ms: *limit_ms,
        },
        ReadError::Failed { what, why } => Condition::Unreadable {
            why: format!("{what}: {why}"),
        },
    }
}
