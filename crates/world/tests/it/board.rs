//! How often the guard is right, by kind of change: what is expected of each kind, and what came.

use std::collections::BTreeMap;

use backstay_chance::Dice;
use backstay_lifecycle::State;
use backstay_model::{Scope, SettingKey, SettingName, Span};
use backstay_world::action::{Action, Door, Turn};
use backstay_world::scenario::Patience;
use backstay_world::story::Outcome;
use backstay_world::{Scenario, random, run};

/// Changes that hurt nobody within minutes.
pub(crate) const BENIGN: [(&str, &str); 8] = [
    ("work_mem", "8MB"),
    ("work_mem", "64kB"),
    ("log_rotation_age", "2d"),
    ("effective_io_concurrency", "0"),
    ("autovacuum", "off"),
    ("track_io_timing", "on"),
    ("random_page_cost", "1.1"),
    ("default_statistics_target", "1"),
];
/// Changes that hurt at once, and how.
const HARMFUL: [(&str, &str); 7] = [
    ("default_transaction_read_only", "on"),
    ("statement_timeout", "1ms"),
    ("jit_above_cost", "0"),
    ("default_transaction_isolation", "serializable"),
    ("synchronous_standby_names", "nosuch"),
    ("log_statement", "all"),
    ("log_duration", "on"),
];
/// Stories of each kind in the ordinary run.
const SEEDS: u64 = 2;
/// Made-up stories in the ordinary run.
const STORMS: u64 = 20;

pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What `judge` says of each seed, on both cores, in the order of the seeds.
pub(crate) fn in_parallel<T: Send>(seeds: &[u64], judge: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let judge = &judge;
    std::thread::scope(|scope| {
        let halves = seeds.chunks(seeds.len().div_ceil(2).max(1));
        let running: Vec<_> = halves
            .map(|half| scope.spawn(move || half.iter().map(|s| judge(*s)).collect::<Vec<T>>()))
            .collect();
        running
            .into_iter()
            .flat_map(|h| h.join().expect("a judge does not panic"))
            .collect()
    })
}

fn change(name: &str, value: &str) -> Action {
    Action::Change(Turn {
        by: Some("ann".to_owned()),
        key: SettingKey {
            scope: Scope::Instance,
            name: SettingName::new(name),
        },
        door: Door::Statement,
        value: Some(value.to_owned()),
        why: None,
    })
}

/// A quiet story that the kinds add to; the first change comes at a second in 60..120.
fn quiet(seed: u64, purpose: &str) -> (Scenario, Dice, i64) {
    let mut rng = Dice::of(seed, purpose);
    let mut story = Scenario::quiet(&format!("{purpose} {seed}"), seed, Span::ZERO);
    story.roughness = (rng.between(0.5, 1.6) * 100.0).round() / 100.0;
    let watch = 30 + i64::try_from(rng.below(60)).unwrap_or(0);
    story.policy = Patience {
        watch: Span::from_secs(watch),
        ..Patience::short()
    };
    let at_ms = 60_000 + i64::try_from(rng.below(60_000)).unwrap_or(0);
    story.lasts = Span::from_secs(at_ms / 1_000 + 2 * watch + 20);
    (story, rng, at_ms)
}

fn single(seed: u64, (name, value): (&str, &str)) -> Scenario {
    let (mut story, _, at_ms) = quiet(seed, "single");
    story
        .events
        .push((Span::from_millis(at_ms), change(name, value)));
    story
}

/// The same incident twice: it is put back, and comes again.
fn again(seed: u64, (name, value): (&str, &str)) -> Scenario {
    let (mut story, mut rng, at_ms) = quiet(seed, "again");
    let later_ms = at_ms + 60_000 + i64::try_from(rng.below(120_000)).unwrap_or(0);
    story
        .events
        .push((Span::from_millis(at_ms), change(name, value)));
    story
        .events
        .push((Span::from_millis(later_ms), change(name, value)));
    story.lasts = Span(story.lasts.0 + (later_ms - at_ms) * 1_000);
    story
}

