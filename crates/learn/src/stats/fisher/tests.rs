//! Expected numbers: SciPy 1.17.1, printed by the expressions beside them.
use proptest::prelude::*;

use super::*;

fn near(found: f64, expected: f64) {
    let off = (found - expected).abs();
    assert!(
        off <= 1e-9 * expected.abs(),
        "{found:e} is not {expected:e}"
    );
}

const fn table(a: u64, b: u64, c: u64, d: u64) -> Table {
    Table { a, b, c, d }
}

#[test]
fn fisher_is_scipys() {
    // fisher_exact([[a,b],[c,d]])[1] - 0.5 * hypergeom.pmf(a, a+b+c+d, a+b, a+c)
    for (t, p) in [
        (table(6, 0, 1, 293), 3.635_144_317_561_612_5e-12),
        (table(3, 7, 9, 41), 0.295_308_754_297_674_67),
        (table(1, 9, 11, 3), 0.002_086_418_091_263_965_6),
        (table(0, 5, 5, 90), 0.615_205_023_355_796_6),
        (table(5, 5, 5, 5), 0.828_140_899_348_329_7),
        (table(12, 3, 4, 1000), 1.671_647_657_571_687_4e-22),
        (table(2, 0, 0, 3), 0.05),
    ] {
        near(fisher_mid_p(&t), p);
        near(stratified_mid_p(&[t]), p);
    }
}

#[test]
fn the_stratified_test_is_a_convolution_of_scipys_masses() {
    // dist = convolve(hypergeom.pmf(lo..=hi, n, a+b, a+c) of every stratum);
    // dist[dist <= dist[seen] * (1 + 1e-7)].sum() - 0.5 * dist[seen]
    let strata = [
        table(3, 1, 1, 10),
        table(2, 0, 2, 7),
        table(1, 2, 0, 9),
        table(0, 3, 1, 20),
    ];
    near(stratified_mid_p(&strata), 0.001_455_835_830_835_830_8);
    near(stratified_mid_p(&[]), 1.0);
    near(stratified_mid_p(&[table(0, 0, 3, 4)]), 1.0);
}

#[test]
fn the_coin_is_scipys() {
    // binomtest(k, n, 0.5).pvalue
    for (k, n, p) in [
        (9, 9, 0.003_906_25),
        (7, 9, 0.179_687_5),
        (8, 8, 0.007_812_5),
        (12, 20, 0.503_444_671_630_859_4),
        (3, 17, 0.012_725_830_078_125),
        (0, 0, 1.0),
    ] {
        near(fair_coin_p(k, n), p);
    }
}

#[test]
fn all_inside_is_a_ratio_of_binomials() {
    // comb(n - x, y - x) / comb(n, y): comb(15, 3) / comb(20, 8)
    near(all_inside_p(5, 8, 20), 455.0 / 125_970.0);
    near(all_inside_p(0, 3, 9), 1.0);
    near(all_inside_p(4, 3, 9), 0.0);
}

proptest! {
    #[test]
    fn a_p_value_is_a_chance_and_knows_no_order(
        a in 0_u64..60, b in 0_u64..60, c in 0_u64..60, d in 0_u64..2_000,
    ) {
        let p = fisher_mid_p(&table(a, b, c, d));
        prop_assert!((0.0..=1.0).contains(&p));
        let turned = fisher_mid_p(&table(a, c, b, d));
        prop_assert!((p - turned).abs() <= 1e-9 * p.max(1e-300));
    }
}
