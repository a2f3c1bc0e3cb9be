use super::*;
use backstay_detect::baseline::checks::{self, Wave};

#[test]
fn it_follows_a_season_and_a_slope_past_what_it_saw() {
    let off = checks::mean_miss(&Prophet, &Wave::default());
    assert!(off < 0.03, "{off}");
}

#[test]
fn below_two_whole_seasons_it_is_refused() {
    checks::refuses_below(&Prophet, 2.0);
}

#[test]
fn gaps_do_not_throw_it_off() {
    let gappy = Wave {
        missing: 0.3,
        ..Wave::default()
    };
    let off = checks::mean_miss(&Prophet, &gappy);
    assert!(off < 0.03, "{off}");
}

#[test]
fn equal_values_give_equal_lines_and_a_constant_stays_one() {
    checks::is_deterministic(&Prophet);
    checks::holds_a_constant(&Prophet);
}

#[test]
fn no_moments_give_no_line() {
    let fitted = Prophet.fit(&Wave::default().points()).unwrap();
    assert_eq!(fitted.predict(&[]), Ok(Vec::new()));
}

#[test]
fn no_moment_changes_the_line_at_another() {
    checks::looks_at_one_moment_at_a_time(&Prophet);
}

/// It divides by the largest value, so that only the factor is free; an offset moves its priors.
#[test]
fn a_larger_history_gives_a_larger_line() {
    checks::follows_scale_and_offset(&Prophet, (4.0, 0.0), 0.01);
}

#[test]
fn the_back_test_sees_nothing_since_the_change_and_takes_it_where_it_is_better() {
    checks::sees_nothing_since_the_change(&Prophet);
    insta::assert_snapshot!(checks::choices(&Prophet, 5), @"
    a smooth day: seasonal-median-1 (nothing else was 5 % better in the back-test)
    a steep climb: prophet-1 (best in the back-test)
    shifts of work: seasonal-median-1 (nothing else was 5 % better in the back-test)
    a walk: flat-1 (best in the back-test)
    ");
}