/// A harmless change beside something else that happens to the target.
fn beside(seed: u64, what: &str) -> Scenario {
    let (mut story, mut rng, at_ms) = quiet(seed, what);
    let (name, value) = rng.pick(&BENIGN).copied().unwrap_or(("work_mem", "8MB"));
    story
        .events
        .push((Span::from_millis(at_ms), change(name, value)));
    let lasts = Span::from_secs(2 + i64::try_from(rng.below(12)).unwrap_or(0));
    let event = match what {
        "neighbour" => Action::Neighbour {
            share: (rng.between(0.1, 0.5) * 10.0).round() / 10.0,
            lasts: Span(3 * lasts.0),
        },
        "gap" => Action::Gap { lasts },
        "away" => Action::Away { lasts },
        "restart" => Action::Restart {
            lasts: Span::from_secs(1 + i64::try_from(rng.below(3)).unwrap_or(0)),
        },
        "login refused" => Action::LoginRefused { lasts },
        _ => Action::GuardDies { lasts },
    };
    let from_ms = at_ms - 4_000 + i64::try_from(rng.below(24_000)).unwrap_or(0);
    story.events.push((Span::from_millis(from_ms), event));
    story
}

/// What came of one story.
struct Came {
    word: String,
    hurt: bool,
    delay_s: Option<f64>,
    seed: u64,
}

fn came(seed: u64, outcome: Option<&Outcome>) -> Came {
    let case = outcome.and_then(|o| o.case.as_ref());
    let at = outcome.map(|o| o.at).unwrap_or_default();
    let judged_at = case.and_then(|c| c.moments.judged_at);
    let word = case
        .and_then(|c| c.verdict.as_ref())
        .map_or("unseen", |v| v.kind.word());
    Came {
        word: word.to_owned(),
        hurt: judged_at.is_some(),
        delay_s: judged_at.map(|j| (j - at).as_secs_f64()),
        seed,
    }
}

/// Which of the changes of a story is judged.
#[derive(Clone, Copy)]
enum Which {
    First,
    Last,
}

/// Plays a kind and prints its row; the seeds that came otherwise than expected.
#[allow(clippy::print_stdout, reason = "its row is what a person asks for")]
fn kind(
    name: &str,
    (which, hurts): (Which, bool),
    make: impl Fn(u64) -> Scenario + Sync,
) -> Vec<u64> {
    let seeds: Vec<u64> = (0..number("BACKSTAY_BOARD").unwrap_or(SEEDS)).collect();
    let all = in_parallel(&seeds, |seed| {
        let story = run(&make(seed)).expect("a story of the board can be played");
        let outcome = match which {
            Which::First => story.outcomes.first(),
            Which::Last => story.outcomes.last(),
        };
        came(seed, outcome)
    });
    let mut words = BTreeMap::<&str, u32>::new();
    all.iter()
        .for_each(|c| *words.entry(&c.word).or_default() += 1);
    let mut delays: Vec<f64> = all.iter().filter_map(|c| c.delay_s).collect();
    delays.sort_by(f64::total_cmp);
    let wrong: Vec<u64> = all
        .iter()
        .filter(|c| c.hurt != hurts)
        .map(|c| c.seed)
        .collect();
    let p95 = delays.get((delays.len() * 95 / 100).min(delays.len().saturating_sub(1)));
    println!(
        "{name:<44} {:>4}/{:<4} right  p95 {:>5}  {words:?} wrong: {:?}",
        all.len() - wrong.len(),
        all.len(),
        p95.map_or("–".to_owned(), |d| format!("{d:.0} s")),
        &wrong[..wrong.len().min(8)]
    );
    wrong
}

