use backstay_detect::{Column, Point};
use backstay_model::MetricName;
use backstay_model::metric::{MetricRole, Worse};

use super::*;
use crate::case::{Family, Kind, Part, Truth};
use crate::rule::Alarm;

/// A case of one throughput column: those values before, those since, a minute apart.
fn case(before: &[f64], since: &[f64]) -> Case {
    let at = |i: usize| Timestamp::from_secs(60 * i as i64);
    let values = before.iter().chain(since).enumerate();
    Case {
        name: "made/up/0".to_owned(),
        family: Family::Plant,
        kind: Kind {
            name: "up",
            truth: Truth::Harm,
            part: Part::Open,
        },
        noise: "none",
        columns: vec![Column {
            name: MetricName::from_static("work"),
            role: MetricRole::Throughput,
            worse: Worse::Down,
            floor: 0.0,
            points: values
                .map(|(i, v)| Point {
                    at: at(i),
                    value: *v,
                })
                .collect(),
        }],
        changed_at: at(before.len()),
        onset_at: at(before.len()),
        step: Span::from_secs(60),
    }
}

fn answer(rule: Reference, before: &[f64], since: &[f64]) -> Answer {
    rule.judge(&case(before, since), 0.05)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

/// 100 and a little up and down: median 100, median deviation 1, mean 100, variance 2.
fn usual(n: usize) -> Vec<f64> {
    (0..n)
        .map(|i| 100.0 + [0.0, 1.0, -1.0, 2.0, -2.0][i % 5])
        .collect()
}

#[test]
fn the_furthest_value_counts_in_deviations_of_the_day_before() {
    let mut since = usual(20);
    since[7] = 90.0;
    // What is more than a day ago does not count.
    let older: Vec<f64> = [vec![5_000.0; 300], usual(1_440)].concat();
    for before in [usual(1_440), older] {
        let said = answer(Reference::RobustZ, &before, &since);
        assert!(close(said.score, 10.0 / 1.4826), "{said:?}");
        assert_eq!(said.alarm, Alarm::Raised { rows: Some(7.0) });
    }
    since[7] = 110.0;
    let said = answer(Reference::RobustZ, &usual(1_440), &since);
    // More work is no harm; the lowest value is two below.
    assert!(close(said.score, 2.0 / 1.4826) && !said.alarm.raised());
}

#[test]
fn where_most_values_are_the_same_their_standard_deviation_counts() {
    let before: Vec<f64> = (0..100)
        .map(|i| if i % 4 == 0 { 8.0 } else { 0.0 })
        .collect();
    // Squares from the median 0: a quarter of them 64.
    let said = answer(Reference::RobustZ, &before, &[-8.0]);
    assert!(close(said.score, 2.0), "{said:?}");
}

#[test]
fn the_mean_is_compared_with_the_two_hours_before() {
    let before: Vec<f64> = [vec![7.0; 500], usual(120)].concat();
    let said = answer(Reference::MeanShift, &before, &[94.0, 96.0]);
    assert!(close(said.score, 5.0 / 2.0_f64.sqrt()), "{said:?}");
    assert_eq!(said.alarm, Alarm::Raised { rows: Some(1.0) });
    let said = answer(Reference::MeanShift, &before, &[104.0, 106.0]);
    assert!(close(said.score, 0.0) && !said.alarm.raised());
}

#[test]
fn the_scan_as_by_hand() {
    // Level 100; the deviation 1.4826 is below a fiftieth of the level: the scale is 2, residuals -3.
    // 131 earlier moments (rows 60 to 190) have maxima of at most one unit over the root of three.
    let said = answer(Reference::SeasonalScan, &usual(200), &[94.0; 10]);
    let most = 30.0 / 10.0_f64.sqrt();
    let score = (131.0 + most / (most + 5.0)) / 132.0;
    assert!(close(said.score, score), "{said:?} and not {score}");
    // The shortest window is full with the third row.
    assert_eq!(said.alarm, Alarm::Raised { rows: Some(2.0) });
    let said = answer(Reference::SeasonalScan, &usual(200), &usual(10));
    assert!(!said.alarm.raised());
}

#[test]
fn what_comes_every_day_at_that_time_is_no_change_to_the_scan() {
    let day = |i: usize| if i % 1_440 < 700 { 200.0 } else { 100.0 };
    let before: Vec<f64> = usual(5 * 1_440 + 700)
        .iter()
        .enumerate()
        .map(|(i, v)| v + day(i))
        .collect();
    let since: Vec<f64> = usual(60).iter().map(|v| v + 100.0).collect();
    assert!(answer(Reference::MeanShift, &before, &since).alarm.raised());
    assert!(
        !answer(Reference::SeasonalScan, &before, &since)
            .alarm
            .raised()
    );
    let lower: Vec<f64> = since.iter().map(|v| v - 40.0).collect();
    assert!(
        answer(Reference::SeasonalScan, &before, &lower)
            .alarm
            .raised()
    );
}

#[test]
fn without_earlier_moments_the_maximum_itself_decides() {
    // Clipped residuals of five: three of them make 8.66, above the bar of 5.
    let said = answer(Reference::SeasonalScan, &usual(17), &[10.0; 3]);
    let most = 15.0 / 3.0_f64.sqrt();
    assert!(close(said.score, most / (most + 5.0)), "{said:?}");
    assert!(said.alarm.raised());
    assert!(
        !answer(Reference::SeasonalScan, &usual(17), &[97.0; 3])
            .alarm
            .raised()
    );
}
