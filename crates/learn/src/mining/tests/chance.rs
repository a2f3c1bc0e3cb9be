//! Streams in which nothing is tied, and streams in which some is: how much of what is found is false.

use super::*;

/// Decisions over `settings` whose frequencies fall like Zipf's; each is in a decision or not by chance
/// of its own.
fn random_stream(seed: u64, decisions: i64, settings: u32) -> Story {
    let mut shuffle = Shuffle::new(seed);
    let mut story = Story::default();
    for n in 0..decisions {
        let names: Vec<String> = (0..settings)
            .filter(|s| f64::from(shuffle.below(1_000_000)) / 1e6 < 0.5 / (f64::from(*s) + 2.0))
            .map(|s| format!("s{s}"))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (target, actor) = (shuffle.below(6), shuffle.below(5));
        story.decide(n * 7_200, target, actor, &names);
    }
    story
}

#[test]
fn independent_streams_keep_the_rate_of_false_discoveries() {
    const STREAMS: u64 = 150;
    let wrong = (0..STREAMS).filter(|seed| {
        let (_, hints) = random_stream(*seed, 360, 24).learn(Config::default());
        !hints.is_empty()
    });
    // All that is found in them is false, so the rate is the share of streams with a discovery.
    let share = wrong.count() as f64 / STREAMS as f64;
    assert!(share <= Config::default().q, "{share}");
}

#[test]
fn among_planted_pairs_few_are_false_and_most_are_found() {
    const STREAMS: u64 = 30;
    const PLANTED: [(&str, &str); 4] = [("a1", "a2"), ("b1", "b2"), ("c1", "c2"), ("d1", "d2")];
    let (mut rate, mut found_true) = (0.0, 0);
    for seed in 0..STREAMS {
        let mut story = random_stream(1_000 + seed, 360, 24);
        let mut shuffle = Shuffle::new(seed);
        for (x, y) in PLANTED {
            for _ in 0..9 {
                let at = i64::from(shuffle.below(30 * 86_400));
                story.decide(at, shuffle.below(6), shuffle.below(5), &[x, y]);
            }
        }
        let (_, hints) = story.learn(Config::default());
        let found = standing(&hints);
        let real = |h: &&&Hint| {
            let pair = (h.first.as_str(), h.then.as_str());
            PLANTED.contains(&pair) || PLANTED.contains(&(pair.1, pair.0))
        };
        let right = found.iter().filter(real).count();
        found_true += right;
        if !found.is_empty() {
            rate += (found.len() - right) as f64 / found.len() as f64;
        }
    }
    let rate = rate / STREAMS as f64;
    assert!(rate <= Config::default().q, "{rate}");
    let recall = found_true as f64 / (STREAMS * 4) as f64;
    assert!(recall > 0.9, "{recall}");
}

#[test]
fn habits_of_one_team_are_no_tie() {
    // One team changes x and y all the time, each by chance; the others hardly ever do. Pooled they look
    // tied; within teams they are not.
    let mut wrong = 0;
    for seed in 0..20 {
        let mut shuffle = Shuffle::new(seed);
        let mut story = Story::default();
        for n in 0..600_i64 {
            let target = shuffle.below(4);
            let often = if target == 0 { 60 } else { 3 };
            let mut names = vec![];
            for name in ["x", "y"] {
                if shuffle.below(100) < often {
                    names.push(name);
                }
            }
            let other = format!("other_{}", shuffle.below(20));
            if names.is_empty() {
                names.push(&other);
            }
            story.decide(n * 3_600, target, shuffle.below(5), &names);
        }
        let (_, hints) = story.learn(Config::default());
        let tied = standing(&hints);
        wrong += tied
            .iter()
            .filter(|h| (h.first.as_str(), h.then.as_str()) == ("x", "y"))
            .count();
    }
    assert!(wrong <= 1, "{wrong}");
}
