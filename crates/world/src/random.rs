//! Stories made up from a seed: changes good and bad, load, trouble, faults and people, at random.

use backstay_model::decision::Mode;
use backstay_model::{Scope, SettingKey, SettingName, Span};

use crate::action::{Action, Door, Fault, PauseWish, Turn, Wish};
use crate::scenario::{Patience, Scenario};
use crate::server::RULE;
use backstay_chance::Dice;

/// Changes that hurt at once and much.
const HARMFUL: [(&str, &str); 7] = [
    ("default_transaction_read_only", "on"),
    ("statement_timeout", "1ms"),
    ("jit_above_cost", "0"),
    ("default_transaction_isolation", "serializable"),
    ("synchronous_standby_names", "nosuch"),
    ("log_statement", "all"),
    ("log_duration", "on"),
];
/// Changes that hurt nobody within minutes.
const HARMLESS: [(&str, &str); 10] = [
    ("work_mem", "8MB"),
    ("work_mem", "64kB"),
    ("log_rotation_age", "2d"),
    ("effective_io_concurrency", "0"),
    ("autovacuum", "off"),
    ("track_io_timing", "on"),
    ("random_page_cost", "1.1"),
    ("max_wal_size", "32MB"),
    ("default_statistics_target", "1"),
    ("max_connections", "200"),
];
/// Changes that look good and lose data.
const TREACHEROUS: [(&str, &str); 3] = [
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
];

/// The kinds of trouble in a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Usual load and nothing else.
    Calm,
    /// Load shifts, neighbours, gaps, restarts, lost connections, deaths of the guard, faults.
    Stormy,
}

/// Whether a change is one of those that hurt nobody within minutes.
#[must_use]
pub fn harmless(turn: &Turn) -> bool {
    let value = turn.value.as_deref().unwrap_or("");
    HARMLESS.contains(&(turn.key.name.as_str(), value))
}

/// The story of `seed`.
#[must_use]
pub fn scenario(seed: u64) -> Scenario {
    let mut dice = Dice::of(seed, "story");
    let weather = if dice.happens(0.35) {
        Weather::Calm
    } else {
        Weather::Stormy
    };
    let mut story = Scenario::quiet(&format!("made up from seed {seed}"), seed, Span::ZERO);
    story.mode = match dice.below(10) {
        0 => Mode::Observe,
        1 | 2 => Mode::Approve,
        _ => Mode::Auto,
    };
    story.roughness = (dice.between(0.5, 1.6) * 100.0).round() / 100.0;
    story.policy = Patience {
        watch: Span::from_secs(20 + within(&mut dice, 20)),
        extensions: u32::try_from(dice.below(2)).unwrap_or(0),
        recovery: Span::from_secs(12),
        intent_ttl: Span::from_secs(20 + within(&mut dice, 60)),
        budget: 1 + u32::try_from(dice.below(3)).unwrap_or(0),
    };
    let changes = 1 + dice.below(3);
    for _ in 0..changes {
        let at = moment(&mut dice, 30, 50);
        let turn = turn(&mut dice);
        if dice.happens(0.15) {
            // Somebody moves the same setting again a little later.
            let again = Turn {
                by: Some("carol".to_owned()),
                value: (dice.happens(0.5)).then(|| third_value(&turn)).flatten(),
                ..turn.clone()
            };
            if turn.key.name != RULE {
                let later = Span(at.0 + moment(&mut dice, 2, 20).0);
                story.events.push((later, Action::Change(again)));
            }
        }
        story.events.push((at, Action::Change(turn)));
    }
    if weather == Weather::Stormy {
        storm(&mut dice, &mut story, changes);
    }
    story.lasts = calm_end(&story);
    story
}

/// Whole seconds in `0..n`.
fn within(dice: &mut Dice, n: u64) -> i64 {
    i64::try_from(dice.below(n)).unwrap_or(0)
}

fn moment(dice: &mut Dice, from_s: i64, length_s: u64) -> Span {
    Span::from_millis(from_s * 1_000 + within(dice, length_s * 10) * 100)
}

