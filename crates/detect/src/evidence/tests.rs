use super::*;
use crate::residual::Point;
use crate::testing::{Noise, Random};
use backstay_model::MetricName;

#[test]
fn the_bound_covers_the_truth_as_often_as_it_says() {
    for (phi, missed_max) in [(0.0, 0.06), (0.3, 0.08), (0.6, 0.12)] {
        let missed = (0..1_000).filter(|seed| {
            let (mut random, mut noise) = (Random::new(*seed), Noise::new(phi));
            let points: Vec<Point> = (0..40)
                .map(|s| {
                    let innovation = random.normal();
                    let value = 100.0 * (0.3 * noise.next(innovation)).exp();
                    Point {
                        at: Timestamp::from_secs(s),
                        value,
                    }
                })
                .collect();
            let role = MetricRole::Latency;
            let mut track = Track::open(MetricName::new("m"), role, Worse::Up, 0.0);
            track = track.freeze(&points[..20]);
            points[20..].iter().for_each(|p| track.push(*p));
            let shift = Shift::of(&track, track.post.all()).unwrap();
            shift.size + BOUND_ERRORS * shift.error < 0.0
        });
        let share = missed.count() as f64 / 1_000.0;
        println!("phi {phi}: missed {share}");
        assert!(share <= missed_max, "phi {phi}: {share}");
    }
}
