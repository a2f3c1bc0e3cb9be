//! Locks that somebody keeps, changes that overlap, and repairs, over many seeds: what is told, and that
//! nobody is asked for what would do harm.

use backstay_guard::news::Tidings;
use backstay_lifecycle::State;
use backstay_world::{Scenario, Story, invariants, run};

/// Seeds of each story.
const SEEDS: u64 = 12;

/// Plays `tale` under each seed; what it says of the story, and what no story may break.
fn each(tale: &str, wrong: impl Fn(&Story) -> Option<String>) {
    let mut failed = String::new();
    for seed in 0..SEEDS {
        let text = format!("seed {seed}\n{tale}");
        let scenario = Scenario::parse(&text).expect("the tale reads");
        let story = run(&scenario).expect("a story can be played");
        let broken = invariants::violations(&scenario, &story);
        for what in broken.into_iter().chain(wrong(&story)) {
            failed += &format!("seed {seed}: {what}\n{}\n", backstay_world::check(&text));
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

fn state(story: &Story, change: usize) -> Option<&State> {
    Some(&story.outcomes.get(change - 1)?.case.as_ref()?.state)
}

fn word(story: &Story, change: usize) -> &'static str {
    state(story, change).map_or("unseen", State::word)
}

fn pages(story: &Story) -> Vec<String> {
    let told = story.news.iter().filter_map(|news| match &news.what {
        Tidings::Paged(page) => Some(page.message.clone()),
        _ => None,
    });
    told.collect()
}

fn hurt(story: &Story, change: usize) -> bool {
    let case = story.outcomes[change - 1].case.as_ref();
    case.is_some_and(|case| case.moments.judged_at.is_some())
}

#[test]
fn a_lock_that_somebody_keeps_never_puts_a_harmless_change_back() {
    let tale =
        "lasts 240s\nat 60.4s ann alters system set work_mem = 8MB\nat 72s bob locks for 35s\n";
    each(tale, |story| {
        let blamed = hurt(story, 1) || !story.writes.is_empty();
        blamed.then(|| format!("it was blamed, and is {}", word(story, 1)))
    });
}

#[test]
fn harm_beside_a_lock_is_put_back_all_the_same() {
    let tale = "lasts 200s\nat 60.4s ann alters system set synchronous_standby_names = nosuch\n\
                at 64s bob locks for 25s\n";
    each(tale, |story| {
        let ends = word(story, 1);
        (ends != "rolled back").then(|| format!("it is {ends}"))
    });
}

#[test]
fn of_two_that_overlap_one_page_tells_and_the_other_is_released() {
    let tale = "lasts 300s\nmode approve\nat 60.4s ann alters system set jit_optimize_above_cost = 0\n\
                at 75.4s bob alters system set jit_above_cost = 0\nat 100s carl approves change 2\n";
    each(tale, |story| {
        let (first, second) = (word(story, 1), word(story, 2));
        let asked = pages(story);
        let well = (first, second) == ("kept", "rolled back") && asked.len() == 1;
        (!well).then(|| format!("they are {first} and {second}; pages: {asked:?}"))
    });
}

#[test]
fn a_repair_is_kept_and_nobody_is_asked_to_take_it_back() {
    let tale = "lasts 240s\nmode approve\nat 60.4s ann alters system set default_transaction_read_only = on\n\
                at 85.4s bob alters system reset default_transaction_read_only\n";
    each(tale, |story| {
        let (first, second) = (word(story, 1), word(story, 2));
        let mends = story.outcomes[1].case.as_ref().is_some_and(|c| c.mended());
        let asked = pages(story);
        let well = (first, second) == ("superseded", "kept") && mends && asked.len() == 1;
        (!well).then(|| format!("they are {first} and {second}, {mends}; pages: {asked:?}"))
    });
}
