//! Small symmetric systems.

/// A symmetric, positive definite matrix, factored as `L·Lᵀ` (Cholesky).
#[derive(Clone, PartialEq, Debug)]
pub struct Factored {
    lower: Vec<Vec<f64>>,
}

impl Factored {
    /// Factors `matrix`, of which only the lower triangle is read; `None` when it is not positive
    /// definite to working accuracy.
    #[must_use]
    pub fn new(matrix: &[Vec<f64>]) -> Option<Self> {
        let mut lower: Vec<Vec<f64>> = Vec::with_capacity(matrix.len());
        for (i, row) in matrix.iter().enumerate() {
            let mut new = vec![0.0; i + 1];
            for j in 0..=i {
                let known: f64 = (0..j)
                    .map(|k| new[k] * if i == j { new[k] } else { lower[j][k] })
                    .sum();
                let left = row.get(j)? - known;
                if i == j {
                    // A pivot that lost all its digits is a zero.
                    if !left.is_finite() || left <= row[i].abs() * 1e-14 {
                        return None;
                    }
                    new[j] = left.sqrt();
                } else {
                    new[j] = left / lower[j][j];
                }
            }
            lower.push(new);
        }
        Some(Self { lower })
    }

    /// The `x` for which the matrix times `x` is `right`.
    #[must_use]
    pub fn solve(&self, right: &[f64]) -> Vec<f64> {
        let n = self.lower.len();
        let mut x = right.to_vec();
        x.resize(n, 0.0);
        for i in 0..n {
            let known: f64 = (0..i).map(|k| self.lower[i][k] * x[k]).sum();
            x[i] = (x[i] - known) / self.lower[i][i];
        }
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n).map(|k| self.lower[k][i] * x[k]).sum();
            x[i] = (x[i] - known) / self.lower[i][i];
        }
        x
    }

    /// The diagonal of the inverse.
    #[must_use]
    pub fn inverse_diagonal(&self) -> Vec<f64> {
        let n = self.lower.len();
        let column = |i: usize| {
            let mut unit = vec![0.0; n];
            unit[i] = 1.0;
            self.solve(&unit)[i]
        };
        (0..n).map(column).collect()
    }
}

/// A weighted least-squares fit with a normal prior on each coefficient.
#[derive(Clone, PartialEq, Debug)]
pub struct Ridge {
    /// Coefficients, in the order of the columns.
    pub coefficients: Vec<f64>,
    /// Their standard errors, prior included.
    pub errors: Vec<f64>,
}

/// One row of a [`ridge`]: what was done, what came of it, and its standard error.
#[derive(Clone, PartialEq, Debug)]
pub struct Observed {
    /// One number per column.
    pub x: Vec<f64>,
    /// The outcome.
    pub y: f64,
    /// Its standard error; positive.
    pub se: f64,
}

/// Ridge regression without intercept: the posterior mean and standard deviation of coefficients that
/// are normal around zero with standard deviation `prior_sd` beforehand,
/// `(Xᵀ·W·X + I/prior_sd²)⁻¹·Xᵀ·W·y` with `W = 1/se²` (Hoerl and Kennard 1970). `None` when the rows
/// are of unequal length or not finite.
#[must_use]
pub fn ridge(rows: &[Observed], prior_sd: f64) -> Option<Ridge> {
    let columns = rows.first()?.x.len();
    if rows.iter().any(|r| r.x.len() != columns) {
        return None;
    }
    let mut matrix = vec![vec![0.0; columns]; columns];
    let mut right = vec![0.0; columns];
    for row in rows {
        let weight = 1.0 / (row.se * row.se);
        for i in (0..columns).filter(|i| row.x[*i] != 0.0) {
            right[i] += weight * row.x[i] * row.y;
            for (sum, x) in matrix[i].iter_mut().zip(&row.x).take(i + 1) {
                *sum += weight * row.x[i] * x;
            }
        }
    }
    for (i, line) in matrix.iter_mut().enumerate() {
        line[i] += 1.0 / (prior_sd * prior_sd);
    }
    let factored = Factored::new(&matrix)?;
    let coefficients = factored.solve(&right);
    let errors: Vec<f64> = factored
        .inverse_diagonal()
        .into_iter()
        .map(f64::sqrt)
        .collect();
    let finite = coefficients.iter().chain(&errors).all(|v| v.is_finite());
    finite.then_some(Ridge {
        coefficients,
        errors,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.linalg.solve(Z.T@W@Z + I/0.3**2, Z.T@W@y)` and the roots of the inverse's diagonal,
    /// NumPy 2.
    #[test]
    fn ridge_is_that_of_numpy() {
        let row = |x: [f64; 3], y, se| Observed {
            x: x.to_vec(),
            y,
            se,
        };
        let rows = [
            row([1.0, 0.0, 0.0], 0.3, 0.05),
            row([1.0, 0.0, 0.0], 0.25, 0.08),
            row([0.0, 1.0, 0.0], 0.05, 0.05),
            row([1.0, 1.0, 0.0], 0.4, 0.1),
            row([-1.0, 0.0, 1.0], -0.1, 0.1),
            row([0.0, 0.0, 1.0], 0.2, 0.06),
            row([0.0, -1.0, 1.0], 0.1, 0.1),
        ];
        let fit = ridge(&rows, 0.3).unwrap();
        let wanted = [
            0.288_187_802_238_973,
            0.065_079_453_738_659_07,
            0.185_895_575_086_333_8,
        ];
        let errors = [
            0.036_855_633_387_126_795,
            0.041_444_747_668_941_136,
            0.046_463_359_304_418_67,
        ];
        for i in 0..3 {
            assert!((fit.coefficients[i] - wanted[i]).abs() < 1e-12, "{fit:?}");
            assert!((fit.errors[i] - errors[i]).abs() < 1e-12, "{fit:?}");
        }
    }

    #[test]
    fn what_cannot_be_solved_is_said() {
        assert_eq!(Factored::new(&[vec![1.0, 1.0], vec![1.0, 1.0]]), None);
        assert_eq!(Factored::new(&[vec![-1.0]]), None);
        assert_eq!(Factored::new(&[vec![f64::NAN]]), None);
        assert_eq!(ridge(&[], 1.0), None);
        let odd = Observed {
            x: vec![1.0],
            y: f64::NAN,
            se: 1.0,
        };
        assert_eq!(ridge(&[odd], 1.0), None);
    }
}
