//! Expected numbers: statsmodels 0.15.0 and online-fdr 1.0.0, by the expressions beside them.
use proptest::prelude::*;

use super::*;

fn near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= 1e-9 * expected.abs(),
        "{found:e} is not {expected:e}"
    );
}

/// The example of Benjamini and Hochberg 1995.
const P: [f64; 15] = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
    0.6528, 0.7590, 1.0,
];

#[test]
fn step_up_is_statsmodels() {
    // multipletests(p, 0.05, 'fdr_by')[1] and 'fdr_bh'
    let by = [
        0.004_977_343_489_843_491,
        0.009_954_686_979_686_982,
        0.031_523_175_435_675_44,
        0.118_211_907_883_787_83,
        0.200_089_208_291_708_31,
        0.211_892_622_853_337_15,
        0.211_892_622_853_337_15,
        0.214_025_770_063_270_1,
        0.253_844_517_982_018,
    ];
    let found = by_adjusted(&P);
    for (f, e) in found.iter().zip(by) {
        near(*f, e);
    }
    found[9..].iter().for_each(|f| near(*f, 1.0));
    let bh = bh_adjusted(&P);
    for (place, e) in [
        (0, 0.0015),
        (3, 0.035_625),
        (5, 0.063_857_142_857_142_86),
        (13, 0.813_214_285_714_285_7),
    ] {
        near(bh[place], e);
    }
}

#[test]
fn tests_that_are_not_given_count_as_one() {
    let whole = by_adjusted(&[1.0, 0.002, 1.0, 0.0001, 1.0]);
    let part = by_adjusted_of(&[0.002, 0.0001], 5);
    near(part[0], whole[1]);
    near(part[1], whole[3]);
    assert!(by_adjusted(&[]).is_empty());
}

#[test]
fn lord_is_the_published_procedure() {
    // LordPlusPlus(0.05, 0.025).test_one(p), and its level after each
    let steps = [
        (0.3, Found::Nothing, 0.001_337_919_272_815_021_6),
        (1e-5, Found::Discovery, 0.000_290_955_144_573_543_53),
        (0.2, Found::Nothing, 0.001_585_731_742_676_539_4),
        (2e-7, Found::Discovery, 0.000_497_045_296_047_726_8),
        (0.04, Found::Nothing, 0.003_098_372_758_225_260_6),
        (0.0009, Found::Discovery, 0.000_939_147_949_162_891_7),
        (0.6, Found::Nothing, 0.003_479_171_333_551_485_6),
        (0.00001, Found::Discovery, 0.001_263_868_736_420_059),
        (0.9, Found::Nothing, 0.003_760_916_791_636_78),
        (1e-9, Found::Discovery, 0.001_512_472_542_593_278),
    ];
    let mut lord = Lord::new(0.05);
    for (p, found, level) in steps {
        near(lord.level(), level);
        assert_eq!(lord.test(p), found, "{p}");
    }
    assert_eq!((lord.tests(), lord.discoveries()), (10, 5));
}

#[test]
fn what_is_spent_is_at_most_all() {
    let sum: f64 = (1..1_000_000).map(spending).sum();
    assert!(sum < 1.0, "{sum}");
}

proptest! {
    #[test]
    fn adjusting_keeps_the_order_and_never_helps(p in prop::collection::vec(0.0_f64..=1.0, 1..40)) {
        let adjusted = by_adjusted(&p);
        for (i, a) in adjusted.iter().enumerate() {
            prop_assert!(*a >= p[i] && *a <= 1.0);
            for (j, b) in adjusted.iter().enumerate() {
                prop_assert!(p[i] > p[j] || a <= b);
            }
        }
    }
}
