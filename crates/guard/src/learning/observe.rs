//! From records of the journal to what the learner is told.

use std::collections::{BTreeMap, BTreeSet};

use backstay_catalog::candidate::{At, Candidate};
use backstay_catalog::expr::Environment;
use backstay_catalog::units::{self, Quantity};
use backstay_catalog::{Pack, SettingDef, pack};
use backstay_journal::{Condition, Judgement, Notice, Opinion, Presence, Record};
use backstay_learn::learner::{
    Comparable, Dimension, Harm, Measured, Observation, Opinion as Word, Origin as Choice,
    Position, Reading,
};
use backstay_model::change::{Pending, Standing, TakesEffect};
use backstay_model::event::WriteReply;
use backstay_model::plan::Found;
use backstay_model::verdict::{Finding, Recovery, Refusal, Verdict, VerdictKind};
use backstay_model::{
    Change, ChangeSet, ChangeSetId, Event, MetricName, Origin, Scope, SettingKey, SettingName,
    Snapshot, TargetId, Timestamp, Value, ValueSource, WorkClass,
};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use super::claims::Version;
use crate::knowledge;

/// Change sets that are kept in mind until their outcome; beyond it the oldest go.
const OPEN_MAX: usize = 4_096;
/// Trouble is over when what alarmed is better by at least this share.
const BETTER: f64 = -0.1;
/// Smallest standard error of an effect, in natural logarithms: no counter is more exact.
const SE_MIN: f64 = 0.02;
/// Smallest distance in standard errors that a chance is taken for.
const Z_MIN: f64 = 0.1;
/// Farthest effect that is believed, in natural logarithms.
const EFFECT_MAX: f64 = 5.0;

/// Reads the journal for the learner. Keeps in mind what it takes to tell an outcome from a change.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Reporter {
    open: BTreeMap<ChangeSetId, ChangeSet>,
    trouble: BTreeMap<TargetId, Trouble>,
}

/// Trouble that is not over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Trouble {
    by: ChangeSetId,
    metrics: BTreeSet<MetricName>,
}

impl Reporter {
    /// What a record, made at `at`, is for the learner. `runs` says which version each target runs.
    pub(super) fn report(
        &mut self,
        at: Timestamp,
        record: &Record,
        read: Option<&Snapshot>,
        runs: &BTreeMap<TargetId, Version>,
    ) -> Vec<Observation> {
        match record {
            Record::Baseline { target, server, .. } => {
                let server = Observation::Server {
                    target: target.clone(),
                    at,
                    engine: server.engine,
                    major: server.major(),
                };
                let values = read.map(|snapshot| Observation::Snapshot {
                    target: target.clone(),
                    at,
                    values: readings(snapshot),
                });
                std::iter::once(server).chain(values).collect()
            }
            Record::Seen { change_set, .. } => {
                let version = runs.get(&change_set.target);
                let stands = version.map(|version| stands(*version, change_set));
                let mut seen = self.seen(change_set);
                seen.extend(stands.into_iter().flatten());
                seen
            }
            Record::Condition {
                target,
                condition: Condition::Restarted { .. },
            } => vec![Observation::Restarted {
                target: target.clone(),
                at,
            }],
            Record::Step {
                change_set,
                target,
                event,
                ..
            } => self.step(at, (*change_set, target), event),
            Record::Notice {
                target: Some(target),
                notice: Notice::Unusual { .. },
                presence,
            } => vec![self.unusual(at, target, *presence)],
            Record::Judgement { by, judgement } => vec![person(at, by, judgement)],
            _ => Vec::new(),
        }
    }

    /// Trouble that nobody is blamed for begins, or is over.
    fn unusual(&mut self, at: Timestamp, target: &TargetId, presence: Presence) -> Observation {
        let target = target.clone();
        match presence {
            Presence::Begins => Observation::Troubled { target, at },
            Presence::Ends => {
                self.trouble.remove(&target);
                Observation::Recovered { target, at }
            }
        }
    }

    fn seen(&mut self, set: &ChangeSet) -> Vec<Observation> {
        // What we put back is told as a revert, when it has taken effect.
        if set.changes.iter().all(|c| c.origin == Origin::Ours) {
            return Vec::new();
        }
        if self.open.len() == OPEN_MAX {
            self.open.pop_first();
        }
        self.open.insert(set.id, set.clone());
        let rule = |c: &&Change| !matches!(c.key.scope, Scope::FileRule { .. });
        let changes = set.changes.iter().filter(rule);
        changes.map(|c| moved(set, c)).collect()
    }