/// `BACKSTAY_BOARD=200` plays so many of each kind and prints with `--nocapture`;
/// `BACKSTAY_ONE="again jit_above_cost=0" BACKSTAY_SEED=7` tells one story.
#[test]
fn changes_are_judged_by_what_they_do() {
    if let (Some(seed), Ok(one)) = (number("BACKSTAY_SEED"), std::env::var("BACKSTAY_ONE")) {
        let words: Vec<&str> = one.splitn(2, ' ').collect();
        let setting = || words[1].split_once('=').expect("name=value");
        let story = match words[0] {
            "single" => single(seed, setting()),
            "again" => again(seed, setting()),
            _ => beside(seed, words[1]),
        };
        println!("{story}\n{}", backstay_world::check(&story.to_string()));
        return;
    }
    let mut wrong = 0;
    for pair in HARMFUL {
        let setting = format!("{}={}", pair.0, pair.1);
        wrong += kind(&format!("single {setting}"), (Which::First, true), |s| {
            single(s, pair)
        })
        .len();
        wrong += kind(&format!("again {setting}"), (Which::Last, true), |s| {
            again(s, pair)
        })
        .len();
    }
    for pair in BENIGN {
        let setting = format!("{}={}", pair.0, pair.1);
        wrong += kind(&format!("single {setting}"), (Which::First, false), |s| {
            single(s, pair)
        })
        .len();
    }
    for what in [
        "neighbour",
        "gap",
        "away",
        "restart",
        "login refused",
        "guard dies",
    ] {
        wrong += kind(&format!("beside {what}"), (Which::First, false), |s| {
            beside(s, what)
        })
        .len();
    }
    println!("{wrong} wrong");
    assert_eq!(wrong, 0);
}

/// What came of the changes of one made-up story.
#[derive(Default)]
struct Storm {
    harmless: u32,
    harmful: u32,
    blamed: Vec<String>,
    rolled_back: Vec<String>,
    missed: Vec<String>,
}

impl Storm {
    fn of(seed: u64) -> Self {
        let story = run(&random::scenario(seed)).expect("a made-up story can be played");
        let mut storm = Self::default();
        // Beside a change that hurts, a harmless one may be suspected: they overlap.
        let alone = story.outcomes.iter().all(|o| random::harmless(&o.turn));
        for outcome in &story.outcomes {
            let Some(case) = &outcome.case else { continue };
            let word = case
                .verdict
                .as_ref()
                .map_or("no verdict", |v| v.kind.word());
            let told = format!(
                "seed {seed}: {} ({}, {word})",
                outcome.turn,
                case.state.word()
            );
            let value = outcome.turn.value.as_deref().unwrap_or("");
            if random::harmless(&outcome.turn) {
                storm.harmless += 1;
                if alone && case.moments.judged_at.is_some() {
                    storm.blamed.push(told.clone());
                }
                if matches!(case.state, State::RolledBack { .. }) && case.operator.is_none() {
                    storm.rolled_back.push(told);
                }
            } else if HARMFUL.contains(&(outcome.turn.key.name.as_str(), value)) {
                storm.harmful += 1;
                let judged = case.verdict.is_some() && case.operator.is_none();
                if judged && case.moments.judged_at.is_none() {
                    storm.missed.push(told);
                }
            }
        }
        storm
    }
}

/// `BACKSTAY_STORMS=1000` plays a thousand made-up stories and prints with `--nocapture`.
#[test]
fn harmless_changes_are_not_rolled_back_in_stormy_stories() {
    let seeds: Vec<u64> = (0..number("BACKSTAY_STORMS").unwrap_or(STORMS)).collect();
    let played = in_parallel(&seeds, Storm::of);
    let all = |part: fn(&Storm) -> &Vec<String>| -> Vec<&String> {
        played.iter().flat_map(part).collect()
    };
    let (blamed, rolled) = (all(|s| &s.blamed), all(|s| &s.rolled_back));
    let missed = all(|s| &s.missed);
    let sum = |part: fn(&Storm) -> u32| played.iter().map(part).sum::<u32>();
    println!(
        "harmless {}: blamed {}, rolled back {}; harmful {}: judged otherwise {}",
        sum(|s| s.harmless),
        blamed.len(),
        rolled.len(),
        sum(|s| s.harmful),
        missed.len()
    );
    println!("blamed {blamed:#?}\nrolled back {rolled:#?}\nmissed {missed:#?}");
    assert!(blamed.is_empty() && rolled.is_empty());
}
