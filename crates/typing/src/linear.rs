//! Multinomial logistic regression with L2, by Newton's method on the whole data.

/// One example: which columns are there (each counts 1), its class, and how much it counts.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Row {
    pub(crate) columns: Vec<usize>,
    pub(crate) class: usize,
    pub(crate) weight: f64,
}

/// Weights by class, then by column.
pub(crate) type Matrix = Vec<Vec<f64>>;

/// Steps after which the search ends in any case; it needs about eight.
const STEPS_MAX: usize = 60;
/// A step shorter than this changes nothing that is kept.
const SHORT: f64 = 1e-10;

/// The weights with the largest likelihood of `rows`, less `l2`/2 times the sum of squares. The problem
/// is strictly convex, so there is one answer; rows in one order give the same bits everywhere.
pub(crate) fn fit(rows: &[Row], classes: usize, columns: usize, l2: f64) -> Matrix {
    let size = classes * columns;
    let mut weights = vec![0.0; size];
    let mut value = objective(rows, &weights, (classes, columns), l2);
    for _ in 0..STEPS_MAX {
        let (gradient, hessian) = derivatives(rows, &weights, (classes, columns), l2);
        let step = solve(hessian, gradient);
        let mut scale = 1.0;
        // Halve until it gets better: far from the top the parabola can overshoot.
        let (next, reached) = loop {
            let next: Vec<f64> = weights
                .iter()
                .zip(&step)
                .map(|(w, s)| w + scale * s)
                .collect();
            let reached = objective(rows, &next, (classes, columns), l2);
            if reached >= value || scale < 1e-6 {
                break (next, reached);
            }
            scale /= 2.0;
        };
        let longest = step.iter().fold(0.0_f64, |longest, s| longest.max(s.abs()));
        weights = next;
        value = reached;
        if longest < SHORT {
            break;
        }
    }
    weights.chunks(columns).map(<[f64]>::to_vec).collect()
}

/// Probabilities from scores.
pub(crate) fn softmax(scores: &[f64]) -> Vec<f64> {
    let top = scores.iter().copied().fold(f64::MIN, f64::max);
    let raised: Vec<f64> = scores.iter().map(|s| exp(s - top)).collect();
    let sum: f64 = raised.iter().sum();
    raised.iter().map(|r| r / sum).collect()
}

fn scores(row: &Row, weights: &[f64], (classes, columns): (usize, usize)) -> Vec<f64> {
    (0..classes)
        .map(|k| row.columns.iter().map(|j| weights[k * columns + j]).sum())
        .collect()
}

fn objective(rows: &[Row], weights: &[f64], shape: (usize, usize), l2: f64) -> f64 {
    let fit: f64 = rows
        .iter()
        .map(|row| {
            let scores = scores(row, weights, shape);
            let top = scores.iter().copied().fold(f64::MIN, f64::max);
            let sum: f64 = scores.iter().map(|s| exp(s - top)).sum();
            row.weight * (scores[row.class] - top - sum.ln())
        })
        .sum();
    let squares: f64 = weights.iter().map(|w| w * w).sum();
    fit - l2 / 2.0 * squares
}

/// Gradient, and the Hessian with its sign turned (lower triangle).
fn derivatives(
    rows: &[Row],
    weights: &[f64],
    (classes, columns): (usize, usize),
    l2: f64,
) -> (Vec<f64>, Matrix) {
    let size = classes * columns;
    let mut gradient: Vec<f64> = weights.iter().map(|w| -l2 * w).collect();
    let mut hessian = vec![vec![0.0; size]; size];
    for (i, line) in hessian.iter_mut().enumerate() {
        line[i] = l2;
    }
    for row in rows {
        let p = softmax(&scores(row, weights, (classes, columns)));
        for k in 0..classes {
            let wanted = f64::from(u8::from(k == row.class));
            for j in &row.columns {
                gradient[k * columns + j] += row.weight * (wanted - p[k]);
            }
            for l in 0..=k {
                let curve = if k == l {
                    p[k] * (1.0 - p[k])
                } else {
                    -p[k] * p[l]
                };
                for j in &row.columns {
                    let line = &mut hessian[k * columns + j];
                    for m in &row.columns {
                        line[l * columns + m] += row.weight * curve;
                    }
                }
            }
        }
    }
    (gradient, hessian)
}

/// Solves `matrix * x = right` by Cholesky; only the lower triangle is read.
fn solve(mut matrix: Matrix, right: Vec<f64>) -> Vec<f64> {
    let n = right.len();
    for j in 0..n {
        let (above, rest) = matrix.split_at_mut(j);
        let _ = &above;
        let (pivot, below) = rest.split_first_mut().expect("j is a row");
        let square: f64 = pivot[..j].iter().map(|v| v * v).sum();
        let root = (pivot[j] - square).max(f64::MIN_POSITIVE).sqrt();
        pivot[j] = root;
        for line in below {
            let dot: f64 = pivot[..j].iter().zip(&line[..j]).map(|(a, b)| a * b).sum();
            line[j] = (line[j] - dot) / root;
        }
    }
    let mut x = right;
    for i in 0..n {
        let dot: f64 = matrix[i][..i].iter().zip(&x[..i]).map(|(a, b)| a * b).sum();
        x[i] = (x[i] - dot) / matrix[i][i];
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|k| matrix[k][i] * x[k]).sum();
        x[i] = (x[i] - dot) / matrix[i][i];
    }
    x
}

/// The exponential by its series: the library's differs between machines in the last bit.
pub(crate) fn exp(x: f64) -> f64 {
    const TERMS: i32 = 14;
    if x < -700.0 {
        return 0.0;
    }
    let x = x.min(700.0);
    // exp(x) = exp(x / 2^10)^(2^10) for |x| up to 700.
    let small = x / 1024.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    for i in 1..=TERMS {
        term *= small / f64::from(i);
        sum += term;
    }
    for _ in 0..10 {
        sum *= sum;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_the_exponential() {
        for i in -600..=600 {
            let x = f64::from(i) / 10.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-12, "{x}");
        }
        assert!(exp(-1e9).abs() < 1e-300);
    }

    #[test]
    fn a_table_of_counts_gives_its_frequencies() {
        // One column: the classes' shares, pulled together a little by the penalty.
        let row = |class| Row {
            columns: vec![0],
            class,
            weight: 1.0,
        };
        let rows: Vec<Row> = [0, 0, 0, 1].into_iter().map(row).collect();
        let weights = fit(&rows, 2, 1, 1e-9);
        let p = softmax(&[weights[0][0], weights[1][0]]);
        assert!((p[0] - 0.75).abs() < 1e-6, "{p:?}");
    }

    #[test]
    fn the_gradient_vanishes_at_the_answer() {
        let row = |columns: &[usize], class| Row {
            columns: columns.to_vec(),
            class,
            weight: 1.0,
        };
        let rows = [
            row(&[0, 2], 0),
            row(&[1, 2], 1),
            row(&[0, 1, 2], 2),
            row(&[2], 0),
            row(&[0, 2], 1),
        ];
        let weights = fit(&rows, 3, 3, 0.5);
        let flat: Vec<f64> = weights.concat();
        let (gradient, _) = derivatives(&rows, &flat, (3, 3), 0.5);
        assert!(gradient.iter().all(|g| g.abs() < 1e-9), "{gradient:?}");
    }
}
