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

#[test]
fn ranks_are_those_of_the_newest_however_they_come_and_go() {
    let mut random = Random::new(4);
    let values: Vec<f64> = (0..400).map(|_| (4.0 * random.normal()).round()).collect();
    let mut ranked = Ranked::default();
    for (i, value) in values.iter().enumerate() {
        ranked.insert(*value, 50);
        let mut newest = values[i.saturating_sub(49)..=i].to_vec();
        newest.sort_by(f64::total_cmp);
        assert_eq!(ranked.len(), newest.len());
        for probe in [-3.0, 0.0, 2.5] {
            let over = newest.iter().filter(|v| **v >= probe).count();
            let share = (1 + over) as f64 / (newest.len() + 1) as f64;
            let told = ranked.chance(probe);
            assert!(over == 0 || (told - share).abs() < 1e-12, "{i} {probe}");
        }
    }
}
