use super::*;
use backstay_detect::baseline::checks::{self, Wave};

#[test]
fn it_follows_a_season_past_what_it_saw() {
    let level = Wave {
        slope: 0.0,
        ..Wave::default()
    };
    let off = checks::mean_miss(&Lstm, &level);
    assert!(off < 0.03, "{off}");
}

#[test]
fn a_thousand_values_are_enough_and_less_is_refused() {
    checks::refuses_below(&Lstm, 1_000.0 / 288.0);
}

#[test]
fn equal_values_give_equal_lines_and_a_constant_stays_one() {
    checks::is_deterministic(&Lstm);
    checks::holds_a_constant(&Lstm);
}

#[test]
fn no_moment_changes_the_line_at_another() {
    checks::looks_at_one_moment_at_a_time(&Lstm);
}

/// It sees the distance to the mean in standard deviations; what differs is rounding.
#[test]
fn a_larger_and_higher_history_gives_a_larger_and_higher_line() {
    checks::follows_scale_and_offset(&Lstm, (3.0, 7.0), 0.02);
}

#[test]
fn the_back_test_sees_nothing_since_the_change_and_takes_it_where_it_is_better() {
    checks::sees_nothing_since_the_change(&Lstm);
    insta::assert_snapshot!(checks::choices(&Lstm, 6), @"
    a smooth day: seasonal-median-1 (nothing else was 5 % better in the back-test)
    a steep climb: lstm-1 (best in the back-test)
    shifts of work: seasonal-median-1 (nothing else was 5 % better in the back-test)
    a walk: seasonal-median-1 (nothing else was 5 % better in the back-test)
    ");
}
