use super::*;
use proptest::prelude::*;

const D: [f64; 6] = [0.31, 0.12, 0.45, 0.05, 0.22, 0.18];
const SE: [f64; 6] = [0.08, 0.05, 0.15, 0.07, 0.06, 0.11];

fn six() -> Vec<Estimate> {
    of(&D, &SE)
}

fn of(d: &[f64], se: &[f64]) -> Vec<Estimate> {
    let pairs = d.iter().zip(se);
    pairs.map(|(d, se)| Estimate { d: *d, se: *se }).collect()
}

fn same(found: f64, wanted: f64) {
    assert!(
        (found - wanted).abs() < 1e-9 * wanted.abs().max(1.0),
        "{found} is not {wanted}"
    );
}

/// `r = combine_effects(D, SE**2, method_re="dl")` (statsmodels 0.15.0): `mean_effect_re`,
/// `sd_eff_w_re`, `tau2`, `q`, `i2`; intervals with `scipy.stats.norm.ppf`, `t.ppf(·, k-2)`.
#[test]
fn pools_are_those_of_statsmodels() {
    let pooled = pool(&six()).unwrap();
    same(pooled.mean, 0.191_941_621_986_074_6);
    same(pooled.se, 0.047_188_278_203_962_78);
    same(pooled.tau2, 0.006_876_138_968_958_367);
    same(pooled.q, 11.170_700_657_568_304);
    same(pooled.i2, 0.552_400_502_594_039_9);
    let (low, high) = pooled.interval(0.95);
    same(low, 0.099_454_296_213_851_11);
    same(high, 0.284_428_947_758_298_1);
    let (low, high) = pooled.prediction(0.95).unwrap();
    same(low, -0.072_956_160_492_344_41);
    same(high, 0.456_839_404_464_493_56);
    let (low, high) = pooled.prediction(0.90).unwrap();
    same(low, -0.011_455_695_405_310_579);
    same(high, 0.395_338_939_377_459_8);
}

#[test]
fn equal_effects_have_no_spread_and_few_have_no_prediction() {
    let pooled = pool(&of(&[0.20, 0.21, 0.19], &[0.05, 0.06, 0.04])).unwrap();
    assert!(pooled.tau2 <= 0.0 && pooled.i2 <= 0.0);
    let two = pool(&six()[..2]).unwrap();
    assert_eq!(two.prediction(0.9), None);
    assert!(two.tau2 > 0.0);
    let one = pool(&six()[..1]).unwrap();
    same(one.mean, 0.31);
    same(one.se, 0.08);
    assert_eq!(pool(&of(&[f64::NAN, 1.0], &[1.0, 0.0])), None);
}

/// `quad(lambda m: norm.pdf(m, 0, .1) * exp(m*S - m*m*V/2), -1, 1.5)` (SciPy 1.17.1).
#[test]
fn the_e_value_is_the_integral_that_it_stands_for() {
    same(log_e_value(&six(), 0.1), 3_131_942.024_429_634_f64.ln());
    assert!(log_e_value(&[], 0.1).abs() < 1e-15);
}

/// `combine_effects` of both, `z = (a-b)/hypot(se)`, `2*norm.sf(z)`; `pearsonr`.
#[test]
fn differences_and_correlations_are_those_of_scipy() {
    let pooled = |d: [f64; 8]| pool(&of(&d, &[0.05; 8])).unwrap();
    let high = pooled([0.3, 0.5, 0.1, 0.4, 0.25, 0.33, 0.6, 0.05]);
    let low = pooled([0.05, 0.1, 0.02, 0.2, -0.1, 0.07, 0.0, 0.12]);
    let (z, p) = difference(&high, &low);
    same(z, 3.537_926_217_616_097_7);
    same(p, 0.000_403_282_731_653_941);
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
    let y = [2.0, 1.0, 4.0, 3.0, 7.0, 8.0, 6.0, 5.0];
    let pairs: Vec<(f64, f64)> = x.into_iter().zip(y).collect();
    same(correlation(&pairs).unwrap(), 0.738_095_238_095_237_9);
    assert_eq!(correlation(&[(1.0, 2.0), (1.0, 3.0)]), None);
    assert_eq!(correlation(&[]), None);
}

proptest! {
    #[test]
    fn pools_lie_between_their_estimates(
        items in prop::collection::vec((-5.0..5.0_f64, 0.01..3.0_f64), 1..30)
    ) {
        let items: Vec<Estimate> =
            items.into_iter().map(|(d, se)| Estimate { d, se }).collect();
        let pooled = pool(&items).unwrap();
        let least = items.iter().map(|e| e.d).fold(f64::INFINITY, f64::min);
        let most = items.iter().map(|e| e.d).fold(f64::NEG_INFINITY, f64::max);
        prop_assert!(least - 1e-9 <= pooled.mean && pooled.mean <= most + 1e-9);
        prop_assert!((0.0..=1.0).contains(&pooled.i2) && pooled.tau2 >= 0.0 && pooled.se > 0.0);
        if let Some((low, high)) = pooled.prediction(0.95) {
            let (inner, outer) = pooled.interval(0.95);
            prop_assert!(low <= inner && outer <= high);
        }
    }
}
