use backstay_model::change::TakesEffect;
use backstay_model::value::Scope;
use backstay_model::verdict::VerdictKind;

use crate::testing::bed::{End, Spread, State, Story};

mod faults;
mod harmless;
mod properties;
mod refusals;

/// A story on the busy target: 20 s of baseline, 20 s of watch.
fn story(seed: u64, during: &dyn Fn(i64) -> State) -> Story<'_> {
    Story {
        seed,
        spread: Spread::USUAL,
        baseline: 20,
        length: 20,
        before: State::good(),
        during,
        takes_effect: TakesEffect::Now,
        scope: Scope::Instance,
    }
}

/// Ends of the same story over many seeds, counted by word.
fn counts(
    seeds: std::ops::Range<u64>,
    run: impl Fn(u64) -> End,
) -> std::collections::BTreeMap<String, u32> {
    let mut counts = std::collections::BTreeMap::new();
    for seed in seeds {
        let end = run(seed);
        // How much harm is excluded is asked where it matters.
        let mut word = match &end.last.kind {
            VerdictKind::Healthy { .. } => "healthy".to_owned(),
            other => other.word().to_owned(),
        };
        if end.hurt_after.is_some() {
            "hurt".clone_into(&mut word);
        }
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}
