//! Streams of changes, planted and random, and what is found in them.

use backstay_model::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::stats::permutation::Shuffle;

mod chance;

/// One change as a test writes it.
#[derive(Clone, PartialEq, Debug)]
struct Turn {
    at: i64,
    target: String,
    actor: String,
    setting: String,
    old: u32,
    new: u32,
}

const DAY: i64 = 86_400;

/// The fleet of a test: what happens, in order of time.
#[derive(Clone, Debug, Default)]
struct Story {
    turns: Vec<Turn>,
    values: u32,
}

impl Story {
    /// `actor` changes `settings` on `target`, ten seconds apart.
    fn decide(&mut self, at: i64, target: u32, actor: u32, settings: &[&str]) {
        for (n, setting) in (0..).zip(settings) {
            self.values += 1;
            self.turns.push(Turn {
                at: at + n * 10,
                target: format!("db-{target}"),
                actor: format!("actor-{actor}"),
                setting: (*setting).to_owned(),
                old: self.values,
                new: self.values + 1,
            });
        }
    }

    /// `n` decisions about one setting of `pool` each, one an hour.
    fn noise(&mut self, n: i64, pool: u32, shuffle: &mut Shuffle) {
        for hour in 0..n {
            let setting = format!("other_{}", shuffle.below(pool));
            let (target, actor) = (shuffle.below(8), shuffle.below(6));
            self.decide(hour * 3_600, target, actor, &[&setting]);
        }
    }

    fn learn(&self, config: Config) -> (CoChange, Vec<Hint>) {
        let mut turns = self.turns.clone();
        turns.sort_by_key(|t| t.at);
        let mut miner = CoChange::new(config);
        for turn in &turns {
            miner.server(&TargetId::new(&turn.target), EngineKind::Postgresql, 17);
        }
        let mut hints = Vec::new();
        for turn in &turns {
            hints.extend(put(&mut miner, turn));
        }
        let end = turns.last().map_or(0, |t| t.at) + 2 * DAY;
        hints.extend(miner.advance(Timestamp::from_secs(end)));
        (miner, hints)
    }
}

fn put(miner: &mut CoChange, turn: &Turn) -> Vec<Hint> {
    let at = Timestamp::from_secs(turn.at);
    let author = Author::Known {
        name: turn.actor.clone(),
        via: AuthorEvidence::ServerLog,
    };
    let (old, new) = (
        Value::text(turn.old.to_string()),
        Value::text(turn.new.to_string()),
    );
    let mut hints = miner.advance(at);
    hints.extend(miner.change(&Changed {
        target: &TargetId::new(&turn.target),
        author: &author,
        at,
        change_set: ChangeSetId(turn.at.unsigned_abs()),
        setting: &SettingName::new(&turn.setting),
        old: Some(&old),
        new: Some(&new),
    }));
    hints
}

/// The last word on every pair, without what was taken back.
fn standing(hints: &[Hint]) -> Vec<&Hint> {
    let mut last: BTreeMap<_, &Hint> = BTreeMap::new();
    for hint in hints {
        let pair = (
            hint.first.clone().min(hint.then.clone()),
            hint.first.clone().max(hint.then.clone()),
        );
        last.insert(pair, hint);
    }
    let stands = |h: &&Hint| h.log_lr > 0.0;
    last.into_values().filter(stands).collect()
}

/// Six change sets by four actors in a month of noise, and three follow-ups.
fn planted(first: &str, then: &str) -> Story {
    let mut story = Story::default();
    story.noise(700, 40, &mut Shuffle::new(9));
    for n in 0..6_u32 {
        let at = i64::from(n) * 4 * DAY + 1_000;
        story.decide(at, n % 5, n % 4, &[first, then]);
    }
    for n in 0..3_u32 {
        let at = i64::from(n) * 9 * DAY + 40_000;
        story.decide(at, 6, 1, &[first]);
        story.decide(at + 1_200, 6, 2, &[then]);
    }
    story
}

#[test]
fn a_planted_pair_is_found_and_directed() {
    let (miner, hints) = planted("zeta", "alpha").learn(Config::default());
    let found = standing(&hints);
    assert_eq!(found.len(), 1, "{found:?}");
    let hint = found[0];
    assert_eq!((hint.first.as_str(), hint.then.as_str()), ("zeta", "alpha"));
    assert_eq!(hint.order, Order::Known);
    assert!((hint.log_lr - 30.0_f64.ln()).abs() < 1e-9);
    assert_eq!(hint.seen, "6 decisions by 4 actors");
    let audit = miner.audit(EngineKind::Postgresql).unwrap();
    assert_eq!(audit.found, 1);
    assert!(audit.fdr() < 0.05, "{audit:?}");
}

