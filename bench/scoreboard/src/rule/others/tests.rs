use backstay_detect::{Column, Point};
use backstay_model::MetricName;
use backstay_model::metric::Worse;

use super::*;
use crate::case::{Family, Kind, Part, Truth};

/// A case of one throughput column: those values before, those since, that many seconds apart.
fn case(before: &[f64], since: &[f64], step_s: i64) -> Case {
    let values = before.iter().chain(since).enumerate();
    let at = |i: usize| Timestamp::from_secs(step_s * i as i64);
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
        step: Span::from_secs(step_s),
    }
}

fn calls(rule: Others, before: &[f64], since: &[f64], step_s: i64) -> bool {
    rule.judge(&case(before, since, step_s), 0.05)
        .alarm
        .raised()
}

/// 100 and a little up and down.
fn usual(n: usize) -> Vec<f64> {
    (0..n)
        .map(|i| 100.0 + [0.0, 1.0, -1.0, 2.0, -2.0][i % 5])
        .collect()
}

#[test]
fn mann_whitney_as_in_a_table() {
    // R: wilcox.test(c(1.1,2.2,3.3,4.4), c(0.5,0.6,0.7,0.8)): all 16 differences are positive.
    let shift = ranks::mann_whitney(&[1.1, 2.2, 3.3, 4.4], &[0.5, 0.6, 0.7, 0.8]);
    // W = 16, deviation sqrt(16 · 9 / 12) = 3.4641, (16 - 8 - 0.5) / 3.4641.
    assert!((shift.z - 7.5 / 12.0_f64.sqrt()).abs() < 1e-9, "{shift:?}");
    // The eighth and ninth difference by size: 1.6 and 2.5.
    assert!((shift.estimate - 2.1).abs() < 0.05 + 1e-9, "{shift:?}");
    assert!(shift.low < shift.estimate && shift.estimate < shift.high);
}

#[test]
fn three_minutes_below_the_limit_are_needed() {
    let minutes = |low: usize| -> Vec<f64> {
        (0..10)
            .map(|i| if i < low { 50.0 } else { 100.0 })
            .collect()
    };
    assert!(calls(Others::Checks, &usual(100), &minutes(3), 60));
    assert!(!calls(Others::Checks, &usual(100), &minutes(2), 60));
    // A third less is not half as much again.
    assert!(!calls(Others::Checks, &usual(100), &[70.0; 10], 60));
    // More work is no harm.
    assert!(!calls(Others::Checks, &usual(100), &[200.0; 10], 60));
    // Two minutes and a half hold two checks.
    assert!(!calls(Others::Checks, &usual(100), &[0.0; 150], 1));
    assert!(calls(Others::Checks, &usual(100), &[0.0; 190], 1));
}

#[test]
fn one_value_beyond_three_deviations_is_enough() {
    let mut since = usual(20);
    assert!(!calls(Others::ThreeSigma, &usual(100), &since, 1));
    since[7] = 90.0;
    assert!(calls(Others::ThreeSigma, &usual(100), &since, 1));
    since[7] = 110.0;
    assert!(!calls(Others::ThreeSigma, &usual(100), &since, 1));
}

#[test]
fn kayenta_needs_a_shift_and_forgives_the_good_one() {
    let shifted = |by: f64| -> Vec<f64> { usual(60).iter().map(|v| v + by).collect() };
    assert!(!calls(Others::Kayenta, &usual(120), &usual(60), 60));
    assert!(calls(Others::Kayenta, &usual(120), &shifted(-5.0), 60));
    assert!(!calls(Others::Kayenta, &usual(120), &shifted(5.0), 60));
}

#[test]
fn the_sequential_test_keeps_its_promise_where_its_model_holds() {
    let mut dice = backstay_chance::Dice::of(1, "msprt");
    let mut draw =
        |n: usize, mean: f64| -> Vec<f64> { (0..n).map(|_| mean + dice.normal()).collect() };
    let mut alarms = 0;
    for _ in 0..400 {
        let (before, since) = (draw(360, 0.0), draw(120, 0.0));
        alarms += usize::from(calls(Others::Msprt, &before, &since, 60));
    }
    // 5 % are promised; one-sided and of a finite horizon it is fewer.
    assert!(alarms <= 20, "{alarms} of 400");
    let (before, since) = (draw(360, 0.0), draw(120, -1.0));
    assert!(calls(Others::Msprt, &before, &since, 60));
}
