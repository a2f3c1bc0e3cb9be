//! Many made-up stories, and what must hold in each of them.

use backstay_world::{Scenario, Story, invariants, random, run};

/// Stories in the ordinary run.
const SEEDS: u64 = 150;
/// Seeds that once failed; paste more here.
const PASTED: [u64; 0] = [];

/// What the story of `seed` breaks.
fn broken(seed: u64) -> Vec<String> {
    let scenario = random::scenario(seed);
    let story = match run(&scenario) {
        Ok(story) => story,
        Err(error) => return vec![format!("{error}: {error:?}")],
    };
    let mut broken = invariants::violations(&scenario, &story);
    if !same(&scenario, &story) {
        broken.push("the same story gave another journal".to_owned());
    }
    broken
}

fn same(scenario: &Scenario, story: &Story) -> bool {
    run(scenario).is_ok_and(|again| again.journal == story.journal)
}

/// The seed, its story, and the one command that plays it again.
fn report(seed: u64, broken: &[String]) -> String {
    format!(
        "seed {seed}: {}\n  again: BACKSTAY_SEED={seed} cargo test -p backstay-world --test it sweep -- --nocapture\n",
        broken.join("; ")
    )
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn invariants_hold_in_every_story() {
    let seeds = match number("BACKSTAY_SEED") {
        Some(seed) => {
            let text = random::scenario(seed).to_string();
            println!("{text}\n{}", backstay_world::check(&text));
            seed..seed + 1
        }
        None => 0..number("BACKSTAY_SEEDS").unwrap_or(SEEDS),
    };
    let failed: Vec<String> = seeds
        .map(|seed| (seed, broken(seed)))
        .filter(|(_, broken)| !broken.is_empty())
        .map(|(seed, broken)| report(seed, &broken))
        .collect();
    assert!(failed.is_empty(), "{}", failed.concat());
}

#[test]
fn seeds_that_failed_once_do_not_fail_again() {
    for seed in PASTED {
        let broken = broken(seed);
        assert!(broken.is_empty(), "{}", report(seed, &broken));
    }
}

#[test]
fn a_made_up_story_reads_back_as_it_is_printed() {
    for seed in 0..300 {
        let scenario = random::scenario(seed);
        assert_eq!(
            Scenario::parse(&scenario.to_string()),
            Ok(scenario),
            "seed {seed}"
        );
    }
}
