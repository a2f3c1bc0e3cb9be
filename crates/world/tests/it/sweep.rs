//! Many made-up stories, and what must hold in each of them.

use backstay_world::{Scenario, Story, invariants, random, run};

/// Stories in the ordinary run.
const SEEDS: u64 = 150;
/// Seeds that once failed; paste more here.
const PASTED: [u64; 3] = [181, 275, 505];

/// What the story of `seed` breaks.
fn broken(seed: u64) -> Vec<String> {
    let scenario = random::scenario(seed);
    let story = match run(&scenario) {
        Ok(story) => story,
        Err(error) => return vec![format!("{error}: {error:?}")],
    };
    let mut broken = invariants::violations(&scenario, &story);
    broken.extend(false_alarm(&scenario, &story));
    if !same(&scenario, &story) {
        broken.push("the same story gave another journal".to_owned());
    }
    broken
}

/// One harmless change and nothing else must not be said to hurt.
fn false_alarm(scenario: &Scenario, story: &Story) -> Option<String> {
    let (1, [only]) = (scenario.events.len(), story.outcomes.as_slice()) else {
        return None;
    };
    let blamed = only.case.as_ref()?.moments.judged_at.is_some();
    (blamed && random::harmless(&only.turn)).then(|| "a harmless change was blamed".to_owned())
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
    let all: Vec<u64> = seeds.collect();
    let failed = std::thread::scope(|scope| {
        let halves = all.chunks(all.len().div_ceil(2).max(1));
        let running: Vec<_> = halves
            .map(|half| scope.spawn(|| half.iter().map(|s| failure(*s)).collect::<String>()))
            .collect();
        let done = running.into_iter().map(|h| h.join().unwrap());
        done.collect::<String>()
    });
    assert!(failed.is_empty(), "{failed}");
}

/// What to print about a seed; nothing when all is well.
fn failure(seed: u64) -> String {
    let broken = broken(seed);
    if broken.is_empty() {
        String::new()
    } else {
        report(seed, &broken)
    }
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
