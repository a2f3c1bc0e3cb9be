use backstay_model::Timestamp;

use super::*;
use crate::testing::Random;

fn noisy(rows: i64, odd: impl Fn(i64) -> f64) -> Vec<Point> {
    let mut random = Random::new(3);
    (0..rows)
        .map(|s| {
            let value = 100.0 * (0.1 * random.normal()).exp() * odd(s);
            Point {
                at: Timestamp::from_secs(s),
                value,
            }
        })
        .collect()
}

#[test]
fn a_step_scores_highest_and_nothing_looks_ahead() {
    let rows = noisy(400, |s| if (300..310).contains(&s) { 3.0 } else { 1.0 });
    let all = scores(&rows);
    assert!(all.iter().all(|s| (0.0..=1.0).contains(s)));
    let best = (0..400).max_by(|a, b| all[*a].total_cmp(&all[*b])).unwrap();
    assert!((300..312).contains(&best), "{best}");
    assert!(all[..290].iter().filter(|s| **s > 0.999).count() <= 2);
    for length in [10, 31, 250, 305] {
        assert_eq!(scores(&rows[..length]), all[..length]);
    }
}

#[test]
fn constant_rows_are_never_odd() {
    let rows: Vec<Point> = (0..100)
        .map(|s| Point {
            at: Timestamp::from_secs(s),
            value: 7.0,
        })
        .collect();
    assert!(scores(&rows).iter().all(|s| *s < 0.5));
    assert!(scores(&[]).is_empty());
}
