//! Streams of changes made from a seed: for benches, and for tests of what much history does.

use backstay_model::change::{AuthorEvidence, Pending};
use backstay_model::name::EngineKind;
use backstay_model::{
    Author, ChangeSetId, SettingKey, SettingName, Span, TargetId, Timestamp, Value,
};

use crate::learner::Observation;
use crate::stats::permutation::Shuffle;

/// A fleet whose people change settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fleet {
    /// Watched instances, spread over five major versions.
    pub targets: u32,
    /// People and pipelines.
    pub actors: u32,
    /// Settings; the second half is changed a tenth as often as the first.
    pub settings: u32,
    /// Time between two change sets.
    pub pause: Span,
}

/// Which servers the targets of `fleet` run.
pub fn servers(fleet: Fleet) -> impl Iterator<Item = Observation> {
    (0..fleet.targets).map(|n| Observation::Server {
        target: target(n),
        at: Timestamp(0),
        engine: EngineKind::Postgresql,
        major: 14 + n % 5,
    })
}

fn target(n: u32) -> TargetId {
    TargetId::new(&format!("db-{n}"))
}

/// An endless stream of changes: change sets of one to four settings, one after the other. Neighbours
/// among the settings (0 and 1, 10 and 11, …) are often changed together, all others by chance.
pub fn changes(fleet: Fleet, seed: u64) -> impl Iterator<Item = Observation> {
    let names: Vec<SettingName> = (0..fleet.settings)
        .map(|n| SettingName::new(&format!("setting_{n}")))
        .collect();
    let mut shuffle = Shuffle::new(seed);
    (1_u64..).flat_map(move |id| change_set(fleet, id, &names, &mut shuffle))
}

fn change_set(
    fleet: Fleet,
    id: u64,
    names: &[SettingName],
    shuffle: &mut Shuffle,
) -> Vec<Observation> {
    let places = settings(fleet, shuffle);
    let target = target(shuffle.below(fleet.targets));
    let author = Author::Known {
        name: format!("actor-{}", shuffle.below(fleet.actors)),
        via: AuthorEvidence::ServerLog,
    };
    let began = fleet
        .pause
        .0
        .saturating_mul(i64::try_from(id).unwrap_or(i64::MAX));
    let change = |(n, place): (i64, u32)| {
        let old = shuffle.below(1_000) + 1;
        let new = old + 1 + shuffle.below(1_000);
        Observation::Change {
            target: target.clone(),
            author: author.clone(),
            at: Timestamp(began.saturating_add(n * 1_000_000)),
            change_set: ChangeSetId(id),
            key: SettingKey {
                scope: backstay_model::Scope::Instance,
                name: names[place as usize].clone(),
            },
            old: Some(Value::text(format!("{old}MB"))),
            new: Some(Value::text(format!("{new}MB"))),
            pending: Pending::No,
        }
    };
    (0..).zip(places).map(change).collect()
}

fn settings(fleet: Fleet, shuffle: &mut Shuffle) -> Vec<u32> {
    let half = (fleet.settings / 2).max(1);
    let mut one = || {
        if shuffle.below(11) == 0 {
            half + shuffle.below((fleet.settings - half).max(1))
        } else {
            shuffle.below(half)
        }
    };
    let first = one().min(fleet.settings.saturating_sub(1));
    let mut places = vec![first];
    let more = one() % 10;
    if first % 10 == 0 && more < 6 && first + 1 < fleet.settings {
        places.push(first + 1);
    }
    for _ in 0..more.saturating_sub(6) {
        places.push(one().min(fleet.settings.saturating_sub(1)));
    }
    places.sort_unstable();
    places.dedup();
    places
}
