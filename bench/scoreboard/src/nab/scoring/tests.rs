use backstay_detect::Point;
use backstay_model::Timestamp;

use super::*;

/// A series of `rows` rows with those windows.
fn series(rows: i64, windows: &[(usize, usize)]) -> Series {
    let point = |i| Point {
        at: Timestamp::from_secs(300 * i),
        value: 0.0,
    };
    Series {
        name: "made/up.csv".to_owned(),
        rows: (0..rows).map(point).collect(),
        windows: windows.to_vec(),
    }
}

/// Scores of 1 at those rows, 0 elsewhere.
fn called(rows: usize, at: &[usize]) -> Vec<f64> {
    (0..rows)
        .map(|i| if at.contains(&i) { 1.0 } else { 0.0 })
        .collect()
}

fn same(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-9, "{a} is not {b}");
}

#[test]
fn positions_score_as_in_nabs_own_table() {
    same(by_position(-1.0), 0.986_614_298_151_430_3);
    same(by_position(-0.5), 0.848_283_639_957_513);
    same(by_position(0.0), 0.0);
    same(by_position(1.0), -0.986_614_298_151_430_3);
    same(by_position(3.0), -1.0);
}

#[test]
fn a_file_that_is_never_called_costs_its_windows() {
    let series = series(200, &[(50, 69), (120, 139)]);
    let [standard, _, low_fn] = PROFILES;
    same(raw(&series, &called(200, &[]), standard, 0.5), -2.0);
    same(raw(&series, &called(200, &[]), low_fn, 0.5), -4.0);
}

#[test]
fn the_left_edge_is_worth_a_whole_window_and_the_earliest_call_counts() {
    let series = series(200, &[(50, 69)]);
    let standard = PROFILES[0];
    same(raw(&series, &called(200, &[50]), standard, 0.5), 1.0);
    same(
        raw(&series, &called(200, &[50, 55, 69]), standard, 0.5),
        1.0,
    );
    // Row 60 of 50..=69: position -(69 - 60 + 1) / 20 = -0.5.
    let middle = 0.848_283_639_957_513 / 0.986_614_298_151_430_3;
    same(raw(&series, &called(200, &[60]), standard, 0.5), middle);
    same(raw(&series, &called(200, &[60, 65]), standard, 0.5), middle);
}

#[test]
fn a_false_alarm_costs_more_the_farther_it_is_behind_a_window() {
    let series = series(200, &[(50, 70)]);
    let standard = PROFILES[0];
    let alone = |row: usize| raw(&series, &called(200, &[row]), standard, 0.5) + 1.0;
    // Before any window, and three widths behind: the whole weight.
    same(alone(40), -0.11);
    same(alone(130), -0.11);
    // Ten rows behind a window of 21: position 10 / 20.
    same(alone(80), -0.11 * 0.848_283_639_957_513);
    // In the first 15 %, 30 rows: nothing.
    same(alone(29), 0.0);
    same(
        raw(&series, &called(200, &[80]), PROFILES[1], 0.5) + 1.0,
        2.0 * alone(80),
    );
}

#[test]
fn long_files_are_on_probation_for_750_rows() {
    assert_eq!(probation(200), 30);
    assert_eq!(probation(4_032), 604);
    assert_eq!(probation(22_695), 750);
}

#[test]
fn one_threshold_serves_all_files() {
    let corpus = [series(100, &[(50, 59)]), series(100, &[])];
    // At 0.9 the window is hit at its left edge; lower adds one false alarm, then a second.
    let mut first = vec![0.0; 100];
    (first[50], first[20]) = (0.9, 0.8);
    let mut second = vec![0.0; 100];
    second[40] = 0.7;
    let standard = PROFILES[0];
    let score = best(&corpus, &[first.clone(), second.clone()], standard);
    same(score.threshold, 0.9);
    same(score.normal, 100.0);
    // Where the other file is louder it pays to be called wrong once.
    second[40] = 0.95;
    let score = best(&corpus, &[first, second], standard);
    same(score.raw, 1.0 - 0.11);
    same(score.normal, 100.0 * (2.0 - 0.11) / 2.0);
}

#[test]
fn a_detector_that_is_worse_than_silence_is_silent() {
    let corpus = [series(100, &[])];
    let score = best(&corpus, &[called(100, &[40])], PROFILES[0]);
    same(score.raw, 0.0);
    assert!(score.threshold.is_infinite());
}