fn turn(dice: &mut Dice) -> Turn {
    if dice.happens(0.06) {
        return Turn {
            by: None,
            key: SettingKey {
                scope: Scope::FileRule { rule: 1 },
                name: RULE,
            },
            door: Door::File,
            value: Some("host all app all reject".to_owned()),
            why: None,
        };
    }
    let pool: &[(&str, &str)] = match dice.below(10) {
        0..=3 => &HARMFUL,
        4 => &TREACHEROUS,
        _ => &HARMLESS,
    };
    let (name, value) = dice.pick(pool).copied().unwrap_or(("work_mem", "8MB"));
    let by_role = dice.happens(0.15) && !matches!(name, "max_connections" | "fsync" | "autovacuum");
    let scoped = [
        "statement_timeout",
        "work_mem",
        "default_transaction_read_only",
    ];
    let scope = if by_role && scoped.contains(&name) {
        Scope::Role {
            role: "app".to_owned(),
        }
    } else {
        Scope::Instance
    };
    let file = scope == Scope::Instance && dice.happens(0.1);
    Turn {
        by: dice.happens(0.8).then(|| "ann".to_owned()),
        key: SettingKey {
            scope,
            name: SettingName::new(name),
        },
        door: if file { Door::File } else { Door::Statement },
        value: Some(value.to_owned()),
        why: dice.happens(0.5).then(|| "OPS-7 as planned".to_owned()),
    }
}

/// A value that neither the change nor its undoing leads to.
fn third_value(turn: &Turn) -> Option<String> {
    let value = match turn.key.name.as_str() {
        "statement_timeout" => "30s",
        "work_mem" => "12MB",
        "jit_above_cost" => "200000",
        "random_page_cost" => "2",
        _ => return None,
    };
    Some(value.to_owned())
}

/// Everything that makes it hard.
fn storm(dice: &mut Dice, story: &mut Scenario, changes: u64) {
    for _ in 0..dice.below(4) {
        let at = moment(dice, 20, 80);
        let lasts = Span::from_secs(1 + within(dice, 12));
        let action = match dice.below(8) {
            0 | 1 => Action::Load {
                times: (dice.between(0.3, 3.0) * 10.0).round() / 10.0,
                lasts: dice.happens(0.5).then_some(lasts),
                service: None,
            },
            2 => Action::Neighbour {
                share: (dice.between(0.1, 0.5) * 10.0).round() / 10.0,
                lasts,
            },
            3 => Action::Gap { lasts },
            4 => Action::Away { lasts },
            5 => Action::Restart {
                lasts: Span::from_secs(1 + within(dice, 3)),
            },
            6 => Action::LoginRefused { lasts },
            _ => Action::GuardDies { lasts },
        };
        story.events.push((at, action));
    }
    for _ in 0..dice.below(3) {
        let fault = match dice.below(7) {
            0 => Fault::LostReply,
            1 => Fault::LostRequest,
            2 => Fault::Masked,
            3 => Fault::Foreign("7".to_owned()),
            4 => Fault::Refused,
            5 => Fault::CrashBefore,
            _ => Fault::CrashAfter,
        };
        story.faults.push(fault);
    }
    people(dice, story, changes);
}

fn people(dice: &mut Dice, story: &mut Scenario, changes: u64) {
    if dice.happens(0.3) {
        let wish = dice
            .pick(&[Wish::Approve, Wish::Keep, Wish::Revert])
            .copied();
        let change = usize::try_from(1 + dice.below(changes)).unwrap_or(1);
        let by = "bob".to_owned();
        let wish = wish.unwrap_or(Wish::Keep);
        let request = Action::Request { by, wish, change };
        story.events.push((moment(dice, 40, 60), request));
    }
    if dice.happens(0.15) {
        let by = || "bob".to_owned();
        let (pause, resume) = (PauseWish::Pause, PauseWish::Resume);
        let from = moment(dice, 20, 40);
        let pause = Action::Pause {
            by: by(),
            wish: pause,
        };
        let resume = Action::Pause {
            by: by(),
            wish: resume,
        };
        story.events.push((from, pause));
        story
            .events
            .push((Span(from.0 + moment(dice, 5, 30).0), resume));
    }
}

/// Long enough for every watch, extension, intent and recovery to end.
fn calm_end(story: &Scenario) -> Span {
    let policy = &story.policy;
    let ends = story.events.iter().map(|(at, action)| match action {
        Action::Away { lasts }
        | Action::Restart { lasts }
        | Action::Crash { lasts }
        | Action::LoginRefused { lasts }
        | Action::GuardDies { lasts } => at.0 + lasts.0,
        _ => at.0,
    });
    let watch = policy.watch.0 * i64::from(policy.extensions + 1);
    let last = ends.max().unwrap_or(0);
    let end = last + watch + policy.recovery.0 + 40_000_000;
    Span::from_secs(end / 1_000_000)
}
