//! Pure shifts of the load beside harmless changes: none of them may be said to hurt.

use backstay_chance::Dice;
use backstay_model::{Scope, SettingKey, SettingName, Span};
use backstay_world::action::{Action, Door, Turn};
use backstay_world::scenario::Patience;
use backstay_world::{Scenario, run};

use crate::board::{BENIGN, in_parallel, number};

/// Shifts in the ordinary run.
const SEEDS: u64 = 42;
/// Seconds of usual load before a change.
const BEFORE_S: i64 = 90;

/// How the load moves.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// All at once, for good.
    Step,
    /// All at once, and back after some seconds.
    Burst,
    /// In many small steps, as at the edge of a day.
    Ramp,
    /// One service starts (or stops) a batch.
    Batch(&'static str),
}

const SHAPES: [Shape; 7] = [
    Shape::Step,
    Shape::Burst,
    Shape::Ramp,
    Shape::Batch("reports"),
    Shape::Batch("catalogue"),
    Shape::Batch("checkout"),
    Shape::Batch("mobile"),
];

fn load(at_s: f64, times: f64, lasts: Option<f64>, service: Option<&str>) -> (Span, Action) {
    let span = |s: f64| Span((s * 1e6) as i64);
    let action = Action::Load {
        times,
        lasts: lasts.map(span),
        service: service.map(str::to_owned),
    };
    (span(at_s), action)
}

/// The events of a shift that begins at `at_s` and multiplies the load by `times`.
fn shift(shape: Shape, at_s: f64, times: f64, rng: &mut Dice) -> Vec<(Span, Action)> {
    match shape {
        Shape::Step => vec![load(at_s, times, None, None)],
        Shape::Burst => vec![load(at_s, times, Some(rng.between(5.0, 40.0)), None)],
        Shape::Ramp => {
            let steps = 8 + rng.below(40);
            let each = times.powf(1.0 / steps as f64);
            let seconds = |i: u64| at_s + i as f64 * 2.0;
            (0..steps)
                .map(|i| load(seconds(i), each, None, None))
                .collect()
        }
        Shape::Batch(service) => {
            // A batch is far more than the usual trickle of its service.
            let times = if times > 1.0 { times * times } else { times };
            vec![load(at_s, times, None, Some(service))]
        }
    }
}

/// The story of `seed`: a harmless change, and a load that is 0.3 to 4 times as high around it.
fn story(seed: u64) -> Scenario {
    let mut rng = Dice::of(seed, "shift");
    let mut story = Scenario::quiet(&format!("load shift {seed}"), seed, Span::ZERO);
    story.roughness = (rng.between(0.5, 1.6) * 100.0).round() / 100.0;
    let watch = 30 + i64::try_from(rng.below(60)).unwrap_or(0);
    story.policy = Patience {
        watch: Span::from_secs(watch),
        ..Patience::short()
    };
    let (name, value) = rng.pick(&BENIGN).copied().unwrap_or(("work_mem", "8MB"));
    let turn = Turn {
        by: Some("ann".to_owned()),
        key: SettingKey {
            scope: Scope::Instance,
            name: SettingName::new(name),
        },
        door: Door::Statement,
        value: Some(value.to_owned()),
        why: None,
    };
    let at_s = BEFORE_S as f64 + rng.between(0.0, 0.9);
    story
        .events
        .push((Span((at_s * 1e6) as i64), Action::Change(turn)));
    let shape = SHAPES[usize::try_from(seed).unwrap_or(0) % SHAPES.len()];
    let times = rng.between(0.3_f64.ln(), 4.0_f64.ln()).exp();
    let from = at_s + rng.between(-3.0, 0.7 * watch as f64);
    story.events.extend(shift(shape, from, times, &mut rng));
    story.lasts = Span::from_secs(BEFORE_S + 2 * watch + 10);
    story
}

/// What is wrong with the story of `seed`; the word of its verdict else.
fn judged(seed: u64) -> Result<String, String> {
    let scenario = story(seed);
    let told = run(&scenario).map_err(|error| format!("seed {seed}: {error}"))?;
    let case = told.outcomes.first().and_then(|o| o.case.as_ref());
    let case = case.ok_or_else(|| format!("seed {seed}: the change was not seen"))?;
    match &case.verdict {
        _ if case.moments.judged_at.is_some() => Err(format!("seed {seed}: hurt\n{scenario}")),
        Some(verdict) => Ok(verdict.kind.word().to_owned()),
        None => Err(format!("seed {seed}: no verdict")),
    }
}

/// `BACKSTAY_SHIFTS=1000` plays a thousand of them, `BACKSTAY_SHIFT=7` tells the one of seed 7; both
/// print with `--nocapture`.
#[test]
fn load_shifts_are_never_said_to_hurt() {
    let seeds: Vec<u64> = match number("BACKSTAY_SHIFT") {
        Some(seed) => {
            println!("{}", backstay_world::check(&story(seed).to_string()));
            vec![seed]
        }
        None => (0..number("BACKSTAY_SHIFTS").unwrap_or(SEEDS)).collect(),
    };
    let judged = in_parallel(&seeds, judged);
    let mut words = std::collections::BTreeMap::<&str, u32>::new();
    for word in judged.iter().flatten() {
        *words.entry(word).or_default() += 1;
    }
    println!("{} load shifts: {words:?}", seeds.len());
    let wrong: Vec<&String> = judged.iter().filter_map(|j| j.as_ref().err()).collect();
    assert!(
        wrong.is_empty(),
        "{} hurt\n{}",
        wrong.len(),
        wrong.iter().take(5).map(|w| w.as_str()).collect::<String>()
    );
}