#[test]
fn turned_round_the_direction_flips() {
    let (_, hints) = planted("alpha", "zeta").learn(Config::default());
    let found = standing(&hints);
    assert_eq!(
        (found[0].first.as_str(), found[0].order),
        ("alpha", Order::Known)
    );
}

#[test]
fn without_enough_actors_or_decisions_nothing_is_said() {
    let with = |decisions: u32, actors: u32| {
        let mut story = Story::default();
        story.noise(700, 40, &mut Shuffle::new(9));
        for n in 0..decisions {
            let at = i64::from(n) * 4 * DAY + 1_000;
            story.decide(at, n % 5, n % actors, &["x", "y"]);
        }
        standing(&story.learn(Config::default()).1).len()
    };
    assert_eq!([with(4, 4), with(6, 2), with(5, 3)], [0, 0, 1]);
}

#[test]
fn follow_ups_alone_tie_a_pair() {
    let mut story = Story::default();
    story.noise(700, 40, &mut Shuffle::new(3));
    for n in 0..10_u32 {
        let at = i64::from(n) * 2 * DAY + 5_000;
        story.decide(at, n % 7, n % 5, &["work_mem"]);
        story.decide(at + 1_500, n % 7, (n + 1) % 5, &["hash_mem_multiplier"]);
    }
    let (_, hints) = story.learn(Config::default());
    let found = standing(&hints);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].first.as_str(), "work_mem");
    assert_eq!(found[0].order, Order::Known);
    assert!(found[0].seen.contains("10 follow-ups"), "{}", found[0].seen);
}

#[test]
fn a_roll_out_over_two_thousand_hosts_counts_once() {
    let mut story = Story::default();
    story.noise(700, 40, &mut Shuffle::new(4));
    for host in 0..2_000 {
        story.decide(50_000 + i64::from(host) * 30, 100 + host, 1, &["x", "y"]);
    }
    let mut noise = Story::default();
    noise.noise(700, 40, &mut Shuffle::new(4));
    let before = noise.learn(Config::default()).0.tally();
    let (miner, hints) = story.learn(Config::default());
    assert!(standing(&hints).is_empty(), "{hints:?}");
    assert_eq!(miner.tally().roll_outs - before.roll_outs, 1_999);
    assert_eq!(miner.tally().decisions - before.decisions, 1);
}

#[test]
fn copied_templates_tie_nothing() {
    let mut story = Story::default();
    let mut shuffle = Shuffle::new(8);
    story.noise(700, 40, &mut shuffle);
    for copy in 0..200_u32 {
        let template = copy % 3;
        let left_out = shuffle.below(10);
        let names: Vec<String> = (0..10)
            .filter(|s| *s != left_out)
            .map(|s| format!("template_{template}_{s}"))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        story.decide(i64::from(copy) * 12_000, 200 + copy, copy % 23, &names);
    }
    let (miner, hints) = story.learn(Config::default());
    assert!(standing(&hints).is_empty(), "{hints:?}");
    assert_eq!(miner.tally().copies, 197);
}

#[test]
fn our_own_writes_and_unknown_servers_do_not_count() {
    let mut miner = CoChange::new(Config::default());
    let mut turn = Turn {
        at: 0,
        target: "db".into(),
        actor: "ann".into(),
        setting: "x".into(),
        old: 1,
        new: 2,
    };
    put(&mut miner, &turn);
    miner.server(&TargetId::new("db"), EngineKind::Postgresql, 17);
    turn.at = 9;
    put(&mut miner, &turn);
    let (old, new) = (Value::text("2"), Value::text("1"));
    miner.change(&Changed {
        target: &TargetId::new("db"),
        author: &Author::Known {
            name: "backstay".into(),
            via: AuthorEvidence::OwnWrite,
        },
        at: Timestamp::from_secs(10),
        change_set: ChangeSetId(3),
        setting: &SettingName::new("x"),
        old: Some(&old),
        new: Some(&new),
    });
    miner.advance(Timestamp::from_secs(DAY));
    let tally = miner.tally();
    assert_eq!((tally.changes, tally.left_out, tally.decisions), (3, 2, 1));
}

