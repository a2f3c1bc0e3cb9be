//! Logistic regression by iteratively reweighted least squares, isotonic regression, Platt scaling.

use super::linear::Factored;

/// Steps after which a fit that still moves is given up.
const STEPS_MAX: usize = 100;
/// Halvings of one step, at most.
const HALVINGS_MAX: usize = 40;
/// A step whose largest part is below this has arrived.
const ARRIVED: f64 = 1e-12;

/// One labelled case.
#[derive(Clone, PartialEq, Debug)]
pub struct Case {
    /// Its features; all cases have as many.
    pub x: Vec<f64>,
    /// Its label as a probability: 1 yes, 0 no.
    pub y: f64,
    /// How often it counts; not negative.
    pub weight: f64,
}

/// How coefficients are held back.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Penalty {
    /// Half of this times the squared distance from `towards` is added to the negative
    /// log-likelihood; the intercept is free. Not negative.
    pub strength: f64,
    /// Where coefficients are drawn to.
    pub towards: f64,
}

impl Penalty {
    /// None.
    pub const NONE: Penalty = Penalty {
        strength: 0.0,
        towards: 0.0,
    };
}

/// A fitted regression.
#[derive(Clone, PartialEq, Debug)]
pub struct Logistic {
    /// Log-odds where every feature is zero.
    pub intercept: f64,
    /// Log-odds per unit of each feature.
    pub coefficients: Vec<f64>,
}

/// Why there is no fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FitError {
    /// No case has weight.
    #[error("there are no labelled cases to fit")]
    NoCases,
    /// Features of unequal number, or something is not finite.
    #[error("labelled cases are of unequal length or not finite")]
    Malformed,
    /// The labels can be told apart perfectly, or features repeat each other; a penalty helps.
    #[error("the labelled cases do not settle the coefficients")]
    Unsettled,
}

impl Logistic {
    /// Log-odds of a case with features `x`.
    #[must_use]
    pub fn log_odds(&self, x: &[f64]) -> f64 {
        let terms = self.coefficients.iter().zip(x);
        self.intercept + terms.map(|(c, x)| c * x).sum::<f64>()
    }
}

/// Fits intercept and coefficients by Newton's method with halved steps, which for this likelihood is
/// IRLS (McCullagh and Nelder 1989).
///
/// # Errors
/// [`FitError`] when there is nothing to fit or no single best fit.
pub fn fit(cases: &[Case], penalty: Penalty) -> Result<Logistic, FitError> {
    let features = cases.first().ok_or(FitError::NoCases)?.x.len();
    let finite = |c: &Case| {
        let all = c.x.iter().chain([&c.y, &c.weight]);
        c.x.len() == features && all.clone().all(|v| v.is_finite()) && c.weight >= 0.0
    };
    if !cases.iter().all(finite) {
        return Err(FitError::Malformed);
    }
    if cases.iter().map(|c| c.weight).sum::<f64>() <= 0.0 {
        return Err(FitError::NoCases);
    }
    let mut beta = vec![penalty.towards; features + 1];
    beta[0] = 0.0;
    let mut loss = loss_at(cases, penalty, &beta);
    for _ in 0..STEPS_MAX {
        let (gradient, curvature) = slopes(cases, penalty, &beta);
        let step = Factored::new(&curvature)
            .ok_or(FitError::Unsettled)?
            .solve(&gradient);
        let (next, next_loss) = descend(cases, penalty, (&beta, loss), &step);
        let moved = beta.iter().zip(&next).map(|(a, b)| (a - b).abs());
        let moved = moved.fold(0.0, f64::max);
        let scale = next.iter().map(|b| b.abs()).fold(1.0, f64::max);
        (beta, loss) = (next, next_loss);
        if moved <= ARRIVED * scale {
            let coefficients = beta.split_off(1);
            return Ok(Logistic {
                intercept: beta[0],
                coefficients,
            });
        }
    }
    Err(FitError::Unsettled)
}

