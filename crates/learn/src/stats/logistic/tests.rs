use super::*;
use proptest::prelude::*;

const X: [[f64; 2]; 12] = [
    [0.5, 1.2],
    [1.5, -0.3],
    [2.2, 0.4],
    [-1.0, 0.7],
    [0.1, -1.4],
    [1.1, 1.9],
    [-0.6, -0.2],
    [3.0, 0.8],
    [-2.1, 1.0],
    [0.9, -0.9],
    [1.8, 1.1],
    [-0.4, 0.3],
];

fn cases(y: [u8; 12], weights: [f64; 12]) -> Vec<Case> {
    let rows = X.iter().zip(y).zip(weights);
    rows.map(|((x, y), weight)| Case {
        x: x.to_vec(),
        y: f64::from(y),
        weight,
    })
    .collect()
}

fn same(found: &[f64], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len());
    for (f, w) in found.iter().zip(wanted) {
        assert!((f - w).abs() < 1e-9, "{found:?} is not {wanted:?}");
    }
}

fn numbers(fit: &Logistic) -> Vec<f64> {
    [&[fit.intercept], fit.coefficients.as_slice()].concat()
}

/// `sm.GLM(y, sm.add_constant(X), family=Binomial()).fit(tol=1e-14)` (statsmodels 0.15.0).
#[test]
fn without_penalty_it_is_that_of_statsmodels() {
    let y = [1, 0, 1, 0, 0, 1, 1, 1, 0, 0, 1, 0];
    let fit = fit(&cases(y, [1.0; 12]), Penalty::NONE).unwrap();
    same(
        &numbers(&fit),
        &[
            -1.236_017_277_100_653_7,
            1.078_598_728_776_410_3,
            1.972_285_480_833_832,
        ],
    );
}

/// `scipy.optimize.root` on the gradient (SciPy 1.17.1); the first also
/// `LogisticRegression(C=1).fit(X, y, sample_weight=w)` (scikit-learn 1.9.1) to eight digits.
#[test]
fn with_penalty_it_is_that_of_scipy() {
    let y = [1, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 1];
    let w = [1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 1.0, 0.5];
    for (strength, towards, wanted) in [
        (
            1.0,
            0.0,
            [
                -0.739_569_584_694_380_7,
                1.156_615_243_300_374_2,
                1.096_217_742_940_820_4,
            ],
        ),
        (
            0.5,
            1.0,
            [
                -1.031_349_355_219_053_1,
                1.772_730_737_155_588_7,
                1.965_460_094_094_984_7,
            ],
        ),
    ] {
        let fit = fit(&cases(y, w), Penalty { strength, towards }).unwrap();
        same(&numbers(&fit), &wanted);
    }
}

/// `scipy.optimize.isotonic_regression(y, weights=w).x` (SciPy 1.17.1).
#[test]
fn isotonic_is_that_of_scipy() {
    let y = [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0];
    let w = [1.0, 2.0, 1.0, 1.0, 1.0, 3.0, 1.0, 1.0, 1.0, 2.0];
    let pairs: Vec<(f64, f64)> = y.into_iter().zip(w).collect();
    let (third, rest) = (1.0 / 3.0, 2.0 / 3.0);
    same(
        &isotonic(&pairs),
        &[0.0, 0.0, third, third, third, third, rest, rest, rest, 1.0],
    );
    assert!(isotonic(&[]).is_empty());
}

/// `scipy.optimize.root` on the gradient with Platt's targets (SciPy 1.17.1);
/// `sklearn.calibration._sigmoid_calibration` gives the same to eight digits, signs turned.
#[test]
fn platt_is_that_of_scipy() {
    let scores = [-2.0, -1.2, -0.7, -0.1, 0.3, 0.8, 1.4, 2.5, -0.4, 0.6];
    let labels = [0, 0, 1, 0, 1, 0, 1, 1, 0, 1];
    let label = |l| if l == 1 { Label::Yes } else { Label::No };
    let scored: Vec<(f64, Label)> = scores.into_iter().zip(labels.map(label)).collect();
    let (slope, shift) = platt(&scored).unwrap();
    same(
        &[slope, shift],
        &[0.770_448_184_000_327_6, -0.082_682_571_119_976_82],
    );
}

#[test]
fn what_cannot_be_fitted_is_said() {
    assert_eq!(fit(&[], Penalty::NONE), Err(FitError::NoCases));
    let y = [1, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 1];
    assert_eq!(
        fit(&cases(y, [0.0; 12]), Penalty::NONE),
        Err(FitError::NoCases)
    );
    let mut odd = cases(y, [1.0; 12]);
    odd[3].x.pop();
    assert_eq!(fit(&odd, Penalty::NONE), Err(FitError::Malformed));
    odd[3].x.push(f64::NAN);
    assert_eq!(fit(&odd, Penalty::NONE), Err(FitError::Malformed));
    // Told apart perfectly: the coefficient would be infinite.
    let apart: Vec<Case> = [(-1.0, 0.0), (-2.0, 0.0), (1.0, 1.0), (2.0, 1.0)]
        .map(|(x, y)| Case {
            x: vec![x],
            y,
            weight: 1.0,
        })
        .to_vec();
    assert_eq!(fit(&apart, Penalty::NONE), Err(FitError::Unsettled));
    let held = Penalty {
        strength: 1.0,
        towards: 0.0,
    };
    assert!(fit(&apart, held).unwrap().coefficients[0] > 0.0);
}

proptest! {
    #[test]
    fn isotonic_rises_and_keeps_the_mean(
        pairs in prop::collection::vec((0.0..1.0_f64, 0.1..3.0_f64), 1..40)
    ) {
        let fitted = isotonic(&pairs);
        prop_assert!(fitted.windows(2).all(|w| w[0] <= w[1]));
        let mean = |of: &mut dyn Iterator<Item = f64>| {
            of.zip(&pairs).map(|(v, p)| v * p.1).sum::<f64>()
        };
        let before = mean(&mut pairs.iter().map(|p| p.0));
        let after = mean(&mut fitted.iter().copied());
        prop_assert!((before - after).abs() < 1e-9);
    }

    #[test]
    fn a_penalised_fit_always_exists(
        rows in prop::collection::vec((-9.0..9.0_f64, -9.0..9.0_f64, prop::bool::ANY), 1..40)
    ) {
        let cases: Vec<Case> = rows
            .into_iter()
            .map(|(a, b, y)| Case { x: vec![a, b], y: f64::from(u8::from(y)), weight: 1.0 })
            .chain([0.0, 1.0].map(|y| Case { x: vec![0.0, 0.0], y, weight: 1.0 }))
            .collect();
        let held = Penalty { strength: 1.0, towards: 1.0 };
        prop_assert!(fit(&cases, held).is_ok());
    }
}
