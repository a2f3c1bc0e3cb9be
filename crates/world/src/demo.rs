//! The story that `backstay demo --simulated` plays: a web shop, a good change, and a bad one.

use backstay_detect::DetectPolicy;
use backstay_guard::desk::DeskSetup;
use backstay_model::decision::Mode;
use backstay_model::{SettingKey, Span, Timestamp};

use crate::action::{Action, Door, Turn};
use crate::scenario::{Patience, Scenario};
use crate::story::desk_of;
use crate::world::{Beginning, World};

/// Length of a watch in the demo.
pub const WATCH: Span = Span::from_secs(20);
/// The first change: good, after 20 seconds of learning.
pub const GOOD_AT: Span = Span::from_millis(20_400);
/// The second change: bad, when the first has been kept.
pub const BAD_AT: Span = Span::from_millis(45_400);
/// By then everything has come to rest.
pub const END: Span = Span::from_secs(62);

/// Something that is done in the demo.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// When, since the beginning.
    pub at: Span,
    /// Who does it.
    pub by: &'static str,
    /// What is typed.
    pub statement: &'static str,
    /// What it does.
    pub turn: Turn,
}

/// The script, in order of time.
#[must_use]
pub fn script() -> Vec<Step> {
    let step = |at, statement, (name, value): (&str, &str), why: &str| Step {
        at,
        by: "ann",
        statement,
        turn: Turn {
            by: Some("ann".to_owned()),
            key: SettingKey::instance(name),
            door: Door::Statement,
            value: Some(value.to_owned()),
            why: Some(why.to_owned()),
        },
    };
    vec![
        step(
            GOOD_AT,
            "ALTER SYSTEM /* OPS-76 more memory for sorts */ SET work_mem = '8MB'",
            ("work_mem", "8MB"),
            "OPS-76 more memory for sorts",
        ),
        step(
            BAD_AT,
            "ALTER SYSTEM /* OPS-77 freeze for the audit */ SET default_transaction_read_only = on",
            ("default_transaction_read_only", "on"),
            "OPS-77 freeze for the audit",
        ),
    ]
}

/// The demo's world with nothing scheduled: whoever plays it says what happens when.
#[must_use]
pub fn quiet_world(seed: u64) -> World {
    let mut beginning = Beginning::shop(seed);
    beginning.roughness = 0.7;
    World::new(beginning)
}

/// The demo's world with its script scheduled. Give it to `Lockstep::new`, and let seconds pass from
/// [`World::now`] on.
#[must_use]
pub fn world(seed: u64) -> World {
    let world = quiet_world(seed);
    let began_at: Timestamp = world.now();
    for step in script() {
        world.schedule(began_at + step.at, Action::Change(step.turn));
    }
    world
}

/// How the guard of the demo is set up: auto mode, watches of [`WATCH`].
#[must_use]
pub fn desk(world: &World) -> DeskSetup {
    let mut scenario = Scenario::quiet("demo", 0, END);
    scenario.mode = Mode::Auto;
    scenario.policy = Patience {
        watch: WATCH,
        ..Patience::short()
    };
    DeskSetup {
        detect: DetectPolicy::standard(WATCH),
        ..desk_of(&scenario, world)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::at_once;
    use backstay_guard::Guard;
    use backstay_guard::books::Shelf;
    use backstay_guard::lockstep::Lockstep;
    use backstay_guard::news::Tidings;

    /// Outcomes of the settled change sets of the demo of `seed`.
    fn outcomes(seed: u64) -> Vec<String> {
        let world = world(seed);
        let began_at = world.now();
        let shelf = Shelf::in_memory(1_000);
        let mut guard = Guard::begin(shelf, vec![desk(&world)], began_at).unwrap();
        let mut lockstep = Lockstep::new(world.target(), world.clone());
        let mut outcomes = Vec::new();
        for second in 1..=END.0 / 1_000_000 {
            let now = began_at + Span::from_secs(second);
            let told = at_once(lockstep.second(&mut guard, now)).unwrap().unwrap();
            outcomes.extend(told.into_iter().filter_map(|news| match news.what {
                Tidings::Settled(report) => Some(report.outcome),
                _ => None,
            }));
        }
        outcomes
    }

    #[test]
    fn the_good_change_is_kept_and_the_bad_one_rolled_back_with_every_seed() {
        for seed in 0..25 {
            assert_eq!(outcomes(seed), ["kept", "rolled back"], "seed {seed}");
        }
    }
}