/// The longest of the halved steps that does not make it worse.
fn descend(
    cases: &[Case],
    penalty: Penalty,
    (beta, loss): (&[f64], f64),
    step: &[f64],
) -> (Vec<f64>, f64) {
    let mut share = 1.0;
    for _ in 0..HALVINGS_MAX {
        let next: Vec<f64> = beta.iter().zip(step).map(|(b, s)| b - share * s).collect();
        let next_loss = loss_at(cases, penalty, &next);
        // Rounding of the sum must not keep the last digits from arriving.
        if next_loss <= loss + loss.abs() * 1e-13 {
            return (next, next_loss);
        }
        share /= 2.0;
    }
    (beta.to_vec(), loss)
}

fn linear(beta: &[f64], x: &[f64]) -> f64 {
    beta[0] + beta[1..].iter().zip(x).map(|(b, x)| b * x).sum::<f64>()
}

/// Penalised negative log-likelihood.
fn loss_at(cases: &[Case], penalty: Penalty, beta: &[f64]) -> f64 {
    let fit: f64 = cases
        .iter()
        .map(|c| {
            let z = linear(beta, &c.x);
            c.weight * (z.max(0.0) + (-z.abs()).exp().ln_1p() - c.y * z)
        })
        .sum();
    let away = beta[1..].iter().map(|b| (b - penalty.towards).powi(2));
    fit + penalty.strength / 2.0 * away.sum::<f64>()
}

/// Gradient and Hessian of the loss.
fn slopes(cases: &[Case], penalty: Penalty, beta: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = beta.len();
    let mut gradient = vec![0.0; n];
    let mut curvature = vec![vec![0.0; n]; n];
    for case in cases {
        let p = 1.0 / (1.0 + (-linear(beta, &case.x)).exp());
        let (error, weight) = (case.weight * (p - case.y), case.weight * p * (1.0 - p));
        let column = |i: usize| if i == 0 { 1.0 } else { case.x[i - 1] };
        for i in 0..n {
            gradient[i] += error * column(i);
            for (j, sum) in curvature[i].iter_mut().enumerate().take(i + 1) {
                *sum += weight * column(i) * column(j);
            }
        }
    }
    for i in 1..n {
        gradient[i] += penalty.strength * (beta[i] - penalty.towards);
        curvature[i][i] += penalty.strength;
    }
    (gradient, curvature)
}

/// The rising sequence nearest to `values` by weighted squares (pool adjacent violators, Barlow 1972),
/// in the order given. `pairs` holds value and weight; weights are positive.
#[must_use]
pub fn isotonic(pairs: &[(f64, f64)]) -> Vec<f64> {
    let mut blocks: Vec<(f64, f64, usize)> = Vec::with_capacity(pairs.len());
    for (value, weight) in pairs {
        blocks.push((*value, *weight, 1));
        while let [.., before, last] = blocks.as_slice() {
            if before.0 < last.0 {
                break;
            }
            let weight = before.1 + last.1;
            let mean = (before.0 * before.1 + last.0 * last.1) / weight;
            let merged = (mean, weight, before.2 + last.2);
            blocks.pop();
            blocks.pop();
            blocks.push(merged);
        }
    }
    let each = blocks.into_iter();
    each.flat_map(|(mean, _, n)| std::iter::repeat_n(mean, n))
        .collect()
}

/// Slope and shift that turn scores into log-odds of their labels (Platt 1999), with his targets
/// `(n₊+1)/(n₊+2)` and `1/(n₋+2)` that keep few labels from being certain.
///
/// # Errors
/// [`FitError`] as [`fit`].
pub fn platt(scored: &[(f64, Label)]) -> Result<(f64, f64), FitError> {
    let yes = scored.iter().filter(|s| s.1 == Label::Yes).count() as f64;
    let no = scored.len() as f64 - yes;
    let cases: Vec<Case> = scored
        .iter()
        .map(|(score, label)| Case {
            x: vec![*score],
            y: match label {
                Label::Yes => (yes + 1.0) / (yes + 2.0),
                Label::No => 1.0 / (no + 2.0),
            },
            weight: 1.0,
        })
        .collect();
    let fit = fit(&cases, Penalty::NONE)?;
    Ok((fit.coefficients[0], fit.intercept))
}

/// What somebody says of a pair.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Label {
    /// It is a dependency.
    Yes,
    /// It is not.
    No,
}

impl Label {
    /// 1 or 0.
    #[must_use]
    pub const fn number(self) -> f64 {
        match self {
            Self::Yes => 1.0,
            Self::No => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
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
}
