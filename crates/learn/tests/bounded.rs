//! A million changes: the memory of a learner stays bounded, and so does its time.
#![cfg(target_os = "linux")]

use backstay_learn::learner::{Config, Learner};
use backstay_learn::synthetic::{Fleet, changes, servers};
use backstay_model::Span;

const FLEET: Fleet = Fleet {
    targets: 3_000,
    actors: 200,
    settings: 500,
    pause: Span::from_secs(30),
};
const CHANGES: usize = 1_000_000;
/// What a learner of this fleet may take in all.
const BYTES_MAX: i64 = 160 << 20;
/// What the second half of the changes may add to it: lists that grow to their limits, and slack of the
/// allocator.
const GROWTH_MAX: i64 = 16 << 20;

/// Resident memory of this process.
#[expect(
    clippy::disallowed_methods,
    reason = "a test asks the kernel what its own process takes"
)]
fn resident() -> i64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|p| p.parse::<i64>().ok());
    pages.expect("the kernel tells the pages of a process") * 4_096
}

#[test]
fn a_million_changes_take_bounded_memory() {
    let before = resident();
    let mut learner = Learner::new(Config::default());
    servers(FLEET).for_each(|o| drop(learner.observe(&o)));
    let mut stream = changes(FLEET, 3);
    let mut learnt = 0;
    let mut feed = |learner: &mut Learner| {
        for observation in stream.by_ref().take(CHANGES / 2) {
            learnt += learner.observe(&observation).len();
        }
        resident() - before
    };
    let half = feed(&mut learner);
    let whole = feed(&mut learner);
    println!(
        "{} KiB after half, {} KiB after all, {learnt} learnt, {:?}",
        half >> 10,
        whole >> 10,
        learner.tally()
    );
    assert_eq!(learner.tally().changes, CHANGES as u64);
    assert!(learnt > 0, "neighbours are changed together");
    assert!(whole < BYTES_MAX, "{whole} bytes");
    assert!(whole - half < GROWTH_MAX, "{} bytes more", whole - half);
}
