//! Taking in what an engine saw: snapshots become change sets, change sets get a life.

use std::collections::BTreeMap;

use backstay_engine::attribute::{changes, woken_by_restart};
use backstay_engine::{Observation, ReadError};
use backstay_journal::{Condition, Notice, Presence, Record, SnapshotStore};
use backstay_lifecycle::State;
use backstay_model::change::{Author, AuthorEvidence, Origin, TakesEffect};
use backstay_model::decision::SettingClass;
use backstay_model::plan::{Inverse, PlanStep};
use backstay_model::{Change, ChangeSet, ChangeSetId, Event, Snapshot, Timestamp};

use crate::books::Books;
use crate::case::Case;
use crate::desk::Desk;
use crate::knowledge::knowledge;
use crate::news::Tidings;
use crate::tick::Guard;
use crate::turn::Turn;

impl<B: Books> Guard<B> {
    /// A complete reading: the first one is the baseline, every later one is compared with the one
    /// before it.
    pub(crate) fn observed(&mut self, desk: &mut Desk, observation: Observation, turn: &mut Turn) {
        let new = &observation.snapshot;
        if let Err(error) = self.snapshots.put(new) {
            tracing::error!(%error, target = %desk.target, "a snapshot could not be stored");
        }
        let Some(old) = desk.snapshot.replace(new.clone()) else {
            self.baseline(desk, new, turn);
            return;
        };
        if !matches!(desk.condition, Some(Condition::Up)) {
            desk.condition = Some(Condition::Up);
        }
        let restarted = new.server.started_at > old.server.started_at;
        if restarted {
            self.restarted(desk, new, turn);
        }
        tell_file_errors(desk, &old, new, turn);
        let seen = changes(&old, &observation);
        // What waited for the restart was seen when it was written.
        let (woken, fresh): (Vec<Change>, Vec<Change>) = seen
            .into_iter()
            .partition(|c| restarted && woken_by_restart(c));
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

    fn baseline(&mut self, desk: &mut Desk, new: &Snapshot, turn: &mut Turn) {
        desk.good = Some(new.clone());
        turn.record(Record::Baseline {
            target: desk.target.clone(),
            snapshot: new.id.clone(),
            server: new.server.clone(),
        });
        turn.record(Record::KnownGood {
            target: desk.target.clone(),
            snapshot: new.id.clone(),
            change_set: None,
        });
        self.mark_good(new, turn.now);
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
            took_effect_at(desk, id, new.server.started_at);
            let moved = self.advance(desk, id, &event, turn);
            if moved
                && desk
                    .cases
                    .get(&id)
                    .is_some_and(|c| c.state.word() == "watching")
            {
                self.open_watch(desk, id, turn);
            }
        }
    }

    /// Our own write showed up: it moves the graph and nothing else.
    fn record_ours(
        &mut self,
        desk: &Desk,
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
        turn.tell(&desk.target, Tidings::Ours(change_set.clone()));
        turn.record(Record::Seen {
            change_set,
            snapshot: Some(new.id.clone()),
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
            snapshot: Some(new.id.clone()),
        });
        turn.tell(&desk.target, Tidings::Seen(change_set.clone()));
        desk.banks.disturb();
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
        let condition = condition(error);
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
        if desk.condition.as_ref().is_some_and(Condition::watchable) {
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

/// What waited for the restart took effect with it: the watch must split time there.
fn took_effect_at(desk: &mut Desk, id: ChangeSetId, restarted_at: Timestamp) {
    let Some(case) = desk.cases.get_mut(&id) else {
        return;
    };
    if matches!(case.state, State::Dormant { .. }) {
        for change in &mut case.change_set.changes {
            change.time.exact = Some(restarted_at);
        }
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

/// Whether a change is our own write: by the application that made it, or, where no log says so, by
/// being exactly what an open or just finished plan predicts.
fn is_ours(desk: &Desk, change: &Change) -> bool {
    let predicted = |case: &Case| {
        let steps = case
            .state
            .plan()
            .map(|p| p.steps.as_slice())
            .unwrap_or_default();
        steps
            .iter()
            .any(|s| s.key == change.key && (arrived(s, change) || on_its_way(s, change)))
    };
    let writing = |case: &&Case| {
        matches!(
            case.state.word(),
            "reverting" | "verifying" | "rolled back" | "rollback failed"
        )
    };
    let said = change.origin == Origin::Ours && !contradicted(desk, change);
    said || desk.cases.values().filter(writing).any(predicted)
}

/// The step's value stands and is in effect.
fn arrived(step: &PlanStep, change: &Change) -> bool {
    step.predict.effective == change.new.effective && step.predict.source == change.new.source
}

/// The step's entry stands, and the value it takes away is still in effect: seen between our write and
/// its reload.
fn on_its_way(step: &PlanStep, change: &Change) -> bool {
    let entry = match &step.inverse {
        Inverse::Reset => None,
        Inverse::Set(value) => Some(value),
    };
    change.new.entry.as_ref() == entry && change.new.effective == step.expect.effective
}

/// Whether the log names a statement of ours for an entry that no plan of ours writes: an older
/// statement, and somebody's later write that was not logged.
fn contradicted(desk: &Desk, change: &Change) -> bool {
    let plans = desk.cases.values().filter_map(|c| c.state.plan());
    let mut written = plans
        .flat_map(|p| &p.steps)
        .filter(|s| s.key == change.key)
        .map(|s| match &s.inverse {
            Inverse::Reset => None,
            Inverse::Set(value) => Some(value),
        })
        .peekable();
    written.peek().is_some() && written.all(|entry| entry != change.new.entry.as_ref())
}

/// The change as somebody else's: nothing says whose.
fn of_somebody(mut change: Change) -> Change {
    if change.origin == Origin::Ours {
        change.origin = Origin::Observed;
        change.author = Author::Unknown;
        change.description = None;
    }
    change
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

/// Lines with which the server would not start again are told as they appear and as they go.
fn tell_file_errors(desk: &Desk, old: &Snapshot, new: &Snapshot, turn: &mut Turn) {
    if old.file_errors == new.file_errors {
        return;
    }
    let presence = if new.file_errors.is_empty() {
        Presence::Ends
    } else {
        Presence::Begins
    };
    let errors = if new.file_errors.is_empty() {
        &old.file_errors
    } else {
        &new.file_errors
    };
    let lines = errors
        .iter()
        .map(|e| format!("{}:{}: {}", e.path, e.line, e.message))
        .collect();
    let notice = Notice::NotBootSafe { lines };
    turn.record(Record::Notice {
        target: Some(desk.target.clone()),
        notice: notice.clone(),
        presence,
    });
    turn.tell(&desk.target, Tidings::Notice(notice, presence));
}

fn condition(error: &ReadError) -> Condition {
    match error {
        ReadError::Unreachable { why } => Condition::Unreachable { why: why.clone() },
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
