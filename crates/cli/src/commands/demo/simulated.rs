//! The story on a simulated PostgreSQL: the same guard in virtual time, nothing is started.

use std::time::Duration;

use backstay_guard::Guard;
use backstay_guard::books::Shelf;
use backstay_guard::lockstep::Lockstep;
use backstay_model::{SettingKey, Span, Timestamp};
use backstay_world::World;
use backstay_world::action::{Action, Door, Turn};
use backstay_world::demo;

use super::House;
use super::director::{Cue, Director, Ending, HARMLESS, Scenario};
use super::forecast;
use crate::failure::{Code, Failure};

/// The world of the demo; any seed tells the same story.
const SEED: u64 = 7;
/// Virtual seconds after which the story must be over.
const SECONDS_MAX: i64 = 240;
/// Real time of a virtual second while a person looks.
const PACE: Duration = Duration::from_millis(120);
/// A person makes a change this long after the cue: between two beats.
const SOON: Span = Span::from_millis(400);
/// Samples kept.
const SAMPLES_MAX: usize = 1_000;

/// Plays the story to its end.
pub(super) async fn play(scenario: &Scenario, house: &House) -> Result<Ending, Failure> {
    let world = demo::quiet_world(SEED);
    let began_at = world.now();
    let setup = vec![demo::desk(&world)];
    let mut guard = Guard::begin(Shelf::in_memory(SAMPLES_MAX), setup, began_at)
        .map_err(|e| Failure::of(Code::Internal, &e))?;
    let mut lockstep = Lockstep::new(world.target(), world.clone());
    let mut director = Director::new();
    house.phase(director.act.words());
    for second in 1..=SECONDS_MAX {
        let now = began_at + Span::from_secs(second);
        let news = lockstep.second(&mut guard, now).await;
        for piece in news.map_err(|e| Failure::of(Code::Internal, &e))? {
            house.show(&piece);
            let cue = director.hear(&piece);
            if cue.is_some() {
                house.phase(director.act.words());
            }
            match cue {
                None => {}
                Some(Cue::Harmless) => change(&world, &HARMLESS, now),
                Some(Cue::Harmful) => {
                    let on = (&piece.target, now);
                    house.forecast(&forecast::of(house.ink(), scenario, &services(), on)?)?;
                    change(&world, scenario, now);
                }
                Some(Cue::End(ending)) => return Ok(ending),
            }
        }
        if house.live() {
            tokio::time::sleep(PACE).await;
        }
    }
    Err(Failure::new(
        Code::Internal,
        "the story did not end in time",
    ))
}

fn services() -> Vec<String> {
    ["catalogue", "checkout", "mobile", "reports"]
        .map(str::to_owned)
        .to_vec()
}

/// A person makes a change soon, with the ticket in a comment.
fn change(world: &World, scenario: &Scenario, now: Timestamp) {
    for (name, value) in scenario.values {
        let turn = Turn {
            by: Some("ann".to_owned()),
            key: SettingKey::instance(name),
            door: Door::Statement,
            value: Some((*value).to_owned()),
            why: Some(scenario.comment.to_owned()),
        };
        world.schedule(now + SOON, Action::Change(turn));
    }
}
