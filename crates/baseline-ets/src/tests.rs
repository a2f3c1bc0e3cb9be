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
