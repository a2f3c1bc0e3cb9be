//! The record of years: a journal as guards leave it, with many changes and their lives in it.

use std::path::Path;

use anyhow::{Context, Result};
use backstay_catalog::pack;
use backstay_journal::{Journal, Record};
use backstay_learn::learner::Observation;
use backstay_learn::synthetic::{Fleet, changes};
use backstay_model::change::{ChangeTime, Origin, Standing, TakesEffect};
use backstay_model::name::EngineKind;
use backstay_model::snapshot::{NodeRole, Server};
use backstay_model::verdict::Verdict;
use backstay_model::{
    Change, ChangeSet, ChangeSetId, Event, SettingName, SnapshotId, Span, TargetId, Timestamp,
    Value, ValueSource, WorkClass,
};

use crate::books::{BATCH, stores};
use crate::verdicts::{Case, WATCH_S};

const FLEET: Fleet = Fleet {
    targets: 200,
    actors: 40,
    settings: 300,
    pause: Span::from_secs(600),
};
/// The version that every target runs.
const MAJOR: u32 = 17;

/// Writes a journal with `wanted` changes at least: every target read once, every change set seen,
/// watched and found healthy with a verdict over every metric. Returns how many entries it holds.
///
/// # Errors
/// When the books refuse, or the shipped knowledge cannot be used.
pub fn write(directory: &Path, wanted: usize) -> Result<u64> {
    let mut journal = Journal::open(stores(directory)?.log)?;
    let baselines = (0..FLEET.targets).map(baseline).collect();
    drop(journal.commit(Timestamp(0), baselines)?);
    let names = names()?;
    let (watch, _last) = Case::harmless().at_its_end();
    let verdict = watch.verdict(watch.until());
    let mut stream = changes(FLEET, 7).peekable();
    let mut written = 0;
    while written < wanted {
        let mut records = Vec::new();
        let mut next = journal.next_seq().0;
        let mut last = Timestamp(0);
        while (records.len() as u64) < BATCH {
            let set = next_set(&mut stream, ChangeSetId(next), &names)?;
            written += set.changes.len();
            last = set.effective_at() + Span::from_secs(WATCH_S);
            records.extend(life(set, &verdict));
            next += 3;
        }
        drop(journal.commit(last, records)?);
    }
    Ok(journal.head().seq.0)
}

/// Settings of the pack, so that there are rules about them.
fn names() -> Result<Vec<SettingName>> {
    let choice = pack(EngineKind::Postgresql, MAJOR)?;
    Ok(choice.pack.settings.keys().cloned().collect())
}

fn baseline(n: u32) -> Record {
    Record::Baseline {
        target: TargetId::new(&format!("db-{n}")),
        snapshot: SnapshotId(format!("not kept {n}")),
        server: Server {
            engine: EngineKind::Postgresql,
            version: format!("{MAJOR}.1"),
            started_at: Timestamp(0),
            processes_since: None,
            system_identifier: None,
            data_directory: "/data".to_owned(),
            role: NodeRole::Primary,
        },
    }
}

/// The next change set of the stream, under another number.
fn next_set(
    stream: &mut std::iter::Peekable<impl Iterator<Item = Observation>>,
    id: ChangeSetId,
    names: &[SettingName],
) -> Result<ChangeSet> {
    let number = |o: &Observation| match o {
        Observation::Change { change_set, .. } => Some(*change_set),
        _ => None,
    };
    let first = stream.peek().and_then(number).context("a change")?;
    let mut of: Option<TargetId> = None;
    let mut all = Vec::new();
    while let Some(told) = stream.next_if(|o| number(o) == Some(first)) {
        let Observation::Change {
            target,
            author,
            at,
            mut key,
            old,
            new,
            ..
        } = told
        else {
            continue;
        };
        let place = key.name.as_str().rsplit('_').next();
        let place: usize = place.context("a numbered setting")?.parse()?;
        key.name = names[place % names.len()].clone();
        of = Some(target);
        all.push(Change {
            key,
            old: standing(old),
            new: standing(new),
            time: ChangeTime {
                not_before: at,
                not_after: at,
                exact: Some(at),
            },
            author,
            description: None,
            application: None,
            origin: Origin::Observed,
            takes_effect: TakesEffect::Now,
        });
    }
    Ok(ChangeSet {
        id,
        target: of.context("a change set holds a change")?,
        changes: all,
    })
}

fn standing(value: Option<Value>) -> Standing {
    Standing {
        effective: value.clone(),
        source: ValueSource::AutoFile,
        entry: value,
        waiting: None,
        pending_restart: backstay_model::change::Pending::No,
    }
}

/// Seen, watched, found healthy.
fn life(set: ChangeSet, verdict: &Verdict) -> [Record; 3] {
    let at = set.effective_at();
    let until = at + Span::from_secs(WATCH_S);
    let (id, target) = (set.id, set.target.clone());
    let step = |event| Record::Step {
        change_set: id,
        target: target.clone(),
        event,
        commands: Vec::new(),
    };
    let seen_live = step(Event::SeenLive {
        at,
        change_set: set.clone(),
        takes_effect: TakesEffect::Now,
        watch_until: until,
    });
    let judged = step(Event::Judged {
        at: until,
        verdict: verdict.clone(),
        extend_until: None,
        hold: None,
        work: WorkClass::OltpMixed,
        mends: None,
    });
    let seen = Record::Seen {
        change_set: set,
        snapshot: None,
    };
    [seen, seen_live, judged]
}
