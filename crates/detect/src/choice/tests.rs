use super::*;
use crate::baseline::{Cost, DAY, Fitted, Needs};
use crate::clock::Clock;
use crate::testing::Random;
use backstay_model::{Span, Timestamp};

const MINUTE: Span = Span::from_secs(60);

static UTC: Clock = Clock::utc();

fn scene(changed_at: Timestamp) -> Scene<'static> {
    Scene {
        step: MINUTE,
        changed_at,
        clock: &UTC,
    }
}

/// Knows the truth, up to a factor.
#[derive(Debug)]
struct Oracle {
    share: f64,
}

fn wave(at: Timestamp) -> f64 {
    // A period of a day and a half: no profile of a day can follow it.
    (at.0 as f64 / DAY.0 as f64 / 1.5 * std::f64::consts::TAU).sin()
}

impl Baseline for Oracle {
    fn id(&self) -> BaselineId {
        BaselineId("oracle-1".into())
    }
    fn needs(&self) -> Needs {
        SeasonalMedian.needs()
    }
    fn cost(&self) -> Cost {
        Cost::Hot
    }
    fn fit(&self, _pre: &[Point]) -> Result<Box<dyn Fitted>, Unfit> {
        Ok(Box::new(Oracle { share: self.share }))
    }
}

impl Fitted for Oracle {
    fn predict(&self, at: &[Timestamp]) -> Result<Vec<f64>, Unfit> {
        Ok(at.iter().map(|t| self.share * wave(*t)).collect())
    }
}

fn points(days: i64, shape: impl Fn(Timestamp) -> f64) -> Vec<Point> {
    let mut random = Random::new(7);
    (0..days * 1440)
        .map(|m| {
            let at = Timestamp(m * MINUTE.0);
            let value = shape(at) + 0.05 * random.normal();
            Point { at, value }
        })
        .collect()
}

fn chosen(points: &[Point], challenger: &Oracle) -> Below {
    let changed_at = points[points.len() - 60].at;
    let choice = Choice::Best(vec![challenger]);
    choice.below(points, &scene(changed_at)).below
}

#[test]
fn a_better_challenger_wins_and_one_that_is_no_better_does_not() {
    let points = points(9, wave);
    let below = chosen(&points, &Oracle { share: 1.0 });
    assert_eq!(below.id.to_string(), "oracle-1");
    assert_eq!(below.why, Why::Better);
    assert_eq!(below.tried.len(), 3);
    // Half of the truth is worse than the truth, not better than nothing at all by much.
    let mad = chosen(&points, &Oracle { share: -1.0 });
    assert_ne!(mad.id.to_string(), "oracle-1");
}

#[test]
fn without_a_season_none_is_taken_from_yesterday() {
    let (mut random, mut place) = (Random::new(3), 0.0);
    let mut wander = points(9, |_| 0.0);
    for point in &mut wander {
        place += 0.05 * random.normal();
        point.value += place;
    }
    let below = chosen(&wander, &Oracle { share: 1.0 });
    assert_eq!(below.id.to_string(), "flat-1");
    let daily = points(9, |at| {
        (at.0 as f64 / DAY.0 as f64 * std::f64::consts::TAU).sin()
    });
    let below = chosen(&daily, &Oracle { share: 0.5 });
    assert_eq!(below.id.to_string(), "seasonal-median-1");
    assert_eq!(below.why, Why::NoneBetter);
}

#[test]
fn what_happened_since_the_change_has_no_say() {
    let mut points = points(9, wave);
    let oracle = Oracle { share: 1.0 };
    let before = chosen(&points, &oracle);
    let split = points.len() - 60;
    points[split..].iter_mut().for_each(|p| p.value = 50.0);
    assert_eq!(chosen(&points, &oracle), before);
}

#[test]
fn a_refusal_falls_back_and_says_why() {
    let points = points(1, wave);
    let changed_at = points[1_400].at;
    let oracle = Oracle { share: 1.0 };
    let below = Choice::Asked(&oracle)
        .below(&points, &scene(changed_at))
        .below;
    assert_eq!(below.id, Flat.id());
    insta::assert_snapshot!(below.why, @"the one asked for was refused: 0.7 days of history, it needs 2");
}
