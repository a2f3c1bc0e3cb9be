//! Rules of a file, which have positions instead of names.

use std::collections::BTreeMap;

use backstay_model::change::Standing;
use backstay_model::{Scope, SettingKey};

use super::Pairs;

/// What changed among the rules. A rule that only moved because one above it came or went did not
/// change: what stands the same at the beginning and at the end is left out, and what is between is
/// put side by side. Keys are positions now; a rule that is gone has the position it had.
pub(super) fn differences(
    old: &BTreeMap<SettingKey, Standing>,
    new: &BTreeMap<SettingKey, Standing>,
) -> Pairs {
    let (old, new) = (rules(old), rules(new));
    let same = |((_, a), (_, b)): &(&(&SettingKey, &Standing), &(&SettingKey, &Standing))| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let (old, new) = (&old[head..], &new[head..]);
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(same)
        .count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    let mut pairs = Pairs::new();
    for index in 0..old.len().max(new.len()) {
        let pair = match (old.get(index), new.get(index)) {
            (Some((_, before)), Some((key, after))) => {
                ((*key).clone(), ((*before).clone(), (*after).clone()))
            }
            (None, Some((key, after))) => (
                (*key).clone(),
                (Standing::absent(after.source.clone()), (*after).clone()),
            ),
            (Some((key, before)), None) => (
                (*key).clone(),
                ((*before).clone(), Standing::absent(before.source.clone())),
            ),
            (None, None) => continue,
        };
        pairs.insert(pair.0, pair.1);
    }
    pairs
}

fn rules(settings: &BTreeMap<SettingKey, Standing>) -> Vec<(&SettingKey, &Standing)> {
    settings
        .iter()
        .filter(|(key, _)| matches!(key.scope, Scope::FileRule { .. }))
        .collect()
}
