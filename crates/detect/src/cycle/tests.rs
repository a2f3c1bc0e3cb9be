use super::*;
use crate::clock::Clock;
use crate::testing::{Noise, Random};

const MINUTE: Span = Span::from_secs(60);

static UTC: Clock = Clock::utc();

/// Minutes of noise around what `shape` says of each.
fn points(minutes: i64, phi: f64, shape: impl Fn(i64) -> f64) -> Vec<Point> {
    let (mut random, mut noise) = (Random::new(7), Noise::new(phi));
    (0..minutes)
        .map(|m| {
            let innovation = random.normal();
            Point {
                at: Timestamp(m * MINUTE.0),
                value: shape(m) + 0.05 * noise.next(innovation),
            }
        })
        .collect()
}

fn scene(minute: i64) -> Scene<'static> {
    Scene {
        step: MINUTE,
        changed_at: Timestamp(minute * MINUTE.0),
        clock: &UTC,
    }
}

fn saw(minute: i64) -> f64 {
    (minute % 47) as f64 / 47.0
}

#[test]
fn a_sawtooth_is_found_and_followed() {
    let points = points(3_000, 0.5, saw);
    let cycle = above(&points, None, 60, &scene(2_940)).unwrap();
    assert_eq!(cycle.period, Span::from_secs(47 * 60));
    let away = joined(&points, &cycle.line, |value, expected| value - expected);
    let newest: Vec<f64> = away[away.len() - 60..].iter().map(|p| p.value).collect();
    let middle = stats::median(&newest).unwrap();
    assert!(
        stats::mad(&newest, middle) < 0.12,
        "{}",
        stats::mad(&newest, middle)
    );
}

#[test]
fn noise_of_any_memory_and_a_season_have_no_cycle() {
    for phi in [0.0, 0.6, 0.95] {
        let wave = |m: i64| (m as f64 / 1_440.0 * std::f64::consts::TAU).sin();
        for shape in [&(|_| 0.0) as &dyn Fn(i64) -> f64, &wave] {
            let points = points(5_000, phi, shape);
            assert!(
                above(&points, None, 60, &scene(4_940)).is_none(),
                "phi {phi}"
            );
        }
    }
}

#[test]
fn what_happens_since_the_change_moves_no_line() {
    let whole = points(3_000, 0.5, saw);
    let line = above(&whole, None, 60, &scene(2_940)).unwrap().line;
    let mut other = whole.clone();
    other[2_940..].iter_mut().for_each(|p| p.value = 9.0);
    assert_eq!(above(&other, None, 60, &scene(2_940)).unwrap().line, line);
    let short = above(&whole[..2_950], None, 60, &scene(2_940))
        .unwrap()
        .line;
    assert_eq!(short[..], line[..short.len()]);
}

#[test]
fn holes_and_nothing_at_all_are_no_cycle() {
    let mut holes = points(3_000, 0.5, saw);
    holes.retain(|p| (p.at.0 / MINUTE.0) % 7 == 0);
    assert!(above(&holes, None, 60, &scene(2_940)).is_none());
    let constant = points(3_000, 0.0, |_| 0.0);
    let constant: Vec<Point> = constant
        .iter()
        .map(|p| Point { value: 3.0, ..*p })
        .collect();
    assert!(above(&constant, None, 60, &scene(2_940)).is_none());
    assert!(above(&[], None, 60, &scene(0)).is_none());
}