    fn step(
        &mut self,
        at: Timestamp,
        (id, target): (ChangeSetId, &TargetId),
        event: &Event,
    ) -> Vec<Observation> {
        let target = target.clone();
        match event {
            Event::Judged {
                verdict,
                extend_until,
                work,
                ..
            } => {
                let over =
                    extend_until.is_none() || matches!(verdict.kind, VerdictKind::Hurt { .. });
                match over {
                    true => self.judged(at, (id, target), (verdict, *work)),
                    false => Vec::new(),
                }
            }
            Event::Replied {
                reply: WriteReply::Effective { .. },
                ..
            }
            | Event::Inspected {
                found: Found::Effective,
                ..
            } => self.reverted(at, (id, target)),
            Event::Overwritten { key, found, .. } if self.was_before(id, key, found.as_ref()) => {
                self.reverted(at, (id, target))
            }
            Event::Recovered {
                recovery: Recovery::Yes,
                ..
            } => {
                self.trouble.remove(&target);
                vec![Observation::Recovered { target, at }]
            }
            _ => Vec::new(),
        }
    }

    /// A watch is over: what it measured, and whether trouble began or went with it.
    fn judged(
        &mut self,
        at: Timestamp,
        (id, target): (ChangeSetId, TargetId),
        (verdict, work): (&Verdict, WorkClass),
    ) -> Vec<Observation> {
        let harm = match verdict.kind {
            // Harm that another change may have done is learnt of neither.
            VerdictKind::Hurt { .. } if verdict.refusals.contains(&Refusal::JointChange) => {
                Harm::Unknown
            }
            VerdictKind::Hurt { .. } => Harm::Hurt,
            _ if verdict.kind.clears() => Harm::Fine,
            _ => Harm::Unknown,
        };
        let clear = !matches!(
            verdict.kind,
            VerdictKind::Confounded | VerdictKind::WorkloadShift | VerdictKind::NoData
        );
        let effects = match clear {
            true => verdict.findings.iter().filter_map(measured).collect(),
            false => Vec::new(),
        };
        let mut told = vec![Observation::Outcome {
            change_set: id,
            target: target.clone(),
            at,
            effects,
            harm,
            work,
        }];
        if harm == Harm::Hurt {
            let alarmed = verdict.findings.iter().filter(|f| f.alarm_at.is_some());
            let metrics = alarmed.map(|f| f.metric.clone()).collect();
            self.trouble
                .entry(target)
                .or_insert(Trouble { by: id, metrics });
        } else if self
            .trouble
            .get(&target)
            .is_some_and(|t| cured(t, id, verdict))
        {
            self.trouble.remove(&target);
            told.push(Observation::Recovered { target, at });
        }
        told
    }

    fn reverted(
        &mut self,
        at: Timestamp,
        (id, target): (ChangeSetId, TargetId),
    ) -> Vec<Observation> {
        // Only the first of several words about the same revert counts.
        if self.open.remove(&id).is_none() {
            return Vec::new();
        }
        vec![Observation::Reverted {
            change_set: id,
            target,
            at,
        }]
    }

    /// Whether a value is the one that stood there before the change set.
    fn was_before(&self, id: ChangeSetId, key: &SettingKey, found: Option<&Value>) -> bool {
        let set = self.open.get(&id);
        let change = set.and_then(|s| s.changes.iter().find(|c| c.key == *key));
        change.is_some_and(|c| c.old.effective.as_ref() == found)
    }
}

/// Whether what alarmed is better after another change set.
fn cured(trouble: &Trouble, id: ChangeSetId, verdict: &Verdict) -> bool {
    let alarmed = |f: &&Finding| trouble.metrics.contains(&f.metric);
    let mut harms = verdict.findings.iter().filter(alarmed).map(|f| f.harm);
    let some = verdict.findings.iter().any(|f| alarmed(&f));
    trouble.by != id && some && harms.all(|h| h.is_some_and(|h| h <= BETTER))
}

/// Where the settings of the whole instance stand since a change set, whoever made it, as far as that has a
/// measure.
fn stands((engine, major): Version, set: &ChangeSet) -> Vec<Observation> {
    let Ok(choice) = pack(engine, major) else {
        return Vec::new();
    };
    let one = |change: &Change| {
        let def = choice.pack.def(change.key.name.as_str())?;
        let measure = |value: Option<&Value>| {
            let quantity = value?.as_text().and_then(|t| units::parse(def, t).ok())?;
            Some(comparable(choice.pack, &change.key.name, quantity))
        };
        let (since, pending) = match change.takes_effect {
            TakesEffect::Now | TakesEffect::NewSessions => {
                (change.new.effective.as_ref(), Pending::No)
            }
            TakesEffect::AtRestart => {
                let waiting = change.new.waiting.as_ref().map(|w| &w.value);
                (waiting.or(change.new.entry.as_ref()), Pending::Restart)
            }
            TakesEffect::Masked => return None,
        };
        let (before, since) = (measure(change.old.effective.as_ref()), measure(since));
        let known = before.or(since).is_some();
        known.then(|| Observation::Stands {
            target: set.target.clone(),
            at: change.time.best(),
            setting: change.key.name.clone(),
            before: before.unwrap_or(Comparable::Nothing),
            since: since.unwrap_or(Comparable::Nothing),
            pending,
        })
    };
    let whole = |c: &&Change| c.key.scope == Scope::Instance;
    set.changes.iter().filter(whole).filter_map(one).collect()
}

