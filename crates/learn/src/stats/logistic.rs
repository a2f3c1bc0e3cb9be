//! Logistic regression by iteratively reweighted least squares, isotonic regression, Platt scaling.

#[cfg(test)]
mod tests;

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
