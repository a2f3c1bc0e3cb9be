//! Expected numbers: SciPy 1.17.1 and statsmodels 0.15.0, printed by the expressions beside them.
use super::*;

fn near(found: f64, expected: f64) {
    let off = (found - expected).abs();
    assert!(
        off <= 1e-9 * expected.abs() || off < 1e-300,
        "{found:e} is not {expected:e}"
    );
}

const fn table(a: u64, b: u64, c: u64, d: u64) -> Table {
    Table { a, b, c, d }
}

#[test]
fn g2_is_scipys() {
    // scipy.stats.chi2_contingency([[a,b],[c,d]], correction=False, lambda_='log-likelihood')
    for (t, statistic, p) in [
        (
            table(30, 70, 45, 855),
            53.268_628_102_291_544,
            2.909_156_204_757_145_7e-13,
        ),
        (
            table(10, 20, 30, 40),
            0.804_348_646_096_483_5,
            0.369_796_367_929_896_45,
        ),
        (
            table(100, 900, 400, 98_600),
            438.137_119_716_211_15,
            2.753_484_878_852_262e-97,
        ),
    ] {
        near(t.g2(), statistic);
        near(chi2_1_tail(t.g2()), p);
    }
    assert!(table(50, 50, 50, 50).g2().abs() < 1e-9);
    assert!(Table::default().g2().abs() < 1e-9);
}

#[test]
fn wilson_is_statsmodels() {
    // statsmodels.stats.proportion.proportion_confint(k, n, 0.05, 'wilson')
    for (k, n, low, high) in [
        (7, 9, 0.452_588_969_106_988_87, 0.936_774_892_882_153_3),
        (3, 10, 0.107_791_267_406_301_04, 0.603_221_852_538_854_6),
        (30, 100, 0.218_948_852_949_327_56, 0.395_848_546_333_466_67),
    ] {
        near(wilson(k, n).0, low);
        near(wilson(k, n).1, high);
    }
    assert!(wilson(0, 5).0 < 1e-12);
    near(wilson(0, 5).1, 0.434_482_464_783_174_87);
}

#[test]
fn cmh_is_statsmodels() {
    // StratifiedTable(tables).test_null_odds(correction=False), tables of shape 2x2xK
    let strata = [
        table(11, 25, 10, 27),
        table(16, 4, 22, 10),
        table(14, 5, 7, 12),
        table(2, 14, 1, 16),
        table(6, 11, 0, 12),
        table(1, 10, 0, 10),
        table(1, 4, 1, 8),
        table(4, 2, 6, 1),
    ];
    let (statistic, p) = cmh(&strata).unwrap();
    near(statistic, 6.384_113_424_998_929);
    near(p, 0.011_514_626_175_140_985);
    let small = [
        table(3, 1, 1, 10),
        table(2, 0, 2, 7),
        table(1, 2, 0, 9),
        table(0, 3, 1, 20),
    ];
    let (statistic, p) = cmh(&small).unwrap();
    near(statistic, 11.051_917_843_545_246);
    near(p, 0.000_885_955_051_120_324);
    assert_eq!(cmh(&[]), None);
    assert_eq!(cmh(&[table(1, 0, 0, 0), table(3, 4, 0, 0)]), None);
}

#[test]
fn a_confounder_that_strata_know_is_no_association() {
    // In each stratum X and Y are independent; together they look tied, because both are frequent in
    // the first (Simpson).
    let strata = [table(64, 16, 16, 4), table(4, 16, 16, 64)];
    let pooled = table(68, 32, 32, 68);
    assert!(chi2_1_tail(pooled.g2()) < 1e-5);
    assert!(cmh(&strata).unwrap().1 > 0.99);
}

#[test]
fn the_effect_filters_know_little_data_from_much() {
    let little = table(2, 1, 1, 96);
    let much = table(20, 10, 10, 960);
    near(little.log_lift().unwrap(), much.log_lift().unwrap());
    assert!(little.log_lift_low().unwrap() < much.log_lift_low().unwrap());
    assert!(little.share_low() < 0.3 && much.share_low() > 0.3);
    assert_eq!(table(0, 4, 4, 4).log_lift_low(), None);
}

#[test]
fn margins_make_the_table() {
    assert_eq!(Table::of_margins(3, 10, 5, 40), table(3, 7, 2, 28));
    assert_eq!(Table::of_margins(3, 2, 5, 4), table(3, 0, 2, 0));
    near(table(3, 7, 2, 28).least_expected(), 1.25);
    near(table(28, 2, 7, 3).least_expected(), 1.25);
}