/// A setting that somebody wrote, or that moved by itself.
fn moved(set: &ChangeSet, change: &Change) -> Observation {
    let (before, after) = (&change.old, &change.new);
    let unwritten = before.entry == after.entry
        && before.source == after.source
        && before.waiting == after.waiting;
    let derived = change.new.source == ValueSource::Override
        || unwritten && change.new.source == ValueSource::Default;
    let target = set.target.clone();
    let (key, at) = (change.key.clone(), change.time.best());
    let value = |standing: &Standing| {
        let (entry, effective) = (standing.entry.clone(), standing.effective.clone());
        let waiting = standing.waiting.as_ref().map(|w| w.value.clone());
        match change.takes_effect {
            TakesEffect::AtRestart if waiting.is_some() => waiting,
            TakesEffect::AtRestart | TakesEffect::Masked => entry.or(effective),
            TakesEffect::Now | TakesEffect::NewSessions => effective.or(entry),
        }
    };
    let (old, new) = (value(&change.old), value(&change.new));
    if derived {
        return Observation::Effective {
            target,
            at,
            key,
            old,
            new,
        };
    }
    Observation::Change {
        target,
        author: change.author.clone(),
        at,
        change_set: set.id,
        key,
        old,
        new,
        pending: change.new.pending_restart,
    }
}

/// The effect that a finding shows, with the standard error that its chance gives.
fn measured(finding: &Finding) -> Option<Measured> {
    let (before, after) = (finding.before?, finding.after?);
    let chance = finding.p_value?;
    if !(before > 0.0 && after > 0.0 && chance > 0.0 && chance <= 1.0) {
        return None;
    }
    let d = (after / before).ln().clamp(-EFFECT_MAX, EFFECT_MAX);
    let z = Normal::standard().inverse_cdf(1.0 - chance / 2.0);
    Some(Measured {
        metric: finding.metric.clone(),
        d,
        se: (d.abs() / z.max(Z_MIN)).max(SE_MIN),
    })
}

fn person(at: Timestamp, by: &str, judgement: &Judgement) -> Observation {
    let Judgement {
        target,
        from,
        to,
        kind,
        opinion,
        ..
    } = judgement.clone();
    Observation::Person {
        target,
        from,
        to,
        kind,
        opinion: match opinion {
            Opinion::Confirmed => Word::Confirmed,
            Opinion::Rejected => Word::Rejected,
        },
        who: by.to_owned(),
        at,
    }
}

/// The effective values of a configuration that can be compared with each other.
fn readings(snapshot: &Snapshot) -> BTreeMap<SettingName, Reading> {
    let Some(choice) = knowledge::knowledge(&snapshot.server) else {
        return BTreeMap::new();
    };
    let pack = choice.pack;
    let (now, _unread) = Candidate::new(pack).with_snapshot(snapshot, At::Now);
    let instance = snapshot.settings.iter();
    let instance = instance.filter(|(key, _)| key.scope == Scope::Instance);
    let reading = |(key, standing): (&SettingKey, &Standing)| {
        let value = comparable(pack, &key.name, now.setting(&key.name)?);
        let origin = match standing.source {
            ValueSource::Default => Choice::Default,
            _ => Choice::Chosen,
        };
        Some((key.name.clone(), Reading { value, origin }))
    };
    instance.filter_map(reading).collect()
}

fn comparable(pack: &Pack, name: &SettingName, value: Quantity) -> Comparable {
    if pack
        .def(name.as_str())
        .is_some_and(|def| special(def, &value))
    {
        return Comparable::Nothing;
    }
    let number = |dimension, n: i128| Comparable::Number(dimension, n as f64);
    match value {
        Quantity::Bytes(n) => number(Dimension::Bytes, n),
        Quantity::Micros(n) => number(Dimension::Micros, n),
        Quantity::Count(n) => number(Dimension::Plain, n),
        Quantity::Fraction(x) => Comparable::Number(Dimension::Plain, x),
        Quantity::Bool(true) => Comparable::Switch(Position::On),
        Quantity::Bool(false) => Comparable::Switch(Position::Off),
        Quantity::Text(text) if text.is_empty() => Comparable::Nothing,
        Quantity::List(items) if items.is_empty() => Comparable::Nothing,
        Quantity::Unlimited => Comparable::Nothing,
        Quantity::Text(_) | Quantity::List(_) => Comparable::Something,
    }
}

/// Whether a value has a meaning of its own: it is no size.
fn special(def: &SettingDef, value: &Quantity) -> bool {
    let stands_for = |text: &str| units::parse(def, text).is_ok_and(|q| q == *value);
    def.sentinels.iter().any(|s| stands_for(&s.value))
}
