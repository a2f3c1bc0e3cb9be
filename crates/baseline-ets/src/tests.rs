use super::*;
use backstay_detect::baseline::checks::{self, Wave};

#[test]
fn it_follows_a_season_and_a_slope_past_what_it_saw() {
    let off = checks::mean_miss(&Ets, &Wave::default());
    assert!(off < 0.05, "{off}");
}

#[test]
fn two_days_are_enough_and_less_is_refused() {
    checks::refuses_below(&Ets, 2.0);
}

#[test]
fn gaps_and_odd_steps_do_not_throw_it_off() {
    let gappy = Wave {
        missing: 0.2,
        ..Wave::default()
    };
    let off = checks::mean_miss(&Ets, &gappy);
    assert!(off < 0.06, "{off}");
}

#[test]
fn equal_values_give_equal_lines_and_a_constant_stays_one() {
    checks::is_deterministic(&Ets);
    checks::holds_a_constant(&Ets);
}

#[test]
fn no_moment_changes_the_line_at_another() {
    checks::looks_at_one_moment_at_a_time(&Ets);
}

#[test]
fn a_larger_and_higher_history_gives_a_larger_and_higher_line() {
    checks::follows_scale_and_offset(&Ets, (4.0, 0.0), 0.02);
    checks::follows_scale_and_offset(&Ets, (3.0, 7.0), 0.02);
}

#[test]
fn the_back_test_sees_nothing_since_the_change_and_takes_it_where_it_is_better() {
    checks::sees_nothing_since_the_change(&Ets);
    insta::assert_snapshot!(checks::choices(&Ets, 5), @"
    a smooth day: seasonal-median-1 (nothing else was 5 % better in the back-test)
    a steep climb: mstl-ets-1 (best in the back-test)
    shifts of work: seasonal-median-1 (nothing else was 5 % better in the back-test)
    a walk: flat-1 (best in the back-test)
    ");
}