#[test]
fn what_stops_holding_is_taken_back() {
    let mut story = planted("x", "y");
    // For a year more both are changed often, and never together.
    let mut shuffle = Shuffle::new(2);
    for day in 40..400_i64 {
        let alone = if day % 2 == 0 { "x" } else { "y" };
        story.decide(day * DAY, shuffle.below(8), shuffle.below(6), &[alone]);
    }
    let (_, hints) = story.learn(Config::default());
    assert!(standing(&hints).is_empty());
    assert!(hints.iter().any(|h| h.log_lr > 3.0), "it was found once");
}

#[test]
fn verdicts_of_people_move_what_a_rank_is_worth() {
    let (mut miner, hints) = planted("x", "y").learn(Config::default());
    assert!((standing(&hints)[0].log_lr - 30.0_f64.ln()).abs() < 1e-9);
    for _ in 0..40 {
        miner.verdict(&SettingName::new("x"), &SettingName::new("y"), 0.0);
    }
    // One more decision, so that there is a night to say it.
    let more = Turn {
        at: 60 * DAY,
        target: "db-1".into(),
        actor: "ann".into(),
        setting: "y".into(),
        old: 1,
        new: 2,
    };
    let mut told = Vec::new();
    for day in 0..40 {
        let turn = Turn {
            at: more.at + day * DAY,
            setting: format!("other_{day}"),
            ..more.clone()
        };
        told.extend(put(&mut miner, &turn));
    }
    let last = told.iter().rfind(|h| h.first.as_str() == "x").unwrap();
    assert!(last.log_lr < 5.0_f64.ln() && last.log_lr > 0.0, "{last:?}");
}

fn story_of(picks: &[(u8, u8, u8, u16)]) -> Story {
    let mut story = Story::default();
    let mut at = 0;
    for (target, actor, setting, gap) in picks {
        at += i64::from(*gap) * 4;
        let name = format!("s{}", setting % 12);
        story.decide(at, u32::from(target % 4), u32::from(actor % 4), &[&name]);
    }
    story
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_replay_is_what_was_live(
        picks in prop::collection::vec(any::<(u8, u8, u8, u16)>(), 1..300),
        cut in 0_usize..300,
    ) {
        let story = story_of(&picks);
        let (replayed, hints) = story.learn(Config::default());
        // Live: looked at, copied and moved on in the middle.
        let mut live = CoChange::new(Config::default());
        for turn in &story.turns {
            live.server(&TargetId::new(&turn.target), EngineKind::Postgresql, 17);
        }
        let mut told = Vec::new();
        for (n, turn) in story.turns.iter().enumerate() {
            if n == cut {
                live = live.clone();
                prop_assert!(live.bytes() > 0);
            }
            told.extend(put(&mut live, turn));
        }
        let end = story.turns.last().map_or(0, |t| t.at) + 2 * DAY;
        told.extend(live.advance(Timestamp::from_secs(end)));
        prop_assert!(live == replayed);
        // Equality of floats forgives the sign of zero; the text does not.
        let texts = (format!("{live:?}"), format!("{replayed:?}"));
        prop_assert!(texts.0 == texts.1);
        prop_assert_eq!(told, hints);
    }

    #[test]
    fn the_order_inside_a_transaction_does_not_matter(
        settings in prop::collection::vec((0_u8..14, 0_i64..280, 0_u32..5, 0_u32..5), 1..24),
        seed in any::<u64>(),
    ) {
        let turn = |(setting, at, old, new): &(u8, i64, u32, u32)| Turn {
            at: *at,
            target: "db".into(),
            actor: "ann".into(),
            setting: format!("s{setting:02}"),
            old: *old,
            new: *new,
        };
        let mut turns: Vec<Turn> = settings.iter().map(turn).collect();
        let learn = |turns: &[Turn]| {
            let mut miner = CoChange::new(Config::default());
            miner.server(&TargetId::new("db"), EngineKind::Postgresql, 17);
            // The places are dealt in the order of arrival, so the names come first.
            for s in 0..14 {
                let setting = format!("s{s:02}");
                let early = Turn { at: -DAY, setting, actor: "zoe".into(), old: 0, new: 1, target: "db".into() };
                put(&mut miner, &early);
            }
            turns.iter().for_each(|t| drop(put(&mut miner, t)));
            miner.advance(Timestamp::from_secs(DAY));
            miner
        };
        let sorted = learn(&turns);
        Shuffle::new(seed).shuffle(&mut turns);
        prop_assert!(learn(&turns) == sorted);
    }
}
