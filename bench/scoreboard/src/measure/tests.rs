use super::*;

/// Two numbers agree to the last digits that arithmetic leaves.
fn same(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-9, "{a} is not {b}");
}

#[test]
fn the_area_is_the_share_of_pairs_in_the_right_order() {
    // Pairs (harmful, harmless): 3>1, 3>2, 2>1, 2=2 (half), 1=1 (half), 1<2.
    same(auc(&[3.0, 2.0, 1.0], &[1.0, 2.0]).unwrap(), 4.0 / 6.0);
    same(auc(&[5.0], &[1.0, 2.0, 3.0]).unwrap(), 1.0);
    same(auc(&[1.0, 1.0], &[1.0]).unwrap(), 0.5);
    assert_eq!(auc(&[], &[1.0]), None);
}

#[test]
fn recall_at_a_false_alarm_rate_lets_through_no_more_than_that() {
    let harmless: Vec<f64> = (1..=100).map(f64::from).collect();
    // 5 % of 100: the five largest may pass, so the bar is the sixth largest, 95.
    same(
        tpr_at(0.05, &[94.0, 95.0, 95.5, 200.0], &harmless).unwrap(),
        0.5,
    );
    // 1 % of 50 is no case at all: the bar is the largest.
    same(tpr_at(0.01, &[50.0, 50.5], &harmless[..50]).unwrap(), 0.5);
    // A tie with the bar is not called, or the rate would be passed.
    same(tpr_at(0.01, &[3.0], &[3.0, 3.0]).unwrap(), 0.0);
}

#[test]
fn f1_by_hand() {
    // Precision 3/4, recall 3/5.
    same(f1(3, 1, 5), 2.0 * 0.75 * 0.6 / (0.75 + 0.6));
    same(f1(0, 0, 5), 0.0);
    // Bars 1, 2, 4: F1 2·3/(6+1+0), 2·2/(4+1+1), 2·1/(2+0+2).
    same(best_f1(&[1.0, 2.0, 4.0], &[0.0, 3.0]).unwrap(), 6.0 / 7.0);
}

#[test]
fn wilson_as_in_the_tables() {
    // 10 of 100: 0.0552 to 0.1744; 0 of 50: 0 to 0.0713.
    let (low, high) = wilson(10, 100);
    assert!(
        (low - 0.0552).abs() < 1e-4 && (high - 0.1744).abs() < 1e-4,
        "{low} {high}"
    );
    let (low, high) = wilson(0, 50);
    assert!(
        low.abs() < 1e-12 && (high - 0.0713).abs() < 1e-4,
        "{low} {high}"
    );
}

#[test]
fn quantiles_lie_between_neighbours() {
    let values = [4.0, 1.0, 3.0, 2.0];
    same(quantile(&values, 0.5).unwrap(), 2.5);
    same(quantile(&values, 0.25).unwrap(), 1.75);
    same(quantile(&values, 1.0).unwrap(), 4.0);
    assert_eq!(quantile(&[], 0.5), None);
}
